//! The row checker: a line a kind of damage, and mutated rows.

use super::*;
use crate::codec::{DecodeOptions, Points, decode_row, from_hex};
use crate::fuzz;

const KEY: [u8; 13] = [0, 0, 1, 0x53, 0x72, 0x41, 0x80, 0, 0, 1, 0, 0, 1];
const BASE: u32 = 0x5372_4180;

fn all() -> Options {
    Options {
        fix: true,
        compact: true,
        resolve_duplicates: true,
        delete_orphans: true,
        delete_unknown: true,
        delete_bad_values: true,
        delete_bad_rows: true,
        delete_bad_compacts: true,
        ..Options::default()
    }
}

fn fix() -> Options {
    Options { fix: true, ..Options::default() }
}

/// Cells as `qualifier=value@time`, in hex.
type Owned = Vec<(Vec<u8>, Vec<u8>, i64)>;

fn cells(text: &str) -> Owned {
    let one = |cell: &str| {
        let (cell, time) = cell.split_once('@').unwrap_or((cell, "1"));
        let (qualifier, value) = cell.split_once('=').unwrap();
        (from_hex(qualifier).unwrap(), from_hex(value).unwrap(), time.parse().unwrap())
    };
    text.split_whitespace().map(one).collect()
}

fn views(cells: &Owned) -> Vec<Cell<'_>> {
    cells.iter().map(|(q, v, t)| Cell { qualifier: q, value: v, time: *t }).collect()
}

fn apply(cells: &Owned, changes: &Changes) -> Owned {
    let mut after: Owned = cells.clone();
    for put in &changes.puts {
        after.retain(|(q, ..)| *q != put.qualifier);
        after.push((put.qualifier.clone(), put.value.clone(), put.time));
    }
    after.retain(|(q, _, time)| !changes.deletes.iter().any(|(gone, upto)| gone == q && time <= upto));
    after.sort();
    after
}

/// What is left of a row, and how many errors were found and put right.
fn check(options: &Options, before: &str, want: (&str, u64, u64)) {
    let before = cells(before);
    let checked = check_row(&KEY, BASE, &views(&before), options);
    let after = apply(&before, &checked.changes);
    let mut wanted = cells(want.0);
    wanted.sort();
    let strip = |cells: &Owned| cells.iter().map(|(q, v, _)| (to_hex(q), to_hex(v))).collect::<Vec<_>>();
    let fixed = checked.changes.fixed.fixed();
    assert_eq!((strip(&after), checked.found.errors(), fixed), (strip(&wanted), want.1, want.2), "{before:?}: {:?}", checked.notes);
}

#[test]
fn sound_rows_stay() {
    check(&all(), "0010=01", ("0010=01", 0, 0));
    check(&all(), "00100020=010200", ("00100020=010200", 0, 0));
    check(&fix(), "0010=01 0020=02", ("0010=01 0020=02", 0, 0));
    check(&all(), "0010=01 0020=02", ("00100020=010200", 0, 0));
    check(&fix(), "0010=01 00200030=020300", ("001000200030=01020300", 0, 0)); // a packed cell is there
    check(&all(), "010005=7b7d 0010=01 050000=001001", ("010005=7b7d 0010=01 050000=001001", 0, 0));
    check(&all(), "f0004000=05 0020=02", ("f00040000020=050201", 0, 0)); // milliseconds and seconds
}

#[test]
fn recorded_damage() {
    check(&fix(), "2240=09 2253=0000000000000009 c800c8a0=010200", ("2240=09 2253=0000000000000009 c800c8a0=010200", 1, 0));
    let values = Options { delete_bad_values: true, ..fix() };
    check(&values, "2240=09 2253=0000000000000009 c800c8a0=010200", ("2240c800c8a0=09010200", 1, 1));
    check(&all(), "0001020304=01", ("0001020304=01", 0, 0)); // perhaps of a later version
    let double = "0010=05@7 0011=0006@7 2240=09";
    check(&fix(), double, (double, 1, 0));
    let resolve = Options { resolve_duplicates: true, ..fix() };
    check(&resolve, double, ("0010=05 2240=09", 1, 1));
    check(&Options { last_write_wins: true, ..resolve.clone() }, double, ("0011=0006 2240=09", 1, 1));
    check(
        &Options { last_write_wins: true, ..resolve },
        "0010=05@9 0011=0006@7 0020=01 00300040=010200",
        ("0010002000300040=0501010200", 1, 1),
    );
    check(&fix(), "002b=000000004048f5c3 c800c8a0=010200", ("002bc800c8a0=4048f5c3010200", 1, 1));
    check(&fix(), "002b=000000004048f5c3", ("002b=4048f5c3", 1, 1));
    check(&all(), "00100020=0102", ("00100020=0102", 1, 0)); // its last byte is no flag: left
}

