//! Our encoder and decoder against the generated client's, and against noise.

use super::failure::Failure;
use super::inbox::Inbox;
use super::message::{
    decode_answer, decode_rows, encode_close, encode_get, encode_mutate, encode_next, encode_open, encode_row, mutate_name,
};
use super::options::Protocol;
use super::reader::Reader;
use super::writer::Writer;
use crate::fuzz;
use crate::store::{Columns, Mutation, RowBatch, RowMutation, Scan};
use hbase_thrift::hbase::{BatchMutation, HbaseSyncClient, Mutation as TMutation, TCell, TColumn, THbaseSyncClient, TRowResult, TScan};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TFieldIdentifier, TInputProtocol,
    TListIdentifier, TMessageIdentifier, TMessageType, TOutputProtocol, TStructIdentifier, TType,
};

const BOTH: [Protocol; 2] = [Protocol::Binary, Protocol::Compact];

/// Bytes that a generated writer leaves behind.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn output(protocol: Protocol, sink: &Sink) -> Box<dyn TOutputProtocol> {
    match protocol {
        Protocol::Binary => Box::new(TBinaryOutputProtocol::new(sink.clone(), true)),
        Protocol::Compact => Box::new(TCompactOutputProtocol::new(sink.clone())),
    }
}

fn input(protocol: Protocol, bytes: &[u8]) -> Box<dyn TInputProtocol> {
    let source = std::io::Cursor::new(bytes.to_vec());
    match protocol {
        Protocol::Binary => Box::new(TBinaryInputProtocol::new(source, true)),
        Protocol::Compact => Box::new(TCompactInputProtocol::new(source)),
    }
}

/// What the generated client sends for a call.
fn generated(protocol: Protocol, call: impl FnOnce(&mut dyn THbaseSyncClient)) -> Vec<u8> {
    let sink = Sink::default();
    let nothing: &[u8] = &[];
    match protocol {
        Protocol::Binary => {
            let out = TBinaryOutputProtocol::new(sink.clone(), true);
            call(&mut HbaseSyncClient::new(TBinaryInputProtocol::new(nothing, true), out));
        }
        Protocol::Compact => {
            let out = TCompactOutputProtocol::new(sink.clone());
            call(&mut HbaseSyncClient::new(TCompactInputProtocol::new(nothing), out));
        }
    }
    sink.take()
}

fn ours(protocol: Protocol, name: &str, write: impl FnOnce(Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(Writer::call(&mut out, protocol, name, 1));
    out
}

#[test]
fn calls_are_the_generated_clients_byte_for_byte() {
    let keys: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; usize::from(n)]).collect();
    for protocol in BOTH {
        let want = generated(protocol, |client| drop(client.scanner_close(70_000)));
        assert_eq!(ours(protocol, "scannerClose", |call| encode_close(call, 70_000)), want);
        let want = generated(protocol, |client| drop(client.scanner_get_list(-7, 1_000)));
        assert_eq!(ours(protocol, "scannerGetList", |call| encode_next(call, -7, 1_000)), want);
        let want = generated(protocol, |client| {
            drop(client.get_rows_with_columns(b"tsdb".to_vec(), keys.clone(), vec![b"t:\xff:".to_vec(), b"t:".to_vec()], BTreeMap::new()));
        });
        let columns = Columns::Only(vec![("t", b"\xff:".to_vec()), ("t", Vec::new())]);
        assert_eq!(ours(protocol, "getRowsWithColumns", |call| encode_get(call, "tsdb", &keys, &columns)), want);
        for (columns, names) in [(Columns::All, vec![]), (Columns::Family("t"), vec![b"t".to_vec()])] {
            let want = generated(protocol, |client| {
                drop(client.get_rows_with_columns(b"tsdb".to_vec(), keys[..3].to_vec(), names, BTreeMap::new()));
            });
            assert_eq!(ours(protocol, "getRowsWithColumns", |call| encode_get(call, "tsdb", &keys[..3], &columns)), want);
        }
    }
}

