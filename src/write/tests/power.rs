//! The power goes at every sync in turn, and what was written and not synced is lost, half there or wrong:
//! nothing acknowledged is lost, nothing appears that nobody wrote.

use super::*;
use crate::write::journal::fake::Torn;

/// Values acknowledged and submitted, by host and second.
#[derive(Default)]
struct Model {
    acknowledged: BTreeMap<(u8, u32), i64>,
    submitted: BTreeMap<(u8, u32), Vec<i64>>,
}

/// Writes, overwrites and flushes until the end or the cut. Points come in order, out of order and twice.
fn workload(rig: &Rig, model: &mut Model) -> Result<(), WriteError> {
    let hour = (START / 1000) as u32;
    let mut batch = rig.writer.batch();
    for round in 0..40u32 {
        let mut staged = Vec::new();
        for at in 0..90u32 {
            let host = (at % 3) as u8;
            let second = if at % 7 == 0 { round / 2 } else { round * 30 + at };
            let value = i64::from(round * 1_000 + at) << 33;
            let name = format!("h{host}");
            let time = PointTime::Seconds(hour + second % 3_600 + 3_600 * (round / 4));
            batch.add(&Point { metric: "m", time, value: Value::Int(value), tags: &[("h", &name)] })?;
            let key = (host, second % 3_600 + 3_600 * (round / 4));
            model.submitted.entry(key).or_default().push(value);
            staged.push((key, value));
        }
        let ticket = batch.commit()?;
        rig.writer.wait(ticket)?;
        model.acknowledged.extend(staged);
        rig.tick(1_000);
        if round % 19 == 18 {
            rig.writer.flush(Duration::from_secs(2))?;
        }
    }
    Ok(())
}

fn options(options: &mut WriteOptions) {
    // Small segments, so that the journal turns over and frees.
    options.journal.max_bytes = 64 << 10;
    // The flush thread looks all the time, so segments are also freed by passes that store only what is due.
    options.flush_interval = 1;
}

fn check(store: Arc<MemoryStore>, disk: FakeDisk, model: &Model, what: &str) {
    let rig = Rig::on(store, disk, options).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(rig.writer.replayed().damage.len(), 0, "{what}: {:?}", rig.writer.replayed());
    for flushed in [false, true] {
        if flushed {
            rig.flush();
        }
        let seen: BTreeMap<(u8, u32), i64> =
            rig.read().into_iter().map(|((tsuid, ms), v)| ((tsuid.last().unwrap() - 1, ((ms - START) / 1000) as u32), v)).collect();
        for (key, value) in &model.acknowledged {
            let got = seen.get(key).unwrap_or_else(|| panic!("{what}: {key:?} is lost (flushed: {flushed})"));
            let after = model.submitted.get(key).unwrap().iter().skip_while(|v| *v != value);
            assert!(after.into_iter().any(|v| v == got), "{what}: {key:?} is {got}, {value} was acknowledged");
        }
        for (key, value) in &seen {
            assert!(model.submitted.get(key).is_some_and(|all| all.contains(value)), "{what}: alien {key:?} = {value}");
        }
    }
}

#[test]
fn power_cut_at_every_sync_loses_nothing_acknowledged() {
    let clock = || Arc::new(AtomicI64::new(START));
    let rig = Rig::on(Arc::new(MemoryStore::new(true, clock())), FakeDisk::default(), options).unwrap();
    workload(&rig, &mut Model::default()).unwrap();
    let syncs = rig.disk.syncs();
    drop(rig);
    assert!(syncs > 60, "{syncs}");
    let mut cuts = 0;
    for at in 1..=syncs {
        let mut model = Model::default();
        let store = Arc::new(MemoryStore::new(true, clock()));
        let rig = Rig::on(store.clone(), FakeDisk::cut_at(at), options).unwrap();
        let ended = workload(&rig, &mut model);
        let disk = rig.disk.clone();
        drop(rig);
        cuts += u32::from(ended.is_err());
        for torn in [Torn::Lost, Torn::Half, Torn::Flipped] {
            let what = format!("cut at sync {at} of {syncs}, {torn:?}");
            check(Arc::new(store.after_power_cut()), disk.after_power_cut(torn), &model, &what);
        }
    }
    assert!(u64::from(cuts) > syncs / 2, "{cuts} of {syncs} runs were cut");
}
