//! An expression over stored points, outside of any rule: at one moment, or at several for a picture of it.

use super::rule::expression::{Context, EvaluateError, Expression, ExpressionError, Points, Source, SourceError, Table, Tags, Type, Value};
use super::rule::model::RuleSet;
use std::collections::BTreeMap;

/// Moments of one trial, at most and if nothing is said.
pub const STEPS_MAX: usize = 200;
/// See [`STEPS_MAX`].
pub const STEPS: usize = 60;
/// Groups of one answer.
pub const GROUPS_MAX: usize = 1_000;
/// Points of one answer.
pub const ANSWER_POINTS_MAX: usize = 200_000;
/// Points that one moment may touch.
const POINTS_MOST: u64 = 20_000_000;

/// When an expression is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// The first second that is of interest; `None`: `end` alone.
    pub start: Option<i64>,
    /// The last moment, seconds.
    pub end: i64,
    /// Moments at most, at least 2.
    pub steps: usize,
}

impl Moments {
    /// In order of time; the last is `end`.
    fn all(self) -> Vec<i64> {
        let Some(start) = self.start.filter(|start| *start < self.end) else { return vec![self.end] };
        let gaps = i64::try_from(self.steps.clamp(2, STEPS_MAX) - 1).unwrap_or(1);
        let step = (self.end.saturating_sub(start) / gaps).max(1);
        let mut moments: Vec<i64> = (0..=gaps).map(|n| self.end.saturating_sub(n.saturating_mul(step))).filter(|at| *at >= start).collect();
        moments.reverse();
        moments
    }
}

/// What one group had.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The group; empty for what has none.
    pub tags: Tags,
    /// Its number at the end; `None`: it was gone then, or it is a series.
    pub value: Option<f64>,
    /// A text in place of a number.
    pub text: Option<String>,
    /// Milliseconds and values: of the series, or of the numbers from moment to moment.
    pub points: Points,
}

/// What a trial gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// Moments at which it was evaluated.
    pub moments: usize,
    /// Those at which it could not be, and why at the last of them.
    pub failed: usize,
    /// See `failed`.
    pub why: Option<String>,
    /// In the order that the expression gave them at the end; behind them those that were gone then.
    pub groups: Vec<Group>,
    /// There were more groups or points than are told.
    pub cut: bool,
    /// What `leftjoin` made.
    pub table: Option<Table>,
}

/// Why there is no trial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// Nobody answers, or not in time.
    #[error("{0}")]
    Away(String),
    /// It could not be evaluated at any moment.
    #[error("{message}")]
    Wrong {
        /// Of the function that could not.
        line: usize,
        /// Of the function that could not.
        column: usize,
        /// Why.
        message: String,
    },
}

impl From<EvaluateError> for TrialError {
    fn from(error: EvaluateError) -> TrialError {
        match error {
            EvaluateError::Source { error: SourceError::Away(why), .. } => TrialError::Away(why),
            EvaluateError::Source { line, column, error } => TrialError::Wrong { line, column, message: error.to_string() },
            EvaluateError::Values(ExpressionError { line, column, message, .. }) => TrialError::Wrong { line, column, message },
        }
    }
}

/// Evaluates an expression; `unjoined_ok` and what is squelched are as in a rule. What gives series or a table is looked at once, at
/// the end: a series is a picture already.
///
/// # Errors
/// Nobody answers, or it cannot be evaluated at any of the moments.
pub fn trial(
    source: &dyn Source,
    set: &RuleSet,
    expression: &Expression,
    unjoined_ok: bool,
    moments: Moments,
) -> Result<Trial, TrialError> {
    let squelched = |tags: &Tags| set.squelch.iter().any(|one| one.holds(tags));
    let once = !matches!(expression.gives(), Type::Number | Type::Scalar);
    let moments = if once { vec![moments.end] } else { moments.all() };
    let mut out = Trial { moments: moments.len(), ..Trial::default() };
    let mut kept = Kept { room: ANSWER_POINTS_MAX, ..Kept::default() };
    let mut last = None;
    for at in &moments {
        let context = Context { unjoined_ok, squelched: Some(&squelched), points_most: POINTS_MOST, ..Context::new(source, *at) };
        match expression.evaluate(&context).map_err(TrialError::from) {
            Ok(results) => {
                kept.newest.clear();
                results.items.into_iter().for_each(|item| kept.take(&mut out, item.group, item.value, (at * 1_000, moments.len() > 1)));
            }
            Err(TrialError::Away(why)) => return Err(TrialError::Away(why)),
            Err(wrong) => {
                (out.failed, out.why) = (out.failed + 1, Some(wrong.to_string()));
                kept.newest.clear();
                last = Some(wrong);
            }
        }
    }
    match last {
        Some(wrong) if out.failed == out.moments => Err(wrong),
        _ => {
            out.groups = kept.in_order();
            Ok(out)
        }
    }
}

/// Groups while moments are gone through.
#[derive(Default)]
struct Kept {
    groups: BTreeMap<Tags, Group>,
    /// Those of the newest moment, in its order.
    newest: Vec<Tags>,
    /// Points that may still be kept.
    room: usize,
}

