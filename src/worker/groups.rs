//! Groups that a rule knows, as they stand in the table: whoever checks the rule next, after a restart or a takeover, must
//! miss those that vanish while nobody looks. Only rules that say something about gone groups need it.
//!
//! A record holds up to [`PART`] groups of a rule, and of each how long it had been gone when the record was put, by the
//! clock of who put it. Time in which nobody looked does not count: it says nothing about a group. (Bosun keeps the time of
//! each group's last check and counts all of it, which after a night without a worker calls every group unknown.)

use super::records::{Tags, all, bytes};
use crate::desk::{Desk, DeskError, PAGE_RECORDS_MAX};
use crate::digest;
use serde::{Deserialize, Serialize};

/// Kind of the records; ids are rule `/` part.
pub const GROUPS: &str = "groups";
/// Groups of one record: about 100 kB.
const PART: usize = 2_000;

/// A group that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What tells it apart.
    pub tags: Tags,
    /// The metric, or what stands for it.
    pub metric: String,
    /// Seconds since it was seen last.
    pub gone: i64,
}

/// One record. Words that repeat stand in it once.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    /// When it was put, seconds: no two records are alike.
    at: i64,
    /// Metrics and tag keys of groups.
    kinds: Vec<(String, Vec<String>)>,
    /// Place among the kinds, tag values, seconds since it was seen.
    groups: Vec<(usize, Vec<String>, i64)>,
}

impl Part {
    fn of(groups: &[Known], at: i64) -> Part {
        let mut part = Part { at, ..Part::default() };
        for group in groups {
            let kind = (group.metric.clone(), group.tags.keys().cloned().collect());
            let place = part.kinds.iter().position(|there| *there == kind).unwrap_or_else(|| {
                part.kinds.push(kind);
                part.kinds.len() - 1
            });
            part.groups.push((place, group.tags.values().cloned().collect(), group.gone));
        }
        part
    }

    fn groups(self) -> impl Iterator<Item = Known> {
        let Part { kinds, groups, .. } = self;
        groups.into_iter().filter_map(move |(place, values, gone)| {
            let (metric, keys) = kinds.get(place)?;
            Some(Known { tags: keys.iter().cloned().zip(values).collect(), metric: metric.clone(), gone })
        })
    }
}

/// The groups of a rule.
///
/// # Errors
/// The table is away.
pub fn read(desk: &Desk, rule: &str) -> Result<Vec<Known>, DeskError> {
    Ok(all::<Part>(desk, GROUPS, &format!("{rule}/"))?.into_iter().flat_map(|(_, part, _)| part.groups()).collect())
}

/// Puts the groups of a rule in the place of those of before. `at`: seconds.
///
/// # Errors
/// The table is away.
pub fn write(desk: &Desk, rule: &str, groups: &[Known], at: i64) -> Result<(), DeskError> {
    let parts: Vec<&[Known]> = groups.chunks(PART).collect();
    for (place, part) in parts.iter().enumerate() {
        desk.put(GROUPS, &format!("{rule}/{place:04}"), &bytes(&Part::of(part, at))?)?;
    }
    let last = parts.len().checked_sub(1).map(|last| format!("{rule}/{last:04}"));
    let page = desk.list(GROUPS, &format!("{rule}/"), last.as_deref(), PAGE_RECORDS_MAX)?;
    page.records.iter().try_for_each(|record| desk.delete(GROUPS, &record.id))
}

/// Deletes groups of rules that nobody has checked since a time, seconds by the store's clock.
///
/// # Errors
/// The table is away.
pub fn forget(desk: &Desk, before: i64) -> Result<(), DeskError> {
    let mut after = None;
    loop {
        let page = desk.list(GROUPS, "", after.as_deref(), PAGE_RECORDS_MAX)?;
        let old = page.records.iter().filter(|record| record.time.div_euclid(1_000) < before);
        old.map(|record| &record.id).try_for_each(|id| desk.delete(GROUPS, id))?;
        after = page.more_after;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// The same for the same groups, in the same order.
pub fn fingerprint<'a>(names: impl Iterator<Item = &'a str>) -> u64 {
    names.fold(0, |so_far: u64, name| so_far.rotate_left(5) ^ digest::of(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::records::tests::desk;
    use super::*;

    #[test]
    fn many_groups_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder);
        let group = |n: usize| Known {
            tags: [("host".to_string(), format!("web{n}")), ("dc".to_string(), "x\"y".to_string())].into(),
            metric: format!("m{}", n % 2),
            gone: (n % 3) as i64 * 100,
        };
        let check = |count: usize, records: usize| {
            let groups: Vec<Known> = (0..count).map(group).collect();
            write(&desk, "a.b", &groups, count as i64).unwrap();
            assert_eq!(read(&desk, "a.b").unwrap(), groups);
            assert_eq!(desk.list(GROUPS, "a.b/", None, 1_000).unwrap().records.len(), records);
        };
        check(2 * PART + 1, 3);
        check(PART, 1);
        check(0, 0);
        check(1, 1);
        write(&desk, "a", &[group(7)], 1).unwrap();
        assert_eq!((read(&desk, "a").unwrap().len(), read(&desk, "a.b").unwrap().len()), (1, 1));
        forget(&desk, crate::clock::now_s() - 3_600).unwrap();
        assert_eq!(read(&desk, "a").unwrap().len(), 1);
        forget(&desk, crate::clock::now_s() + 3_600).unwrap();
        assert_eq!(read(&desk, "a").unwrap().len() + read(&desk, "a.b").unwrap().len(), 0);
    }

    #[test]
    fn a_record_is_small() {
        let groups: Vec<Known> = (0..PART)
            .map(|n| Known { tags: [("host".to_string(), format!("web{n:05}"))].into(), metric: "sys.cpu.user".into(), gone: 0 })
            .collect();
        assert!(bytes(&Part::of(&groups, 1_700_000_000)).unwrap().len() < 20 * PART);
    }
}
