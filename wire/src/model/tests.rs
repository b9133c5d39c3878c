//! What the blob promises: what is written comes back, and what is damaged is refused.

use super::*;

fn parts(items: u16) -> Parts {
    let item = |nth: u16| PartsItem {
        path: format!("/{:04}", nth * 7 % items),
        first_seen_s: 1_795_337_000 + u32::from(nth),
        section: u8::from(nth.is_multiple_of(2)),
        facts: [-1.0; FACTS],
        embedding: [f32::from(nth % 5) * 0.1; EMBEDDING],
        history: [-0.2; EMBEDDING],
        neighbours: (1..4)
            .map(|step| Neighbour { item: u32::from((nth + step) % items), fast: 0.5 / f32::from(step), slow: 0.1, back: 0.0 })
            .collect(),
        lifts: nth.is_multiple_of(3).then(|| Box::new([0.5; WORDS])),
    };
    Parts {
        name: "m1".to_owned(),
        generated_at_ms: 1_795_337_100_000,
        items: (0..items).map(item).collect(),
        sections: vec!["economia".to_owned()],
        words: vec![(1, "chrome".to_owned()), (9, "mobile".to_owned())],
        trending: vec![(3, 2.5), (1, 1.0)],
        top_pages: vec![(0, 9.0)],
        latest: vec![(2, 1.0)],
        leaders: vec![4, 5],
        word_embeddings: vec![[0.1; EMBEDDING]; WORDS],
        weights: Some(Weights::blank()),
    }
}

#[test]
fn what_is_written_comes_back() {
    let parts = parts(10);
    let model = Model::open(parts.write()).unwrap();
    assert_eq!((model.version(), model.generated_at_ms(), model.len()), ("m1", 1_795_337_100_000, 10));
    for (nth, item) in parts.items.iter().enumerate() {
        let found = model.index_of(&item.path).unwrap();
        assert_eq!((model.item(found), model.first_seen_at_ms(found)), (item.path.as_str(), u64::from(item.first_seen_s) * 1_000));
        assert_eq!(model.section_of(found), (nth % 2 == 0).then_some("economia"));
        let mut expected = item.neighbours.iter();
        model.neighbours(found, |neighbour| {
            let wanted = expected.next().unwrap();
            assert_eq!(model.item(neighbour.item), parts.items[usize::try_from(wanted.item).unwrap()].path);
            assert!((neighbour.fast / wanted.fast - 1.0).abs() < 0.03);
        });
        assert!(expected.next().is_none());
        let mut lifts = [0.0; CONTEXTS];
        model.lifts(found, &[1; CONTEXTS], &mut lifts);
        assert!((lifts[0] - if nth % 3 == 0 { 0.5 } else { 0.0 }).abs() < 0.02, "{nth}: {lifts:?}");
    }
    let trending: Vec<_> = model.list(List::Trending).map(|(item, score)| (model.item(item).to_owned(), score.to_bits())).collect();
    assert_eq!(trending, [(parts.items[3].path.clone(), 2.5_f32.to_bits()), (parts.items[1].path.clone(), 1.0_f32.to_bits())]);
    assert_eq!((model.word(ContextKind::Browser, "chrome"), model.word(ContextKind::Device, "chrome")), (1, 8));
    assert_eq!(model.index_of("/nowhere"), None);
}

/// Without weights: a few hundred bytes, so that all of them can be damaged.
fn small() -> Vec<u8> {
    let blob = Parts { weights: None, ..parts(5) }.write();
    assert!(blob.len() < 4_096, "{}", blob.len());
    blob
}

#[test]
fn every_cut_is_refused() {
    let blob = small();
    for end in 0..blob.len() {
        assert!(Model::check(&blob[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for blob in [small(), parts(5).write()] {
        assert!(Model::check(&blob).is_ok());
        // Every bit of the small one, and one in 97 of the one with weights.
        for at in (0..blob.len() * 8).step_by(if blob.len() < 4_096 { 1 } else { 97 }) {
            let mut damaged = blob.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(Model::check(&damaged).is_err(), "bit {at} of {}", blob.len());
        }
    }
}

/// Whoever knows the secret can make a checksum fit: what it covers is looked at as well.
#[test]
fn a_blob_with_a_fitting_checksum_is_refused_or_read_without_a_panic() {
    let blob = parts(8).write();
    let mut seed = 1_u64;
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut damaged = blob.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = 20 + usize::try_from(seed >> 33).unwrap() % (blob.len() - 20);
            damaged[at] = u8::try_from(seed >> 25 & 255).unwrap();
        }
        let checksum = crc32fast::hash(&damaged[16..]);
        damaged[12..16].copy_from_slice(&checksum.to_le_bytes());
        match Model::open(damaged) {
            Err(_) => refused += 1,
            Ok(model) => {
                let request = Request { read: &[0, 1, 99], context: Context::default(), now_ms: 1_795_337_200_000 };
                let ranked = model.rank(&request, Ranker::Full, &mut Scratch::default());
                assert!(ranked.iter().all(|ranked| !model.item(ranked.item).is_empty()));
            }
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn a_later_version_is_named() {
    let mut blob = parts(2).write();
    blob[8] = 9;
    assert_eq!(Model::open(blob).unwrap_err().code(), "unsupported_version");
}

#[test]
fn the_page_itself_and_what_was_read_are_never_candidates_and_the_nearest_is_first() {
    let model = Model::open(parts(10).write()).unwrap();
    let page = model.index_of("/0000").unwrap();
    let read = [page, model.index_of("/0007").unwrap()];
    for ranker in [Ranker::Full, Ranker::Base] {
        let ranked =
            model.rank(&Request { read: &read, context: Context::default(), now_ms: 1_795_337_200_000 }, ranker, &mut Scratch::default());
        assert!(!ranked.is_empty() && ranked.iter().all(|ranked| !read.contains(&ranked.item)));
        assert!((ranked.iter().map(|ranked| ranked.score).sum::<f32>() - 1.0).abs() < 1e-4);
        if ranker == Ranker::Base {
            assert_eq!((model.item(ranked[0].item), ranked[0].because), ("/0004", Some(page)));
        }
    }
}

#[test]
fn weights_that_are_no_numbers_are_left_out_and_the_base_score_ranks() {
    let mut parts = parts(10);
    if let Some(weights) = &mut parts.weights {
        weights.linear[3] = f32::NAN;
    }
    let model = Model::open(parts.write()).unwrap();
    assert!(model.weights().is_none());
    let read = [model.index_of("/0000").unwrap()];
    let request = Request { read: &read, context: Context::default(), now_ms: 0 };
    assert_eq!(model.rank(&request, Ranker::Full, &mut Scratch::default()), model.rank(&request, Ranker::Base, &mut Scratch::default()));
}
