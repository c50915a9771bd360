//! Alerts between memory and table: restarts, takeovers, what people do meanwhile.

use super::super::alert::{NoData, Policy};
use super::super::change::fit;
use super::super::records::bytes;
use super::super::records::tests::desk;
use super::super::records::{Tags, change_alert};
use super::*;
use crate::desk::VALUE_BYTES_MAX;

const T: i64 = 1_700_000_000;

fn plan(policy: Policy) -> Plan {
    Plan::own("r", &["out".to_owned()], policy)
}

/// Gone groups are unknown after five minutes.
fn unknown() -> Policy {
    Policy { unknown_after_s: 300, no_data: NoData::Level(Level::Unknown), ..Policy::default() }
}

fn host(name: &str) -> Tags {
    [("host".to_string(), name.to_string())].into()
}

/// One check in which these hosts are normal: the kinds of what was sent, with the hosts.
fn check(book: &mut Book, desk: &Desk, plan: &Plan, now: i64, hosts: &[&str]) -> Vec<String> {
    check_after((0, false), book, desk, plan, now, hosts)
}

/// The same after jumps of the clock, of which the last was just now or not.
fn check_after((jumps, settling): (i64, bool), book: &mut Book, desk: &Desk, plan: &Plan, now: i64, hosts: &[&str]) -> Vec<String> {
    let one = |name: &&str| Judged {
        metric: "m".into(),
        tags: host(name),
        tsuids: Vec::new(),
        verdict: Verdict::decided(Level::Normal, 1.0, now),
        text: "all is well".into(),
        queries: Vec::new(),
    };
    let author = Author::default();
    let (silences, quiet) = (Vec::new(), |_: &str, _: &Tags| false);
    let scene = Scene { desk, worker: "w", now, jumps, settling, silences: &silences, quiet: &quiet, author: &author };
    book.sync(desk, jumps).unwrap();
    let applied = book.apply(plan, hosts.iter().map(one).collect(), true, &scene);
    assert_eq!(applied.away, None);
    let said = |(_, message): &(String, Pending)| format!("{} {}", message.notice.kind.word(), message.notice.events[0].tags["host"]);
    applied.messages.iter().map(said).collect()
}

#[test]
fn a_group_that_vanishes_while_nobody_looks_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, plan) = (desk(&folder), plan(unknown()));
    let none: [&str; 0] = [];
    let mut book = Book::default();
    assert_eq!(check(&mut book, &desk, &plan, T, &["a", "b"]), none);
    // Another worker an hour later: the hour does not count, five minutes from then on do.
    let mut book = Book::default();
    let start = T + 3_600;
    assert_eq!(check(&mut book, &desk, &plan, start, &["a"]), none);
    assert_eq!(check(&mut book, &desk, &plan, start + 240, &["a"]), none);
    assert_eq!(check(&mut book, &desk, &plan, start + 300, &["a"]), ["unknown b"]);
    assert_eq!(check(&mut book, &desk, &plan, start + 360, &["a"]), none);
    // Once more: it is told once.
    let mut book = Book::default();
    assert_eq!(check(&mut book, &desk, &plan, start + 9_000, &["a"]), none);
    assert_eq!(check(&mut book, &desk, &plan, start + 9_060, &["a", "b"]), ["recovery b"]);
}

#[test]
fn time_that_was_looked_at_counts_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy { unknown_after_s: 86_400, ..unknown() };
    let (desk, plan) = (desk(&folder), plan(policy));
    // A day without b is a day, also when a worker lives two hours only and nobody looks for one after each.
    let (mut now, mut told) = (T, Vec::new());
    check(&mut Book::default(), &desk, &plan, now, &["a", "b"]);
    let mut looked = 0;
    while told.is_empty() && looked < 200_000 {
        let mut book = Book::default();
        for _ in 0..12 {
            now += 600;
            looked += 600;
            told.extend(check(&mut book, &desk, &plan, now, &["a"]));
        }
        now += 3_600;
    }
    assert_eq!(told, ["unknown b"]);
    assert!((86_400..140_000).contains(&looked), "{looked}");
}

