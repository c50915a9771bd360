//! Saved series with notes, and queries that were drawn.
//!
//! A collection keeps the values of its series, so that it outlives the data. It is searched with the same query as the
//! stored series, and its hits are shown above theirs.

use super::index::{Entry, Index};
use serde::{Deserialize, Serialize};

/// Longest name, in bytes.
const NAME_MAX: usize = 200;
/// Longest description or note, in bytes.
const NOTE_MAX: usize = 20_000;
/// Most series of a collection.
const ITEMS_MAX: usize = 1_000;
/// Most values of a saved series or of a drawing.
const VALUES_MAX: usize = 20_000;

/// Series that belong together: the marks of an incident, say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Collection {
    /// What it is called; unique.
    pub name: String,
    /// Plain text.
    pub description: String,
    /// Its series.
    pub items: Vec<Item>,
    /// Seconds since the epoch at which it was last changed.
    pub updated: i64,
}

/// A saved series.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Item {
    /// Metric and tags.
    pub name: String,
    /// Its TSUID, if it has one.
    pub tsuid: String,
    /// When the saved stretch begins, seconds since the epoch.
    pub start: i64,
    /// When it ends.
    pub end: i64,
    /// What somebody wrote about it.
    pub note: String,
    /// Its values, oldest first.
    pub values: Vec<f64>,
}

/// What is wrong with a collection or a drawing.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum CollectionError {
    /// No name, or one that cannot be part of an address.
    #[error("a collection needs a name of 1 to {NAME_MAX} bytes without control characters and \"/\"")]
    Name,
    /// A text, or a list, is too long.
    #[error("{what}: at most {max}, not {is}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
        /// What was given.
        is: usize,
    },
    /// A value that is no number.
    #[error("value {place} is no finite number: {text:?}")]
    Value {
        /// Counted from 1.
        place: usize,
        /// What stands there.
        text: String,
    },
}

impl Collection {
    /// Checks all bounds.
    pub fn check(&self) -> Result<(), CollectionError> {
        if self.name.is_empty() || self.name.len() > NAME_MAX || self.name.chars().any(|c| c.is_control() || c == '/') {
            return Err(CollectionError::Name);
        }
        at_most("bytes of the description", self.description.len(), NOTE_MAX)?;
        at_most("series of a collection", self.items.len(), ITEMS_MAX)?;
        for item in &self.items {
            at_most("bytes of a series' name", item.name.len(), NOTE_MAX)?;
            at_most("bytes of a note", item.note.len(), NOTE_MAX)?;
            at_most("values of a series", item.values.len(), VALUES_MAX)?;
            if let Some(place) = item.values.iter().position(|v| !v.is_finite()) {
                return Err(CollectionError::Value { place: place + 1, text: item.name.clone() });
            }
        }
        Ok(())
    }

    /// An index of the series of all collections. The id of a hit is `collection/number of the series, from 0`.
    pub fn index<'a>(collections: impl IntoIterator<Item = &'a Collection>) -> Index {
        Index::build(collections.into_iter().flat_map(|collection| {
            collection.items.iter().enumerate().map(|(i, item)| Entry {
                id: format!("{}/{i}", collection.name),
                name: item.name.clone(),
                values: item.values.clone(),
            })
        }))
    }
}

fn at_most(what: &'static str, is: usize, max: usize) -> Result<(), CollectionError> {
    if is > max { Err(CollectionError::TooMuch { what, max, is }) } else { Ok(()) }
}

/// The values of a drawing, as a page sends them: numbers with commas between.
pub fn drawn(text: &str) -> Result<Vec<f64>, CollectionError> {
    let mut values = Vec::new();
    for (i, part) in text.split(',').enumerate() {
        at_most("values of a drawing", i + 1, VALUES_MAX)?;
        let value = part.trim().parse().ok().filter(|v: &f64| v.is_finite());
        values.push(value.ok_or_else(|| CollectionError::Value { place: i + 1, text: part.chars().take(40).collect() })?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::similar::Search;

    #[test]
    fn drawings() {
        assert_eq!(drawn("1, 2.5,-3e2"), Ok(vec![1.0, 2.5, -300.0]));
        let message = |text: &str| drawn(text).unwrap_err().to_string();
        assert_eq!(message("1,x"), "value 2 is no finite number: \"x\"");
        assert_eq!(message(""), "value 1 is no finite number: \"\"");
        assert_eq!(message("1,NaN"), "value 2 is no finite number: \"NaN\"");
        assert!(message(&"1,".repeat(VALUES_MAX + 5)).starts_with("values of a drawing: at most 20000"));
    }

    #[test]
    fn bounds() {
        let named = |name: &str| Collection { name: name.into(), ..Collection::default() };
        assert_eq!(named("disk full, 3 May").check(), Ok(()));
        assert_eq!(named("").check(), Err(CollectionError::Name));
        assert_eq!(named("a/b").check(), Err(CollectionError::Name));
        assert_eq!(named(&"n".repeat(300)).check(), Err(CollectionError::Name));
        let items = vec![Item { values: vec![1.0, f64::INFINITY], ..Item::default() }];
        assert!(Collection { items, ..named("c") }.check().is_err());
    }

    #[test]
    fn collections_are_searched() {
        let wave: Vec<f64> = (0..30).map(|i| f64::from(i % 7)).collect();
        let items = vec![Item { name: "m{h=1}".into(), values: wave.clone(), ..Item::default() }];
        let index = Collection::index([&Collection { name: "c".into(), items, ..Collection::default() }]);
        assert_eq!(index.search(&wave, &Search::default()).hits[0].id, "c/0");
    }
}
