//! Starts the real `tsdb` binary on a free port, over the embedded store in a fresh folder or over the test HBase.

use super::http::Client;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Where a test server stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    Embedded,
    /// Table names begin with this prefix; the tables are made through Thrift.
    Hbase {
        prefix: String,
    },
}

impl Engine {
    /// HBase under fresh table names.
    pub fn fresh_hbase(what: &str) -> Engine {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        Engine::Hbase { prefix: format!("{what}-{}-{:x}-", std::process::id(), nanos % 0xff_ffff) }
    }
}

/// The gateway that the tests use; a clear failure without one.
pub fn thrift_address() -> String {
    std::env::var("TSDB_TEST_THRIFT")
        .unwrap_or_else(|_| panic!("this suite needs a real HBase: run `scripts/test`, which starts one and sets TSDB_TEST_THRIFT"))
}

/// Whether the long form of the suites is asked for (`scripts/test --long`).
pub fn long() -> bool {
    std::env::var("TSDB_TEST_LONG").is_ok_and(|v| v == "1")
}

/// A running TSD; killed when dropped.
pub struct Server {
    pub addr: String,
    child: Child,
    dir: PathBuf,
    args: Vec<String>,
    _temp: Option<tempfile::TempDir>,
}

/// Settings with which every series and name gets its meta data as points come in.
pub const META: [(&str, &str); 5] = [
    ("tsd.core.auto_create_metrics", "true"),
    ("tsd.core.meta.enable_realtime_uid", "true"),
    ("tsd.core.meta.enable_realtime_ts", "true"),
    ("tsd.core.meta.enable_tsuid_tracking", "true"),
    ("tsd.core.meta.enable_tsuid_incrementing", "true"),
];

/// How long a test waits for what a server does by itself, on a machine that does much else. Nothing is proven by how long it takes.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits for something that a server does by itself.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The binary under test.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_tsdb")
}

/// Settings of an engine as lines of `opentsdb.conf`.
pub fn engine_settings(engine: &Engine, dir: &Path) -> Vec<(String, String)> {
    let pair = |k: &str, v: String| (k.to_string(), v);
    let mut out = Vec::new();
    match engine {
        // The defaults: an embedded store in `tsdb-data` of the working folder, which is `dir`.
        Engine::Embedded => {}
        Engine::Hbase { prefix } => {
            out.push(pair("tsd.storage.engine", "hbase".into()));
            out.push(pair("tsd.storage.hbase.thrift", thrift_address()));
            out.push(pair("tsd.storage.journal.path", dir.join("journal").display().to_string()));
            for (key, table) in [("data", "tsdb"), ("uid", "tsdb-uid"), ("tree", "tsdb-tree"), ("meta", "tsdb-meta")] {
                out.push(pair(&format!("tsd.storage.hbase.{key}_table"), format!("{prefix}{table}")));
            }
        }
    }
    out
}

impl Server {
    /// Starts one on empty tables with these settings.
    pub fn start(engine: &Engine, settings: &[(&str, &str)]) -> Server {
        let temp = tempfile::tempdir().expect("temporary folder");
        let mut server = Server::start_in(temp.path(), engine, settings, &[]);
        server._temp = Some(temp);
        server
    }

