//! Bosun's expression language: queries, reductions and arithmetic over groups of series.
//!
//! ```text
//! avg(q("avg:1m-avg:sys.cpu{host=*}", "15m", "")) > 90
//! ```
//!
//! | step | file |
//! | --- | --- |
//! | letters to tokens | `lex.rs` |
//! | tokens to a tree with types and tags | `parse.rs`, `keys.rs`, `library.rs` |
//! | tree to values | `evaluate.rs`, `fetch.rs`, `reduce.rs`, `group.rs`, `sets.rs` |
//!
//! Values come from a [`Source`]; nothing here reads a clock or a table. Texts, depth and points are bounded.
//! Source of the rules: Bosun's language and its original, kit `bosun/expr`.

mod duration;
mod evaluate;
mod fetch;
mod group;
mod keys;
mod lex;
mod library;
mod lookup;
mod parse;
mod query;
mod reduce;
mod sets;
mod value;

pub use lookup::{Lookup, LookupEntry};
pub use parse::{DEPTH_MOST, TEXT_MOST};
pub use query::{Filter, Query, RateOptions, Request};
pub use value::{Cell, Item, Points, Results, Table, Tags, Type, Value, group_text};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// What is wrong with an expression, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ExpressionError {
    /// In bytes.
    pub offset: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What was found, and what was expected.
    pub message: String,
}

impl ExpressionError {
    fn at(text: &str, offset: usize, message: String) -> ExpressionError {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        ExpressionError { offset, line, column, message }
    }
}

/// Nanoseconds of a duration like `1h30m`; may be negative. The error says what was expected.
pub fn duration_nanos(text: &str) -> Result<i64, String> {
    duration::parse(text)
}

/// Every function, by name: for editors and descriptions.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    library::FUNCTIONS.iter().map(|function| function.name)
}

/// Why a query gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Nobody answers, or not in time: nothing is known about the series.
    #[error("{0}")]
    Away(String),
    /// The query was refused: an unknown metric, a limit.
    #[error("{0}")]
    Refused(String),
}

/// One series of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Tags that all its series share.
    pub tags: Tags,
    /// Seconds since the epoch and values, oldest first.
    pub points: Vec<(i64, f64)>,
}

/// Where values come from.
pub trait Source: Sync {
    /// The series of a query over start to end, both inside. Series without points may be left out.
    fn query(&self, request: &Request) -> Result<Vec<Answer>, SourceError>;

    /// All known values of a tag key, for `lookup`.
    fn tag_values(&self, key: &str) -> Result<Vec<String>, SourceError> {
        Err(SourceError::Refused(format!("the values of tag {key} are not known here")))
    }
}

/// What an expression may name besides functions.
pub trait Names {
    /// The expression of another rule, `crit` or `warn`; or why there is none.
    fn alert(&self, rule: &str, which: &str) -> Result<Arc<Expression>, String>;
    /// A lookup table.
    fn lookup(&self, table: &str) -> Option<Arc<Lookup>>;
}

/// No other rules and no tables.
pub struct NoNames;

impl Names for NoNames {
    fn alert(&self, rule: &str, _: &str) -> Result<Arc<Expression>, String> {
        Err(format!("there is no rule {rule:?} with an expression"))
    }

    fn lookup(&self, _: &str) -> Option<Arc<Lookup>> {
        None
    }
}

/// Groups of another rule that count as triggered though its expression may not say so.
pub trait AlertStates: Sync {
    /// Unknown groups, and groups that were not evaluated.
    fn unknown_and_unevaluated(&self, rule: &str) -> (Vec<Tags>, Vec<Tags>);
}

/// What surrounds an evaluation.
pub struct Context<'a> {
    /// Where values come from.
    pub source: &'a dyn Source,
    /// Seconds since the epoch: what "ago" counts from.
    pub now: i64,
    /// Groups that one side of an operator lacks are left out, and not NaN.
    pub unjoined_ok: bool,
    /// Series that are not looked at.
    pub squelched: Option<&'a (dyn Fn(&Tags) -> bool + Sync)>,
    /// For `alert`.
    pub alerts: Option<&'a dyn AlertStates>,
    /// Most points that may be touched.
    pub points_most: u64,
}

