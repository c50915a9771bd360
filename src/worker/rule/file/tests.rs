//! Rule files: what they mean, and what is said when they are wrong.

use super::super::calendar::When;
use super::super::model::{Condition, RuleSet};
use super::*;
use crate::worker::alert::{Level, NoData};
use std::time::Duration;

fn read(text: &str) -> RuleSet {
    load(&[SourceFile { name: "r.toml".into(), text: text.to_string(), channels: true }])
}

/// The faults of a text, one a line, without the file's name.
#[track_caller]
fn faults(text: &str, want: &[&str]) {
    let got: Vec<String> = read(text).faults.iter().map(|f| f.to_string().trim_start_matches("r.toml:").to_string()).collect();
    let same = got.len() == want.len() && got.iter().zip(want).all(|(got, want)| got.starts_with(want));
    assert!(same, "\n{}\nexpected\n{}", got.join("\n"), want.join("\n"));
}

const CPU: &str = "[rule.cpu]\nquery = \"avg:1m-avg:sys.cpu{host=*}\"\njudge.critical = \"all(#3) > 90\"\n";

#[test]
fn a_short_rule_and_its_defaults() {
    let set = read(CPU);
    assert_eq!(set.faults, []);
    let rule = &set.rules["cpu"];
    let Condition::Judge(judge) = &rule.condition else { panic!("{rule:?}") };
    assert_eq!(judge.critical.unwrap().to_string(), "all(#3) > 90");
    assert_eq!((judge.warning, judge.rate, judge.remain()), (None, false, 3));
    assert_eq!(rule.query.as_ref().unwrap().keys, ["host"]);
    assert_eq!(
        (rule.schedule.every, rule.schedule.delay, rule.schedule.window),
        (Duration::from_secs(60), Duration::ZERO, Duration::from_secs(480))
    );
    assert_eq!((rule.priority, rule.enabled, rule.policy.max_step, rule.policy.recovery, rule.policy.auto_close), (2, true, 1, true, true));
    assert_eq!((rule.policy.no_data, rule.policy.min_interval_s, rule.merge), (NoData::Keep, 300, None));
}

#[test]
fn everything_that_a_rule_may_say() {
    let text = r#"
squelch = { host = "test*" }
[vars]
limit = 90
team = "ops"
[notify.ops]
type = "file"
path = "/var/log/notices"
[notify.boss]
type = "email"
server = "localhost"
from = "tsdb@example.org"
to = ["boss@example.org"]
[group.web]
match = [{ host = "web*" }, { host = "~^www[0-9]$", dc = "x|y" }]
[template.base]
every = "30s"
delay = "10s"
notify = { critical = ["$team"], warning = ["ops"], recovery = [] }
labels = { team = "$team", service = "none" }
[rule.full]
inherit = "base"
enabled = false
note = "{{ name }} is busy, $$5"
runbook = "https://wiki/cpu"
query = "avg:1m-avg:sys.cpu{host=*}"
groups = "web"
match = { dc = "!z" }
window = "1h"
active = { from = "08:00", to = "20:00", days = ["mon-fri"], zone = "Europe/Berlin" }
priority = 4
hold = "2m"
max_step = 5
min_interval = "10m"
recovery = false
close = false
escalation = [{ after = "1h", notify = "boss" }, { after = "30m", notify = "ops" }]
flap = { changes = 5, within = "30m", quiet = "1h" }
merge = "2m"
log = "1h"
depends = "last(q(\"max:gateway.down\", \"5m\", \"\"))"
squelch = { host = "web9" }
unknown = { after = "15m", action = "warning" }
message = { subject = "{{ rule }}" }
labels = { service = "web" }
judge = { critical = "all(#3) > $limit", warning = "lookup(#2,3) >= 80", type = "counter" }
"#;
    let set = read(text);
    assert_eq!(set.faults, []);
    let rule = &set.rules["full"];
    assert!(!rule.enabled);
    assert_eq!(rule.note, "{{ name }} is busy, $5");
    assert_eq!(rule.schedule.every, Duration::from_secs(30));
    assert_eq!((rule.labels["team"].as_str(), rule.labels["service"].as_str()), ("ops", "web"));
    assert_eq!((&rule.notify.critical[..], &rule.notify.unknown[..]), (&["ops".to_string()][..], &["ops".to_string()][..]));
    assert_eq!(rule.notify.recovery, Some(Vec::new()));
    let policy = &rule.policy;
    assert_eq!((policy.hold_s, policy.max_step, policy.min_interval_s, policy.recovery, policy.auto_close), (120, 5, 600, false, false));
    assert_eq!(policy.escalations.iter().map(|e| (e.after_s, e.to[0].as_str())).collect::<Vec<_>>(), [(1_800, "ops"), (3_600, "boss")]);
    assert_eq!((policy.need_ack, policy.unknown_after_s, policy.no_data), (true, 900, NoData::Level(Level::Warning)));
    assert_eq!((policy.log_every_s, rule.merge, rule.priority), (Some(3_600), Some(Duration::from_secs(120)), 4));
    let Condition::Judge(judge) = &rule.condition else { panic!() };
    assert_eq!((judge.critical.unwrap().right, judge.rate, judge.remain()), (90.0, true, 4));
    let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<BTreeMap<_, _>>();
    assert!(rule.scope.covers(&tags(&[("host", "web1"), ("dc", "a")])));
    assert!(!rule.scope.covers(&tags(&[("host", "web1"), ("dc", "z")])));
    assert!(set.squelch[0].holds(&tags(&[("host", "test1")])));
    assert!(rule.depends.is_some() && set.channels.len() == 2);
}

