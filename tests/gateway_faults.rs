//! The HBase engine against gateways that refuse, hang, lie, and close at the worst moment: every call ends in time, with
//! the error that tells the caller what to do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

#[path = "support/gateway.rs"]
mod gateway;

use gateway::{Act, Gateway, illegal, io_error, number, rows, scanner};
use std::time::{Duration, Instant};
use tsdb::store::hbase::{HbaseOptions, HbaseStore, Transport};
use tsdb::store::{Columns, Mutation, Result, RowBatch, RowMutation, Scan, Store, StoreError};

const DEADLINE: Duration = Duration::from_millis(2_400);
/// Of connections: four fit into the deadline of a call, and an answer that comes at once is in time on a busy machine.
const CONNECT: Duration = Duration::from_millis(600);
/// A call that has not ended by then never does.
const IN_TIME: Duration = Duration::from_secs(20);

fn options(gateways: &[&Gateway]) -> HbaseOptions {
    let mut options = HbaseOptions::new(gateways.iter().map(|g| ("127.0.0.1".to_owned(), g.port)).collect());
    options.transport = Transport::Framed;
    options.connections = 1;
    options.connect_timeout = CONNECT;
    options.deadline = DEADLINE;
    options
}

fn connect(gateways: &[&Gateway]) -> HbaseStore {
    HbaseStore::connect(options(gateways)).unwrap()
}

fn put(row: &str) -> [RowMutation; 1] {
    let mutations = vec![Mutation::Put { family: "t", qualifier: b"q".to_vec(), value: b"v".to_vec() }];
    [RowMutation { row: row.as_bytes().to_vec(), mutations, time: None }]
}

fn get(store: &HbaseStore) -> Result<usize> {
    let mut batch = RowBatch::default();
    store.get("table", &[b"r".to_vec(), b"s".to_vec()], &Columns::All, &mut batch)?;
    Ok(batch.len())
}

/// The kind of a result, once it came in time.
fn check<T: std::fmt::Debug>(call: impl FnOnce() -> Result<T>, want: &str) {
    let start = Instant::now();
    let result = call();
    let took = start.elapsed();
    let kind = match &result {
        Ok(_) => "ok",
        Err(StoreError::Unavailable(_)) => "unavailable",
        Err(StoreError::MaybeApplied { .. }) => "maybe",
        Err(StoreError::Rejected(_)) => "rejected",
        Err(StoreError::Corrupt(_)) => "corrupt",
        Err(_) => "other",
    };
    assert_eq!(kind, want, "{result:?} after {took:?}");
    assert!(took < IN_TIME, "{result:?} took {took:?}");
}

/// A call that succeeds, if need be again: a machine that stands still for a moment makes a gateway look silent.
fn soon<T: std::fmt::Debug>(call: impl Fn() -> Result<T>) {
    let until = Instant::now() + IN_TIME;
    let mut result = call();
    while result.is_err() && Instant::now() < until {
        result = call();
    }
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn nobody_listens() {
    let port = Gateway::start().port; // ended at once
    let until = Instant::now() + IN_TIME;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < until, "the gateway goes on listening");
    }
    let mut options = options(&[]);
    options.gateways = vec![("127.0.0.1".to_owned(), port)];
    match HbaseStore::connect(options.clone()) {
        Err(StoreError::Unavailable(text)) => assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}"),
        other => panic!("{:?}", other.map(|store| store.describe())),
    }
    // Without waiting for it: calls fail at once, not after their deadline.
    options.deadline = Duration::from_secs(30);
    let store = HbaseStore::start(options).unwrap();
    check(|| store.write("table", &put("r")), "unavailable");
    check(|| store.increment("table", b"r", "t", b"q", 1), "unavailable");
    check(|| get(&store), "unavailable");
}

