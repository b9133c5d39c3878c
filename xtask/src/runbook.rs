//! Whether alarms, their runbook and the table of faults agree: who is woken at night must not read of an alarm that is none.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::{alarms, paths};

/// The templates with Pulso's alarms.
const TEMPLATES: [&str; 3] = ["backend/infra/alarms.yaml", "backend/infra/alarms-portal.yaml", "backend/infra/alarms-portal-late.yaml"];
const RUNBOOK: &str = "backend/infra/RUNBOOK.md";
/// Longest description that CloudWatch takes (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).
const DESCRIPTION_MAX: usize = 1_024;
/// What stands in the place of a parameter may be so long: a runbook's address.
const PARAMETER_MAX: usize = 120;

/// An alarm of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alarm {
    /// Without `pulso-` and portal.
    name: String,
    description: String,
}

/// Reads the files and compares them.
pub(crate) fn check() -> Result<()> {
    let read = |file: &str| std::fs::read_to_string(paths::at(file));
    let mut alarms = Vec::new();
    for file in TEMPLATES {
        alarms.extend(alarms_of(&read(file)?));
    }
    let wrongs = wrongs(&alarms, &read(RUNBOOK)?, &shown()?);
    ensure!(wrongs.is_empty(), "{RUNBOOK}:\n  {}", wrongs.join("\n  "));
    Ok(())
}

/// Alarms that a round makes fire, without `pulso-` and portal.
fn shown() -> Result<BTreeSet<String>> {
    let bare = |name: &str| {
        let name = name.trim_start_matches("pulso-");
        name.strip_prefix("g1-").or_else(|| name.strip_prefix("ge-")).unwrap_or(name).to_owned()
    };
    Ok(alarms::shown()?.into_iter().map(bare).collect())
}

/// Alarms in the order of a template, whose blocks begin with `AlarmName`, `AlarmDescription`.
fn alarms_of(template: &str) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    let mut is_description = false;
    for line in template.lines() {
        if let Some((_, name)) = line.split_once("AlarmName:") {
            let name = name.trim().trim_start_matches("!Sub ").trim_start_matches("pulso-").trim_start_matches("${Portal}-");
            alarms.push(Alarm { name: name.to_owned(), description: String::new() });
        } else if line.contains("AlarmDescription:") {
            is_description = true;
        } else if !line.starts_with("        ") {
            is_description = false;
        } else if let Some(alarm) = alarms.last_mut().filter(|_| is_description) {
            alarm.description.push_str(line.trim());
            alarm.description.push(' ');
        }
    }
    alarms
}

fn wrongs(alarms: &[Alarm], runbook: &str, shown: &BTreeSet<String>) -> Vec<String> {
    let mut wrongs = Vec::new();
    let headings: Vec<&str> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ")).filter(|heading| !heading.contains(' ')).collect();
    for Alarm { name, description } in alarms {
        if !headings.contains(&name.as_str()) {
            wrongs.push(format!("has no entry `## {name}`"));
        }
        if !description.trim_end().ends_with(&format!("${{RunbookUrl}}#{name}")) {
            wrongs.push(format!("the description of {name} does not end with its link"));
        }
        let length = description.len() + description.matches("${").count() * PARAMETER_MAX;
        if length > DESCRIPTION_MAX {
            wrongs.push(format!("the description of {name} may become {length} characters long"));
        }
        if !table(runbook).any(|row| row.alarms.contains(&name.as_str())) {
            wrongs.push(format!("no fault of the table fires {name}"));
        }
    }
    let is_alarm = |name: &str| alarms.iter().any(|alarm| alarm.name == name);
    wrongs.extend(headings.iter().filter(|heading| !is_alarm(heading)).map(|heading| format!("`## {heading}` is no alarm")));
    for row in table(runbook) {
        if row.alarms.is_empty() && !row.said.starts_with("none") {
            wrongs.push(format!("row {} names no alarm, and does not say none", row.number));
        }
        wrongs.extend(
            row.alarms.iter().filter(|name| !is_alarm(name)).map(|name| format!("row {} names {name}, which is no alarm", row.number)),
        );
        let missed = row.alarms.iter().filter(|name| row.is_shown && **name != "no-records" && !shown.contains(**name));
        wrongs.extend(missed.map(|name| format!("row {}: nothing in cargo xtask alarms fires {name}", row.number)));
    }
    wrongs
}

/// A row of the table of faults.
struct Row<'a> {
    number: &'a str,
    said: &'a str,
    alarms: Vec<&'a str>,
    is_shown: bool,
}

fn table(runbook: &str) -> impl Iterator<Item = Row<'_>> {
    let rows = runbook.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row "));
    rows.filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (number, _fault, said, shown) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let alarms = said.split('`').skip(1).step_by(2).collect();
        Some(Row { number, said, alarms, is_shown: !shown.starts_with("no") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "  Backlog:\n    Properties:\n      AlarmName: !Sub pulso-${Portal}-backlog\n      AlarmDescription: !Sub >-\n        Too\n        many. ${RunbookUrl}#backlog\n      Namespace: Pulso\n";
    const GOOD: &str = "| row | fault | alarms | shown |\n|---|---|---|---|\n| 1 | x | `backlog` | by the fault |\n| 2 | y | none | no |\n\n## Faults and\n\n## backlog\n";

    fn found(template: &str, runbook: &str, shown: &[&str]) -> Vec<String> {
        wrongs(&alarms_of(template), runbook, &shown.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn what_agrees_is_right() {
        assert_eq!(alarms_of(TEMPLATE), [Alarm { name: "backlog".to_owned(), description: "Too many. ${RunbookUrl}#backlog ".to_owned() }]);
        assert_eq!(found(TEMPLATE, GOOD, &["backlog"]), Vec::<String>::new());
    }

    #[test]
    fn each_disagreement_is_named() {
        let long = TEMPLATE.replacen("Too", &"too ".repeat(300), 1);
        for (template, runbook, shown, expected) in [
            (TEMPLATE, GOOD.replace("## backlog", "## back"), vec!["backlog"], "has no entry `## backlog`"),
            (TEMPLATE, GOOD.replace("## backlog", "## back"), vec!["backlog"], "`## back` is no alarm"),
            (&TEMPLATE.replace("#backlog", "#other"), GOOD.to_owned(), vec!["backlog"], "does not end with its link"),
            (&long, GOOD.to_owned(), vec!["backlog"], "characters long"),
            (TEMPLATE, GOOD.replace("`backlog`", "`other`"), vec!["backlog"], "names other, which is no alarm"),
            (TEMPLATE, GOOD.replace("`backlog`", "`other`"), vec!["backlog"], "no fault of the table fires backlog"),
            (TEMPLATE, GOOD.replace("| none |", "|  |"), vec!["backlog"], "row 2 names no alarm"),
            (TEMPLATE, GOOD.to_owned(), vec![], "nothing in cargo xtask alarms fires backlog"),
        ] {
            let found = found(template, &runbook, &shown);
            assert!(found.iter().any(|wrong| wrong.contains(expected)), "wanted {expected}, got {found:?}");
        }
    }

    #[test]
    fn the_files_of_the_project_agree() {
        check().unwrap();
    }
}
