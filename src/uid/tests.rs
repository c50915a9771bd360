//! Names and ids over a store in memory: caches, races, outages, rename and delete.

use super::*;
use crate::store::memory::{Fault, MemoryStore};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use UidKind::{Metric, Tagk, Tagv};

fn uids(store: &Arc<MemoryStore>) -> Uids {
    Uids::new(store.clone(), UidOptions::default())
}

fn fresh() -> (Arc<MemoryStore>, Uids) {
    let store = Arc::new(MemoryStore::default());
    let uids = uids(&store);
    (store, uids)
}

fn check<T: std::fmt::Debug>(got: Result<T, UidError>, want: &str) {
    let got = match got {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(got, want);
}

/// Every name -> id has its id -> name, and no id has two names.
fn assert_sound(store: &MemoryStore) {
    let cells = store.values();
    let mut seen = BTreeMap::new();
    for ((row, family, kind), id) in &cells {
        if family == "id" && *row != MAX_ID_ROW {
            assert_eq!(cells.get(&(id.clone(), "name".to_string(), kind.clone())), Some(row), "forward without reverse");
            assert_eq!(seen.insert((kind.clone(), id.clone()), row.clone()), None, "one id, two names");
        }
    }
}

#[test]
fn assigns_and_finds() {
    let (store, uids) = fresh();
    check(uids.id(Metric, "m1"), "No such name for 'metrics': 'm1'");
    check(uids.name(Metric, &[0, 0, 1]), "No such unique ID for 'metrics': [0, 0, 1]");
    check(uids.name(Tagk, &[0, 0, 255]), "No such unique ID for 'tagk': [0, 0, -1]");
    check(uids.name(Tagk, &[1]), "Wrong id.length = 1 which is != 3 required for 'tagk'");
    check(uids.assign(Metric, "m1"), "000001");
    check(uids.assign(Metric, "m1"), "Name already exists with UID: 000001"); // uid_assign/again
    check(uids.id_or_create(Metric, "m1"), "000001");
    check(uids.id_or_create(Tagk, "m1"), "000001");
    for n in 2..=10 {
        uids.assign(Metric, &format!("m{n}")).unwrap();
    }
    check(uids.assign(Metric, "m10"), "Name already exists with UID: 00000A");
    check(uids.max_id(Metric), "10");
    check(uids.max_id(Tagv), "0");
    uids.drop_caches();
    assert_eq!(uids.cached_id(Metric, "m1"), None);
    check(uids.name(Metric, &[0, 0, 10]), "\"m10\"");
    assert_eq!(uids.cached_id(Metric, "m10"), None); // an id's name does not prove the name's id
    check(uids.id(Metric, "m10"), "00000A");
    check(uids.id_or_create(Metric, ""), "'' cannot be a name");
    check(uids.id_or_create(Metric, "\0"), "'\\u{0}' cannot be a name");
    assert_sound(&store);
}

#[test]
fn the_table_as_recorded() {
    // storage/uid_table: assign, then rename m2 to m2.new.
    let (store, uids) = fresh();
    for (kind, name) in
        [(Metric, "m1"), (Metric, "m2"), (Metric, "température"), (Metric, "温度"), (Tagk, "host"), (Tagv, "a"), (Tagv, "Zürich")]
    {
        uids.assign(kind, name).unwrap();
    }
    uids.rename(Metric, "m2", "m2.new").unwrap();
    let root = std::env::var("TSDB_KIT").unwrap_or_else(|_| "tests/golden".into());
    let recorded: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{root}/storage/uid_table.json")).unwrap()).unwrap();
    let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let got: Vec<[String; 3]> = store.values().iter().map(|((r, f, q), v)| [hex(r), format!("{f}:{}", hex(q)), hex(v)]).collect();
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_string();
    let cells = recorded["tables"]["kit-uid"].as_array().unwrap().iter();
    let want: Vec<[String; 3]> = cells.map(|c| [text(&c["row"]), text(&c["column"]), text(&c["value"])]).collect();
    assert_eq!(got, want);
    // Two names of question marks are one row.
    check(uids.id_or_create(Metric, "湿度"), &format!("{:?}", uids.id(Metric, "温度").unwrap()));
}

#[test]
fn suggests_in_order() {
    let (_, uids) = fresh();
    for name in ["sys.mem", "sys.cpu", "proc.stat", "été", "~z", "sys.disk"] {
        uids.assign(Metric, name).unwrap();
    }
    uids.assign(Tagk, "sys.tag").unwrap();
    uids.drop_caches();
    check(uids.suggest(Metric, "sys", 10), r#"["sys.cpu", "sys.disk", "sys.mem"]"#);
    check(uids.suggest(Metric, "sys", 2), r#"["sys.cpu", "sys.disk"]"#);
    check(uids.suggest(Metric, "", 25), r#"["proc.stat", "sys.cpu", "sys.disk", "sys.mem"]"#);
    check(uids.suggest(Metric, "é", 25), r#"["été"]"#);
    check(uids.suggest(Metric, "ÿ", 25), "[]");
    check(uids.suggest(Metric, "x", 25), "[]");
    check(uids.suggest(Metric, "\0", 25), "[]");
    check(uids.suggest(Metric, "s", 0), "Count must be greater than 0");
    assert!(uids.cached_id(Metric, "sys.cpu").is_some());
    uids.drop_caches();
    check(uids.preload(3), "3");
    check(uids.preload(100), "5");
    assert!(uids.cached_id(Tagk, "sys.tag").is_some());
    let mut seen = Vec::new();
    uids.each_id(None, &mut |name, kind, id| {
        seen.push(format!("{} {}: {id:?}", from_latin_1(kind), from_latin_1(name).escape_default()));
        if seen.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(
        seen.join("; "),
        "metrics \\u{0}: [0, 0, 0, 0, 0, 0, 0, 6]; tagk \\u{0}: [0, 0, 0, 0, 0, 0, 0, 1]; metrics proc.stat: [0, 0, 3]; metrics sys.cpu: [0, 0, 2]"
    );
}

#[test]
fn renames_and_deletes() {
    let (store, uids) = fresh();
    for name in ["m1", "m2"] {
        uids.assign(Metric, name).unwrap();
    }
    check(uids.rename(Metric, "m9", "m3"), "No such name for 'metrics': 'm9'");
    check(
        uids.rename(Metric, "m1", "m2"),
        "When trying rename(\"m1\", \"m2\") on UniqueId(tsdb-uid, metrics, 3): new name already assigned ID=[0, 0, 2]",
    );
    check(uids.rename(Metric, "m1", ""), "a name has at least one letter");
    check(uids.name(Metric, &[0, 0, 1]), "\"m1\"");
    uids.rename(Metric, "m1", "m3").unwrap();
    check(uids.id(Metric, "m1"), "No such name for 'metrics': 'm1'");
    check(uids.name(Metric, &[0, 0, 1]), "\"m3\"");
    store.set("tsdb-uid", &[0, 0, 2], "name", b"metric_meta", b"{}", 0);
    uids.delete(Metric, "m2").unwrap();
    check(uids.delete(Metric, "m2"), "No such name for 'metrics': 'm2'");
    check(uids.name(Metric, &[0, 0, 2]), "No such unique ID for 'metrics': [0, 0, 2]");
    let want =
        ["\\x00 id:metrics \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02", "\\x00\\x00\\x01 name:metrics m3", "m3 id:metrics \\x00\\x00\\x01"];
    assert_eq!(store.dump(), want);
    // Somebody takes the new name between the check and the write: the id gets its old name back.
    let other = self::uids(&store);
    let thief = store.clone();
    store.set_fate(move |call, _| {
        if call == "write" && !thief.dump().iter().any(|c| c.starts_with("m5 ")) {
            thief.set("tsdb-uid", b"m5", "id", b"metrics", &[0, 0, 7], 0);
            thief.set("tsdb-uid", &[0, 0, 7], "name", b"metrics", b"m5", 0);
        }
        Fault::None
    });
    check(
        other.rename(Metric, "m3", "m5"),
        "When trying rename(\"m3\", \"m5\") on UniqueId(tsdb-uid, metrics, 3): new name already assigned ID=[0, 0, 7]",
    );
    assert_sound(&store);
    check(self::uids(&store).name(Metric, &[0, 0, 1]), "\"m3\"");
}

#[test]
fn widths_and_their_ends() {
    let store = Arc::new(MemoryStore::default());
    let options = UidOptions { metric_width: 1, tagk_width: 8, ..UidOptions::default() };
    let uids = Uids::new(store.clone(), options.clone());
    for n in 1..=255 {
        let id = uids.assign(Metric, &format!("m{n}")).unwrap();
        assert_eq!(id.as_bytes(), [n as u8]);
        let want = [(178, 0), (216, 70), (242, 85)].into_iter().find(|(to, _)| n <= *to).map_or(95, |(_, percent)| percent);
        assert_eq!(uids.stats(Metric).warned_percent, want, "{n}");
    }
    check(uids.assign(Metric, "m256"), "All Unique IDs for metrics on 1 bytes are already assigned!");
    check(uids.assign(Tagk, "wide"), "0000000000000001");
    store.set("tsdb-uid", &MAX_ID_ROW, "id", b"tagk", &i64::MAX.to_be_bytes(), i64::MAX);
    check(Uids::new(store.clone(), options).max_id(Tagk), &i64::MAX.to_string());
    assert_sound(&store);
    let stats = uids.stats(Metric);
    assert_eq!((stats.max_possible, stats.last_id), (255, 255));
}

#[test]
fn random_ids() {
    let store = Arc::new(MemoryStore::default());
    let uids = Uids::new(store.clone(), UidOptions { random_metrics: true, metric_width: 1, ..UidOptions::default() });
    // An assignment may lose all its attempts to ids that are taken: then the name is tried again.
    let retried = |name: String| (0..1_000).find_map(|_| uids.assign(Metric, &name).ok()).unwrap();
    let given: BTreeSet<_> = (0..150).map(|n| retried(format!("m{n}"))).collect();
    assert_eq!(given.len(), 150);
    assert!(!given.contains(&Uid::new(&[0]).unwrap()));
    assert!(uids.stats(Metric).random_collisions > 0);
    check(uids.max_id(Metric), "0"); // the counter is not used
    assert_sound(&store);
    for n in 150..255 {
        let _soon_full = uids.assign(Metric, &format!("m{n}"));
    }
    let error = (0..200).find_map(|n| uids.assign(Metric, &format!("n{n}")).err()).unwrap().to_string();
    assert!(error.starts_with("Failed to assign random ID for kind='metrics' name='n"), "{error}");
    let wide = Uids::new(store, UidOptions { random_metrics: true, metric_width: 8, ..UidOptions::default() });
    check(wide.assign(Metric, "m"), "Expecting to return an unsigned long random integer, it can not be larger than 7 bytes wide");
}

/// `threads` threads on each of `processes` TSDs assign the same names; all must see one id a name.
fn race(store: &Arc<MemoryStore>, processes: usize, threads: usize, names: usize, may_fail: bool) -> BTreeMap<String, Uid> {
    let tsds: Vec<Uids> = (0..processes).map(|_| uids(store)).collect();
    let found = Mutex::new(BTreeMap::<String, BTreeSet<Uid>>::new());
    std::thread::scope(|scope| {
        for worker in 0..processes * threads {
            let (tsd, found) = (&tsds[worker % processes], &found);
            scope.spawn(move || {
                for n in 0..names {
                    let name = format!("name{}", (n + worker * 7) % names);
                    match tsd.id_or_create(Tagv, &name) {
                        Ok(id) => drop(found.lock().entry(name).or_default().insert(id)),
                        Err(error) => assert!(may_fail, "{error}"),
                    }
                }
            });
        }
    });
    assert!(tsds.iter().all(|t| t.tagvs.flights.under_way() == 0));
    assert_sound(store);
    let found = found.into_inner();
    found
        .into_iter()
        .map(|(name, ids)| {
            assert_eq!(ids.len(), 1, "{name}: {ids:?}");
            (name, *ids.first().unwrap())
        })
        .collect()
}

#[test]
fn one_flight_a_name() {
    let (store, _) = fresh();
    let given = race(&store, 1, 8, 200, false);
    assert_eq!(given.len(), 200);
    check(uids(&store).max_id(Tagv), "200"); // no id wasted inside one process
}

#[test]
fn several_tsds_agree() {
    let (store, _) = fresh();
    assert_eq!(race(&store, 8, 2, 200, false).len(), 200);
}

#[test]
fn lost_answers_are_read_back() {
    for seed in 1..=40u64 {
        let (store, _) = fresh();
        store.set_fate(move |_, n| {
            let mut x = (n + seed * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            x ^= x >> 29;
            x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
            match (x >> 40) % 5 {
                0 => Fault::LostAnswer,
                1 => Fault::LostCall,
                _ => Fault::None,
            }
        });
        // At this rate a name in a thousand runs out of tries; whoever got an id got the same.
        let given = race(&store, 4, 2, 60, true);
        assert!(given.len() > 50, "seed {seed}: {}", given.len());
        store.set_fate(|_, _| Fault::None);
        let again = race(&store, 2, 1, 60, false);
        assert!(given.iter().all(|(name, id)| again.get(name) == Some(id)), "seed {seed}");
    }
}

#[test]
fn killed_between_the_steps() {
    let (store, _) = fresh();
    for (step, call) in ["increment", "check_and_put name", "check_and_put id"].into_iter().enumerate() {
        let name = format!("m{step}");
        store.set_fate(move |c, _| if c == call { Fault::Death } else { Fault::None });
        let tsd = uids(&store);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tsd.assign(Metric, &name))).is_err());
        assert_eq!(tsd.metrics.flights.under_way(), 0);
        assert_sound(&store);
        store.set_fate(|_, _| Fault::None);
        check(uids(&store).id(Metric, &name), &format!("No such name for 'metrics': '{name}'"));
        check(tsd.assign(Metric, &name), ["000001", "000003", "000005"][step]);
    }
    // Orphans of the deaths: an id that was taken but not named, one that was named but not claimed.
    assert_eq!(store.dump().iter().filter(|c| c.contains("name:metrics")).count(), 4);
}

#[test]
fn a_store_that_is_away() {
    let (store, tsd) = fresh();
    store.set_fate(|_, _| Fault::Unavailable);
    check(tsd.assign(Metric, "m1"), "storage is not reachable: memory is away");
    store.set_fate(|_, _| Fault::None);
    check(tsd.assign(Metric, "m1"), "000001");
    store.set_fate(|call, _| if call == "write" { Fault::LostAnswer } else { Fault::None });
    check(tsd.rename(Metric, "m1", "m2"), "memory did not answer within 1s"); // three tries, each unknown
    store.set_fate(|call, n| if call == "write" && n % 2 == 1 { Fault::LostAnswer } else { Fault::None });
    check(tsd.rename(Metric, "m1", "m3"), "()");
    check(tsd.id(Metric, "m3"), "000001");
}

#[test]
fn bounded_caches() {
    let store = Arc::new(MemoryStore::default());
    let uids = Uids::new(store, UidOptions { names_max: 50, ids_max: 50, ..UidOptions::default() });
    for n in 0..1000 {
        uids.assign(Tagv, &format!("v{n}")).unwrap();
    }
    assert!(uids.stats(Tagv).cache_size <= 200, "{}", uids.stats(Tagv).cache_size); // the bound is shared out over shards
    check(uids.id(Tagv, "v0"), "000001");
}

#[test]
fn kinds_by_name() {
    for (text, want) in [("metric", Some(Metric)), ("METRICS", Some(Metric)), ("Tagk", Some(Tagk)), ("tagv", Some(Tagv)), ("tags", None)] {
        assert_eq!(UidKind::parse(text), want);
    }
    assert_eq!(Uid::from_number(256, 1), None);
    assert_eq!(Uid::from_number(255, 1), Uid::new(&[255]));
    assert_eq!((Uid::from_number(1, 0), Uid::from_number(1, 9)), (None, None));
}