#[test]
fn clocks_that_jump_and_stores_that_are_away_make_nobody_old() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, plan) = (desk(&folder), plan(unknown()));
    let none: [&str; 0] = [];
    let mut book = Book::default();
    assert_eq!(check(&mut book, &desk, &plan, T, &["a", "b"]), none);
    // Two hours forward, and later a day back: b is missed five minutes after it was seen, by the time that passed.
    let (there, back) = (T + 7_200, T - 86_400);
    assert_eq!(check_after((7_200, true), &mut book, &desk, &plan, there + 60, &["a"]), none);
    assert_eq!(check_after((7_200, false), &mut book, &desk, &plan, there + 120, &["a"]), none);
    assert_eq!(check_after((7_200 - 93_600, true), &mut book, &desk, &plan, back + 180, &["a"]), none);
    assert_eq!(check_after((7_200 - 93_600, false), &mut book, &desk, &plan, back + 300, &["a"]), ["unknown b"]);
    // An hour in which nothing could be read.
    assert_eq!(check_after((7_200 - 93_600, false), &mut book, &desk, &plan, back + 360, &["a", "c"]), none);
    for minute in 0..60 {
        book.blind("r", back + 400 + 60 * minute);
    }
    let after = back + 400 + 3_600;
    assert_eq!(check_after((7_200 - 93_600, false), &mut book, &desk, &plan, after, &["a"]), none);
    assert_eq!(check_after((7_200 - 93_600, false), &mut book, &desk, &plan, after + 300, &["a"]), ["unknown c"]);
}

#[test]
fn rules_that_say_nothing_of_gone_groups_keep_none() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(&folder);
    let silent = Policy { no_data: NoData::Keep, ..unknown() };
    check(&mut Book::default(), &desk, &plan(silent), T, &["a", "b"]);
    assert_eq!(groups::read(&desk, "r").unwrap(), []);
    // And those that do put them when they change, not with each check.
    let mut book = Book::default();
    let parts = || desk.list(groups::GROUPS, "", None, 10).unwrap().records;
    check(&mut book, &desk, &plan(unknown()), T, &["a", "b"]);
    let first = parts();
    check(&mut book, &desk, &plan(unknown()), T + 60, &["a", "b"]);
    assert_eq!(parts(), first);
    check(&mut book, &desk, &plan(unknown()), T + 70, &["a", "b", "c"]);
    assert_ne!(parts(), first);
    assert_eq!(groups::read(&desk, "r").unwrap().len(), 3);
}

#[test]
fn a_forgotten_group_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, plan) = (desk(&folder), plan(unknown()));
    let mut book = Book::default();
    check(&mut book, &desk, &plan, T, &["a", "b"]);
    assert_eq!(check(&mut book, &desk, &plan, T + 300, &["a"]), ["unknown b"]);
    // As `/api/alerts/forget` does.
    change_alert(&desk, &alert_id("r", &host("b")), |alert| {
        let alert = alert.map(|alert| Alert { state: Default::default(), outbox: Vec::new(), ..alert });
        (alert, ())
    })
    .unwrap();
    for after in [360, 900, 9_000] {
        assert_eq!(check(&mut book, &desk, &plan, T + after, &["a"]), [""; 0], "{after}");
    }
    assert_eq!(groups::read(&desk, "r").unwrap().len(), 1);
    assert!(!book.is_known("r", &host("b")));
}

#[test]
fn an_alert_whose_receiver_is_away_fits_into_its_record() {
    let mut alert = Alert::default();
    let policy = Policy::default();
    let plan = Plan { texts: ["x".repeat(20_000), String::new(), String::new(), String::new(), String::new()], ..plan(policy) };
    let author = Author::default();
    for n in 0..200 {
        let call = super::super::alert::Call {
            id: format!("i.{n}"),
            kind: super::super::alert::Kind::Alert,
            level: Level::Critical,
            step: 1,
            value: None,
            at: T,
            to: super::super::alert::To::Level(Level::Critical),
        };
        plan.add(&call, &mut alert, "w", T, &author);
    }
    fit("r/x", &mut alert).unwrap();
    assert!(bytes(&alert).unwrap().len() <= VALUE_BYTES_MAX);
    assert!(alert.outbox.len() > 20, "{}", alert.outbox.len());
    assert_eq!(alert.outbox.last().unwrap().notice.id, "i.199", "the newest stay");
}
