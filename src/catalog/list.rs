//! The names of one kind in memory, laid out so that parts of names are found by one walk over one text: 100,000 names are
//! 4 MB, which a processor looks through in about a millisecond. No tree, no n-grams, nothing to keep up to date but an end.

use super::words::{Rank, Words};
use crate::uid::Uid;
use rustc_hash::{FxBuildHasher, FxHashSet};
use std::hash::BuildHasher;

/// Most bytes of names of one kind. Beyond it a list says that it is not all.
pub const NAMES_BYTES_MAX: usize = 256 << 20;

/// Names in the order in which they were met, each once.
#[derive(Default)]
pub struct NameList {
    /// The names one behind the other.
    shown: String,
    /// The same in lower case.
    lower: String,
    /// Where each name ends, in both.
    ends: Vec<(u32, u32)>,
    ids: Vec<Uid>,
    /// Hashes of names.
    known: FxHashSet<u64>,
    full: bool,
}

/// What was found: all that fit are counted, a page of them is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// How many fit.
    pub total: usize,
    /// Places in the list.
    pub page: Vec<usize>,
}

impl NameList {
    /// Adds a name that is not there yet, if there is room for it.
    pub fn add(&mut self, name: &str, id: Uid) {
        if self.full || self.shown.len() + name.len() > NAMES_BYTES_MAX {
            self.full = true;
            return;
        }
        if self.known.insert(FxBuildHasher.hash_one(name)) {
            self.shown.push_str(name);
            self.lower.push_str(&name.to_lowercase());
            self.ends.push((self.shown.len() as u32, self.lower.len() as u32));
            self.ids.push(id);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without names.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Some names did not fit in.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// The name at a place.
    pub fn name(&self, at: usize) -> &str {
        self.shown.get(self.range(at, |ends| ends.0)).unwrap_or_default()
    }

    fn lower(&self, at: usize) -> &str {
        self.lower.get(self.range(at, |ends| ends.1)).unwrap_or_default()
    }

    fn range(&self, at: usize, of: impl Fn(&(u32, u32)) -> u32) -> std::ops::Range<usize> {
        let end = |at: usize| self.ends.get(at).map_or(0, &of) as usize;
        at.checked_sub(1).map_or(0, end)..end(at)
    }

    /// The id at a place.
    pub fn id(&self, at: usize) -> Option<Uid> {
        self.ids.get(at).copied()
    }

    /// Calls with each name that fits, its place and its rank.
    pub fn each(&self, words: &Words, mut see: impl FnMut(usize, Rank)) {
        let Some(word) = words.rarest() else {
            (0..self.len()).for_each(|at| see(at, Rank::Inside));
            return;
        };
        let finder = memchr::memmem::Finder::new(word);
        let (mut from, mut name) = (0, 0);
        while let Some(found) = self.lower.as_bytes().get(from..).and_then(|rest| finder.find(rest)) {
            let at = from + found;
            name += self.ends.get(name..).unwrap_or_default().partition_point(|ends| ends.1 as usize <= at);
            let end = self.ends.get(name).map_or(self.lower.len(), |ends| ends.1 as usize);
            if at + word.len() > end {
                from = at + 1; // the end of one name and the beginning of the next
                continue;
            }
            if let Some(rank) = words.rank(self.lower(name)) {
                see(name, rank);
            }
            from = end;
        }
    }

    /// The best fits first, then by `order`, then by name; those without an order are left out.
    pub fn find<K: Ord>(&self, words: &Words, (offset, max): (usize, usize), order: impl Fn(usize) -> Option<K>) -> Hits {
        let mut all: Vec<(Rank, K, usize)> = Vec::new();
        self.each(words, |at, rank| all.extend(order(at).map(|order| (rank, order, at))));
        let total = all.len();
        let compare = |a: &(Rank, K, usize), b: &(Rank, K, usize)| {
            (a.0, &a.1).cmp(&(b.0, &b.1)).then_with(|| self.lower(a.2).cmp(self.lower(b.2))).then(a.2.cmp(&b.2))
        };
        // Of many only the page is sorted.
        let wanted = offset.saturating_add(max).min(total);
        if wanted < total && wanted > 0 {
            all.select_nth_unstable_by(wanted - 1, compare);
        }
        all.truncate(wanted);
        all.sort_unstable_by(compare);
        Hits { total, page: all.into_iter().skip(offset).map(|hit| hit.2).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> NameList {
        let mut list = NameList::default();
        for (at, name) in names.iter().enumerate() {
            list.add(name, Uid::from_number(at as u64 + 1, 3).unwrap());
        }
        list
    }

    #[track_caller]
    fn check(list: &NameList, typed: &str, page: (usize, usize), want: (usize, &[&str])) {
        let hits = list.find(&Words::parse(typed), page, |_| Some(()));
        let names: Vec<&str> = hits.page.iter().map(|at| list.name(*at)).collect();
        assert_eq!((hits.total, names.as_slice()), want, "{typed}");
    }

    #[test]
    fn finds_parts_in_order_of_rank() {
        let list = list(&["xcpu", "sys.cpu.user", "cpu.load", "proc.CPU", "cpu", "sys.mem", "cpu.load"]);
        assert_eq!(list.len(), 6); // each once
        check(&list, "cpu", (0, 9), (5, &["cpu", "cpu.load", "proc.CPU", "sys.cpu.user", "xcpu"]));
        check(&list, "cpu", (1, 2), (5, &["cpu.load", "proc.CPU"]));
        check(&list, "cpu", (9, 2), (5, &[]));
        check(&list, "user sys", (0, 9), (1, &["sys.cpu.user"]));
        check(&list, "", (0, 2), (6, &["cpu", "cpu.load"]));
        check(&list, "nothing", (0, 9), (0, &[]));
        // Never across the border of two names.
        check(&list, "usercpu", (0, 9), (0, &[]));
        check(&list, "loadproc", (0, 9), (0, &[]));
    }

    #[test]
    fn letters_whose_lower_case_is_longer() {
        let list = list(&["İx", "y.İ", "z"]);
        check(&list, "z", (0, 9), (1, &["z"]));
        check(&list, "İ", (0, 9), (2, &["İx", "y.İ"]));
    }
}
