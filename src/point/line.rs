//! Lines with a point in them: telnet `put`, and the lines that `import` reads.
//!
//! Words are split at single spaces, so two spaces make an empty word. Among the tags empty words are ignored, before
//! them they are an error (tcollector writes two spaces between tags). Nothing here knows the other telnet commands.

use super::{Point, PointError, PointTime, Rules, TagBuf, Value, number};

/// Words that a `put` line needs: `put metric time value tag`.
const PUT_WORDS: usize = 5;

/// A line's bytes as text: ISO-8859-1, as OpenTSDB reads them. Pure ASCII is borrowed, other lines are decoded into
/// `scratch`, which keeps its memory from line to line.
#[inline]
pub fn line_text<'a>(line: &'a [u8], scratch: &'a mut String) -> &'a str {
    if line.is_ascii() {
        return str::from_utf8(line).unwrap_or_default();
    }
    scratch.clear();
    scratch.extend(line.iter().copied().map(char::from));
    scratch
}

/// Reads a whole telnet line `put metric time value tag...`. The first word is not looked at.
///
/// The checks come in OpenTSDB's order, so a line with several faults gets the same answer.
#[inline]
pub fn parse_put<'t, 'a: 't>(line: &'a str, tags: &'t mut TagBuf<'a>, rules: &Rules) -> Result<Point<'t>, PointError> {
    match split_word(line) {
        (_, Some(rest)) => parse_words(rest, tags, rules),
        _ => Err(too_few_words(0)),
    }
}

/// Reads `metric time value tag...`: what stands behind the command.
#[inline]
fn parse_words<'t, 'a: 't>(words: &'a str, tags: &'t mut TagBuf<'a>, rules: &Rules) -> Result<Point<'t>, PointError> {
    let (metric, time, value) = split_words(words, tags)?;
    admit(metric, time, value, tags, rules, true)
}

/// The same without the checks of value, time and names: for what has rules of its own (rollups, histograms).
/// Gives metric, time (above 0) and value.
#[inline]
pub fn split_words<'a>(words: &'a str, tags: &mut TagBuf<'a>) -> Result<(&'a str, i64, Value), PointError> {
    let (metric, rest) = split_word(words);
    let (time, rest) = split_word(rest.unwrap_or_default());
    let (value, rest) = split_word(rest.unwrap_or_default());
    let Some(rest) = rest else {
        return Err(too_few_words(words.split(' ').count()));
    };
    if metric.is_empty() {
        return Err(PointError::Illegal("empty metric name".into()));
    }
    let time = number::parse_telnet_time(time)?;
    if time <= 0 {
        return Err(PointError::Illegal(format!("invalid timestamp: {time}")));
    }
    if value.is_empty() {
        return Err(PointError::Illegal("empty value".into()));
    }
    parse_tags(rest, tags)?;
    Ok((metric, time, Value::parse_telnet(value)?))
}

/// Reads a line of an import file: `metric time value tag...`, no command before it.
///
/// Unlike telnet a dot in the time is an error, and every float takes 4 bytes (as the Java tool stores it). That the
/// points of a series ascend in time is the caller's to check.
pub fn import_line<'t, 'a: 't>(line: &'a str, tags: &'t mut TagBuf<'a>, rules: &Rules) -> Result<Point<'t>, PointError> {
    let (metric, rest) = split_word(line);
    if metric.is_empty() {
        return Err(PointError::Illegal("invalid metric: ".into()));
    }
    let Some(rest) = rest else {
        return Err(PointError::Illegal("Index 1 out of bounds for length 1".into()));
    };
    let (time, rest) = split_word(rest);
    let time = number::parse_long(time)?;
    if time <= 0 {
        return Err(PointError::Illegal(format!("invalid timestamp: {time}")));
    }
    let Some(rest) = rest else {
        return Err(PointError::Illegal("Index 2 out of bounds for length 2".into()));
    };
    let (value, rest) = split_word(rest);
    if value.is_empty() {
        return Err(PointError::Illegal("invalid value: ".into()));
    }
    parse_tags(rest.unwrap_or_default(), tags)?;
    rules.check_names(metric, tags.as_slice(), true)?;
    let value = if number::looks_like_integer(value) {
        Value::Int(number::parse_long(value)?)
    } else {
        Value::Single(number::parse_single(value)?)
    };
    admit(metric, time, value, tags, rules, true)
}

