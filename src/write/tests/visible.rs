//! A point is visible here as soon as its commit returns, while flushes run and readers read.

use super::*;
use std::sync::atomic::{AtomicBool, AtomicU32};

#[test]
fn visible_when_acknowledged_with_flushes_and_readers() {
    for private in [true, false] {
        let rig = Arc::new(Rig::with(private, |o| o.flush_interval = 1));
        *rig.store.pause.lock() = Duration::from_millis(2);
        let base = (START / 1000) as u32;
        let acknowledged = Arc::new(AtomicU32::new(0));
        let rounds = Arc::new(AtomicU32::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let flusher = {
            let (rig, stop) = (rig.clone(), stop.clone());
            std::thread::spawn(move || {
                while !stop.load(SeqCst) {
                    rig.flush();
                    rig.tick(1);
                }
            })
        };
        let reader = {
            let (rig, stop, acknowledged, rounds) = (rig.clone(), stop.clone(), acknowledged.clone(), rounds.clone());
            std::thread::spawn(move || {
                while !stop.load(SeqCst) {
                    let least = acknowledged.load(SeqCst);
                    let seen = rig.read();
                    assert!(seen.len() >= least as usize, "{} of {least} points seen", seen.len());
                    rounds.fetch_add(1, SeqCst);
                }
            })
        };
        let mut batch = rig.writer.batch();
        let mut sent = 0;
        // At least ten looks of the reader while points come.
        while sent < 1_500 || rounds.load(SeqCst) < 10 {
            let at = sent;
            sent += 1;
            if at > 1_500 {
                std::thread::sleep(Duration::from_millis(1));
            }

            let (host, second) = (format!("h{}", at % 7), base + at / 7);
            let point = Point { metric: "m", time: PointTime::Seconds(second), value: Value::Int(i64::from(at)), tags: &[("h", &host)] };
            batch.add(&point).unwrap();
            batch.commit().unwrap();
            acknowledged.store(at + 1, SeqCst);
        }
        stop.store(true, SeqCst);
        flusher.join().unwrap();
        reader.join().unwrap();
        rig.flush();
        assert_eq!(rig.read().len(), sent as usize);
    }
}

#[test]
fn tags_in_another_order_are_the_same_series() {
    let rig = Rig::new(true);
    let mut batch = rig.writer.batch();
    let time = PointTime::Seconds((START / 1000) as u32);
    let mut add = |tags: &[(&str, &str)], value| batch.add(&Point { metric: "m", time, value: Value::Int(value), tags }).unwrap();
    add(&[("a", "1"), ("b", "2")], 1);
    add(&[("b", "2"), ("a", "1")], 2);
    batch.commit().unwrap();
    assert_eq!(rig.values(), [(0, 2)]);
    assert_eq!((rig.stat("series_cache.names"), rig.stat("series_cache.series")), (2, 1));
    let known = batch.add_known(&Point { metric: "m", time, value: Value::Int(3), tags: &[("b", "2"), ("a", "1")] });
    assert!(known.is_some_and(|r| r.is_ok()));
    assert!(batch.add_known(&Point { metric: "m", time, value: Value::Int(3), tags: &[("b", "2"), ("a", "12")] }).is_none());
}

#[test]
fn the_series_cache_is_bounded() {
    let rig = Rig::with(true, |o| o.series_max = 1_000);
    let mut batch = rig.writer.batch();
    for at in 0..5_000u32 {
        let host = format!("h{at}");
        let time = PointTime::Seconds((START / 1000) as u32);
        batch.add(&Point { metric: "m", time, value: Value::Int(i64::from(at)), tags: &[("h", &host)] }).unwrap();
        if at % 500 == 499 {
            batch.commit().unwrap();
            rig.flush();
        }
    }
    assert!(rig.stat("series_cache.names") <= 1_100, "{}", rig.stat("series_cache.names"));
    assert_eq!(rig.read().len(), 5_000);
}

#[test]
fn what_cannot_be_stored_is_refused() {
    let rig = Rig::new(true);
    let mut batch = rig.writer.batch();
    let time = PointTime::Seconds(1);
    let mut check = |time, value, tags: &[(&str, &str)], want: &str| {
        let error = batch.add(&Point { metric: "m", time, value, tags }).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    };
    check(time, Value::Int(1), &[], "Need at least one tag (metric=m, tags={})");
    let nine: Vec<(String, String)> = (0..9).map(|i| (format!("k{i}"), "v".to_owned())).collect();
    let nine: Vec<(&str, &str)> = nine.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    check(time, Value::Int(1), &nine, "Too many tags: 9 maximum allowed: 8, tags: {");
    check(time, Value::Double(f64::NAN), &[("a", "b")], "NaN");
    check(PointTime::Millis(-5), Value::Int(1), &[("a", "b")], "-5");
    assert!(batch.is_empty());
}
