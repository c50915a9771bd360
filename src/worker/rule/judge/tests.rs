//! What a function's text may be, and what its numbers mean. The recorded cases run in `tests/worker_vectors.rs`.

use super::*;

fn check(text: &str, want: &str) {
    let got = Function::parse(text).map_or_else(|_| "refused".to_string(), |f| f.to_string());
    assert_eq!(got, want, "{text:?}");
}

#[test]
fn texts_of_functions() {
    check("all(#3)", "all(#3)");
    check("lookup(#2,3)", "lookup(#2,3)");
    check("kpdiff(#3,3)", "kpdiff(#3,3)");
    // The letters around the numbers are cut off unseen, and numbers too many are not looked at.
    check("all[#3]", "all(#3)");
    check("max(#3,9)", "max(#3)");
    check("avg(#-2)", "avg(#-2)");
    for wrong in [
        "",
        "#",
        "(#3)",
        "#3)",
        "all(#",
        "all(#)",
        "all(3)",
        "all (#3)",
        "All(#3)",
        "all(# 3)",
        "lookup(#2)",
        "lookup(#2, 3)",
        "all(##3)",
        "all(#3.0)",
        "ä#1ä",
    ] {
        check(wrong, "refused");
    }
    check("all(#99999999999999999999)", "refused");
}

fn verdict(function: &str, operator: &str, right: f64, newest_first: &[f64]) -> Option<(f64, bool)> {
    let test = Test { function: Function::parse(function).unwrap(), operator: Operator::of(operator), right };
    test.verdict(newest_first).map(|v| (v.left, v.triggered))
}

#[test]
fn windows_and_their_edges() {
    assert_eq!(verdict("all(#3)", ">", 1.0, &[2.0, 3.0]), None);
    assert_eq!(verdict("all(#0)", ">", 1.0, &[2.0, 3.0]), None);
    assert_eq!(verdict("all(#-1)", ">", 1.0, &[2.0]), None);
    assert_eq!(verdict("diff(#0)", ">", -1.0, &[2.0]), Some((0.0, false)));
    assert_eq!(verdict("pdiff(#2)", ">", 0.0, &[5.0, 0.0, 0.0]), Some((0.0, false)));
    assert_eq!(verdict("lookup(#0,2)", ">", 0.0, &[5.0, 5.0]), Some((5.0, false)));
    assert_eq!(verdict("kdiff(#2,1)", ">", 1.0, &[5.0, 1.0, 1.0]), Some((4.0, true)));
    // A zero among the newest ends it.
    assert_eq!(verdict("kdiff(#1,1)", "<", 1.0, &[0.0, 7.0]), Some((0.0, false)));
    assert_eq!(verdict("kdiff(#-1,3)", "<", 1.0, &[1.0, 7.0]), Some((0.0, false)));
    assert_eq!(verdict("stddev(#4)", "?", 1.0, &[9.0, 1.0, 1.0, 1.0]), Some((9.0, true)));
    assert_eq!(verdict("all(#1)", "=>", 0.0, &[9.0]), Some((9.0, false)));
}

#[test]
fn rates_need_one_point_more() {
    let test = Test { function: Function::parse("all(#2)").unwrap(), operator: Operator::Greater, right: 0.0 };
    let points = [(10, 1.0), (20, 11.0), (40, 51.0)];
    assert_eq!(test.judge(&points, true), Some((Verdict { left: 2.0, triggered: true }, 20)));
    assert_eq!(test.judge(&points[1..], true), None);
    assert_eq!(test.judge(&points[1..], false), Some((Verdict { left: 51.0, triggered: true }, 20)));
}

#[test]
fn points_before_the_epoch_begin_a_history_only() {
    let mut history = History::new(3);
    assert_eq!([-20, -10, 0, 10].map(|seconds| history.push(seconds, 1.0)), [true, false, false, true]);
}

#[test]
fn an_expression_without_tags_is_never_judged() {
    let mut definition = event::Definition {
        id: 1,
        metric: "m".into(),
        tags: std::collections::BTreeMap::new(),
        function: "all(#1)".into(),
        operator: ">".into(),
        right: 0.0,
        max_step: 1,
        priority: 0,
        note: String::new(),
        owner: event::Owner::Expression { action: 1 },
    };
    let tags = std::collections::BTreeMap::from([("a".to_string(), "b".to_string())]);
    let item = event::Item { endpoint: "h", tags: &tags, timestamp: 1 };
    assert!(!definition.matches(&item));
    definition.tags.insert("endpoint".into(), "h".into());
    assert!(definition.matches(&item));
}

#[test]
fn mutated_texts_are_refused_or_judged() {
    let sound = ["all(#3)", "lookup(#2,3)", "kpdiff(#3,3)", "stddev(#10)", "diff(#-1)"];
    crate::fuzz::run(|dice| {
        let text = sound[dice.below(sound.len())];
        let text = dice.mutate_text(text, &["#", "(", ")", ",", "-", "9223372036854775807", "é", "0"]);
        let Ok(function) = Function::parse(&text) else { return };
        let test = Test { function, operator: Operator::of(dice.pick(&["=", "!=", "<", ">=", "?"])), right: 1.0 };
        let points: Vec<(i64, f64)> = (0..dice.below(20) as i64).map(|t| (t * 60, (dice.below(5) as f64) - 2.0)).collect();
        for rate in [false, true] {
            assert!(test.judge(&points, rate).is_none_or(|_| points.len() >= function.points()));
        }
    });
}

#[test]
fn digests() {
    assert_eq!(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(md5_hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
    let long = "1234567890".repeat(8);
    assert_eq!(md5_hex(&long), "57edf4a22be3c955ac49da2e2107b67a");
}