#[test]
fn conditions_of_every_kind() {
    let text = r#"
[defaults]
query = "sum:m{host=*}"
[rule.sky]
skyline = { algorithms = ["grubbs", "ks_test"], consensus = 2, full_duration = "2d", level = "critical" }
[rule.gone]
nodata = { after = "5m" }
[rule.season]
seasonal = { period = "1w", count = 4 }
[rule.up]
rise = {}
[rule.down]
fall = { relative = 0.5 }
[rule.disk]
forecast = { limit = 100, critical = "4h", warning = "1d" }
[rule.template_replaces_the_condition]
inherit = "t"
nodata = { after = "5m" }
[template.t]
rise = {}
"#;
    let set = read(text);
    assert_eq!(set.faults, []);
    let window = |name: &str| set.rules[name].schedule.window.as_secs();
    assert_eq!((window("sky"), window("gone"), window("season"), window("disk")), (172_800, 3_600, 600, 21_600));
    assert!(matches!(set.rules["template_replaces_the_condition"].condition, Condition::NoData { level: Level::Critical, .. }));
    assert_eq!(set.rules.len(), 7);
}

#[test]
fn expressions_and_what_they_name() {
    let text = r#"
[lookup.limits]
keys = ["host"]
entries = [{ host = "web*", high = 90 }, { host = "*", high = 70 }]
[rule.high]
expression.critical = '''
  avg(q("avg:sys.cpu{host=*}", "5m", ""))
    > lookupSeries(q("avg:sys.cpu{host=*}", "5m", ""), "limits", "high")
'''
[rule.many]
expression.warning = 'sum(t(alert("high", "crit"), "")) > 3'
expression.unjoined_ok = true
"#;
    let set = read(text);
    assert_eq!(set.faults, []);
    assert!(matches!(&set.rules["many"].condition, Condition::Expression { unjoined_ok: true, critical: None, .. }));
}

