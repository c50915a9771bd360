//! What the tests of workers need: a receiver of notices, worker processes, a proxy that can be cut.

use super::support::server::{Engine, Server, binary, write_config};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Rules `r0` ... that are broken while the metric of the same number is above 90.
pub fn many_rules(url: &str, count: usize) -> String {
    let mut text = channel(url);
    for n in 0..count {
        text.push_str(&format!(
            "[rule.r{n}]\nquery = \"sum:load.{n}{{host=*}}\"\njudge.critical = \"all(#1) > 90\"\nevery = \"1s\"\nwindow = \"10m\"\nnotify = {{ critical = [\"out\"] }}\n"
        ));
    }
    text
}

pub fn channel(url: &str) -> String {
    format!("[notify.out]\ntype = \"http\"\nurl = \"{url}\"\nretry = {{ first_ms = 100, longest_ms = 500, give_up = 120 }}\n")
}

pub const FAST: [(&str, &str); 4] = [
    ("tsd.core.auto_create_metrics", "true"),
    ("tsd.worker.interval", "2"),
    ("tsd.worker.delay", "0"),
    ("tsd.storage.flush_interval", "100"),
];

/// All points of all metrics, now.
pub fn put_all(server: &Server, count: usize, value: f64) {
    let at = now();
    let points: Vec<Value> =
        (0..count).map(|n| json!({"metric": format!("load.{n}"), "timestamp": at, "value": value, "tags": {"host": "a"}})).collect();
    let r = server.client().post("/api/put", &Value::from(points).to_string()).unwrap();
    assert_eq!(r.status, 204, "{}", r.text());
}

/// Notices by rule, with their ids; each id must be of one rule.
pub fn by_rule(notices: &[Value], kind: &str) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for notice in notices.iter().filter(|notice| notice["kind"] == kind) {
        out.entry(notice["rule"].as_str().unwrap().into()).or_default().push(notice["id"].as_str().unwrap().into());
    }
    out
}

pub fn get(server: &Server, path: &str) -> Value {
    let r = server.client().get(path).unwrap();
    assert_eq!(r.status, 200, "{path}: {}", r.text());
    serde_json::from_slice(&r.body).unwrap()
}

/// Waits until something is so. `seconds`: how long it may take on a machine that does nothing else; it is waited for far longer.
#[track_caller]
pub fn until(what: &str, seconds: u64, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(6 * seconds);
    while !is() {
        assert!(Instant::now() < end, "{what} did not come within {} s", 6 * seconds);
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub fn put(server: &Server, metric: &str, host: &str, value: f64) {
    let point = json!({"metric": metric, "timestamp": now(), "value": value, "tags": {"host": host}});
    let r = server.client().post("/api/put", &point.to_string()).unwrap();
    assert_eq!(r.status, 204, "{}", r.text());
}

pub fn write_rules(dir: &Path, text: &str) -> String {
    let path = dir.join("rules.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[derive(Default)]
struct Shared {
    notices: Mutex<Vec<Value>>,
    down: AtomicBool,
    delay_ms: AtomicU64,
}

/// Takes notices over HTTP.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
}

impl Receiver {
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, shared) = (listener.local_addr().unwrap().port(), Arc::new(Shared::default()));
        let own = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = own.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Receiver { port, shared }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/notices", self.port)
    }

    /// What came so far.
    pub fn notices(&self) -> Vec<Value> {
        self.shared.notices.lock().clone()
    }

    /// Refuses, or not.
    pub fn down(&self, down: bool) {
        self.shared.down.store(down, Ordering::SeqCst);
    }

    /// Takes its time.
    pub fn delay(&self, delay: Duration) {
        self.shared.delay_ms.store(delay.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let (mut length, mut line) = (0, String::new());
            loop {
                line.clear();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            let down = self.down.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst)));
            if !down {
                self.notices.lock().push(serde_json::from_slice(&body).unwrap());
            }
            let status = if down { "503 Service Unavailable" } else { "200 OK" };
            if stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// `tsdb worker` in a folder of its own; killed when dropped.
pub struct WorkerProcess {
    child: Child,
    dir: PathBuf,
}

impl WorkerProcess {
    /// `fault`: where it is to end by itself.
    pub fn start(dir: &Path, engine: &Engine, settings: &[(&str, &str)], flags: &[String], fault: Option<&str>) -> WorkerProcess {
        let own = dir.join("own").display().to_string();
        let settings = [settings, &[("tsd.worker.path", own.as_str())]].concat();
        let conf = write_config(dir, engine, &settings);
        let log = std::fs::File::options().create(true).append(true).open(dir.join("worker.log")).unwrap();
        let mut command = Command::new(binary());
        command.arg("worker").arg(format!("--config={}", conf.display())).args(flags).arg("--verbose").current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        if let Some(fault) = fault {
            command.env("TSDB_TEST_WORKER_FAULT", fault);
        }
        WorkerProcess { child: command.spawn().unwrap(), dir: dir.to_path_buf() }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn wait_for_abort(&mut self) {
        let end = Instant::now() + Duration::from_secs(180);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("worker.log")).unwrap_or_default()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A proxy for TCP that can be cut: connections end, and new ones are closed at once.
pub struct Proxy {
    port: u16,
    cut: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    pub fn start(target: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, streams) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (target, own_cut, own_streams) = (target.to_string(), cut.clone(), streams.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if own_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&target) else { continue };
                own_streams.lock().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Proxy { port, cut, streams }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
        if cut {
            for stream in self.streams.lock().drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}
