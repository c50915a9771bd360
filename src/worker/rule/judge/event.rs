//! Events: a problem begins, is repeated, and ends, exactly as the original judge sends it.
//!
//! The worker's own alerts live by `Policy`; this is the state machine of open-falcon for who expects its events: the same
//! conditions, the same JSON, the same queue names. State is the last event of each id.

use super::{History, Operator, Test, Verdict, md5_hex};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the original's portal says about a strategy or an expression.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Number in the portal.
    pub id: i64,
    /// The metric.
    pub metric: String,
    /// Each must be a tag of the point.
    pub tags: BTreeMap<String, String>,
    /// The function, as text.
    pub function: String,
    /// The operator, as text.
    pub operator: String,
    /// The right value.
    pub right: f64,
    /// Most notices of one problem.
    pub max_step: i64,
    /// 0 to 6.
    pub priority: i64,
    /// For people.
    pub note: String,
    /// What it belongs to.
    pub owner: Owner,
}

/// A strategy belongs to a template, an expression stands for itself.
#[derive(Clone, Debug)]
pub enum Owner {
    /// A strategy's template.
    Template {
        /// Number in the portal.
        id: i64,
        /// Its name.
        name: String,
        /// The template that it inherits from, or 0.
        parent: i64,
        /// Who is told.
        action: i64,
        /// Who made it.
        creator: String,
    },
    /// An expression: each series with the tags is judged by itself, and `endpoint` counts as a tag.
    Expression {
        /// Who is told.
        action: i64,
    },
}

/// Whose point it is.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// The host.
    pub endpoint: &'a str,
    /// Of the point.
    pub tags: &'a BTreeMap<String, String>,
    /// When the point was measured, in seconds.
    pub timestamp: i64,
}

/// Problem or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The test triggers.
    Problem,
    /// It did, and does not any more.
    Ok,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Event {
    /// `s_ID_MD5` or `e_ID_MD5`.
    pub id: String,
    /// Problem, or its end.
    pub status: Status,
    /// The number that was compared.
    pub left: f64,
    /// Which notice of the problem it is, from 1.
    pub step: i64,
    /// The timestamp of the point.
    pub time: i64,
}

/// The last event of an id.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    status: Status,
    step: i64,
    time: i64,
}

impl Definition {
    /// The test that its texts mean. A function that does not parse refuses the definition.
    pub fn test(&self) -> Result<Test, super::FunctionError> {
        Ok(Test { function: super::Function::parse(&self.function)?, operator: Operator::of(&self.operator), right: self.right })
    }

    /// Whether a point with these tags is meant. For a strategy, the endpoint was chosen by its host groups already. An
    /// expression is found by its tags: one without any is never judged.
    pub fn matches(&self, item: &Item) -> bool {
        let expression = matches!(self.owner, Owner::Expression { .. });
        if expression && self.tags.is_empty() {
            return false;
        }
        self.tags.iter().all(|(key, value)| match item.tags.get(key) {
            _ if expression && key == "endpoint" && !item.tags.contains_key(key) => item.endpoint == value,
            found => found == Some(value),
        })
    }

    /// The id of the events of one series.
    pub fn event_id(&self, item: &Item) -> String {
        let letter = if matches!(self.owner, Owner::Expression { .. }) { 'e' } else { 's' };
        let mut name = format!("{}/{}", item.endpoint, self.metric);
        for (i, (key, value)) in item.tags.iter().enumerate() {
            let _ = write!(name, "{}{key}={value}", if i == 0 { '/' } else { ',' });
        }
        format!("{letter}_{}_{}", self.id, md5_hex(&name))
    }

    /// The queue in which the event is put, at its left end.
    pub fn queue(&self) -> String {
        format!("event:p{}", self.priority)
    }

