//! What rules share: groups, tables, maintenance windows, metrics over groups, channels.

use super::super::calendar::{Maintenance, MaintenanceAction, When};
use super::super::cluster::Side;
use super::super::expression::{Lookup, LookupEntry};
use super::super::model::{Channel, Cluster, Place};
use super::super::scope::Group;
use super::section::Section;
use super::tree::{Table, Text, Tree, Value, template_fault};
use super::{Loader, rule};
use crate::worker::notify::ChannelError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl Loader<'_> {
    /// All sections of a kind that read without a fault.
    fn read_all<T>(&self, kind: &str, read: impl Fn(&str, &Section) -> Option<T>) -> BTreeMap<String, T> {
        let mut out = BTreeMap::new();
        for (name, place, table) in self.all(kind) {
            let before = self.faults.count();
            let section = Section::new(format!("{kind}.{name}"), place, table, self.faults);
            let found = read(name, &section);
            if let Some(found) = found.filter(|_| self.faults.count() == before) {
                out.insert(name.clone(), found);
            }
        }
        out
    }
}

pub(super) fn groups(loader: &Loader) -> BTreeMap<String, Arc<Group>> {
    loader.read_all("group", |name, section| {
        let any = section.matches("match");
        if section.take("match").is_none() {
            section.wrong("expected match, like match = { host = \"web*\" }");
        }
        section.finish();
        Some(Arc::new(Group { name: name.to_string(), place: section.place.clone(), any: any? }))
    })
}

pub(super) fn lookups(loader: &Loader) -> BTreeMap<String, Arc<Lookup>> {
    loader.read_all("lookup", |_, section| {
        let keys = section.strings("keys").unwrap_or_default();
        if keys.is_empty() {
            section.wrong("expected keys, the tags that the entries have patterns for, like keys = [\"host\"]");
        }
        let mut entries = Vec::new();
        for entry in section.tables("entries").into_iter().flatten() {
            let mut tags = Vec::new();
            for key in &keys {
                match entry.text(key) {
                    Some((text, place)) => tags.push((key.clone(), entry.pattern(&text.text, place)?)),
                    None => entry.wrong(format!("expected a pattern for the tag {key}")),
                }
            }
            let mut values = entry.own_pairs();
            values.retain(|name, _| !keys.contains(name));
            entries.push(LookupEntry { tags, values });
        }
        section.finish();
        Some(Arc::new(Lookup { keys, entries }))
    })
}

pub(super) fn maintenance(loader: &Loader) -> BTreeMap<String, Maintenance> {
    loader.read_all("maintenance", |name, section| {
        let mut rules = Vec::new();
        for (text, place) in section.texts("rules").into_iter().flatten() {
            rules.push(section.pattern(&text.text, place)?);
        }
        let words = [("silence", MaintenanceAction::Silence), ("skip", MaintenanceAction::Skip)];
        let action = section.choice("action", &words).unwrap_or(MaintenanceAction::Silence);
        let any = section.matches("match").unwrap_or_default();
        let note = section.string("note").unwrap_or_default();
        let (place, name) = (section.place.clone(), name.to_string());
        Some(Maintenance { name, place, when: when(section)?, rules, any, action, note })
    })
}

/// Dates are once, times of day again and again.
fn when(section: &Section) -> Option<When> {
    let daily = |tree: &Tree| matches!(&tree.value, Value::Text(text) if text.text.len() <= 5);
    if section.take("from").is_some_and(daily) {
        return rule::hours(section).map(When::Weekly);
    }
    let zone = rule::zone(section)?;
    let instant = |key: &str| {
        let Some(tree) = section.take(key) else {
            section.wrong(format!("expected {key}, a date like 2026-01-31T22:00:00Z or a time of day like \"22:00\""));
            return None;
        };
        let text = match &tree.value {
            Value::Text(text) => &text.text,
            Value::Date(text) => text,
            _ => "",
        };
        let with_zone = text.parse::<jiff::Timestamp>().ok();
        let local = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(zone.clone()).ok().map(|z| z.timestamp());
        let found = with_zone.or_else(local).map(jiff::Timestamp::as_second);
        if found.is_none() {
            section.faults.add(&tree.place, format!("{key}: expected a date like 2026-01-31T22:00:00Z, found {text:?}"));
        }
        found
    };
    let (from, to) = (instant("from"), instant("to"));
    section.finish();
    let (from, to) = (from?, to?);
    if from > to {
        section.wrong("expected from before to");
    }
    Some(When::Once { from, to })
}

