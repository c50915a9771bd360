//! Tag filters: parsed once, matched against tag values.
//!
//! The texts come from [`parse`] (`m=...{host=web*}`, `literal_or(a|b)`, JSON objects); regular expressions are Java's and
//! are translated by [`java_regex`]. What a filter finds in the table (UIDs, rows) is the engine's work.

pub mod catalog;
pub mod parse;

pub use crate::point::java_regex;
pub use parse::FilterSpec;

/// One filter on one tag key, as the request gave it and ready to match.
#[derive(Clone, Debug)]
pub struct TagFilter {
    /// Tag name.
    pub tagk: String,
    /// Whether the tag's values split the answer into groups.
    pub group_by: bool,
    /// What it asks of the value.
    pub test: TagTest,
}

/// What a filter asks of a tag's value.
#[derive(Clone, Debug)]
pub enum TagTest {
    /// One of these names. The only test that is resolved to UIDs before the scan: an unknown name fails the query.
    LiteralOr {
        /// The names, in the order given, without duplicates.
        values: Vec<String>,
        /// Compare without case (then it is not resolved to UIDs, and an unknown name fails nothing). The names are in lower case.
        ignore_case: bool,
    },
    /// None of these names.
    NotLiteralOr {
        /// The names; in lower case with `ignore_case`.
        values: Vec<String>,
        /// Compare without case.
        ignore_case: bool,
    },
    /// `*` stands for any run of characters.
    Wildcard {
        /// The pattern as given.
        pattern: String,
        /// Compare without case.
        ignore_case: bool,
    },
    /// A Java regular expression that is found anywhere in the value.
    Regexp {
        /// The pattern as given.
        pattern: String,
        /// Translated and compiled.
        regex: std::sync::Arc<fancy_regex::Regex>,
    },
}

/// A regular expression took too many steps on one value: neither yes nor no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the regular expression '{pattern}' needs more than {limit} steps on '{value}' (REGEX_BACKTRACK_MAX)", limit = java_regex::REGEX_BACKTRACK_MAX)]
pub struct TooManySteps {
    pattern: String,
    value: String,
}

impl TagTest {
    /// Whether the value of a series' tag passes. A regular expression that gives up counts as no: use
    /// [`TagTest::try_matches`] where that must fail the query.
    pub fn matches(&self, value: &str) -> bool {
        self.try_matches(value).unwrap_or(false)
    }

    /// Whether the value of a series' tag passes.
    pub fn try_matches(&self, value: &str) -> Result<bool, TooManySteps> {
        Ok(match self {
            TagTest::LiteralOr { values, ignore_case } => is_one_of(values, *ignore_case, value),
            TagTest::NotLiteralOr { values, ignore_case } => !is_one_of(values, *ignore_case, value),
            TagTest::Wildcard { pattern, ignore_case: false } => wildcard_matches(pattern, value),
            TagTest::Wildcard { pattern, ignore_case: true } => wildcard_matches(&pattern.to_lowercase(), &value.to_lowercase()),
            TagTest::Regexp { pattern, regex } => {
                regex.is_match(value).map_err(|_| TooManySteps { pattern: pattern.clone(), value: value.to_string() })?
            }
        })
    }
}

fn is_one_of(values: &[String], ignore_case: bool, value: &str) -> bool {
    if ignore_case {
        let value = value.to_lowercase();
        values.contains(&value)
    } else {
        values.iter().any(|v| v == value)
    }
}

/// The parts of a wildcard between its stars, and whether it begins and ends with one.
///
/// A pattern of stars alone is the single part `*`, which matches everything.
pub(crate) fn wildcard_parts(pattern: &str) -> (bool, bool, &str) {
    let open_start = pattern.starts_with('*');
    let inner = pattern.trim_start_matches('*');
    if inner.is_empty() {
        return (true, true, "*");
    }
    (open_start, inner.ends_with('*'), inner.trim_end_matches('*'))
}

/// OpenTSDB's test, which is looser than its documentation: only a pattern with exactly one open side is tied to the
/// other side, and each part is looked for after the *lengths* of those before it, not after where they were found.
/// So `a*b` finds `xaxbx` (recorded cases `filter/khost-*-wildcard-*`).
fn wildcard_matches(pattern: &str, value: &str) -> bool {
    let (open_start, open_end, inner) = wildcard_parts(pattern);
    if inner == "*" {
        return true;
    }
    let last = inner.rsplit('*').next().unwrap_or_default();
    let first = inner.split('*').next().unwrap_or_default();
    if open_start && !open_end && !value.ends_with(last) || open_end && !open_start && !value.starts_with(first) {
        return false;
    }
    let mut from = 0;
    for part in inner.split('*') {
        // Lengths of earlier parts may end inside a character here; Java counts UTF-16 units there. The next boundary is
        // close enough: such values exist only with letters beyond ASCII.
        let Some(rest) = (from..=value.len()).find_map(|at| value.get(at..)) else { return false };
        if !rest.contains(part) {
            return false;
        }
        from += part.len();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, value: &str, want: bool) {
        let spec = FilterSpec::from_value("host", filter).expect(filter);
        assert_eq!(spec.filter.test.matches(value), want, "{filter} on {value}");
    }

    #[test]
    fn what_filters_match() {
        check("web01", "web01", true);
        check("web01", "Web01", false);
        check("web01|web02", "web02", true);
        check("iliteral_or(WEB01)", "Web01", true);
        check("not_literal_or(web01|web02)", "web01", false);
        check("not_literal_or(web01|web02)", "WEB01", true);
        check("not_iliteral_or(web01)", "WEB01", false);
        check("*", "anything", true);
        check("**", "anything", true);
        check("web*", "web01", true);
        check("web*", "WEB01", true); // a bare pattern ignores case
        check("wildcard(web*)", "WEB01", false);
        check("iwildcard(WEB*)", "web01", true);
        check("wildcard(web*)", "xweb01", false);
        check("wildcard(*01)", "web01", true);
        check("wildcard(*01)", "web012", false);
        check("wildcard(*eb*)", "web01", true);
        check("wildcard(w*1)", "web01", true);
        check("wildcard(w*1)", "xweb01x", true); // not tied to either side
        check("wildcard(w*b*1)", "web01", true);
        check("wildcard(w**1)", "web01", true);
        check("wildcard(w*x*1)", "web01", false);
        check("wildcard(é*à)", "éà", true);
        check("regexp(eb)", "web01", true); // found anywhere
        check("regexp(^eb)", "web01", false);
        check("regexp(web0[1-3]$)", "web02", true);
    }

    #[test]
    fn a_regexp_that_never_ends_gives_up() {
        let spec = FilterSpec::from_value("host", "regexp(^(?=a)(a*)*\\1b$)").unwrap();
        let started = std::time::Instant::now();
        assert!(spec.filter.test.try_matches(&"a".repeat(60)).is_err());
        assert!(started.elapsed().as_secs() < 60);
    }
}
