//! Which series of several variables belong together: those with equal keys, made of tags and of lost tag keys.

use super::series::{Id, Labels};
use super::{ExpressionError, data};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of series that not every variable has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// They count as 0 where they are missing.
    Union,
    /// They are left out.
    Intersection,
}

/// How series are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// What becomes of series that not every variable has.
    pub operator: Operator,
    /// Only tags that the variable's filters name count.
    pub use_query_tags: bool,
    /// Tag keys that were lost count too.
    pub include_agg_tags: bool,
}

impl Default for Join {
    fn default() -> Self {
        Join { operator: Operator::Union, use_query_tags: false, include_agg_tags: true }
    }
}

/// One variable's series, as the join sees them.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// One for each series.
    pub labels: &'a [Labels],
    /// Keys of the tags that its filters name.
    pub query_tags: Option<&'a BTreeSet<Id>>,
}

/// Series put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// What each of the joined series is called.
    pub labels: Vec<Labels>,
    /// For each side and each joined series: which of the side's series it is, if any.
    pub slots: Vec<Vec<Option<usize>>>,
    /// For each side and each of its series: whether its instants count.
    pub alive: Vec<Vec<bool>>,
}

/// Keys to one series a side.
type Slots = BTreeMap<Id, Vec<Option<usize>>>;

