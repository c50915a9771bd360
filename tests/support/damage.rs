//! Damage to tables as the notes of the recorded command lines tell it.

use super::scenario::{hex, unhex};
use super::server::Engine;
use super::tables::{dump, open};
use std::path::Path;
use tsdb::store::{Mutation, RowMutation};

/// The row that most notes speak of.
const ROW: &str = "00000153724180000001000001";

/// Changes raw cells.
pub fn change(engine: &Engine, dir: &Path, table: &str, row: &[u8], mutations: Vec<Mutation>) {
    let (store, table) = open(engine, dir, table);
    store.write(&table, &[RowMutation { row: row.to_vec(), mutations, time: None }]).expect("write");
    store.sync().expect("sync");
}

fn put(family: &'static str, qualifier: &[u8], value: &[u8]) -> Mutation {
    Mutation::Put { family, qualifier: qualifier.to_vec(), value: value.to_vec() }
}

/// What a note of `cli/fsck` says. False: it is no damage to the table of points.
pub fn data(note: &str, engine: &Engine, dir: &Path) -> bool {
    let Some(text) = note.strip_prefix("damage: ") else { return false };
    let words: Vec<&str> = text.split([' ', ':', ',']).collect();
    if let Some(at) = words.iter().position(|w| *w == "row").filter(|_| !text.contains("t:")) {
        change(engine, dir, "tsdb", &unhex(words[at + 1]), vec![put("t", &[0, 0x10], &[1])]);
        return true;
    }
    let mut mutations = Vec::new();
    for at in (0..words.len()).filter(|at| words[*at] == "t") {
        let value = if words.get(at + 2) == Some(&"value") { unhex(words[at + 3]) } else { vec![1] };
        mutations.push(put("t", &unhex(words[at + 1]), &value));
    }
    assert!(!mutations.is_empty(), "a note that is not understood: {note}");
    change(engine, dir, "tsdb", &unhex(ROW), mutations);
    true
}

/// What a note of `cli/uid_fsck` says.
pub fn names(note: &str, engine: &Engine, dir: &Path) {
    let Some(text) = note.strip_prefix("damage: ") else { return };
    let quoted = |text: &str| text.split('"').nth(1).map(str::to_string).expect("a name in quotes");
    let after = |text: &str, word: &str| {
        let rest = text.split(word).nth(1).expect("the word");
        rest.split([' ', ',', ')']).find(|w| !w.is_empty()).expect("a word behind it").to_string()
    };
    let kind = |text: &str, family: &str| after(text, &format!("{family}:")).into_bytes();
    let delete = |family, qualifier: Vec<u8>| Mutation::Delete { family, qualifier };
    let (row, mutation) = if text.starts_with("delete the name->id row") {
        (quoted(text).into_bytes(), delete("id", kind(text, "id")))
    } else if text.starts_with("delete the id->name row") {
        (unhex(&after(text, "row ")), delete("name", kind(text, "name")))
    } else if text.starts_with("set the max id") {
        let max: u64 = text.rsplit(' ').next().and_then(|w| w.parse().ok()).expect("a number");
        (vec![0], put("id", &kind(text, "id"), &max.to_be_bytes()))
    } else if text.starts_with("name:") {
        (unhex(&after(text, "row ")), put("name", &kind(text, "name"), quoted(text).as_bytes()))
    } else if text.starts_with("id:") {
        (quoted(text).into_bytes(), put("id", &kind(text, "id"), &unhex(&after(text, " is "))))
    } else {
        panic!("a note that is not understood: {note}")
    };
    change(engine, dir, "tsdb-uid", &row, vec![mutation]);
}

/// The cells that the notes before a block list below `data table now`; `None` without such a list.
pub fn listed(notes: &[String]) -> Option<Vec<String>> {
    let at = notes.iter().position(|n| n.starts_with("data table now"))?;
    let cells = notes.iter().skip(at + 1).map_while(|n| n.strip_prefix("  "));
    Some(cells.map(str::to_string).collect())
}

/// The table of points in the form of such a list.
pub fn cells(engine: &Engine, dir: &Path) -> Vec<String> {
    let cells = dump(engine, dir, "tsdb");
    cells.iter().map(|c| format!("{} {}:{} {}", hex(&c.row), c.family, hex(&c.qualifier), hex(&c.value))).collect()
}
