//! `uid` and `mkmetric`: names and ids, printed as OpenTSDB's tool prints them (recorded cases `cli/uid`).

use super::{Call, Failure, USAGE, trees};
use crate::codec::java_bytes;
use crate::config::Settings;
use crate::query::filter::java_regex;
use crate::store::{Columns, RowBatch, Store};
use crate::tsd;
use crate::uid::{CheckOptions, Uid, UidError, UidKind, UidOptions, Uids, from_latin_1, to_latin_1};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Exit codes of OpenTSDB's tool beside 0, 1 and 2.
const STORE_FAILED: u8 = 3;
/// Of `delete` alone; the others end with 1.
const NO_SUCH_KIND: u8 = 4;

/// What the sub commands work on.
struct Tool<'a> {
    call: &'a Call,
    settings: Settings,
    store: Arc<dyn Store>,
    /// `--idwidth`, if given.
    width: Option<u8>,
}

/// `mkmetric a b` is `uid assign metrics a b`.
pub fn mkmetric(call: &Call) -> Result<(), Failure> {
    let mut words = vec!["assign", "metrics"];
    words.extend(call.words());
    dispatch(call, &words)
}

pub fn run(call: &Call) -> Result<(), Failure> {
    dispatch(call, &call.words())
}

fn dispatch(call: &Call, words: &[&str]) -> Result<(), Failure> {
    let wrong = || Err(Failure::code(USAGE, format!("Wrong number of arguments\n{}", call.command.usage).trim_end_matches('\n')));
    if words.is_empty() {
        return Err(call.misused(USAGE, "Not enough arguments"));
    }
    let width = match call.parsed.value("--idwidth").map(|text| (text, text.parse::<i16>())) {
        None => None,
        Some((_, Ok(width @ 1..=8))) => u8::try_from(width).ok(),
        Some((_, Ok(..=0))) => return Err(call.misused(STORE_FAILED, "Negative or 0 --idwidth")),
        Some((text, _)) => return Err(Failure::new(format!("--idwidth = {text:?} is not valid; allowed: 1 to 8"))),
    };
    let assigns = words.first() == Some(&"assign");
    let tool = || Tool::open(call, width, assigns);
    match words {
        ["grep", regex] => tool()?.grep(None, regex),
        ["grep", kind, regex] => tool()?.grep(Some(kind), regex),
        ["assign", kind, names @ ..] if !names.is_empty() => tool()?.assign(kind, names),
        ["rename", _, "", _] | ["rename", _, _, ""] | ["delete", _, ""] => {
            Err(Failure::code(STORE_FAILED, "a name has at least one letter"))
        }
        ["rename", kind, old, new] => tool()?.rename(kind, old, new),
        ["delete", kind, name] => tool()?.delete(kind, name),
        ["grep" | "assign" | "rename" | "delete", ..] | ["treepurge"] => wrong(),
        ["fsck", words @ ..] => tool()?.fsck(words),
        ["treesync", ..] => tool().and_then(|tool| trees::sync(&tool.settings, &tool.store)),
        ["treepurge", id, rest @ ..] => {
            let definition = rest.first().is_some_and(|word| word.eq_ignore_ascii_case("true"));
            tool().and_then(|tool| trees::purge(&tool.settings, &tool.store, id, definition))
        }
        ["metasync", ..] => super::metadata::metasync(&call.settings_of_a_store()?),
        ["metapurge", ..] => super::metadata::metapurge(&call.settings_of_a_store()?),
        [what] => tool()?.find_rows(what),
        [kind, what] => tool()?.look_up(kind, what),
        _ => wrong(),
    }
}

