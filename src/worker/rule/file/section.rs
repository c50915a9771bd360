//! Reading a section key by key: each value is checked where it is taken, and what was not taken is a fault.

use super::super::expression;
use super::super::model::{Fault, Place};
use super::super::scope::{Match, Pattern};
use super::tree::{Table, Text, Tree, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest time that any setting may name: 10 years.
const DURATION_MOST: Duration = Duration::from_secs(315_360_000);

/// Where faults are gathered.
#[derive(Debug, Default)]
pub(super) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    pub fn add(&self, place: &Place, message: impl Into<String>) {
        self.0.borrow_mut().push(Fault { place: place.clone(), message: message.into() });
    }

    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    pub fn take(&self) -> Vec<Fault> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

/// One table of a file while it is read.
pub(super) struct Section<'t> {
    pub place: Place,
    /// `rule.x`, for messages.
    pub name: String,
    table: &'t Table,
    taken: RefCell<BTreeSet<String>>,
    pub faults: &'t Faults,
}

impl<'t> Section<'t> {
    pub fn new(name: impl Into<String>, place: &Place, table: &'t Table, faults: &'t Faults) -> Section<'t> {
        Section { place: place.clone(), name: name.into(), table, taken: RefCell::default(), faults }
    }

    /// Says what is wrong, at the section's head.
    pub fn wrong(&self, message: impl Into<String>) {
        self.faults.add(&self.place, message);
    }

    pub fn take(&self, key: &str) -> Option<&'t Tree> {
        self.taken.borrow_mut().insert(key.to_string());
        self.table.get(key)
    }

    /// Every key that is there.
    pub fn keys(&self) -> impl Iterator<Item = &'t str> {
        self.table.0.iter().map(|(key, ..)| key.as_str())
    }

    fn expected<T>(&self, key: &str, tree: &Tree, what: &str) -> Option<T> {
        self.faults.add(&tree.place, format!("{key}: expected {what}, found {}", tree.value.name()));
        None
    }

    pub fn text(&self, key: &str) -> Option<(&'t Text, &'t Place)> {
        let tree = self.take(key)?;
        match &tree.value {
            Value::Text(text) => Some((text, &tree.place)),
            _ => self.expected(key, tree, "a text"),
        }
    }

    pub fn string(&self, key: &str) -> Option<String> {
        self.text(key).map(|(text, _)| text.text.clone())
    }

    pub fn bool(&self, key: &str) -> Option<bool> {
        let tree = self.take(key)?;
        match tree.value {
            Value::Bool(value) => Some(value),
            _ => self.expected(key, tree, "true or false"),
        }
    }

    pub fn whole(&self, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let tree = self.take(key)?;
        match tree.value {
            Value::Integer(number) if range.contains(&number) => Some(number),
            Value::Integer(number) => {
                self.faults.add(&tree.place, format!("{key}: expected {} to {}, found {number}", range.start(), range.end()));
                None
            }
            _ => self.expected(key, tree, "a whole number"),
        }
    }

    pub fn count(&self, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<usize> {
        self.whole(key, range).and_then(|n| usize::try_from(n).ok())
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        let tree = self.take(key)?;
        match tree.value {
            Value::Integer(number) => Some(number as f64),
            Value::Float(number) if number.is_finite() => Some(number),
            _ => self.expected(key, tree, "a number"),
        }
    }

    /// A number that is not negative.
    pub fn size(&self, key: &str) -> Option<f64> {
        let number = self.number(key)?;
        if number >= 0.0 {
            return Some(number);
        }
        let place = self.table.get(key).map_or(&self.place, |tree| &tree.place);
        self.faults.add(place, format!("{key}: expected a number that is not negative, found {number}"));
        None
    }

    /// A time of at least `least`.
    pub fn duration(&self, key: &str, least: Duration) -> Option<Duration> {
        let (text, place) = self.text(key)?;
        let wrong = |message: String| {
            self.faults.add(place, format!("{key}: {message}"));
            None
        };
        let nanos = match expression::duration_nanos(&text.text) {
            Ok(nanos) => nanos,
            Err(message) => return wrong(message),
        };
        let Ok(nanos) = u64::try_from(nanos) else { return wrong(format!("expected a time that is not negative, found {:?}", text.text)) };
        let found = Duration::from_nanos(nanos);
        if found < least {
            return wrong(format!("expected at least {}, found {:?}", shown(least), text.text));
        }
        if found > DURATION_MOST {
            return wrong(format!("expected at most 10y, found {:?}", text.text));
        }
        Some(found)
    }

    pub fn table(&self, key: &str) -> Option<Section<'t>> {
        let tree = self.take(key)?;
        match &tree.value {
            Value::Table(table) => Some(Section::new(format!("{}.{key}", self.name), &tree.place, table, self.faults)),
            _ => self.expected(key, tree, "a table"),
        }
    }

    /// Tables of a list, or one table alone.
    pub fn tables(&self, key: &str) -> Option<Vec<Section<'t>>> {
        let tree = self.take(key)?;
        let one = |tree: &'t Tree| match &tree.value {
            Value::Table(table) => Some(Section::new(format!("{}.{key}", self.name), &tree.place, table, self.faults)),
            _ => self.expected(key, tree, "a table"),
        };
        match &tree.value {
            Value::List(list) => list.iter().map(one).collect(),
            _ => Some(vec![one(tree)?]),
        }
    }

    /// Texts of a list, or one text alone.
    pub fn texts(&self, key: &str) -> Option<Vec<(&'t Text, &'t Place)>> {
        let tree = self.take(key)?;
        let one = |tree: &'t Tree| match &tree.value {
            Value::Text(text) => Some((text, &tree.place)),
            _ => self.expected(key, tree, "a text"),
        };
        match &tree.value {
            Value::List(list) => list.iter().map(one).collect(),
            _ => Some(vec![one(tree)?]),
        }
    }

    pub fn strings(&self, key: &str) -> Option<Vec<String>> {
        Some(self.texts(key)?.into_iter().map(|(text, _)| text.text.clone()).collect())
    }

    /// One of some words.
    pub fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let (text, place) = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text.text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let near = crate::config::did_you_mean(&text.text, list.iter().copied());
            self.faults.add(place, format!("{key}: expected {}, found {:?}{near}", list.join(" or "), text.text));
        }
        found
    }

    /// Pairs of texts; numbers and truths count as texts.
    pub fn pairs(&self, key: &str) -> Option<BTreeMap<String, String>> {
        self.table(key).map(|section| section.own_pairs())
    }

    /// The section itself as pairs.
    pub fn own_pairs(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for (name, _, tree) in &self.table.0 {
            let text = match &tree.value {
                Value::Text(text) => text.text.clone(),
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Bool(value) => value.to_string(),
                _ => {
                    self.faults.add(&tree.place, format!("{name}: expected a text or a number, found {}", tree.value.name()));
                    continue;
                }
            };
            out.insert(name.clone(), text);
        }
        out
    }

    /// `{ host = "web*" }`, or a list of such.
    pub fn matches(&self, key: &str) -> Option<Vec<Match>> {
        self.tables(key)?.into_iter().map(|section| section.one_match()).collect()
    }

    fn one_match(&self) -> Option<Match> {
        let mut tags = Vec::new();
        for key in self.keys() {
            let (text, place) = self.text(key)?;
            tags.push((key.to_string(), self.pattern(&text.text, place)?));
        }
        if tags.is_empty() {
            self.wrong("expected at least one tag with a pattern, like { host = \"web*\" }");
            return None;
        }
        Some(Match { tags })
    }

    pub fn pattern(&self, text: &str, place: &Place) -> Option<Pattern> {
        match Pattern::parse(text) {
            Ok(pattern) => Some(pattern),
            Err(message) => {
                self.faults.add(place, message);
                None
            }
        }
    }

    /// Says which keys nobody took.
    pub fn finish(&self) {
        let taken = self.taken.borrow();
        for (key, place, _) in &self.table.0 {
            if !taken.contains(key) {
                let near = crate::config::did_you_mean(key, taken.iter().map(String::as_str));
                self.faults.add(place, format!("{} has no key {key}{near}", self.name));
            }
        }
    }
}

fn shown(time: Duration) -> String {
    format!("{}s", time.as_secs())
}
