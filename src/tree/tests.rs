//! Trees in a table of the embedded store: edits, building, branches, deleting.

use super::branch::{Branch, Leaf};
use super::builder::{Builder, Named, Series};
use super::building::{Known, Outcome};
use super::definition::Edit;
use super::forest::Forest;
use super::rows::{self, FAMILY, Failed};
use super::rule::Rule;
use super::{TreeError, TreeId, Trees};
use crate::point::json;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::{Mutation, RowMutation, Store, TableSpec};
use std::ops::ControlFlow;
use std::sync::Arc;

struct Place {
    store: Arc<dyn Store>,
    trees: Trees,
    _folder: tempfile::TempDir,
}

fn fresh() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).unwrap();
    store.create_table(&TableSpec::plain("tree", &[FAMILY]), &[]).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    Place { trees: Trees::new(store.clone(), "tree"), store, _folder: folder }
}

fn edit(name: &str) -> Edit {
    Edit { name: name.into(), enabled: Some(true), store_failures: Some(true), ..Edit::default() }
}

fn add_rule(trees: &Trees, id: TreeId, text: &str) {
    let rule = Rule::from_json(json::parse(text.as_bytes()).unwrap()).unwrap();
    trees.change_rule(id, &rule, false).unwrap();
}

fn series(tsuid: &str, metric: &str, dc: &str, host: &str) -> Series {
    let named = |name: &str| Named { name: name.into(), ..Named::default() };
    Series { tsuid: tsuid.into(), metric: named(metric), tags: vec![(named("dc"), named(dc)), (named("host"), named(host))] }
}

