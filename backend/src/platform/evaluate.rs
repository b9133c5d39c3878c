//! `backend evaluate --lockstep`: a line in, a line out.

use std::io::{self, BufRead as _, Write as _};

use crate::error::{Error, Result};
use crate::evaluate::{EvaluateArgs, Lockstep};

/// Answers each line before it reads the next. A line that is no click is answered with an empty line, and named on standard error.
///
/// # Errors
/// Standard input or output cannot be used.
pub(crate) fn run(args: &EvaluateArgs) -> Result<()> {
    let unusable = |source| Error::Pipe { source };
    let mut lockstep = Lockstep::new(args).map_err(|why| Error::Evaluate { why })?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let (mut line, mut number) = (String::new(), 0_u64);
    while input.read_line(&mut line).map_err(unusable)? > 0 {
        number += 1;
        let answer = lockstep.answer(&line).unwrap_or_else(|why| {
            tracing::warn!(line = number, "{why}");
            String::new()
        });
        let sent = writeln!(output, "{answer}").and_then(|()| output.flush());
        match sent {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            sent => sent.map_err(unusable)?,
        }
        line.clear();
    }
    Ok(())
}