pub(super) fn clusters(loader: &Loader, groups: &BTreeMap<String, Arc<Group>>) -> BTreeMap<String, Arc<Cluster>> {
    loader.read_all("cluster", |name, section| {
        let missing = |key: &str, like: &str| {
            if section.take(key).is_none() {
                section.wrong(format!("expected {key}, like {key} = {like}"));
            }
        };
        let side = |key: &str| {
            missing(key, "\"$(cpu.busy)\"");
            let (text, place) = section.text(key)?;
            match Side::parse(&text.text) {
                Ok(side) => Some(side),
                Err((at, message)) => {
                    section.faults.add(&text.place(at, place), format!("{key}: {message}"));
                    None
                }
            }
        };
        missing("group", "\"web\"");
        missing("metric", "\"web.cpu.busy\"");
        let group = section.text("group").and_then(|(text, place)| {
            let found = groups.get(&text.text).cloned();
            if found.is_none() {
                section.faults.add(place, format!("group: there is no group {:?}{}", text.text, super::near(&text.text, groups)));
            }
            found
        });
        let (numerator, denominator) = (side("numerator"), side("denominator"));
        let tags = section.pairs("tags").unwrap_or_default();
        if tags.is_empty() {
            section.wrong("expected tags, at least one, like tags = { service = \"web\" }");
        }
        let cluster = Cluster {
            name: name.to_string(),
            place: section.place.clone(),
            member: section.string("member").unwrap_or_else(|| "host".to_string()),
            metric: section.string("metric").unwrap_or_default(),
            tags,
            every: section.duration("every", Duration::from_secs(1)).unwrap_or(Duration::from_secs(60)),
            enabled: section.bool("enabled").unwrap_or(true),
            group: group?,
            numerator: numerator?,
            denominator: denominator?,
        };
        section.finish();
        Some(Arc::new(cluster))
    })
}

pub(super) fn channels(loader: &Loader) -> BTreeMap<String, Arc<Channel>> {
    let mut out = BTreeMap::new();
    for (name, place, table) in loader.all("notify") {
        let at = |word: &str| table.0.iter().find(|(key, ..)| key == word).map_or(place, |(_, place, _)| place);
        let read = crate::worker::notify::Channel::deserialize(toml::Value::Table(plain(table)));
        let channel = match read {
            Ok(channel) => channel,
            Err(error) => {
                let message = error.message().trim();
                let word = message.split('`').nth(1).unwrap_or_default();
                loader.faults.add(at(word), format!("notify.{name}: {message}"));
                continue;
            }
        };
        match channel.check(&loader.engine) {
            Ok(()) => drop(out.insert(name.clone(), Arc::new(Channel { name: name.clone(), place: place.clone(), channel }))),
            Err(ChannelError::Template { field, error }) => {
                let (place, error) = match template_at(table, &field) {
                    Some((text, place)) => template_fault(text, place, &error),
                    None => (at(&field).clone(), error.to_string()),
                };
                loader.faults.add(&place, format!("notify.{name}: {field}: {error}"));
            }
            Err(error) => {
                let text = error.to_string();
                loader.faults.add(at(text.split(':').next().unwrap_or_default()), format!("notify.{name}: {text}"));
            }
        }
    }
    out
}

/// The template of a channel's field, `text` or `headers.NAME`.
fn template_at<'t>(table: &'t Table, field: &str) -> Option<(&'t Text, &'t Place)> {
    let tree = match field.split_once('.') {
        None => table.get(field)?,
        Some((outer, inner)) => match &table.get(outer)?.value {
            Value::Table(table) => table.get(inner)?,
            _ => return None,
        },
    };
    match &tree.value {
        Value::Text(text) => Some((text, &tree.place)),
        _ => None,
    }
}

/// Without places, for what reads itself.
fn plain(table: &Table) -> toml::Table {
    table.0.iter().map(|(key, _, tree)| (key.clone(), plain_value(&tree.value))).collect()
}

fn plain_value(value: &Value) -> toml::Value {
    match value {
        Value::Text(text) => toml::Value::String(text.text.clone()),
        Value::Integer(number) => toml::Value::Integer(*number),
        Value::Float(number) => toml::Value::Float(*number),
        Value::Bool(value) => toml::Value::Boolean(*value),
        Value::Date(text) => toml::Value::String(text.clone()),
        Value::List(list) => toml::Value::Array(list.iter().map(|tree| plain_value(&tree.value)).collect()),
        Value::Table(table) => toml::Value::Table(plain(table)),
    }
}
