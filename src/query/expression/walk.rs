//! Goes through the joined series of several variables in step and computes an expression at each instant.
//!
//! At every instant at which any series has a point, a series without one counts with its variable's fill value, whatever
//! lies around it: nothing is interpolated (recorded cases `exp/op-00`, `exp/fill-metric-nan`). A joined series that a variable
//! lacks altogether counts as 0. A variable that is an expression itself gives its rows one after the other, whatever their
//! times: OpenTSDB does not look at them, so rows out of step are combined by place (tried on the real one).

use super::join::Joined;
use super::program::Program;
use super::series::{Series, Table};
use super::{ExpressionError, Limits, data};
use crate::query::points::as_f64;

/// Rows between two looks at the limits.
const ROWS_A_CHECK: usize = 256;
/// No further point.
const ENDED: i64 = i64::MAX;

/// What a variable stands for.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// Series that were read.
    Series(&'a [Series]),
    /// The result of another expression.
    Table(&'a Table),
}

/// A variable, and what its missing values are.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// What it stands for.
    pub source: Source<'a>,
    /// Stands for missing values and for NaN.
    pub fill: f64,
}

/// Computes an expression over its variables. `inputs` are the sides that were joined; `variables` says which of them is the
/// program's first, second ... variable.
pub fn compute(
    program: &Program,
    joined: &Joined,
    inputs: &[Input<'_>],
    variables: &[usize],
    limits: &dyn Limits,
) -> Result<Table, ExpressionError> {
    let Joined { labels, slots, alive } = joined;
    let mut cursors: Vec<Cursor<'_>> = inputs.iter().zip(alive).map(|(input, alive)| Cursor::new(input, alive)).collect();
    let width = labels.len();
    let mut rows = vec![vec![0.0; width]; inputs.len()];
    let mut out = Table { labels: labels.clone(), ..Table::default() };
    let mut row = vec![0.0; width];
    while let Some(ms) = cursors.iter().map(Cursor::next_time).min().filter(|ms| *ms != ENDED) {
        for ((cursor, slots), row) in cursors.iter_mut().zip(slots).zip(&mut rows) {
            cursor.step(ms)?;
            for (value, slot) in row.iter_mut().zip(slots) {
                *value = cursor.value(*slot);
            }
        }
        let of: Vec<&[f64]> = variables.iter().map(|place| rows.get(*place).map_or(&[][..], Vec::as_slice)).collect();
        program.run(&of, &mut row)?;
        push(&mut out, ms, &row, limits)?;
    }
    Ok(out)
}

/// The series of one variable side by side, missing values as `fill`.
pub fn tabulate(series: &[Series], fill: f64, limits: &dyn Limits) -> Result<Table, ExpressionError> {
    let input = Input { source: Source::Series(series), fill };
    let mut cursor = Cursor::new(&input, &vec![true; series.len()]);
    let mut row = vec![0.0; series.len()];
    let mut out = Table { labels: series.iter().map(|one| one.labels.clone()).collect(), ..Table::default() };
    while cursor.next_time() != ENDED {
        let ms = cursor.next_time();
        cursor.step(ms)?;
        row.iter_mut().enumerate().for_each(|(at, value)| *value = cursor.value(Some(at)));
        push(&mut out, ms, &row, limits)?;
    }
    Ok(out)
}

fn push(out: &mut Table, ms: i64, row: &[f64], limits: &dyn Limits) -> Result<(), ExpressionError> {
    if out.times.len().is_multiple_of(ROWS_A_CHECK) {
        limits.hold((ROWS_A_CHECK * (row.len() + 1) * size_of::<f64>()) as u64)?;
    }
    out.times.push(ms);
    out.values.extend_from_slice(row);
    Ok(())
}

/// Where a variable is.
struct Cursor<'a> {
    fill: f64,
    /// The values of its series at the present instant.
    now: Vec<f64>,
    from: From<'a>,
}

enum From<'a> {
    Series {
        series: &'a [Series],
        /// The next point of each series, and its time: apart, as all times are looked at for every row.
        at: Vec<usize>,
        next: Vec<i64>,
        /// The earliest of them.
        first: i64,
    },
    Table {
        table: &'a Table,
        row: usize,
    },
}

