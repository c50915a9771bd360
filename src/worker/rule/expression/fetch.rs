//! Functions that query: `q`, and windows of earlier days and weeks.

use super::evaluate::{Arguments, Evaluator, Fail};
use super::library::{self, Call};
use super::query::{Query, Request};
use super::value::{Item, Points, Results, Tags, Value, ordered};
use super::{Answer, duration};

/// Most windows of one call. The original knows a bound of 100 and does not keep it.
const WINDOWS_MOST: f64 = 1_000.0;

const NANOS: i64 = 1_000_000_000;

/// Windows of one length, a period apart.
struct Windows {
    query: Query,
    length: i64,
    period: i64,
    /// The end of the newest, nanoseconds.
    end: i64,
    count: usize,
}

impl<'a> Evaluator<'a> {
    pub fn fetch(&mut self, call: Call, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        match call {
            Call::Query | Call::Change | Call::Count => {
                let (query, from, to) = (arguments.text()?, arguments.text()?, arguments.text()?);
                let set = self.query(&query, &from, &to)?;
                match call {
                    Call::Change => self.change(set, &from, &to),
                    Call::Count => Ok(Results::one(Value::Scalar(set.items.len() as f64))),
                    _ => Ok(set),
                }
            }
            Call::Band | Call::ShiftBand | Call::Over | Call::Window => {
                let (query, length, period, count) = (arguments.text()?, arguments.text()?, arguments.text()?, arguments.scalar()?);
                let end = if call == Call::Over { "" } else { period.as_str() };
                let windows = self.windows(&query, &length, &period, end, count)?;
                match call {
                    Call::Band => self.band(&windows),
                    Call::Window => {
                        let function = arguments.text()?;
                        self.window(&windows, &function)
                    }
                    _ => self.over(&windows),
                }
            }
            _ => {
                let (query, length, period) = (arguments.text()?, arguments.text()?, arguments.text()?);
                let (end, count) = (arguments.text()?, arguments.scalar()?);
                let windows = self.windows(&query, &length, &period, &end, count)?;
                if call == Call::BandQuery { self.band(&windows) } else { self.over(&windows) }
            }
        }
    }

    fn now(&self) -> i64 {
        self.context.now.saturating_mul(NANOS)
    }

    /// Asks, and keeps of the tags those that make the groups.
    fn ask(&mut self, query: &Query, start: i64, end: i64) -> Result<Vec<(Tags, Points)>, Fail> {
        let request = Request { start: start.div_euclid(NANOS), end: end.div_euclid(NANOS), query: query.clone() };
        let mut out = Vec::new();
        for Answer { mut tags, points } in self.context.source.query(&request)? {
            tags.retain(|key, _| query.keys().any(|asked| asked == key));
            self.spend(points.len() + 1)?;
            if !self.context.squelched.is_some_and(|squelched| squelched(&tags)) {
                out.push((tags, ordered(points.into_iter().map(|(t, v)| (t.saturating_mul(1_000), v)).collect())));
            }
        }
        Ok(out)
    }

    fn query(&mut self, text: &str, from: &str, to: &str) -> Result<Results, Fail> {
        let query = Query::parse(text)?;
        // Milliseconds are the least that a TSD is told.
        let ago = |text: &str| duration::parse(text).map(|nanos| nanos / 1_000_000 * 1_000_000);
        let start = self.now().saturating_sub(ago(from)?);
        let end = if to.is_empty() { self.now() } else { self.now().saturating_sub(ago(to)?) };
        let found = self.ask(&query, start, end)?;
        Ok(Results::of(found.into_iter().map(|(group, points)| Item { group, value: Value::Series(points) }).collect()))
    }

