//! `backend transform`: a file of records becomes a file of interactions.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::args::TransformArgs;
use crate::error::{Error, Result};
use crate::platform::{files, process};
use crate::transform::{Counts, Transform, view_record};

/// Records between two looks at what is old enough to be forgotten.
const TRIM_EVERY: u64 = 10_000;
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    counts: &'a Counts,
    interactions_by_kind: BTreeMap<&'static str, u64>,
    pageviews_held: usize,
    peak_rss_kib: Option<u64>,
}

/// Transforms the file; says on standard error what was counted. A record's time of arrival is that at the edge.
///
/// # Errors
/// A portal that is not listed, a file that cannot be read or written.
pub(crate) fn run(args: &TransformArgs) -> Result<()> {
    let portals = files::read_portals(&args.portals)?;
    let portal = portals.get(&args.portal).ok_or_else(|| Error::UnknownPortal { portal: args.portal.clone() })?;
    let mut transform = Transform::new(portal.clone(), false);
    let unusable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    let is_std = |path: &Path| path.as_os_str() == "-";
    let input: Box<dyn BufRead> = if is_std(&args.input) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, File::open(&args.input).map_err(unusable(&args.input))?))
    };
    let output: Box<dyn Write> = if is_std(&args.output) {
        Box::new(io::stdout().lock())
    } else {
        Box::new(File::create(&args.output).map_err(unusable(&args.output))?)
    };
    let interactions_by_kind =
        read(&mut transform, input, BufWriter::with_capacity(BUFFER_BYTES, output)).map_err(unusable(&args.input))?;
    let report = Report {
        counts: &transform.totals.counts,
        interactions_by_kind,
        pageviews_held: transform.pageviews.len(),
        peak_rss_kib: process::peak_rss_kib(),
    };
    // For programs, so not through the log.
    let _ = writeln!(io::stderr(), "{}", serde_json::to_string(&report).unwrap_or_default());
    Ok(())
}

fn read(transform: &mut Transform, mut input: impl BufRead, mut output: impl Write) -> io::Result<BTreeMap<&'static str, u64>> {
    let mut by_kind = BTreeMap::new();
    let portal = transform.portal().clone();
    let (mut line, mut made, mut count) = (Vec::new(), Vec::<wire::Interaction>::new(), 0_u64);
    while input.read_until(b'\n', &mut line)? > 0 {
        match view_record(&line, &portal) {
            Ok(envelope) => transform.apply(&envelope, envelope.edge.received_at_ms, &mut made),
            Err(_) => transform.totals.counts.poison += 1,
        }
        for interaction in made.drain(..) {
            *by_kind.entry(interaction.kind.as_str()).or_default() += 1;
            serde_json::to_writer(&mut output, &interaction)?;
            output.write_all(b"\n")?;
        }
        line.clear();
        count += 1;
        if count.is_multiple_of(TRIM_EVERY) {
            // Nothing is written anywhere: what is too old just goes.
            transform.pageviews.drain_dirty(|_, _| {});
            transform.visitors.drain_dirty(|_, _| {});
            transform.trim(usize::MAX, usize::MAX);
        }
    }
    output.flush()?;
    Ok(by_kind)
}