#[test]
fn silence() {
    let silent = |act: Act| {
        let gateway = Gateway::start();
        let store = connect(&[&gateway]);
        gateway.then([act.clone()]);
        check(|| store.write("table", &put("r")), "maybe");
        soon(|| store.write("table", &put("s")));
        gateway.then([act.clone()]);
        check(|| store.increment("table", b"r", "t", b"q", 1), "maybe");
        assert_eq!(gateway.calls("atomicIncrement"), 1, "{act:?}");
        gateway.then([act]);
        check(|| get(&store), "unavailable");
        soon(|| get(&store));
    };
    std::thread::scope(|scope| {
        for act in [Act::Hang, Act::Half, Act::Drip(DEADLINE / 8)] {
            scope.spawn(move || silent(act));
        }
    });
}

#[test]
fn closed_after_it_was_applied() {
    let gateway = Gateway::start();
    let store = connect(&[&gateway]);
    gateway.then([Act::Close]);
    check(|| store.write("table", &put("row-a")), "ok");
    assert_eq!(gateway.saw(b"row-a"), 2); // repeated: the same cell twice is one cell
    gateway.then([Act::Close]);
    check(|| get(&store), "ok");
    for n in 1..=3 {
        gateway.then([Act::Close]);
        match n {
            1 => check(|| store.increment("table", b"r", "t", b"q", 1), "maybe"),
            2 => check(|| store.check_and_put("table", b"r", "t", b"q", None, b"v"), "maybe"),
            _ => check(|| store.append("table", b"r", "t", b"q", b"v"), "maybe"),
        }
    }
    assert_eq!((gateway.calls("atomicIncrement"), gateway.calls("checkAndPut"), gateway.calls("append")), (1, 1, 1));
}

#[test]
fn closed_while_idle() {
    let gateway = Gateway::start();
    let store = connect(&[&gateway]);
    gateway.then([Act::AnswerAndClose(number(1)), Act::Answer(number(2))]);
    assert_eq!(store.increment("table", b"r", "t", b"q", 1).unwrap(), 1);
    let until = Instant::now() + IN_TIME;
    while gateway.closed() == 0 {
        assert!(Instant::now() < until, "the connection stays open");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(1_100));
    // Even a call that must not be repeated finds a fresh connection.
    assert_eq!(store.increment("table", b"r", "t", b"q", 1).unwrap(), 2);
    assert_eq!(gateway.connections(), 2);
}

#[test]
fn lies() {
    let list = |count: u32| [&[15, 0, 0, 12][..], &count.to_be_bytes()].concat();
    let string = |length: u32| [&[15, 0, 0, 12, 0, 0, 0, 1, 11, 0, 1][..], &length.to_be_bytes()].concat();
    let gateway = Gateway::start();
    let store = connect(&[&gateway]);
    let lies = [
        Act::Raw(vec![0xff; 4]),                                        // a frame of 4 GiB
        Act::Raw(vec![0, 0, 0, 2, 0x80, 0x01]),                         // a frame that ends in its head
        Act::Raw(b"\0\0\0\x08GET / HT".to_vec()),                       // not Thrift
        Act::Answer(list(u32::MAX)),                                    // a negative count
        Act::Answer(list(i32::MAX as u32)),                             // more rows than asked for
        Act::Answer(string(u32::MAX)),                                  // a negative length
        Act::Answer(string(i32::MAX as u32)),                           // a key of 2 GiB
        Act::Answer(string(1_000)),                                     // a key beyond the frame
        Act::Answer(rows(&[(b"r", b"1"), (b"s", b"2"), (b"t", b"3")])), // a row too many
        Act::Answer(vec![15, 0, 0, 11, 0, 0, 0, 1, 0, 0, 0, 0]),        // rows that are strings
        Act::Answer([rows(&[]), vec![0; 9]].concat()),                  // bytes after the end
        Act::Answer([12, 0, 9].repeat(300)),                            // nested too deep
        Act::WrongSequence,
    ];
    for lie in lies {
        let before = gateway.connections();
        eprintln!("{lie:?}"); // shown if it fails
        gateway.then([lie.clone()]);
        check(|| get(&store), "corrupt");
        gateway.then([Act::Answer(rows(&[(b"r", b"1")]))]);
        assert_eq!(get(&store).unwrap(), 1, "after {lie:?}");
        assert_eq!(gateway.connections(), before + 1, "after {lie:?}"); // the connection was dropped
    }
    // The generated client never sees such lengths.
    for lie in [list(i32::MAX as u32), string(i32::MAX as u32), vec![15, 0, 0, 11, 0x7f, 0xff, 0xff, 0xff]] {
        gateway.then([Act::Answer(lie)]);
        check(|| store.tables(), "corrupt");
    }
    gateway.then([Act::WrongSequence]);
    check(|| store.write("table", &put("r")), "corrupt");
}