#[test]
fn other_damage() {
    check(&all(), "00=01 0010=01", ("0010=01", 1, 1));
    check(&all(), "01020304050607=01 0010=01", ("0010=01", 1, 1));
    check(&all(), "f010=01", ("", 1, 1)); // ends in the middle
    check(&fix(), "002b=ffffffff4048f5c3", ("002b=4048f5c3", 1, 1));
    check(&all(), "002b=112233444048f5c3", ("", 1, 1));
    check(&all(), "002f=4048f5c3", ("", 1, 1));
    check(&all(), "002b=4048f5", ("", 1, 1));
    check(&all(), "00100020=01", ("", 1, 0)); // the last value is missing; deleted, but not counted as put right
    check(&fix(), "00200010=020100", ("00100020=010200", 1, 0)); // out of order
    check(&fix(), "0017=0000000000000005", ("0010=05", 0, 0)); // takes fewer bytes
    check(&all(), "0017=0000000000000005 0023=00011170", ("00100023=050001117000", 0, 0));
    check(&all(), "0012=010203", ("", 1, 1)); // no number has three bytes
    // mutated_rows, round 67132: joined, the older 5 would win over the appended 1
    check(&all(), "0010=05@1 0090=02@6 050000=001001@2", ("0010=05 0090=02 050000=001001", 0, 0));
    check(&all(), "00120020=0102030500", ("00120020=0102030500", 1, 0)); // inside a packed cell it stays
}

#[test]
fn mutated_rows() {
    let variants = [all(), fix(), Options::default(), Options { last_write_wins: true, ..all() }];
    fuzz::run(|dice| {
        let sound =
            ["0010=01@5", "0020=02@6", "00100020=010200@7", "f0004000=05@3", "002b=3fc00000@4", "050000=001001@2", "0017=0000000000000005"];
        let mut row: Owned = Vec::new();
        for _ in 0..1 + dice.below(5) {
            let mut cell = cells(dice.pick(&sound)).remove(0);
            dice.mutate(&mut cell.0, &[]);
            dice.mutate(&mut cell.1, &[]);
            row.push(cell);
        }
        row.sort();
        row.dedup_by(|a, b| a.0 == b.0);
        let options = &variants[dice.below(variants.len())];
        let before = check_row(&KEY, BASE, &views(&row), options);
        if !options.fix {
            assert!(before.changes.is_empty());
        }
        let after = apply(&row, &before.changes);
        // Repairs come to an end. (A bad value of two of an instant goes first, the other is joined in the next run.)
        let mut last = after.clone();
        for round in 0.. {
            let next = apply(&last, &check_row(&KEY, BASE, &views(&last), options).changes);
            if next == last {
                break;
            }
            assert!(round < 3, "{row:?} becomes {last:?} and then {next:?}");
            last = next;
        }
        let read = |cells: &Owned| {
            let views = views(cells);
            let mut points = Points::default();
            let report = decode_row(&KEY, BASE, || views.iter().copied(), &DecodeOptions::default(), &mut points);
            (points, report)
        };
        let ((first, report), (second, _)) = (read(&row), read(&after));
        if report.errors.is_empty() && before.found.errors() == 0 {
            assert_eq!(first.times, second.times);
            assert_eq!(format!("{:?}", first.values), format!("{:?}", second.values), "{row:?} becomes {after:?} with {options:?}");
        }
    });
}
