//! The recorded scenarios of `api/` and `telnet/`: each on a fresh server with its own settings.

use super::http::{Client, Response};
use super::json;
use super::server::{Engine, PATIENCE, Server};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// What became of a scenario's cases: id (`scenario/case`) and why it failed, if it did.
pub type Outcome = Vec<(String, Option<String>)>;

/// Runs every case of a scenario file on a fresh server.
pub fn run(path: &Path, engine: &Engine) -> Outcome {
    let lines = super::kit::read_lines(path);
    let (head, cases) = lines.split_first().expect("a scenario has a head");
    let name = head["scenario"].as_str().expect("name");
    let config = config(head);
    let settings: Vec<(&str, &str)> = config
        .iter()
        .filter(|(k, _)| *engine == Engine::Embedded || !k.ends_with("_table"))
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let files = static_root();
    let root = files.path().display().to_string();
    let settings: Vec<(&str, &str)> =
        settings.into_iter().filter(|(k, _)| *k != "tsd.http.staticroot").chain([("tsd.http.staticroot", root.as_str())]).collect();
    let server = Server::start(engine, &settings);
    let outcome =
        if head["kind"].as_str() == Some("telnet") { run_telnet(&server.addr, name, cases) } else { run_api(&server.addr, name, cases) };
    outcome.into_iter().map(|(id, why)| (format!("{name}/{id}"), why)).collect()
}

/// The settings of a scenario.
pub fn config(head: &Value) -> Vec<(String, String)> {
    let pairs = head["config"].as_object().into_iter().flatten();
    pairs.map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_string))).collect()
}

/// The static files that the recorded server had.
pub fn static_root() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    std::fs::create_dir(dir.path().join("sub")).expect("folder");
    let files: [(&str, &[u8]); 9] = [
        ("hello.txt", b"hello static\n"),
        ("page.html", b"<html>x</html>\n"),
        ("a.css", b"body{}\n"),
        ("a.js", b"var a=1;\n"),
        ("b.png", b"\x89PNG fake"),
        ("favicon.ico", b"ico"),
        ("sub/inner.txt", b"sub\n"),
        ("x.nocache.js", b"nocache\n"),
        ("noext", b"x"),
    ];
    files.iter().for_each(|(name, text)| std::fs::write(dir.path().join(name), text).expect("static file"));
    dir
}

// ---------------------------------------------------------------- HTTP

