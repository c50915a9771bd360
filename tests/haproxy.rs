//! `docker/haproxy.cfg` with the real haproxy in front of two real TSDs over one HBase; and haproxy as the one that speaks TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::http::Client;
use support::real::free_port;
use support::scenario::Telnet;
use support::server::{Engine, PATIENCE, Server, run_for};
use support::tls::certificate;

struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn proxy(config: &Path, environment: &[(&str, &str)]) -> Proxy {
    let child = Command::new("haproxy")
        .arg("-f")
        .arg(config)
        .arg("-db")
        .envs(environment.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("haproxy is missing: `scripts/test` installs it (apt-get install haproxy)");
    Proxy(child)
}

/// Asks until it works: a connection to a TSD that has just gone may fail once.
fn until_ok(addr: &str, what: impl Fn(&mut Client) -> Result<bool, String>) {
    let end = Instant::now() + PATIENCE;
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
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/haproxy.cfg");
    let _proxy = proxy(&config, &[("LISTEN", &listen), ("TSD1", &one.addr), ("TSD2", &two.addr)]);
    until_ok(&listen, |c| Ok(c.get("/api/version")?.status == 200));
    // Telnet through the proxy: the reply to `version` means that the put is on disk.
    let put = |second: u32| {
        let mut t = Telnet::open(&listen);
        t.send(format!("put proxied {second} {second} host=a\nversion\n").as_bytes());
        let got = t.read(20, Duration::from_millis(50), PATIENCE);
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
        let end = Instant::now() + PATIENCE;
        while !put(1_400_000_000 + i) {
            assert!(Instant::now() < end, "put {i} after the loss of a TSD");
        }
    }
    until_ok(&listen, all(40));
}

#[test]
fn a_tsd_behind_tls_is_checked_and_its_certificate_too() {
    let server = Server::start(&Engine::Embedded, &[("tsd.core.auto_create_metrics", "true")]);
    let points = r#"[{"metric":"tls.m","timestamp":1400000000,"value":60,"tags":{"host":"a"}}]"#;
    assert_eq!(server.client().post("/api/put", points).unwrap().status, 204);
    let dir = tempfile::tempdir().unwrap();
    let (key, certificate) = certificate(dir.path());
    let both = [&certificate, &key].map(|file| std::fs::read_to_string(file).unwrap()).concat();
    std::fs::write(dir.path().join("both.pem"), both).unwrap();
    let port = free_port();
    let config = format!(
        "defaults\n mode http\n timeout connect 3s\n timeout client 20s\n timeout server 20s\nfrontend tls\n \
         bind 127.0.0.1:{port} ssl crt {}\n default_backend tsd\nbackend tsd\n server tsd {}\n",
        dir.path().join("both.pem").display(),
        server.addr
    );
    std::fs::write(dir.path().join("tls.cfg"), config).unwrap();
    let _proxy = proxy(&dir.path().join("tls.cfg"), &[]);
    let end = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "the proxy does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    let check = |more: &[&str]| {
        let port = port.to_string();
        let mut all = vec!["check", "-p", &port, "-m", "tls.m", "-N", "1400000010", "-w", "50", "-c", "90"];
        all.extend(more);
        let ended = run_for(PATIENCE, &all, dir.path());
        (ended.code, ended.stdout, ended.stderr)
    };
    let trusting = format!("--ca-file={certificate}");
    let (code, said, _) = check(&["--ssl", &trusting]);
    assert!(code == Some(1) && said.starts_with("WARNING: tls.m gt 50.0: 1/1 bad values"), "{code:?} {said}");
    // Nobody trusts that certificate but who is told to; and it is for localhost, not for an address.
    for refused in [&["-S"][..], &["-S", &trusting, "-H", "127.0.0.1"]] {
        let (code, said, _) = check(refused);
        assert!(code == Some(2) && said.starts_with("ERROR: couldn't connect to ") && said.contains("certificate"), "{code:?} {said}");
    }
    let (code, said, _) = check(&["--ssl", &format!("--ca-file={key}")]);
    assert!(code == Some(2) && said.contains("key.pem holds no certificate"), "{code:?} {said}");
}