    /// Average times the seconds of the window: what a rate added up to.
    fn change(&mut self, set: Results, from: &str, to: &str) -> Result<Results, Fail> {
        let to = if to.is_empty() { 0 } else { duration::parse(to)? };
        let seconds = duration::parse(from)?.saturating_sub(to) as f64 / 1e9;
        let mut set = self.reduced(Call::Avg, set, &[])?;
        for item in &mut set.items {
            if let Value::Number(v) = &mut item.value {
                *v *= seconds;
            }
        }
        Ok(set)
    }

    fn windows(&self, query: &str, length: &str, period: &str, end: &str, count: f64) -> Result<Windows, Fail> {
        let (length, period) = (duration::parse(length)?, duration::parse(period)?);
        let query = Query::parse(query)?;
        let end = if end.is_empty() { self.now() } else { self.now().saturating_sub(duration::parse(end)?) };
        if count > WINDOWS_MOST {
            return Err(format!("expected at most {WINDOWS_MOST} windows, found {count}").into());
        }
        Ok(Windows { query, length, period, end, count: count as usize })
    }

    /// The series of each window, newest window first, with how far it lies back.
    fn each_window(
        &mut self,
        windows: &Windows,
        mut each: impl FnMut(&mut Self, Tags, Points, i64) -> Result<(), Fail>,
    ) -> Result<Results, Fail> {
        let mut end = windows.end;
        for _ in 0..windows.count {
            for (group, points) in self.ask(&windows.query, end.saturating_sub(windows.length), end)? {
                let back = self.now().saturating_sub(end);
                each(self, group, points, back)?;
            }
            end = end.saturating_sub(windows.period);
        }
        Ok(Results { ignore_unjoined: true, ignore_other_unjoined: true, ..Results::default() })
    }

    /// All windows of a group in one series, each where it was.
    fn band(&mut self, windows: &Windows) -> Result<Results, Fail> {
        let mut found: Vec<(Tags, Points)> = Vec::new();
        let mut out = self.each_window(windows, |_, group, points, _| {
            match found.iter_mut().find(|(known, _)| *known == group) {
                Some((_, all)) => all.extend(points),
                None => found.push((group, points)),
            }
            Ok(())
        })?;
        out.items = found.into_iter().map(|(group, points)| Item { group, value: Value::Series(ordered(points)) }).collect();
        Ok(out)
    }

    /// Each window a series of its own, moved to now, with the tag `shift`.
    fn over(&mut self, windows: &Windows) -> Result<Results, Fail> {
        let mut items = Vec::new();
        let mut out = self.each_window(windows, |_, mut group, points, back| {
            group.insert("shift".to_string(), duration::clock(back));
            let moved = points.into_iter().map(|(t, v)| (t.saturating_add(back / 1_000_000), v)).collect();
            items.push(Item { group, value: Value::Series(moved) });
            Ok(())
        })?;
        out.items = items;
        Ok(out)
    }

    /// A reduction of each window, at the time of its first point.
    fn window(&mut self, windows: &Windows, function: &str) -> Result<Results, Fail> {
        let (call, numbers) = match library::percentile_of(function) {
            Some(part) => (Call::Percentile, vec![Results::one(Value::Number(part?))]),
            None => (library::find(function).ok_or_else(|| format!("there is no function {function}"))?.call, Vec::new()),
        };
        let mut found: Vec<(Tags, Points)> = Vec::new();
        let mut out = self.each_window(windows, |it, group, points, _| {
            let Some((time, _)) = points.first().copied() else { return Ok(()) };
            let set = Results::of(vec![Item { group: group.clone(), value: Value::Series(points) }]);
            let reduced = it.reduced(call, set, &numbers)?;
            let value = reduced.items.first().and_then(|item| item.value.number());
            let point = (time, value.ok_or_else(|| "the window gave no number".to_string())?);
            match found.iter_mut().find(|(known, _)| *known == group) {
                Some((_, all)) => all.push(point),
                None => found.push((group, vec![point])),
            }
            Ok(())
        })?;
        out.items = found.into_iter().map(|(group, points)| Item { group, value: Value::Series(ordered(points)) }).collect();
        Ok(out)
    }
}