/// The checks that telnet, HTTP and import share: finite value, range of the time, tags and names.
/// `hashed`: tags show in the order of a Java `HashMap` (telnet), else in the order given (JSON).
#[inline]
pub(super) fn admit<'t, 'a: 't>(
    metric: &'a str,
    time: i64,
    value: Value,
    tags: &'t TagBuf<'a>,
    rules: &Rules,
    hashed: bool,
) -> Result<Point<'t>, PointError> {
    if !value.is_finite() {
        return Err(not_finite(metric, time, value));
    }
    let tags = tags.as_slice();
    let Some(at) = PointTime::from_number(time) else {
        return Err(bad_time(metric, time, value, tags, hashed));
    };
    rules.check_names(metric, tags, hashed)?;
    Ok(Point { metric, time: at, value, tags })
}

#[inline]
fn parse_tags<'a>(words: &'a str, tags: &mut TagBuf<'a>) -> Result<(), PointError> {
    let mut left = Some(words);
    while let Some(words) = left {
        let (word, rest) = split_word(words);
        if !word.is_empty() {
            tags.parse_word(word)?;
        }
        left = rest;
    }
    Ok(())
}

/// The first word and what stands behind the space after it.
#[inline]
fn split_word(text: &str) -> (&str, Option<&str>) {
    // A plain loop: words have about ten bytes, which is too short for a vectorised search to pay.
    match text.as_bytes().iter().position(|&b| b == b' ') {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

#[cold]
fn too_few_words(got: usize) -> PointError {
    PointError::Illegal(format!("not enough arguments (need least {}, got {got})", PUT_WORDS - 1))
}

/// The refusal of a value that is no finite number.
#[cold]
pub fn not_finite(metric: &str, time: i64, value: Value) -> PointError {
    let text = match value {
        Value::Single(v) if v.is_nan() => "NaN",
        Value::Double(v) if v.is_nan() => "NaN",
        Value::Single(v) if v < 0.0 => "-Infinity",
        Value::Double(v) if v < 0.0 => "-Infinity",
        _ => "Infinity",
    };
    PointError::Illegal(format!("value is NaN or Infinite: {text} for metric={metric} timestamp={time}"))
}

/// The refusal of a time that is out of range. `hashed`: tags show in the order of a Java `HashMap`.
#[cold]
pub fn bad_time(metric: &str, time: i64, value: Value, tags: &[(&str, &str)], hashed: bool) -> PointError {
    let (bytes, flags) = java_bytes(value);
    let shown = TagBuf::show(tags, hashed);
    PointError::Illegal(format!("bad timestamp={time} when trying to add value={bytes}/{flags} to metric={metric}, tags={shown}"))
}

/// A value's stored bytes as Java prints them, and its flags: OpenTSDB shows both in one message.
fn java_bytes(value: Value) -> (String, u8) {
    let (bytes, flags): (Vec<u8>, u8) = match value {
        Value::Single(v) => (v.to_bits().to_be_bytes().to_vec(), 11),
        Value::Double(v) => (v.to_bits().to_be_bytes().to_vec(), 15),
        Value::Int(v) => {
            let width = match v {
                -0x80..=0x7F => 1,
                -0x8000..=0x7FFF => 2,
                -0x8000_0000..=0x7FFF_FFFF => 4,
                _ => 8,
            };
            (v.to_be_bytes().into_iter().skip(8 - width).collect(), width as u8 - 1)
        }
    };
    let signed: Vec<i8> = bytes.into_iter().map(|b| b as i8).collect();
    (format!("{signed:?}"), flags)
}
