//! One check of one rule: its series are read through a [`House`], and each of its groups gets a verdict.
//!
//! Nothing is remembered here but what the caller hands in: which groups there were before is its business.

use super::alert::{Level, NoData, Policy, Verdict};
use super::asked;
use super::detect::{Catalogue, Detector, Finding, Limit, Scratch, Seasons, Settings, Sudden, Window};
use super::habits::Habits;
use super::house::{Ask, Found, House};
use super::records::{Tags, alert_id};
use super::rule::calendar::MaintenanceAction;
use super::rule::expression::{AlertStates, Context, EvaluateError, Expression, Source, SourceError, Value};
use super::rule::judge::Test;
use super::rule::model::{
    Condition, ForecastCondition, JudgeCondition, Rule, RuleSet, SeasonalCondition, SkylineCondition, SuddenCondition,
};
use std::collections::BTreeMap;

/// What one check says of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The metric, or the rule's name for an expression.
    pub metric: String,
    /// The group.
    pub tags: Tags,
    /// Its series, upper-case hex.
    pub tsuids: Vec<String>,
    /// What is said.
    pub verdict: Verdict,
    /// The condition and what was found, in words.
    pub text: String,
    /// What was asked for this group, unless it is normal.
    pub queries: Vec<String>,
}

/// Why a rule could not be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers: nothing is known of any group.
    #[error("{0}")]
    Away(String),
    /// The rule cannot be checked as it is: an unknown metric, a limit, texts that fit together in no way.
    #[error("{0}")]
    Rule(String),
}

impl From<SourceError> for Trouble {
    fn from(error: SourceError) -> Trouble {
        match error {
            SourceError::Away(why) => Trouble::Away(why),
            SourceError::Refused(why) => Trouble::Rule(why),
        }
    }
}

impl From<EvaluateError> for Trouble {
    fn from(error: EvaluateError) -> Trouble {
        match error {
            EvaluateError::Source { error: SourceError::Away(why), .. } => Trouble::Away(why),
            other => Trouble::Rule(other.to_string()),
        }
    }
}

/// What surrounds a check.
pub struct Check<'a> {
    /// Where series are read.
    pub house: &'a dyn House,
    /// All rules, for what they share.
    pub set: &'a RuleSet,
    /// Skyline's settings where a rule says nothing.
    pub skyline: &'a Settings,
    /// Earlier triggers, for rules with the second order.
    pub habits: &'a Habits,
    /// For `alert()` in expressions.
    pub alerts: Option<&'a dyn AlertStates>,
    /// Seconds since the epoch: the end of what is looked at.
    pub now: i64,
}

/// A level and what led to it.
struct Said {
    level: Option<Level>,
    value: Option<f64>,
    oldest: Option<i64>,
    text: String,
}