#[test]
fn scans_are_opened_as_the_generated_client_does() {
    let columns = Columns::Only(vec![("t", b"\xff".to_vec()), ("id", Vec::new())]);
    let whole = Scan::range(Vec::new(), Vec::new());
    let part = Scan { reverse: true, batch_rows: 7, columns, ..Scan::range(b"a\xff".to_vec(), b"b".to_vec()) };
    let family = Scan { columns: Columns::Family("t"), ..Scan::range(b"a".to_vec(), Vec::new()) };
    for (protocol, (scan, filter)) in
        BOTH.into_iter().flat_map(|p| [(p, (&whole, None)), (p, (&part, Some("KeyOnlyFilter()"))), (p, (&family, None))])
    {
        let columns = match &scan.columns {
            Columns::All => None,
            Columns::Family(family) => Some(vec![family.as_bytes().to_vec()]),
            Columns::Only(_) => Some(vec![b"t:\xff".to_vec(), b"id:".to_vec()]),
        };
        let bound = |row: &Vec<u8>| (!row.is_empty()).then(|| row.clone());
        let asked = TScan {
            start_row: bound(&scan.start),
            stop_row: bound(&scan.stop),
            timestamp: None,
            columns,
            caching: Some(scan.batch_rows as i32),
            filter_string: filter.map(|text: &str| text.as_bytes().to_vec()),
            batch_size: None,
            sort_columns: Some(true),
            reversed: Some(scan.reverse),
            cache_blocks: Some(true),
        };
        let want = generated(protocol, |client| drop(client.scanner_open_with_scan(b"tsdb".to_vec(), asked, BTreeMap::new())));
        assert_eq!(ours(protocol, "scannerOpenWithScan", |call| encode_open(call, "tsdb", scan, filter)), want);
    }
}

fn rows(count: usize, time: Option<i64>) -> Vec<RowMutation> {
    let row = |n: usize| {
        let put = |q: usize| Mutation::Put { family: "t", qualifier: vec![q as u8; q % 5], value: vec![n as u8; n % 300] };
        let mut mutations: Vec<_> = (0..n % 20).map(put).collect();
        mutations.push(Mutation::Delete { family: "id", qualifier: b"gone".to_vec() });
        RowMutation { row: format!("row{n}").into_bytes(), mutations, time }
    };
    (0..count).map(row).collect()
}

/// Ours leaves default fields away, so the comparison is what a generated reader makes of it.
#[test]
fn mutations_are_read_by_the_generated_code() {
    for (protocol, time) in BOTH.into_iter().flat_map(|p| [(p, None), (p, Some(-5)), (p, Some(1_700_000_000_000))]) {
        let rows = rows(50, time);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        rows[..20].iter().for_each(|row| encode_row(&mut left, protocol, row));
        rows[20..].iter().for_each(|row| encode_row(&mut right, protocol, row));
        let name = mutate_name(time);
        let parts = [&left[..], &right[..]];
        let message = ours(protocol, name, |call| encode_mutate(call, "tsdb", time, rows.len(), parts.into_iter()));
        let mut reader = input(protocol, &message);
        let head = reader.read_message_begin().unwrap();
        assert_eq!((head.name.as_str(), head.message_type, head.sequence_number), (name, TMessageType::Call, 1));
        reader.read_struct_begin().unwrap();
        let mut field = |id: i16, kind: TType| {
            let got = reader.read_field_begin().unwrap();
            assert_eq!((got.id, got.field_type), (Some(id), kind));
        };
        field(1, TType::String);
        assert_eq!(reader.read_bytes().unwrap(), b"tsdb");
        let got = reader.read_field_begin().unwrap();
        assert_eq!((got.id, got.field_type), (Some(2), TType::List));
        let list = reader.read_list_begin().unwrap();
        assert_eq!((list.element_type, list.size), (TType::Struct, 50));
        for row in &rows {
            let got = BatchMutation::read_from_in_protocol(reader.as_mut()).unwrap();
            assert_eq!(got, BatchMutation::new(row.row.clone(), row.mutations.iter().map(wanted).collect::<Vec<_>>()));
        }
        if let Some(time) = time {
            let got = reader.read_field_begin().unwrap();
            assert_eq!((got.id, got.field_type), (Some(3), TType::I64));
            assert_eq!(reader.read_i64().unwrap(), time);
        }
        let got = reader.read_field_begin().unwrap();
        assert_eq!((got.id, got.field_type), (Some(if time.is_some() { 4 } else { 3 }), TType::Map));
        assert_eq!(reader.read_map_begin().unwrap().size, 0);
        assert_eq!(reader.read_field_begin().unwrap().field_type, TType::Stop);
    }
}