#[test]
fn declared_exceptions_keep_the_connection() {
    let gateway = Gateway::start();
    let store = connect(&[&gateway]);
    let refused = "org.apache.hadoop.hbase.TableNotFoundException: table\n\tat Somewhere";
    let away = "java.io.IOException: region is not online\n\tat Somewhere";
    for (act, want) in [(io_error(refused), "rejected"), (io_error(away), "unavailable"), (illegal("bad"), "rejected")] {
        gateway.then([Act::Answer(act)]);
        check(|| store.write("table", &put("r")), want);
    }
    gateway.then([Act::Answer(io_error(away)), Act::Answer(illegal("bad"))]);
    check(|| store.increment("table", b"r", "t", b"q", 1), "maybe");
    check(|| store.increment("table", b"r", "t", b"q", 1), "rejected");
    assert_eq!(gateway.connections(), 1);
}

#[test]
fn another_gateway_takes_over() {
    let (one, two) = (Gateway::start(), Gateway::start());
    let store = connect(&[&one, &two]);
    check(|| store.write("table", &put("both")), "ok");
    one.freeze(true);
    for n in 0..50 {
        check(|| store.write("table", &put(&format!("row-{n:02}"))), "ok");
    }
    let mut up = Vec::new();
    store.stats(&mut |name, value| up.extend(name.ends_with(".up").then_some(value)));
    assert_eq!(up, [0, 1]);
    one.freeze(false);
    let until = Instant::now() + IN_TIME;
    while one.calls("mutateRows") < 5 {
        assert!(Instant::now() < until, "the first gateway gets no work again");
        check(|| store.write("table", &put("later")), "ok");
    }
}

#[test]
fn a_scan_goes_on_elsewhere() {
    let (one, two) = (Gateway::start(), Gateway::start());
    let store = connect(&[&one]);
    let mut scan = Scan::range("", "");
    scan.batch_rows = 2;
    let mut batch = RowBatch::default();
    let keys = |batch: &RowBatch| batch.rows().map(|row| row.key().to_vec()).collect::<Vec<_>>();
    // The scanner is gone after its first page: a new one starts behind the last row.
    let page = |a: &'static [u8], b: &'static [u8]| Act::Answer(rows(&[(a, b"1"), (b, b"2")]));
    one.then([Act::Answer(scanner(1)), page(b"a", b"b"), Act::Answer(illegal("scanner ID is invalid")), Act::Answer(DONE.into())]);
    one.then([Act::Answer(scanner(2)), page(b"c", b"d"), Act::Close]);
    let mut running = store.scan("table", scan.clone()).unwrap();
    assert!(running.next(&mut batch).unwrap());
    assert_eq!(keys(&batch), [b"a", b"b"]);
    assert!(running.next(&mut batch).unwrap());
    assert_eq!(keys(&batch), [b"c", b"d"]);
    assert_eq!(one.saw(b"b\0"), 1);
    drop(running);
    drop(store);
    // The scanner's gateway stops: the other one is asked for what is behind the last row.
    let store = connect(&[&one, &two]);
    let answers = [Act::Answer(scanner(7)), page(b"x", b"y")];
    one.then(answers.clone());
    two.then(answers);
    let mut running = store.scan("table", scan).unwrap();
    assert!(running.next(&mut batch).unwrap());
    let (holder, other) = if one.saw(b"scannerOpenWithScan") > 2 { (&one, &two) } else { (&two, &one) };
    holder.freeze(true);
    check(|| running.next(&mut batch), "ok");
    assert_eq!((other.saw(b"y\0"), holder.saw(b"y\0")), (1, 0));
    holder.freeze(false);
}

const DONE: &[u8] = gateway::DONE;