impl Check<'_> {
    /// Checks a rule: every group that is in the answer now.
    ///
    /// # Errors
    /// Nothing can be said of any group.
    pub fn run(&self, rule: &Rule) -> Result<Vec<Judged>, Trouble> {
        let mut judged = match &rule.condition {
            Condition::Expression { critical, warning, unjoined_ok } => {
                self.expressions(rule, critical.as_deref(), warning.as_deref(), *unjoined_ok)?
            }
            condition => self.series(rule, condition)?,
        };
        self.depends(rule, &mut judged)?;
        for one in &mut judged {
            if self.maintenance(&rule.name, &one.tags) == Some(MaintenanceAction::Skip) {
                one.verdict = Verdict::Unevaluated;
            }
            if matches!(one.verdict, Verdict::Decided { level, .. } if level != Level::Normal) {
                one.queries = asked::queries(rule, &one.tags);
            }
        }
        Ok(judged)
    }

    /// What maintenance windows of the rule files say of a group. Skipping goes before silence.
    pub fn maintenance(&self, rule: &str, tags: &Tags) -> Option<MaintenanceAction> {
        let covering = self.set.maintenance.values().filter(|window| window.covers(rule, tags, self.now));
        covering.map(|window| window.action).max_by_key(|action| *action == MaintenanceAction::Skip)
    }

    /// Whether nobody looks at a series.
    fn squelched(&self, rule: &Rule, tags: &Tags) -> bool {
        self.set.squelch.iter().chain(&rule.squelch).any(|one| one.holds(tags))
    }

    /// Groups for which the dependency is broken are not judged.
    fn depends(&self, rule: &Rule, judged: &mut [Judged]) -> Result<(), Trouble> {
        let Some(depends) = &rule.depends else { return Ok(()) };
        let source: &dyn Source = self.house;
        let results = depends.evaluate(&Context { alerts: self.alerts, ..Context::new(source, self.now) })?;
        let broken = |value: &Value| value.number().is_some_and(|number| number != 0.0 && !number.is_nan());
        let broken: Vec<&Tags> = results.items.iter().filter(|item| broken(&item.value)).map(|item| &item.group).collect();
        for one in judged {
            if broken.iter().any(|group| overlap(group, &one.tags)) {
                one.verdict = Verdict::Unevaluated;
            }
        }
        Ok(())
    }

    fn expressions(
        &self,
        rule: &Rule,
        critical: Option<&Expression>,
        warning: Option<&Expression>,
        ok: bool,
    ) -> Result<Vec<Judged>, Trouble> {
        let source: &dyn Source = self.house;
        let squelched = |tags: &Tags| self.squelched(rule, tags);
        let context = Context { unjoined_ok: ok, squelched: Some(&squelched), alerts: self.alerts, ..Context::new(source, self.now) };
        let mut groups: BTreeMap<Tags, (Level, f64, &str)> = BTreeMap::new();
        for (level, expression) in [(Level::Critical, critical), (Level::Warning, warning)] {
            let Some(expression) = expression else { continue };
            for item in expression.evaluate(&context)?.items {
                let Some(value) = item.value.number() else { continue };
                // NaN is not zero: it triggers.
                let now = if value == 0.0 { Level::Normal } else { level };
                let there = groups.entry(item.group).or_insert((now, value, expression.text()));
                if now > there.0 {
                    *there = (now, value, expression.text());
                }
            }
        }
        let covered = groups.into_iter().filter(|(tags, _)| rule.scope.covers(tags));
        let judged = |(tags, (level, value, text)): (Tags, (Level, f64, &str))| Judged {
            metric: rule.name.clone(),
            tags,
            tsuids: Vec::new(),
            verdict: Verdict::Decided { level, value: Some(value), at: self.now, oldest: None },
            text: format!("{text} = {}", number(value)),
            queries: Vec::new(),
        };
        Ok(covered.map(judged).collect())
    }

    fn series(&self, rule: &Rule, condition: &Condition) -> Result<Vec<Judged>, Trouble> {
        let Some(query) = &rule.query else {
            return Err(Trouble::Rule("the rule has no query".to_owned()));
        };
        let window = i64::try_from(rule.schedule.window.as_secs()).unwrap_or(i64::MAX);
        let (window, shift) = match condition {
            Condition::Seasonal(c) => (seconds(c.period).saturating_mul(c.count as i64).saturating_add(seconds(c.width)).max(window), 0),
            Condition::Skyline(c) => {
                (c.full_duration.map_or(self.skyline.full_duration as i64, seconds), self.skyline.roomba_grace_time as i64)
            }
            Condition::Forecast(c) => (seconds(c.span).max(window), 0),
            _ => (window, 0),
        };
        let range = (self.now.saturating_sub(window).saturating_sub(shift).max(0), self.now);
        let found = self.house.answer(&Ask { text: &query.text, sub: &query.sub, range })?;
        let mut judge = Judge::new(self, rule, condition)?;
        // A group whose last points lie before the window may still be in the answer, without a point: it is gone.
        let there = found.into_iter().filter(|found| !found.points.is_empty());
        let wanted = there.filter(|found| rule.scope.covers(&found.tags) && !self.squelched(rule, &found.tags));
        Ok(wanted.map(|found| judge.one(found)).collect())
    }
}

