//! One rule, with everything that it inherits.

use super::super::calendar::{Hours, days_of, minute_of};
use super::super::expression::Expression;
use super::super::model::{Channel, Condition, Message, MetricQuery, Notify, Place, Rule, Schedule};
use super::super::scope::{Group, Scope};
use super::Loader;
use super::names::RuleNames;
use super::section::Section;
use super::tree::template_fault;
use crate::worker::alert::{Escalation, Flap, Level, NoData, Policy};
use crate::worker::notify::Names;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Reads one rule.
pub(super) struct Reader<'a> {
    pub loader: &'a Loader<'a>,
    pub name: &'a str,
    pub section: &'a Section<'a>,
    pub names: &'a RuleNames<'a>,
    pub groups: &'a BTreeMap<String, Arc<Group>>,
    pub channels: &'a BTreeMap<String, Arc<Channel>>,
}

/// Rules that it overrides, and where it says so.
type Overrides = Vec<(String, Place)>;

impl Reader<'_> {
    /// The rule. What is wrong is said; the caller leaves out a rule about which something was said.
    pub fn read(&self) -> Option<(Rule, Overrides)> {
        let s = self.section;
        let condition = self.condition();
        let query = self.query(condition.as_ref());
        let schedule = self.schedule(condition.as_ref());
        let policy = self.policy(&schedule);
        let overrides = s.texts("overrides").into_iter().flatten().map(|(text, place)| (text.text.clone(), place.clone())).collect();
        let rule = Rule {
            name: self.name.to_string(),
            place: s.place.clone(),
            enabled: s.bool("enabled").unwrap_or(true),
            note: self.template("note"),
            runbook: self.template("runbook"),
            query,
            scope: self.scope(),
            priority: s.whole("priority", 0..=6).and_then(|n| u8::try_from(n).ok()).unwrap_or(2),
            merge: s.duration("merge", Duration::ZERO),
            policy,
            depends: self.depends(),
            squelch: s.matches("squelch").unwrap_or_default(),
            notify: self.notify(),
            message: self.message(),
            labels: s.pairs("labels").unwrap_or_default(),
            schedule,
            // Taken last, so that everything else that is wrong is said, too.
            condition: match condition {
                Some(condition) => condition,
                None => {
                    s.finish();
                    return None;
                }
            },
        };
        s.finish();
        Some((rule, overrides))
    }

    fn query(&self, condition: Option<&Condition>) -> Option<MetricQuery> {
        let found = self.section.text("query");
        let Some((text, place)) = found else {
            if self.section.take("query").is_none() && condition.is_some_and(|c| !matches!(c, Condition::Expression { .. })) {
                self.section.wrong("expected query, the series that are judged, like query = \"avg:1m-avg:sys.cpu.user{host=*}\"");
            }
            return None;
        };
        if matches!(condition, Some(Condition::Expression { .. })) {
            self.section.faults.add(place, "query: an expression asks by itself, with q(…)");
            return None;
        }
        match metric_query(&text.text) {
            Ok(query) => Some(query),
            Err(message) => {
                self.section.faults.add(place, format!("query: {message}"));
                None
            }
        }
    }

    fn schedule(&self, condition: Option<&Condition>) -> Schedule {
        let s = self.section;
        let every = s.duration("every", SECOND).unwrap_or(MINUTE);
        let usual = match condition {
            // Twice what the points need, since some will be late.
            Some(Condition::Judge(judge)) => every.max(MINUTE) * 2 * u32::try_from(judge.remain() + 1).unwrap_or(u32::MAX),
            Some(Condition::Skyline(skyline)) => skyline.full_duration.unwrap_or(DAY),
            Some(Condition::NoData { after, .. }) => (*after * 10).max(HOUR),
            Some(Condition::Seasonal(seasonal)) => seasonal.width * 2,
            Some(Condition::Rise(sudden) | Condition::Fall(sudden)) => {
                every.max(MINUTE) * 2 * u32::try_from(sudden.recent + sudden.before).unwrap_or(u32::MAX)
            }
            Some(Condition::Forecast(forecast)) => forecast.span,
            Some(Condition::Expression { .. }) | None => every,
        };
        Schedule {
            every,
            delay: s.duration("delay", Duration::ZERO).unwrap_or(Duration::ZERO),
            window: s.duration("window", SECOND).unwrap_or(usual),
            active: self.active(),
        }
    }

    fn active(&self) -> Option<Hours> {
        self.section.take("active")?;
        hours(&self.section.table("active")?)
    }

    fn policy(&self, schedule: &Schedule) -> Policy {
        let s = self.section;
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let usual = Policy::default();
        let mut escalations: Vec<Escalation> = Vec::new();
        for step in s.tables("escalation").into_iter().flatten() {
            let (after, to) = (step.duration("after", SECOND), self.channel_names(&step, "notify"));
            match (after, to) {
                (Some(after), Some(to)) if !to.is_empty() => escalations.push(Escalation { after_s: seconds(after), to }),
                _ => step.wrong("expected after and notify, like { after = \"30m\", notify = [\"boss\"] }"),
            }
            step.finish();
        }
        escalations.sort_by_key(|step| step.after_s);
        let (unknown_after_s, no_data) = self.unknown().map_or((0, NoData::Keep), |(after, action)| (seconds(after), action));
        Policy {
            hold_s: s.duration("hold", Duration::ZERO).map_or(0, seconds),
            max_step: s.whole("max_step", 0..=1_000_000).and_then(|n| u32::try_from(n).ok()).unwrap_or(usual.max_step),
            min_interval_s: s.duration("min_interval", Duration::ZERO).map_or(usual.min_interval_s, seconds),
            every_s: seconds(schedule.every),
            unknown_after_s,
            no_data,
            recovery: s.bool("recovery").unwrap_or(true),
            auto_close: s.bool("close").unwrap_or(true),
            need_ack: s.bool("need_ack").unwrap_or(!escalations.is_empty()),
            escalations,
            flap: self.flap(),
            log_every_s: s.duration("log", Duration::ZERO).map(seconds),
        }
    }

    fn flap(&self) -> Option<Flap> {
        self.section.take("flap")?;
        let section = self.section.table("flap")?;
        let (changes, within, quiet) =
            (section.count("changes", 2..=64), section.duration("within", SECOND), section.duration("quiet", SECOND));
        section.finish();
        if section.take("changes").is_none() || section.take("within").is_none() {
            section.wrong("expected changes and within, like { changes = 5, within = \"30m\" }");
        }
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let within = within?;
        Some(Flap { changes: changes?, within_s: seconds(within), quiet_s: seconds(quiet.unwrap_or(within)) })
    }

    fn unknown(&self) -> Option<(Duration, NoData)> {
        self.section.take("unknown")?;
        let section = self.section.table("unknown")?;
        let after = section.duration("after", SECOND);
        if section.take("after").is_none() {
            section.wrong("expected after, the age of the last points of a group, like { after = \"10m\" }");
        }
        let words = [
            ("alert", NoData::Level(Level::Unknown)),
            ("critical", NoData::Level(Level::Critical)),
            ("warning", NoData::Level(Level::Warning)),
            ("ignore", NoData::Silent),
            ("normal", NoData::Normal),
            ("keep", NoData::Keep),
        ];
        let action = section.choice("action", &words).unwrap_or(NoData::Level(Level::Unknown));
        section.finish();
        Some((after?, action))
    }

    fn scope(&self) -> Scope {
        let groups = |key: &str| {
            let mut out = Vec::new();
            for (text, place) in self.section.texts(key).into_iter().flatten() {
                match self.groups.get(&text.text) {
                    Some(group) => out.push(group.clone()),
                    None => {
                        let near = super::near(&text.text, self.groups);
                        self.section.faults.add(place, format!("{key}: there is no group {:?}{near}", text.text));
                    }
                }
            }
            out
        };
        let (chosen, not) = (groups("groups"), groups("not_groups"));
        Scope { groups: chosen, not_groups: not, any: self.section.matches("match").unwrap_or_default(), except: Vec::new() }
    }

    fn depends(&self) -> Option<Expression> {
        let (text, place) = self.section.text("depends")?;
        let found = Expression::parse(&text.text, self.names).map(Arc::new);
        self.checked("depends", text, place, found).map(Arc::unwrap_or_clone)
    }

    /// A text that the message engine fills in.
    fn template(&self, key: &str) -> String {
        self.template_of(self.section, key)
    }

    fn template_of(&self, section: &Section, key: &str) -> String {
        let Some((text, place)) = section.text(key) else { return String::new() };
        let labels = self.section.pairs("labels").unwrap_or_default();
        if let Err(error) = self.loader.engine.check(&text.text, &Names { labels: Some(&labels), ..Names::default() }) {
            let (place, error) = template_fault(text, place, &error);
            section.faults.add(&place, format!("{key}: {error}"));
        }
        text.text.clone()
    }

    fn message(&self) -> Message {
        if self.section.take("message").is_none() {
            return Message::default();
        }
        let Some(section) = self.section.table("message") else { return Message::default() };
        let of = |key: &str| self.template_of(&section, key);
        let message = Message { subject: of("subject"), text: of("text"), html: of("html") };
        section.finish();
        message
    }

    fn channel_names(&self, section: &Section, key: &str) -> Option<Vec<String>> {
        let texts = section.texts(key)?;
        for (text, place) in &texts {
            // One that is there with a fault is said once, where it stands.
            let known = self.loader.all("notify").any(|(name, ..)| *name == text.text);
            if !known && !self.channels.contains_key(&text.text) {
                let near = super::near(&text.text, self.channels);
                section
                    .faults
                    .add(place, format!("there is no channel {:?}{near}; expected the NAME of a section [notify.NAME]", text.text));
            }
        }
        Some(texts.into_iter().map(|(text, _)| text.text.clone()).collect())
    }

    /// `notify = ["a"]` tells of everything; a table tells by level.
    fn notify(&self) -> Notify {
        let Some(tree) = self.section.take("notify") else { return Notify::default() };
        if !matches!(tree.value, super::tree::Value::Table(_)) {
            let all = self.channel_names(self.section, "notify").unwrap_or_default();
            return Notify { critical: all.clone(), warning: all.clone(), unknown: all, recovery: None };
        }
        let Some(section) = self.section.table("notify") else { return Notify::default() };
        let of = |key: &str| self.channel_names(&section, key);
        let (critical, warning) = (of("critical").unwrap_or_default(), of("warning").unwrap_or_default());
        let unknown = of("unknown").unwrap_or_else(|| critical.clone());
        let notify = Notify { critical, warning, unknown, recovery: of("recovery") };
        section.finish();
        notify
    }
}

