//! `query`: the points that queries give, a line each, as OpenTSDB's tool prints them (recorded cases `cli/query`).

use super::{Call, Failure, USAGE};
use crate::config::Settings;
use crate::point::{Number, TagBuf};
use crate::query::plan::Group;
use crate::query::request::command;
use crate::tsd::{self, StoreKind, Tsd};
use std::fmt::Write as _;
use std::io::{BufWriter, Write};

/// Fewest words: start, function, metric.
const WORDS_MIN: usize = 3;

pub fn run(call: &Call) -> Result<(), Failure> {
    if call.parsed.words.len() < WORDS_MIN {
        return Err(call.misused(USAGE, "Not enough arguments."));
    }
    if call.parsed.has("--graph") {
        return Err(super::extra::not_yet("query --graph"));
    }
    let settings = call.settings()?;
    let command = command::parse(&call.parsed.words, &tsd::clock(&settings).map_err(Failure::new)?).map_err(Failure::new)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    with_engine(settings, |engine| {
        for sub in &command.query.subs {
            let groups = engine.run_sub(&command.query, sub, &Default::default()).map_err(Failure::new)?;
            for group in &groups {
                print_group(&mut out, group)?;
            }
        }
        Ok(out.flush()?)
    })
}

/// Runs something with an engine. On HBase nothing else is opened: the points that a TSD next door still holds are its
/// own. The embedded store is ours alone, so that its journal is read first.
fn with_engine(settings: Settings, run: impl FnOnce(&crate::query::engine::Engine) -> Result<(), Failure>) -> Result<(), Failure> {
    if tsd::store_kind(&settings) == StoreKind::Embedded {
        let tsd = Tsd::open(settings).map_err(Failure::new)?;
        let result = run(&tsd.engine);
        return tsd.writer.shutdown().map_err(Failure::new).and(result);
    }
    let store = tsd::open_store(&settings).map_err(Failure::new)?;
    tsd::check_tables(store.as_ref(), &settings).map_err(Failure::new)?;
    let uids = tsd::open_uids(&store, &settings).map_err(Failure::new)?;
    run(&tsd::open_engine(&store, None, &uids, &settings).map_err(Failure::new)?)
}

/// `metric time value {tag=value, ...}`, a line a point; tags in the order of a Java `HashMap`.
fn print_group(out: &mut impl Write, group: &Group) -> Result<(), Failure> {
    let tags: Vec<(&str, &str)> = group.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let tags = TagBuf::show(&tags, true);
    for (time, value) in &group.points {
        match value {
            Number::Int(value) => writeln!(out, "{} {time} {value} {tags}", group.metric)?,
            Number::Float(value) => writeln!(out, "{} {time} {} {tags}", group.metric, fixed(*value))?,
        }
    }
    Ok(())
}

/// Six digits behind the point, as Java's `%f`: the shortest digits that read back as the number, rounded half up.
fn fixed(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "NaN".into() } else { format!("{}Infinity", if value < 0.0 { "-" } else { "" }) };
    }
    let shortest = value.abs().to_string(); // plain notation, shortest digits
    let (whole, part) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(part.bytes().chain(std::iter::repeat(b'0')).take(6)).collect();
    if part.as_bytes().get(6).is_some_and(|digit| *digit >= b'5') {
        round_up(&mut digits);
    }
    let text = String::from_utf8_lossy(&digits);
    let (whole, part) = text.split_at_checked(digits.len().saturating_sub(6)).unwrap_or((&text, ""));
    let mut out = String::new();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let _ = write!(out, "{sign}{whole}.{part}");
    out
}

/// Adds one to the last decimal digit.
fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_javas_f() {
        let check = |value: f64, want: &str| assert_eq!(fixed(value), want, "{value:?}");
        check(70001.0, "70001.000000");
        check(2.5, "2.500000");
        check(28.333333333333332, "28.333333");
        check(0.15, "0.150000");
        check(-5.0, "-5.000000");
        check(-0.0, "-0.000000");
        check(0.0000005, "0.000001"); // half up, on the shortest digits
        check(0.0000004999, "0.000000");
        check(1.0000005, "1.000001"); // binary it is a little below
        check(9.9999995, "10.000000");
        check(999999.9999999, "1000000.000000");
        check(1e15, "1000000000000000.000000");
        check(1.25e-7, "0.000000");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "Infinity");
        check(f64::NEG_INFINITY, "-Infinity");
        check(1e300, &format!("1{}.000000", "0".repeat(300)));
    }
}
