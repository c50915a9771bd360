//! A TOML file as a tree whose every value knows its place.

use super::super::model::{Fault, Place};
use crate::worker::notify::TemplateError;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How deep values may nest.
const DEPTH_MOST: usize = 20;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub place: Place,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Text),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// A date or time, as written.
    Date(String),
    List(Vec<Tree>),
    Table(Table),
}

impl Value {
    /// As messages name it.
    pub fn name(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Date(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// A text; where its letters begin is known when it stands in the file as it is.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub text: String,
    pub inner: Option<Place>,
}

impl Text {
    /// The place of a byte of the text, or of the value.
    pub fn place(&self, offset: usize, of: &Place) -> Place {
        let (Some(inner), Some(before)) = (&self.inner, self.text.get(..offset)) else { return of.clone() };
        let lines = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let column = if lines == 0 { inner.column + column } else { column + 1 };
        Place { file: inner.file.clone(), line: inner.line + lines, column }
    }
}

/// Where something is wrong in a template, and how that is said: at its place in the file, where that is known.
pub(super) fn template_fault(text: &Text, of: &Place, error: &TemplateError) -> (Place, String) {
    match (&text.inner, error.line, error.column) {
        (Some(inner), Some(line), Some(column)) => {
            let column = if line == 1 { inner.column + column - 1 } else { column };
            (Place { file: inner.file.clone(), line: inner.line + line - 1, column }, error.text.clone())
        }
        _ => (of.clone(), error.to_string()),
    }
}

/// Keys in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub Vec<(String, Place, Tree)>);

impl Table {
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.0.iter().find(|(name, ..)| name == key).map(|(.., tree)| tree)
    }

    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(name, ..)| name != key);
    }
}

/// Bytes to lines and columns.
struct Lines<'a> {
    file: Arc<str>,
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl Lines<'_> {
    fn place(&self, at: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count()) + 1;
        Place { file: self.file.clone(), line, column }
    }
}

/// What stands in a file, and what of it is no TOML. A section (`[rule.x]`) in which a fault lies is left out.
pub(super) fn read(file: &Arc<str>, text: &str) -> (Table, Vec<Fault>) {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let lines = Lines { file: file.clone(), text, starts };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut faults = Vec::new();
    let mut broken = Vec::new();
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let message = error.message().trim().replace('\n', ", ");
        faults.push(Fault { place: lines.place(at), message: format!("this is no TOML: {message}") });
        broken.extend(section_at(text, at));
    }
    let mut out = of_table(&lines, table.get_ref(), 0, &mut faults);
    for path in broken {
        drop_section(&mut out, &path);
    }
    (out, faults)
}

/// The two first keys of the section in which a byte lies: `rule` and `x`.
fn section_at(text: &str, at: usize) -> Option<Vec<String>> {
    let mut header = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if start > at {
            break;
        }
        if line.trim_start().starts_with('[') {
            header = Some(line);
        }
        start += line.len();
    }
    let inner = header?.trim().trim_start_matches('[');
    let inner = inner.split(']').next().unwrap_or_default();
    Some(inner.split('.').take(2).map(|key| key.trim().trim_matches(['"', '\'']).to_string()).collect())
}

fn drop_section(table: &mut Table, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        table.remove(first);
    } else if let Some((.., Tree { value: Value::Table(inner), .. })) = table.0.iter_mut().find(|(name, ..)| name == first) {
        drop_section(inner, rest);
    }
}

fn of_table(lines: &Lines, table: &DeTable, depth: usize, faults: &mut Vec<Fault>) -> Table {
    let mut out = Table::default();
    for (key, value) in table {
        if let Some(tree) = of_value(lines, value, depth + 1, faults) {
            out.0.push((key.get_ref().to_string(), lines.place(key.span().start), tree));
        }
    }
    out.0.sort_by(|a, b| a.1.cmp(&b.1));
    out
}

fn of_value(lines: &Lines, value: &Spanned<DeValue>, depth: usize, faults: &mut Vec<Fault>) -> Option<Tree> {
    let place = lines.place(value.span().start);
    if depth > DEPTH_MOST {
        faults.push(Fault { place, message: format!("expected at most {DEPTH_MOST} levels of tables and lists") });
        return None;
    }
    let mut wrong = |message: String| faults.push(Fault { place: place.clone(), message });
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(of_text(lines, text, value.span())),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                wrong(format!("{} is larger than any number here", number.as_str()));
                return None;
            }
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => {
                wrong(format!("{} is no number", number.as_str()));
                return None;
            }
        },
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(list) => Value::List(list.iter().filter_map(|item| of_value(lines, item, depth + 1, faults)).collect()),
        DeValue::Table(table) => Value::Table(of_table(lines, table, depth, faults)),
    };
    Some(Tree { place, value })
}

fn of_text(lines: &Lines, text: &str, span: std::ops::Range<usize>) -> Text {
    let raw = lines.text.get(span.clone()).unwrap_or_default();
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| raw.starts_with(quotes)).unwrap_or_default();
    let mut skip = quotes.len();
    if quotes.len() == 3 {
        // The line end right after three quotes is none of the text's.
        let rest = raw.get(3..).unwrap_or_default();
        skip += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    let as_it_is = raw.get(skip..).is_some_and(|rest| rest.starts_with(text));
    Text { text: text.to_string(), inner: as_it_is.then(|| lines.place(span.start + skip)) }
}
