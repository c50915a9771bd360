//! The language against what JEXL 2.1.1 itself answered (`recorded.tsv`).

use super::parse::parse;
use super::program::value_of;
use super::value::Value;
use crate::point::write_f64;

fn answer(text: &str, read: &impl Fn(&str) -> f64) -> String {
    let Ok(parsed) = parse(text) else { return "refused".to_string() };
    let Some(value) = value_of(&parsed, &|place| read(&parsed.names[place])) else { return "fails".to_string() };
    let shown = match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(v) => v.to_string(),
        Value::Float(v) | Value::Double(v) => {
            let mut out = Vec::new();
            write_f64(&mut out, v);
            if v.is_finite() { String::from_utf8(out).unwrap() } else { v.to_string().replace("inf", "Infinity") }
        }
    };
    format!("{} {shown}", value.type_name())
}

#[test]
fn jexl_answers() {
    let lines: Vec<&str> = include_str!("recorded.tsv").lines().filter(|line| !line.starts_with('#')).collect();
    let mut wrong = Vec::new();
    for line in &lines {
        let [variables, text, want] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let read = |name: &str| {
            let of = variables.split(';').find_map(|v| v.strip_prefix(name)?.strip_prefix('=')).unwrap_or("0");
            of.parse().unwrap()
        };
        let got = answer(text, &read);
        // Which of Java's whole numbers a result is shows in messages only.
        let whole = |text: &str| ["Integer ", "Long ", "math.BigInteger "].iter().find_map(|t| Some(text.split_once(t)?.1.to_string()));
        if got != want && (whole(&got).is_none() || whole(&got) != whole(want)) {
            wrong.push(format!("{variables} {text}: {got}, not {want}"));
        }
    }
    assert!(lines.len() > 900);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}