fn wanted(mutation: &Mutation) -> TMutation {
    // A field that is absent is read as the interface's default: no delete, an empty value.
    match mutation {
        Mutation::Put { family, qualifier, value } => {
            TMutation::new(false, [family.as_bytes(), b":", qualifier].concat(), value.clone(), true)
        }
        Mutation::Delete { family, qualifier } => TMutation::new(true, [family.as_bytes(), b":", qualifier].concat(), Vec::new(), true),
    }
}

/// An answer as the generated code writes it: rows, then perhaps an exception.
fn answer(protocol: Protocol, rows: &[TRowResult], exception: Option<(i16, &str)>) -> Vec<u8> {
    let sink = Sink::default();
    let mut out = output(protocol, &sink);
    out.write_message_begin(&TMessageIdentifier::new("scannerGetList", TMessageType::Reply, 9)).unwrap();
    out.write_struct_begin(&TStructIdentifier::new("result")).unwrap();
    out.write_field_begin(&TFieldIdentifier::new("success", TType::List, 0)).unwrap();
    out.write_list_begin(&TListIdentifier::new(TType::Struct, rows.len() as i32)).unwrap();
    rows.iter().for_each(|row| row.write_to_out_protocol(out.as_mut()).unwrap());
    if let Some((id, text)) = exception {
        out.write_field_begin(&TFieldIdentifier::new("io", TType::Struct, id)).unwrap();
        hbase_thrift::hbase::IOError::new(text.to_owned(), true).write_to_out_protocol(out.as_mut()).unwrap();
    }
    out.write_field_stop().unwrap();
    out.write_struct_end().unwrap();
    out.flush().unwrap();
    sink.take()
}

fn cell(n: usize) -> TCell {
    TCell::new(vec![n as u8; n % 40], n as i64 * 1_000_003 - 7)
}

fn results() -> Vec<TRowResult> {
    let name = |q: usize| [b"t:".as_slice(), &(q as u16 * 2_047).to_be_bytes()].concat();
    let row = |n: usize| {
        let map: BTreeMap<_, _> = (0..n).map(|q| (name(q), cell(q))).collect();
        let list: Vec<_> = (0..n).rev().map(|q| TColumn::new(name(q), cell(q))).collect();
        // One kind of answer or the other, the list in the wrong order.
        if n.is_multiple_of(2) { TRowResult::new(vec![n as u8], map, None) } else { TRowResult::new(vec![n as u8], None, list) }
    };
    (0..33).map(row).collect()
}

type Plain = Vec<(Vec<u8>, Vec<(Vec<u8>, Vec<u8>, i64)>)>;

/// What our decoder makes of an answer, and the memory that its buffer took.
fn decode(protocol: Protocol, source: impl Read) -> (Result<Plain, Failure>, usize) {
    let (mut inbox, mut batch, mut cells) = (Inbox::new(source), RowBatch::default(), Vec::new());
    let mut reader = Reader::new(&mut inbox, protocol);
    let result =
        decode_answer(&mut reader, "scannerGetList", 9, |reader, field| decode_rows(reader, field, 100, &mut batch, &mut cells).map(drop));
    let result = result.and_then(|()| inbox.finish(false, false));
    let plain = || batch.rows().map(|r| (r.key().to_vec(), r.cells().map(|c| (c.qualifier.to_vec(), c.value.to_vec(), c.time)).collect()));
    (result.map(|()| plain().collect()), inbox.allocated())
}