/// An `m` query and the tags that tell its results apart.
pub(super) fn metric_query(text: &str) -> Result<MetricQuery, String> {
    let sub = crate::query::request::uri::metric_query(text).map_err(|error| error.to_string())?;
    let known = |name: &String| crate::query::request::names::aggregator(name).is_some() || name == "none";
    if let Some(name) = sub.aggregator.as_ref().filter(|name| !known(name)) {
        return Err(format!("there is no aggregator {name:?}"));
    }
    if let Some(spec) = &sub.downsample {
        crate::query::request::downsample::parse(spec).map_err(|error| error.to_string())?;
    }
    let mut keys: Vec<String> = sub.filters.iter().filter(|f| f.filter.group_by).map(|f| f.filter.tagk.clone()).collect();
    keys.dedup();
    Ok(MetricQuery { text: text.to_string(), keys, sub })
}

/// `{ from = "08:00", to = "20:00", days = ["mon-fri"], zone = "Europe/Berlin" }`.
pub(super) fn hours(section: &Section) -> Option<Hours> {
    let minute = |key: &str| {
        let Some((text, place)) = section.text(key) else {
            section.wrong(format!("expected {key}, a time of day like \"08:00\""));
            return None;
        };
        let found = minute_of(&text.text);
        if found.is_none() {
            section.faults.add(place, format!("{key}: expected a time of day like 08:00, found {:?}", text.text));
        }
        found
    };
    let (from, to) = (minute("from"), minute("to"));
    let mut days = Vec::new();
    for (text, place) in section.texts("days").into_iter().flatten() {
        match days_of(&text.text) {
            Some(found) => days.extend(found),
            None => section
                .faults
                .add(place, format!("days: expected mon, tue, wed, thu, fri, sat, sun or a range like mon-fri, found {:?}", text.text)),
        }
    }
    if days.is_empty() {
        days = days_of("mon-sun").unwrap_or_default();
    }
    let zone = zone(section)?;
    section.finish();
    Some(Hours { from: from?, to: to?, days, zone })
}

/// `zone`, or UTC.
pub(super) fn zone(section: &Section) -> Option<TimeZone> {
    let Some((text, place)) = section.text("zone") else { return Some(TimeZone::UTC) };
    match TimeZone::get(&text.text) {
        Ok(zone) => Some(zone),
        Err(_) => {
            section.faults.add(place, format!("zone: there is no time zone {:?}; expected a name like Europe/Berlin", text.text));
            None
        }
    }
}
