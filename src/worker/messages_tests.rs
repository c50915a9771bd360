//! What a rule's own words become.

use super::super::alert::{Call, Kind, Level, To};
use super::super::rule::file::{SourceFile, load};
use super::*;

/// The message about one group of a rule, as it is written down.
fn written(rule: &str) -> (Alert, Notice) {
    let text = format!(
        "[notify.out]\ntype = \"file\"\npath = \"x\"\n[rule.r]\nquery = \"sum:m{{host=*}}\"\njudge.critical = \"all(#1) > 1\"\nnotify = \"out\"\n{rule}\n"
    );
    let set = load(&[SourceFile { name: "r.toml".into(), text, channels: true }]);
    assert_eq!(set.faults, []);
    let mut alert = Alert { metric: "m".into(), text: "all(#1) > 1: 5".into(), ..Alert::default() };
    alert.tags.insert("host".into(), "<web01> & co".into());
    let to = To::Level(Level::Critical);
    let call = Call { id: "i.1".into(), kind: Kind::Alert, level: Level::Critical, step: 1, value: Some(5.0), at: 1_700_000_000, to };
    assert_eq!(Plan::of(&set.rules["r"]).add(&call, &mut alert, "w", 1_700_000_000, &Author::default()), 1);
    let notice = alert.outbox[0].notice.clone();
    (alert, notice)
}

#[test]
fn html_is_escaped_and_text_is_not() {
    let message = "message = { subject = \"{{ tags.host }} is full\", text = \"on {{ tags.host }}\", html = \"<b>{{ tags.host }}</b> {{ labels.team }}\" }\nlabels = { team = \"a<b\" }";
    let (_, notice) = written(message);
    assert_eq!((notice.title.as_str(), notice.text.as_str()), ("<web01> & co is full", "on <web01> & co"));
    assert_eq!(notice.html.as_deref(), Some("<b>&lt;web01&gt; &amp; co</b> a&lt;b"));
    assert_eq!(written("").1.html, None);
    // As it is kept in the table.
    let json = serde_json::to_string(&notice).unwrap();
    assert_eq!(serde_json::from_str::<Notice>(&json).unwrap(), notice);
}

#[test]
fn what_fails_is_said_and_the_message_goes_all_the_same() {
    let (_, notice) = written("message.html = \"{{ tags.nosuch.field }}\"\nnote = \"see the wiki\"");
    assert_eq!(notice.html, None);
    assert!(notice.note.starts_with("see the wiki\n(html: ") && notice.note.contains("undefined"), "{}", notice.note);
    let (_, notice) = written("message.text = \"{% for n in range(9999) %}xxxxx{% endfor %}\"");
    assert!(notice.text.len() < TEXT_BYTES_MAX + 100 && notice.text.ends_with("TEXT_BYTES_MAX)"), "{} bytes", notice.text.len());
}

#[test]
fn labels_and_notes_reach_templates_and_people() {
    let (alert, notice) = written("labels = { team = \"db\" }\nnote = \"{{ name }} of {{ labels.team }}\"\nrunbook = \"restart\"");
    assert_eq!(notice.note, "m{host=<web01> & co} of db\nrestart");
    assert_eq!(alert.note, notice.note, "the page Alerts shows it");
    assert_eq!(notice.labels["team"], "db");
    // Of merged messages those that all have.
    let other = Notice { id: "j.1".into(), labels: [("team".into(), "db".into()), ("x".into(), "y".into())].into(), ..notice.clone() };
    let merged = Author::default().merged("m", vec![notice, other]).unwrap();
    assert_eq!((merged.labels.len(), merged.labels["team"].as_str(), merged.html), (1, "db", None));
}
