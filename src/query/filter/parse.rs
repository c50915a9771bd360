//! Filters from text: `host=web*`, `host=literal_or(a|b)` and JSON's `{"type", "tagk", "filter", "groupBy"}`.

use super::{TagFilter, TagTest, java_regex, wildcard_parts};
use crate::point::java_map;
use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

/// A filter is written wrongly. The texts are OpenTSDB's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(pub String);

/// A filter together with the words of the request, which `showQuery` repeats.
#[derive(Clone, Debug)]
pub struct FilterSpec {
    /// The kind's name: `literal_or`, `wildcard`, ... A bare `web*` is a `wildcard` that ignores case.
    pub kind: &'static str,
    /// The text given, without the kind and its parentheses.
    pub text: String,
    /// What the engine gets.
    pub filter: TagFilter,
}

/// What makes two filters the same one to OpenTSDB: the grouping is not part of it, nor where a wildcard is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilterKey {
    tagk: String,
    family: u8,
    ignore_case: bool,
    parts: Vec<String>,
}

impl FilterSpec {
    /// A filter by the name of its kind, as in JSON: names are in lower case there (`filter/upper-type`).
    pub fn new(kind: &str, tagk: &str, text: &str) -> Result<FilterSpec, FilterError> {
        if kind.is_empty() {
            return fail("The filter type cannot be null or empty");
        }
        if tagk.is_empty() {
            return fail("The tagk cannot be null or empty");
        }
        let (kind, ignore_case) = match kind {
            "literal_or" => ("literal_or", false),
            "iliteral_or" => ("iliteral_or", true),
            "not_literal_or" => ("not_literal_or", false),
            "not_iliteral_or" => ("not_iliteral_or", true),
            "wildcard" => ("wildcard", false),
            "iwildcard" => ("iwildcard", true),
            "regexp" => ("regexp", false),
            other => return fail(format!("Could not find a tag value filter of the type: {other}")),
        };
        if text.is_empty() {
            return fail("Filter cannot be null or empty");
        }
        let test = match kind {
            "literal_or" | "iliteral_or" => TagTest::LiteralOr { values: literals(text, ignore_case)?, ignore_case },
            "not_literal_or" | "not_iliteral_or" => TagTest::NotLiteralOr { values: literals(text, ignore_case)?, ignore_case },
            "regexp" => TagTest::Regexp {
                pattern: text.to_string(),
                regex: Arc::new(java_regex::compile(text).map_err(|e| FilterError(e.to_string()))?),
            },
            _ if text.contains('*') => TagTest::Wildcard { pattern: text.to_string(), ignore_case },
            _ => return fail("Filter must contain an asterisk"),
        };
        Ok(FilterSpec { kind, text: text.to_string(), filter: TagFilter { tagk: tagk.to_string(), group_by: false, test } })
    }

    /// A filter from the value of `tags` or of `{host=...}`: a kind in any case with parentheses, a pattern with stars, or names.
    pub fn from_value(tagk: &str, value: &str) -> Result<FilterSpec, FilterError> {
        if tagk.is_empty() {
            return fail("Tagk cannot be null or empty");
        }
        if value.is_empty() {
            return fail("Filter cannot be null or empty");
        }
        if let Some((kind, rest)) = value.split_once('(').filter(|_| value != "*") {
            let Some(text) = rest.strip_suffix(')') else { return fail(format!("Filter must end with a ')': {value}")) };
            return FilterSpec::new(&kind.to_lowercase(), tagk, text);
        }
        if value.contains('*') {
            let mut spec = FilterSpec::new("iwildcard", tagk, value)?;
            spec.kind = "wildcard";
            return Ok(spec);
        }
        FilterSpec::new("literal_or", tagk, value)
    }

    /// Adds a grouping filter: one that is there already is only made grouping.
    pub fn add_grouping(mut self, filters: &mut Vec<FilterSpec>) {
        self.filter.group_by = true;
        let key = self.key();
        match filters.iter_mut().find(|f| f.filter.tagk == self.filter.tagk && f.key() == key) {
            Some(existing) => existing.filter.group_by = true,
            None => filters.push(self),
        }
    }

    /// What makes it equal to another.
    pub fn key(&self) -> FilterKey {
        let (family, ignore_case, parts) = match &self.filter.test {
            TagTest::LiteralOr { values, ignore_case } => (0, *ignore_case, sorted(values)),
            TagTest::NotLiteralOr { values, ignore_case } => (1, *ignore_case, sorted(values)),
            TagTest::Wildcard { pattern, ignore_case } => (2, *ignore_case, components(pattern, *ignore_case)),
            TagTest::Regexp { pattern, .. } => (3, false, vec![pattern.clone()]),
        };
        FilterKey { tagk: self.filter.tagk.clone(), family, ignore_case, parts }
    }

