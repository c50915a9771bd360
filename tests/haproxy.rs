//! `docker/haproxy.cfg` with the real haproxy in front of two real TSDs over one HBase.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::http::Client;
use support::real::free_port;
use support::scenario::Telnet;
use support::server::{Engine, Server};

struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn proxy(listen: &str, one: &str, two: &str) -> Proxy {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/haproxy.cfg");
    let child = Command::new("haproxy")
        .args(["-f", config, "-db"])
        .env("LISTEN", listen)
        .env("TSD1", one)
        .env("TSD2", two)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("haproxy is missing: `scripts/test` installs it (apt-get install haproxy)");
    Proxy(child)
}

/// Asks until it works: a connection to a TSD that has just gone may fail once.
fn until_ok(addr: &str, what: impl Fn(&mut Client) -> Result<bool, String>) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let got = what(&mut Client::new(addr));
        if got == Ok(true) {
            return;
        }
        assert!(Instant::now() < end, "{got:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn two_tsds_behind_haproxy_survive_the_loss_of_one() {
    let engine = Engine::fresh_hbase("haproxy");
    let settings = [("tsd.core.auto_create_metrics", "true"), ("tsd.storage.flush_interval", "100")];
    let mut one = Server::start(&engine, &settings);
    let two = Server::start(&engine, &settings);
    let listen = format!("127.0.0.1:{}", free_port());
    let _proxy = proxy(&listen, &one.addr, &two.addr);
    until_ok(&listen, |c| Ok(c.get("/api/version")?.status == 200));
    // Telnet through the proxy: the reply to `version` means that the put is on disk.
    let put = |second: u32| {
        let mut t = Telnet::open(&listen);
        t.send(format!("put proxied {second} {second} host=a\nversion\n").as_bytes());
        let got = t.read(20, Duration::from_millis(50), Duration::from_secs(10));
        String::from_utf8_lossy(&got).starts_with("net.opentsdb")
    };
    for i in 0..20 {
        assert!(put(1_400_000_000 + i), "put {i}");
    }
    let all = |n: usize| {
        move |c: &mut Client| Ok(c.get("/api/query?start=1399999999&end=1400001000&m=none:proxied")?.text().matches("14000").count() >= n)
    };
    until_ok(&listen, all(20));
    one.stop();
    for i in 20..40 {
        let end = Instant::now() + Duration::from_secs(20);
        while !put(1_400_000_000 + i) {
            assert!(Instant::now() < end, "put {i} after the loss of a TSD");
        }
    }
    until_ok(&listen, all(40));
}