/// Gives a byte at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer.get_mut(..1).unwrap_or_default())
    }
}

#[test]
fn answers_of_the_generated_code_are_read() {
    let name = |q: usize| (q as u16 * 2_047).to_be_bytes().to_vec();
    let want: Plain = (0..33)
        .map(|n: usize| (vec![n as u8], (0..n).map(|q| (name(q), vec![q as u8; q % 40], q as i64 * 1_000_003 - 7)).collect()))
        .collect();
    for protocol in BOTH {
        let bytes = answer(protocol, &results(), None);
        assert_eq!(decode(protocol, &bytes[..]).0, Ok(want.clone()));
        assert_eq!(decode(protocol, Trickle(&bytes)).0, Ok(want.clone()));
        for (id, illegal) in [(1, false), (2, true)] {
            let bytes = answer(protocol, &[], Some((id, "no: ü")));
            assert_eq!(decode(protocol, &bytes[..]).0, Err(Failure::Declared { illegal, text: "no: ü".into() }));
        }
    }
}

#[test]
fn a_failed_gateway_is_understood() {
    for protocol in BOTH {
        let sink = Sink::default();
        let mut out = output(protocol, &sink);
        out.write_message_begin(&TMessageIdentifier::new("scannerGetList", TMessageType::Exception, 9)).unwrap();
        let error = thrift::ApplicationError::new(thrift::ApplicationErrorKind::InternalError, "inside");
        thrift::Error::write_application_error_to_out_protocol(&error, out.as_mut()).unwrap();
        out.flush().unwrap();
        assert_eq!(decode(protocol, &sink.take()[..]).0, Err(Failure::Internal("inside".into())));
    }
}

/// Every place an answer can be cut at is an error, and every bit that flips is an error or other data: never a panic,
/// never more memory than a few times the bytes that came.
#[test]
fn damaged_answers() {
    let bound = |bytes: usize| bytes * 2 + 64 * 1024;
    for protocol in BOTH {
        let whole = answer(protocol, &results()[..12], None);
        for end in 0..whole.len() {
            let (result, allocated) = decode(protocol, &whole[..end]);
            assert!(matches!(result, Err(Failure::Lost(_))), "{protocol:?} cut at {end}: {result:?}");
            assert!(allocated <= bound(end));
        }
        for at in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            let (_, allocated) = decode(protocol, &bytes[..]);
            assert!(allocated <= bound(bytes.len()));
        }
    }
}

#[test]
fn mutated_answers() {
    let parts: [&[u8]; 10] = [&[0], &[8], &[10], &[11], &[12, 13], &[15], &[0x7f, 0xff], &[0x80], &[0xff; 4], &[0xf9]];
    let wholes: Vec<_> = BOTH.into_iter().map(|p| (p, answer(p, &results(), Some((1, "io"))))).collect();
    fuzz::run(|dice| {
        let (protocol, whole) = &wholes[dice.below(2)];
        let mut bytes = whole.clone();
        dice.mutate(&mut bytes, &parts);
        let (_, allocated) = decode(*protocol, &bytes[..]);
        assert!(allocated <= bytes.len() * 2 + 64 * 1024);
        // The check that guards the generated client ends too, and what passes it does not upset that client.
        let mut inbox = Inbox::new(&bytes[..]);
        if Reader::new(&mut inbox, *protocol).skip_message().is_ok() {
            let mut reader = input(*protocol, &bytes);
            if reader.read_message_begin().is_ok() {
                let _ = reader.skip(TType::Struct);
            }
        }
    });
}