    /// What is to be sent now, if anything. `now` is the wall clock and `min_interval` the least time from the last event,
    /// both in seconds. The caller keeps the event as the id's last one.
    pub fn step(&self, item: &Item, judged: Option<(Verdict, i64)>, last: Option<Last>, now: i64, min_interval: i64) -> Option<Event> {
        let (verdict, oldest) = judged?;
        let problem = last.filter(|last| last.status == Status::Problem);
        let (status, step) = match (verdict.triggered, problem) {
            (true, None) if self.max_step != 0 => (Status::Problem, 1),
            // No point counts for two notices, and they keep their distance.
            (true, Some(last)) if last.step < self.max_step && oldest > last.time && now - last.time >= min_interval => {
                (Status::Problem, last.step + 1)
            }
            (false, Some(_)) => (Status::Ok, 1),
            _ => return None,
        };
        Some(Event { id: self.event_id(item), status, left: verdict.left, step, time: item.timestamp })
    }

    /// The original's JSON. `None` when a number has none (NaN): then the original sends nothing.
    pub fn json(&self, event: &Event, item: &Item) -> Option<String> {
        let mut out = format!("{{\"id\":{}", text(&event.id));
        let head = format!(
            "{{\"id\":{},\"metric\":{},\"tags\":{},\"func\":{},\"operator\":{},\"rightValue\":{},\"maxStep\":{},\"priority\":{},\"note\":{}",
            self.id,
            text(&self.metric),
            map(&self.tags),
            text(&self.function),
            text(&self.operator),
            number(self.right)?,
            self.max_step,
            self.priority,
            text(&self.note)
        );
        let _ = match &self.owner {
            Owner::Template { id, name, parent, action, creator } => write!(
                out,
                ",\"strategy\":{head},\"tpl\":{{\"id\":{id},\"name\":{},\"parentId\":{parent},\"actionId\":{action},\"creator\":{}}}}},\"expression\":null",
                text(name),
                text(creator)
            ),
            Owner::Expression { action } => write!(out, ",\"strategy\":null,\"expression\":{head},\"actionId\":{action}}}"),
        };
        let _ = write!(
            out,
            ",\"status\":\"{}\",\"endpoint\":{},\"leftValue\":{},\"currentStep\":{},\"eventTime\":{},\"pushedTags\":{}}}",
            if event.status == Status::Problem { "PROBLEM" } else { "OK" },
            text(item.endpoint),
            number(event.left)?,
            event.step,
            event.time,
            map(item.tags)
        );
        Some(out)
    }
}

/// One definition over all its series: what the original's judge does with each point.
#[derive(Debug, Default)]
pub struct Judge {
    histories: BTreeMap<String, History>,
    last: BTreeMap<String, Last>,
}

impl Judge {
    /// Takes a point and says what is to be sent. `remain` points are kept a series. An event whose JSON does not exist is
    /// remembered like any other, as in the original.
    pub fn point(&mut self, of: &Definition, test: &Test, item: &Item, value: f64, at: Clock) -> Option<Event> {
        let id = of.event_id(item);
        let history = self.histories.entry(id.clone()).or_insert_with(|| History::new(at.remain));
        if !history.push(item.timestamp, value) || !of.matches(item) {
            return None;
        }
        let judged = history.judge(test, at.rate);
        let event = of.step(item, judged, self.last.get(&id).copied(), at.now, at.min_interval)?;
        self.last.insert(id, Last { status: event.status, step: event.step, time: event.time });
        Some(event)
    }
}

/// How the judge is set, and its wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Seconds.
    pub now: i64,
    /// Least seconds between two notices of a problem; the original's is 300.
    pub min_interval: i64,
    /// Points kept a series; the original keeps 11.
    pub remain: usize,
    /// COUNTER and DERIVE.
    pub rate: bool,
}

/// Go's JSON text: `<`, `>`, `&` and two line separators are escaped too.
fn text(plain: &str) -> String {
    let mut out = String::new();
    for c in serde_json::Value::from(plain).to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

fn map(tags: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = tags.iter().map(|(k, v)| format!("{}:{}", text(k), text(v))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// Go's JSON number: no exponent from 1e-6 up to 1e21.
fn number(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
        return Some(if value == 0.0 && value.is_sign_negative() { "-0".to_string() } else { format!("{value}") });
    }
    let short = format!("{value:e}");
    Some(if value.abs() >= 1e21 { short.replace('e', "e+") } else { short })
}
