//! What a rule's message would say, before anybody is told: for the event of a test, or for an example. Nothing is sent.

use super::alert::{Call, Kind, Level, To};
use super::messages::{Author, Plan, bounded};
use super::notify::{Notice, Wrong, shown};
use super::records::{Alert, Tags};
use super::rule::model::{Rule, RuleSet};
use serde::Deserialize;

/// Most channels that are shown.
const CHANNELS_MAX: usize = 20;
/// What stands for the value of each tag of an example.
const EXAMPLE: &str = "example";
/// The number behind an example.
const EXAMPLE_VALUE: f64 = 42.0;

/// What happened, or might.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// Why people would be told.
    pub kind: Kind,
    /// How bad it is, or was.
    pub level: Level,
    /// The metric, or its name with the group behind it as lines of tests have it; empty: the rule's.
    pub name: String,
    /// The group; empty with an empty name: one of the rule's keys.
    pub tags: Tags,
    /// The number behind it.
    pub value: Option<f64>,
    /// The condition and what was found.
    pub text: String,
    /// Seconds; 0: now.
    pub at: i64,
    /// Seconds since when it has been so; 0: since then.
    pub since: i64,
}

impl Default for Sample {
    fn default() -> Sample {
        let (name, text) = (String::new(), String::new());
        Sample { kind: Kind::Alert, level: Level::Critical, name, tags: Tags::new(), value: None, text, at: 0, since: 0 }
    }
}

impl Sample {
    /// With what an example needs where nothing happened.
    fn completed(mut self, rule: &Rule, now: i64) -> Sample {
        if self.name.is_empty() {
            let query = rule.query.as_ref();
            self.name = query.and_then(|query| query.sub.metric.clone()).unwrap_or_else(|| rule.name.clone());
            if self.tags.is_empty() {
                let keys = query.map(|query| query.keys.as_slice()).unwrap_or_default();
                self.tags = keys.iter().map(|key| (key.clone(), EXAMPLE.to_owned())).collect();
            }
            self.value = self.value.or(Some(EXAMPLE_VALUE));
            if self.text.is_empty() {
                self.text = "an example: nothing of this happened".to_owned();
            }
        }
        if self.at == 0 {
            self.at = now;
        }
        if self.since == 0 {
            self.since = self.at;
        }
        self
    }
}

/// A channel and what it would send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub channel: String,
    /// Its type.
    pub kind: &'static str,
    /// Parts by their names, cut where they are very long.
    pub parts: Vec<(&'static str, String)>,
    /// Why it would send nothing.
    pub wrong: Option<Wrong>,
}

/// A message, as it would be.
#[derive(Clone, Debug)]
pub struct Preview {
    /// What channels are given.
    pub notice: Notice,
    /// Templates of the rule that fail.
    pub wrong: Vec<Wrong>,
    /// Those who would be told.
    pub told: Vec<Told>,
    /// There are more than these.
    pub cut: bool,
}

/// Writes a rule's message.
pub fn preview(set: &RuleSet, rule: &Rule, sample: Sample, author: &Author, now: i64) -> Preview {
    let plan = Plan::of(rule);
    let sample = sample.completed(rule, now);
    let to = match (sample.kind, rule.policy.escalations.first()) {
        (Kind::Escalation, Some(next)) => To::Named(next.to.clone()),
        (Kind::Unknown, _) => To::Level(Level::Unknown),
        _ => To::Level(sample.level),
    };
    // Those who were told of the trouble hear of its end.
    let before = Call { id: String::new(), kind: Kind::Alert, level: sample.level, step: 1, value: None, at: sample.at, to: to.clone() };
    let call = Call { id: "example.1".to_owned(), kind: sample.kind, value: sample.value, ..before.clone() };
    let metric = sample.name.split('{').next().unwrap_or_default().to_owned();
    let mut alert = Alert { rule: rule.name.clone(), metric, tags: sample.tags, text: sample.text, ..Alert::default() };
    alert.state.since = sample.since;
    alert.channels = plan.receivers(&before, &alert);
    let (notice, wrong) = author.tried(&plan, &call, &alert);
    let mut names = plan.receivers(&call, &alert);
    names.sort();
    names.dedup();
    let cut = names.len() > CHANNELS_MAX;
    names.truncate(CHANNELS_MAX);
    let told = |name: String| {
        let shown = shown(&set.channels.get(&name)?.channel, &notice, &author.templates);
        let parts = shown.parts.into_iter().map(|(part, text)| (part, bounded(text))).collect();
        Some(Told { channel: name, kind: shown.kind, parts, wrong: shown.wrong })
    };
    let told = names.into_iter().filter_map(told).collect();
    Preview { notice, wrong, told, cut }
}

#[cfg(test)]
mod tests {
    use super::super::rule::file::{SourceFile, load};
    use super::*;

