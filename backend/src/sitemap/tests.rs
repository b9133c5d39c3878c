//! Sitemaps as portals write them, and as somebody else might.

use wire::Portals;

use super::*;

fn g1() -> Portal {
    let portals: Portals = toml::from_str(include_str!("../../../portals.toml")).unwrap();
    portals.get("g1").unwrap().clone()
}

fn sitemap(entries: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:news=\"http://www.google.com/schemas/sitemap-news/0.9\">\n{entries}\n</urlset>\n"
    )
}

fn entry(address: &str, title: &str) -> String {
    format!("<url><loc>{address}</loc><news:news><news:title>{title}</news:title></news:news></url>\n")
}

fn found(entries: &str) -> Found {
    read(sitemap(entries).as_bytes(), &g1(), false).unwrap()
}

#[test]
fn a_news_sitemap_becomes_a_catalogue() {
    let found = found(
        "<url>\n <loc>https://g1.example/economia/juros.ghtml#topo</loc>\n <news:news>\n  <news:publication><news:name>g1</news:name>\
         <news:language>pt</news:language></news:publication>\n  <news:publication_date>2026-11-23T06:00:00-03:00</news:publication_date>\n  \
         <news:title>Juros &amp; c&#226;mbio <![CDATA[<caem>]]></news:title>\n </news:news>\n <image:image>\n  <image:loc>\
         https://s.g1.example/j.jpg\n</image:loc></image:image>\n <image:image><image:loc>https://s.g1.example/k.jpg</image:loc></image:image>\n</url>",
    );
    assert_eq!((found.problems.as_slice(), found.more_problems), (&[][..], 0));
    let article = &found.items[&Item::parse("/economia/juros.ghtml").unwrap()];
    assert_eq!((article.url.as_str(), article.title.as_str()), ("https://g1.example/economia/juros.ghtml", "Juros & câmbio <caem>"));
    assert_eq!((article.image.as_deref(), article.published_at_ms), (Some("https://s.g1.example/j.jpg"), Some(1_795_424_400_000)));
}

#[test]
fn a_bad_entry_costs_only_itself_and_is_named_with_its_line() {
    let found = found(&[
        entry("https://g1.example/a", "A"),
        entry("https://evil.example/b", "B"),
        entry("https://g1.example/c", ""),
        entry("javascript:alert(1)", "D"),
        "<url><news:news/></url>\n".to_owned(),
        entry("https://g1.example/e", "E &bomb;"),
        format!("<url><loc>https://g1.example/f</loc><news:title>F</news:title><news:publication_date>ontem</news:publication_date>{}</url>", "<image:loc>https://evil.example/f.jpg</image:loc>"),
    ].concat());
    let items: Vec<_> = found.items.keys().map(Item::as_str).collect();
    assert_eq!(items, ["/a", "/e", "/f"]);
    let lines: Vec<_> = found.problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 4", "line 5", "line 6", "line 7", "line 8", "line 9", "line 9"], "{:?}", found.problems);
    assert!(found.problems[0].contains("evil.example/b is on no host of portal g1"), "{:?}", found.problems);
    assert_eq!(found.items[&Item::parse("/f").unwrap()].image, None);
}

#[test]
fn hostile_files_are_refused_in_a_sentence() {
    let bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]>\n<urlset><url><loc>&lol2;</loc></url></urlset>";
    let outside = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><urlset><url><loc>&e;</loc></url></urlset>";
    let deep = format!("<urlset>{}", "<a>".repeat(1_000));
    let many = sitemap(&"<url></url>".repeat(ENTRIES_MAX + 1));
    for (text, expected) in [
        (bomb, "line 2: a sitemap has no DOCTYPE"),
        (outside, "line 1: a sitemap has no DOCTYPE"),
        (deep.as_str(), "nested deeper"),
        (many.as_str(), "more than 50000 entries"),
        ("<urlset><url><loc>https://g1.example/a", "it was cut off"),
        ("<urlset></url></urlset>", "not well-formed"),
        ("<sitemapindex><sitemap><loc>https://g1.example/1.xml</loc></sitemap></sitemapindex>", "an index of sitemaps"),
        ("", "no <url>"),
        ("PK\u{3}\u{4}", "no <url>"),
    ] {
        let why = read(text.as_bytes(), &g1(), false).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
    assert!(read(&[0xff, 0xfe, b'<'], &g1(), false).unwrap_err().contains("not UTF-8 from byte 0 on"));
    assert!(read(&vec![b' '; FILE_BYTES_MAX + 1], &g1(), false).unwrap_err().contains("more than 52428800 bytes"));
}

#[test]
fn complaints_are_bounded_and_fit_for_a_terminal() {
    let found = found(&entry(&format!("https://evil.example/\u{1b}[31m{}", "x".repeat(500)), "A").repeat(1_000));
    assert_eq!((found.problems.len(), found.more_problems), (PROBLEMS_MAX, 1_000 - PROBLEMS_MAX));
    assert!(found.problems.iter().all(|problem| problem.len() < 300 && !problem.contains('\u{1b}')));
}

#[test]
fn what_was_published_stays_unless_it_is_to_go() {
    let article = |title: &str| CatalogueItem { url: "https://g1.example/a".into(), title: title.into(), ..CatalogueItem::default() };
    let item = |name: &str| Item::parse(name).unwrap();
    let before = || Catalogue { v: 1, items: BTreeMap::from([(item("/old"), article("old")), (item("/a"), article("before"))]) };
    let news = || BTreeMap::from([(item("/a"), article("now")), (item("/new"), article("new"))]);
    let (kept, _) = merged(before(), news(), false);
    assert!(!kept.items[&item("/old")].unpublished && kept.items[&item("/a")].title == "now" && kept.items.len() == 3);
    let (gone, _) = merged(before(), news(), true);
    assert!(gone.items[&item("/old")].unpublished && !gone.items[&item("/a")].unpublished);
    let (back, _) = merged(gone, BTreeMap::from([(item("/old"), article("again"))]), false);
    assert!(!back.items[&item("/old")].unpublished, "what is in the file again is recommended again");
}

#[test]
fn a_full_catalogue_keeps_the_latest() {
    let article = |n: u64| {
        (
            Item::parse(&format!("/{n}")).unwrap(),
            CatalogueItem { title: "A".into(), url: "https://g1.example/a".into(), published_at_ms: Some(n), ..CatalogueItem::default() },
        )
    };
    let most = u64::try_from(wire::CATALOGUE_ITEMS_MAX).unwrap();
    let before = Catalogue { v: 1, items: (0..most).map(article).collect() };
    let (merged, gone) = merged(before, (most..most + 5).map(article).collect(), false);
    assert_eq!((merged.items.len(), gone), (wire::CATALOGUE_ITEMS_MAX, 5));
    assert!(!merged.items.contains_key(&Item::parse("/4").unwrap()) && merged.items.contains_key(&Item::parse("/5").unwrap()));
}

#[test]
fn a_catalogue_of_other_hosts_is_left_out() {
    let text = r#"{"v":1,"items":{"/a":{"url":"https://g1.example/a","title":"A","image":"https://evil.example/a.jpg"},
        "/b":{"url":"https://evil.example/b","title":"B"},"/c":{"unpublished":true}}}"#;
    let found = owned(Catalogue::parse(text.as_bytes()).unwrap(), &g1(), false);
    assert_eq!(found.items.keys().map(Item::as_str).collect::<Vec<_>>(), ["/a", "/c"]);
    assert_eq!((found.items[&Item::parse("/a").unwrap()].image.as_deref(), found.problems.len()), (None, 2));
}