/// A tree of data centre, host, parts of the metric.
fn planted(place: &Place) -> TreeId {
    let id = place.trees.create(&edit("T")).unwrap().id;
    add_rule(&place.trees, id, r#"{"type":"TAGK","field":"dc"}"#);
    add_rule(&place.trees, id, r#"{"type":"TAGK","field":"host","level":1}"#);
    add_rule(&place.trees, id, r#"{"type":"METRIC","separator":"\\.","level":2}"#);
    id
}

fn builder(place: &Place, id: TreeId) -> Builder {
    Builder::new(&place.trees.tree(id).unwrap().unwrap())
}

#[test]
fn ids_follow_the_highest() {
    let place = fresh();
    let ids: Vec<u16> = (0..3).map(|_| place.trees.create(&edit("T")).unwrap().id.get()).collect();
    assert_eq!(ids, [1, 2, 3]);
    place.trees.purge(TreeId::new(2).unwrap(), true, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(place.trees.create(&edit("T")).unwrap().id.get(), 4);
    assert_eq!(place.trees.all().unwrap().iter().map(|t| t.id.get()).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(place.trees.tree(TreeId::new(2).unwrap()).unwrap().is_none());
}

#[test]
fn series_find_their_places() {
    let place = fresh();
    let id = planted(&place);
    let builder = builder(&place, id);
    let mut known = Known::default();
    let mut put = |s: &Series| place.trees.place(&builder, s, &mut known).unwrap();
    assert_eq!(put(&series("01", "sys.cpu", "lga", "web01")), Outcome::Placed);
    assert_eq!(put(&series("01", "sys.cpu", "lga", "web01")), Outcome::Placed, "again");
    assert_eq!(put(&series("02", "sys.cpu", "lga", "web01")), Outcome::Collision("01".into()));
    assert_eq!(put(&series("03", "...", "lga", "")), Outcome::NoPlace, "a leaf on the root");
    let root = place.trees.branch(&id.bytes()).unwrap().unwrap();
    assert_eq!((root.leaves, root.branches.map(|b| b.len())), (None, Some(1)));
    let parent = Branch::root(id).child("lga").child("web01").child("sys");
    let found = place.trees.branch(&parent.id()).unwrap().unwrap();
    assert_eq!(found, Branch { leaves: Some(vec![Leaf::new("cpu", "01")]), ..parent });
    assert_eq!(place.trees.branch(&[0, 1, 9, 9, 9, 9]).unwrap(), None);
}

/// Among thousands of rows below, those right below are found, and rows of failures do not get in the way.
#[test]
fn children_of_large_trees() {
    let place = fresh();
    let id = planted(&place);
    let builder = builder(&place, id);
    let mut known = Known::default();
    for dc in 0..10 {
        for host in 0..20 {
            place
                .trees
                .place(&builder, &series("01", &format!("m{host}.a.b"), &format!("dc{dc}"), &format!("h{host}")), &mut known)
                .unwrap();
        }
    }
    let failures = [("0A".to_owned(), "0B".to_owned()), ("0C".to_owned(), "é".to_owned())];
    place.trees.record(Failed::Collision, id, &failures).unwrap();
    place.trees.record(Failed::NotMatched, id, &failures).unwrap();
    let root = place.trees.branch(&id.bytes()).unwrap().unwrap();
    assert_eq!(root.branches.as_ref().map(Vec::len), Some(10));
    let one = place.trees.branch(&Branch::root(id).child("dc7").id()).unwrap().unwrap();
    assert_eq!(one.branches.map(|b| b.len()), Some(20));
    assert_eq!(place.trees.all().unwrap().len(), 1);
    assert_eq!(place.trees.failed(Failed::Collision, id, &[]).unwrap().len(), 2);
    let one = place.trees.failed(Failed::NotMatched, id, &[vec![0x0C], vec![0x0D]]).unwrap();
    assert_eq!(one.into_iter().collect::<Vec<_>>(), [("0C".to_owned(), "é".to_owned())]);
    // Stopped in between and run again: all gone but the definition.
    let mut stop = |_| ControlFlow::Break(());
    let first = place.trees.purge(id, false, &mut stop).unwrap();
    let rest = place.trees.purge(id, false, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(first > 0 && rest > 0);
    assert_eq!(place.trees.branch(&id.bytes()).unwrap(), None);
    assert_eq!(place.trees.tree(id).unwrap().unwrap().rules.len(), 3);
}

#[test]
fn strict_trees_and_their_records() {
    let place = fresh();
    let id = place.trees.create(&Edit { strict_match: Some(true), ..edit("T") }).unwrap().id;
    add_rule(&place.trees, id, r#"{"type":"TAGK","field":"dc"}"#);
    add_rule(&place.trees, id, r#"{"type":"TAGK","field":"rack","level":1}"#);
    add_rule(&place.trees, id, r#"{"type":"METRIC","level":2}"#);
    let lost = series("0A", "m", "lga", "h");
    for (record, want) in [(false, 0), (true, 1)] {
        Forest::new(place.trees.clone(), record).grow(&lost).unwrap();
        let failed = place.trees.failed(Failed::NotMatched, id, &[]).unwrap();
        assert_eq!(failed.len(), want);
        assert!(failed.values().all(|why| why == "[1:1:0:TAGK]"));
    }
    let root = place.trees.branch(&id.bytes()).unwrap().unwrap();
    assert_eq!((root.leaves, root.branches), (None, None));
}

/// A tree whose separator is no pattern, and one that is fine.
#[test]
fn one_bad_tree_does_not_stop_the_others() {
    let place = fresh();
    let bad = place.trees.create(&edit("bad")).unwrap().id;
    add_rule(&place.trees, bad, r#"{"type":"METRIC","separator":"("}"#);
    let good = planted(&place);
    let forest = Forest::new(place.trees.clone(), false);
    let trouble = forest.grow(&series("01", "sys.cpu", "lga", "web01")).unwrap_err();
    assert!(trouble.to_string().starts_with("the separator of rule [1:0:0:METRIC] is no regular expression"), "{trouble}");
    assert!(place.trees.branch(&Branch::root(good).child("lga").id()).unwrap().is_some());
}

#[test]
fn damaged_cells_are_named() {
    let place = fresh();
    let id = planted(&place);
    let damage = |column: &[u8], value: &[u8]| {
        let put = Mutation::Put { family: FAMILY, qualifier: column.to_vec(), value: value.to_vec() };
        place.store.write("tree", &[RowMutation { row: id.bytes().to_vec(), mutations: vec![put], time: None }]).unwrap();
    };
    damage(b"tree_rule:0:0", b"no JSON");
    let error = place.trees.tree(id).unwrap_err();
    assert!(matches!(error, TreeError::Corrupt { .. }));
    assert!(error.to_string().starts_with("row 0001 of the table of trees, column 'tree_rule:0:0': "), "{error}");
    damage(b"tree_rule:0:0", br#"{"type":"METRIC","regex":"(","level":0,"order":0}"#);
    let trouble = builder(&place, id).build(&series("01", "m", "lga", "h")).unwrap_err();
    assert!(trouble.to_string().starts_with("the pattern of rule [1:0:0:METRIC] is no regular expression"), "{trouble}");
    damage(rows::BRANCH, b"[]");
    assert!(place.trees.branch(&id.bytes()).is_err());
}