    /// Starts one in a folder that stays, with further command line arguments.
    pub fn start_in(dir: &Path, engine: &Engine, settings: &[(&str, &str)], flags: &[&str]) -> Server {
        let conf = write_config(dir, engine, settings);
        if let Engine::Hbase { .. } = engine {
            run_ok(&["create-tables", &format!("--config={}", conf.display())]);
        }
        let mut args = vec!["tsd".to_string(), format!("--config={}", conf.display())];
        args.extend(flags.iter().map(|f| f.to_string()));
        let (child, addr) = spawn(dir, &args);
        Server { addr, child, dir: dir.to_path_buf(), args, _temp: None }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.addr)
    }

    pub fn port(&self) -> u16 {
        self.addr.rsplit(':').next().and_then(|p| p.parse().ok()).expect("address with a port")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `kill -9`, at once.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; the exit must be clean.
    pub fn stop(&mut self) {
        signal(self.pid(), "TERM");
        let end = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().expect("wait for the server") {
                Some(status) => {
                    assert!(status.success(), "the server ended with {status} after SIGTERM; log:\n{}", self.log());
                    return;
                }
                None if Instant::now() > end => panic!("the server still runs {PATIENCE:?} after SIGTERM; log:\n{}", self.log()),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// The same again after a stop or a kill, on the same data.
    pub fn restart(&mut self) {
        let (child, addr) = spawn(&self.dir, &self.args);
        self.child = child;
        self.addr = addr;
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes `opentsdb.conf` into `dir`.
pub fn write_config(dir: &Path, engine: &Engine, settings: &[(&str, &str)]) -> PathBuf {
    let mut all = engine_settings(engine, dir);
    all.push(("tsd.network.port".into(), "0".into()));
    all.push(("tsd.network.bind".into(), "127.0.0.1".into()));
    for (k, v) in settings {
        all.retain(|(key, _)| key != k);
        let value = if *k == "tsd.rollups.config" { rollup_config(engine, v) } else { v.to_string() };
        all.push((k.to_string(), value));
    }
    let text: String = all.iter().map(|(k, v)| format!("{k} = {}\n", v.replace('\\', "\\\\"))).collect();
    let conf = dir.join("opentsdb.conf");
    std::fs::write(&conf, text).expect("write the configuration");
    conf
}

/// A rollup configuration, read from the kit's profiles if it is a file, with the engine's names of tables.
pub fn rollup_config(engine: &Engine, config: &str) -> String {
    let text = if config.ends_with(".json") {
        std::fs::read_to_string(super::kit::root().join("query/profiles").join(config)).expect("rollup configuration")
    } else {
        config.to_string()
    };
    let Ok(mut json) = serde_json::from_str::<serde_json::Value>(&text) else { return text };
    if let Engine::Hbase { prefix } = engine {
        for interval in json["intervals"].as_array_mut().into_iter().flatten() {
            for key in ["table", "preAggregationTable"] {
                let name = interval[key].as_str().unwrap_or_default();
                let name = if name == "kit-data" { "tsdb" } else { name };
                interval[key] = serde_json::Value::from(format!("{prefix}{name}"));
            }
        }
    }
    json.to_string()
}

pub fn signal(pid: u32, name: &str) {
    let done = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().expect("kill");
    assert!(done.success(), "kill -{name} {pid}");
}

/// Runs a command of the binary that must succeed; its standard output.
pub fn run_ok(args: &[&str]) -> String {
    let out = Command::new(binary()).args(args).env("RUST_LOG", "warn").output().expect("run tsdb");
    assert!(out.status.success(), "tsdb {args:?}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// What a command said and how it ended; `code` is `None` if it had to be ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command of the binary; one that does not end in time is killed.
pub fn run_for(limit: Duration, args: &[impl AsRef<std::ffi::OsStr>], dir: &Path) -> Ended {
    let mut child = Command::new(binary())
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run tsdb");
    let pid = child.id();
    let (done, ended) = mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            signal(pid, "KILL");
        }
    });
    let mut err = child.stderr.take().expect("piped");
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = std::io::Read::read_to_end(&mut err, &mut text);
        text
    });
    let out = child.wait_with_output().expect("wait");
    drop(done);
    let _ = guard.join();
    let stderr = errors.join().unwrap_or_default();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    Ended { code: out.status.code(), stdout: text(&out.stdout), stderr: text(&stderr) }
}

/// Starts the server and waits for the line that tells where it listens.
fn spawn(dir: &Path, args: &[String]) -> (Child, String) {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).expect("log file");
    let mut child =
        Command::new(binary()).args(args).current_dir(dir).stdout(Stdio::piped()).stderr(log).spawn().expect("start the tsdb binary");
    let stdout = child.stdout.take().expect("piped");
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(addr) = listening_address(&line) {
                let _ = tell.send(addr);
            }
        }
    });
    match told.recv_timeout(PATIENCE) {
        Ok(addr) => (child, addr),
        Err(_) => {
            let _ = child.kill();
            let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
            panic!("the server did not say where it listens; its log:\n{log}")
        }
    }
}

/// `tsdb 0.1.0 listens on 127.0.0.1:4242, ...`: the first word that is an address with a port.
fn listening_address(line: &str) -> Option<String> {
    let at = line.find("listens on ")?;
    let word = line[at + "listens on ".len()..].split_whitespace().next()?;
    let addr = word.trim_end_matches([',', '.', ';']).trim_start_matches("http://").trim_end_matches('/');
    addr.rsplit_once(':')?.1.parse::<u16>().ok()?;
    Some(addr.replace("0.0.0.0", "127.0.0.1"))
}
