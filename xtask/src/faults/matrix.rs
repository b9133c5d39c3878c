//! Which test does which row of the fault matrix, or why none does.

use std::fmt::Write as _;

/// What does a row.
enum Test {
    /// Rows of this fault run.
    Run(&'static [&'static str]),
    /// `cargo xtask sim`.
    Simulator,
    /// Tests by file and name.
    Named(&'static str, &'static [&'static str]),
    /// Nothing does all of it, and why.
    Not(&'static str),
}

use Test::{Named, Not, Run, Simulator};

const DELIVERY: &str = "edge/src/delivery_tests.rs";
const RETRY: &str = "edge/src/retry.rs";
const CONTRACT: &str = "tests/contract/test_worker.py";
/// `cargo xtask store`, a check of `cargo xtask test`.
const STORE: &str = "xtask/src/store.rs";
const BATCH: &str = "wire/src/batch_tests.rs";

/// Number, fault, tests.
const ROWS: &[(u8, &str, &[Test])] = &[
    (1, "Kinesis 500 / 503", &[Run(&["1a", "1b", "1c"]), Simulator]),
    (
        2,
        "Kinesis 500 for long, then healed",
        &[Run(&["2", "2s", "2q"]), Simulator, Named("edge/src/breaker.rs", &["pauses_between_failing_probes_double_up_to_half_a_minute"])],
    ),
    (
        3,
        "k of n records throttled",
        &[Run(&["3", "3q"]), Simulator, Named(DELIVERY, &["of_k_failures_in_n_exactly_those_go_to_the_queue"])],
    ),
    (4, "k of n records fail inside, mixed with throttles", &[Run(&["3", "3q"]), Simulator]),
    (5, "an answer that lies", &[Run(&["5"]), Simulator, Named(DELIVERY, &["an_answer_with_another_count_says_nothing_about_any_record"])]),
    (6, "truncated or non-JSON answer", &[Run(&["6"]), Named("edge/src/aws/kinesis.rs", &["what_is_unclear_is_a_failure"])]),
    (
        7,
        "no answer, or one that never ends",
        &[
            Run(&["7a", "7b"]),
            Simulator,
            Not(
                "A connect timeout: on the loopback every connection is taken or refused at once; the deadline covers it, for it runs over the whole call.",
            ),
        ],
    ),
    (8, "stored, but not answered", &[Run(&["8"]), Simulator]),
    (
        9,
        "connection reset",
        &[
            Run(&["9"]),
            Not(
                "DNS and TLS failures: the local endpoint is an address without TLS; workerd reports both by the same rejected fetch as a reset.",
            ),
        ],
    ),
    (10, "1 byte/s", &[Run(&["10"])]),
    (
        11,
        "the edge's clock is wrong",
        &[Run(&["11"]), Simulator, Named(DELIVERY, &["a_learnt_clock_is_tried_once_and_only_for_what_failed"])],
    ),
    (
        12,
        "a retry long after the first try",
        &[
            Run(&["14", "14s"]),
            Not("More than 5 min in real time: each call is signed when it is made, there is no path that keeps a signature."),
        ],
    ),
    (
        13,
        "the reader's clock is wrong",
        &[
            Simulator,
            Named(
                "tracker/src/attention.rs",
                &["a_clock_that_runs_backwards_takes_nothing_away", "a_sleep_of_hours_is_credited_one_window_at_most"],
            ),
            Named("backend/src/transform/tests.rs", &["a_wrong_clock_is_corrected_and_nothing_happens_in_the_future"]),
        ],
    ),
    (14, "credentials, rights, stream, key", &[Run(&["14", "14s"])]),
    (15, "the queue refuses, Kinesis is up", &[Run(&["15"]), Simulator]),
    (
        16,
        "the queue refuses and Kinesis is down",
        &[Run(&["16"]), Simulator, Named(DELIVERY, &["when_the_queue_fails_too_the_page_keeps_what_is_not_stored"])],
    ),
    (17, "the queue hangs", &[Simulator, Not("The local queue is part of workerd and cannot be made to hang from outside.")]),
    (
        18,
        "queue messages at their limits",
        &[Simulator, Named(RETRY, &["batches_are_full_and_never_more_than_full", "calls_are_cut_at_records_and_bytes"])],
    ),
    (19, "the worker is killed", &[Run(&["19", "19s", "19q"]), Simulator]),
    (
        20,
        "the consumer fails at message i of n",
        &[Simulator, Named(DELIVERY, &["the_queue_keeps_what_is_not_stored_and_forgets_what_is"])],
    ),
    (21, "the queue delivers twice", &[Run(&["21"]), Simulator]),
    (22, "the queue reorders and delays", &[Simulator]),
    (
        23,
        "poison",
        &[
            Run(&["23q"]),
            Simulator,
            Named(RETRY, &["what_can_never_be_stored_is_a_dead_letter_at_once", "only_poison_waits_for_a_person"]),
            Named("backend/src/redrive/parcel.rs", &["what_can_never_be_stored_is_known_before_it_spoils_its_neighbours"]),
            Run(&["23", "23d", "23r", "23b"]),
        ],
    ),
    (
        24,
        "an outage of days",
        &[Run(&["24", "2s", "24q"]), Simulator, Named(DELIVERY, &["a_short_outage_stays_in_the_queue_and_a_long_one_is_set_aside"])],
    ),
    (
        25,
        "KV fails",
        &[
            Named(
                STORE,
                &[
                    "the store is down, the isolate remembers",
                    "the blob is damaged, the isolate is new",
                    "the blob is missing",
                    "the store is back",
                    "nobody knows what is blocked",
                ],
            ),
            Named("edge/src/recommend/never.rs", &["what_must_not_be_shown_is_not_and_no_list_is_empty"]),
        ],
    ),
    (
        26,
        "the recommender's origin fails",
        &[
            Named(STORE, &["the backend is dead for a day"]),
            Named("edge/src/recommend/tests.rs", &["an_old_model_is_none_and_the_newest_articles_answer"]),
            Not("The edge has no origin to ask: models are published to KV, and what is in KV answers."),
        ],
    ),
    (27, "the same POST again", &[Run(&["27a", "27b"]), Simulator]),
    (28, "oversized bodies", &[Named(CONTRACT, &["test_a_body_past_64_kib_is_refused_however_it_comes"])]),
    (29, "compression bomb", &[Not("Compressed bodies are not admitted: the worker never unpacks anything.")]),
    (
        30,
        "JSON cut at every byte",
        &[Named(BATCH, &["every_truncation_is_refused_without_a_panic"]), Named(CONTRACT, &["test_malformed_json_says_where"])],
    ),
    (
        31,
        "hostile JSON",
        &[
            Named(BATCH, &["what_is_no_batch_has_its_own_code", "errors_name_what_is_wrong"]),
            Named("wire/src/event.rs", &["one_past_a_limit_names_the_field"]),
        ],
    ),
    (
        32,
        "hostile Unicode",
        &[
            Named("tracker/tests/web/page.rs", &["a_page_that_says_nonsense_of_itself_makes_a_valid_batch"]),
            Named("wire/src/page.rs", &["long_words_are_cut_between_characters"]),
            Named(
                "tests/fuzz/tests/unicode.rs",
                &["ten_thousand_hostile_texts_are_taken_whole_or_refused", "each_kind_of_hostile_text_is_judged_as_it_should_be"],
            ),
        ],
    ),
    (
        33,
        "fuzz",
        &[
            Named("tests/fuzz/tests/messages.rs", &["fn batches", "fn envelopes", "fn queue_messages", "fn published_files"]),
            Named(
                "tests/fuzz/tests/answers.rs",
                &["fn signatures", "fn models", "fn questions", "fn origins", "fn answers_of_aws", "fn heads_of_requests"],
            ),
            Not("A million inputs each by hand: `cargo xtask fuzz --full`. There is no parser of tokens or cookies yet."),
        ],
    ),
    (34, "flood", &[Run(&["34a", "34v", "34p"]), Named("edge/src/bad.rs", &["a_flood_is_capped_and_the_next_minute_is_free"])]),
    (35, "hot key", &[Not("Not tested yet.")]),
    (36, "the client goes away", &[Run(&["36", "36g", "36w"])]),
    (
        37,
        "the browser is closed, offline, full",
        &[
            Named(
                "tracker/src/outbox.rs",
                &["a_body_stays_until_a_receipt", "the_oldest_makes_room_and_is_counted", "a_beacon_is_no_receipt"],
            ),
            Simulator,
        ],
    ),
    (38, "a panic in the worker", &[Named(CONTRACT, &["test_a_panic_fails_its_own_request_only"])]),
    (
        39,
        "wrong configuration",
        &[
            Named("edge/src/health.rs", &["a_missing_part_turns_it_red_and_is_named"]),
            Named(CONTRACT, &["test_health_names_every_part"]),
            Named("xtask/src/deploy/mistakes.rs", &["fn make_all", "fn lose_stream"]),
            Named("xtask/src/deploy/settings.rs", &["our_environments_have_everything_and_share_nothing", "each_mistake_is_named"]),
        ],
    ),
    (
        40,
        "rolling deploy",
        &[
            Named("wire/tests/golden.rs", &["messages_hold_to_their_golden_files_and_schemas", "unknown_fields_are_ignored"]),
            Not("There is only version 1 of each message."),
        ],
    ),
    (
        41,
        "the backend is killed",
        &[
            Run(&["41"]),
            Named("backend/src/snapshot.rs", &["killed_restored_and_replayed_is_as_if_nothing_had_happened"]),
            Named("backend/src/shards.rs", &["children_wait_for_their_parents"]),
        ],
    ),
    (
        42,
        "the archive's delivery fails",
        &[Not("Firehose writes the archive, and what it wrote is counted in this run; the stand-in's Firehose cannot be made to fail.")],
    ),
    (43, "JWKS unavailable", &[Not("No tokens are checked yet.")]),
    (44, "everything at once", &[Simulator]),
    (45, "soak", &[Not("By hand: `cargo xtask faults --soak 10`; its last outcome is above.")]),
];

/// The table of `tests/LEDGER.md`.
pub(super) fn table() -> String {
    let mut text = "| # | fault | tests |\n|--:|---|---|\n".to_owned();
    for (number, fault, tests) in ROWS {
        let tests: Vec<String> = tests.iter().map(Test::to_text).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {number} | {fault} | {} |", tests.join("; "));
    }
    text
}

impl Test {
    fn to_text(&self) -> String {
        match self {
            Run(rows) => format!("this run: {}", rows.join(", ")),
            Simulator => "`cargo xtask sim`".to_owned(),
            Named(file, names) => format!("{file}: {}", names.iter().map(|name| name.trim()).collect::<Vec<_>>().join(", ")),
            Not(why) => (*why).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::known_rows;
    use crate::paths;

    #[test]
    fn every_row_is_there_and_says_something() {
        let numbers: Vec<u8> = ROWS.iter().map(|(number, _, _)| *number).collect();
        assert_eq!(numbers, (1..=45).collect::<Vec<_>>());
        assert!(ROWS.iter().all(|(_, _, tests)| !tests.is_empty()));
    }

    #[test]
    fn every_test_that_is_named_exists() {
        for (number, _, tests) in ROWS {
            for test in *tests {
                match test {
                    Run(rows) => assert!(rows.iter().all(|row| known_rows().contains(row)), "row {number}"),
                    Named(file, names) => {
                        let text = std::fs::read_to_string(paths::at(file)).unwrap_or_default();
                        assert!(names.iter().all(|name| text.contains(name)), "row {number}: {names:?} in {file}");
                    }
                    Simulator | Not(_) => {}
                }
            }
        }
    }
}
