//! Many series, and the search for those of a shape.
//!
//! First stage: the words of the query as a phrase in the words of each series; how often a series has each word is
//! looked at before anything else, and leaves few. Second stage: the score of those that are left, smallest first.

use super::phrase::{self, Counts, Phrase};
use super::score::{self, Method, SCALE_POINTS, Scorer};
use super::shape::{Word, words};
use serde::Serialize;

/// A series to be indexed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What a hit is told by: a TSUID, the name of a saved series.
    pub id: String,
    /// What filters look at: parts between dots, and between the braces, commas and `=` of tags.
    pub name: String,
    /// Its values, oldest first. NaN is left out.
    pub values: Vec<f64>,
}

/// Where the parts of one series end in the pools.
#[derive(Clone, Copy, Debug)]
struct Ends {
    values: usize,
    words: usize,
    id: usize,
    name: usize,
}

/// Series by their shape. Takes about 8 bytes a value, 1 a word and the texts.
#[derive(Debug, Default)]
pub struct Index {
    counts: Vec<Counts>,
    ends: Vec<Ends>,
    /// Values scaled from 0 to [`SCALE_POINTS`].
    values: Vec<f64>,
    words: Vec<Word>,
    ids: String,
    names: String,
}

/// How to search.
#[derive(Clone, Debug)]
pub struct Search {
    /// How candidates are scored.
    pub method: Method,
    /// How far apart the moves of words may lie (`phrase_slop`).
    pub slop: u32,
    /// FastDTW's radius (`dtw_radius`).
    pub radius: usize,
    /// Series with one of these parts in their name are left out.
    pub filters: Vec<String>,
    /// Which page, from 1.
    pub page: usize,
    /// Hits a page.
    pub size: usize,
    /// Threads that share the work.
    pub threads: usize,
}

impl Default for Search {
    fn default() -> Search {
        Search { method: Method::FastDtw, slop: 20, radius: 5, filters: Vec::new(), page: 1, size: 20, threads: 1 }
    }
}

/// A series that was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hit<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// How unlike it is: 0 is the same shape.
    pub score: f64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results<'a> {
    /// How many series have the phrase.
    pub total: usize,
    /// One page of them, the most alike first; where scores are equal, in the order of the index.
    pub hits: Vec<Hit<'a>>,
}

/// Largest radius that is used: with it the way is looked for in the whole table of 4,096 x 4,096 values.
const RADIUS_MAX: usize = 4_096;

impl Index {
    /// Takes all series.
    pub fn build(entries: impl IntoIterator<Item = Entry>) -> Index {
        let mut index = Index::default();
        entries.into_iter().for_each(|entry| index.add(&entry.id, &entry.name, &entry.values));
        index
    }

    /// Takes one series more.
    pub fn add(&mut self, id: &str, name: &str, values: &[f64]) {
        let first = self.words.len();
        self.words.extend(words(values));
        self.counts.push(phrase::counts(self.words.get(first..).unwrap_or_default()));
        score::rescale(values, SCALE_POINTS, &mut self.values);
        self.ids.push_str(id);
        self.names.push_str(name);
        let (id, name) = (self.ids.len(), self.names.len());
        self.ends.push(Ends { values: self.values.len(), words: self.words.len(), id, name });
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let one = size_of::<Counts>() + size_of::<Ends>();
        self.ends.capacity() * one + self.values.capacity() * 8 + self.words.capacity() + self.ids.capacity() + self.names.capacity()
    }

