//! Trees to values: operators, joins of groups, and calls.

use super::library::{Call, Function, Takes};
use super::parse::{Node, Operator, What};
use super::value::{Item, Results, Tags, Value, contains};
use super::{Context, EvaluateError, Expression, ExpressionError};
use std::collections::VecDeque;

/// How deep rules may ask for other rules.
const ALERTS_DEEP: usize = 10;

/// What went wrong inside a function; where it stands is added outside.
pub(super) enum Fail {
    Message(String),
    Source(super::SourceError),
    /// Already complete.
    Done(EvaluateError),
}

impl From<String> for Fail {
    fn from(message: String) -> Fail {
        Fail::Message(message)
    }
}

impl From<super::SourceError> for Fail {
    fn from(error: super::SourceError) -> Fail {
        Fail::Source(error)
    }
}

impl From<EvaluateError> for Fail {
    fn from(error: EvaluateError) -> Fail {
        Fail::Done(error)
    }
}

/// An argument, as functions take it.
pub(super) enum Argument<'e> {
    Text(String),
    Scalar(f64),
    Set(Results),
    Expr(&'e Node),
}

/// The arguments of one call, taken from the front.
pub(super) struct Arguments<'e>(VecDeque<Argument<'e>>);

impl<'e> Arguments<'e> {
    pub fn set(&mut self) -> Result<Results, Fail> {
        match self.0.pop_front() {
            Some(Argument::Set(set)) => Ok(set),
            // Numbers alone stand for a set of one.
            Some(Argument::Scalar(v)) => Ok(Results::one(Value::Number(v))),
            _ => Err(Fail::Message("expected numbers or series".to_string())),
        }
    }

    pub fn text(&mut self) -> Result<String, Fail> {
        match self.0.pop_front() {
            Some(Argument::Text(text)) => Ok(text),
            _ => Err(Fail::Message("expected a text".to_string())),
        }
    }

    pub fn scalar(&mut self) -> Result<f64, Fail> {
        match self.0.pop_front() {
            Some(Argument::Scalar(v)) => Ok(v),
            _ => Err(Fail::Message("expected one number without a group".to_string())),
        }
    }

    pub fn expr(&mut self) -> Result<&'e Node, Fail> {
        match self.0.pop_front() {
            Some(Argument::Expr(node)) => Ok(node),
            _ => Err(Fail::Message("expected expr(…)".to_string())),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One evaluation.
pub(super) struct Evaluator<'a> {
    pub expression: &'a Expression,
    pub context: &'a Context<'a>,
    /// What `v()` is.
    pub v: f64,
    spent: u64,
    deep: usize,
}

pub(super) fn evaluate(expression: &Expression, context: &Context) -> Result<Results, EvaluateError> {
    Evaluator { expression, context, v: 0.0, spent: 0, deep: 0 }.walk(&expression.root)
}

impl<'a> Evaluator<'a> {
    fn wrong(&self, at: usize, message: String) -> EvaluateError {
        ExpressionError::at(&self.expression.text, at, message).into()
    }

    fn place(&self, at: usize, fail: Fail) -> EvaluateError {
        match fail {
            Fail::Done(error) => error,
            Fail::Message(message) => self.wrong(at, message),
            Fail::Source(error) => {
                let ExpressionError { line, column, .. } = ExpressionError::at(&self.expression.text, at, String::new());
                EvaluateError::Source { line, column, error }
            }
        }
    }

    /// Counts points against the bound.
    pub fn spend(&mut self, points: usize) -> Result<(), Fail> {
        self.spent += points as u64;
        if self.spent > self.context.points_most {
            return Err(Fail::Message(format!("this takes more than {} points", self.context.points_most)));
        }
        Ok(())
    }

    pub fn walk(&mut self, node: &'a Node) -> Result<Results, EvaluateError> {
        match &node.what {
            What::Number(v) => Ok(Results::one(Value::Scalar(*v))),
            What::Not(of) => self.unary(node.at, of, |v| if v == 0.0 { 1.0 } else { 0.0 }),
            What::Negative(of) => self.unary(node.at, of, |v| -v),
            What::Binary(operator, left, right) => {
                let left = self.walk(left)?;
                let right = self.walk(right)?;
                self.binary(*operator, &left, &right).map_err(|fail| self.place(node.at, fail))
            }
            What::Call(function, arguments) => {
                let arguments = self.arguments(function, arguments)?;
                self.call(function.call, arguments).map_err(|fail| self.place(node.at, fail))
            }
            What::Text(_) | What::Expr(_) => Err(self.wrong(node.at, "expected a number, a function or (".to_string())),
        }
    }

