//! Mail to a real SMTP server (`aiosmtpd`): plain, STARTTLS, TLS; and what happens while it is away.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tsdb::worker::notify::{Channel, DeadLetters, Dispatcher, Event, Inside, Kind, Notice, Outcome, SendError};

struct Nobody;

impl Inside for Nobody {
    fn annotate(&self, _: &Notice) -> Result<(), SendError> {
        unreachable!("no such channel here")
    }
    fn point(&self, _: &Notice) -> Result<(), SendError> {
        unreachable!("no such channel here")
    }
}

struct MailServer {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl MailServer {
    fn start(folder: &Path, port: u16, tls: &[&str]) -> MailServer {
        let folder = folder.join("maildir");
        let child = Command::new("aiosmtpd")
            .args(["-n", "-u", "-l", &format!("127.0.0.1:{port}"), "-c", "aiosmtpd.handlers.Mailbox"])
            .args(tls)
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("aiosmtpd is missing: `scripts/test` installs it (apt-get install python3-aiosmtpd)");
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "the mail server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        MailServer { child, port, folder }
    }

    fn mails(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.join("new")) else { return Vec::new() };
        entries.flatten().map(|e| std::fs::read_to_string(e.path()).unwrap()).collect()
    }
}

/// A certificate for `localhost`, made here.
fn certificate(dir: &Path) -> (String, String) {
    let [key, pem] = ["key.pem", "cert.pem"].map(|name| dir.join(name).display().to_string());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &key, "-out", &pem])
        .stderr(Stdio::null())
        .status()
        .expect("openssl is missing: `scripts/test` installs it (apt-get install openssl)");
    assert!(made.success());
    (key, pem)
}

fn notice() -> Notice {
    let event = Event {
        name: "sys.cpu.user{host=web01}".to_owned(),
        tags: BTreeMap::from([("host".to_owned(), "web01".to_owned())]),
        level: "critical".to_owned(),
        value: Some(97.25),
        text: "all(#3) > 90".to_owned(),
        at: 1_700_000_000,
        tsuid: None,
    };
    Notice {
        id: "cpu-7f3a-1".to_owned(),
        incident: "cpu-7f3a".to_owned(),
        kind: Kind::Alert,
        level: "critical".to_owned(),
        rule: "cpu".to_owned(),
        title: "CPU ist heiß: 处理器 <web01>\r\nBcc: everyone@example.org".to_owned(),
        text: "three points above 90".to_owned(),
        note: "call the owner".to_owned(),
        since: 1_700_000_000 - 180,
        at: 1_700_000_000,
        step: 1,
        max_step: 3,
        link: Some("http://tsd:4242/#/alerts/cpu-7f3a".to_owned()),
        events: vec![event],
    }
}

fn deliver(channel: &str, dead: &DeadLetters, meanwhile: impl FnOnce()) -> Outcome {
    let channel: Channel = toml::from_str(channel).unwrap();
    channel.check(&tsdb::worker::notify::Templates::default()).unwrap();
    let inside: Arc<dyn Inside> = Arc::new(Nobody);
    let dispatcher = Dispatcher::start(&BTreeMap::from([("mail".to_owned(), channel)]), &inside, dead).unwrap();
    let (tell, told) = mpsc::channel();
    dispatcher.submit("mail", notice(), Box::new(move |outcome| tell.send(outcome).unwrap())).unwrap();
    meanwhile();
    told.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn header<'a>(mail: &'a str, name: &str) -> Vec<&'a str> {
    let head = mail.split("\n\n").next().unwrap();
    head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[test]
fn a_mail_arrives_once_with_its_id_and_nothing_smuggled_in() {
    let dir = tempfile::tempdir().unwrap();
    let server = MailServer::start(dir.path(), free_port(), &[]);
    let dead = DeadLetters::at(dir.path().join("dead"));
    let channel = format!(
        "type='email'\nserver='127.0.0.1'\nport={}\nfrom='tsdb <tsdb@example.org>'\nto=['a@example.org', 'B <b@example.org>']",
        server.port
    );
    assert_eq!(deliver(&channel, &dead, || ()), Outcome::Delivered);
    let mails = server.mails();
    assert_eq!(mails.len(), 1, "one message for both");
    let mail = &mails[0];
    assert_eq!(header(mail, "Message-ID"), ["<cpu-7f3a-1@example.org>"]);
    assert_eq!(header(mail, "References"), ["<cpu-7f3a@example.org>"]);
    assert_eq!(header(mail, "Bcc"), [""; 0], "{mail}");
    assert_eq!(header(mail, "X-RcptTo"), ["a@example.org, b@example.org"]);
    assert!(mail.contains("text/plain") && mail.contains("text/html"), "{mail}");
    assert!(mail.contains("97.25") && mail.contains("Notice 1 of 3"), "{mail}");
}

#[test]
fn starttls_and_tls_with_a_certificate_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let (key, pem) = certificate(dir.path());
    let dead = DeadLetters::at(dir.path().join("dead"));
    for (mode, flags) in [("starttls", ["--tlscert", &pem, "--tlskey", &key]), ("tls", ["--smtpscert", &pem, "--smtpskey", &key])] {
        let home = dir.path().join(mode);
        std::fs::create_dir(&home).unwrap();
        let server = MailServer::start(&home, free_port(), &flags);
        let common =
            format!("type='email'\nserver='localhost'\nport={}\ntls='{mode}'\nfrom='t@example.org'\nto=['a@example.org']", server.port);
        assert_eq!(deliver(&format!("{common}\nca_file='{pem}'"), &dead, || ()), Outcome::Delivered, "{mode}");
        assert_eq!(server.mails().len(), 1, "{mode}");
        // A server that nobody vouches for gets nothing.
        let outcome = deliver(&format!("{common}\nretry={{first_ms=10,give_up=0}}"), &dead, || ());
        assert!(matches!(&outcome, Outcome::Dead(why) if why.to_lowercase().contains("certificate")), "{mode}: {outcome:?}");
        assert_eq!(server.mails().len(), 1, "{mode}");
    }
}

#[test]
fn a_mail_server_that_comes_back_gets_what_waited() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let dead = DeadLetters::at(dir.path().join("dead"));
    let channel = format!(
        "type='email'\nserver='127.0.0.1'\nport={port}\nfrom='t@example.org'\nto=['a@example.org']\nretry.first_ms=50\nretry.longest_ms=200"
    );
    let mut server = None;
    let outcome = deliver(&channel, &dead, || {
        std::thread::sleep(Duration::from_millis(500));
        server = Some(MailServer::start(dir.path(), port, &[]));
    });
    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(server.unwrap().mails().len(), 1);
    assert!(dead.read().unwrap().is_empty());
}
