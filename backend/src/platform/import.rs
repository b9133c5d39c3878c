//! `backend import`: a portal's own catalogue, from a news sitemap or a JSON file, to the edge.

use std::io::Read as _;
use std::path::Path;

use wire::{CATALOGUE_BYTES_MAX, Catalogue, Portal};

use crate::args::ImportArgs;
use crate::error::{Error, Result};
use crate::platform::admin::Admin;
use crate::platform::{files, print_line};
use crate::sitemap::{self, FILE_BYTES_MAX, Found};

/// Imports one file.
///
/// # Errors
/// A file that is no catalogue or has nothing of use, and an edge that does not take it.
pub(crate) async fn run(args: &ImportArgs) -> Result<()> {
    let portals = files::read_portals(&args.common.portals)?;
    let portal = portals.get(&args.portal).ok_or_else(|| Error::UnknownPortal { portal: args.portal.clone() })?;
    if !args.common.admin_secret.is_given() {
        return Err(Error::MissingOption { name: "PULSO_ADMIN_SECRET" });
    }
    let admin = Admin::new(&args.common.edge_url, Some(args.common.admin_secret.clone()))?;
    let found = found(args, portal)?;
    for problem in &found.problems {
        tracing::warn!("{problem}");
    }
    if found.more_problems > 0 {
        tracing::warn!("and {} more of these", found.more_problems);
    }
    let (read, problems) = (found.items.len(), found.problems.len() + found.more_problems);
    if read == 0 {
        return Err(Error::Import { why: "not one entry can be used: see the lines above".to_owned() });
    }
    let edge = |why| Error::Import { why };
    let before = match admin.get(portal.id.as_str(), "items").await.map_err(edge)? {
        Some(bytes) => {
            Catalogue::parse(&bytes).map_err(|error| Error::Import { why: format!("what the edge has is no catalogue: {error}") })?
        }
        None => Catalogue::default(),
    };
    let known = before.items.len();
    let (catalogue, dropped) = sitemap::merged(before, found.items, args.unpublish_missing);
    let unpublished = catalogue.items.values().filter(|article| article.unpublished).count();
    admin.put(portal.id.as_str(), "items", &catalogue).await.map_err(edge)?;
    print_line(&format!(
        "{}: {read} articles read, {problems} problems; {} published before, {} now, of which {unpublished} are not recommended{}",
        portal.id,
        known,
        catalogue.items.len(),
        if dropped > 0 { format!("; the {dropped} oldest had no room") } else { String::new() },
    ));
    Ok(())
}

fn found(args: &ImportArgs, portal: &Portal) -> Result<Found> {
    let refused = |path: &Path, why: String| Error::Import { why: format!("{}: {why}", path.display()) };
    match (&args.sitemap, &args.json) {
        (Some(path), _) => {
            let bytes = read(path, FILE_BYTES_MAX)?;
            sitemap::read(&bytes, portal, args.dev).map_err(|why| refused(path, why))
        }
        (None, Some(path)) => {
            let catalogue = Catalogue::parse(&read(path, CATALOGUE_BYTES_MAX)?).map_err(|error| refused(path, error.to_string()))?;
            Ok(sitemap::owned(catalogue, portal, args.dev))
        }
        (None, None) => Err(Error::MissingOption { name: "--sitemap or --json" }),
    }
}

/// One byte more than may be, so that whoever looks sees that it is too much.
fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>> {
    let unusable = |source| Error::File { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unusable)?;
    let mut bytes = Vec::new();
    file.take(u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut bytes).map_err(unusable)?;
    Ok(bytes)
}
