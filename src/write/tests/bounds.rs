//! The journal's bounds and what a bad disk does: full, failing, damaged, of other settings.

use super::*;
use crate::store::memory::Fault;
use crate::write::journal::{self, Disk};

const HOUR: u32 = (START / 1000) as u32;

#[test]
fn a_full_journal_refuses_and_goes_on_when_there_is_room() {
    let rig = Rig::with(false, |o| o.journal.max_bytes = 300_000);
    *rig.store.fault.lock() = Fault::Unavailable;
    let mut batch = rig.writer.batch();
    let mut fill = |from: u32| {
        for at in from.. {
            for host in ["a", "b", "c"] {
                let time = PointTime::Seconds(HOUR + at % 3_000);
                batch.add(&Point { metric: "m", time, value: Value::Int(i64::from(at)), tags: &[("h", host)] })?;
            }
            batch.commit()?;
            if at > 100_000 {
                panic!("no bound");
            }
        }
        Ok::<(), WriteError>(())
    };
    let error = fill(0).unwrap_err();
    assert!(matches!(&error, WriteError::Overloaded(t) if t == "the journal is full: tsd.storage.journal.max_bytes = 300000"), "{error}");
    assert!(rig.stat("journal.bytes") < 310_000);
    // What was refused is still in the batch, and is stored when it is offered again (an import waits for room so).
    assert_eq!(batch.len(), 3);
    assert_eq!(rig.stat("refused"), 3);
    *rig.store.fault.lock() = Fault::None;
    rig.flush();
    let before = rig.stat("points");
    batch.commit().unwrap();
    assert_eq!((batch.len(), rig.stat("points")), (0, before + 3));
    rig.put("a", HOUR + 3_500, 1);
    assert!(rig.stat("journal.bytes") < 150_000, "{}", rig.stat("journal.bytes"));
}

