//! A gateway that misbehaves as told: framed binary Thrift over TCP, one thread a connection.
//!
//! It is no HBase: it answers with bytes that a test gives, and records what it was sent.

#![allow(dead_code, reason = "each test uses its part")]

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What the gateway does with a call.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers with the body of a result struct (without the stop).
    Answer(Vec<u8>),
    /// Answers, and closes the connection behind it.
    AnswerAndClose(Vec<u8>),
    /// Answers to another call.
    WrongSequence,
    /// Closes the connection after the call was taken.
    Close,
    /// Sends half of an answer, then nothing.
    Half,
    /// Sends nothing, ever.
    Hang,
    /// A byte of the answer every so often.
    Drip(Duration),
    /// Waits, then answers.
    Slow(Duration),
    /// These bytes instead of a frame.
    Raw(Vec<u8>),
}

/// What it has seen, and what it is going to do.
#[derive(Default)]
pub struct Script {
    acts: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<(String, Vec<u8>)>>,
    /// Connections so far.
    pub connections: AtomicUsize,
    /// Those of them that have ended.
    pub closed: AtomicUsize,
    /// Probes and calls hang, and connections that are made are not answered: a stopped process.
    pub frozen: AtomicBool,
    ended: AtomicBool,
}

/// A running one.
pub struct Gateway {
    pub port: u16,
    pub script: Arc<Script>,
}

/// The answer to a call that returns nothing.
pub const DONE: &[u8] = b"";

impl Gateway {
    /// Listens on a free port of loopback.
    pub fn start() -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, script) = (listener.local_addr().unwrap().port(), Arc::new(Script::default()));
        let shared = script.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let shared = shared.clone();
                std::thread::spawn(move || {
                    shared.serve(stream.unwrap());
                    shared.closed.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        Gateway { port, script }
    }

    /// The next calls are answered so; those after them with [`DONE`].
    pub fn then(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.acts.lock().extend(acts);
    }

    /// How often `name` was called.
    pub fn calls(&self, name: &str) -> usize {
        self.script.seen.lock().iter().filter(|(seen, _)| seen == name).count()
    }

    /// How many calls' bytes hold `needle`.
    pub fn saw(&self, needle: &[u8]) -> usize {
        self.script.seen.lock().iter().filter(|(_, bytes)| bytes.windows(needle.len()).any(|w| w == needle)).count()
    }

    pub fn connections(&self) -> usize {
        self.script.connections.load(Ordering::Relaxed)
    }

    pub fn closed(&self) -> usize {
        self.script.closed.load(Ordering::Relaxed)
    }

    pub fn freeze(&self, frozen: bool) {
        self.script.frozen.store(frozen, Ordering::Relaxed);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.script.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port)); // wakes the listener
    }
}

/// Result field 0: `list<TRowResult>` of rows with one cell each.
pub fn rows(rows: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = vec![15, 0, 0, 12];
    out.extend((rows.len() as u32).to_be_bytes());
    for (key, value) in rows {
        out.extend([11, 0, 1]);
        string(&mut out, key);
        out.extend([13, 0, 2, 11, 12, 0, 0, 0, 1]);
        string(&mut out, b"t:q");
        out.extend([11, 0, 1]);
        string(&mut out, value);
        out.extend([10, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0]);
    }
    out
}

/// Result field 0: an `i64`.
pub fn number(value: i64) -> Vec<u8> {
    [&[10, 0, 0][..], &value.to_be_bytes()].concat()
}

/// Result field 0: an `i32`.
pub fn scanner(id: i32) -> Vec<u8> {
    [&[8, 0, 0][..], &id.to_be_bytes()].concat()
}

/// Result field 1: an `IOError`.
pub fn io_error(text: &str) -> Vec<u8> {
    let mut out = vec![12, 0, 1, 11, 0, 1];
    string(&mut out, text.as_bytes());
    out.push(0);
    out
}

/// Result field 2: an `IllegalArgument`.
pub fn illegal(text: &str) -> Vec<u8> {
    let mut out = io_error(text);
    out[2] = 2;
    out
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

fn reply(name: &str, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0x80, 1, 0, 2];
    string(&mut message, name.as_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(body);
    message.push(0);
    let mut frame = Vec::new();
    string(&mut frame, &message);
    frame
}

impl Script {
    fn wait_while_frozen(&self) {
        while self.frozen.load(Ordering::Relaxed) && !self.ended.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn hang(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        while !self.ended.load(Ordering::Relaxed) {
            if let Ok(0) = stream.read(&mut [0; 256]) {
                return;
            }
        }
    }

    fn serve(&self, mut stream: TcpStream) {
        while let Some((name, sequence, call)) = read_call(&mut stream) {
            self.wait_while_frozen();
            if name == "getThriftServerType" {
                stream.write_all(&reply(&name, sequence, &[8, 0, 0, 0, 0, 0, 1])).unwrap_or_default();
                continue;
            }
            self.seen.lock().push((name.clone(), call));
            let act = self.acts.lock().pop_front().unwrap_or(Act::Answer(DONE.to_vec()));
            let done = reply(&name, sequence, DONE);
            match act {
                Act::Answer(body) => drop(stream.write_all(&reply(&name, sequence, &body))),
                Act::AnswerAndClose(body) => return drop(stream.write_all(&reply(&name, sequence, &body))),
                Act::WrongSequence => drop(stream.write_all(&reply(&name, sequence + 1, DONE))),
                Act::Close => return,
                Act::Half => {
                    stream.write_all(&done[..done.len() / 2]).unwrap_or_default();
                    return self.hang(stream);
                }
                Act::Hang => return self.hang(stream),
                Act::Drip(pause) => {
                    for byte in done {
                        std::thread::sleep(pause);
                        if stream.write_all(&[byte]).is_err() {
                            return;
                        }
                    }
                }
                Act::Slow(pause) => {
                    std::thread::sleep(pause);
                    drop(stream.write_all(&done));
                }
                Act::Raw(bytes) => drop(stream.write_all(&bytes)),
            }
        }
    }
}

fn read_call(stream: &mut TcpStream) -> Option<(String, u32, Vec<u8>)> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut call = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut call).ok()?;
    let name_length = u32::from_be_bytes(call[4..8].try_into().unwrap()) as usize;
    let name = String::from_utf8(call[8..8 + name_length].to_vec()).unwrap();
    let sequence = u32::from_be_bytes(call[8 + name_length..12 + name_length].try_into().unwrap());
    Some((name, sequence, call))
}
