//! Texts and addresses as Brazilian portals have them: what names a person is masked in every one, and nothing else is touched.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use edge::config::{Config, Environment};
use edge::privacy::{Address, Place, cleaned, masked};

struct Line<'a> {
    kind: &'a str,
    sent: &'a str,
    stored: &'a str,
}

fn lines(file: &str) -> Vec<Line<'_>> {
    let line = |line| match str::split(line, '\t').collect::<Vec<_>>()[..] {
        [kind, sent, stored] => Line { kind, sent, stored },
        _ => panic!("three columns: {line}"),
    };
    file.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

fn stored(kind: &str, sent: &str) -> String {
    let config = Config::parse(Environment::default()).unwrap();
    let portal = config.portals.get("g1").unwrap();
    match kind {
        "text" => masked(sent, Place::Text).unwrap_or_else(|| sent.to_owned()),
        "own" => cleaned(sent, Address::Own(portal)),
        "foreign" => cleaned(sent, Address::Foreign),
        "picture" => cleaned(sent, Address::Picture),
        other => panic!("{other} is no kind"),
    }
}

fn check(file: &str, lines_min: usize) {
    let lines = lines(file);
    assert!(lines.len() >= lines_min, "{} lines", lines.len());
    let wrong: Vec<String> = lines
        .iter()
        .filter_map(|Line { kind, sent, stored: expected }| {
            let found = stored(kind, sent);
            // What is masked once stays as it is.
            let again = stored(kind, &found);
            (found != *expected || again != found)
                .then(|| format!("{kind} {sent}\n  is     {found}\n  not    {expected}\n  again  {again}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} lines:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

#[test]
fn what_names_a_person_is_masked() {
    check(include_str!("privacy/personal.tsv"), 120);
}

#[test]
fn what_names_nobody_stays() {
    check(include_str!("privacy/clean.tsv"), 180);
}

/// An ordinary batch has a handful of texts, none of which says anything of its reader.
#[test]
#[ignore = "a measurement: cargo test --release -p edge --test privacy -- --ignored --nocapture"]
fn an_ordinary_batch_costs_little() {
    let texts = [
        ("https://g1.example/economia/noticia/2026/11/22/juros-caem-pela-terceira-vez.ghtml", "own"),
        ("https://www.google.com/", "foreign"),
        ("Juros caem pela terceira vez seguida e Selic vai a 10,25% ao ano", "text"),
        ("economia", "text"),
        ("https://s.g1.example/2026/11/22/juros.jpg", "picture"),
        ("https://g1.example/economia/noticia/2026/11/21/dolar-fecha-em-alta.ghtml", "own"),
        ("leia-tambem", "text"),
        ("/economia/noticia/2026/11/21/dolar-fecha-em-alta.ghtml", "item"),
        ("/politica/noticia/2026/11/21/congresso-vota-orcamento.ghtml", "item"),
        ("share", "text"),
        ("whatsapp", "text"),
    ];
    let config = Config::parse(Environment::default()).unwrap();
    let portal = config.portals.get("g1").unwrap();
    let rounds = 200_000_u32;
    // Processor time of this thread: others may be at work on the machine.
    let used_ns = || -> u64 { std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse().unwrap() };
    let began_ns = used_ns();
    for _ in 0..rounds {
        for (text, kind) in std::hint::black_box(texts) {
            match kind {
                "own" => drop(std::hint::black_box(cleaned(text, Address::Own(portal)))),
                "foreign" => drop(std::hint::black_box(cleaned(text, Address::Foreign))),
                "picture" => drop(std::hint::black_box(cleaned(text, Address::Picture))),
                "item" => drop(std::hint::black_box(masked(text, Place::Path))),
                _ => drop(std::hint::black_box(masked(text, Place::Text))),
            }
        }
    }
    println!("{} ns a batch", (used_ns() - began_ns) / u64::from(rounds));
}

/// `SplitMix64`: the same sequence on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// Texts out of what the search looks at, in no order: none makes it panic, none grows without measure, and around what is masked
/// everything stays. An address that is put into any of them is found, wherever it does not become part of a longer one.
#[test]
fn hostile_texts_do_no_harm() {
    let pieces = "@|=|%|%40|%25|%2|.|-|/| |(|)|+55|11|91234|5678|529|982|247|25|token=|senha|eyJ|AKIA|a|Z9|?|#|&|://|com|br|cpf|tel |5f0c2b7d9e1a4c3b";
    let pieces: Vec<&str> = pieces.split('|').chain(["é", "ç\u{301}", "\u{a0}", "\u{202e}", "\u{1f600}", "\0"]).collect();
    let mut random = Random(7);
    for _ in 0..60_000 {
        let text: String = (0..random.below(14)).map(|_| pieces[random.below(pieces.len())]).collect();
        for place in [Place::Text, Place::Path] {
            let found = masked(&text, place).unwrap_or_else(|| text.clone());
            assert!(found.len() <= text.len() * 8 + 8, "{text:?} became {found:?}");
            let planted = format!("{text} ana@mail.example {text}");
            let found = masked(&planted, place).unwrap_or_else(|| planted.clone());
            assert!(!found.contains("ana@mail.example"), "{planted:?} became {found:?}");
        }
        for address in [Address::Foreign, Address::Picture] {
            let _: String = cleaned(&text, address);
            let found = cleaned(&format!("https://g1.example/{text}"), address);
            assert!(found.starts_with("https://"), "{found:?}");
        }
    }
}
