//! The warm way in allocates nothing per point: telnet bytes -> session -> series cache -> journal and head.
//!
//! A test binary of its own: it counts the allocations of the whole process, those of the journal's and the flush thread
//! included. Rows grow by doubling, so what is counted is amortised: rows of 3,600 points, half full at the start.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tsdb::config::Settings;
use tsdb::point::Rules;
use tsdb::server::limits::Limits;
use tsdb::server::telnet::command::Commands;
use tsdb::server::telnet::session::{Next, Session};
use tsdb::store::embedded::{EmbeddedOptions, EmbeddedStore};
use tsdb::store::{Store, TableSpec};
use tsdb::uid::{UidOptions, Uids};
use tsdb::write::{Batch, WriteOptions, Writer};

#[path = "support/counting.rs"]
mod counting;

use counting::{ALLOCATIONS, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SERIES: usize = 100;
/// The start of an hour.
const HOUR: usize = 1_699_999_200;
/// Points a read of the socket may bring.
const POINTS_PER_READ: usize = 500;

/// Lines of one second a series each, from `from` up to `to`.
fn lines(from: usize, to: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut count = 0;
    for second in from..to {
        for series in 0..SERIES {
            let text = all.last_mut().unwrap();
            let _ = writeln!(text, "put sys.cpu.user {} {}.5 host=web{series:02} dc=lga", HOUR + second, (second + series) % 100);
            count += 1;
            if count % POINTS_PER_READ == 0 {
                all.push(String::new());
            }
        }
    }
    all
}

fn send(session: &mut Session, batch: &mut Batch, reads: &[String]) {
    for read in reads {
        let (done, next) = session.run(read.as_bytes(), batch);
        assert_eq!((done, next), (read.len(), Next::More));
        batch.commit().expect("commit");
    }
    assert!(session.replies.is_empty(), "{}", String::from_utf8_lossy(&session.replies));
}

#[test]
fn known_series_cost_no_allocation_a_point() {
    let folder = tempfile::tempdir().expect("folder");
    let store = EmbeddedStore::open(folder.path().join("store"), EmbeddedOptions::default()).expect("store");
    for (name, families) in [("tsdb", &["t"][..]), ("tsdb-uid", &["id", "name"])] {
        store.create_table(&TableSpec::plain(name, families), &[]).expect("table");
    }
    let store: Arc<dyn Store> = Arc::new(store);
    let mut options = WriteOptions::new(folder.path().join("journal"), true);
    options.auto_create.metric = true;
    let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
    let writer = Writer::open(store, uids, options).expect("writer");
    let settings = Settings::default();
    let mut session = Session::new(Commands::new(&settings), Rules::default(), true, &Limits::new(&settings));
    let mut batch = writer.batch();

    send(&mut session, &mut batch, &lines(0, 1_800));
    let reads = lines(1_800, 3_600);
    let before = ALLOCATIONS.load(Relaxed);
    send(&mut session, &mut batch, &reads);
    let (count, points) = (ALLOCATIONS.load(Relaxed) - before, 1_800 * SERIES as u64);
    writer.wait(batch.commit().expect("ticket")).expect("on disk");
    assert!(count * 100 < points, "{count} allocations for {points} points");
}
