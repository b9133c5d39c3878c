//! Tables whose columns line up in a terminal and in Markdown alike.

/// Rows under a head; the first column is text, the others are figures.
#[derive(Debug)]
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    pub(crate) fn new<'a>(head: impl IntoIterator<Item = &'a str>) -> Self {
        Self(vec![head.into_iter().map(str::to_owned).collect()])
    }

    /// As many cells as the head has.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.0.first().map_or(0, Vec::len);
        let width = |column: usize| self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (at, row) in self.0.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let (open, width) = (if column == 0 { "| " } else { " " }, *width);
                if column == 0 {
                    write!(out, "{open}{cell:<width$} |")?;
                } else {
                    write!(out, "{open}{cell:>width$} |")?;
                }
            }
            writeln!(out)?;
            if at == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(*width);
                    if column == 0 { write!(out, "|-{dashes}-|")? } else { write!(out, "{dashes}-:|")? }
                }
                writeln!(out)?;
            }
        }
        Ok(())
    }
}

/// A share with three digits, as papers give it.
pub(crate) fn share(value: f64) -> String {
    format!("{value:.3}").trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["who", "HR"]);
        table.row(["sequential rules".to_owned(), share(0.4771)]);
        table.row(["é".to_owned(), share(1.0)]);
        let wanted =
            "| who              |    HR |\n|------------------|------:|\n| sequential rules |  .477 |\n| é                | 1.000 |\n";
        assert_eq!(table.to_string(), wanted);
    }
}
