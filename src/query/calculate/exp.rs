//! Runs `/api/query/exp`.

use super::Allowed;
use super::names::Names;
use crate::point::java_map;
use crate::query::engine::{Cancel, Engine, QueryError};
use crate::query::expression::join::{Joined, Side};
use crate::query::expression::parse::Parsed;
use crate::query::expression::program::Program;
use crate::query::expression::series::{Id, Labels, Series, Table};
use crate::query::expression::walk::{Input, Source, compute, tabulate};
use crate::query::expression::{ExpressionError, graph};
use crate::query::request::exp::{ExpPlan, ExpRequest, Expression, fill_value};
use crate::uid::{UidKind, Uids};
use std::collections::{BTreeSet, HashMap};

/// All that is shown.
#[derive(Clone, Debug, Default)]
pub struct ExpAnswer {
    /// First and last instant of the question, in milliseconds.
    pub range: (i64, i64),
    /// In the order in which they were asked for.
    pub outputs: Vec<ExpOutput>,
}

/// One metric or expression.
#[derive(Clone, Debug, Default)]
pub struct ExpOutput {
    /// The variable.
    pub id: String,
    /// Another name for it.
    pub alias: Option<String>,
    /// Its values.
    pub table: Table,
    /// The metrics in it, in the order of their names.
    pub metrics: Vec<String>,
    /// What each column is called.
    pub columns: Vec<Column>,
    /// Of an expression: only the question's range is shown. A metric shows all that was read (`exp/metrics-shifted`).
    pub is_expression: bool,
}

/// The tags that a column's series have in common, and the keys of those that they lost.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Column {
    pub tags: Vec<(String, String)>,
    pub aggregated: Vec<String>,
}

/// One metric's series.
struct Fetched {
    series: Vec<Series>,
    /// What those with points are called, which come first: the others cannot be joined.
    labels: Vec<Labels>,
    query_tags: BTreeSet<Id>,
}

impl Fetched {
    fn full(&self) -> &[Series] {
        self.series.get(..self.labels.len()).unwrap_or_default()
    }
}

/// Fetches the metrics, computes the expressions and gives out what was asked for.
pub fn exp(engine: &Engine, uids: &Uids, request: &ExpRequest, plan: &ExpPlan, cancel: &Cancel) -> Result<ExpAnswer, QueryError> {
    let work = engine.work(cancel);
    let range = (plan.query.start_ms, plan.query.end_ms);
    let names = Names(uids);
    let mut metrics = Vec::with_capacity(request.metrics.len());
    let asked: Vec<_> = plan.query.subs.iter().map(|sub| (range, sub)).collect();
    for (sub, groups) in plan.query.subs.iter().zip(work.all_read(&asked)?) {
        let mut series = Vec::new();
        for group in groups.into_iter().filter(|group| !group.tsuids.is_empty()) {
            series.push(Series { labels: names.labels(&group)?, points: group.points });
        }
        // The empty ones go to the end, where nobody looks for them.
        series.sort_by_key(|series| series.points.is_empty());
        let full = series.iter().take_while(|series| !series.points.is_empty());
        let labels = full.map(|series| series.labels.clone()).collect();
        let keys = sub.filters.iter().map(|filter| names.id(UidKind::Tagk, &filter.tagk));
        let query_tags = keys.collect::<Result<_, _>>()?;
        metrics.push(Fetched { series, labels, query_tags });
    }
    let allowed = Allowed::new(&work);
    let mut run = Run { request, plan, range, metrics, names, allowed: &allowed, joins: HashMap::new(), tables: HashMap::new() };
    run.answer().map_err(|error| match error {
        Failure::Query(error) => error,
        Failure::Expression(error) => allowed.error(error),
    })
}

enum Failure {
    Query(QueryError),
    Expression(ExpressionError),
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Failure {
        Failure::Query(error)
    }
}

impl From<ExpressionError> for Failure {
    fn from(error: ExpressionError) -> Failure {
        Failure::Expression(error)
    }
}

