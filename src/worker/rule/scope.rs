//! Which series are meant: patterns over tag values, groups of hosts, and a rule's choice among both.

use super::model::Place;
use crate::point::glob::glob as fits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest pattern, in bytes.
const PATTERN_MOST: usize = 1_000;

/// A pattern of a tag value or of a name.
///
/// | text | holds for |
/// | --- | --- |
/// | `web*` | what begins with `web`; `*` stands for any letters, `?` for one |
/// | `a*|b*` | either |
/// | `~^web[0-9]+$` | what the regular expression finds |
/// | `!TEXT` | what TEXT does not hold for |
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    not: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Globs(Vec<Vec<char>>),
    Regex(Arc<fancy_regex::Regex>),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let (not, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        if rest.is_empty() {
            return Err("expected a pattern, found nothing".to_string());
        }
        if rest.len() > PATTERN_MOST {
            return Err(format!("a pattern has at most {PATTERN_MOST} bytes"));
        }
        let kind = match rest.strip_prefix('~') {
            Some(regex) => {
                let found = fancy_regex::RegexBuilder::new(regex).backtrack_limit(10_000).build();
                Kind::Regex(Arc::new(found.map_err(|e| format!("expected a regular expression after ~: {e}"))?))
            }
            None => Kind::Globs(rest.split('|').map(|glob| glob.chars().collect()).collect()),
        };
        Ok(Pattern { text: text.to_string(), not, kind })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds for a value.
    pub fn matches(&self, value: &str) -> bool {
        let found = match &self.kind {
            Kind::Globs(globs) => {
                let chars: Vec<char> = value.chars().collect();
                globs.iter().any(|glob| fits(glob, &chars))
            }
            // What is too hard to decide does not hold.
            Kind::Regex(regex) => regex.is_match(value).unwrap_or(false),
        };
        found != self.not
    }
}

/// Patterns of tags that must all hold. A tag that is not there holds for no pattern, not even a negated one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// Tag key and pattern; never empty when read from a file.
    pub tags: Vec<(String, Pattern)>,
}

impl Match {
    /// Whether a series with these tags is meant.
    pub fn holds(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|(key, pattern)| tags.get(key).is_some_and(|value| pattern.matches(value)))
    }
}

/// A group of series by their tags: the hosts of a service, a data centre.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Unique over all files.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// One of these must hold.
    pub any: Vec<Match>,
}

impl Group {
    /// Whether a series with these tags is a member.
    pub fn has(&self, tags: &BTreeMap<String, String>) -> bool {
        self.any.iter().any(|m| m.holds(tags))
    }
}

/// Which series of its source a rule judges. Empty: all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Member of one of these, if there are any.
    pub groups: Vec<Arc<Group>>,
    /// Member of none of these.
    pub not_groups: Vec<Arc<Group>>,
    /// One of these holds, if there are any.
    pub any: Vec<Match>,
    /// Scopes of rules that override this one: what they cover is theirs.
    pub except: Vec<Scope>,
}

impl Scope {
    /// Whether a series with these tags is judged.
    pub fn covers(&self, tags: &BTreeMap<String, String>) -> bool {
        (self.groups.is_empty() || self.groups.iter().any(|g| g.has(tags)))
            && !self.not_groups.iter().any(|g| g.has(tags))
            && (self.any.is_empty() || self.any.iter().any(|m| m.holds(tags)))
            && !self.except.iter().any(|scope| scope.covers(tags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, value: &str, want: bool) {
        assert_eq!(Pattern::parse(pattern).unwrap().matches(value), want, "{pattern} {value}");
    }

    #[test]
    fn patterns() {
        check("web*", "web01", true);
        check("web*", "xweb01", false);
        check("*web*|db?", "db1", true);
        check("*web*|db?", "db12", false);
        check("!web*", "db1", true);
        check("~^web[0-9]+$", "web12", true);
        check("~eb", "web12", true);
        check("!~eb", "web12", false);
        check("a*b*c", "aXbXbc", true);
        check("a*b*c", "aXbXb", false);
        check("*", "", true);
        check(&"*a".repeat(400), &"a".repeat(2_000), true);
        assert!(Pattern::parse("").is_err());
        assert!(Pattern::parse("~(").is_err());
        assert!(Pattern::parse(&"x".repeat(2_000)).is_err());
    }

    #[test]
    fn scopes() {
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<BTreeMap<_, _>>();
        let one = |key: &str, pattern: &str| Match { tags: vec![(key.to_string(), Pattern::parse(pattern).unwrap())] };
        let group = Arc::new(Group { name: "web".into(), place: Place::default(), any: vec![one("host", "web*")] });
        let scope = Scope { groups: vec![group], any: vec![one("dc", "x")], ..Scope::default() };
        assert!(scope.covers(&tags(&[("host", "web1"), ("dc", "x")])));
        assert!(!scope.covers(&tags(&[("host", "web1")])));
        assert!(!scope.covers(&tags(&[("host", "db1"), ("dc", "x")])));
        let rest = Scope { except: vec![scope], ..Scope::default() };
        assert!(!rest.covers(&tags(&[("host", "web1"), ("dc", "x")])));
        assert!(rest.covers(&tags(&[("host", "db1")])));
    }
}
