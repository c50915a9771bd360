//! Templates, channels and lanes, with a receiver on loopback.

use super::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

fn notice() -> Notice {
    let mut it = Notice::test("x", 1_700_000_000);
    it.title = "CPU of web01 \"hot\" & <b>".to_owned();
    it.link = Some("http://tsd/#/alerts/1".to_owned());
    it
}

fn channel(toml: &str) -> Channel {
    toml::from_str(toml).unwrap()
}

struct Nobody;

impl Inside for Nobody {
    fn annotate(&self, _: &Notice) -> Result<(), SendError> {
        Ok(())
    }
    fn point(&self, _: &Notice) -> Result<(), SendError> {
        Err(SendError::Never("no points here".to_owned()))
    }
}

/// A receiver that answers each request with the next status and tells what it got.
fn receiver(statuses: &'static [(u16, &'static str)]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, body) in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                head.push_str(&line);
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut got = vec![0; length];
            reader.read_exact(&mut got).unwrap();
            tell.send(head + &String::from_utf8(got).unwrap()).unwrap();
            write!(stream, "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    (address, told)
}

/// Submits one notice to one channel and waits for what becomes of it.
fn deliver(channel: Channel, dead: &DeadLetters) -> (Outcome, Counts) {
    let lanes = BTreeMap::from([("c".to_owned(), channel)]);
    let inside: Arc<dyn Inside> = Arc::new(Nobody);
    let dispatcher = Dispatcher::start(&lanes, &inside, dead).unwrap();
    let (tell, told) = mpsc::channel();
    dispatcher.submit("c", notice(), Box::new(move |outcome| tell.send(outcome).unwrap())).unwrap();
    let outcome = told.recv_timeout(Duration::from_secs(120)).unwrap();
    (outcome, dispatcher.counts()["c"])
}