struct Run<'a> {
    request: &'a ExpRequest,
    plan: &'a ExpPlan,
    range: (i64, i64),
    metrics: Vec<Fetched>,
    names: Names<'a>,
    allowed: &'a Allowed<'a>,
    /// Which series each expression has, by place.
    joins: HashMap<usize, Joined>,
    /// The values of those expressions that are shown or used.
    tables: HashMap<usize, Table>,
}

impl Run<'_> {
    fn answer(&mut self) -> Result<ExpAnswer, Failure> {
        let empty = Vec::new();
        let expressions = self.request.expressions.as_ref().unwrap_or(&empty);
        let id = |expression: &Expression| expression.id.clone().unwrap_or_default();
        let ids: Vec<String> = expressions.iter().map(id).collect();
        let wanted: Vec<(String, Option<String>)> = match self.request.outputs.as_ref().filter(|outputs| !outputs.is_empty()) {
            Some(outputs) => outputs.iter().map(|output| (output.id.clone().unwrap_or_default(), output.alias.clone())).collect(),
            None if !ids.is_empty() => ids.iter().map(|id| (id.clone(), None)).collect(),
            None => self.request.metrics.iter().map(|metric| (metric.id.clone().unwrap_or_default(), None)).collect(),
        };
        self.compute(&ids, &wanted)?;
        let mut answer = ExpAnswer { range: self.range, outputs: Vec::with_capacity(wanted.len()) };
        for (id, alias) in wanted {
            // An id that means nothing is left out (`exp/outputs-unknown`).
            let Some((table, is_expression)) = self.table(&id, &ids)? else { continue };
            answer.outputs.push(self.output(id, alias, table, is_expression)?);
        }
        Ok(answer)
    }

    /// Joins every expression, those that others use first, and computes those that are shown or used by such: what goes
    /// wrong in another one's values is nobody's business, in OpenTSDB either.
    fn compute(&mut self, ids: &[String], wanted: &[(String, Option<String>)]) -> Result<(), Failure> {
        let names = |parsed: &'_ Parsed| parsed.names.clone();
        let used: Vec<Vec<String>> = self.plan.expressions.iter().map(|(parsed, _)| names(parsed)).collect();
        let uses: Vec<(&str, Vec<&str>)> =
            ids.iter().zip(&used).map(|(id, names)| (id.as_str(), names.iter().map(String::as_str).collect())).collect();
        let order = graph::order(&uses)?;
        for &at in &order {
            let joined = self.join(at, ids)?;
            self.joins.insert(at, joined);
        }
        let mut needed: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
        // From the users to the used.
        let mut computed: Vec<usize> = Vec::new();
        for &at in order.iter().rev() {
            if let Some((id, names)) = uses.get(at)
                && needed.contains(id)
            {
                needed.extend(names);
                computed.push(at);
            }
        }
        for at in computed.into_iter().rev() {
            let table = self.one(at, ids)?;
            self.tables.insert(at, table);
        }
        Ok(())
    }

    fn join(&self, at: usize, ids: &[String]) -> Result<Joined, Failure> {
        let Some((parsed, join)) = self.plan.expressions.get(at) else { return Ok(Joined::default()) };
        let names = self.java_order(&parsed.names, ids);
        // OpenTSDB looks for a variable's data by its name in lower case.
        if let Some(name) = names.iter().find(|name| !names.contains(&name.to_lowercase().as_str())) {
            return Err(ExpressionError::Data(format!("Missing results for variable {name}: ids are in lower case")).into());
        }
        let side = |name: &&str| match ids.iter().position(|id| id == name) {
            Some(at) => Some(Side { labels: &self.joins.get(&at)?.labels, query_tags: None }),
            None => self.metric(name).map(|(_, fetched)| Side { labels: &fetched.labels, query_tags: Some(&fetched.query_tags) }),
        };
        Ok(join.join(&names.iter().filter_map(side).collect::<Vec<_>>())?)
    }

    fn one(&self, at: usize, ids: &[String]) -> Result<Table, Failure> {
        let (Some((parsed, _)), Some(joined)) = (self.plan.expressions.get(at), self.joins.get(&at)) else {
            return Ok(Table::default());
        };
        let names = self.java_order(&parsed.names, ids);
        let inputs = names.iter().filter_map(|name| self.input(name, ids)).collect::<Vec<_>>();
        let variables: Vec<usize> = parsed.names.iter().filter_map(|name| names.iter().position(|other| other == name)).collect();
        Ok(compute(&Program::new(parsed), joined, &inputs, &variables, self.allowed)?)
    }

    fn input(&self, name: &str, ids: &[String]) -> Option<Input<'_>> {
        if let Some(at) = ids.iter().position(|id| id == name) {
            let fill = self.request.expressions.as_ref()?.get(at)?.fill;
            // A nested expression's own policy; none is NaN. OpenTSDB fails where it would need it.
            return Some(Input {
                source: Source::Table(self.tables.get(&at)?),
                fill: fill.map_or(f64::NAN, |fill| fill_value(Some(fill))),
            });
        }
        let (at, fetched) = self.metric(name)?;
        Some(Input { source: Source::Series(fetched.full()), fill: fill_value(self.request.metrics.get(at)?.fill) })
    }

    /// A metric's place and series. Of equal sub queries one answers for all.
    fn metric(&self, id: &str) -> Option<(usize, &Fetched)> {
        let at = self.request.metrics.iter().position(|metric| metric.id.as_deref() == Some(id))?;
        Some((at, self.metrics.get(*self.plan.answered_by.get(at)?)?))
    }

    /// The variables of an expression as OpenTSDB's maps hold them: metrics come in by the order of one map, expressions after
    /// them, into a second map, whose order fills a third.
    fn java_order<'n>(&self, names: &'n [String], ids: &[String]) -> Vec<&'n str> {
        let metric_ids: Vec<&str> = self.request.metrics.iter().map(|metric| metric.id.as_deref().unwrap_or_default()).collect();
        let pick = |order: Vec<usize>, from: &[&'n str]| order.into_iter().filter_map(|at| from.get(at).copied()).collect::<Vec<_>>();
        let of_metrics = java_map::order(&metric_ids, metric_ids.len()).into_iter().filter_map(|at| metric_ids.get(at).copied());
        let mut came: Vec<&str> = of_metrics.filter_map(|id| names.iter().find(|name| *name == id)).map(String::as_str).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        came.extend(pick(java_map::default_order(&all), &all).into_iter().filter(|name| ids.iter().any(|id| id == name)));
        let second = pick(java_map::default_order(&came), &came);
        pick(java_map::order(&second, second.len()), &second)
    }

    /// The values of an id. An expression is given out once: asked for again it has no more rows, as in OpenTSDB.
    fn table(&mut self, id: &str, ids: &[String]) -> Result<Option<(Table, bool)>, Failure> {
        if let Some(at) = ids.iter().position(|known| known == id) {
            let table = self.tables.get_mut(&at).map(|table| {
                let labels = table.labels.clone();
                std::mem::replace(table, Table { labels, ..Table::default() })
            });
            return Ok(table.map(|table| (table, true)));
        }
        let Some((_, fetched)) = self.metric(id) else { return Ok(None) };
        // Missing values of a metric that is shown itself are 0, whatever its policy.
        Ok(Some((tabulate(&fetched.series, 0.0, self.allowed)?, false)))
    }

    fn output(&self, id: String, alias: Option<String>, table: Table, is_expression: bool) -> Result<ExpOutput, QueryError> {
        let of_first = table.labels.first().into_iter().flat_map(|labels| &labels.metrics);
        let mut metrics = of_first.map(|metric| self.names.name(UidKind::Metric, metric)).collect::<Result<Vec<_>, _>>()?;
        metrics.sort();
        let column = |labels| Ok(Column { tags: self.names.tags(labels)?, aggregated: self.names.aggregated(labels)? });
        let columns = table.labels.iter().map(column).collect::<Result<_, QueryError>>()?;
        Ok(ExpOutput { id, alias, table, metrics, columns, is_expression })
    }
}