    /// The filter as OpenTSDB's text dump of a refused query shows it.
    pub fn describe(&self) -> String {
        let mut out =
            format!("filter_name={}, tagk={}, group_by={}, tagk_bytes=null, config=", self.kind, self.filter.tagk, self.filter.group_by);
        let config = match &self.filter.test {
            TagTest::LiteralOr { values, ignore_case } | TagTest::NotLiteralOr { values, ignore_case } => {
                write!(out, "{{literals=[{}], case={ignore_case}}}", java_set_order(values).join(", "))
            }
            TagTest::Wildcard { pattern, ignore_case } => {
                write!(out, "{{components=[{}], case={ignore_case}}}", components(pattern, *ignore_case).join(", "))
            }
            TagTest::Regexp { pattern, .. } => write!(out, "{{pattern={pattern}}}"),
        };
        debug_assert!(config.is_ok(), "writing to a string");
        out
    }
}

fn fail<T>(message: impl Into<String>) -> Result<T, FilterError> {
    Err(FilterError(message.into()))
}

/// Names between pipes, without duplicates. Empty ones at the end vanish, so `||` is a list of nothing.
fn literals(text: &str, ignore_case: bool) -> Result<Vec<String>, FilterError> {
    if text == "|" {
        return fail("Filter must contain more than just a pipe");
    }
    let text = if ignore_case { text.to_lowercase() } else { text.to_string() };
    let text = text.trim_end_matches('|');
    let mut seen = HashSet::new();
    Ok(text.split('|').filter(|name| !text.is_empty() && seen.insert(*name)).map(str::to_string).collect())
}

fn components(pattern: &str, ignore_case: bool) -> Vec<String> {
    let pattern = if ignore_case { pattern.to_lowercase() } else { pattern.to_string() };
    let (_, _, inner) = wildcard_parts(&pattern);
    if inner == "*" { vec!["*".to_string()] } else { inner.split('*').map(str::to_string).collect() }
}

fn sorted(values: &[String]) -> Vec<String> {
    let mut values = values.to_vec();
    values.sort();
    values
}

/// The order in which a Java `HashSet` built from these strings lists them (`details` of errors are compared as text).
fn java_set_order(values: &[String]) -> Vec<&str> {
    java_map::set_order(values).into_iter().filter_map(|place| values.get(place)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, want: Result<&str, &str>) {
        let got = FilterSpec::from_value("host", value).map(|spec| spec.describe());
        let got = got.as_ref().map(|d| d.strip_prefix("filter_name=").unwrap()).map_err(|e| e.0.as_str());
        assert_eq!(got, want, "{value}");
    }

    #[test]
    fn values_become_filters() {
        check("a", Ok("literal_or, tagk=host, group_by=false, tagk_bytes=null, config={literals=[a], case=false}"));
        check("a|b|a|", Ok("literal_or, tagk=host, group_by=false, tagk_bytes=null, config={literals=[a, b], case=false}"));
        // The order is that of a real answer's details.
        check(
            "a|b|zz|web01|q",
            Ok("literal_or, tagk=host, group_by=false, tagk_bytes=null, config={literals=[zz, a, q, b, web01], case=false}"),
        );
        check("|a", Ok("literal_or, tagk=host, group_by=false, tagk_bytes=null, config={literals=[, a], case=false}"));
        check("||", Ok("literal_or, tagk=host, group_by=false, tagk_bytes=null, config={literals=[], case=false}"));
        check("Web*x", Ok("wildcard, tagk=host, group_by=false, tagk_bytes=null, config={components=[web, x], case=true}"));
        check("*", Ok("wildcard, tagk=host, group_by=false, tagk_bytes=null, config={components=[*], case=true}"));
        check("**", Ok("wildcard, tagk=host, group_by=false, tagk_bytes=null, config={components=[*], case=true}"));
        check("REGEXP(a.b)", Ok("regexp, tagk=host, group_by=false, tagk_bytes=null, config={pattern=a.b}"));
        check("", Err("Filter cannot be null or empty"));
        check("|", Err("Filter must contain more than just a pipe"));
        check("wildcard(a", Err("Filter must end with a ')': wildcard(a"));
        check("wildcard()", Err("Filter cannot be null or empty"));
        check("wildcard(a)", Err("Filter must contain an asterisk"));
        check("foo(a)", Err("Could not find a tag value filter of the type: foo"));
        check("(a)", Err("The filter type cannot be null or empty"));
    }

    #[test]
    fn equal_filters() {
        let key = |v: &str| FilterSpec::from_value("host", v).unwrap().key();
        assert_eq!(key("a|b"), key("b|a"));
        assert_eq!(key("web*"), key("iwildcard(*WEB)"));
        assert_ne!(key("web*"), key("wildcard(web*)"));
        assert_ne!(key("a"), key("iliteral_or(a)"));
    }
}