    fn unary(&mut self, at: usize, of: &'a Node, change: impl Fn(f64) -> f64) -> Result<Results, EvaluateError> {
        let mut set = self.walk(of)?;
        for item in &mut set.items {
            match &mut item.value {
                // NaN stays NaN without a group; a group's NaN is not zero, so that `!` makes it 0.
                Value::Scalar(v) if v.is_nan() => {}
                Value::Scalar(v) | Value::Number(v) => *v = change(*v),
                Value::Series(points) => points.iter_mut().for_each(|(_, v)| *v = change(*v)),
                Value::Text(_) | Value::Table(_) => return Err(self.wrong(at, "expected numbers or series".to_string())),
            }
        }
        Ok(set)
    }

    fn binary(&mut self, operator: Operator, left: &Results, right: &Results) -> Result<Results, Fail> {
        let mut out = Results {
            ignore_unjoined: left.ignore_unjoined || right.ignore_unjoined,
            ignore_other_unjoined: left.ignore_other_unjoined || right.ignore_other_unjoined,
            ..Results::default()
        };
        for (group, a, b) in self.union(left, right)? {
            let value = combine(operator, &a, &b).ok_or_else(|| "expected numbers or series on both sides".to_string())?;
            if let Value::Series(points) = &value {
                self.spend(points.len())?;
            }
            out.items.push(Item { group, value });
        }
        Ok(out)
    }

    /// Pairs of two sets: equal groups, no group with any, and a group with those that hold it. What has no partner is
    /// paired with NaN, or with the default of the other side, unless that is not wanted.
    pub fn union(&mut self, left: &Results, right: &Results) -> Result<Vec<(Tags, Value, Value)>, Fail> {
        let mut out = Vec::new();
        if left.items.is_empty() || right.items.is_empty() {
            return Ok(out);
        }
        self.spend(left.items.len().saturating_mul(right.items.len()))?;
        let mut joined = (vec![false; left.items.len()], vec![false; right.items.len()]);
        for (a, a_joined) in left.items.iter().zip(&mut joined.0) {
            for (b, b_joined) in right.items.iter().zip(&mut joined.1) {
                let group = match (a.group.len(), b.group.len()) {
                    (0, _) => &b.group,
                    (_, 0) => &a.group,
                    (x, y) if x >= y && contains(&a.group, &b.group) => &a.group,
                    (x, y) if x < y && contains(&b.group, &a.group) => &b.group,
                    _ => continue,
                };
                (*a_joined, *b_joined) = (true, true);
                out.push((group.clone(), a.value.clone(), b.value.clone()));
            }
        }
        if self.context.unjoined_ok {
            return Ok(out);
        }
        let alone = |set: &Results, joined: &[bool]| -> Vec<Item> {
            set.items.iter().zip(joined).filter(|(_, joined)| !**joined).map(|(item, _)| item.clone()).collect()
        };
        if !left.ignore_unjoined && !right.ignore_other_unjoined {
            let missing = Value::Number(right.missing.unwrap_or(f64::NAN));
            out.extend(alone(left, &joined.0).into_iter().map(|item| (item.group, item.value, missing.clone())));
        }
        if !right.ignore_unjoined && !left.ignore_other_unjoined {
            let missing = Value::Number(left.missing.unwrap_or(f64::NAN));
            out.extend(alone(right, &joined.1).into_iter().map(|item| (item.group, missing.clone(), item.value)));
        }
        Ok(out)
    }