#[test]
fn templates_see_the_fields_and_are_bounded() {
    let templates = Templates::default();
    let check = |source: &str, want: &str| assert_eq!(templates.text(source, &notice()).unwrap(), want, "{source}");
    check("{{ level }} {{ rule }} {{ tags.channel }} {{ value | num }}", "warning test x 42");
    check("{{ at | time }}, {{ 11100 | age }}", "2023-11-14 22:13:20 UTC, 3 h 5 min");
    check("{% for e in events %}{{ e.name }}{% endfor %}", "tsdb.worker.test{channel=this}");
    check("{{ title | urlencode }}", "CPU%20of%20web01%20%22hot%22%20%26%20%3Cb%3E");
    assert_eq!(templates.html("{{ title }}", &notice()).unwrap(), "CPU of web01 &quot;hot&quot; &amp; &lt;b&gt;");
    let fails = |source: &str, want: &str| {
        let error = templates.text(source, &notice()).unwrap_err().to_string();
        assert!(error.contains(want), "{source}: {error}");
    };
    fails("{{ nosuch.field }}", "undefined");
    fails("\n{% for %}", "line 2");
    fails("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "steps");
    fails("{% include '/etc/passwd' %}", "template");
    fails("{{ 'x' * 2000000 }}", "");
}

#[test]
fn numbers_and_ages_as_people_write_them() {
    use super::template::{age_text, number_text};
    for (x, want) in
        [(0.0, "0"), (1.5, "1.5"), (1234.5678, "1234.6"), (99.99999, "100"), (1e15, "1e15"), (-0.25, "-0.25"), (1e7, "10000000")]
    {
        assert_eq!(number_text(Some(x)), want);
    }
    assert_eq!(number_text(None), "-");
    for (seconds, want) in [(0, "0 s"), (59, "59 s"), (60, "1 min"), (86_400, "1 d"), (90_061, "1 d 1 h"), (-5, "0 s")] {
        assert_eq!(age_text(seconds), want);
    }
}

#[test]
fn channels_that_can_never_send_are_refused() {
    let check = |toml: &str, want: &str| {
        let error = channel(toml).check(&Templates::default()).unwrap_err().to_string();
        assert!(error.contains(want), "{toml}: {error}");
    };
    let mail = "type='email'\nserver='mail.example.org'\nfrom='tsdb <tsdb@example.org>'\n";
    check(&format!("{mail}to=[]"), "to: names nobody");
    check(&format!("{mail}to=['no address']"), "\"no address\" is not a mail address");
    check(&format!("{mail}to=['a@b.org']\nuser='me'"), "user: needs password");
    check(&format!("{mail}to=['a@b.org']\nuser='me'\npassword='x'"), "in the open");
    check(&format!("{mail}to=['a@b.org']\ntimeout=0"), "timeout: 0 is not between");
    check(&format!("{mail}to=['a@b.org']\nsubject='{{{{'"), "subject: line 1");
    check("type='http'", "url: is missing");
    check("type='http'\nurl='ftp://x'", "begins with neither");
    check("type='http'\nurl='http://x'\nmethod='GET'\nbody='x'", "not sent with GET");
    check("type='http'\npreset='pagerduty'", "key: is missing");
    check("type='http'\nurl='http://x'\nheaders={'a b'='c'}", "not the name of a header");
    check("type='file'\npath=''", "path: is empty");
    channel("type='annotation'").check(&Templates::default()).unwrap();
    assert!(toml::from_str::<Channel>("type='shell'\ncommand='x'").is_err());
    assert!(toml::from_str::<Channel>("type='point'\nextra=1").is_err());
}

#[test]
fn presets_make_json_and_read_refusals() {
    for preset in [Preset::Slack, Preset::Pagerduty, Preset::Dingtalk, Preset::Wechat] {
        let text = Templates::default().with_key(preset.body(), &notice(), Some("k")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{preset:?}: {e}: {text}"));
        assert!(json.to_string().contains("hot"), "{preset:?}: {json}");
    }
    assert_eq!(Preset::Wechat.refuses(r#"{"errcode":93000,"errmsg":"invalid"}"#), Some("errcode 93000: invalid".to_owned()));
    assert_eq!(Preset::Wechat.refuses(r#"{"errcode":0}"#), None);
    assert_eq!(Preset::Slack.refuses("ok"), None);
}

#[test]
fn http_sends_the_notice_and_tries_again() {
    let (address, told) = receiver(&[(503, "busy"), (429, "slow down"), (200, "ok")]);
    let dir = tempfile::tempdir().unwrap();
    let dead = DeadLetters::at(dir.path().join("dead.ndjson"));
    let to = channel(&format!(
        "type='http'\nurl='http://{address}/hook?rule={{{{ rule }}}}'\nheaders={{X-Level='{{{{ level }}}}',Authorization='Bearer {{{{ key }}}}'}}\nkey='s3cret'\nretry.first_ms=10"
    ));
    let (outcome, counts) = deliver(to, &dead);
    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!((counts.delivered, counts.failed, counts.dead), (1, 2, 0));
    for _ in 0..3 {
        let got = told.recv().unwrap();
        assert!(got.starts_with("POST /hook?rule=test HTTP/1.1"), "{got}");
        assert!(got.to_lowercase().contains("x-level: warning"), "{got}");
        assert!(got.to_lowercase().contains("authorization: bearer s3cret"), "the key was for presets alone: {got}");
        let body: Notice = serde_json::from_str(got.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body, notice());
    }
    assert!(dead.read().unwrap().is_empty());
}

#[test]
fn what_is_refused_becomes_a_dead_letter() {
    let (address, _told) = receiver(&[(400, "no such hook")]);
    let dir = tempfile::tempdir().unwrap();
    let dead = DeadLetters::at(dir.path().join("dead.ndjson"));
    let (outcome, counts) = deliver(channel(&format!("type='http'\nurl='http://{address}/'")), &dead);
    assert_eq!(outcome, Outcome::Dead(format!("{address} answered 400: no such hook")));
    assert_eq!(counts.dead, 1);
    // A robot that says no with status 200.
    let (address, _told) = receiver(&[(200, r#"{"errcode":310000,"errmsg":"keywords not in content"}"#)]);
    let (outcome, _) = deliver(channel(&format!("type='http'\npreset='dingtalk'\nurl='http://{address}/'")), &dead);
    assert!(matches!(outcome, Outcome::Dead(ref why) if why.contains("310000")), "{outcome:?}");
    let (outcome, _) = deliver(channel("type='point'"), &dead);
    assert_eq!(outcome, Outcome::Dead("no points here".to_owned()));
    let letters = dead.read().unwrap();
    assert_eq!(letters.len(), 3);
    let first = letters[0].clone().unwrap();
    assert_eq!((first.channel.as_str(), first.attempts, first.notice), ("c", 1, notice()));
}

#[test]
fn a_receiver_that_is_away_for_long_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let dead = DeadLetters::at(dir.path().join("dead.ndjson"));
    let away = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let (outcome, counts) = deliver(channel(&format!("type='http'\nurl='http://{away}/'\nretry={{first_ms=300,give_up=1}}")), &dead);
    assert!(matches!(outcome, Outcome::Dead(_)), "{outcome:?}");
    assert!(counts.failed >= 2, "{counts:?}");
    // Nothing may be lost where not even a dead letter can be written.
    let nowhere = DeadLetters::at(dir.path().join("no/such/folder/dead"));
    let (outcome, _) = deliver(channel("type='point'"), &nowhere);
    assert_eq!(outcome, Outcome::Kept("no points here".to_owned()));
}

#[test]
fn a_stop_keeps_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    let away = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let lanes = BTreeMap::from([("c".to_owned(), channel(&format!("type='http'\nurl='http://{away}/'\nretry.first_ms=60000")))]);
    let inside: Arc<dyn Inside> = Arc::new(Nobody);
    let dispatcher = Dispatcher::start(&lanes, &inside, &DeadLetters::at(dir.path().join("d"))).unwrap();
    let (tell, told) = mpsc::channel();
    for _ in 0..3 {
        let tell = tell.clone();
        dispatcher.submit("c", notice(), Box::new(move |outcome| tell.send(outcome).unwrap())).unwrap();
    }
    assert_eq!(dispatcher.submit("d", notice(), Box::new(|_| {})), Err(Refused::Unknown));
    std::thread::sleep(Duration::from_millis(100));
    drop(dispatcher);
    for _ in 0..3 {
        assert!(matches!(told.try_recv().unwrap(), Outcome::Kept(_)));
    }
}

#[test]
fn a_file_gets_a_line_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alerts.log");
    let dead = DeadLetters::at(dir.path().join("dead"));
    let name = path.display();
    assert_eq!(
        deliver(channel(&format!("type='file'\npath='{name}'\nline=\"\"\"{{{{ level }}}}\n{{{{ rule }}}}\"\"\"")), &dead).0,
        Outcome::Delivered
    );
    assert_eq!(deliver(channel(&format!("type='file'\npath='{name}'")), &dead).0, Outcome::Delivered);
    let text = std::fs::read_to_string(&path).unwrap();
    let (first, second) = text.trim_end().split_once('\n').unwrap();
    assert_eq!(first, "warning test");
    assert_eq!(serde_json::from_str::<Notice>(second).unwrap(), notice());
}
