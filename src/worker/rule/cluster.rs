//! Metrics over the members of a group: open-falcon's aggregator.
//!
//! | side | a member counts |
//! | --- | --- |
//! | `$(metric)`, `$(metric/tag=value)` joined by `+` and `-` | the sum |
//! | `$(metric) >= 5`, `($(a) + $(b)) > 5` | 1 or 0 |
//! | `12` | nothing: the side is the number |
//! | `$#` | 1: the side is the number of members |
//!
//! A member that lacks one value of either side counts on neither. Source: open-falcon's aggregator, SPEC c.7.

use super::expression::{Filter, Query, Request, Source, SourceError, Tags};
use super::judge::Operator;
use super::model::Cluster;
use std::collections::{BTreeMap, BTreeSet};

/// Most values that one side may name.
const TERMS_MOST: usize = 100;

/// One value of each member: a metric, and tags that tell it apart on the member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// The metric.
    pub metric: String,
    /// Its tags besides the member's own.
    pub tags: BTreeMap<String, String>,
}

/// What stands above or below the line.
#[derive(Clone, Debug, PartialEq)]
pub enum Side {
    /// The sum of the members' sums.
    Sum(Vec<(f64, Counter)>),
    /// How many members' sums compare so.
    Count(Vec<(f64, Counter)>, Operator, f64),
    /// A number.
    Number(f64),
    /// How many members have every value.
    Members,
}

impl Side {
    /// Reads a side; the error says what was expected, and the byte where.
    pub fn parse(text: &str) -> Result<Side, (usize, String)> {
        let trimmed = text.trim();
        if trimmed == "$#" {
            return Ok(Side::Members);
        }
        if let Ok(number) = trimmed.parse::<f64>()
            && number.is_finite()
        {
            return Ok(Side::Number(number));
        }
        let mut reader = Reader { text, at: 0 };
        let bracket = reader.take("(");
        let terms = reader.terms()?;
        if bracket && !reader.take(")") {
            return Err(reader.wrong("expected )"));
        }
        if reader.rest().is_empty() {
            return if bracket { Err(reader.wrong("expected a comparison after )")) } else { Ok(Side::Sum(terms)) };
        }
        let operator = reader.operator()?;
        let number = reader.rest().parse::<f64>().map_err(|_| reader.wrong("expected a number"))?;
        Ok(Side::Count(terms, operator, number))
    }

    /// The values it needs of each member.
    pub fn counters(&self) -> impl Iterator<Item = &Counter> {
        match self {
            Side::Sum(terms) | Side::Count(terms, ..) => terms.as_slice(),
            Side::Number(_) | Side::Members => &[],
        }
        .iter()
        .map(|(_, counter)| counter)
    }

    fn over(&self, members: &[BTreeMap<Counter, f64>]) -> f64 {
        let sum = |terms: &[(f64, Counter)], member: &BTreeMap<Counter, f64>| -> f64 {
            terms.iter().map(|(sign, counter)| sign * member.get(counter).copied().unwrap_or(f64::NAN)).sum()
        };
        match self {
            Side::Sum(terms) => members.iter().map(|m| sum(terms, m)).sum(),
            Side::Count(terms, operator, right) => members.iter().filter(|m| operator.holds(sum(terms, m), *right)).count() as f64,
            Side::Number(number) => *number,
            Side::Members => members.len() as f64,
        }
    }
}

/// numerator / denominator over the members; each is the values that it has. `None`: no member has all of them, or the
/// denominator is zero.
pub fn ratio(numerator: &Side, denominator: &Side, members: &[BTreeMap<Counter, f64>]) -> Option<f64> {
    let needed: Vec<&Counter> = numerator.counters().chain(denominator.counters()).collect();
    let complete: Vec<_> = members.iter().filter(|m| needed.iter().all(|c| m.contains_key(*c))).cloned().collect();
    let below = denominator.over(&complete);
    (!complete.is_empty() && below != 0.0).then(|| numerator.over(&complete) / below).filter(|value| value.is_finite())
}