#[test]
fn faults_name_their_place_and_the_other_rules_go_on() {
    faults(
        "[rule.a]\nqeury = \"sum:m\"\njudge.critical = \"all(#3) > 1\"\n",
        &["1:7: expected query", "2:1: rule.a has no key qeury (did you mean query?)"],
    );
    faults("[rule.a]\nquery = \"sum:m\"\n", &["1:7: the rule has no condition: expected a section of judge, expression"]);
    faults("[rule.a]\nquery = \"sum:m\"\nrise = {}\nfall = {}\n", &["1:7: the rule has several conditions, rise and fall"]);
    faults("[rule.a]\nquery = \"sum:m\"\nrise = {}\nevery = 5\n", &["4:9: every: expected a text, found a whole number"]);
    faults("[rule.a]\nquery = \"sum:m\"\nrise = {}\nevery = \"5 min\"\n", &["4:9: every: \"5 min\" is no duration"]);
    faults("[rule.a]\nquery = \"m\"\nrise = {}\n", &["2:9: query: "]);
    faults("[rule.a]\nquery = \"smu:m\"\nrise = {}\n", &["2:9: query: there is no aggregator \"smu\""]);
    faults("[rule.a]\nquery = \"sum:m\"\njudge.critical = \"all(#3 > 1\"\n", &["3:18: critical: expected FUNCTION OPERATOR NUMBER"]);
    faults("[rule.a]\nquery = \"sum:m\"\njudge.critical = \"any(#3) > 1\"\n", &["3:18: critical: \"any(#3)\" is no function"]);
    faults("[rule.a]\nquery = \"sum:m\"\njudge.critical = \"all(#3) => 1\"\n", &["3:18: critical: expected an operator"]);
    faults("[rule.a]\nquery = \"sum:m\"\nrise = {}\npriority = 7\n", &["4:12: priority: expected 0 to 6, found 7"]);
    faults("[rule.a]\nquery = \"sum:m\"\nrise = {}\nnotify = \"ops\"\n", &["4:10: there is no channel \"ops\""]);
    faults("[rule.a]\nquery = \"sum:m\"\nrise = {}\nnote = \"{{ x\"\n", &["4:12: note: syntax error"]);
    faults("[rule.a]\nquery = \"sum:$m\"\nrise = {}\n", &["2:14: there is no variable m"]);
    faults("[rule.a]\ninherit = \"b\"\nquery = \"sum:m\"\n", &["2:11: inherit: there is no template \"b\""]);
    faults("[template.a]\ninherit = \"a\"\n[rule.a]\ninherit = \"a\"\n", &["2:11: inherit: expected at most 9 templates"]);
    faults("[rule.a]\nquery = \"sum:m\"\nrise = {}\ngroups = [\"x\"]\n", &["4:11: groups: there is no group \"x\""]);
    faults(
        "[rule.a]\nquery = \"sum:m\"\nskyline = { algorithms = [\"grubs\"] }\n",
        &["3:27: algorithms: there is no detector \"grubs\" (did you mean grubbs?)"],
    );
    faults("rules = 1\n", &["1:1: there is no section rules (did you mean rule?)"]);
    faults("[rule.\"a b\"]\n", &["1:7: \"a b\": a name has 1 to 100 letters"]);
    faults("[notify.x]\ntype = \"fax\"\n", &["1:"]);
    faults("[notify.x]\ntype = \"http\"\nurl = \"ftp://x\"\n", &["3:1: notify.x: url"]);
    let both = format!("{CPU}\n[rule.bad]\nquery = \"sum:m\nrise = {{}}\n[rule.good]\nquery = \"sum:m\"\nrise = {{}}\n");
    let set = read(&both);
    assert_eq!(set.rules.keys().collect::<Vec<_>>(), ["cpu", "good"]);
    assert!(set.faults[0].to_string().starts_with("r.toml:6:"), "{:?}", set.faults);
    assert!(!set.rules.contains_key("bad"));
}