impl<'a> Tool<'a> {
    fn open(call: &'a Call, width: Option<u8>, assigns: bool) -> Result<Tool<'a>, Failure> {
        // Names can be given before there is a store; nothing else can be done with none.
        let settings = if assigns { call.settings()? } else { call.settings_of_a_store()? };
        let store = tsd::open_store(&settings).map_err(Failure::new)?;
        tsd::check_tables(store.as_ref(), &settings).map_err(Failure::new)?;
        Ok(Tool { call, settings, store, width })
    }

    /// Names of a kind. Other spellings than `metrics`, `tagk` and `tagv` are kinds of their own to OpenTSDB, which nothing
    /// else reads.
    fn kind(&self, text: &str) -> Result<(UidKind, Uids), Failure> {
        let Some(kind) = UidKind::parse(text) else { return Err(Failure::new(format!("Invalid type requested: {text}"))) };
        let mut options = tsd::uid_options(&self.settings);
        if text != kind.qualifier() {
            // A command opens one kind.
            options.qualifier = Some(text.to_string().leak());
        }
        if let Some(width) = self.width {
            (options.metric_width, options.tagk_width, options.tagv_width) = (width, width, width);
        }
        Ok((kind, Uids::new(self.store.clone(), UidOptions { ..options })))
    }

    /// Writes are on disk when the command ends.
    fn sync(&self) -> Result<(), Failure> {
        self.store.sync().map_err(failed)
    }

    fn grep(&self, kind: Option<&str>, regex: &str) -> Result<(), Failure> {
        let ignore_case = self.call.parsed.has("--ignore-case") || self.call.parsed.has("-i");
        let pattern = if ignore_case { format!("(?i){regex}") } else { regex.to_string() };
        let regex = java_regex::compile(&pattern).map_err(|error| Failure::code(STORE_FAILED, format!("{regex:?}: {error}")))?;
        let (_, uids) = self.kind("metrics")?;
        let mut out = std::io::stdout().lock();
        let mut found = false;
        let mut result = Ok(());
        uids.each_id(None, &mut |row, qualifier, id| {
            let name = from_latin_1(row);
            if kind.is_some_and(|kind| kind.as_bytes() != qualifier) || !regex.is_match(&name).unwrap_or(false) {
                return ControlFlow::Continue(());
            }
            found = true;
            result = writeln!(out, "{} {name}: {}", from_latin_1(qualifier), java_bytes(id));
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(failed)?;
        result?;
        found_or_not(found)
    }

    /// Findings go to standard error, as OpenTSDB's go to its log. The exit code is the number of errors, at most 255.
    fn fsck(&self, words: &[&str]) -> Result<(), Failure> {
        let options = CheckOptions { fix: words.contains(&"fix"), delete_unknown: words.contains(&"delete_unknown") };
        let (_, uids) = self.kind("metrics")?;
        let mut tell = |level: &str, text: &str| {
            // Nobody can be told if standard error is closed.
            let _ = writeln!(std::io::stderr(), "{level} {text}");
        };
        tell("INFO", if options.fix { "Running fsck in FIX mode" } else { "Running in log only mode" });
        let errors = uids.check(options, &mut tell).map_err(failed)?;
        if options.fix {
            self.sync()?;
        }
        if errors == 0 { Ok(()) } else { Err(Failure::code(u8::try_from(errors).unwrap_or(u8::MAX), "")) }
    }

    fn assign(&self, kind: &str, names: &[&str]) -> Result<(), Failure> {
        let (uid_kind, uids) = self.kind(kind)?;
        for name in names {
            let id = uids.id_or_create(uid_kind, name).map_err(failed)?;
            self.sync()?;
            print(kind, name, id.as_bytes())?;
        }
        Ok(())
    }

    fn rename(&self, kind: &str, old: &str, new: &str) -> Result<(), Failure> {
        let (uid_kind, uids) = self.kind(kind)?;
        uids.rename(uid_kind, old, new).map_err(failed)?;
        self.sync()?;
        super::extra::print(&format!("{kind} {old} -> {new}\n"))
    }

    fn delete(&self, kind: &str, name: &str) -> Result<(), Failure> {
        let (uid_kind, uids) = self.kind(kind).map_err(|failure| Failure::code(NO_SUCH_KIND, failure.text))?;
        uids.delete(uid_kind, name).map_err(failed)?;
        self.sync()?;
        tracing::info!("UID {kind} {name} deleted.");
        Ok(())
    }

    fn look_up(&self, kind: &str, what: &str) -> Result<(), Failure> {
        let (uid_kind, uids) = self.kind(kind)?;
        if let Ok(number) = what.parse::<i64>() {
            let id = id_of(number, uids.width(uid_kind))?;
            let name = uids.name(uid_kind, id.as_bytes()).map_err(failed)?;
            return print(kind, &name, id.as_bytes());
        }
        let id = uids.id(uid_kind, what).map_err(failed)?;
        print(kind, what, id.as_bytes())
    }

    /// A name or an id of any kind: every column of its row is printed.
    fn find_rows(&self, what: &str) -> Result<(), Failure> {
        let width = self.width.unwrap_or_else(|| tsd::layout(&self.settings).metric_width);
        let (row, family) = match what.parse::<i64>() {
            Ok(number) => (id_of(number, width)?.as_bytes().to_vec(), "name"),
            Err(_) => (to_latin_1(what), "id"),
        };
        let mut batch = RowBatch::default();
        let table = &self.settings.storage_hbase_uid_table;
        self.store.get(table, &[row], &Columns::Family(family), &mut batch).map_err(Failure::new)?;
        let mut found = false;
        for row in batch.rows() {
            for cell in row.cells() {
                found = true;
                let (name, id) = if family == "id" { (row.key(), cell.value) } else { (cell.value, row.key()) };
                print(&from_latin_1(cell.qualifier), &from_latin_1(name), id)?;
            }
        }
        found_or_not(found)
    }
}

fn print(kind: &str, name: &str, id: &[u8]) -> Result<(), Failure> {
    super::extra::print(&format!("{kind} {name}: {}\n", java_bytes(id)))
}

/// A number as an id.
fn id_of(number: i64, width: u8) -> Result<Uid, Failure> {
    let id = u64::try_from(number).ok().and_then(|number| Uid::from_number(number, width));
    id.ok_or_else(|| Failure::new(format!("{number} is too large to fit on {width} bytes.  Maybe you forgot to adjust --idwidth?")))
}

/// Nothing found is exit code 1, without a word.
fn found_or_not(found: bool) -> Result<(), Failure> {
    if found { Ok(()) } else { Err(Failure::new("")) }
}

fn failed(error: impl Into<UidError>) -> Failure {
    let error = error.into();
    let code = if matches!(error, UidError::Store(_)) { STORE_FAILED } else { 1 };
    Failure::code(code, error)
}