impl<'a> Cursor<'a> {
    fn new(input: &Input<'a>, alive: &[bool]) -> Cursor<'a> {
        let (width, from) = match &input.source {
            Source::Series(series) => {
                let time = |(one, alive): (&Series, &bool)| one.points.first().filter(|_| *alive).map_or(ENDED, |point| point.0);
                let next: Vec<i64> = series.iter().zip(alive).map(time).collect();
                let first = next.iter().copied().min().unwrap_or(ENDED);
                (series.len(), From::Series { series, at: vec![0; series.len()], next, first })
            }
            Source::Table(table) => (table.labels.len(), From::Table { table, row: 0 }),
        };
        Cursor { fill: input.fill, now: vec![0.0; width], from }
    }

    fn next_time(&self) -> i64 {
        match &self.from {
            From::Series { first, .. } => *first,
            From::Table { table, row } => table.times.get(*row).copied().unwrap_or(ENDED),
        }
    }

    fn step(&mut self, ms: i64) -> Result<(), ExpressionError> {
        match &mut self.from {
            From::Series { series, at, next, first } => {
                *first = ENDED;
                for (((one, at), next), now) in series.iter().zip(at).zip(next).zip(&mut self.now) {
                    if *next > ms {
                        *now = self.fill;
                    } else {
                        let value = one.points.get(*at).map_or(f64::NAN, |point| as_f64(point.1));
                        *now = if value.is_nan() { self.fill } else { value };
                        *at += 1;
                        *next = one.points.get(*at).map_or(ENDED, |point| point.0);
                    }
                    *first = (*first).min(*next);
                }
            }
            From::Table { table, row } => {
                let width = self.now.len();
                let Some(values) = table.values.get(*row * width..(*row + 1) * width).filter(|_| *row < table.times.len()) else {
                    return data("No more data: an expression within another has fewer instants than what it is combined with");
                };
                for (now, value) in self.now.iter_mut().zip(values) {
                    *now = if value.is_nan() { self.fill } else { *value };
                }
                *row += 1;
            }
        }
        Ok(())
    }

    /// A joined series that is not there counts as 0.
    fn value(&self, slot: Option<usize>) -> f64 {
        slot.and_then(|series| self.now.get(series)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unlimited;
    use super::super::join::{Join, Operator, Side};
    use super::super::parse::parse;
    use super::*;
    use crate::point::Number::{Float, Int};
    use crate::query::expression::series::Labels;
    use std::collections::BTreeSet;

    fn series(host: u8, points: &[(i64, crate::point::Number)]) -> Series {
        let tags = [(vec![1], vec![host])].into();
        Series { labels: Labels { metrics: [vec![7]].into(), tags, aggregated: BTreeSet::new() }, points: points.to_vec() }
    }

    fn run(text: &str, inputs: &[Input<'_>], operator: Operator) -> Result<String, String> {
        let parsed = parse(text).unwrap();
        let variables: Vec<usize> = parsed.names.iter().map(|name| usize::from(name == "b")).collect();
        let labels = |input: &Input<'_>| match input.source {
            Source::Series(series) => series.iter().map(|one| one.labels.clone()).collect(),
            Source::Table(table) => table.labels.clone(),
        };
        let labels: Vec<Vec<Labels>> = inputs.iter().map(labels).collect();
        let sides: Vec<Side<'_>> = labels.iter().map(|labels| Side { labels, query_tags: None }).collect();
        let joined = Join { operator, ..Join::default() }.join(&sides).map_err(|e| e.to_string())?;
        let table = compute(&Program::new(&parsed), &joined, inputs, &variables, &Unlimited).map_err(|e| e.to_string())?;
        Ok(table.rows().map(|(ms, row)| format!("{ms}{row:?}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn rows() {
        let a = [series(1, &[(10, Int(1)), (20, Float(f64::NAN))]), series(2, &[(10, Int(5)), (30, Int(6))])];
        let b = [series(2, &[(10, Int(100)), (40, Int(200))])];
        let inputs = [Input { source: Source::Series(&a), fill: -1.0 }, Input { source: Source::Series(&b), fill: 0.5 }];
        let union = run("a + b", &inputs, Operator::Union);
        assert_eq!(union.as_deref(), Ok("10[1.0, 105.0] 20[-1.0, -0.5] 30[-1.0, 6.5] 40[-1.0, 199.0]"));
        // The series that is left out does not count with its instants either.
        let intersection = run("a + b", &inputs, Operator::Intersection);
        assert_eq!(intersection.as_deref(), Ok("10[105.0] 30[6.5] 40[199.0]"));
        assert_eq!(run("a > 100 ? a : 0", &inputs[..1], Operator::Union).map_err(|e| e.contains("Integer")), Err(true));
    }

    #[test]
    fn limits_stop_a_walk() {
        struct Nothing;
        impl Limits for Nothing {
            fn hold(&self, bytes: u64) -> Result<(), ExpressionError> {
                assert_eq!(bytes, 256 * 2 * 8);
                Err(ExpressionError::Stopped)
            }
        }
        assert_eq!(tabulate(&[series(1, &[(10, Int(1))])], 0.0, &Nothing), Err(ExpressionError::Stopped));
        assert_eq!(tabulate(&[], 0.0, &Nothing), Ok(Table::default()));
    }

    #[test]
    fn tables_give_their_rows_by_place() {
        let a = [series(1, &[(10, Int(1)), (20, Int(2)), (30, Int(3))])];
        let table = Table { labels: vec![a[0].labels.clone()], times: vec![10, 30, 35], values: vec![100.0, 300.0, f64::NAN] };
        let input = Input { source: Source::Series(&a), fill: 0.0 };
        let nested = Input { source: Source::Table(&table), fill: 7.0 };
        let got = run("a + b", &[input.clone(), nested.clone()], Operator::Union);
        assert_eq!(got.as_deref(), Ok("10[101.0] 20[302.0] 30[10.0]"));
        let short = Table { times: vec![10], values: vec![1.0], ..table.clone() };
        let nested = Input { source: Source::Table(&short), fill: 7.0 };
        assert!(run("a + b", &[input, nested], Operator::Union).is_err_and(|e| e.starts_with("No more data")));
    }
}