/// What goes on behind an answer (meta data, trees) was waited for when these were recorded (`pause_ms`, `retry_ms`): how long it
/// takes here proves nothing, so reads behind such a wait are asked again. Not those that differ on purpose.
fn run_api(addr: &str, name: &str, cases: &[Value]) -> Outcome {
    let mut vars = HashMap::new();
    let mut out = Vec::new();
    let differ = super::kit::deviations();
    let mut behind = false;
    for case in cases {
        let request = substitute(&case["request"], &vars);
        let wanted = substitute(case, &vars);
        let reads = request["method"].as_str().unwrap_or("GET") == "GET" && !request["path"].to_string().contains("method_override");
        let again = case["retry_ms"].is_u64() || behind && reads;
        behind = case["pause_ms"].is_u64() || behind && reads;
        let id = format!("{name}/{}", case["id"].as_str().unwrap_or_default());
        let deadline = Instant::now() + if again && !differ.contains_key(&id) { PATIENCE } else { Duration::ZERO };
        let why = loop {
            let why = match call(addr, &request) {
                Ok(got) => {
                    let why = compare(&wanted, &got);
                    if why.is_none() {
                        capture(case, &got, &mut vars);
                    }
                    why
                }
                Err(e) => Some(format!("request failed: {e}")),
            };
            if why.is_none() || Instant::now() >= deadline {
                break why;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        std::thread::sleep(Duration::from_millis(case["pause_ms"].as_u64().unwrap_or(0)));
        out.push((case["id"].as_str().unwrap_or_default().to_string(), why));
    }
    out
}

/// Sends a case's request over a connection of its own.
pub fn call(addr: &str, request: &Value) -> Result<Response, String> {
    let mut headers: Vec<(String, String)> = request["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_string()))
        .collect();
    let method = request["method"].as_str().unwrap_or("GET");
    let path = request["path"].as_str().unwrap_or("/");
    let mut client = Client::new(addr);
    if let Some(chunks) = request["chunks"].as_array() {
        headers.push(("Transfer-Encoding".into(), "chunked".into()));
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: {addr}\r\n").into_bytes();
        headers.iter().for_each(|(k, v)| bytes.extend(format!("{k}: {v}\r\n").bytes()));
        bytes.extend(b"\r\n");
        for chunk in chunks.iter().filter_map(Value::as_str) {
            bytes.extend(format!("{:x}\r\n{chunk}\r\n", chunk.len()).bytes());
        }
        bytes.extend(b"0\r\n\r\n");
        return client.exchange(method, &bytes);
    }
    let body = match (&request["body"], &request["body_hex"]) {
        (_, Value::String(hex)) => Some(unhex(hex)),
        (Value::String(s), _) => Some(s.clone().into_bytes()),
        _ => None,
    };
    client.request(method, path, &headers, body.as_deref())
}

/// `None`, or why the answer differs from the recorded one.
pub fn compare(case: &Value, got: &Response) -> Option<String> {
    let want = &case["response"];
    let status = want["status"].as_u64().unwrap_or(0) as u16;
    if status == 500 && got.status == 400 && json::says_why(&got.body) {
        return None;
    }
    let text = got.text();
    if got.status != status {
        return Some(format!("status {}, expected {status}; body {:?}", got.status, clip(&text)));
    }
    if got.header("content-type") != want["content_type"].as_str() {
        return Some(format!("content-type {:?}, expected {:?}", got.header("content-type"), want["content_type"]));
    }
    if let Some(why) = compare_headers(case, want, got) {
        return Some(why);
    }
    let recorded = want["body"].as_str().unwrap_or_default();
    match case["compare"].as_str().unwrap_or("exact") {
        "status" => None,
        _ if want["body_hex"].is_string() => {
            (hex(&got.body) != want["body_hex"].as_str().unwrap_or_default()).then(|| "body bytes differ".to_string())
        }
        "regex" => full_match(case["pattern"].as_str().unwrap_or_default(), &text),
        "lines_keys" => missing_lines(recorded, &text),
        mode @ ("json" | "keys") => compare_json(case, mode, recorded, &text),
        _ => (text != recorded).then(|| format!("body {:?}, expected {:?}", clip(&text), clip(recorded))),
    }
}

fn compare_headers(case: &Value, want: &Value, got: &Response) -> Option<String> {
    let any: Vec<&str> = case["any_headers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (k, v) in want["headers"].as_object().into_iter().flatten() {
        match got.header(k) {
            None => return Some(format!("header {k} is missing")),
            Some(have) if !any.contains(&k.as_str()) && Some(have) != v.as_str() => {
                return Some(format!("header {k}: {have:?}, expected {v}"));
            }
            _ => {}
        }
    }
    let stray = got.headers.iter().find(|(k, _)| k.starts_with("access-control-") && want["headers"].get(k).is_none());
    stray.map(|(k, _)| format!("header {k} must not be there"))
}

fn compare_json(case: &Value, mode: &str, recorded: &str, text: &str) -> Option<String> {
    let Some(callback) = case["jsonp"].as_str() else { return compare_json_text(case, mode, recorded, text) };
    let strip = |t: &str| t.strip_prefix(callback)?.strip_prefix('(')?.strip_suffix(')').map(str::to_string);
    match (strip(recorded), strip(text)) {
        (Some(a), Some(b)) => compare_json_text(case, mode, &a, &b),
        _ => Some(format!("body is not wrapped in {callback}(...): {:?}", clip(text))),
    }
}

fn compare_json_text(case: &Value, mode: &str, recorded: &str, text: &str) -> Option<String> {
    let parse = |t: &str| json::parse(t).map(json::drop_trace).map_err(|e| format!("body is not JSON ({e}): {:?}", clip(t)));
    let (mut want, mut got) = match (parse(recorded), parse(text)) {
        (Ok(a), Ok(b)) => (a, b),
        (_, Err(e)) | (Err(e), _) => return Some(e),
    };
    if mode == "keys" {
        if let (Value::Array(a), Value::Array(b)) = (&mut want, &mut got) {
            if !a.is_empty() && b.is_empty() {
                return Some("empty list".into());
            }
            a.truncate(1);
            b.truncate(1);
        }
        return json::diff(&shape(&want), &shape(&got), &|_| false).into_iter().next();
    }
    let unordered = strings(&case["unordered"]);
    sort_at(&mut want, &unordered, &mut Vec::new());
    sort_at(&mut got, &unordered, &mut Vec::new());
    let any = strings(&case["any"]);
    json::diff(&want, &got, &|path| matches_any(&any, &parts(path))).into_iter().next()
}

fn strings(v: &Value) -> Vec<String> {
    v.as_array().into_iter().flatten().filter_map(|s| s.as_str().map(str::to_string)).collect()
}

/// `$.a[0].b` to `a`, `0`, `b`.
fn parts(path: &str) -> Vec<String> {
    path.trim_start_matches('$').split(['.', '[', ']']).filter(|p| !p.is_empty()).map(str::to_string).collect()
}

fn matches_any(patterns: &[String], path: &[String]) -> bool {
    patterns.iter().any(|p| {
        let p: Vec<&str> = p.split('.').collect();
        p.len() == path.len() && p.iter().zip(path).all(|(a, b)| *a == "*" || a == b)
    })
}

fn sort_at(v: &mut Value, patterns: &[String], path: &mut Vec<String>) {
    if let Value::Array(list) = v {
        let here = if path.is_empty() { vec!["$".to_string()] } else { path.clone() };
        if matches_any(patterns, &here) {
            list.sort_by_cached_key(canonical);
        }
    }
    match v {
        Value::Array(list) => {
            for (i, x) in list.iter_mut().enumerate() {
                path.push(i.to_string());
                sort_at(x, patterns, path);
                path.pop();
            }
        }
        Value::Object(map) => {
            for (k, x) in map.iter_mut() {
                path.push(k.clone());
                sort_at(x, patterns, path);
                path.pop();
            }
        }
        _ => {}
    }
}

fn canonical(v: &Value) -> String {
    match v {
        Value::Object(m) => {
            let mut list: Vec<String> = m.iter().map(|(k, x)| format!("{k}:{}", canonical(x))).collect();
            list.sort();
            list.join(",")
        }
        Value::Array(l) => l.iter().map(canonical).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn shape(v: &Value) -> Value {
    match v {
        Value::Object(m) => Value::Object(m.iter().map(|(k, x)| (k.clone(), shape(x))).collect()),
        Value::Array(_) => Value::from(vec!["*"]),
        other => Value::from(json::kind(other)),
    }
}

fn missing_lines(recorded: &str, text: &str) -> Option<String> {
    let first = |t: &str| -> std::collections::BTreeSet<String> {
        t.lines().filter(|l| !l.is_empty()).filter_map(|l| l.split(' ').next().map(str::to_string)).collect()
    };
    let (want, got) = (first(recorded), first(text));
    let missing: Vec<&String> = want.difference(&got).take(5).collect();
    (!missing.is_empty()).then(|| format!("missing lines {missing:?}"))
}

fn full_match(pattern: &str, text: &str) -> Option<String> {
    let re = fancy_regex::Regex::new(&format!("(?s)^(?:{pattern})$")).expect("pattern");
    (!re.is_match(text).unwrap_or(false)).then(|| format!("{:?} does not match {pattern:?}", clip(text)))
}

/// A request with what was kept of answers before it (`capture`).
pub fn substitute(v: &Value, vars: &HashMap<String, String>) -> Value {
    match v {
        Value::String(s) => {
            let mut s = s.clone();
            for (name, value) in vars {
                s = s.replace(&format!("{{{{{name}}}}}"), value);
            }
            Value::String(s)
        }
        Value::Object(m) => Value::Object(m.iter().map(|(k, x)| (k.clone(), substitute(x, vars))).collect()),
        Value::Array(l) => Value::Array(l.iter().map(|x| substitute(x, vars)).collect()),
        other => other.clone(),
    }
}

/// Keeps what a case says of its answer.
pub fn capture(case: &Value, got: &Response, vars: &mut HashMap<String, String>) {
    for (name, path) in case["capture"].as_object().into_iter().flatten() {
        let body: Value = serde_json::from_slice(&got.body).unwrap_or_default();
        let mut v = &body;
        for key in path.as_str().unwrap_or_default().split('.') {
            v = match v {
                Value::Array(l) => key.parse::<usize>().ok().and_then(|i| l.get(i)).unwrap_or(&Value::Null),
                other => &other[key],
            };
        }
        vars.insert(name.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_string));
    }
}

// -------------------------------------------------------------- telnet

/// A raw connection that reads until silence.
pub struct Telnet {
    stream: TcpStream,
    pub ended: bool,
}

impl Telnet {
    pub fn open(addr: &str) -> Telnet {
        let stream = TcpStream::connect(addr).expect("connect");
        stream.set_nodelay(true).expect("nodelay");
        Telnet { stream, ended: false }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).is_err() {
            self.ended = true;
        }
    }

    /// Reads until this has come, and nothing but it is waited for.
    #[track_caller]
    pub fn read_to(&mut self, end: &str) -> String {
        let (mut got, until) = (String::new(), Instant::now() + PATIENCE);
        while !got.contains(end) && !self.ended && Instant::now() < until {
            got.push_str(&String::from_utf8_lossy(&self.read(1, Duration::ZERO, PATIENCE)));
        }
        assert!(got.contains(end), "{end:?} did not come: {got:?}");
        got
    }

    /// Reads until `want` bytes came and then `quiet` passes in silence, or `limit` is over.
    pub fn read(&mut self, want: usize, quiet: Duration, limit: Duration) -> Vec<u8> {
        let mut buf = Vec::new();
        let end = Instant::now() + limit;
        let mut stop = (want == 0).then(|| Instant::now() + quiet);
        loop {
            let until = stop.map_or(end, |s| s.min(end));
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return buf;
            }
            self.stream.set_read_timeout(Some(left)).expect("timeout");
            let mut part = [0; 65536];
            match self.stream.read(&mut part) {
                Ok(0) => {
                    self.ended = true;
                    return buf;
                }
                Ok(n) => buf.extend_from_slice(&part[..n]),
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => return buf,
                Err(_) => {
                    self.ended = true;
                    return buf;
                }
            }
            if buf.len() >= want {
                stop = Some(Instant::now() + quiet);
            }
        }
    }
}

fn run_telnet(addr: &str, name: &str, cases: &[Value]) -> Outcome {
    let mut out = Vec::new();
    let differ = super::kit::deviations();
    let mut connection: Option<Telnet> = None;
    for case in cases {
        if case["new"].as_bool() == Some(true) {
            connection = None;
        }
        let mut t = connection.take().unwrap_or_else(|| Telnet::open(addr));
        t.send(&payload(case));
        let want = match case["expect_hex"].as_str() {
            Some(h) => unhex(h),
            None => case["expect"].as_str().unwrap_or_default().as_bytes().to_vec(),
        };
        let mode = case["compare"].as_str().unwrap_or("exact");
        let ms = Duration::from_millis;
        // What differs on purpose is not waited for.
        let limit = if differ.contains_key(&format!("{name}/{}", case["id"].as_str().unwrap_or_default())) { ms(4000) } else { PATIENCE };
        let mut got = match mode {
            "exact" => t.read(want.len(), ms(if want.is_empty() { 400 } else { 150 }), limit),
            _ => t.read(1, ms(500), limit),
        };
        let unlike = |got: &[u8]| {
            let text = String::from_utf8_lossy(got).into_owned();
            match mode {
                "exact" => (got != want).then(|| format!("got {:?}, expected {:?}", clip(&text), clip(&String::from_utf8_lossy(&want)))),
                "regex" => full_match(case["pattern"].as_str().unwrap_or_default(), &text),
                "lines_keys" => missing_lines(case["expect"].as_str().unwrap_or_default(), &text),
                _ => None,
            }
        };
        // Silence may have been a pause of a busy machine.
        for _ in 0..5 {
            if unlike(&got).is_none() || t.ended || limit < PATIENCE {
                break;
            }
            got.extend(t.read(0, ms(1000), ms(1000)));
        }
        std::thread::sleep(ms(case["pause_ms"].as_u64().unwrap_or(0)));
        let mut why = unlike(&got);
        if let (None, Some(closed)) = (&why, case["closed"].as_bool()) {
            if closed && !t.ended {
                t.read(usize::MAX, Duration::ZERO, limit);
            }
            if t.ended != closed {
                why = Some(format!("connection closed: {}, expected {closed}", t.ended));
            }
        }
        out.push((case["id"].as_str().unwrap_or_default().to_string(), why));
        connection = (!t.ended).then_some(t);
    }
    out
}

fn payload(case: &Value) -> Vec<u8> {
    let once = match case["send_hex"].as_str() {
        Some(h) => unhex(h),
        None => case["send"].as_str().unwrap_or_default().as_bytes().to_vec(),
    };
    let mut all = once.repeat(case["repeat"].as_u64().unwrap_or(1) as usize);
    all.extend_from_slice(case["tail"].as_str().unwrap_or_default().as_bytes());
    all
}

fn clip(text: &str) -> String {
    text.chars().take(300).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex")).collect()
}
