//! The condition of a rule: one section of eight.

use super::super::expression::{Expression, ExpressionError, Type};
use super::super::judge::{Function, Operator, Test};
use super::super::model::{Condition, ForecastCondition, JudgeCondition, Place, SeasonalCondition, SkylineCondition, SuddenCondition};
use super::rule::Reader;
use super::section::Section;
use super::templates::CONDITIONS;
use super::tree::Text;
use crate::worker::alert::Level;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
pub(super) const LEVELS: [(&str, Level); 2] = [("warning", Level::Warning), ("critical", Level::Critical)];
/// Most points that a function of the judge may look at.
const JUDGE_POINTS_MOST: usize = 10_000;

impl Reader<'_> {
    pub fn condition(&self) -> Option<Condition> {
        let there: Vec<&str> = CONDITIONS.into_iter().filter(|kind| self.section.take(kind).is_some()).collect();
        let [kind] = there.as_slice() else {
            let list = CONDITIONS.join(", ");
            self.section.wrong(match there.as_slice() {
                [] => format!("the rule has no condition: expected a section of {list}, like [{}.judge]", self.section.name),
                _ => format!("the rule has several conditions, {}: expected one", there.join(" and ")),
            });
            return None;
        };
        let section = self.section.table(kind)?;
        let condition = match *kind {
            "judge" => judge(&section),
            "expression" => self.expressions(&section),
            "skyline" => skyline(&section),
            "nodata" => no_data(&section),
            "seasonal" => seasonal(&section),
            "forecast" => forecast(&section),
            "rise" => sudden(&section).map(Condition::Rise),
            _ => sudden(&section).map(Condition::Fall),
        };
        section.finish();
        condition
    }

    fn expressions(&self, section: &Section) -> Option<Condition> {
        let critical = self.expression(section, "critical");
        let warning = self.expression(section, "warning");
        if let (Some(a), Some(b)) = (&critical, &warning)
            && let (Ok(a), Ok(b)) = (a.keys(), b.keys())
            && a != b
        {
            let list = |keys: &Option<std::collections::BTreeSet<String>>| keys.iter().flatten().cloned().collect::<Vec<_>>().join(",");
            section.wrong(format!("expected the same tags of critical and warning, found {:?} and {:?}", list(a), list(b)));
        }
        if section.take("critical").is_none() && section.take("warning").is_none() {
            section.wrong("expected critical or warning");
        }
        let unjoined_ok = section.bool("unjoined_ok").unwrap_or(false);
        Some(Condition::Expression { critical, warning, unjoined_ok })
    }

    fn expression(&self, section: &Section, which: &'static str) -> Option<Arc<Expression>> {
        let (text, place) = section.text(which)?;
        let found = self.names.expression(self.name, which)?;
        self.checked(which, text, place, found)
    }

    /// An expression that gives numbers and whose texts are right.
    pub fn checked(
        &self,
        key: &str,
        text: &Text,
        place: &Place,
        found: Result<Arc<Expression>, ExpressionError>,
    ) -> Option<Arc<Expression>> {
        let faults = self.section.faults;
        let expression = match found {
            Ok(expression) => expression,
            Err(error) => {
                faults.add(&text.place(error.offset, place), message(text, &error));
                return None;
            }
        };
        let wrong = expression.faults();
        for error in &wrong {
            faults.add(&text.place(error.offset, place), message(text, error));
        }
        if !matches!(expression.gives(), Type::Number | Type::Scalar) {
            faults.add(
                place,
                format!(
                    "{key}: expected an expression that gives a number, not a {}; avg, max or last make one",
                    expression.gives().name()
                ),
            );
        }
        wrong.is_empty().then_some(expression)
    }
}

/// With line and column of the expression where those of the file are not known.
fn message(text: &Text, error: &ExpressionError) -> String {
    if text.inner.is_some() { error.message.clone() } else { format!("in the expression, {error}") }
}

fn judge(section: &Section) -> Option<Condition> {
    let test = |key: &str| {
        let (text, place) = section.text(key)?;
        match read_test(&text.text) {
            Ok(test) => Some(test),
            Err(message) => {
                section.faults.add(place, format!("{key}: {message}"));
                None
            }
        }
    };
    let (critical, warning) = (test("critical"), test("warning"));
    if section.take("critical").is_none() && section.take("warning").is_none() {
        section.wrong("expected critical or warning, like critical = \"all(#3) > 90\"");
    }
    let rate = section.choice("type", &[("gauge", false), ("counter", true), ("derive", true)]).unwrap_or(false);
    Some(Condition::Judge(JudgeCondition { critical, warning, rate }))
}

