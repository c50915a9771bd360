//! What a rule file says, as types: everything here is checked, nothing here is text that may still turn out wrong.
//!
//! Durations are at least one second where a rule is timed by them. Names of rules are unique over all files. Who executes
//! a rule needs nothing but these types: the condition with its source, the schedule, the policy, and who is told.

use super::calendar::{Hours, Maintenance};
use super::expression::{Expression, Lookup, Names};
use super::judge;
use super::scope::{Group, Match, Scope};
use crate::query::request::SubRequest;
use crate::worker::alert::{Level, Policy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// All rules of all files, and what they share.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// By name. Rules with a fault are not here.
    pub rules: BTreeMap<String, Arc<Rule>>,
    /// Metrics made over the members of a group, by name.
    pub clusters: BTreeMap<String, Arc<Cluster>>,
    /// Where notices go, by name.
    pub channels: BTreeMap<String, Arc<Channel>>,
    /// When nothing is told, and about what, by name.
    pub maintenance: BTreeMap<String, Maintenance>,
    /// Tables that expressions look into, by name.
    pub lookups: BTreeMap<String, Arc<Lookup>>,
    /// Series that no rule looks at.
    pub squelch: Vec<Match>,
    /// What was wrong, in the order of files and lines. What is named here is left out above; the rest goes on.
    pub faults: Vec<Fault>,
}

/// What an expression beside the rules may name.
impl Names for RuleSet {
    fn alert(&self, rule: &str, which: &str) -> Result<Arc<Expression>, String> {
        let Some(found) = self.rules.get(rule) else { return Err(format!("there is no rule {rule:?}")) };
        let expression = match (&found.condition, which) {
            (Condition::Expression { critical, .. }, "crit" | "critical") => critical,
            (Condition::Expression { warning, .. }, "warn" | "warning") => warning,
            (Condition::Expression { .. }, other) => return Err(format!("{other:?}: expected \"crit\" or \"warn\"")),
            _ => &None,
        };
        expression.clone().ok_or_else(|| format!("the rule {rule:?} has no such expression"))
    }

    fn lookup(&self, table: &str) -> Option<Arc<Lookup>> {
        self.lookups.get(table).cloned()
    }
}

/// Where something stands in a rule file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as it was named to the loader; for a rule stored in the table, its key there.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong in a rule file. Shown as `file:line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What was found, and what was expected.
    pub message: String,
}

/// What is looked at, when, what must hold, and who is told.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique over all files.
    pub name: String,
    /// Where the rule begins.
    pub place: Place,
    /// False: nothing is evaluated, and open alerts stay as they are.
    pub enabled: bool,
    /// What a person reads first; a template of the message engine. Empty when not given.
    pub note: String,
    /// What to do, or where it is written; a template of the message engine. Empty when not given.
    pub runbook: String,
    /// The series that are judged. `None` for a condition that queries by itself (expressions).
    pub query: Option<MetricQuery>,
    /// Which of the source's series are meant.
    pub scope: Scope,
    /// What must hold.
    pub condition: Condition,
    /// When.
    pub schedule: Schedule,
    /// 0 to 6; 0 is the most urgent.
    pub priority: u8,
    /// Notices are collected with others so long. `None`: as the priority says, low ones are collected.
    pub merge: Option<Duration>,
    /// How the alert lives; groups that are gone are in it, too.
    pub policy: Policy,
    /// Groups for which this is not zero are left as they were: no evaluation, no notice. NaN does not count.
    pub depends: Option<Expression>,
    /// Series that this rule does not look at, besides those of the whole set.
    pub squelch: Vec<Match>,
    /// Who is told.
    pub notify: Notify,
    /// What the notices say, where it is not the usual.
    pub message: Message,
    /// Free pairs for message templates and searches.
    pub labels: BTreeMap<String, String>,
}

/// An OpenTSDB `m` query.
#[derive(Clone, Debug)]
pub struct MetricQuery {
    /// As it stands in the file: what `m=` of `/api/query` takes.
    pub text: String,
    /// The same, parsed.
    pub sub: SubRequest,
    /// The tag keys that tell its results apart.
    pub keys: Vec<String>,
}

/// What must hold for an alert.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A function of open-falcon's over the last points.
    Judge(JudgeCondition),
    /// Expressions that are not zero. NaN triggers too. Critical hides warning for the same group.
    Expression {
        /// Not zero: critical.
        critical: Option<Arc<Expression>>,
        /// Not zero: warning.
        warning: Option<Arc<Expression>>,
        /// Groups that one side of an operator lacks are left out and not NaN.
        unjoined_ok: bool,
    },
    /// Enough of the nine detectors call the end of the series strange.
    Skyline(SkylineCondition),
    /// A series that was there has no new point.
    NoData {
        /// Age of the newest point.
        after: Duration,
        /// The level then.
        level: Level,
    },
    /// The end differs from the same time of earlier days or weeks.
    Seasonal(SeasonalCondition),
    /// A sudden rise.
    Rise(SuddenCondition),
    /// A sudden fall.
    Fall(SuddenCondition),
    /// A line through the window reaches a limit soon.
    Forecast(ForecastCondition),
}

