//! Mail to a real SMTP server (`aiosmtpd`): plain, STARTTLS, TLS; what happens while it is away; dead letters sent again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use support::server::PATIENCE;
use support::tls::certificate;
use tsdb::worker::notify::{Channel, DeadLetter, DeadLetters, Dispatcher, Event, Inside, Kind, Notice, Outcome, SendError};

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
    /// One on a port of its own. Between choosing it and listening on it somebody else may take it.
    fn anywhere(folder: &Path, tls: &[&str]) -> MailServer {
        (0..3).find_map(|_| MailServer::try_start(folder, free_port(), tls)).expect("the mail server does not listen")
    }

    fn start(folder: &Path, port: u16, tls: &[&str]) -> MailServer {
        MailServer::try_start(folder, port, tls).expect("the mail server does not listen")
    }

    /// `None` if it ended at once, as for a port that is taken.
    fn try_start(folder: &Path, port: u16, tls: &[&str]) -> Option<MailServer> {
        let folder = folder.join("maildir");
        let mut child = Command::new("aiosmtpd")
            .args(["-n", "-u", "-l", &format!("127.0.0.1:{port}"), "-c", "aiosmtpd.handlers.Mailbox"])
            .args(tls)
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("aiosmtpd is missing: `scripts/test` installs it (apt-get install python3-aiosmtpd)");
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(Instant::now() < end, "the mail server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(MailServer { child, port, folder })
    }

    fn mails(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.join("new")) else { return Vec::new() };
        entries.flatten().map(|e| std::fs::read_to_string(e.path()).unwrap()).collect()
    }
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
        html: None,
        labels: BTreeMap::new(),
        since: 1_700_000_000 - 180,
        at: 1_700_000_000,
        step: 1,
        max_step: 3,
        link: Some("http://tsd:4242/#/alerts/cpu-7f3a".to_owned()),
        events: vec![event],
    }
}

fn deliver(channel: &str, dead: &DeadLetters, meanwhile: impl FnOnce()) -> Outcome {
    deliver_this(notice(), channel, dead, meanwhile)
}

fn deliver_this(notice: Notice, channel: &str, dead: &DeadLetters, meanwhile: impl FnOnce()) -> Outcome {
    let channel: Channel = toml::from_str(channel).unwrap();
    channel.check(&tsdb::worker::notify::Templates::default()).unwrap();
    let inside: Arc<dyn Inside> = Arc::new(Nobody);
    let dispatcher = Dispatcher::start(&BTreeMap::from([("mail".to_owned(), channel)]), &inside, dead).unwrap();
    let (tell, told) = mpsc::channel();
    dispatcher.submit("mail", notice, Box::new(move |outcome| tell.send(outcome).unwrap())).unwrap();
    meanwhile();
    told.recv_timeout(PATIENCE).unwrap()
}

fn header<'a>(mail: &'a str, name: &str) -> Vec<&'a str> {
    let head = mail.split("\n\n").next().unwrap();
    head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[test]
fn a_mail_arrives_once_with_its_id_and_nothing_smuggled_in() {
    let dir = tempfile::tempdir().unwrap();
    let server = MailServer::anywhere(dir.path(), &[]);
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
        let server = MailServer::anywhere(&home, &flags);
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
        std::thread::sleep(Duration::from_millis(500)); // some attempts fail
        server = Some(MailServer::start(dir.path(), port, &[]));
    });
    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(server.unwrap().mails().len(), 1);
    assert!(dead.read().unwrap().is_empty());
}

