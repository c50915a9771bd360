//! Templates that rules inherit from, and variables.

use super::section::Faults;
use super::tree::{Table, Text, Tree, Value};
use std::collections::BTreeMap;

/// Longest chain of templates, as in the original's.
const CHAIN_MOST: usize = 9;
/// How deep variables may name variables.
const VARIABLES_DEEP: usize = 10;
/// Longest text after variables are filled in.
const TEXT_MOST: usize = 256 * 1024;
/// Most variables that one text may come to, those inside of variables counted.
const FILLS_MOST: usize = 10_000;

/// Keys that say what must hold: a rule with one of its own does not inherit another.
pub(super) const CONDITIONS: [&str; 8] = ["judge", "expression", "skyline", "nodata", "seasonal", "rise", "fall", "forecast"];

/// The table of a rule with everything that it inherits. `None`: something is wrong, and is said.
pub(super) fn inherited(table: &Table, templates: &BTreeMap<String, Table>, faults: &Faults) -> Option<Table> {
    resolve(table, templates, faults, 0)
}

fn resolve(table: &Table, templates: &BTreeMap<String, Table>, faults: &Faults, depth: usize) -> Option<Table> {
    let mut own = table.clone();
    own.remove("inherit");
    let Some(tree) = table.get("inherit") else { return Some(own) };
    if depth >= CHAIN_MOST {
        faults.add(&tree.place, format!("inherit: expected at most {CHAIN_MOST} templates in a chain; is it a circle?"));
        return None;
    }
    let names: Vec<&Tree> = match &tree.value {
        Value::List(list) => list.iter().collect(),
        _ => vec![tree],
    };
    let mut out = Table::default();
    for name in names {
        let Value::Text(text) = &name.value else {
            faults.add(&name.place, format!("inherit: expected the name of a template, found {}", name.value.name()));
            return None;
        };
        let Some(template) = templates.get(&text.text) else {
            let near = crate::config::did_you_mean(&text.text, templates.keys().map(String::as_str));
            faults.add(&name.place, format!("inherit: there is no template {:?}{near}", text.text));
            return None;
        };
        out = merged(out, resolve(template, templates, faults, depth + 1)?, true);
    }
    Some(merged(out, own, true))
}

/// What the younger says counts; tables are merged key by key.
pub(super) fn merged(mut old: Table, young: Table, top: bool) -> Table {
    if top && let Some(kind) = CONDITIONS.iter().find(|kind| young.get(kind).is_some()) {
        old.0.retain(|(key, ..)| key == kind || !CONDITIONS.contains(&key.as_str()));
    }
    for (key, place, tree) in young.0 {
        let before = old.0.iter().position(|(name, ..)| *name == key).map(|at| old.0.remove(at));
        let tree = match (before, tree) {
            (Some((_, _, Tree { value: Value::Table(before), .. })), Tree { value: Value::Table(table), place }) if key != "match" => {
                Tree { value: Value::Table(merged(before, table, false)), place }
            }
            (_, tree) => tree,
        };
        old.0.push((key, place, tree));
    }
    old
}

/// Fills `$name` and `${name}` in every text. `$$` is a dollar; a dollar before anything else stays one.
pub(super) fn fill(table: &mut Table, variables: &BTreeMap<String, String>, faults: &Faults) {
    for (_, _, tree) in &mut table.0 {
        fill_tree(tree, variables, faults);
    }
}

fn fill_tree(tree: &mut Tree, variables: &BTreeMap<String, String>, faults: &Faults) {
    match &mut tree.value {
        Value::Text(text) if text.text.contains('$') => match filled(&text.text, variables, 0, &mut 0) {
            Ok(new) => {
                let same = new == text.text;
                *text = Text { text: new, inner: text.inner.take().filter(|_| same) };
            }
            Err((at, message)) => faults.add(&text.place(at, &tree.place), message),
        },
        Value::List(list) => list.iter_mut().for_each(|item| fill_tree(item, variables, faults)),
        Value::Table(table) => fill(table, variables, faults),
        _ => {}
    }
}

fn filled(text: &str, variables: &BTreeMap<String, String>, depth: usize, fills: &mut usize) -> Result<String, (usize, String)> {
    let mut out = String::new();
    let mut at = 0;
    while let Some(dollar) = text.get(at..).and_then(|rest| rest.find('$')) {
        let start = at + dollar;
        out.push_str(text.get(at..start).unwrap_or_default());
        let rest = text.get(start + 1..).unwrap_or_default();
        if rest.starts_with('$') {
            out.push('$');
            at = start + 2;
            continue;
        }
        let (name, length) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) if is_name(name) => (name, name.len() + 2),
            _ => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let name = rest.get(..end).unwrap_or_default();
                (name, end)
            }
        };
        if !is_name(name) {
            out.push('$');
            at = start + 1;
            continue;
        }
        let value = variables.get(name).ok_or_else(|| {
            let near = crate::config::did_you_mean(name, variables.keys().map(String::as_str));
            (start, format!("there is no variable {name}{near}; a dollar alone is $$"))
        })?;
        if depth >= VARIABLES_DEEP {
            return Err((start, format!("the variable {name} names others more than {VARIABLES_DEEP} deep; is it a circle?")));
        }
        *fills += 1;
        out.push_str(&filled(value, variables, depth + 1, fills).map_err(|(_, message)| (start, message))?);
        if out.len() > TEXT_MOST || *fills > FILLS_MOST {
            return Err((start, format!("a text has at most {TEXT_MOST} bytes and {FILLS_MOST} variables")));
        }
        at = start + 1 + length;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Ok(out)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
