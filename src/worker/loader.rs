//! Rules from files and from the table, read again when they change.

use super::ids;
use super::records::{RULE, StoredRule, all};
use super::rule::file::{self, SourceFile};
use super::rule::model::RuleSet;
use crate::desk::{Desk, DeskError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rules that are in force.
#[derive(Clone, Default)]
pub struct Loaded {
    /// The rules.
    pub set: Arc<RuleSet>,
    /// Of all texts: the same on every worker that reads the same.
    pub fingerprint: String,
    /// Files that could not be read, and faults in those that could.
    pub faults: Vec<String>,
}

/// Where rules come from.
pub struct Loader {
    path: PathBuf,
    texts: Option<Vec<SourceFile>>,
    /// What the table held when it could be read last.
    table: Vec<SourceFile>,
}

impl Loader {
    /// `path`: a file, or a folder of `.toml` files.
    pub fn new(path: &Path) -> Loader {
        Loader { path: path.to_owned(), texts: None, table: Vec::new() }
    }

    /// The rules, if they are others than at the last call.
    pub fn load(&mut self, desk: Option<&Desk>) -> Option<Loaded> {
        let (mut texts, mut faults) = read(&self.path);
        if let Some(desk) = desk {
            match stored(desk) {
                Ok(table) => self.table = table,
                Err(error) => tracing::debug!("rules of the table are not read: {error}"),
            }
        }
        texts.extend(self.table.iter().cloned());
        if self.texts.as_ref() == Some(&texts) {
            return None;
        }
        let all: String = texts.iter().map(|file| format!("{}\0{}\0", short_name(&file.name), file.text)).collect();
        let set = file::load(&texts);
        faults.extend(set.faults.iter().map(ToString::to_string));
        let loaded = Loaded { set: Arc::new(set), fingerprint: ids::short(&all), faults };
        self.texts = Some(texts);
        Some(loaded)
    }
}

/// Two machines may keep the same file in other folders.
fn short_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The files of a path, and what could not be read.
pub fn read(path: &Path) -> (Vec<SourceFile>, Vec<String>) {
    if path.as_os_str().is_empty() {
        return (Vec::new(), Vec::new());
    }
    if path.is_dir() {
        let (files, faults) = file::read_dir(path);
        return (files, faults.iter().map(ToString::to_string).collect());
    }
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => (vec![SourceFile { name: name.into(), text, channels: true }], Vec::new()),
        Err(error) => (Vec::new(), vec![format!("{name}: {error}")]),
    }
}

/// The rules of the table.
///
/// # Errors
/// The table is away.
pub fn stored(desk: &Desk) -> Result<Vec<SourceFile>, DeskError> {
    Ok(all::<StoredRule>(desk, RULE, "")?.into_iter().map(|(name, rule, _)| of_table(&name, rule.text)).collect())
}

/// A rule of the table, as faults name it. It may name channels and not make any.
pub fn of_table(name: &str, text: String) -> SourceFile {
    SourceFile { name: format!("table:{name}").into(), text, channels: false }
}