#[test]
fn the_html_of_a_rule_stands_beside_its_text() {
    let dir = tempfile::tempdir().unwrap();
    let server = MailServer::anywhere(dir.path(), &[]);
    let dead = DeadLetters::at(dir.path().join("dead"));
    let channel = format!("type='email'\nserver='127.0.0.1'\nport={}\nfrom='t@example.org'\nto=['a@example.org']", server.port);
    let own = Notice { html: Some("<h1>Disk of web01 &lt;full&gt;</h1>".to_owned()), ..notice() };
    assert_eq!(deliver_this(own.clone(), &channel, &dead, || ()), Outcome::Delivered);
    // A channel with a template of its own says where.
    let framed = format!("{channel}\nhtml='<body>{{{{ title }}}}<hr>{{{{ html | safe }}}}</body>'");
    assert_eq!(deliver_this(own, &framed, &dead, || ()), Outcome::Delivered);
    let mut mails: Vec<String> = server.mails().iter().map(|mail| mail.replace("=\n", "").replace("=3D", "=")).collect();
    mails.sort_by_key(|mail| mail.contains("<hr>"));
    let [whole, framed] = mails.as_slice() else { panic!("{mails:?}") };
    for mail in [whole, framed] {
        assert!(mail.contains("multipart/alternative") && mail.contains("text/plain") && mail.contains("text/html"), "{mail}");
        assert!(mail.contains("<h1>Disk of web01 &lt;full&gt;</h1>") && mail.contains("three points above 90"), "{mail}");
    }
    assert!(!whole.contains("<table"), "the usual HTML is not there: {whole}");
    assert!(framed.contains("&lt;web01&gt;"), "values are escaped: {framed}");
}

