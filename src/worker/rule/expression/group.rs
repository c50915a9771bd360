//! Functions that change, drop, join or make groups.

use super::evaluate::{Arguments, Evaluator, Fail};
use super::library;
use super::reduce::percentile;
use super::value::{Cell, Item, Points, Results, Table, Tags, Value, contains, group_text, ordered};
use std::collections::{BTreeMap, BTreeSet};

/// `k=v,m=n`; keys and values of letters that a TSD takes, `*` and `|` besides in values.
pub(super) fn parse_tags(text: &str) -> Result<Tags, String> {
    let mut tags = Tags::new();
    if text.is_empty() {
        return Ok(tags);
    }
    let legal = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c));
    for pair in text.split(',') {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("{text:?}: expected tag=value, found {pair:?}"))?;
        let (key, value) = (key.trim(), value.trim());
        if !legal(key) || !value.split('|').all(|part| part == "*" || legal(part)) {
            return Err(format!("{text:?}: {pair:?} has letters that no tag may have"));
        }
        if tags.insert(key.to_string(), value.to_string()).is_some() {
            return Err(format!("{text:?}: the tag {key} is there twice"));
        }
    }
    Ok(tags)
}

fn points_of(item: &Item) -> Result<&Points, Fail> {
    match &item.value {
        Value::Series(points) => Ok(points),
        _ => Err("expected series".to_string().into()),
    }
}

impl<'a> Evaluator<'a> {
    pub fn add_tags(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (mut set, text) = (arguments.set()?, arguments.text()?);
        for (key, value) in parse_tags(&text)? {
            for item in &mut set.items {
                if item.group.insert(key.clone(), value.clone()).is_some() {
                    return Err(format!("the group has a tag {key} already").into());
                }
            }
        }
        Ok(set)
    }

    pub fn rename(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (mut set, text) = (arguments.set()?, arguments.text()?);
        for pair in text.split(',') {
            let parts: Vec<&str> = pair.split('=').collect();
            let [from, to] = parts.as_slice() else { return Err(format!("{text:?}: expected tag=tag").into()) };
            for group in set.items.iter_mut().map(|item| &mut item.group).filter(|g| g.contains_key(*from)) {
                if group.contains_key(*to) {
                    return Err(format!("the group has a tag {to} already").into());
                }
                let value = group.remove(*from).unwrap_or_default();
                group.insert((*to).to_string(), value);
            }
        }
        Ok(set)
    }

    pub fn remove(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (mut set, key) = (arguments.set()?, arguments.text()?);
        let mut seen = BTreeSet::new();
        for item in &mut set.items {
            if item.group.remove(&key).is_none() {
                return Err(format!("the group {} has no tag {key}", group_text(&item.group)).into());
            }
            if !seen.insert(item.group.clone()) {
                return Err(format!("without {key}, two groups would be {}", group_text(&item.group)).into());
            }
        }
        Ok(set)
    }

    /// Numbers to series: one for each group of the kept keys, at the times 0, 1, 2, … seconds.
    pub fn transpose(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (set, keys) = (arguments.set()?, arguments.text()?);
        let keys: Vec<&str> = keys.split(',').collect();
        let mut out: BTreeMap<Tags, Points> = BTreeMap::new();
        for item in set.items {
            let Value::Number(value) = item.value else { return Err("expected numbers".to_string().into()) };
            let group = item.group.into_iter().filter(|(key, _)| keys.contains(&key.as_str())).collect();
            let points = out.entry(group).or_default();
            points.push((points.len() as i64 * 1_000, value));
        }
        Ok(Results::of(out.into_iter().map(|(group, points)| Item { group, value: Value::Series(points) }).collect()))
    }

    /// Series of each group of the given keys to one series.
    pub fn aggregate(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (set, keys, function) = (arguments.set()?, arguments.text()?, arguments.text()?);
        let keys: Vec<&str> = keys.split(',').filter(|_| !keys.is_empty()).map(|key| key.trim_matches(' ')).collect();
        let part = library::percentile_of(&function).transpose()?;
        // Without keys there is one group, though it be empty.
        let mut groups: BTreeMap<Tags, BTreeMap<i64, Vec<f64>>> = BTreeMap::new();
        if keys.is_empty() {
            groups.insert(Tags::new(), BTreeMap::new());
        }
        for item in &set.items {
            let mut group = Tags::new();
            for key in &keys {
                let value = item.group.get(*key).ok_or_else(|| format!("the group {} has no tag {key}", group_text(&item.group)))?;
                group.insert((*key).to_string(), value.clone());
            }
            let points = points_of(item)?;
            self.spend(points.len())?;
            let times = groups.entry(group).or_default();
            for (time, value) in points {
                times.entry(*time).or_default().push(*value);
            }
        }
        let one = |values: &[f64]| -> Result<f64, Fail> {
            let at = |part: f64| percentile(&values.iter().map(|v| (0, *v)).collect::<Vec<_>>(), part);
            Ok(match (part, function.as_str()) {
                (Some(part), _) => at(part),
                (_, "min") => at(0.0),
                (_, "max") => at(1.0),
                (_, "sum") => values.iter().sum(),
                (_, "avg") => values.iter().sum::<f64>() / values.len() as f64,
                _ => return Err(format!("{function:?}: expected avg, min, max, sum or p0 to p1").into()),
            })
        };
        let mut out = Vec::new();
        for (group, times) in groups {
            let points: Result<Points, Fail> = times.into_iter().map(|(time, values)| Ok((time, one(&values)?))).collect();
            out.push(Item { group, value: Value::Series(points?) });
        }
        Ok(Results::of(out))
    }