impl Cluster {
    /// The metric's value now. `None`: no member has all values, or the denominator is zero.
    ///
    /// # Errors
    /// What the source said.
    pub fn value(&self, source: &dyn Source, now: i64) -> Result<Option<f64>, SourceError> {
        let oldest = now.saturating_sub(i64::try_from(self.every.as_secs()).unwrap_or(i64::MAX).saturating_mul(2));
        let keys: BTreeSet<&str> =
            self.group.any.iter().flat_map(|m| &m.tags).map(|(key, _)| key.as_str()).chain([self.member.as_str()]).collect();
        let mut members: BTreeMap<String, BTreeMap<Counter, f64>> = BTreeMap::new();
        let counters: BTreeSet<&Counter> = self.numerator.counters().chain(self.denominator.counters()).collect();
        for counter in counters {
            let request = Request { start: oldest, end: now, query: query(counter, &keys) };
            for answer in source.query(&request)? {
                let tags: Tags = answer.tags.into_iter().chain(counter.tags.clone()).collect();
                let newest = answer.points.last().filter(|(at, value)| *at >= oldest && value.is_finite());
                let (Some((_, value)), Some(member), true) = (newest, tags.get(&self.member), self.group.has(&tags)) else { continue };
                // A member may have several series of a counter, by tags that the group looks at.
                *members.entry(member.clone()).or_default().entry(counter.clone()).or_insert(0.0) += value;
            }
        }
        // Members count by what they have; without any value named there is nothing to have.
        let members: Vec<_> = members.into_values().collect();
        Ok(ratio(&self.numerator, &self.denominator, &members))
    }
}

/// All series of a counter, by the tags that matter.
fn query(counter: &Counter, keys: &BTreeSet<&str>) -> Query {
    let filter = |kind: &str, key: &str, filter: &str, group_by| Filter {
        kind: kind.to_string(),
        key: key.to_string(),
        filter: filter.to_string(),
        group_by,
    };
    let by = keys.iter().filter(|key| !counter.tags.contains_key(**key)).map(|key| filter("wildcard", key, "*", true));
    let of = counter.tags.iter().map(|(key, value)| filter("literal_or", key, value, keys.contains(key.as_str())));
    let filters: Vec<Filter> = by.chain(of).collect();
    Query { aggregator: "sum".to_string(), metric: counter.metric.clone(), filters, ..Query::default() }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.len() - rest.trim_start().len();
        rest.trim()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn wrong(&self, what: &str) -> (usize, String) {
        (self.at, what.to_string())
    }

    fn terms(&mut self) -> Result<Vec<(f64, Counter)>, (usize, String)> {
        let mut terms = Vec::new();
        let mut sign = if self.take("-") { -1.0 } else { 1.0 };
        loop {
            if !self.take("$(") {
                return Err(self.wrong("expected $(metric), $(metric/tag=value), a number or $#"));
            }
            let rest = self.text.get(self.at..).unwrap_or_default();
            let end = rest.find(')').ok_or_else(|| self.wrong("expected ) after the name"))?;
            let counter = counter_of(rest.get(..end).unwrap_or_default()).map_err(|what| self.wrong(&what))?;
            self.at += end + 1;
            terms.push((sign, counter));
            if terms.len() > TERMS_MOST {
                return Err(self.wrong(&format!("expected at most {TERMS_MOST} values")));
            }
            sign = match (self.take("+"), self.take("-")) {
                (true, _) => 1.0,
                (_, true) => -1.0,
                _ => return Ok(terms),
            };
        }
    }

    fn operator(&mut self) -> Result<Operator, (usize, String)> {
        let word = ["==", "!=", "<=", ">=", "=", "<", ">"].into_iter().find(|word| self.take(word));
        word.map(Operator::of).ok_or_else(|| self.wrong("expected +, - or a comparison (= == != < <= > >=)"))
    }
}