/// Groups overlap unless a tag that both have differs.
fn overlap(one: &Tags, other: &Tags) -> bool {
    one.iter().all(|(key, value)| other.get(key).is_none_or(|there| there == value))
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// A number for people: at most six digits behind the point, without zeros at the end.
pub fn number(value: f64) -> String {
    if !value.is_finite() || value != 0.0 && !(1e-4..1e15).contains(&value.abs()) {
        return format!("{value:e}").replace("e0", "");
    }
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A condition, ready for one series after the other.
struct Judge<'a> {
    rule: &'a str,
    condition: &'a Condition,
    habits: &'a Habits,
    now: i64,
    detector: Option<Detector>,
    scratch: Scratch,
    times: Vec<f64>,
    values: Vec<f64>,
}

impl<'a> Judge<'a> {
    fn new(check: &Check<'a>, rule: &'a Rule, condition: &'a Condition) -> Result<Judge<'a>, Trouble> {
        let detector = match condition {
            Condition::Skyline(c) => Some(detector(c, check.skyline)?),
            _ => None,
        };
        let (times, values) = (Vec::new(), Vec::new());
        let (rule, habits, now) = (rule.name.as_str(), check.habits, check.now);
        Ok(Judge { rule, condition, habits, now, detector, scratch: Scratch::default(), times, values })
    }

    fn one(&mut self, found: Found) -> Judged {
        let at = found.points.last().map_or(self.now, |(time, _)| *time);
        let said = if found.points.is_empty() { None } else { self.said(&found.tags, &found.points) };
        let (verdict, text) = match said {
            Some(Said { level: Some(level), value, oldest, text }) => (Verdict::Decided { level, value, at, oldest }, text),
            Some(Said { text, .. }) => (Verdict::Undecided, text),
            None => (Verdict::Undecided, "too few points".to_owned()),
        };
        Judged { metric: found.metric, tags: found.tags, tsuids: found.tsuids, verdict, text, queries: Vec::new() }
    }

    fn said(&mut self, group: &Tags, points: &[(i64, f64)]) -> Option<Said> {
        match self.condition {
            Condition::Judge(condition) => judged(condition, points),
            Condition::NoData { after, level } => {
                let age = self.now - points.last()?.0;
                let late = age >= seconds(*after);
                let level = if late { *level } else { Level::Normal };
                Some(Said {
                    level: Some(level),
                    value: points.last().map(|p| p.1),
                    oldest: None,
                    text: format!("the newest point is {age} s old"),
                })
            }
            Condition::Skyline(condition) => self.skyline(condition, group, points),
            Condition::Seasonal(condition) => Some(self.seasonal(condition, points)),
            Condition::Rise(condition) => Some(self.change(condition, points, true)),
            Condition::Fall(condition) => Some(self.change(condition, points, false)),
            Condition::Forecast(condition) => self.forecast(condition, points),
            Condition::Expression { .. } => None,
        }
    }

    fn columns(&mut self, points: &[(i64, f64)]) {
        self.times.clear();
        self.values.clear();
        self.times.extend(points.iter().map(|(time, _)| *time as f64));
        self.values.extend(points.iter().map(|(_, value)| *value));
    }

    fn skyline(&mut self, condition: &SkylineCondition, group: &Tags, points: &[(i64, f64)]) -> Option<Said> {
        self.columns(points);
        let detector = self.detector.as_ref()?;
        let window = Window { times: &self.times, values: &self.values };
        let bad = condition.level;
        let last = points.last().map(|p| p.1);
        Some(match detector.judge(window, self.now as f64, &mut self.scratch) {
            Err(skip) => Said { level: None, value: last, oldest: None, text: format!("not judged: {skip}") },
            Ok(judgement) => {
                let votes: Vec<&str> = judgement.triggered().collect();
                let mut text = match judgement.failure {
                    Some((name, why)) => format!("{name} could not be computed: {why}"),
                    None => format!("{} of {} say anomalous: {}", votes.len(), judgement.votes().count(), votes.join(", ")),
                };
                let news = !judgement.anomalous || !detector.settings().enable_second_order || {
                    let series = alert_id(self.rule, group).into_bytes();
                    self.habits.is_news(series, self.now, judgement.datapoint)
                };
                if !news {
                    text.push_str("; by habit, which is no news");
                }
                let level = if judgement.anomalous && news { bad } else { Level::Normal };
                Said { level: Some(level), value: Some(judgement.datapoint), oldest: None, text }
            }
        })
    }

    fn finding(&mut self, points: &[(i64, f64)], look: impl Fn(&mut super::detect::Sight<'_>) -> Finding) -> Finding {
        self.columns(points);
        let window = Window { times: &self.times, values: &self.values };
        let length = self.times.last().zip(self.times.first()).map_or(0.0, |(last, first)| last - first);
        look(&mut super::detect::Sight::new(window, self.now as f64, length, &mut self.scratch))
    }

    fn seasonal(&mut self, condition: &SeasonalCondition, points: &[(i64, f64)]) -> Said {
        let seasons = Seasons {
            width: condition.width.as_secs_f64(),
            least: condition.least,
            deviations: condition.deviations,
            relative: condition.relative,
            absolute: condition.absolute,
            ..Seasons::every(condition.period.as_secs_f64(), condition.count)
        };
        let finding = self.finding(points, |sight| seasons.judge(sight));
        let enough = finding.numbers.get("seasons").is_some_and(|found| found >= seasons.least as f64);
        let bad = finding.verdict == super::detect::Verdict::Anomalous;
        let level = enough.then_some(if bad { condition.level } else { Level::Normal });
        Said { level, value: finding.numbers.get("now"), oldest: None, text: shown(&finding) }
    }

    fn change(&mut self, condition: &SuddenCondition, points: &[(i64, f64)], rise: bool) -> Said {
        let SuddenCondition { recent, before, least, deviations, relative, absolute, level } = *condition;
        let sudden = Sudden { recent, before, least, deviations, relative, absolute };
        let finding = self.finding(points, |sight| if rise { sudden.rise(sight) } else { sudden.fall(sight) });
        let enough = finding.numbers.get("points").is_some_and(|points| points >= least as f64);
        let level = if finding.verdict == super::detect::Verdict::Anomalous { level } else { Level::Normal };
        Said { level: enough.then_some(level), value: finding.numbers.get("now"), oldest: None, text: shown(&finding) }
    }

    fn forecast(&mut self, condition: &ForecastCondition, points: &[(i64, f64)]) -> Option<Said> {
        self.columns(points);
        let span = condition.span.as_secs_f64();
        let limit = Limit { limit: condition.limit, falling: condition.falling, horizon: f64::INFINITY, span, fit: condition.fit };
        let window = Window { times: &self.times, values: &self.values };
        let mut sight = super::detect::Sight::new(window, self.now as f64, span, &mut self.scratch);
        let forecast = limit.forecast(&mut sight)?;
        let within = |time: Option<std::time::Duration>| {
            time.is_some_and(|time| forecast.seconds <= time.as_secs_f64() && (forecast.fit >= limit.fit || forecast.seconds == 0.0))
        };
        let level = if within(condition.critical) {
            Level::Critical
        } else if within(condition.warning) {
            Level::Warning
        } else {
            Level::Normal
        };
        Some(Said { level: Some(level), value: points.last().map(|p| p.1), oldest: None, text: forecast.to_string() })
    }
}

fn shown(finding: &Finding) -> String {
    let numbers: Vec<String> = finding.numbers.iter().map(|(name, value)| format!("{name} {}", number(value))).collect();
    numbers.join(", ")
}

fn judged(condition: &JudgeCondition, points: &[(i64, f64)]) -> Option<Said> {
    let mut said: Option<Said> = None;
    for (level, test) in [(Level::Critical, &condition.critical), (Level::Warning, &condition.warning)] {
        let Some(test) = test else { continue };
        let test: &Test = test;
        let Some((verdict, oldest)) = test.judge(points, condition.rate) else { continue };
        let level = if verdict.triggered { level } else { Level::Normal };
        if said.as_ref().is_none_or(|said| said.level < Some(level)) {
            let text = format!("{test}: {}", number(verdict.left));
            said = Some(Said { level: Some(level), value: Some(verdict.left), oldest: Some(oldest), text });
        }
    }
    said
}

/// A detector with the rule's settings over the worker's.
fn detector(condition: &SkylineCondition, defaults: &Settings) -> Result<Detector, Trouble> {
    let mut settings = defaults.clone();
    if let Some(algorithms) = &condition.algorithms {
        settings.algorithms.clone_from(algorithms);
    }
    settings.consensus = condition.consensus.unwrap_or(settings.consensus).min(settings.algorithms.len());
    settings.full_duration = condition.full_duration.map_or(settings.full_duration, |d| d.as_secs_f64());
    settings.stale_period = condition.stale_after.map_or(settings.stale_period, |d| d.as_secs_f64());
    settings.min_tolerable_length = condition.length_min.unwrap_or(settings.min_tolerable_length);
    settings.enable_second_order = condition.second_order.unwrap_or(settings.enable_second_order);
    Detector::new(settings, &Catalogue::default()).map_err(|e| Trouble::Rule(e.to_string()))
}

/// What the rule's policy says, with what the rule says elsewhere.
pub fn policy(rule: &Rule) -> Policy {
    let mut policy = rule.policy.clone();
    policy.every_s = seconds(rule.schedule.every).max(1);
    // A series that is gone has no new point: that is the very thing such a rule looks for.
    if let Condition::NoData { after, level } = &rule.condition {
        policy.no_data = NoData::Level(*level);
        policy.unknown_after_s = seconds(*after);
    }
    policy
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