impl Join {
    /// Joins the sides. Of a side's series with equal keys the last one counts. The order of the sides decides only whose tags
    /// a joined series shows.
    pub fn join(&self, sides: &[Side<'_>]) -> Result<Joined, ExpressionError> {
        let mut alive: Vec<Vec<bool>> = sides.iter().map(|side| vec![true; side.labels.len()]).collect();
        let slots = match self.operator {
            Operator::Union => self.union(sides),
            Operator::Intersection => self.intersection(sides, &mut alive)?,
        };
        let labels = slots.values().map(|slots| common_labels(sides, slots)).collect();
        let slots = (0..sides.len()).map(|side| slots.values().map(|slots| slots.get(side).copied().flatten()).collect()).collect();
        Ok(Joined { labels, slots, alive })
    }

    fn key(&self, labels: &Labels, query_tags: Option<&BTreeSet<Id>>) -> Id {
        // Without tags the lost keys do not count either.
        if labels.tags.is_empty() {
            return Id::new();
        }
        let counts = |key: &Id| !self.use_query_tags || query_tags.is_some_and(|tags| tags.contains(key));
        let mut out: Id =
            labels.tags.iter().filter(|(key, _)| counts(key)).flat_map(|(key, value)| key.iter().chain(value)).copied().collect();
        if self.include_agg_tags {
            out.extend(labels.aggregated.iter().flatten());
        }
        out
    }

    fn union(&self, sides: &[Side<'_>]) -> Slots {
        let mut all = Slots::new();
        for (place, side) in sides.iter().enumerate() {
            for (series, labels) in side.labels.iter().enumerate() {
                let slots = all.entry(self.key(labels, side.query_tags)).or_insert_with(|| vec![None; sides.len()]);
                set(slots, place, series);
            }
        }
        all
    }

    fn intersection(&self, sides: &[Side<'_>], alive: &mut [Vec<bool>]) -> Result<Slots, ExpressionError> {
        let mut all = Slots::new();
        if sides.iter().all(|side| side.labels.is_empty()) {
            return Ok(all);
        }
        let mut kill = |side: usize, series: usize| {
            if let Some(alive) = alive.get_mut(side).and_then(|side| side.get_mut(series)) {
                *alive = false;
            }
        };
        for (place, side) in sides.iter().enumerate() {
            let mut here = BTreeSet::new();
            for (series, labels) in side.labels.iter().enumerate() {
                let key = self.key(labels, side.query_tags);
                if place == 0 {
                    let mut slots = vec![None; sides.len()];
                    set(&mut slots, place, series);
                    all.insert(key.clone(), slots);
                } else if let Some(slots) = all.get_mut(&key) {
                    set(slots, place, series);
                } else {
                    kill(place, series);
                }
                here.insert(key);
            }
            all.retain(|key, slots| {
                let stays = here.contains(key);
                if !stays {
                    slots
                        .iter()
                        .enumerate()
                        .filter_map(|(side, series)| Some((side, (*series)?)))
                        .for_each(|(side, series)| kill(side, series));
                }
                stays
            });
        }
        if all.is_empty() {
            return data("No intersections found: no series is there for every variable");
        }
        Ok(all)
    }
}

fn set(slots: &mut [Option<usize>], side: usize, series: usize) {
    if let Some(slot) = slots.get_mut(side) {
        *slot = Some(series);
    }
}

/// The tags are those of the first side, and none if that has no such series; metrics and lost keys are everybody's.
fn common_labels(sides: &[Side<'_>], slots: &[Option<usize>]) -> Labels {
    let mut out = Labels::default();
    for (place, (side, slot)) in sides.iter().zip(slots).enumerate() {
        let Some(labels) = slot.and_then(|series| side.labels.get(series)) else { continue };
        if place == 0 {
            out.tags = labels.tags.clone();
        }
        out.metrics.extend(labels.metrics.iter().cloned());
        out.aggregated.extend(labels.aggregated.iter().cloned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a=1,b=2/c`: tags, and lost keys after the slash.
    fn labels(text: &str) -> Labels {
        let (tags, lost) = text.split_once('/').unwrap_or((text, ""));
        let bytes = |t: &str| t.as_bytes().to_vec();
        let pair = |t: &str| t.split_once('=').map(|(k, v)| (bytes(k), bytes(v)));
        let lost = lost.split(',').filter(|k| !k.is_empty()).map(bytes).collect();
        Labels { metrics: BTreeSet::new(), tags: tags.split(',').filter_map(pair).collect(), aggregated: lost }
    }

    #[track_caller]
    fn check(join: Join, sides: &[&[&str]], query_tags: &str, want: Result<&str, &str>) {
        let sides: Vec<Vec<Labels>> = sides.iter().map(|side| side.iter().map(|text| labels(text)).collect()).collect();
        let tags: BTreeSet<Id> = query_tags.split(',').map(|t| t.as_bytes().to_vec()).collect();
        let sides: Vec<Side<'_>> = sides.iter().map(|labels| Side { labels, query_tags: Some(&tags) }).collect();
        let got = join.join(&sides).map(|joined| {
            let digit = |slot: &Option<usize>| slot.map_or("-".to_string(), |s| s.to_string());
            joined.slots.iter().map(|side| side.iter().map(digit).collect::<String>()).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(got.as_deref().map_err(ToString::to_string), want.map_err(str::to_string));
    }

    #[test]
    fn joins() {
        let union = Join { operator: Operator::Union, use_query_tags: false, include_agg_tags: false };
        let intersection = Join { operator: Operator::Intersection, ..union };
        let (a, b): (&[&str], &[&str]) = (&["h=1", "h=2", "h=3"], &["h=2", "h=3", "h=4"]);
        check(union, &[a, b], "h", Ok("012- -012"));
        check(intersection, &[a, b], "h", Ok("12 01"));
        check(intersection, &[a, &["h=9"]], "h", Err("No intersections found: no series is there for every variable"));
        check(intersection, &[&[], &[]], "h", Ok(" "));
        check(union, &[&["h=1,d=1", "h=1,d=2"], &["h=1"]], "h", Ok("01- --0"));
        check(Join { use_query_tags: true, ..union }, &[&["h=1,d=1", "h=1,d=2"], &["h=1"]], "h", Ok("1 0"));
        check(Join { use_query_tags: true, ..union }, &[&["h=1", "h=2"]], "d", Ok("1")); // no filter on them: all are one
        check(Join { include_agg_tags: true, ..union }, &[&["h=1/d"], &["h=1/e"]], "h", Ok("0- -0"));
        check(Join { include_agg_tags: true, ..union }, &[&["/d"], &["/e"]], "h", Ok("0 0"));
    }

    #[test]
    fn tags_are_those_of_the_first_side() {
        let sides = [vec![labels("h=1")], vec![labels("h=1,d=2/x"), labels("h=2")]];
        let sides: Vec<Side<'_>> = sides.iter().map(|labels| Side { labels, query_tags: None }).collect();
        let join = Join { include_agg_tags: false, ..Join::default() };
        let joined = join.join(&sides).unwrap();
        assert_eq!(joined.labels, [labels("/x"), labels("h=1"), labels("")]);
    }
}
