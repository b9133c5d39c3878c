//! Whether CloudWatch has what happened, and whether alarms and dashboards name metrics that somebody publishes.

use std::process::Command;

use anyhow::Result;

use crate::{pack, paths, run};

/// Starts ministack, an edge that only takes publications, and the backend, on this port and the three after it. boto3 reads the figures back.
pub(crate) fn check(port: u16) -> Result<()> {
    let mut oracle = Command::new(paths::python());
    oracle
        .arg(paths::at("tests/oracle/cloudwatch.py"))
        .arg("--backend")
        .arg(pack::native_program("backend"))
        .args(["--port", &port.to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run::shown("tests/oracle/cloudwatch.py", &mut oracle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use wire::metric::{METRICS, NAMESPACE, find};

    use super::*;

    /// What a template says of a metric of ours: the lines of one block, in which `Namespace: Pulso` stands, with `StageName` below.
    #[derive(Debug)]
    struct Named {
        line: usize,
        metric: String,
        stage: String,
    }

    /// Reads no YAML, for `!Ref` is none: blocks of lines of one depth are enough. Values that a parameter makes are left out (`${Stage}`).
    fn named(text: &str) -> Vec<Named> {
        let lines: Vec<(usize, &str)> = text.lines().map(|line| (line.len() - line.trim_start().len(), line.trim())).collect();
        let mut found = Vec::new();
        for (at, (depth, line)) in lines.iter().enumerate() {
            if value(line, "Namespace") != Some(NAMESPACE) {
                continue;
            }
            let is_outside = |(other, text): &(usize, &str)| other < depth && !text.is_empty();
            let begin = lines[..at].iter().rposition(is_outside).map_or(0, |above| above + 1);
            let end = lines[at..].iter().position(is_outside).map_or(lines.len(), |below| at + below);
            let block = &lines[begin..end];
            let metric = block.iter().find_map(|(other, line)| value(line, "MetricName").filter(|_| other == depth));
            let texts: Vec<_> = block.iter().map(|(_, line)| *line).collect();
            let one = Named { line: at + 1, metric: metric.unwrap_or_default().to_owned(), stage: stage(&texts).unwrap_or_default() };
            found.push(one);
        }
        found
    }

    fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
        let line = line.trim_start_matches("- ");
        Some(line.strip_prefix(key)?.strip_prefix(':')?.trim().trim_matches(['"', '\'']))
    }

    /// `{Name: StageName, Value: x}` or the same in two lines.
    fn stage(lines: &[&str]) -> Option<String> {
        let at = lines.iter().position(|line| line.contains("StageName"))?;
        let rest = lines[at].split_once("StageName")?.1;
        let own = rest.split_once("Value:").map(|(_, value)| value.split(['}', ',']).next().unwrap_or_default());
        let next = lines.get(at + 1).and_then(|line| value(line, "Value"));
        own.or(next).map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
    }

    /// What a dashboard searches: `MetricName="X"`, and `StageName="y"` when it says so.
    fn searched(text: &str) -> Vec<Named> {
        let quoted = |line: &str, key: &str| {
            let rest = line.split_once(&format!("{key}=\\\""))?.1;
            Some(rest.split_once('\\')?.0.to_owned())
        };
        let of_line = |(at, line): (usize, &str)| {
            let is_ours = line.contains(&format!("{{{NAMESPACE},"));
            let metric = quoted(line, "MetricName").filter(|_| is_ours)?;
            Some(Named { line: at + 1, metric, stage: quoted(line, "StageName").unwrap_or_default() })
        };
        text.lines().enumerate().filter_map(of_line).collect()
    }

    fn is_published(named: &Named) -> bool {
        let is_made = |text: &str| text.contains("${") || text.starts_with('!');
        let is_known = if named.stage.is_empty() {
            METRICS.iter().any(|metric| metric.name == named.metric)
        } else {
            find(&named.metric, &named.stage).is_some()
        };
        is_made(&named.metric) || is_made(&named.stage) || is_known
    }

    #[test]
    fn a_metric_is_read_from_both_ways_to_write_it() {
        let text = "\
  One:
    Properties:
      Namespace: Pulso
      MetricName: RecordsIn
      Dimensions:
        - {Name: StageName, Value: transform}
        - {Name: Portal, Value: !Ref Portal}
  Two:
    Properties:
      MetricName: ModelAge
      Dimensions:
        - Name: StageName
          Value: publish
      Namespace: \"Pulso\"
  Three:
    Properties:
      Namespace: AWS/Kinesis
      MetricName: WriteProvisionedThroughputExceeded
";
        let found: BTreeMap<_, _> = named(text).into_iter().map(|named| (named.metric, named.stage)).collect();
        let pair = |metric: &str, stage: &str| (metric.to_owned(), stage.to_owned());
        assert_eq!(found, BTreeMap::from([pair("RecordsIn", "transform"), pair("ModelAge", "publish")]));
    }

    #[test]
    fn a_search_of_a_dashboard_is_read() {
        let text = r#"[{"expression": "SEARCH('{Pulso,Portal,StageName} MetricName=\"Lost\" StageName=\"stream\"', 'Average', 60)"}]]}},
            [{"expression": "SEARCH('{Pulso,StageName} MetricName=\"Heartbeats\"', 'Sum', 60)"}]]}},
            [{"expression": "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"Errors\" pulso', 'Sum', 60)"}]]}}"#;
        let found: Vec<_> = searched(text).iter().map(|named| (named.metric.clone(), named.stage.clone(), is_published(named))).collect();
        assert_eq!(found, [("Lost".to_owned(), "stream".to_owned(), true), ("Heartbeats".to_owned(), String::new(), false)]);
    }

    #[test]
    fn every_metric_that_a_template_names_is_published() {
        let Ok(folder) = fs::read_dir(paths::at("backend/infra")) else { return };
        let (mut unknown, mut count) = (Vec::new(), 0);
        for entry in folder.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            // An alarm without a stage watches nothing: nobody publishes without one.
            let alarms = named(&text).into_iter().map(|one| (!one.stage.is_empty() && is_published(&one), one));
            let searches = searched(&text).into_iter().map(|one| (is_published(&one), one));
            for (is_known, Named { line, metric, stage }) in alarms.chain(searches) {
                count += 1;
                if !is_known {
                    unknown.push(format!("{}:{line}: nobody publishes {metric:?} of {stage:?}", path.display()));
                }
            }
        }
        println!("{count} metrics named");
        assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    }
}
