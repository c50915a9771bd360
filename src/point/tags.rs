//! Tags of one point, in a buffer on the stack.

use super::name::shown;
use super::{PointError, java_map};
use std::collections::HashMap;

/// Tags held without allocation: OpenTSDB's own limit.
const INLINE: usize = 8;
/// From so many tags on, double keys are found by hashing (a line can hold thousands before the limit refuses it).
const SCAN_MAX: usize = 32;

/// Tags of one point. Made anew for each (it lives on the stack); allocates only beyond eight tags.
#[derive(Default)]
pub struct TagBuf<'a> {
    inline: [(&'a str, &'a str); INLINE],
    len: usize,
    /// All tags, once there are more than fit.
    spill: Vec<(&'a str, &'a str)>,
    /// Places by key, once there are many.
    places: HashMap<&'a str, usize>,
}

impl<'a> TagBuf<'a> {
    /// No tags.
    #[inline]
    pub fn new() -> TagBuf<'a> {
        TagBuf::default()
    }

    /// The tags in the order given.
    #[inline]
    pub fn as_slice(&self) -> &[(&'a str, &'a str)] {
        if self.len <= INLINE { self.inline.get(..self.len).unwrap_or_default() } else { &self.spill }
    }

    /// Forgets the tags.
    pub fn clear(&mut self) {
        self.len = 0;
        self.spill.clear();
        self.places.clear();
    }

    /// Adds a tag whose key is new. JSON readers call [`TagBuf::set`], which lets a later one win.
    #[inline]
    fn add(&mut self, key: &'a str, value: &'a str) {
        match self.inline.get_mut(self.len) {
            Some(place) => *place = (key, value),
            None => self.add_spilled(key, value),
        }
        self.len += 1;
    }

    #[cold]
    fn add_spilled(&mut self, key: &'a str, value: &'a str) {
        if self.spill.is_empty() {
            self.spill.extend_from_slice(&self.inline);
        }
        self.spill.push((key, value));
        if self.spill.len() == SCAN_MAX {
            self.places = self.spill.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();
        } else if self.spill.len() > SCAN_MAX {
            self.places.insert(key, self.spill.len() - 1);
        }
    }

    #[inline]
    fn place(&self, key: &str) -> Option<usize> {
        if self.len >= SCAN_MAX {
            return self.places.get(key).copied();
        }
        self.as_slice().iter().position(|(k, _)| *k == key)
    }

    /// Takes a word `key=value`. Exactly one `=`, nothing empty; the same tag twice counts once, another value for a
    /// key is an error (recorded cases `put_bad/t05` to `t10`).
    #[inline]
    pub fn parse_word(&mut self, word: &'a str) -> Result<(), PointError> {
        let bytes = word.as_bytes();
        let equals = bytes.iter().position(|&b| b == b'=').unwrap_or(0);
        let (Some(key), Some(value)) = (word.get(..equals), word.get(equals + 1..)) else {
            return Err(PointError::Illegal(format!("invalid tag: {word}")));
        };
        if key.is_empty() || value.is_empty() || value.as_bytes().contains(&b'=') {
            return Err(PointError::Illegal(format!("invalid tag: {word}")));
        }
        match self.place(key).and_then(|at| self.as_slice().get(at)) {
            None => self.add(key, value),
            Some((_, old)) if *old == value => {}
            Some(_) => {
                let shown = TagBuf::show(self.as_slice(), true);
                return Err(PointError::Illegal(format!("duplicate tag: {word}, tags={shown}")));
            }
        }
        Ok(())
    }

    /// Sets a tag as JSON objects do: a later value replaces an earlier one in its place. `None`: it is `null`, which
    /// admission refuses by its name.
    pub fn set(&mut self, key: &'a str, value: Option<&'a str>) {
        let value = value.unwrap_or(super::name::NULL);
        match self.place(key) {
            None => self.add(key, value),
            Some(at) => {
                let tags = if self.len <= INLINE { self.inline.as_mut_slice() } else { self.spill.as_mut_slice() };
                if let Some(tag) = tags.get_mut(at) {
                    tag.1 = value;
                }
            }
        }
    }

    /// Tags as Java prints a map: `{host=a, dc=b}`; `hashed`: in the order of a `HashMap`, else in the order given.
    pub fn show(tags: &[(&str, &str)], hashed: bool) -> String {
        let ordered = if hashed { TagBuf::hash_order(tags) } else { tags.to_vec() };
        let pairs: Vec<String> = ordered.iter().map(|(key, value)| format!("{}={}", shown(key), shown(value))).collect();
        format!("{{{}}}", pairs.join(", "))
    }

    /// The order in which a Java `HashMap` that got these tags one after another goes through them: by bucket, then as
    /// they came.
    pub fn hash_order<'b>(tags: &[(&'b str, &'b str)]) -> Vec<(&'b str, &'b str)> {
        let keys: Vec<&str> = tags.iter().map(|(key, _)| *key).collect();
        java_map::default_order(&keys).into_iter().filter_map(|place| tags.get(place).copied()).collect()
    }
}