impl Kept {
    /// Takes what a group had at a moment (milliseconds); whether there are several moments.
    fn take(&mut self, out: &mut Trial, tags: Tags, value: Value, (at, several): (i64, bool)) {
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&tags) {
            out.cut = true;
            return;
        }
        let (number, text, mut points) = match value {
            Value::Table(mut table) => {
                out.cut |= table.rows.len() > GROUPS_MAX;
                table.rows.truncate(GROUPS_MAX);
                out.table = Some(table);
                return;
            }
            Value::Series(points) => (None, None, points),
            Value::Text(text) => (None, Some(text), Vec::new()),
            Value::Scalar(number) | Value::Number(number) => (Some(number), None, if several { vec![(at, number)] } else { Vec::new() }),
        };
        if points.len() > self.room {
            // The newest points count.
            points.drain(..points.len() - self.room);
            out.cut = true;
        }
        self.room = self.room.saturating_sub(points.len());
        let group = self.groups.entry(tags.clone()).or_insert_with(|| Group { tags: tags.clone(), ..Group::default() });
        (group.value, group.text) = (number, text);
        group.points.extend(points);
        self.newest.push(tags);
    }

    fn in_order(mut self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.newest.iter().filter_map(|tags| self.groups.remove(tags)).collect();
        groups.extend(self.groups.into_values().map(|group| Group { value: None, ..group }));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::expression::{Answer, NoNames, Request};
    use super::*;

    /// Two hosts, one of which is there from 1,000 on; what each has is the second that is asked up to.
    struct Hosts;

    impl Source for Hosts {
        fn query(&self, request: &Request) -> Result<Vec<Answer>, SourceError> {
            let host = |name: &str| Answer {
                tags: Tags::from([("host".to_owned(), name.to_owned())]),
                points: vec![(request.end, request.end as f64)],
            };
            match request.query.metric.as_str() {
                "away" => Err(SourceError::Away("nobody answers".to_owned())),
                "none" => Err(SourceError::Refused("no such metric".to_owned())),
                "many" => Ok((0..GROUPS_MAX + 5).map(|n| host(&n.to_string())).collect()),
                "gone" if request.end > 900 => Ok(vec![host("b")]),
                _ => Ok(vec![host("b"), host("a")]),
            }
        }
    }

    fn run(text: &str, start: Option<i64>, end: i64, steps: usize) -> Result<Trial, String> {
        let expression = Expression::parse(text, &NoNames).unwrap_or_else(|error| unreachable!("{error}"));
        trial(&Hosts, &RuleSet::default(), &expression, false, Moments { start, end, steps }).map_err(|error| format!("{error:?}"))
    }

    /// Each group with its value and its points.
    fn check(text: &str, start: Option<i64>, want: &str) {
        let shown = |trial: Trial| {
            let group = |one: &Group| {
                let points: Vec<String> = one.points.iter().map(|(at, value)| format!("{at}:{value}")).collect();
                format!("{} {:?} {}", one.tags.values().cloned().collect::<String>(), one.value, points.join(" "))
            };
            trial.groups.iter().map(group).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(run(text, start, 1_000, 3).map_or_else(|error| error, shown), want, "{text}");
    }

    #[test]
    fn moments() {
        let check = |start, end, steps, want: &[i64]| assert_eq!(Moments { start, end, steps }.all(), want);
        check(None, 100, 60, &[100]);
        check(Some(100), 100, 60, &[100]);
        check(Some(0), 100, 3, &[0, 50, 100]);
        check(Some(0), 100, 4, &[1, 34, 67, 100]);
        check(Some(98), 100, 60, &[98, 99, 100]);
        check(Some(0), 100, 0, &[0, 100]);
        assert_eq!(Moments { start: Some(0), end: 1_000_000, steps: 1 << 40 }.all().len(), STEPS_MAX);
    }

    #[test]
    fn numbers_at_one_moment_and_at_several() {
        let q = r#"avg(q("sum:m{host=*}", "1m", ""))"#;
        check(q, None, "b Some(1000.0) ; a Some(1000.0) ");
        check(q, Some(800), "b Some(1000.0) 800000:800 900000:900 1000000:1000; a Some(1000.0) 800000:800 900000:900 1000000:1000");
        check("1 + 2", Some(800), " Some(3.0) 800000:3 900000:3 1000000:3");
        // Who is gone at the end comes last, without a number.
        check(
            r#"avg(q("sum:gone{host=*}", "1m", ""))"#,
            Some(800),
            "b Some(1000.0) 800000:800 900000:900 1000000:1000; a None 800000:800 900000:900",
        );
        // A series is a picture already: it is looked at once.
        check(r#"q("sum:m{host=*}", "1m", "")"#, Some(800), "b None 1000000:1000; a None 1000000:1000");
    }

    #[test]
    fn what_cannot_be_evaluated_is_told_with_its_place() {
        check(r#"1 + avg(q("sum:none{host=*}", "1m", ""))"#, None, r#"Wrong { line: 1, column: 9, message: "no such metric" }"#);
        check(r#"avg(q("sum:away{host=*}", "1m", ""))"#, Some(800), r#"Away("nobody answers")"#);
        // At some moments it can be: those are told.
        let some = run(r#"avg(dropg(q("sum:m{host=*}", "1m", ""), 900))"#, Some(800), 1_000, 3).unwrap_or_default();
        assert_eq!((some.moments, some.failed, some.groups.len()), (3, 1, 2), "{some:?}");
        assert!(some.why.is_some_and(|why| !why.is_empty()) && some.groups.iter().all(|group| group.value.is_none()));
    }

    #[test]
    fn answers_are_bounded() {
        let many = run(r#"avg(q("sum:many{host=*}", "1m", ""))"#, None, 1_000, 3).unwrap_or_default();
        assert_eq!((many.groups.len(), many.cut), (GROUPS_MAX, true));
        let points = run(r#"avg(q("sum:many{host=*}", "1m", ""))"#, Some(0), 100_000, STEPS_MAX).unwrap_or_default();
        assert!(points.cut && points.groups.iter().map(|group| group.points.len()).sum::<usize>() == ANSWER_POINTS_MAX);
    }
}
