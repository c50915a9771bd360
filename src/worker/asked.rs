//! The queries of a rule for one of its groups: what an alert's page draws.

use super::records::Tags;
use super::rule::model::{Condition, Rule};

/// Most queries of one alert; more make no picture.
const QUERIES_MAX: usize = 8;

/// What a rule asks, each query once, for a group of its results.
pub fn queries(rule: &Rule, tags: &Tags) -> Vec<String> {
    let mut texts: Vec<String> = rule.query.iter().map(|query| query.text.clone()).collect();
    if let Condition::Expression { critical, warning, .. } = &rule.condition {
        texts.extend(critical.iter().chain(warning).flat_map(|expression| expression.queries()));
    }
    each_once(texts).iter().take(QUERIES_MAX).map(|text| narrowed(text, tags)).collect()
}

/// Each text once, in the order in which they come.
pub fn each_once(texts: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        if !once.contains(&text) {
            once.push(text);
        }
    }
    once
}

/// A query with filters for the values of the tags that make its groups. One that cannot be read so is left as it is, and
/// so is a value that would mean something in a filter: then more is drawn than the group.
fn narrowed(text: &str, tags: &Tags) -> String {
    let parts = || {
        let (before, metric) = text.split_at(last_colon(text)?);
        let (metric, braces) = metric.split_once('{')?;
        let (groups, after) = braces.split_once('}')?;
        let filters = if after.is_empty() { "" } else { after.strip_prefix('{')?.strip_suffix('}')? };
        Some((before, metric, groups, filters))
    };
    let Some((before, metric, groups, filters)) = parts().filter(|_| !text.contains("regexp(")) else { return text.to_owned() };
    let plain = |value: &&String| value.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c));
    let keys = groups.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, _)| key);
    let ours = keys.filter_map(|key| tags.get(key).filter(plain).map(|value| format!("{key}=literal_or({value})")));
    let all: Vec<String> = Some(filters.to_owned()).filter(|filters| !filters.is_empty()).into_iter().chain(ours).collect();
    format!("{before}{metric}{{{groups}}}{{{}}}", all.join(",")).trim_end_matches("{}").to_owned()
}

/// Where the metric begins: behind the last colon outside braces.
fn last_colon(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    let mut found = None;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ':' if depth == 0 => found = Some(at + 1),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_one_group() {
        let tags: Tags = [("host", "web01"), ("odd", "a|b"), ("type", "idle")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let check = |text: &str, want: &str| assert_eq!(narrowed(text, &tags), want);
        check("sum:m", "sum:m");
        check("sum:m{host=*}", "sum:m{host=*}{host=literal_or(web01)}");
        check("sum:1m-avg:rate{counter,,1}:m.n{host=*,dc=*}", "sum:1m-avg:rate{counter,,1}:m.n{host=*,dc=*}{host=literal_or(web01)}");
        check("sum:m{host=*}{type=user|nice}", "sum:m{host=*}{type=user|nice,host=literal_or(web01)}");
        check("sum:m{host=*,type=idle}{}", "sum:m{host=*,type=idle}{host=literal_or(web01),type=literal_or(idle)}");
        check("sum:m{odd=*}", "sum:m{odd=*}");
        check("sum:m{host=regexp(a{2}:b)}", "sum:m{host=regexp(a{2}:b)}");
        check("sum:m{host=*", "sum:m{host=*");
    }
}
