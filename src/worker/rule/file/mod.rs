//! Rule files: TOML in, checked types out, and for each fault its file, line, column and what was expected.
//!
//! | section | what it is | file |
//! | --- | --- | --- |
//! | `[rule.NAME]` | a rule | `rule.rs`, `condition.rs` |
//! | `[template.NAME]`, `[defaults]`, `[vars]` | what rules inherit, and variables | `templates.rs` |
//! | `[group.NAME]`, `[lookup.NAME]`, `[maintenance.NAME]`, `[cluster.NAME]`, `squelch` | what rules share | `shared.rs` |
//! | `[notify.NAME]` | a channel; in files only | `shared.rs` |
//!
//! All files make one set: names are unique over all of them, and a file may use what another defines. A rule with a fault
//! is left out and the others go on. docs/RULES.md is the description for people.

mod condition;
mod names;
mod rule;
mod section;
mod shared;
mod templates;
mod tree;

#[cfg(test)]
mod tests;

use super::model::{Fault, Place, RuleSet};
use crate::worker::notify::Templates;
use names::RuleNames;
use section::{Faults, Section};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tree::{Table, Tree, Value};

/// Largest rule file, in bytes.
pub const FILE_MOST: usize = 16 * 1024 * 1024;
/// Most files of a folder.
pub const FILES_MOST: usize = 10_000;

/// One text of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// As faults name it: a path, or the key of a stored rule.
    pub name: Arc<str>,
    /// TOML.
    pub text: String,
    /// Whether it may define channels: what people edit in a browser may not, since channels write files and call out.
    pub channels: bool,
}

/// All `*.toml` of a folder and its folders, by name. What cannot be read is a fault.
pub fn read_dir(dir: &Path) -> (Vec<SourceFile>, Vec<Fault>) {
    let mut paths = Vec::new();
    let mut faults = Vec::new();
    let fault =
        |path: &Path, message: String| Fault { place: Place { file: path.display().to_string().into(), line: 1, column: 1 }, message };
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                faults.push(fault(&folder, format!("the folder cannot be read: {error}")));
                continue;
            }
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden || paths.len() + folders.len() > FILES_MOST {
                continue;
            }
            // A link to a folder could lead in a circle.
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "toml") && path.is_file() {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        match std::fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) if text.len() <= FILE_MOST => {
                files.push(SourceFile { name: path.display().to_string().into(), text, channels: true })
            }
            Ok(Ok(text)) => faults.push(fault(&path, format!("a file has at most {FILE_MOST} bytes, this one {}", text.len()))),
            Ok(Err(error)) => faults.push(fault(&path, format!("the file is no UTF-8: {error}"))),
            Err(error) => faults.push(fault(&path, format!("the file cannot be read: {error}"))),
        }
    }
    (files, faults)
}

/// Reads texts of rules. Faults of single rules do not keep the others out.
pub fn load(files: &[SourceFile]) -> RuleSet {
    let faults = Faults::default();
    let mut loader = Loader { faults: &faults, sections: BTreeMap::new(), squelch: Vec::new(), engine: Templates::default() };
    for file in files {
        let (table, broken) = tree::read(&file.name, &file.text);
        for fault in broken {
            faults.add(&fault.place, fault.message);
        }
        loader.sort_in(table, file.channels);
    }
    let mut set = loader.build();
    set.faults = faults.take();
    set.faults.sort();
    set.faults.dedup();
    set
}

/// Sections that have names, and whether a key at the top is one.
const NAMED: [&str; 7] = ["rule", "template", "group", "lookup", "maintenance", "cluster", "notify"];

/// What was found in all files, by kind and name.
struct Loader<'f> {
    faults: &'f Faults,
    sections: BTreeMap<&'static str, BTreeMap<String, (Place, Table)>>,
    squelch: Vec<super::scope::Match>,
    engine: Templates,
}