/// A judge function with one or two limits.
#[derive(Clone, Debug)]
pub struct JudgeCondition {
    /// Triggers critical.
    pub critical: Option<judge::Test>,
    /// Triggers warning.
    pub warning: Option<judge::Test>,
    /// Judge the rate between points, not the values: open-falcon's COUNTER and DERIVE.
    pub rate: bool,
}

impl JudgeCondition {
    /// How many points must be kept so that each function can have enough.
    pub fn remain(&self) -> usize {
        let points = |t: &judge::Test| t.function.points() + usize::from(self.rate);
        self.critical.iter().chain(&self.warning).map(points).max().unwrap_or(0)
    }
}

/// Skyline's consensus for one rule. What is `None` is as the settings of the worker say.
#[derive(Clone, Debug)]
pub struct SkylineCondition {
    /// Names of the detectors that vote.
    pub algorithms: Option<Vec<String>>,
    /// How many must agree.
    pub consensus: Option<usize>,
    /// What is looked at.
    pub full_duration: Option<Duration>,
    /// Age of the newest point after which a series is stale.
    pub stale_after: Option<Duration>,
    /// Fewer points are too few.
    pub length_min: Option<usize>,
    /// Check against the intervals of earlier triggers.
    pub second_order: Option<bool>,
    /// The level of an anomaly.
    pub level: Level,
}

/// The newest points against the same time of earlier seasons.
#[derive(Clone, Debug, PartialEq)]
pub struct SeasonalCondition {
    /// Length of a season: a day, a week.
    pub period: Duration,
    /// How many seasons back are compared.
    pub count: usize,
    /// Points of this length up to a moment are averaged.
    pub width: Duration,
    /// Fewest earlier moments with points.
    pub least: usize,
    /// It lies more than so many standard deviations from the earlier moments, …
    pub deviations: f64,
    /// … further than this part of their median, …
    pub relative: f64,
    /// … and further than this, in the unit of the series.
    pub absolute: f64,
    /// The level then.
    pub level: Level,
}

/// A jump between the newest points and those just before them.
#[derive(Clone, Debug, PartialEq)]
pub struct SuddenCondition {
    /// So many newest points are the present.
    pub recent: usize,
    /// So many points before them are the past.
    pub before: usize,
    /// Fewest points of the past.
    pub least: usize,
    /// It lies more than so many standard deviations from the past, …
    pub deviations: f64,
    /// … further than this part of its median, …
    pub relative: f64,
    /// … and further than this, in the unit of the series.
    pub absolute: f64,
    /// The level then.
    pub level: Level,
}

/// When a line through the last points meets a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastCondition {
    /// The limit.
    pub limit: f64,
    /// It lies below the series (free bytes), not above it (used bytes).
    pub falling: bool,
    /// Critical when met within this time.
    pub critical: Option<Duration>,
    /// Warning when met within this time.
    pub warning: Option<Duration>,
    /// The line goes through the points of this length.
    pub span: Duration,
    /// It must explain at least this part of the movement, 0 to 1.
    pub fit: f64,
}

/// When a rule is evaluated and how far it looks back.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Between two evaluations.
    pub every: Duration,
    /// How long late points are waited for: the evaluation at T looks at what was before T - delay.
    pub delay: Duration,
    /// How far back the query of the rule reaches.
    pub window: Duration,
    /// Only then; always when `None`. Outside, an open alert stays open.
    pub active: Option<Hours>,
}

/// Names of channels by what is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notify {
    /// For critical alerts.
    pub critical: Vec<String>,
    /// For warnings.
    pub warning: Vec<String>,
    /// For unknown groups.
    pub unknown: Vec<String>,
    /// For recoveries; when `None`, those that were told of the alert.
    pub recovery: Option<Vec<String>>,
}

impl Notify {
    /// Every channel that is named, once.
    pub fn names(&self) -> std::collections::BTreeSet<&str> {
        let lists = [&self.critical, &self.warning, &self.unknown].into_iter().chain(&self.recovery);
        lists.flatten().map(String::as_str).collect()
    }
}

/// Templates of the message engine that stand in for the usual texts. Empty: the usual.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML, for mail.
    pub html: String,
}

/// A metric made over the members of a group: numerator / denominator over all members that have every value.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Unique over all files.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// Whose series count.
    pub group: Arc<Group>,
    /// The tag key whose values are the members.
    pub member: String,
    /// Above the line.
    pub numerator: super::cluster::Side,
    /// Below the line.
    pub denominator: super::cluster::Side,
    /// The metric that is written.
    pub metric: String,
    /// Its tags; at least one.
    pub tags: BTreeMap<String, String>,
    /// How often. A member whose newest value is older than twice this has no value.
    pub every: Duration,
    /// False: not evaluated.
    pub enabled: bool,
}

/// A way to tell somebody: `[notify.NAME]`.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Unique over all files.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// How; checked.
    pub channel: crate::worker::notify::Channel,
}