/// A slip in a note was found out by the first message.
#[test]
fn unknown_names_in_templates_are_faults_at_their_place() {
    let rule = "[rule.a]\nquery = \"sum:m\"\nrise = {}\n";
    let check = |more: &str, want: &str| faults(&format!("{rule}{more}\n"), &[want]);
    check("note = \"{{ nme }}\"", "4:12: note: there is no \"nme\" (did you mean name?); expected at, events, html, id, ");
    check("message.text = \"\"\"\n  of\n  {{ host }}\"\"\"", "6:6: text: there is no \"host\"");
    check("runbook = \"\\tsee {{ nme }}\"", "4:11: runbook: line 1, column 9: there is no \"nme\""); // an escape: no place within
    check("message.text = \"{% for e in events %}{{ e.nme }}{% endfor %}\"", "4:43: text: an event has no \"nme\" (did you mean name?)");
    check("labels.team = \"db\"\nnote = \"{{ labels.taem }}\"", "5:19: note: there is no label \"taem\" (did you mean team?)");
    faults(&format!("{rule}labels.team = \"db\"\nnote = \"{{{{ labels.team }}}} {{{{ tags.any }}}}\"\n"), &[]);
    // What rules inherit is said where it stands, once.
    faults(
        &format!(
            "[template.t]\nnote = \"{{{{ nme }}}}\"\n{rule}inherit = \"t\"\n{}",
            rule.replace("rule.a", "rule.b") + "inherit = \"t\"\n"
        ),
        &["2:12: note: there is no \"nme\""],
    );
    let hook = "[notify.h]\ntype = \"http\"\nurl = \"http://x\"\n";
    faults(&format!("{hook}body = \"{{{{ rul }}}}\"\n"), &["4:12: notify.h: body: there is no \"rul\" (did you mean rule?)"]);
    let secret = "headers = { Authorization = \"Bearer {{ key }}\" }\n";
    faults(&format!("{hook}{secret}"), &["4:40: notify.h: headers.Authorization: there is no \"key\""]);
    faults(&format!("{hook}{secret}key_file = \"/etc/key\"\n"), &[]);
}

#[test]
fn faults_of_expressions_stand_in_their_lines() {
    let text = "[rule.a]\nexpression.critical = '''\n  avg(q(\"avg:m{a=*}\", \"5m\", \"\"))\n    > av(1)\n'''\n";
    faults(text, &["4:7: there is no function av"]);
    faults("[rule.b]\nexpression.critical = 'alert(\"b\", \"crit\")'\n", &["2:30: the rule \"b\" asks for itself"]);
    faults("[rule.c]\nexpression.critical = 'last(q(\"avg:m\", \"5x\", \"\"))'\n", &["2:40: \"5x\" is no duration"]);
    faults(
        "[rule.d]\nexpression.critical = 'q(\"avg:m\", \"5m\", \"\")'\n",
        &["2:23: critical: expected an expression that gives a number, not a series"],
    );
    faults(
        "[rule.e]\nexpression = { critical = 'avg(q(\"avg:m{a=*}\", \"5m\", \"\"))', warning = '1' }\n",
        &["2:14: expected the same tags of critical and warning"],
    );
    faults("[rule.f]\nquery = \"sum:m\"\nexpression.critical = '1'\n", &["2:9: query: an expression asks by itself"]);
    faults(
        "[rule.g]\nexpression.critical = \"avg(q(\\\"m\\\", \\\"5m\\\", \\\"\\\"))\"\n",
        &["2:23: in the expression, line 1, column 7: \"m\" is no query"],
    );
}

#[test]
fn overrides_take_series_away() {
    let text = "[group.web]\nmatch = { host = \"web*\" }\n[defaults]\nquery = \"sum:m{host=*}\"\n[rule.all]\nrise = {}\n[rule.web]\ngroups = \"web\"\noverrides = \"all\"\nfall = {}\n";
    let set = read(text);
    assert_eq!(set.faults, []);
    let host = |name: &str| BTreeMap::from([("host".to_string(), name.to_string())]);
    assert!(!set.rules["all"].scope.covers(&host("web1")) && set.rules["all"].scope.covers(&host("db1")));
    assert!(set.rules["web"].scope.covers(&host("web1")) && !set.rules["web"].scope.covers(&host("db1")));
    faults("[rule.a]\nquery = \"sum:m\"\nrise = {}\noverrides = \"b\"\n", &["4:13: overrides: there is no rule \"b\""]);
}

