//! What lists are made of: the model of a real click log's end, cards, and the requests of its last day.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use wire::{CARDS_MAX, Card, Cards, Item};

use super::super::recommender;
use super::variants;
use crate::{paths, run};

/// Requests that are asked by turns: enough that no two in a row are alike, few enough to be read by a person.
const REQUESTS_MAX: usize = 2_000;
/// Articles of an answer.
const LIMIT: usize = 10;

/// `model`, `cards` and `paths.txt` beside the workers; made once.
pub(super) fn ensure(clicks: &Path) -> Result<()> {
    let folder = paths::at("target/bench");
    let [blob, requests] = ["recommender.blob", "recommender-requests.tsv"].map(|name| folder.join(name));
    if !blob.is_file() || !requests.is_file() {
        recommender::learn_once(&backend()?, clicks)?;
    }
    let requests = fs::read_to_string(&requests)?;
    let out = variants::folder();
    fs::create_dir_all(&out)?;
    fs::copy(&blob, out.join("model")).with_context(|| format!("{} is missing", blob.display()))?;
    fs::write(out.join("cards"), serde_json::to_vec(&cards(&requests))?)?;
    let lines = requests.lines().count();
    let nth = lines.div_ceil(REQUESTS_MAX).max(1);
    let asked: Vec<String> = requests.lines().step_by(nth).filter_map(path).collect();
    ensure!(asked.len() > 1, "{lines} requests are too few");
    Ok(fs::write(out.join("paths.txt"), asked.join("\n"))?)
}

/// Any that is optimised.
fn backend() -> Result<PathBuf> {
    let shipped = paths::at("target/release/backend");
    if shipped.is_file() {
        return Ok(shipped);
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--profile", "quick", "--package", "backend"]).current_dir(paths::root());
    run::logged("build backend", &mut cargo, 330)?;
    Ok(paths::at("target/quick/backend"))
}

/// The path of a line `at_ms item read …`, separated by tabs; `read` has blanks between its articles.
fn path(line: &str) -> Option<String> {
    let mut fields = line.split('\t').skip(1);
    let (item, read) = (fields.next()?, fields.next()?.replace(' ', ","));
    let read = if read.is_empty() { String::new() } else { format!("&read={read}") };
    Some(format!("/recommendations?portal=g1&item={item}{read}&limit={LIMIT}"))
}

/// Cards of the usual length for what is read most; the backend publishes as many.
fn cards(requests: &str) -> Cards {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for line in requests.lines() {
        let mut fields = line.split('\t').skip(1).take(2);
        for item in fields.by_ref().flat_map(|field| field.split(' ')).filter(|item| !item.is_empty()) {
            *counts.entry(item).or_default() += 1;
        }
    }
    let mut items: Vec<(&str, u32)> = counts.into_iter().collect();
    items.sort_by_key(|(item, count)| (std::cmp::Reverse(*count), *item));
    let card = |item: &str| Card {
        url: format!("https://g1.example/economia/noticia/2026/11/23{item}.ghtml"),
        title: format!("O que se sabe até agora sobre o assunto mais lido da hora, número {item}"),
        image: Some(format!("https://s2.g1.example/imagens/2026/11/23{item}/620x413.jpg")),
        section: Some("economia".to_owned()),
        published_at_ms: None,
    };
    let cards: BTreeMap<Item, Card> = items.iter().take(CARDS_MAX).filter_map(|(item, _)| Some((Item::parse(item)?, card(item)))).collect();
    Cards { v: 1, cards }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: &str =
        "1790737197872\t/7\t/8 /9\tchrome\tmobile\tandroid\tBR\tSP\tsearch\n1790737197873\t/9\t\tchrome\tmobile\tandroid\tBR\tSP\tdirect";

    #[test]
    fn a_request_of_the_log_becomes_a_path() {
        let paths: Vec<String> = REQUESTS.lines().filter_map(path).collect();
        assert_eq!(paths, ["/recommendations?portal=g1&item=/7&read=/8,/9&limit=10", "/recommendations?portal=g1&item=/9&limit=10"]);
    }

    #[test]
    fn every_article_of_a_request_has_a_card() {
        let cards = cards(REQUESTS);
        assert_eq!(cards.cards.keys().map(Item::as_str).collect::<Vec<_>>(), ["/7", "/8", "/9"]);
    }
}
