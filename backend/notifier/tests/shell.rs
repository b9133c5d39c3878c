//! The program itself, between stand-ins for the Lambda runtime, SNS, a webhook and Lambda's own API: what is told, and how often, when
//! one of them fails.
#![expect(clippy::unwrap_used, reason = "a program that does not start ends its test")]

mod stand_in;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stand_in::StandIn;

const LOSING_DATA: &str = include_str!("golden/losing-data.json");
const OVER: &str = include_str!("golden/behind-over.json");
const INSUFFICIENT: &str = include_str!("golden/insufficient.json");

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command
        .env_clear()
        .envs([
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "aws-hush"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", "sa-east-1"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The function with these events, one after the other; ends it when the runtime has heard of each. Gives its log.
fn function(stand_in: &StandIn, events: &[&str]) -> String {
    stand_in.give(events);
    let url = stand_in.url();
    let mut child = program()
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "pulso-notifier"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ])
        .env("AWS_LAMBDA_RUNTIME_API", url.trim_start_matches("http://"))
        .env("PULSO_PEOPLE_TOPIC", "arn:aws:sns:sa-east-1:1:pulso-people")
        .env("PULSO_WEBHOOK_URL", format!("{url}/hook/secret-path"))
        .env("AWS_ENDPOINT_URL", &url)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while stand_in.answers().len() < events.len() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn each_way_is_told_once_and_a_copy_or_what_is_no_news_not_at_all() {
    let stand_in = StandIn::start();
    let log = function(&stand_in, &[LOSING_DATA, LOSING_DATA, INSUFFICIENT, OVER]);
    assert_eq!(stand_in.answers(), ["response"; 4], "{log}");
    let published = stand_in.published();
    assert_eq!(published.len(), 2, "{log}");
    let form = &published[0];
    assert_eq!(form["TopicArn"], "arn:aws:sns:sa-east-1:1:pulso-people");
    assert_eq!((form["Subject"].as_str(), form["MessageStructure"].as_str()), ("Pulso PAGE: losing-data, portal g1", "json"));
    assert_eq!(form["MessageAttributes.entry.1.Value.StringValue"], "page");
    let texts: Value = serde_json::from_str(&form["Message"]).unwrap();
    assert!(texts["email"].as_str().unwrap().contains("23/11/2026 06:46:39 in São Paulo"));
    assert!(texts["sms"].as_str().unwrap().starts_with("Pulso PAGE g1 losing-data 06:46 SP: "));
    assert_eq!(published[1]["Subject"], "Pulso over: behind, portal gshow-rio");
    let posted = stand_in.posted();
    assert_eq!(posted.len(), 2);
    assert!(posted[0]["text"].as_str().unwrap().starts_with("*PAGE* g1 losing-data"));
    let signed = stand_in.header("/", "authorization").unwrap();
    assert!(signed.contains("/sa-east-1/sns/aws4_request") && signed.contains("x-amz-security-token"), "{signed}");
    assert!(!log.contains("secret-path") && !log.contains("aws-hush"), "{log}");
}

#[test]
fn a_webhook_that_is_away_makes_an_event_of_its_own_and_no_second_e_mail() {
    let stand_in = StandIn::start();
    stand_in.break_hook(true);
    let log = function(&stand_in, &[LOSING_DATA]);
    assert_eq!((stand_in.answers(), stand_in.published().len(), stand_in.posted().len()), (vec!["response".to_owned()], 1, 0), "{log}");
    assert!(!log.contains("secret-path"), "{log}");
    let left = stand_in.invoked();
    assert_eq!(left.len(), 1, "{log}");
    assert_eq!(left[0]["pulso_rest"].as_array().map(Vec::len), Some(1));
    assert_eq!(stand_in.header("/2015-03-31/functions/pulso-notifier/invocations", "x-amz-invocation-type").as_deref(), Some("Event"));
    // Another instance gets it, first while the webhook is still away: Lambda tries the invocation again.
    let rest = left[0].to_string();
    let log = function(&stand_in, &[&rest]);
    assert_eq!((stand_in.answers(), stand_in.published().len()), (vec!["error".to_owned()], 1), "{log}");
    stand_in.break_hook(false);
    function(&stand_in, &[&rest]);
    assert_eq!((stand_in.answers(), stand_in.published().len(), stand_in.posted().len()), (vec!["response".to_owned()], 1, 1));
}

#[test]
fn when_nothing_can_be_told_the_invocation_fails_and_its_repetition_tells_all_once() {
    let stand_in = StandIn::start();
    stand_in.break_hook(true);
    stand_in.break_sns(true);
    let log = function(&stand_in, &[LOSING_DATA]);
    assert_eq!((stand_in.answers(), stand_in.invoked()), (vec!["error".to_owned()], Vec::<Value>::new()), "{log}");
    stand_in.break_hook(false);
    stand_in.break_sns(false);
    function(&stand_in, &[LOSING_DATA]);
    assert_eq!((stand_in.answers(), stand_in.published().len(), stand_in.posted().len()), (vec!["response".to_owned()], 1, 1));
}

#[test]
fn what_is_left_and_cannot_be_kept_fails_the_invocation() {
    let stand_in = StandIn::start();
    stand_in.break_hook(true);
    stand_in.break_lambda(true);
    function(&stand_in, &[LOSING_DATA, LOSING_DATA]);
    // The repetition met the same instance, which knows whom it has told.
    assert_eq!((stand_in.answers(), stand_in.published().len()), (vec!["error".to_owned(); 2], 1));
}

#[test]
fn without_a_runtime_it_prints_or_ends_at_once() {
    let begun = Instant::now();
    let output = program().output().unwrap();
    assert!(!output.status.success() && begun.elapsed() < Duration::from_secs(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no Lambda runtime here"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/losing-data.json");
    let output = program().args(["--event", file, "--json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.success(), &said["urgency"]), (true, &json!("page")));
}

#[test]
fn a_queue_is_followed_and_what_was_told_leaves_it() {
    let stand_in = StandIn::start();
    stand_in.queue(&[LOSING_DATA, "no event"]);
    let url = stand_in.url();
    let queue = format!("{url}/000000000000/people");
    let topic = "arn:aws:sns:us-east-1:000000000000:pulso-people";
    let mut child = program().args(["--follow-queue", &queue, "--endpoint", &url, "--people-topic", topic]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while stand_in.deleted() < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!((stand_in.deleted(), stand_in.published().len()), (2, 1), "{printed}");
    assert!(printed.starts_with("== Pulso PAGE: losing-data, portal g1\n"), "{printed}");
}