/// `all(#3) > 90`.
pub(super) fn read_test(text: &str) -> Result<Test, String> {
    let expected = || format!("expected FUNCTION OPERATOR NUMBER, like all(#3) > 90, found {text:?}");
    let (function, rest) = text.split_at(text.find(')').ok_or_else(expected)? + 1);
    let rest = rest.trim();
    let (operator, right) = rest.split_at(rest.find(|c| !"=!<>".contains(c)).unwrap_or(rest.len()));
    let (function, text) = (Function::parse(function.trim()).map_err(|e| e.to_string())?, function.trim());
    if function.to_string() != text {
        return Err(format!("expected {function}, found {text}"));
    }
    if !function.can_trigger() || function.points() > JUDGE_POINTS_MOST {
        return Err(format!("{function} can never trigger: expected numbers from 1 to {JUDGE_POINTS_MOST}, k no more than n for lookup"));
    }
    let operator = match Operator::of(operator) {
        Operator::Never => return Err(format!("expected an operator of = == != < <= > >=, found {operator:?}")),
        operator => operator,
    };
    let number = right.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let right = number.ok_or_else(|| format!("expected a number after the operator, found {:?}", right.trim()))?;
    Ok(Test { function, operator, right })
}

fn level(section: &Section, usual: Level) -> Level {
    section.choice("level", &LEVELS).unwrap_or(usual)
}

fn skyline(section: &Section) -> Option<Condition> {
    let known = crate::worker::detect::Catalogue::default();
    for (text, place) in section.texts("algorithms").into_iter().flatten() {
        if known.get(&text.text).is_none() {
            let near = crate::config::did_you_mean(&text.text, known.names());
            section.faults.add(place, format!("algorithms: there is no detector {:?}{near}", text.text));
        }
    }
    let algorithms = section.strings("algorithms");
    let consensus = section.count("consensus", 1..=1_000);
    if let (Some(names), Some(consensus)) = (&algorithms, consensus)
        && consensus > names.len()
    {
        section.wrong(format!("consensus: expected at most {}, the number of algorithms, found {consensus}", names.len()));
    }
    Some(Condition::Skyline(SkylineCondition {
        algorithms,
        consensus,
        full_duration: section.duration("full_duration", SECOND),
        stale_after: section.duration("stale_after", SECOND),
        length_min: section.count("length_min", 1..=1_000_000),
        second_order: section.bool("second_order"),
        level: level(section, Level::Warning),
    }))
}

fn no_data(section: &Section) -> Option<Condition> {
    let after = section.duration("after", SECOND);
    if section.take("after").is_none() {
        section.wrong("expected after, the age of the newest point, like after = \"5m\"");
    }
    Some(Condition::NoData { after: after?, level: level(section, Level::Critical) })
}

fn seasonal(section: &Section) -> Option<Condition> {
    Some(Condition::Seasonal(SeasonalCondition {
        period: section.duration("period", SECOND).unwrap_or(Duration::from_secs(86_400)),
        count: section.count("count", 1..=1_000).unwrap_or(7),
        width: section.duration("width", SECOND).unwrap_or(Duration::from_secs(300)),
        least: section.count("least", 1..=1_000).unwrap_or(3),
        deviations: section.size("deviations").unwrap_or(3.0),
        relative: section.size("relative").unwrap_or(0.1),
        absolute: section.size("absolute").unwrap_or(0.0),
        level: level(section, Level::Warning),
    }))
}

fn sudden(section: &Section) -> Option<SuddenCondition> {
    Some(SuddenCondition {
        recent: section.count("recent", 1..=100_000).unwrap_or(3),
        before: section.count("before", 1..=1_000_000).unwrap_or(60),
        least: section.count("least", 1..=1_000_000).unwrap_or(10),
        deviations: section.size("deviations").unwrap_or(6.0),
        relative: section.size("relative").unwrap_or(0.2),
        absolute: section.size("absolute").unwrap_or(0.0),
        level: level(section, Level::Warning),
    })
}

fn forecast(section: &Section) -> Option<Condition> {
    let limit = section.number("limit");
    if section.take("limit").is_none() {
        section.wrong("expected limit, the value that must not be reached");
    }
    let (critical, warning) = (section.duration("critical", SECOND), section.duration("warning", SECOND));
    if section.take("critical").is_none() && section.take("warning").is_none() {
        section.wrong("expected critical or warning, the time within which the limit is met, like critical = \"4h\"");
    }
    let fit = section.size("fit").unwrap_or(0.5);
    if fit > 1.0 {
        section.wrong(format!("fit: expected 0 to 1, found {fit}"));
    }
    Some(Condition::Forecast(ForecastCondition {
        limit: limit?,
        falling: section.bool("falling").unwrap_or(false),
        critical,
        warning,
        span: section.duration("span", SECOND).unwrap_or(Duration::from_secs(6 * 3_600)),
        fit,
    }))
}
