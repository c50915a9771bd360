//! Tests of the functions over whole series.

use super::super::Unlimited;
use super::*;
use Number::{Float, Int};
use std::collections::BTreeSet;

fn curve(host: u8, points: &[(i64, Number)]) -> Curve {
    let labels = Labels { metrics: [vec![7]].into(), tags: [(vec![1], vec![host])].into(), aggregated: BTreeSet::new() };
    Curve { labels, points: points.to_vec(), ..Curve::default() }
}

fn call(function: &str, arguments: Vec<Argument>) -> Call {
    Call { function: Function::by_name(function).unwrap(), arguments }
}

fn word(text: &str) -> Argument {
    Argument::Word(text.into())
}

fn series(place: usize) -> Argument {
    Argument::Series(place, format!("sum:m{place}{{a=b}}"))
}

fn run(call: &Call, answers: &[Vec<Curve>]) -> Result<Vec<Curve>, String> {
    let mut answers: Answers = answers.iter().cloned().map(Some).collect();
    call.evaluate(&mut answers, Scope { range: (100, 400), limits: &Unlimited }).map_err(|e| e.to_string())
}

#[track_caller]
fn check(function: &str, words: &[&str], points: &[(i64, Number)], want: Result<&[(i64, Number)], &str>) {
    let arguments = std::iter::once(series(0)).chain(words.iter().map(|w| word(w))).collect();
    let got = run(&call(function, arguments), &[vec![curve(1, points)]]).map(|curves| curves[0].points.clone());
    assert_eq!(got.as_deref().map_err(String::as_str), want, "{function} {words:?}");
}

const POINTS: [(i64, Number); 4] = [(50, Int(-9)), (100, Int(1)), (200, Float(-2.5)), (300, Int(4))];

#[test]
fn functions_of_points() {
    check("scale", &["2"], &POINTS, Ok(&[(50, Int(-18)), (100, Int(2)), (200, Float(-5.0)), (300, Int(8))]));
    check("scale", &[".5"], &POINTS[..1], Ok(&[(50, Float(-4.5))]));
    check("scale", &["1e3"], &POINTS, Err("Unparseable scale factor value: 0.0"));
    check("scale", &["1-2"], &POINTS, Err("Invalid parameter, must be an integer or floating point"));
    check("scale", &[], &POINTS, Err("Missing scaling factor"));
    check("absolute", &[], &POINTS, Ok(&[(50, Int(9)), (100, Int(1)), (200, Float(2.5)), (300, Int(4))]));
    check("timeShift", &["'1sec'"], &POINTS[1..2], Ok(&[(1_100, Int(1))]));
    check("shift", &["'2weeks'"], &POINTS[1..2], Ok(&[(14 * 86_400_000 + 100, Int(1))]));
    check("shift", &["10"], &POINTS, Err("Invalid timeshift parameter: eg '10min'"));
    check("shift", &["'0min'"], &POINTS, Err("timeshift <= 0"));
    check("shift", &["'3fortnights'"], &POINTS, Err("unknown time unit=fortnights'"));
    check("shift", &["'99999999999min'"], &POINTS, Err("For input string: \"99999999999\""));
    check("alias", &[], &POINTS, Err("Missing the alias"));
}

#[test]
fn moving_averages() {
    let points: Vec<(i64, Number)> = (0..5).map(|i| (i * 100, Int(i * i))).collect();
    let floats = |values: &[f64]| values.iter().enumerate().map(|(i, v)| (i as i64 * 100 + 100, Float(*v))).collect::<Vec<_>>();
    check("movingAverage", &["2"], &points, Ok(&floats(&[0.0, 2.5, 6.5, 12.5]))); // what lies before the range does not count
    check("movingAverage", &["9"], &points, Ok(&floats(&[0.0; 4])));
    check("movingAverage", &["'1s'"], &points, Ok(&floats(&[0.0; 4])));
    let seconds: Vec<(i64, Number)> = [(100, Int(1)), (150, Float(f64::NAN)), (300, Int(3))].to_vec();
    check("movingAverage", &["1"], &seconds, Ok(&[(100, Float(1.0)), (150, Float(1.0)), (300, Float(3.0))]));
    check("movingAverage", &["0"], &points, Err("Moving average window must be an integer greater than zero"));
    check("movingAverage", &["foo"], &points, Err("Unparseable window size: foo"));
    check("movingAverage", &["'"], &points, Err("Invalid moving window parameter: '"));
    check("movingAverage", &["'5foo'"], &points, Err("Unknown time unit=foo in window='5foo'"));
}

#[test]
fn the_highest_series() {
    let answers = [vec![
        curve(1, &[(100, Int(5)), (300, Int(9)), (500, Int(99))]),
        curve(2, &[(100, Int(7)), (300, Int(1))]),
        curve(3, &[(100, Int(6)), (300, Int(8))]),
        curve(4, &[]),
    ]];
    let hosts = |function: &str, n: &str| {
        let curves = run(&call(function, vec![series(0), word(n)]), &answers)?;
        Ok(curves.iter().flat_map(|c| c.labels.tags.values().flatten().copied()).collect::<Vec<u8>>())
    };
    assert_eq!(hosts("highestMax", "2"), Ok(vec![1, 3]));
    assert_eq!(hosts("highestCurrent", "9"), Ok(vec![1, 3, 2]));
    assert_eq!(hosts("highestMax", "0"), Err("Top n value must be greater than zero: 0".to_string()));
    assert_eq!(hosts("highestMax", "-1"), Err("Unparseable top n value: -1".to_string()));
    assert_eq!(hosts("highestMax", "99999999999"), Err("Invalid parameter, must be an integer".to_string()));
}

#[test]
fn series_are_combined_by_place() {
    let sum = call("sum", vec![series(0), series(1)]);
    let got = run(&sum, &[vec![curve(1, &POINTS[..2])], vec![curve(1, &[(60, Int(10)), (90, Float(f64::NAN))])]]).unwrap();
    assert_eq!(got[0].points, [(50, Float(1.0)), (90, Float(1.0))]);
    assert!(got[0].joined);
    let apart = run(&call("divide", vec![series(0), series(1)]), &[vec![curve(1, &POINTS[..1])], vec![curve(2, &POINTS[..1])]]).unwrap();
    assert_eq!(apart.iter().map(|c| c.points[0].1).collect::<Vec<_>>(), [Float(0.0), Float(-0.0)]);
    let short = run(&sum, &[vec![curve(1, &POINTS[..2])], vec![curve(1, &POINTS[..1])]]);
    assert_eq!(short, Err("No more elements".to_string()));
    assert_eq!(run(&sum, &[vec![]]), Err("Index 1 out of bounds for length 1".to_string()));
    let one = run(&call("sum", vec![series(0)]), &[vec![]]);
    assert_eq!(one, Err("Must have 2 to 26 series, got 1 instead".to_string()));
}

#[test]
fn words_stand_behind_the_series() {
    let wrong = call("scale", vec![word("2"), Argument::Call(call("alias", vec![series(0), word("x")]))]);
    assert_eq!(run(&wrong, &[vec![]]), Err("Unknown parameter type: null in tree: scale(alias(m0,x))".to_string()));
    assert_eq!(run(&call("scale", vec![word("2")]), &[]), Ok(vec![]));
}
