//! What pages of a log would ask the edge.

use std::collections::HashMap;

use wire::Item;

use super::line::Line;

/// What a page sends in `read`, besides itself.
const READ_MAX: usize = 5;
/// One click in so many becomes a request: a day of a large portal has 200,000, and a measurement needs some 20,000.
const NTH: u64 = 10;

/// What each session has read: a page keeps it itself.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    sessions: HashMap<Box<str>, Vec<Item>>,
}

impl Readings {
    /// A page was opened; what its `read` says: what the session has read besides, latest last.
    pub(crate) fn open(&mut self, session: &str, item: &Item) -> Vec<Item> {
        let read = self.sessions.entry(session.into()).or_default();
        read.retain(|known| known != item);
        let besides = read.clone();
        read.push(item.clone());
        read.drain(..read.len().saturating_sub(READ_MAX));
        besides
    }
}

/// Makes requests of clicks.
#[derive(Debug)]
pub(crate) struct Requests {
    readings: Readings,
    since_ms: u64,
    clicks: u64,
}

impl Requests {
    /// Those from this moment on.
    pub(crate) fn new(since_ms: u64) -> Self {
        Self { readings: Readings::default(), since_ms, clicks: 0 }
    }

    /// The requests of some clicks, a line each.
    ///
    /// # Errors
    /// A sentence that says what is wrong with a line.
    pub(crate) fn of(&mut self, clicks: &str) -> Result<String, String> {
        let mut lines = String::new();
        for line in clicks.lines() {
            let line = Line::parse(line)?;
            let read = self.readings.open(line.session, &line.item);
            if line.at_ms < self.since_ms {
                continue;
            }
            if self.clicks.is_multiple_of(NTH) {
                let read: Vec<&str> = read.iter().map(Item::as_str).collect();
                let context = line.context();
                let (at_ms, item) = (line.at_ms.to_string(), line.item.as_str());
                let fields = [
                    &at_ms,
                    item,
                    &read.join(" "),
                    context.browser,
                    context.device,
                    context.os,
                    context.country,
                    context.region,
                    context.source,
                ];
                lines.push_str(&fields.join("\t"));
                lines.push('\n');
            }
            self.clicks += 1;
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_what_was_read_before_without_the_page_itself() {
        let mut requests = Requests::new(8);
        let before: Vec<String> = (1..8).map(|n| format!("{n}\ts\t{n}\n")).collect();
        assert_eq!(requests.of(&before.concat()).unwrap(), "");
        let asked = requests.of("8\ts\t5\tv\t4\t3\t2\t1\t21\t1\n").unwrap();
        assert_eq!(asked, "8\t/5\t/3 /4 /6 /7\t4\t3\t2\t1\t21\tdirect\n");
    }

    #[test]
    fn one_click_in_ten_is_a_request() {
        let clicks: Vec<String> = (0..25).map(|n| format!("{n}\ts{n}\ta\n")).collect();
        assert_eq!(Requests::new(0).of(&clicks.concat()).unwrap().lines().count(), 3);
    }
}