/// Most points that an evaluation may touch, if nothing else is said.
pub const POINTS_MOST: u64 = 100_000_000;

impl<'a> Context<'a> {
    /// With nothing squelched and the usual bounds.
    pub fn new(source: &'a dyn Source, now: i64) -> Context<'a> {
        Context { source, now, unjoined_ok: false, squelched: None, alerts: None, points_most: POINTS_MOST }
    }
}

/// Why an evaluation gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A query gave nothing.
    #[error("line {line}, column {column}: {error}")]
    Source {
        /// Of the function that asked.
        line: usize,
        /// Of the function that asked.
        column: usize,
        /// Why.
        error: SourceError,
    },
    /// The values did not fit the expression.
    #[error(transparent)]
    Values(#[from] ExpressionError),
}

/// A parsed expression, ready to be evaluated any number of times.
#[derive(Clone, Debug)]
pub struct Expression {
    text: Arc<str>,
    root: parse::Node,
    keys: Result<Option<BTreeSet<String>>, ExpressionError>,
    alerts: BTreeMap<(String, String), Arc<Expression>>,
    lookups: BTreeMap<String, Arc<Lookup>>,
}

impl Expression {
    /// Parses a text. Types must fit, and tags of both sides of an operator.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Expression, ExpressionError> {
        let root = parse::parse(text, names)?;
        let keys = match root.keys(names) {
            None => Ok(None),
            Some(Ok(keys)) => Ok(Some(keys)),
            Some(Err((at, message))) => Err(ExpressionError::at(text, at, message)),
        };
        let mut expression = Expression { text: text.into(), root, keys, alerts: BTreeMap::new(), lookups: BTreeMap::new() };
        expression.bind(names)?;
        Ok(expression)
    }

    /// Finds the rules and tables that it names.
    fn bind(&mut self, names: &dyn Names) -> Result<(), ExpressionError> {
        let mut nodes = Vec::new();
        self.root.visit(&mut |node| nodes.extend(node.named()));
        for (at, named) in nodes {
            let wrong = |message: String| ExpressionError::at(&self.text, at, message);
            match named {
                parse::Named::Alert(rule, which) => {
                    let found = names.alert(&rule, &which).map_err(wrong)?;
                    self.alerts.insert((rule, which), found);
                }
                parse::Named::Lookup(table) => {
                    let found = names.lookup(&table).ok_or_else(|| wrong(format!("there is no lookup table {table:?}")))?;
                    self.lookups.insert(table, found);
                }
            }
        }
        Ok(())
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it gives.
    pub fn gives(&self) -> Type {
        self.root.gives
    }

    /// The tag keys of its groups; `None` when it has no groups. An error when the texts that decide it are wrong.
    pub fn keys(&self) -> &Result<Option<BTreeSet<String>>, ExpressionError> {
        &self.keys
    }

    /// Texts of it that are queries, as they are written.
    pub fn queries(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.root.visit(&mut |node| found.extend(node.literal().filter(|text| Query::parse(text).is_ok()).map(str::to_owned)));
        found
    }

    /// What would fail whenever it is evaluated, though it parses: texts that are no queries or no durations.
    pub fn faults(&self) -> Vec<ExpressionError> {
        let mut faults: Vec<_> = self.keys.as_ref().err().into_iter().cloned().collect();
        self.root.visit(&mut |node| {
            faults.extend(node.faults().into_iter().map(|(at, message)| ExpressionError::at(&self.text, at, message)));
        });
        faults.sort_by_key(|fault| fault.offset);
        faults.dedup_by_key(|fault| fault.offset);
        faults
    }

    /// Its value now.
    pub fn evaluate(&self, context: &Context) -> Result<Results, EvaluateError> {
        evaluate::evaluate(self, context)
    }
}