/// `tsdb worker ...` with these words in a folder: exit code, standard output, standard error.
fn worker(dir: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_tsdb"))
        .arg("worker")
        .args(words)
        .args(["--rules=rules.toml", "--path=own"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn a_channel_is_tried_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let server = MailServer::anywhere(dir.path(), &[]);
    let mail = |name: &str, port: u16| {
        format!("[notify.{name}]\ntype='email'\nserver='127.0.0.1'\nport={port}\nfrom='t@example.org'\nto=['a@example.org']\n")
    };
    let rules = mail("ops", server.port)
        + &mail("away", 1)
        + "[notify.log]\ntype='file'\npath='log'\n[notify.note]\ntype='annotation'\n[rule.broken]\nquery=5\n";
    std::fs::write(dir.path().join("rules.toml"), rules).unwrap();
    let (code, out, err) = worker(dir.path(), &["test-channel", "ops", "log", "note"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("ops (email) took test-ops-") && out.contains("log (file) took test-log-"), "{out}");
    let mails = server.mails();
    assert_eq!(header(&mails[0], "Subject"), ["test of the channel ops"]);
    assert!(std::fs::read_to_string(dir.path().join("log")).unwrap().contains("nothing is wrong"));
    // One that fails says why and does not keep the others from theirs.
    let (code, out, err) = worker(dir.path(), &["test-channel", "away", "ops"]);
    assert_eq!((code, server.mails().len()), (Some(1), 2), "{out} {err}");
    assert!(err.contains("away (email) did not take") && err.contains("127.0.0.1"), "{err}");
    let (code, _, err) = worker(dir.path(), &["test-channel", "opps"]);
    assert!(code == Some(1) && err.contains("no channel is called \"opps\"") && err.contains("ops"), "{err}");
    assert!(!dir.path().join("own").exists(), "nothing is written beside");
}

fn ids(server: &MailServer) -> Vec<String> {
    let mut ids: Vec<String> = server.mails().iter().flat_map(|mail| header(mail, "Message-ID")).map(str::to_owned).collect();
    ids.sort();
    ids
}

#[test]
fn dead_letters_are_sent_again_with_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let mail = |name: &str, port: u16| {
        format!("[notify.{name}]\ntype='email'\nserver='127.0.0.1'\nport={port}\nfrom='t@example.org'\nto=['{name}@example.org']\n")
    };
    std::fs::write(dir.path().join("rules.toml"), mail("mail", port) + &mail("other", port)).unwrap();
    std::fs::create_dir(dir.path().join("own")).unwrap();
    let path = dir.path().join("own/dead-letters.jsonl");
    let dead = DeadLetters::at(path.clone());
    let letter = |channel: &str, n: usize| DeadLetter {
        channel: channel.to_owned(),
        error: "mail server 127.0.0.1: refused".to_owned(),
        attempts: 3,
        notice: Notice { id: format!("cpu-{n}"), ..notice() },
    };
    (1..=3).for_each(|n| dead.push(&letter("mail", n)).unwrap());
    dead.push(&letter("gone", 4)).unwrap();
    // Nobody takes them yet: nothing is lost, and what is wrong is said.
    let (code, out, err) = worker(dir.path(), &["resend"]);
    assert_eq!((code, dead.read().unwrap().len()), (Some(1), 4), "{out} {err}");
    assert!(out.starts_with("0 sent again, 4 stay in own/dead-letters.jsonl") && err.contains("no channel is called gone"), "{out} {err}");
    let server = MailServer::start(dir.path(), port, &[]);
    // A run that was killed after it had sent the first: that one is not sent again.
    let lines = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path.with_extension("jsonl.sent"), lines.lines().next().unwrap().to_owned() + "\n{\"cut").unwrap();
    let (code, out, err) = worker(dir.path(), &["resend", "mail"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with("2 sent again, 1 stay in"), "{out}");
    assert_eq!(ids(&server), ["<cpu-2@example.org>", "<cpu-3@example.org>"]);
    assert_eq!(dead.read().unwrap(), [Ok(letter("gone", 4))]);
    assert!(!path.with_extension("jsonl.sent").exists());
    // To another channel; a line that is no letter stays, and one that a kill cut short swallows none.
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"channel\":\"ma").unwrap();
    dead.push(&letter("gone", 5)).unwrap();
    let (code, out, err) = worker(dir.path(), &["resend", "--to=other"]);
    assert!(code == Some(1) && err.contains("dead-letters.jsonl:2: ") && out.starts_with("2 sent again, 1 stay in"), "{out} {err}");
    assert_eq!(ids(&server)[2..], ["<cpu-4@example.org>", "<cpu-5@example.org>"]);
    assert_eq!(server.mails().iter().filter(|mail| header(mail, "X-RcptTo") == ["other@example.org"]).count(), 2);
    // Nothing is left of a file without letters; once more is no error.
    std::fs::write(&path, "").unwrap();
    assert_eq!(worker(dir.path(), &["resend"]).0, Some(0));
    assert!(!path.exists());
    assert_eq!(worker(dir.path(), &["resend"]).0, Some(0));
    assert_eq!(worker(dir.path(), &["resend", "--to=nobody"]).0, Some(1));
    // A slip in the name was taken for a channel without letters.
    let (code, out, err) = worker(dir.path(), &["resend", "mial"]);
    assert!(code == Some(1) && err.contains("no channel is called \"mial\" (did you mean mail?)"), "{out} {err}");
    assert_eq!(worker(dir.path(), &["resend", "gone", "--to=other"]).0, Some(0));
}

/// A kill in the middle of many: the next run goes on, and every letter arrives, once or twice with one id.
#[test]
fn a_resend_that_is_killed_is_gone_on_with() {
    const LETTERS: usize = 150;
    let dir = tempfile::tempdir().unwrap();
    let server = MailServer::anywhere(dir.path(), &[]);
    let channel =
        format!("[notify.mail]\ntype='email'\nserver='127.0.0.1'\nport={}\nfrom='t@example.org'\nto=['a@example.org']\n", server.port);
    std::fs::write(dir.path().join("rules.toml"), channel).unwrap();
    std::fs::create_dir(dir.path().join("own")).unwrap();
    let dead = DeadLetters::at(dir.path().join("own/dead-letters.jsonl"));
    for n in 0..LETTERS {
        let notice = Notice { id: format!("cpu-{n:03}"), ..notice() };
        dead.push(&DeadLetter { channel: "mail".to_owned(), error: "away".to_owned(), attempts: 1, notice }).unwrap();
    }
    let mut run = Command::new(env!("CARGO_BIN_EXE_tsdb"))
        .args(["worker", "resend", "--rules=rules.toml", "--path=own"])
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    while server.mails().len() < 5 {
        assert!(Instant::now() < end, "no letter is sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Another run meanwhile is refused; a letter that comes meanwhile is kept.
    let (code, _, err) = worker(dir.path(), &["resend"]);
    let still = run.try_wait().unwrap().is_none();
    assert!(!still || code == Some(1) && err.contains("another run"), "{code:?} {err}");
    run.kill().unwrap();
    run.wait().unwrap();
    let late = Notice { id: "cpu-late".to_owned(), ..notice() };
    dead.push(&DeadLetter { channel: "mail".to_owned(), error: "away".to_owned(), attempts: 1, notice: late }).unwrap();
    let (code, out, err) = worker(dir.path(), &["resend"]);
    assert_eq!(code, Some(0), "{out} {err}");
    assert!(dead.read().unwrap().is_empty());
    let all = ids(&server);
    let mut once = all.clone();
    once.dedup();
    assert_eq!(once.len(), LETTERS + 1);
    assert!(all.len() <= LETTERS + 2, "only the letter of the kill may come twice: {}", all.len());
}
