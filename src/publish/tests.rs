//! The publisher before real receivers: lines over TCP, requests over HTTP, and nobody.

use super::*;
use crate::point::Number;
use crate::uid::{UidKind, UidOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

fn uids() -> Arc<Uids> {
    let uids = Uids::new(Arc::new(crate::store::memory::MemoryStore::default()), UidOptions::default());
    uids.id_or_create(UidKind::Metric, "sys.cpu").unwrap();
    uids.id_or_create(UidKind::Tagk, "host").unwrap();
    uids.id_or_create(UidKind::Tagv, "web\"01").unwrap();
    Arc::new(uids)
}

fn publish(publisher: &Publisher, n: i64, value: Number) {
    let tsuid = [0, 0, 1, 0, 0, 1, 0, 0, 1].into();
    publisher.shared.take(std::iter::once(Waiting::Point { tsuid, time: PointTime::Seconds(1_400_000_000 + n as u32), value }));
}

fn number(publisher: &Publisher, wanted: &str) -> u64 {
    let mut found = 0;
    publisher.stats(&mut |name, value| found += if name == wanted { value } else { 0 });
    found
}

fn wait_for(publisher: &Publisher, name: &str, least: u64) {
    let until = Instant::now() + Duration::from_secs(120);
    while number(publisher, name) < least {
        assert!(Instant::now() < until, "{name} stays at {}", number(publisher, name));
        std::thread::sleep(Duration::from_millis(10));
    }
}

const LINE: &str = r#"{"timestamp":1400000000000,"value":1.5,"metric":"sys.cpu","tags":{"host":"web\"01"},"tsuid":"000001000001000001"}"#;

#[test]
fn lines_over_tcp_go_on_after_the_receiver_came_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let publisher =
        Publisher::start(format!("tcp://127.0.0.1:{port}").parse().unwrap(), uids(), Decoders { simple: Some(42) }, 1 << 20).unwrap();
    publish(&publisher, 0, Number::Float(1.5));
    let (stream, _) = listener.accept().unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), LINE);
    // The reader is dropped: the connection is closed.
    wait_for(&publisher, "published", 1);
    std::thread::sleep(Duration::from_millis(100));
    publish(&publisher, 1, Number::Int(7));
    let (stream, _) = listener.accept().unwrap();
    line.clear();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.starts_with(r#"{"timestamp":1400000001000,"value":7,"#), "{line}");
}

fn answer(stream: &mut TcpStream, status: &str) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
    head + &String::from_utf8(body).unwrap()
}

#[test]
fn requests_over_http_share_a_connection_and_a_refusal_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let publisher =
        Publisher::start(format!("http://127.0.0.1:{port}/in?x=y").parse().unwrap(), uids(), Decoders { simple: Some(42) }, 1 << 20)
            .unwrap();
    publish(&publisher, 0, Number::Float(1.5));
    let (mut stream, _) = listener.accept().unwrap();
    let request = answer(&mut stream, "204 No Content");
    assert!(request.starts_with("POST /in?x=y HTTP/1.1\r\n") && request.trim_end().ends_with(LINE), "{request}");
    wait_for(&publisher, "published", 1);
    publish(&publisher, 1, Number::Int(1));
    answer(&mut stream, "200 OK");
    wait_for(&publisher, "published", 2);
    publish(&publisher, 2, Number::Int(1));
    answer(&mut stream, "500 Oops");
    // Asked once more, over a new connection.
    let (mut stream, _) = listener.accept().unwrap();
    answer(&mut stream, "500 Oops");
    wait_for(&publisher, "failures", 1);
    assert_eq!(number(&publisher, "dropped"), 1);
}

#[test]
fn a_receiver_that_is_away_holds_up_nobody() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let publisher =
        Publisher::start(format!("tcp://127.0.0.1:{port}").parse().unwrap(), uids(), Decoders { simple: Some(42) }, 1 << 20).unwrap();
    (0..10).for_each(|n| publish(&publisher, n, Number::Int(n)));
    wait_for(&publisher, "failures", 1);
    let begun = Instant::now();
    drop(publisher);
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn annotations_go_between_the_points_and_take_room_as_they_are_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let publisher =
        Publisher::start(format!("tcp://127.0.0.1:{port}").parse().unwrap(), uids(), Decoders { simple: Some(42) }, 1 << 16).unwrap();
    publish(&publisher, 0, Number::Float(1.5));
    let note = Note { start: 1_400_000_000, description: Some("a \"b\"\n".into()), ..Note::default() };
    publisher.note(&note);
    publisher.note(&Note { notes: Some("x".repeat(1 << 16)), ..note.clone() });
    assert_eq!(number(&publisher, "dropped"), 1);
    let (stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(lines.next().unwrap().unwrap(), LINE);
    let line = lines.next().unwrap().unwrap();
    assert_eq!(line, r#"{"type":"annotation","tsuid":"","description":"a \"b\"\n","notes":"","startTime":1400000000,"endTime":0}"#);
}

#[test]
fn histograms_are_lines_that_can_be_put_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let decoders = Decoders { simple: Some(42) };
    let publisher = Publisher::start(format!("tcp://127.0.0.1:{port}").parse().unwrap(), uids(), decoders, 1 << 16).unwrap();
    let mut histogram = crate::codec::Histogram::new(1, 2);
    histogram.set(crate::codec::Range { lower: 1.75, upper: 3.5 }, 16);
    histogram.set(crate::codec::Range { lower: 0.0, upper: 1.75 }, 12);
    let tsuid: Box<[u8]> = [0, 0, 1, 0, 0, 1, 0, 0, 1].into();
    let waiting = |cell: Vec<u8>| Waiting::Histogram { tsuid: tsuid.clone(), ms: 1_400_000_000_500, cell: cell.into() };
    // One of a decoder that is not known here is left out.
    publisher.shared.take([waiting(histogram.encode(7)), waiting(histogram.encode(42))].into_iter());
    let (stream, _) = listener.accept().unwrap();
    let line = BufReader::new(stream).lines().next().unwrap().unwrap();
    let counts = r#""id":42,"underflow":1,"overflow":2,"buckets":{"0.0,1.75":12,"1.75,3.5":16}"#;
    let names = r#""metric":"sys.cpu","tags":{"host":"web\"01"},"tsuid":"000001000001000001""#;
    assert_eq!(line, format!(r#"{{"type":"histogram","timestamp":1400000000500,{counts},{names}}}"#));
}