    const CHANNELS: &str = r#"
[notify.mail]
type = "email"
server = "mail.example.org"
from = "tsdb@example.org"
to = ["ops@example.org"]
[notify.log]
type = "file"
path = "x"
line = "{{ level }} {{ name }} {{ value | num }}"
[notify.page]
type = "http"
preset = "pagerduty"
key = "s3cret"
[notify.hook]
type = "http"
url = "https://user:s3cret@hook.example.org/s3cret"
headers = { Authorization = "s3cret" }
body = "{{ title }}"
[notify.broken]
type = "file"
path = "x"
line = "{{ level }} {{ tags.nosuch.field }}"
"#;

    fn shown(rule: &str, sample: &str) -> Preview {
        let text = format!("{CHANNELS}[rule.r]\nquery = \"sum:m{{host=*}}\"\njudge.critical = \"all(#1) > 1\"\n{rule}\n");
        let set = load(&[SourceFile { name: "r.toml".into(), text, channels: true }]);
        assert_eq!(set.faults, []);
        preview(&set, &set.rules["r"], serde_json::from_str(sample).unwrap(), &Author::default(), 1_700_000_000)
    }

    fn part<'p>(preview: &'p Preview, channel: &str, part: &str) -> &'p str {
        let told = preview.told.iter().find(|told| told.channel == channel).unwrap();
        told.parts.iter().find(|(name, _)| *name == part).map_or("", |(_, text)| text)
    }

    #[test]
    fn an_example_for_each_channel_and_no_secret() {
        let all = shown("notify = [\"mail\", \"log\", \"page\", \"hook\", \"broken\"]", "{}");
        let channels: Vec<&str> = all.told.iter().map(|told| told.channel.as_str()).collect();
        assert_eq!(channels, ["broken", "hook", "log", "mail", "page"]);
        assert_eq!(part(&all, "mail", "subject"), "CRITICAL: r m{host=example}");
        assert!(part(&all, "mail", "text").contains("nothing of this happened") && part(&all, "mail", "html").contains("<h2"));
        assert_eq!(part(&all, "log", "line"), "critical m{host=example} 42");
        assert_eq!((part(&all, "hook", "host"), part(&all, "hook", "body")), ("hook.example.org", "CRITICAL: r m{host=example}"));
        assert!(part(&all, "page", "body").contains("(key of the channel)"));
        assert!(!format!("{all:?}").contains("s3cret"), "{all:?}");
        let wrong = all.told[0].wrong.as_ref().unwrap();
        assert_eq!((wrong.field, wrong.error.line, wrong.error.column), ("line", Some(1), Some(20)), "{wrong}");
        assert!(all.told[0].parts.is_empty() && all.wrong.is_empty() && !all.cut);
    }

    #[test]
    fn the_event_of_a_test_and_templates_that_fail() {
        let sample = r#"{"kind": "recovery", "level": "critical", "name": "m{host=a}", "tags": {"host": "a"}, "value": 0.5, "text": "all(#1) > 1: 0.5", "at": 1600000600, "since": 1600000000}"#;
        let over = shown("notify.critical = [\"log\"]\nmessage.subject = \"{{ tags.host }} is well\"", sample);
        assert_eq!((over.notice.title.as_str(), over.notice.since, over.notice.at), ("a is well", 1_600_000_000, 1_600_000_600));
        assert_eq!(part(&over, "log", "line"), "normal m{host=a} 0.5");
        let bad = shown("notify = \"mail\"\nmessage.text = \"first\\n  {{ tags.nosuch.field }}\"\nnote = \"{{ 1 / 0 }}\"", "{}");
        let wrong: Vec<_> = bad.wrong.iter().map(|wrong| (wrong.field, wrong.error.line, wrong.error.column)).collect();
        assert_eq!(wrong, [("note", Some(1), Some(4)), ("message.text", Some(2), Some(10))], "{:?}", bad.wrong);
        assert!(part(&bad, "mail", "text").contains("(line 2, column 10: "), "what stands in is shown as it would be sent");
        let long =
            shown("notify = \"log\"\nmessage.text = \"{% for a in range(999) %}{% for b in range(999) %}x{% endfor %}{% endfor %}\"", "{}");
        assert!(long.wrong[0].error.text.contains("steps"), "{:?}", long.wrong);
    }

    #[test]
    fn who_is_told() {
        let channels = |rule: &str, sample: &str| shown(rule, sample).told.into_iter().map(|told| told.channel).collect::<Vec<_>>();
        let levels = "notify = { critical = [\"mail\"], warning = [\"log\"], unknown = [\"hook\"] }";
        assert_eq!(channels(levels, "{\"level\": \"warning\"}"), ["log"]);
        assert_eq!(channels(levels, "{\"kind\": \"recovery\", \"level\": \"warning\"}"), ["log"]);
        assert_eq!(channels(levels, "{\"kind\": \"unknown\", \"level\": \"unknown\"}"), ["hook"]);
        assert!(channels("", "{}").is_empty());
    }
}