    /// Series whose shape is nearly that of `query`. A query without a shape (flat, or fewer than two values) finds none.
    pub fn search(&self, query: &[f64], search: &Search) -> Results<'_> {
        let phrase: Vec<Word> = words(query).collect();
        let threads = search.threads.clamp(1, 64);
        let part = self.len().div_ceil(threads).max(1);
        let parts: Vec<_> = (0..self.len()).step_by(part).map(|from| from..(from + part).min(self.len())).collect();
        let look = |range| self.look(range, query, &phrase, search);
        let mut found: Vec<(f64, usize)> = match parts.as_slice() {
            [] => Vec::new(),
            [all] => look(all.clone()),
            _ => std::thread::scope(|scope| {
                let threads: Vec<_> = parts.into_iter().map(|part| scope.spawn(|| look(part))).collect();
                threads.into_iter().flat_map(|t| t.join().unwrap_or_default()).collect()
            }),
        };
        let total = found.len();
        let from = search.page.saturating_sub(1).saturating_mul(search.size).min(total);
        let to = from.saturating_add(search.size).min(total);
        // NaN comes last in this order, whatever its sign is.
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.abs().total_cmp(&b.0.abs()).then(a.1.cmp(&b.1));
        if to < total {
            found.select_nth_unstable_by(to, order);
            found.truncate(to);
        }
        found.sort_unstable_by(order);
        let page = found.get(from..to).unwrap_or_default();
        Results { total, hits: page.iter().filter_map(|(score, at)| self.hit(*at, *score)).collect() }
    }

    /// Both stages over a part of the index.
    fn look(&self, range: std::ops::Range<usize>, query: &[f64], words: &[Word], search: &Search) -> Vec<(f64, usize)> {
        let mut phrase = Phrase::new(words, search.slop);
        let mut scorer = Scorer::new(query, search.method, search.radius.min(RADIUS_MAX), SCALE_POINTS);
        let mut found = Vec::new();
        for (at, counts) in self.counts.iter().enumerate().take(range.end).skip(range.start) {
            if phrase.may_match(counts) && self.passes(at, &search.filters) && phrase.matches(self.words_of(at)) {
                found.push((scorer.score_scaled(self.values_of(at)), at));
            }
        }
        found
    }

    fn passes(&self, at: usize, filters: &[String]) -> bool {
        filters.is_empty() || !parts(self.name_of(at)).any(|part| filters.iter().any(|filter| filter == part))
    }

    fn hit(&self, at: usize, score: f64) -> Option<Hit<'_>> {
        let range = self.between(at, |e| e.id);
        Some(Hit { id: self.ids.get(range)?, name: self.name_of(at), score })
    }

    fn between(&self, at: usize, of: impl Fn(&Ends) -> usize) -> std::ops::Range<usize> {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, &of);
        from..self.ends.get(at).map_or(from, &of)
    }

    fn name_of(&self, at: usize) -> &str {
        self.names.get(self.between(at, |e| e.name)).unwrap_or_default()
    }

    fn words_of(&self, at: usize) -> &[Word] {
        self.words.get(self.between(at, |e| e.words)).unwrap_or_default()
    }

    fn values_of(&self, at: usize) -> &[f64] {
        self.values.get(self.between(at, |e| e.values)).unwrap_or_default()
    }
}

/// The parts of a name that a filter may name.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['.', '{', '}', ',', '=', ' ']).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` series, each a triangle with its top somewhere.
    fn triangles(n: usize) -> Vec<Entry> {
        let values = |top: usize| (0..60).map(|i| 60.0 - (i as f64 - top as f64).abs()).collect();
        let entry = |i: usize| Entry { id: i.to_string(), name: format!("m.top{i}{{host=h{}}}", i % 2), values: values(i % 60) };
        (0..n).map(entry).collect()
    }

    #[test]
    fn most_alike_first() {
        let index = Index::build(triangles(60));
        let query = triangles(31).pop().unwrap().values;
        for threads in [1, 3, 100] {
            let results = index.search(&query, &Search { threads, slop: 40, ..Search::default() });
            assert_eq!(results.hits[0], Hit { id: "30", name: "m.top30{host=h0}", score: 0.0 });
            assert!(results.total > 5 && results.hits.len() <= 20);
            assert!(results.hits.is_sorted_by(|a, b| a.score <= b.score));
        }
    }

    #[test]
    fn pages_and_filters() {
        let index = Index::build(triangles(120));
        let query = triangles(31).pop().unwrap().values;
        let search = Search { slop: 60, size: 7, method: Method::Euclidian, ..Search::default() };
        let all = index.search(&query, &Search { size: 1000, ..search.clone() });
        assert_eq!(all.hits.len(), all.total);
        let page = |page| index.search(&query, &Search { page, ..search.clone() }).hits;
        assert_eq!([page(1), page(2)].concat(), all.hits[..14]);
        // Equal scores in the order of the index.
        assert_eq!(all.hits[..2].iter().map(|h| h.id).collect::<Vec<_>>(), ["30", "90"]);
        assert_eq!(page(10_000), []);
        let without = |filter: &str| index.search(&query, &Search { size: 1000, filters: vec![filter.to_string()], ..search.clone() }).hits;
        assert!(without("h0").iter().all(|h| h.name.ends_with("host=h1}")));
        assert!(without("top30").iter().all(|h| h.id != "30"));
        assert_eq!(without("to").len(), all.total);
        assert!(without("m").is_empty());
    }

    #[test]
    fn without_a_shape() {
        let index = Index::build([Entry { id: "flat".into(), name: "flat".into(), values: vec![5.0; 60] }]);
        assert_eq!(index.search(&[1.0; 60], &Search::default()).total, 0);
        assert_eq!(index.search(&[], &Search::default()).total, 0);
        assert_eq!(index.search(&[0.0, 1.0, 0.0], &Search::default()).total, 0);
        assert_eq!(Index::default().search(&[0.0, 1.0], &Search::default()).total, 0);
        assert!(index.bytes() > 0 && index.len() == 1 && !index.is_empty());
    }
}