#[test]
fn our_own_store_makes_room_before_the_journal_is_full() {
    let rig = Rig::with(true, |o| {
        o.journal.max_bytes = 1_200_000;
        o.backpressure = 120_000;
    });
    let mut batch = rig.writer.batch();
    for at in 0..100_000u32 {
        let host = format!("h{}", at % 10);
        let time = PointTime::Millis(START + i64::from(at) * 30);
        batch.add(&Point { metric: "m", time, value: Value::Int(i64::from(at)), tags: &[("h", &host)] }).unwrap();
        if at % 100 == 99 {
            batch.commit().unwrap();
        }
        if at % 5_000 == 0 {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    assert_eq!(rig.read().len(), 100_000);
    assert!(rig.stat("journal.bytes") <= 1_300_000);
}

#[test]
fn a_full_journal_holds_writers_back_while_the_store_works() {
    let rig = Arc::new(Rig::with(false, |o| {
        o.journal.max_bytes = 64 << 10;
        o.backpressure = 120_000;
    }));
    let writers: Vec<_> = (0..3)
        .map(|host| {
            let rig = rig.clone();
            std::thread::spawn(move || {
                let mut batch = rig.writer.batch();
                for at in 0..20_000u32 {
                    let time = PointTime::Seconds(HOUR + at % 3_600);
                    let host = format!("h{host}");
                    batch.add(&Point { metric: "m", time, value: Value::Int(i64::from(at)), tags: &[("h", &host)] }).unwrap();
                    if at % 50 == 49 {
                        batch.commit().unwrap();
                    }
                }
            })
        })
        .collect();
    let started = std::time::Instant::now();
    writers.into_iter().for_each(|w| w.join().unwrap());
    assert!(started.elapsed() < Duration::from_secs(100), "writers and the flush thread wait for each other");
    assert_eq!(rig.read().len(), 3 * 3_600);
}

#[test]
fn a_full_disk_is_told_and_needs_no_restart() {
    let rig = Rig::new(true);
    rig.put("a", HOUR + 1, 1);
    rig.disk.set_space(Some(3));
    let error = rig.try_put("a", PointTime::Seconds(HOUR + 2), Value::Int(2)).unwrap_err();
    assert!(error.to_string().contains("no space left on device"), "{error}");
    let error = rig.try_put("a", PointTime::Seconds(HOUR + 3), Value::Int(3)).unwrap_err();
    assert!(error.to_string().contains("the journal cannot be written"), "{error}");
    rig.disk.set_space(None);
    let deadline = std::time::Instant::now() + LONG;
    while let Err(error) = rig.try_put("a", PointTime::Seconds(HOUR + 4), Value::Int(4)) {
        assert!(std::time::Instant::now() < deadline, "{error}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let rig = rig.restart();
    assert_eq!(rig.writer.replayed().damage, []);
    let values = rig.values();
    assert!(values.contains(&(1, 1)) && values.contains(&(4, 4)) && !values.contains(&(3, 3)), "{values:?}");
}

#[test]
fn a_failed_sync_poisons() {
    let rig = Rig::new(true);
    rig.put("a", HOUR + 1, 1);
    rig.disk.fail_syncs();
    for second in 2..4 {
        let error = rig.try_put("a", PointTime::Seconds(HOUR + second), Value::Int(2)).unwrap_err();
        assert!(error.to_string().contains("takes nothing more until a restart: fake disk: input/output error"), "{error}");
    }
    let (tell, told) = std::sync::mpsc::channel();
    rig.writer.notify(Ticket(u64::MAX), Box::new(move |result| tell.send(result.is_err()).unwrap()));
    assert_eq!(told.recv_timeout(LONG), Ok(true));
}

#[test]
fn notify_calls_back_after_the_sync() {
    let rig = Rig::new(true);
    let mut batch = rig.writer.batch();
    batch.add(&Point { metric: "m", time: PointTime::Seconds(HOUR), value: Value::Int(1), tags: &[("h", "a")] }).unwrap();
    let ticket = batch.commit().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let disk = rig.disk.clone();
    rig.writer.notify(ticket, Box::new(move |result| tell.send((result.is_ok(), disk.syncs())).unwrap()));
    let (ok, syncs) = told.recv_timeout(LONG).unwrap();
    assert!(ok && syncs >= 2, "the folder and the segment");
    assert_eq!(batch.commit().unwrap(), ticket, "an empty commit gives the last ticket");
}

#[test]
fn a_journal_of_other_settings_is_never_replayed() {
    let rig = Rig::new(true);
    rig.put("a", HOUR + 1, 1);
    let Rig { store, disk, writer, _folder, .. } = rig;
    drop(writer);
    let error = Rig::on(store, disk, |o| o.layout.salt_width = 1).err().unwrap();
    let text = error.to_string();
    assert!(text.contains("salt=0/0") && text.contains("salt=1/20") && text.contains("0000000000000001.journal"), "{text}");
}

/// Ten points in groups of their own, then `change` to the segment.
fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> Rig {
    let rig = Rig::new(true);
    for at in 1..=10 {
        rig.put("a", HOUR + at, i64::from(at));
    }
    let Rig { store, disk, clock, options, writer, _folder } = rig;
    drop(writer);
    disk.damage(&journal::segment_name(1), change);
    Rig::open(store, disk, clock, options, _folder).unwrap()
}

#[test]
fn damage_in_the_middle_is_reported_and_the_rest_replayed() {
    let rig = damaged(|bytes| {
        let middle = bytes.len() - 60;
        *bytes.get_mut(middle).unwrap() ^= 1;
    });
    let report = rig.writer.replayed().clone();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    let damage = report.damage.first().unwrap();
    assert_eq!(damage.file, "fake disk/0000000000000001.journal");
    assert!(damage.offset > 0);
    assert_eq!(report.points, 9);
    rig.flush();
    rig.put("a", HOUR + 100, 1);
    let names = rig.disk.list().unwrap();
    assert!(names.contains(&"0000000000000001.journal.damaged".to_owned()), "the damaged file is kept: {names:?}");
}

#[test]
fn a_torn_tail_is_cut_off_without_alarm() {
    let rig = damaged(|bytes| bytes.truncate(bytes.len() - 3));
    let report = rig.writer.replayed();
    assert_eq!((report.points, report.damage.len()), (9, 0));
    assert!(report.torn > 0);
    let rig = rig.restart();
    assert_eq!((rig.writer.replayed().points, rig.writer.replayed().torn), (9, 0));
}

#[test]
fn every_flipped_byte_gives_right_points_or_a_named_error() {
    let rig = Rig::new(true);
    for at in 1..=3 {
        rig.put("a", HOUR + at, i64::from(at));
    }
    let Rig { store, disk, clock, options, writer, _folder } = rig;
    drop(writer);
    let name = journal::segment_name(1);
    let bytes = disk.read(&name).unwrap();
    for at in 0..bytes.len() {
        let copy = disk.after_power_cut(journal::fake::Torn::Lost);
        copy.damage(&name, |b| *b.get_mut(at).unwrap() ^= 0x04);
        let mut options = options.clone();
        options.journal.disk = Some(Arc::new(copy.clone()));
        let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
        match Writer::open(store.clone(), uids, options) {
            Err(error) => assert!(error.to_string().contains(&name), "{error}"),
            Ok(writer) => {
                let pinned = writer.overlay().pin("tsdb", &[], &[]);
                for ((_, ms), (value, _)) in read_all(&store, &pinned) {
                    assert_eq!((ms - START) / 1000, value, "byte {at}");
                }
            }
        }
    }
    drop(clock);
}

#[test]
fn shutdown_leaves_an_empty_journal() {
    let rig = Rig::new(true);
    rig.put("a", HOUR + 1, 1);
    rig.writer.shutdown().unwrap();
    assert_eq!(rig.disk.list().unwrap(), [] as [String; 0]);
    assert_eq!(rig.cells().len(), 1);
    let error = rig.try_put("a", PointTime::Seconds(HOUR + 2), Value::Int(1)).unwrap_err();
    assert!(error.to_string().contains("stopping"), "{error}");
}

#[test]
fn a_second_process_on_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _one = journal::Folder::open(folder.path()).unwrap();
    let error = journal::Folder::open(folder.path()).err().unwrap();
    assert!(error.to_string().contains("in use by another process"), "{error}");
}
