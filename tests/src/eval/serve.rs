//! A baseline behind the lines of the interface: as a subject it has to come to the very figures that it has in process.

use std::io::{BufRead, Write};

use anyhow::{Context, Result};

use crate::click::{CONTEXT_LEN, Click, ItemId, SessionId};
use crate::log::Numbers;
use crate::recommender::Recommender;
use crate::sessions::Sessions;

/// Answers until the input ends.
pub(crate) fn serve(recommender: &mut dyn Recommender, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let (mut items, mut sessions, mut visitors) = (Numbers::default(), Numbers::default(), Numbers::default());
    let mut names: Vec<String> = Vec::new();
    let (mut histories, mut list) = (Sessions::default(), Vec::new());
    for (number, line) in input.lines().enumerate() {
        let line = line?;
        let mut fields = line.split('\t');
        let mut field = |name: &str| fields.next().with_context(|| format!("line {}: no {name}", number + 1));
        let at_ms = field("at_ms")?.parse().with_context(|| format!("line {}: at_ms is no number", number + 1))?;
        let session = SessionId(sessions.of(field("session")?));
        let name = field("item")?;
        let item = ItemId(items.of(name));
        if usize::try_from(item.0).is_ok_and(|at| at == names.len()) {
            names.push(name.to_owned());
        }
        let visitor = visitors.of(fields.next().unwrap_or_default());
        let click = Click { at_ms, session, item, visitor, context: [0; CONTEXT_LEN] };
        let history = histories.open(&click);
        recommender.learn(&click, history);
        recommender.recommend(&click, history, &mut list);
        let shown: Vec<&str> = list.iter().filter_map(|item| names.get(usize::try_from(item.0).ok()?)).map(String::as_str).collect();
        writeln!(output, "{}", shown.join(" "))?;
        output.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::Baseline;

    /// Names what it learnt last, read or not.
    struct Echo(Vec<ItemId>);

    impl Recommender for Echo {
        fn learn(&mut self, click: &Click, _history: &[ItemId]) {
            self.0 = vec![click.item];
        }

        fn recommend(&mut self, _click: &Click, _history: &[ItemId], list: &mut Vec<ItemId>) {
            list.clone_from(&self.0);
        }
    }

    #[test]
    fn a_click_is_learnt_before_it_is_answered() {
        let mut output = Vec::new();
        serve(&mut Echo(Vec::new()), "1\ts\tx\n2\tt\ty\n".as_bytes(), &mut output).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "x\ny\n");
    }

    #[test]
    fn names_are_arbitrary_and_fields_after_the_item_may_be_absent() {
        let mut output = Vec::new();
        let lines = "1\ts\t/a.ghtml\n2\ts\t/b.ghtml\tv\t1\n3\tt\t/a.ghtml\n";
        serve(&mut *Baseline::Sr.make(), lines.as_bytes(), &mut output).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "\n\n/b.ghtml\n");
    }
}
