//! The real OpenTSDB 2.4.1, started by `scripts/hbase` over the test HBase.

use super::http::Client;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A running Java TSD; stopped when dropped.
pub struct RealTsd {
    pub addr: String,
    port: u16,
}

fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/hbase")
}

fn hbase(args: &[String]) -> Output {
    super::server::thrift_address();
    Command::new(script()).args(args).output().expect("scripts/hbase")
}

impl RealTsd {
    /// Starts one over the tables with this prefix, which must exist (`create_tables`).
    pub fn start(prefix: &str, settings: &[(&str, &str)]) -> RealTsd {
        // Between choosing a port and listening on it somebody else may take it.
        let mut last = String::new();
        for _ in 0..3 {
            let port = free_port();
            let mut args = vec!["tsd".to_string(), port.to_string(), prefix.to_string()];
            args.extend(settings.iter().map(|(k, v)| format!("{k}={v}")));
            let out = hbase(&args);
            if out.status.success() {
                return RealTsd { addr: format!("127.0.0.1:{port}"), port };
            }
            last = format!("{}{}", lossy(&out.stdout), lossy(&out.stderr));
            let _ = hbase(&["stop".to_string(), format!("tsd-{port}")]);
        }
        panic!("the real OpenTSDB did not start: {last}");
    }

    pub fn client(&self) -> Client {
        Client::new(&self.addr)
    }

    /// Stops it in order: what it holds is flushed.
    pub fn stop(self) {}
}

impl Drop for RealTsd {
    fn drop(&mut self) {
        let _ = Command::new(script()).args(["stop", &format!("tsd-{}", self.port)]).output();
    }
}

/// A command of the real OpenTSDB (`fsck`, `scan`, ...) over the tables with this prefix: exit code and everything it said.
pub fn command(prefix: &str, args: &[&str]) -> (i32, String) {
    let mut all = vec!["cli".to_string(), prefix.to_string()];
    all.extend(args.iter().map(|a| a.to_string()));
    let out = hbase(&all);
    (out.status.code().unwrap_or(-1), format!("{}{}", lossy(&out.stdout), lossy(&out.stderr)))
}

/// A command of the real OpenTSDB, run in a folder: exit code, standard output without the log's lines, standard error.
/// `None`: it did not end in time.
pub fn run(prefix: &str, args: &[String], dir: &std::path::Path, limit: std::time::Duration) -> Option<(i32, String, String)> {
    let seconds = limit.as_secs().to_string();
    let mut command = Command::new("timeout");
    command.args(["-k", "2", &seconds]).arg(script()).args(["cli", prefix]).args(args).current_dir(dir);
    let out = command.output().expect("scripts/hbase");
    let code = out.status.code().filter(|code| ![124, 137].contains(code))?;
    // What follows a line of the log belongs to it while it is further in, or an exception.
    let mut in_log = false;
    let text = lossy(&out.stdout);
    let is_result = |line: &&str| {
        let begins = ["INFO ", "WARN ", "ERROR ", "DEBUG "].iter().any(|level| line.starts_with(level));
        in_log = begins || in_log && (line.starts_with([' ', '\t']) || line.contains("Exception: "));
        !in_log
    };
    let stdout: Vec<&str> = text.lines().filter(is_result).collect();
    Some((code, stdout.join("\n"), lossy(&out.stderr)))
}

/// Creates the four tables through Thrift with our own command.
pub fn create_tables(prefix: &str) {
    create_tables_for(&super::server::Engine::Hbase { prefix: prefix.to_string() }, &[]);
}

/// The same with settings that name more tables.
pub fn create_tables_for(engine: &super::server::Engine, settings: &[(&str, &str)]) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let conf = super::server::write_config(dir.path(), engine, settings);
    super::server::run_ok(&["create-tables", &format!("--config={}", conf.display())]);
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map(|a| a.port()).expect("a free port")
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
