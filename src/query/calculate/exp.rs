//! Runs `/api/query/exp`.

use super::Allowed;
use super::names::Names;
use crate::query::engine::{Cancel, Engine, QueryError};
use crate::query::expression::program::Program;
use crate::query::expression::series::{Id, Labels, Series, Table};
use crate::query::expression::walk::{Input, Source, compute, tabulate};
use crate::query::expression::{ExpressionError, graph, java_map};
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
    /// Those of them with points: the others cannot be joined.
    labels: Vec<Labels>,
    query_tags: BTreeSet<Id>,
}

/// Fetches the metrics, computes the expressions and gives out what was asked for.
pub fn exp(engine: &Engine, uids: &Uids, request: &ExpRequest, plan: &ExpPlan, cancel: &Cancel) -> Result<ExpAnswer, QueryError> {
    let work = engine.work(cancel);
    let range = (plan.query.start_ms, plan.query.end_ms);
    let names = Names(uids);
    let mut metrics = Vec::with_capacity(request.metrics.len());
    for sub in &plan.query.subs {
        let mut series = Vec::new();
        for group in work.all_read(range, sub)?.into_iter().filter(|group| !group.tsuids.is_empty()) {
            series.push(Series { labels: names.labels(&group)?, points: group.points });
        }
        let keys = sub.filters.iter().map(|filter| names.id(UidKind::Tagk, &filter.tagk));
        let query_tags = keys.collect::<Result<_, _>>()?;
        metrics.push(Fetched { labels: Vec::new(), query_tags, series });
    }
    let allowed = Allowed::new(&work);
    let mut run = Run { request, plan, range, metrics, names, allowed: &allowed, tables: HashMap::new() };
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
    /// Of the expressions, by place.
    tables: HashMap<usize, Table>,
}

impl Run<'_> {
    fn answer(&mut self) -> Result<ExpAnswer, Failure> {
        let empty = Vec::new();
        let expressions = self.request.expressions.as_ref().unwrap_or(&empty);
        let id = |expression: &Expression| expression.id.clone().unwrap_or_default();
        let ids: Vec<String> = expressions.iter().map(id).collect();
        self.compute(&ids)?;
        let wanted: Vec<(String, Option<String>)> = match self.request.outputs.as_ref().filter(|outputs| !outputs.is_empty()) {
            Some(outputs) => outputs.iter().map(|output| (output.id.clone().unwrap_or_default(), output.alias.clone())).collect(),
            None if !ids.is_empty() => ids.iter().map(|id| (id.clone(), None)).collect(),
            None => self.request.metrics.iter().map(|metric| (metric.id.clone().unwrap_or_default(), None)).collect(),
        };
        let mut answer = ExpAnswer { range: self.range, outputs: Vec::with_capacity(wanted.len()) };
        for (id, alias) in wanted {
            // An id that means nothing is left out (`exp/outputs-unknown`).
            let Some((table, is_expression)) = self.table(&id, &ids)? else { continue };
            answer.outputs.push(self.output(id, alias, table, is_expression)?);
        }
        Ok(answer)
    }

    /// Every expression, those that others use first.
    fn compute(&mut self, ids: &[String]) -> Result<(), Failure> {
        let uses: Vec<(&str, Vec<&str>)> = ids
            .iter()
            .zip(&self.plan.expressions)
            .map(|(id, (parsed, _))| (id.as_str(), parsed.names.iter().map(String::as_str).collect()))
            .collect();
        let order = graph::order(&uses)?;
        for fetched in &mut self.metrics {
            // The empty ones go to the end, where nobody looks for them.
            fetched.series.sort_by_key(|series| series.points.is_empty());
            let full = fetched.series.iter().take_while(|series| !series.points.is_empty());
            fetched.labels = full.map(|series| series.labels.clone()).collect();
        }
        for at in order {
            let table = self.one(at, ids)?;
            self.tables.insert(at, table);
        }
        Ok(())
    }

    fn one(&self, at: usize, ids: &[String]) -> Result<Table, Failure> {
        let Some((parsed, join)) = self.plan.expressions.get(at) else { return Ok(Table::default()) };
        let names = self.java_order(&parsed.names, ids);
        // OpenTSDB looks for a variable's data by its name in lower case.
        if let Some(name) = names.iter().find(|name| !names.contains(&name.to_lowercase().as_str())) {
            return Err(ExpressionError::Data(format!("Missing results for variable {name}: ids are in lower case")).into());
        }
        let inputs = names.iter().filter_map(|name| self.input(name, ids)).collect::<Vec<_>>();
        let variables: Vec<usize> = parsed.names.iter().filter_map(|name| names.iter().position(|other| other == name)).collect();
        Ok(compute(&Program::new(parsed), join, &inputs, &variables, self.allowed)?)
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
        let at = self.request.metrics.iter().position(|metric| metric.id.as_deref() == Some(name))?;
        let fetched = self.metrics.get(at)?;
        let source = Source::Series {
            series: fetched.series.get(..fetched.labels.len())?,
            labels: &fetched.labels,
            query_tags: Some(&fetched.query_tags),
        };
        Some(Input { source, fill: fill_value(self.request.metrics.get(at)?.fill) })
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
        let at = self.request.metrics.iter().position(|metric| metric.id.as_deref() == Some(id));
        let Some(fetched) = at.and_then(|at| self.metrics.get(at)) else { return Ok(None) };
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