fn counter_of(text: &str) -> Result<Counter, String> {
    let (metric, rest) = text.split_once('/').map_or((text, ""), |(metric, rest)| (metric, rest));
    if metric.is_empty() {
        return Err("expected the name of a metric".to_string());
    }
    let mut tags = BTreeMap::new();
    for pair in rest.split(',').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("expected tag=value, found {pair:?}"))?;
        tags.insert(key.trim().to_string(), value.trim().to_string());
    }
    Ok(Counter { metric: metric.trim().to_string(), tags })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(values: &[(&str, f64)]) -> BTreeMap<Counter, f64> {
        values.iter().map(|(name, v)| (counter_of(name).unwrap(), *v)).collect()
    }

    fn check(numerator: &str, denominator: &str, want: Option<f64>) {
        let members = [member(&[("a", 1.0), ("b/x=1", 4.0)]), member(&[("a", 3.0), ("b/x=1", 10.0)]), member(&[("a", 9.0)])];
        let (above, below) = (Side::parse(numerator).unwrap(), Side::parse(denominator).unwrap());
        assert_eq!(ratio(&above, &below, &members), want, "{numerator} / {denominator}");
    }

    #[test]
    fn sides() {
        check("$(a)", "$#", Some(13.0 / 3.0));
        check("$(a) + $(b/x=1)", "$#", Some(9.0));
        check("$(a)-$(b/x=1)", "1", Some(-10.0));
        check("$(a)", "$(b/x=1)", Some(4.0 / 14.0));
        check("$(a) >= 3", "$#", Some(2.0 / 3.0));
        check("($(a) + $(b/x=1)) > 5", "$#", Some(0.5));
        check("$(missing)", "$#", None);
        check("$(a)", "0", None);
        for wrong in ["", "$", "$(a", "$()", "$(a) +", "($(a)", "($(a))", "$(a) > ", "$(a) ~ 3", "a", "$(a/x)"] {
            assert!(Side::parse(wrong).is_err(), "{wrong}");
        }
    }

    /// Answers with series whose newest points are given; keeps what was asked.
    struct Newest(std::sync::Mutex<Vec<Request>>);

    impl Source for Newest {
        fn query(&self, request: &Request) -> Result<Vec<super::super::expression::Answer>, SourceError> {
            self.0.lock().unwrap().push(request.clone());
            let one = |host: &str, age: i64, value: f64| super::super::expression::Answer {
                tags: Tags::from([("host".to_string(), host.to_string())]),
                points: vec![(request.end - 300, 7.0), (request.end - age, value)],
            };
            Ok(match request.query.metric.as_str() {
                "busy" => vec![one("web1", 10, 90.0), one("web2", 60, 30.0), one("web3", 200, 99.0), one("db1", 1, 50.0)],
                _ => vec![one("web1", 10, 4.0), one("web2", 10, 8.0), one("web3", 10, 8.0)],
            })
        }
    }

    #[test]
    fn values_over_the_members_of_a_group() {
        let text = |numerator: &str, denominator: &str| {
            format!(
                "[group.web]\nmatch = {{ host = \"web*\" }}\n[cluster.c]\ngroup = \"web\"\nnumerator = \"{numerator}\"\ndenominator = \"{denominator}\"\n\
                 metric = \"m\"\ntags = {{ a = \"b\" }}\n"
            )
        };
        let value = |numerator: &str, denominator: &str| {
            let file = super::super::file::SourceFile { name: "f".into(), text: text(numerator, denominator), channels: true };
            let set = super::super::file::load(&[file]);
            assert_eq!(set.faults, []);
            let source = Newest(std::sync::Mutex::default());
            let value = set.clusters["c"].value(&source, 1_700_000_000).unwrap();
            (value, source.0.into_inner().unwrap())
        };
        // web3's newest value is too old, and db1 is no member.
        assert_eq!(value("$(busy)", "$#").0, Some(60.0));
        assert_eq!(value("$(busy) > 50", "$#").0, Some(0.5));
        let (all, asked) = value("$(busy)", "$(cores/kind=real)");
        assert_eq!(all, Some(10.0));
        assert_eq!((asked[0].start, asked[0].end, asked.len()), (1_699_999_880, 1_700_000_000, 2));
        let body = serde_json::to_string(&asked[1].query).unwrap();
        assert!(body.contains(r#""filters":[{"type":"wildcard","tagk":"host","filter":"*","groupBy":true},{"type":"literal_or","tagk":"kind","filter":"real","groupBy":false}]"#), "{body}");
    }
}
