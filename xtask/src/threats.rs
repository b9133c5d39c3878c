//! Whether the tests that SECURITY.md names are there: a table of threats rots faster than code.

use anyhow::{Result, ensure};

use crate::paths;

/// Rows of the table.
const ROWS: usize = 24;
/// How a row says that nothing shows it.
const NOT_SHOWN: &str = "Not shown: ";

/// Looks up every test that the table names.
pub(crate) fn check() -> Result<()> {
    let table = std::fs::read_to_string(paths::at("SECURITY.md"))?;
    let wrongs = wrongs(&table, |file| std::fs::read_to_string(paths::at(file)).ok());
    ensure!(wrongs.is_empty(), "SECURITY.md:\n  {}", wrongs.join("\n  "));
    Ok(())
}

fn wrongs(table: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows: Vec<Vec<&str>> = table.lines().filter(|line| line.starts_with("| ")).map(|line| line.split(" | ").collect()).collect();
    let rows: Vec<&Vec<&str>> = rows.iter().filter(|cells| number(cells).is_some()).collect();
    let mut wrongs = Vec::new();
    let numbers: Vec<usize> = rows.iter().filter_map(|cells| number(cells)).collect();
    if numbers != (1..=ROWS).collect::<Vec<_>>() {
        wrongs.push(format!("has rows {numbers:?}, not 1 to {ROWS}"));
    }
    for cells in rows {
        let row = cells.first().map_or("", |cell| cell.trim_start_matches("| "));
        let shown = cells.get(3).copied().unwrap_or_default();
        let named = named(shown);
        let is_silent = named.is_empty() && !cells.get(2).is_some_and(|does| does.contains(NOT_SHOWN));
        if is_silent {
            wrongs.push(format!("row {row} names no test, and does not say that it is not shown"));
        }
        for (file, test) in named {
            match read(file) {
                None => wrongs.push(format!("row {row}: there is no {file}")),
                Some(text) if !has(&text, test) => wrongs.push(format!("row {row}: {file} has no {test}")),
                Some(_) => {}
            }
        }
    }
    wrongs
}

fn number(cells: &[&str]) -> Option<usize> {
    cells.first()?.trim_start_matches("| ").trim().parse().ok()
}

/// File and test of everything in backquotes: a file holds for the tests behind it.
fn named(cell: &str) -> Vec<(&str, &str)> {
    let mut file = "";
    let mut named = Vec::new();
    for word in cell.split('`').skip(1).step_by(2) {
        if word.contains('/') && !word.contains(' ') {
            file = word;
        } else {
            named.push((file, word));
        }
    }
    named
}

/// As the languages of the tests begin one.
fn has(text: &str, name: &str) -> bool {
    [format!("fn {name}("), format!("def {name}("), format!("const {name}:"), format!("(\"{name}\""), format!("name: \"{name}\"")]
        .iter()
        .any(|beginning| text.contains(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_that_the_table_names_is_there() {
        check().unwrap();
    }

    #[test]
    fn what_is_missing_is_named() {
        let row = |number: usize, does: &str, shown: &str| format!("| {number} | threat | {does} | {shown} |\n");
        let good: String = (1..=ROWS).map(|n| row(n, "does", "`a/b.rs` `one`, `two`; `c/d.py` `test_x`")).collect();
        let read = |file: &str| match file {
            "a/b.rs" => Some("fn one() {}\n    fn two() {".to_owned()),
            "c/d.py" => Some("def test_x(self):".to_owned()),
            _ => None,
        };
        assert_eq!(wrongs(&good, read), Vec::<String>::new());
        for (from, to, expected) in [
            ("`two`", "`tw`", "row 1: a/b.rs has no tw"),
            ("`c/d.py`", "`c/e.py`", "row 1: there is no c/e.py"),
            ("`a/b.rs` `one`, `two`; `c/d.py` `test_x`", "", "row 1 names no test, and does not say that it is not shown"),
            ("| 1 |", "| 25 |", "has rows [25, 2,"),
        ] {
            let found = wrongs(&good.replacen(from, to, 1), read);
            assert!(found.iter().any(|wrong| wrong.starts_with(expected)), "wanted {expected}, got {found:?}");
        }
        assert_eq!(
            wrongs(&good.replacen(&row(1, "does", "`a/b.rs` `one`, `two`; `c/d.py` `test_x`"), &row(1, "Not shown: why", ""), 1), read),
            Vec::<String>::new()
        );
    }
}
