//! A prefilter as a text of the gateway's filter language: a superset of the rows asked for, never less.
//!
//! The region server reads row keys as UTF-8 before it matches a regular expression, so bytes from 0x80 up arrive as
//! letters or as replacement marks, one for one to four bytes, also across the borders of our pairs. What is left to
//! match on: bytes below 0x80 stand for themselves, and a run of others is at least one character that is not ASCII.
//! Pairs are looked for in order, anywhere in the key. The exact test is the caller's.

use crate::store::{Prefilter, TagBytes};

/// Accepted values of one tag that are sent; with more the tag's name alone is asked for.
const VALUES_MAX: usize = 256;
/// Longest filter sent, in bytes; a longer one is not sent at all.
const FILTER_BYTES_MAX: usize = 64 * 1024;

/// True if rows of many other tags pass the filter too, because it asks for bytes that a region server cannot tell apart.
pub(super) fn is_loose(filter: &str) -> bool {
    filter.contains(HIGH)
}

/// A run of bytes from 0x80 up, as a region server sees it.
const HIGH: &str = r"[^\x00-\x7f]+";

/// The filter, or `None` where it would leave nothing out.
pub(super) fn filter_string(prefilter: &Prefilter) -> Option<String> {
    let mut pattern = String::new();
    let mut joined = false;
    for tag in &prefilter.tags {
        let pairs = pairs(tag);
        let part = alternatives(&pairs, joined);
        if !part.is_empty() {
            if !pattern.is_empty() {
                pattern.push_str(".*");
            }
            pattern.push_str(&part);
        }
        // The next pair's first bytes may have been read as part of this one's last character.
        joined = pairs.iter().any(|pair| pair.last().is_some_and(|byte| *byte >= 0x80));
    }
    let filter = format!("RowFilter(=,'regexstring:(?s){pattern}')");
    (!pattern.is_empty() && filter.len() <= FILTER_BYTES_MAX).then_some(filter)
}

fn pairs(tag: &TagBytes) -> Vec<Vec<u8>> {
    if tag.values.is_empty() || tag.values.len() > VALUES_MAX {
        return vec![tag.key.clone()];
    }
    tag.values.iter().map(|value| [tag.key.as_slice(), value].concat()).collect()
}

/// One of `pairs`; empty if that may be anything.
fn alternatives(pairs: &[Vec<u8>], joined: bool) -> String {
    let mut parts: Vec<Vec<String>> = pairs.iter().map(|pair| characters(pair, joined)).collect();
    parts.sort_unstable();
    parts.dedup();
    let Some((first, others)) = parts.split_first() else { return String::new() };
    if first.is_empty() || others.is_empty() {
        return first.concat();
    }
    // What all begin with, the tag's name above all, stands once: only behind it are the alternatives tried.
    let shared = |other: &Vec<String>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
    let cut = others.iter().map(shared).min().unwrap_or(0);
    let tails: Vec<String> = parts.iter().map(|part| part.get(cut..).unwrap_or_default().concat()).collect();
    format!("{}(?:{})", first.get(..cut).unwrap_or_default().concat(), tails.join("|"))
}

/// A pattern for each byte below 0x80, and one for each run of others.
fn characters(pair: &[u8], joined: bool) -> Vec<String> {
    let high = pair.iter().take_while(|byte| **byte >= 0x80).count();
    let rest = pair.get(if joined { high } else { 0 }..).unwrap_or_default();
    let (mut patterns, mut in_run) = (Vec::new(), false);
    for byte in rest {
        if *byte < 0x80 {
            // Escaped throughout: nothing of the filter language or of regular expressions can be meant.
            patterns.push(format!("\\x{byte:02x}"));
        } else if !in_run {
            patterns.push(String::from(HIGH));
        }
        in_run = *byte >= 0x80;
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &[u8], values: &[&[u8]]) -> TagBytes {
        TagBytes { key: key.to_vec(), values: values.iter().map(|v| v.to_vec()).collect() }
    }

    fn check(tags: Vec<TagBytes>, want: Option<&str>) {
        let got = filter_string(&Prefilter { skip: 7, tagk_width: 3, tagv_width: 3, tags });
        assert_eq!(got, want.map(|pattern| format!("RowFilter(=,'regexstring:(?s){pattern}')")));
    }

    #[test]
    fn patterns() {
        check(vec![], None);
        check(vec![tag(b"\0\0\x01", &[b"\0\0'"])], Some(r"\x00\x00\x01\x00\x00\x27"));
        check(vec![tag(b"\0\0\x01", &[])], Some(r"\x00\x00\x01"));
        check(vec![tag(b"\x01", &[b"\x02", b"\x03"])], Some(r"\x01(?:\x02|\x03)"));
        check(vec![tag(b"\x01", &[b"\x02\x09", b"\x03\x09"])], Some(r"\x01(?:\x02\x09|\x03\x09)"));
        check(vec![tag(b"\x01", &[b"\xc3", b"\x03"])], Some(r"\x01(?:[^\x00-\x7f]+|\x03)"));
        check(vec![tag(b"\xc3", &[b"\xa9", b"\x03"])], Some(r"[^\x00-\x7f]+(?:|\x03)"));
        check(vec![tag(b"\xc3", &[b"\x04", b"\x05"])], Some(r"[^\x00-\x7f]+(?:\x04|\x05)"));
        // Two pairs whose high bytes may be one character: it is asked for once.
        check(vec![tag(b"\x01", &[b"\xc3"]), tag(b"\xa9", &[b"\x02"])], Some(r"\x01[^\x00-\x7f]+.*\x02"));
        check(vec![tag(b"\x01", &[b"\xc3"]), tag(b"\xa9", &[b"\xa9"])], Some(r"\x01[^\x00-\x7f]+"));
        check(vec![tag(b"\x01", &[b"\x02"]), tag(b"\x03", &[b"\x04"])], Some(r"\x01\x02.*\x03\x04"));
    }

    #[test]
    fn too_many_values_leave_the_name() {
        let values: Vec<Vec<u8>> = (0..=VALUES_MAX).map(|n| vec![(n >> 7) as u8, (n & 0x7f) as u8]).collect();
        check(vec![TagBytes { key: b"\x01".to_vec(), values }], Some(r"\x01"));
    }
}