impl Loader<'_> {
    fn sort_in(&mut self, table: Table, channels: bool) {
        for (key, place, tree) in table.0 {
            let kind = NAMED.into_iter().find(|kind| *kind == key);
            match (kind, key.as_str(), tree.value) {
                (Some("notify"), _, _) if !channels => self.faults.add(&place, "channels are defined in files only"),
                (Some(kind), _, Value::Table(named)) => {
                    for (name, place, tree) in named.0 {
                        self.named(kind, name, place, tree);
                    }
                }
                (None, "vars" | "defaults", Value::Table(own)) => {
                    let kind = if key == "vars" { "vars" } else { "defaults" };
                    self.once(kind, String::new(), place, own);
                }
                (None, "squelch", value) => {
                    let holder = Table(vec![("squelch".to_string(), place.clone(), Tree { place: tree.place, value })]);
                    self.squelch.extend(Section::new("squelch", &place, &holder, self.faults).matches("squelch").unwrap_or_default());
                }
                (None, other, _) if !["vars", "defaults"].contains(&other) => {
                    let known = NAMED.into_iter().chain(["vars", "defaults", "squelch"]);
                    let near = crate::config::did_you_mean(other, known);
                    self.faults.add(&place, format!("there is no section {other}{near}; expected [rule.NAME] or another of docs/RULES.md"));
                }
                (_, key, value) => self.faults.add(&place, format!("{key}: expected a table, found {}", value.name())),
            }
        }
    }

    fn named(&mut self, kind: &'static str, name: String, place: Place, tree: Tree) {
        let legal = !name.is_empty() && name.len() <= 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        match tree.value {
            _ if !legal => self.faults.add(&place, format!("{name:?}: a name has 1 to 100 letters, digits, -, _ or .")),
            Value::Table(table) => self.once(kind, name, place, table),
            value => self.faults.add(&place, format!("{kind}.{name}: expected a table, found {}", value.name())),
        }
    }

    fn once(&mut self, kind: &'static str, name: String, place: Place, table: Table) {
        let named = self.sections.entry(kind).or_default();
        match named.get(&name) {
            // Variables of several files are one set.
            Some((first, before)) if kind == "vars" => {
                let mut all = before.clone();
                let first = first.clone();
                for (key, place, tree) in table.0 {
                    if all.get(&key).is_some() {
                        self.faults.add(&place, format!("the variable {key} is defined twice"));
                    } else {
                        all.0.push((key, place, tree));
                    }
                }
                named.insert(name, (first, all));
            }
            Some((first, _)) => self.faults.add(&place, format!("{kind}.{name} is defined twice; the first is at {first}")),
            None => drop(named.insert(name, (place, table))),
        }
    }

    fn all(&self, kind: &str) -> impl Iterator<Item = (&String, &Place, &Table)> {
        self.sections.get(kind).into_iter().flatten().map(|(name, (place, table))| (name, place, table))
    }

    fn build(&self) -> RuleSet {
        let variables = self.variables();
        let mut set = RuleSet { squelch: self.squelch.clone(), ..RuleSet::default() };
        let groups = shared::groups(self);
        let lookups = shared::lookups(self);
        set.channels = shared::channels(self);
        set.maintenance = shared::maintenance(self);
        set.clusters = shared::clusters(self, &groups);
        let tables = self.complete(&variables);
        let names = RuleNames::new(&tables, &lookups);
        let mut rules = BTreeMap::new();
        let mut overrides = Vec::new();
        for (name, (place, table)) in &tables {
            let before = self.faults.count();
            let section = Section::new(format!("rule.{name}"), place, table, self.faults);
            let reader = rule::Reader { loader: self, name, section: &section, names: &names, groups: &groups, channels: &set.channels };
            let read = reader.read();
            if let Some((rule, over)) = read.filter(|_| self.faults.count() == before) {
                overrides.extend(over.into_iter().map(|(target, place)| (target, place, rule.scope.clone())));
                rules.insert(name.clone(), rule);
            }
        }
        for (target, place, scope) in overrides {
            match rules.get_mut(&target) {
                Some(rule) => rule.scope.except.push(scope),
                None if tables.contains_key(&target) => {}
                None => self.faults.add(&place, format!("overrides: there is no rule {target:?}{}", near(&target, &tables))),
            }
        }
        set.rules = rules.into_iter().map(|(name, rule)| (name, Arc::new(rule))).collect();
        set.lookups = lookups;
        set
    }

    /// `[vars]`, as texts.
    fn variables(&self) -> BTreeMap<String, String> {
        let sections = self.all("vars").map(|(_, place, table)| Section::new("vars", place, table, self.faults));
        sections.flat_map(|section| section.own_pairs()).collect()
    }

    /// Each rule with what it inherits, and its variables filled in.
    fn complete(&self, variables: &BTreeMap<String, String>) -> BTreeMap<String, (Place, Table)> {
        let mut templates: BTreeMap<String, Table> = self.all("template").map(|(name, _, table)| (name.clone(), table.clone())).collect();
        let defaults = self.all("defaults").next().map(|(_, _, table)| table.clone());
        let mut out = BTreeMap::new();
        for (name, place, table) in self.all("rule") {
            let Some(own) = templates::inherited(table, &templates, self.faults) else { continue };
            let mut whole = match &defaults {
                Some(defaults) => templates::merged(defaults.clone(), own, true),
                None => own,
            };
            let section = Section::new(format!("rule.{name}"), place, &whole, self.faults);
            let mut known = variables.clone();
            known.extend(section.pairs("vars").unwrap_or_default());
            whole.remove("vars");
            templates::fill(&mut whole, &known, self.faults);
            out.insert(name.clone(), (place.clone(), whole));
        }
        templates.clear();
        out
    }
}

fn near<T>(name: &str, known: &BTreeMap<String, T>) -> String {
    crate::config::did_you_mean(name, known.keys().map(String::as_str))
}
