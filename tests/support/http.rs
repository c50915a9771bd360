//! A small blocking HTTP/1.1 client that sends exactly what it is told (odd paths, raw headers) and keeps its connection.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer as it came, unchunked and decompressed.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Names in lower case; the first of several wins.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One server, one connection at a time.
pub struct Client {
    addr: String,
    stream: Option<TcpStream>,
    timeout: Duration,
}

impl Client {
    pub fn new(addr: &str) -> Client {
        Client { addr: addr.to_string(), stream: None, timeout: Duration::from_secs(180) }
    }

    /// Sends and reads the answer; a kept connection that turns out dead is opened again once.
    pub fn request(&mut self, method: &str, path: &str, headers: &[(String, String)], body: Option<&[u8]>) -> Result<Response, String> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.addr);
        for (k, v) in headers {
            head.push_str(&format!("{k}: {v}\r\n"));
        }
        if let Some(body) = body
            && !headers.iter().any(|(k, _)| k.eq_ignore_ascii_case("content-length"))
        {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        self.exchange(method, &bytes)
    }

    /// Sends raw bytes (a whole request) and reads one answer.
    pub fn exchange(&mut self, method: &str, bytes: &[u8]) -> Result<Response, String> {
        let kept = self.stream.is_some();
        match self.try_exchange(method, bytes) {
            Err(_) if kept => self.try_exchange(method, bytes),
            other => other,
        }
    }

    /// A line of telnet's, and what is said to it: the answer to an unknown command behind it tells where that ends.
    pub fn line(&mut self, line: &str) -> Result<String, String> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        stream.write_all(format!("{line}\nzz-end\n").as_bytes()).map_err(|e| format!("send: {e}"))?;
        let end = b"unknown command: zz-end.  Try `help'.\n";
        let mut told = Vec::new();
        while !told.ends_with(end) {
            more(&mut stream, &mut told)?;
        }
        told.truncate(told.len() - end.len());
        self.stream = Some(stream);
        Ok(String::from_utf8_lossy(&told).into_owned())
    }

    fn connect(&self) -> Result<TcpStream, String> {
        let stream = TcpStream::connect(&self.addr).map_err(|e| format!("connect {}: {e}", self.addr))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(self.timeout)).map_err(|e| e.to_string())?;
        Ok(stream)
    }

    fn try_exchange(&mut self, method: &str, bytes: &[u8]) -> Result<Response, String> {
        let mut stream = match self.stream.take() {
            Some(s) => s,
            None => self.connect()?,
        };
        stream.write_all(bytes).map_err(|e| format!("send: {e}"))?;
        let (response, keep) = read_response(&mut stream, method == "HEAD")?;
        if keep {
            self.stream = Some(stream);
        }
        Ok(response)
    }

    /// `GET path`, whatever the status.
    pub fn get(&mut self, path: &str) -> Result<Response, String> {
        self.request("GET", path, &[], None)
    }

    /// `POST path` with a JSON body.
    pub fn post(&mut self, path: &str, body: &str) -> Result<Response, String> {
        self.request("POST", path, &[("Content-Type".into(), "application/json".into())], Some(body.as_bytes()))
    }

    /// `GET path`: the status and what came as JSON; null if it was none.
    pub fn ask(&mut self, path: &str) -> (u16, Value) {
        let r = self.get(path).expect("an answer");
        (r.status, serde_json::from_slice(&r.body).unwrap_or(Value::Null))
    }

    /// `POST path`, which must go well: what came as JSON; null if it was none.
    #[track_caller]
    pub fn tell(&mut self, path: &str, body: &Value) -> Value {
        let r = self.post(path, &body.to_string()).expect("an answer");
        assert!(r.status < 300, "{path} {body}: {} {}", r.status, r.text());
        serde_json::from_slice(&r.body).unwrap_or(Value::Null)
    }
}

/// Reads one answer; true if the connection can be used again.
pub fn read_response(stream: &mut dyn Read, head_only: bool) -> Result<(Response, bool), String> {
    let mut buf = Vec::new();
    let head_end = loop {
        if let Some(at) = find(&buf, b"\r\n\r\n") {
            break at;
        }
        more(stream, &mut buf)?;
    };
    let head = String::from_utf8_lossy(&buf[..head_end]).into_owned();
    let mut rest = buf.split_off(head_end + 4);
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status: u16 =
        status_line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| format!("bad status line {status_line:?}"))?;
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        let (k, v) = line.split_once(':').ok_or_else(|| format!("bad header {line:?}"))?;
        let k = k.trim().to_ascii_lowercase();
        if !headers.iter().any(|(h, _)| *h == k) {
            headers.push((k, v.trim().to_string()));
        }
    }
    if status == 100 {
        let mut chained = rest.as_slice().chain(stream);
        return read_response(&mut chained, head_only);
    }
    let get = |name: &str| headers.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
    let mut keep = !get("connection").is_some_and(|c| c.eq_ignore_ascii_case("close")) && !status_line.starts_with("HTTP/1.0");
    let mut body = if head_only || status == 204 || status == 304 {
        Vec::new()
    } else if get("transfer-encoding").is_some_and(|t| t.eq_ignore_ascii_case("chunked")) {
        read_chunks(stream, &mut rest)?
    } else if let Some(length) = get("content-length") {
        let length: usize = length.parse().map_err(|_| format!("bad length {length}"))?;
        while rest.len() < length {
            more(stream, &mut rest)?;
        }
        rest.truncate(length);
        std::mem::take(&mut rest)
    } else {
        keep = false;
        stream.read_to_end(&mut rest).map_err(|e| e.to_string())?;
        std::mem::take(&mut rest)
    };
    if get("content-encoding").is_some_and(|e| e == "gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut plain).map_err(|e| format!("gzip: {e}"))?;
        body = plain;
    }
    Ok((Response { status, headers, body }, keep))
}

fn read_chunks(stream: &mut dyn Read, rest: &mut Vec<u8>) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        let at = loop {
            if let Some(at) = find(rest, b"\r\n") {
                break at;
            }
            more(stream, rest)?;
        };
        let size = String::from_utf8_lossy(&rest[..at]).trim().to_string();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16).map_err(|_| format!("bad chunk {size:?}"))?;
        rest.drain(..at + 2);
        while rest.len() < size + 2 {
            more(stream, rest)?;
        }
        body.extend_from_slice(&rest[..size]);
        rest.drain(..size + 2);
        if size == 0 {
            return Ok(body);
        }
    }
}

fn more(stream: &mut dyn Read, buf: &mut Vec<u8>) -> Result<(), String> {
    let mut part = [0; 65536];
    match stream.read(&mut part) {
        Ok(0) => Err(format!("connection closed after {} bytes: {:?}", buf.len(), String::from_utf8_lossy(buf))),
        Ok(n) => {
            buf.extend_from_slice(&part[..n]);
            Ok(())
        }
        Err(e) => Err(format!("read: {e}")),
    }
}

fn find(buf: &[u8], what: &[u8]) -> Option<usize> {
    buf.windows(what.len()).position(|w| w == what)
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut enc = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    enc.write_all(data).expect("gzip to memory");
    enc.finish().expect("gzip to memory")
}
