//! Lookup tables: values by patterns of tags.

use super::super::scope::Pattern;
use super::value::Tags;
use std::collections::BTreeMap;

/// A table; the first entry that matches and has the value wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lookup {
    /// The tag keys that every entry has patterns for.
    pub keys: Vec<String>,
    /// In the order of the file.
    pub entries: Vec<LookupEntry>,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupEntry {
    /// One pattern a key of the table.
    pub tags: Vec<(String, Pattern)>,
    /// Texts by name.
    pub values: BTreeMap<String, String>,
}

impl Lookup {
    /// The value of a name for a group.
    pub fn get(&self, name: &str, group: &Tags) -> Option<&str> {
        let holds = |entry: &&LookupEntry| entry.tags.iter().all(|(key, pattern)| group.get(key).is_some_and(|v| pattern.matches(v)));
        self.entries.iter().filter(holds).find_map(|entry| entry.values.get(name)).map(String::as_str)
    }
}