    /// A series that is written out: times in seconds and values, by turns.
    pub fn literal(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let tags = arguments.text()?;
        let mut numbers = Vec::new();
        while !arguments.is_empty() {
            numbers.push(arguments.scalar()?);
        }
        if numbers.len() % 2 != 0 {
            return Err("expected as many times as values".to_string().into());
        }
        let group = parse_tags(&tags)?;
        let pairs = numbers.iter().step_by(2).zip(numbers.iter().skip(1).step_by(2));
        let points = ordered(pairs.map(|(time, value)| ((*time as i64).saturating_mul(1_000), *value)).collect());
        Ok(Results::of(vec![Item { group, value: Value::Series(points) }]))
    }

    pub fn merge(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let first = arguments.set()?;
        if arguments.is_empty() {
            return Ok(first);
        }
        let mut items = first.items;
        while !arguments.is_empty() {
            items.extend(arguments.set()?.items);
        }
        let mut seen = BTreeSet::new();
        match items.iter().find(|item| !seen.insert(&item.group)) {
            Some(item) => Err(format!("two series have the group {}", group_text(&item.group)).into()),
            None => Ok(Results::of(items)),
        }
    }

    /// Numbers of several sets as rows, one for each group of the first.
    pub fn left_join(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (keys, names) = (arguments.text()?, arguments.text()?);
        let mut sets = Vec::new();
        while !arguments.is_empty() {
            sets.push(arguments.set()?);
        }
        let (keys, names): (Vec<&str>, Vec<&str>) = (keys.split(',').collect(), names.split(',').collect());
        if names.len() != sets.len() {
            return Err(format!("expected a name for each of {} sets, found {}", sets.len(), names.len()).into());
        }
        let mut table = Table { columns: keys.iter().chain(&names).map(|s| (*s).to_string()).collect(), rows: Vec::new() };
        let Some((first, _)) = sets.split_first() else { return Ok(Results::one(Value::Table(table))) };
        self.spend(first.items.len().saturating_mul(sets.iter().map(|s| s.items.len()).sum()))?;
        for item in &first.items {
            let mut row: Vec<Option<Cell>> = keys.iter().map(|key| item.group.get(*key).cloned().map(Cell::Text)).collect();
            for (n, set) in sets.iter().enumerate() {
                let own = std::slice::from_ref(item);
                let partners = if n == 0 { own.iter() } else { set.items.iter() };
                let found = partners.filter(|other| contains(&item.group, &other.group)).filter_map(|other| other.value.number());
                row.push(found.reduce(|_, last| last).map(Cell::Number));
            }
            table.rows.push(row);
        }
        Ok(Results::one(Value::Table(table)))
    }

    /// Values of a table for each group of a set.
    pub fn lookup_series(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (set, table, name) = (arguments.set()?, arguments.text()?, arguments.text()?);
        self.looked_up(&table, &name, set.items.into_iter().map(|item| item.group))
    }

    /// Values of a table for every combination of known values of its tags.
    pub fn lookup(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (table, name) = (arguments.text()?, arguments.text()?);
        let keys = self.expression.lookups.get(&table).map(|t| t.keys.clone()).unwrap_or_default();
        let mut groups: Vec<Tags> = Vec::new();
        for (n, key) in keys.iter().enumerate() {
            let values = self.context.source.tag_values(key)?;
            self.spend(values.len().saturating_mul(groups.len().max(1)))?;
            let before = if n == 0 { vec![Tags::new()] } else { groups };
            let with = |group: &Tags, value: &String| {
                let mut group = group.clone();
                group.insert(key.clone(), value.clone());
                group
            };
            groups = before.iter().flat_map(|group| values.iter().map(move |value| with(group, value))).collect();
        }
        self.looked_up(&table, &name, groups.into_iter())
    }

    fn looked_up(&mut self, table: &str, name: &str, groups: impl Iterator<Item = Tags>) -> Result<Results, Fail> {
        let found = self.expression.lookups.get(table).ok_or_else(|| format!("there is no lookup table {table:?}"))?;
        let mut out = Results { ignore_unjoined: true, ..Results::default() };
        for group in groups {
            let Some(text) = found.get(name, &group) else { continue };
            let value = text.trim().parse::<f64>().map_err(|_| format!("{table}.{name}: {text:?} is no number"))?;
            out.items.push(Item { group, value: Value::Number(value) });
        }
        Ok(out)
    }
}
