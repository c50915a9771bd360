//! Everything but the hot calls, through the client that the Thrift compiler wrote (crate `hbase-thrift`).
//!
//! That client believes every length it reads. So it never reads a socket: a whole answer is taken, its lengths are
//! checked and its size is bounded before the client sees it.

use super::failure::Failure;
use super::link::Link;
use super::options::Protocol;
use crate::store::{FamilySpec, TableSpec};
use hbase_thrift::hbase::{AlreadyExists, ColumnDescriptor, HbaseSyncClient, IOError, IllegalArgument, Mutation, TAppend};
use hbase_thrift::hbase::{HbaseSyncClient as Client, THbaseSyncClient};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::Instant;
use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol};

/// Largest answer to a rare call, in bytes.
const RARE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One call's way out and back: what the client writes is sent at its flush, what it reads has arrived by then.
struct Exchange<'a> {
    link: &'a mut Link,
    until: Instant,
    answer: std::io::Cursor<Vec<u8>>,
    failure: Option<Failure>,
}

#[derive(Clone)]
struct Half<'a>(Rc<RefCell<Exchange<'a>>>);

impl Write for Half<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().link.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut exchange = self.0.borrow_mut();
        let until = exchange.until;
        let sent = exchange.link.send(until);
        match sent.and_then(|()| exchange.link.raw_answer(RARE_BYTES_MAX)) {
            Ok(answer) => {
                exchange.answer = std::io::Cursor::new(answer);
                Ok(())
            }
            Err(failure) => {
                exchange.failure = Some(failure);
                Err(std::io::Error::other("the call failed"))
            }
        }
    }
}

impl Read for Half<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().answer.read(buffer)
    }
}

fn through<T>(link: &mut Link, until: Instant, call: impl FnOnce(&mut dyn THbaseSyncClient) -> thrift::Result<T>) -> Result<T, Failure> {
    let protocol = link.protocol();
    link.begin();
    let half = Half(Rc::new(RefCell::new(Exchange { link, until, answer: std::io::Cursor::default(), failure: None })));
    let result = match protocol {
        Protocol::Binary => {
            let input = TBinaryInputProtocol::new(half.clone(), true);
            call(&mut Client::new(input, TBinaryOutputProtocol::new(half.clone(), true)))
        }
        Protocol::Compact => {
            let input = TCompactInputProtocol::new(half.clone());
            call(&mut HbaseSyncClient::new(input, TCompactOutputProtocol::new(half.clone())))
        }
    };
    let failure = half.0.borrow_mut().failure.take();
    result.map_err(|error| failure.unwrap_or_else(|| explain(error)))
}

fn explain(error: thrift::Error) -> Failure {
    let declared = |illegal, text: &Option<String>| Failure::Declared { illegal, text: text.clone().unwrap_or_default() };
    match &error {
        thrift::Error::User(user) => {
            if let Some(e) = user.downcast_ref::<IOError>() {
                declared(false, &e.message)
            } else if let Some(e) = user.downcast_ref::<IllegalArgument>() {
                declared(true, &e.message)
            } else if let Some(e) = user.downcast_ref::<AlreadyExists>() {
                Failure::Declared { illegal: true, text: format!("it exists already ({})", e.message.as_deref().unwrap_or_default()) }
            } else {
                Failure::Corrupt(error.to_string())
            }
        }
        thrift::Error::Application(e) => Failure::Internal(format!("{:?}: {}", e.kind, e.message)),
        other => Failure::Corrupt(other.to_string()),
    }
}

fn column(family: &str, qualifier: &[u8]) -> Vec<u8> {
    [family.as_bytes(), b":", qualifier].concat()
}

/// `atomicIncrement`.
pub(super) fn increment(link: &mut Link, until: Instant, table: &str, row: &[u8], cell: (&str, &[u8]), by: i64) -> Result<i64, Failure> {
    through(link, until, |client| client.atomic_increment(table.into(), row.into(), column(cell.0, cell.1), by))
}

/// `checkAndPut`; nothing expected means that the cell must not exist.
pub(super) fn check_and_put(
    link: &mut Link,
    until: Instant,
    table: &str,
    row: &[u8],
    cell: (&str, &[u8]),
    expected: Option<&[u8]>,
    value: &[u8],
) -> Result<bool, Failure> {
    let column = column(cell.0, cell.1);
    let put = Mutation::new(false, column.clone(), value.to_vec(), true);
    let expected = expected.unwrap_or_default().to_vec();
    through(link, until, |client| client.check_and_put(table.into(), row.into(), column, expected, put, BTreeMap::new()))
}

/// `append` to one cell.
pub(super) fn append(link: &mut Link, until: Instant, table: &str, row: &[u8], cell: (&str, &[u8]), value: &[u8]) -> Result<(), Failure> {
    let append = TAppend::new(table.as_bytes().to_vec(), row.to_vec(), vec![column(cell.0, cell.1)], vec![value.to_vec()]);
    through(link, until, |client| client.append(append)).map(drop)
}

/// Names of all tables.
pub(super) fn tables(link: &mut Link, until: Instant) -> Result<Vec<String>, Failure> {
    let names = through(link, until, |client| client.get_table_names())?;
    Ok(names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// `createTable`. It knows no splits.
pub(super) fn create_table(link: &mut Link, until: Instant, spec: &TableSpec) -> Result<(), Failure> {
    let families = spec.families.iter().map(descriptor).collect();
    through(link, until, |client| client.create_table(spec.name.as_bytes().to_vec(), families))
}

/// Every field is set: the generated default is a family of no versions that lives for no time.
fn descriptor(family: &FamilySpec) -> ColumnDescriptor {
    ColumnDescriptor {
        name: Some([family.name.as_bytes(), b":"].concat()),
        max_versions: Some(i32::try_from(family.versions).unwrap_or(i32::MAX)),
        compression: Some(family.compression.clone()),
        in_memory: Some(false),
        bloom_filter_type: Some(family.bloom.clone()),
        bloom_filter_vector_size: Some(0),
        bloom_filter_nb_hashes: Some(0),
        block_cache_enabled: Some(true),
        time_to_live: Some(family.ttl.and_then(|ttl| i32::try_from(ttl).ok()).unwrap_or(i32::MAX)),
    }
}