#[test]
fn maintenance_and_clusters() {
    let text = r#"
[group.web]
match = { host = "web*" }
[maintenance.move]
from = 2026-01-31T22:00:00Z
to = 2026-02-01T02:00:00Z
rules = "cpu*"
match = { host = "web*" }
action = "skip"
[maintenance.nightly]
from = "23:00"
to = "01:00"
days = "sat-sun"
[maintenance.local]
from = 2026-01-31T22:00:00
to = 2026-02-01T02:00:00
zone = "Asia/Shanghai"
[cluster.web_busy]
group = "web"
numerator = "$(cpu.busy/core=all) > 90"
denominator = "$#"
metric = "web.busy"
tags = { service = "web" }
"#;
    let set = read(text);
    assert_eq!(set.faults, []);
    let host = |name: &str| BTreeMap::from([("host".to_string(), name.to_string())]);
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
    let moving = &set.maintenance["move"];
    assert!(
        moving.covers("cpu1", &host("web1"), at("2026-01-31T23:00:00Z")) && !moving.covers("cpu1", &host("db"), at("2026-01-31T23:00:00Z"))
    );
    assert!(set.maintenance["nightly"].covers("x", &host("y"), at("2026-11-29T00:30:00Z")));
    assert!(matches!(set.maintenance["local"].when, When::Once { from, .. } if from == at("2026-01-31T14:00:00Z")));
    assert_eq!((set.clusters["web_busy"].member.as_str(), set.clusters["web_busy"].numerator.counters().count()), ("host", 1));
    let expected = ["denominator", "group", "metric", "numerator", "tags"].map(|key| format!("1:10: expected {key}"));
    faults("[cluster.x]\n", &expected.each_ref().map(String::as_str));
}

#[test]
fn only_files_define_channels() {
    let text = "[notify.x]\ntype = \"file\"\npath = \"/etc/passwd\"\n".to_string();
    let set = load(&[SourceFile { name: "stored".into(), text, channels: false }]);
    assert!(set.channels.is_empty());
    assert_eq!(set.faults[0].to_string(), "stored:1:2: channels are defined in files only");
}

#[test]
fn names_are_unique_over_all_files() {
    let file = |name: &str| SourceFile { name: name.into(), text: CPU.to_string(), channels: true };
    let set = load(&[file("a.toml"), file("b.toml")]);
    assert_eq!(set.rules.len(), 1);
    assert_eq!(set.faults[0].to_string(), "b.toml:1:7: rule.cpu is defined twice; the first is at a.toml:1:7");
}

#[test]
fn mutated_files_are_read_or_refused() {
    let sound = [
        CPU,
        "[vars]\na = \"$b$b\"\nb = \"1\"\n[rule.x]\nexpression.critical = 'avg(q(\"avg:m{a=*}\", \"5m\", \"\")) > $a'\nnotify = { critical = [\"x\"] }\n",
    ];
    crate::fuzz::run(|dice| {
        let sound = sound[dice.below(2)];
        let text = dice
            .mutate_text(sound, &["[", "]", "'''", "\"", "$a", "${a}", "=", "{", "}", "\n", "rule.", "inherit = \"x\"\n", "\u{0}", "é"]);
        let set = read(&text);
        for fault in &set.faults {
            assert!(fault.place.line >= 1 && fault.place.column >= 1, "{fault}");
        }
    });
}

/// Every example of the description is sound, all together.
#[test]
fn the_examples_in_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RULES.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = |kind: &str| -> Vec<(usize, String)> {
        let mut out = Vec::new();
        for (start, _) in text.match_indices(&format!("```{kind}\n")) {
            let body = &text[start + kind.len() + 4..];
            out.push((text[..start].matches('\n').count() + 1, body[..body.find("\n```").unwrap() + 1].to_string()));
        }
        out
    };
    let files: Vec<SourceFile> = blocks("toml")
        .into_iter()
        .map(|(line, text)| SourceFile { name: format!("RULES.md, block at line {line}").into(), text, channels: true })
        .collect();
    assert!(files.len() >= 9, "{} blocks", files.len());
    let set = load(&files);
    assert!(set.faults.is_empty(), "{}", set.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let mut expressions = 0;
    for (line, block) in blocks("bosun") {
        for text in block.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            let found = super::super::expression::Expression::parse(text, &super::super::expression::NoNames);
            let faults = found.map(|e| e.faults()).unwrap_or_else(|e| vec![e]);
            assert!(faults.is_empty(), "RULES.md, block at line {line}: {text}: {faults:?}");
            expressions += 1;
        }
    }
    assert!(expressions >= 20, "{expressions} expressions");
    // Each function has its row.
    for name in super::super::expression::function_names() {
        assert!(text.contains(&format!("`{name}(")), "docs/RULES.md does not describe {name}");
    }
}