    fn arguments(&mut self, function: &Function, nodes: &'a [Node]) -> Result<Arguments<'a>, EvaluateError> {
        let mut out = VecDeque::with_capacity(nodes.len());
        for (i, node) in nodes.iter().enumerate() {
            let takes = function.takes.get(function.many_from.map_or(i, |from| i.min(from)));
            let argument = match &node.what {
                What::Text(text) => Argument::Text(text.clone()),
                What::Expr(of) => Argument::Expr(of),
                _ => {
                    let mut set = self.walk(node)?;
                    let alone = set.items.len() == 1;
                    match set.items.first_mut().map(|item| &mut item.value) {
                        Some(Value::Scalar(v)) if alone => Argument::Scalar(*v),
                        Some(Value::Text(text)) if alone => Argument::Text(std::mem::take(text)),
                        _ => Argument::Set(set),
                    }
                }
            };
            out.push_back(match (argument, takes) {
                (Argument::Scalar(v), Some(Takes::Number | Takes::Any)) => Argument::Set(Results::one(Value::Number(v))),
                (argument, _) => argument,
            });
        }
        Ok(Arguments(out))
    }

    fn call(&mut self, call: Call, arguments: Arguments<'a>) -> Result<Results, Fail> {
        match call {
            Call::Query
            | Call::Change
            | Call::Count
            | Call::Band
            | Call::BandQuery
            | Call::Over
            | Call::OverQuery
            | Call::ShiftBand
            | Call::Window => self.fetch(call, arguments),
            Call::Alert => self.alert(arguments),
            Call::Map => self.map(arguments),
            Call::V => Ok(Results::one(Value::Number(self.v))),
            _ if super::reduce::of(call).is_some() => self.reduction(call, arguments),
            _ => self.on_sets(call, arguments),
        }
    }

    /// Another rule's expression. Groups that are unknown or were not evaluated count as triggered.
    fn alert(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (rule, which) = (arguments.text()?, arguments.text()?);
        let key = (rule, which);
        let found = self.expression.alerts.get(&key).ok_or_else(|| format!("there is no rule {:?}", key.0))?;
        if self.deep >= ALERTS_DEEP {
            return Err(format!("rules ask for each other more than {ALERTS_DEEP} deep").into());
        }
        let mut inner = Evaluator { expression: found, context: self.context, v: 0.0, spent: self.spent, deep: self.deep + 1 };
        let mut set = inner.walk(&found.root)?;
        self.spent = inner.spent;
        let Some(states) = self.context.alerts else { return Ok(set) };
        let (unknown, unevaluated) = states.unknown_and_unevaluated(&key.0);
        let all = unknown.into_iter().map(|g| (g, false)).chain(unevaluated.into_iter().map(|g| (g, true)));
        for (group, replace) in all {
            match set.items.iter_mut().find(|item| item.group == group) {
                Some(item) if replace => item.value = Value::Number(1.0),
                Some(_) => {}
                None => set.items.push(Item { group, value: Value::Number(1.0) }),
            }
        }
        Ok(set)
    }

    /// `expr(…)` for each point; `v()` is the point's value.
    fn map(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let mut set = arguments.set()?;
        let node = arguments.expr()?;
        for item in &mut set.items {
            let Value::Series(points) = &mut item.value else { return Err("map: expected series".to_string().into()) };
            self.spend(points.len())?;
            let mut out = Vec::with_capacity(points.len());
            for (time, value) in points.iter() {
                self.v = *value;
                let found = self.walk(node)?;
                let numbers: Option<Vec<f64>> = found.items.iter().map(|item| item.value.number()).collect();
                let numbers = numbers.ok_or_else(|| "map: the expression must give a number".to_string())?;
                out.extend(numbers.last().map(|v| (*time, *v)));
            }
            *points = out;
        }
        Ok(set)
    }
}

fn combine(operator: Operator, a: &Value, b: &Value) -> Option<Value> {
    Some(match (a, b) {
        (Value::Scalar(a), Value::Scalar(b)) => Value::Scalar(operate(operator, *a, *b)),
        (Value::Scalar(a) | Value::Number(a), Value::Scalar(b) | Value::Number(b)) => Value::Number(operate(operator, *a, *b)),
        (Value::Scalar(a) | Value::Number(a), Value::Series(b)) => {
            Value::Series(b.iter().map(|(t, b)| (*t, operate(operator, *a, *b))).collect())
        }
        (Value::Series(a), Value::Scalar(b) | Value::Number(b)) => {
            Value::Series(a.iter().map(|(t, a)| (*t, operate(operator, *a, *b))).collect())
        }
        (Value::Series(a), Value::Series(b)) => Value::Series(common(a, b).map(|(t, a, b)| (t, operate(operator, a, b))).collect()),
        _ => return None,
    })
}

/// The points of two series at the times that both have.
pub(super) fn common(a: &[(i64, f64)], b: &[(i64, f64)]) -> impl Iterator<Item = (i64, f64, f64)> {
    let mut others = b.iter().peekable();
    a.iter().filter_map(move |(t, a)| {
        while others.next_if(|(other, _)| other < t).is_some() {}
        others.next_if(|(other, _)| other == t).map(|(_, b)| (*t, *a, *b))
    })
}

/// One operator on two numbers. NaN on either side gives NaN, but for what the left side decides alone.
pub(super) fn operate(operator: Operator, a: f64, b: f64) -> f64 {
    match operator {
        // NaN is not zero either.
        Operator::Or if a != 0.0 => return 1.0,
        Operator::And if a == 0.0 => return 0.0,
        _ if a.is_nan() || b.is_nan() => return f64::NAN,
        _ => {}
    }
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match operator {
        Operator::Plus => a + b,
        Operator::Minus => a - b,
        Operator::Times => a * b,
        Operator::Divide => a / b,
        Operator::Modulo => a % b,
        Operator::Power => a.powf(b),
        Operator::Equal => truth(a == b),
        Operator::NotEqual => truth(a != b),
        Operator::Greater => truth(a > b),
        Operator::GreaterEqual => truth(a >= b),
        Operator::Less => truth(a < b),
        Operator::LessEqual => truth(a <= b),
        Operator::Or => truth(a != 0.0 || b != 0.0),
        Operator::And => truth(a != 0.0 && b != 0.0),
    }
}
