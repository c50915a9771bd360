//! Functions that keep the groups: filters, orders, and new values for old ones.

use super::evaluate::{Arguments, Evaluator, Fail, common};
use super::library::Call;
use super::reduce::line;
use super::value::{Item, Points, Results, Value, contains, group_text};
use super::{duration, group_text as text_of};

/// Up to this many, the order is made as the original makes it, even where NaN leaves it open.
const INSERTION_MOST: usize = 20;

impl<'a> Evaluator<'a> {
    pub fn on_sets(&mut self, call: Call, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let scalar = |v: f64| Ok(Results::one(Value::Scalar(v)));
        match call {
            Call::AddTags => self.add_tags(arguments),
            Call::Rename => self.rename(arguments),
            Call::Remove => self.remove(arguments),
            Call::Transpose => self.transpose(arguments),
            Call::Aggr => self.aggregate(arguments),
            Call::Series => self.literal(arguments),
            Call::Merge => self.merge(arguments),
            Call::LeftJoin => self.left_join(arguments),
            Call::Lookup => self.lookup(arguments),
            Call::LookupSeries => self.lookup_series(arguments),
            Call::DropG => self.dropped(&mut arguments, |v, limit| v > limit),
            Call::DropGe => self.dropped(&mut arguments, |v, limit| v >= limit),
            Call::DropL => self.dropped(&mut arguments, |v, limit| v < limit),
            Call::DropLe => self.dropped(&mut arguments, |v, limit| v <= limit),
            Call::DropNa => {
                let set = arguments.set()?;
                self.drop_points(set, &[Results::one(Value::Number(0.0))], |v, _| !v.is_finite())
            }
            Call::DropBool => self.drop_bool(arguments),
            Call::Filter => self.filter(arguments),
            Call::Limit => limit(arguments),
            Call::Sort => sort(arguments),
            Call::Nv => nv(arguments),
            Call::Ungroup => ungroup(arguments),
            Call::Abs => each_number(arguments.set()?, f64::abs),
            Call::IsNan => each_number(arguments.set()?, |v| if v.is_nan() { 1.0 } else { 0.0 }),
            Call::TimeDelta => each_series(arguments.set()?, |points| Ok(time_delta(points))),
            Call::Des => {
                let (set, alpha, beta) = (arguments.set()?, arguments.scalar()?, arguments.scalar()?);
                each_series(set, |points| Ok(smoothed(points, alpha, beta)))
            }
            Call::Line => self.line(arguments),
            Call::Shift => self.shift(arguments),
            Call::Crop => self.crop(arguments),
            Call::Tail => self.tail(arguments),
            Call::Epoch => scalar(self.context.now as f64),
            Call::Duration => scalar(duration::parse(&arguments.text()?)? as f64 / 1e9),
            Call::TimeText => {
                let nanos = (arguments.scalar()? as i64).wrapping_mul(1_000_000_000);
                Ok(Results::one(Value::Text(duration::human(nanos))))
            }
            Call::Month => {
                let (offset, end) = (arguments.scalar()?, arguments.text()?);
                scalar(month(self.context.now, offset, &end)?)
            }
            _ => Err("this function cannot stand here".to_string().into()),
        }
    }

    fn dropped(&mut self, arguments: &mut Arguments<'a>, drops: impl Fn(f64, f64) -> bool) -> Result<Results, Fail> {
        let (set, limit) = (arguments.set()?, arguments.set()?);
        self.drop_points(set, &[limit], drops)
    }

    /// Without the points for which `drops` holds. A series that loses all is an error.
    fn drop_points(&mut self, set: Results, limits: &[Results], drops: impl Fn(f64, f64) -> bool) -> Result<Results, Fail> {
        self.matched(set, limits, |item, numbers| {
            let Value::Series(mut points) = item.value else { return Err("expected series".to_string().into()) };
            let limit = numbers.first().copied().unwrap_or(f64::NAN);
            points.retain(|(_, v)| !drops(*v, limit));
            if points.is_empty() {
                return Err(format!("nothing is left of the series {}", group_text(&item.group)).into());
            }
            Ok(Some(Item { group: item.group, value: Value::Series(points) }))
        })
    }

    /// The points at whose time the other series is not zero.
    fn drop_bool(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (set, other) = (arguments.set()?, arguments.set()?);
        let mut out = Results::default();
        for (group, a, b) in self.union(&set, &other)? {
            let (Value::Series(a), Value::Series(b)) = (a, b) else {
                return Err(format!("only one side has a series for {}", text_of(&group)).into());
            };
            let points: Points = common(&a, &b).filter(|(_, _, keep)| *keep != 0.0).map(|(t, v, _)| (t, v)).collect();
            if !points.is_empty() {
                out.items.push(Item { group, value: Value::Series(points) });
            }
        }
        Ok(out)
    }

    /// The groups whose number is not zero; NaN is not. A group that has several such numbers comes as often.
    fn filter(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (mut set, numbers) = (arguments.set()?, arguments.set()?);
        self.spend(set.items.len().saturating_mul(numbers.items.len()))?;
        let keeps = |item: &Item, n: &&Item| {
            (contains(&item.group, &n.group) || contains(&n.group, &item.group)) && n.value.number().is_some_and(|v| v != 0.0)
        };
        let items = std::mem::take(&mut set.items);
        for item in items {
            let count = numbers.items.iter().filter(|n| keeps(&item, n)).count();
            set.items.extend(std::iter::repeat_n(item, count));
        }
        Ok(set)
    }

    /// The line through each series, from its last point on: two points.
    fn line(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (mut set, length) = (arguments.set()?, duration::parse(&arguments.text()?)?);
        for item in &mut set.items {
            let Value::Series(points) = &item.value else { return Err("expected series".to_string().into()) };
            let (slope, intercept) = line(points);
            // The original's clock begins in the year 1, which is where the line of one point stands.
            let from = points.last().filter(|_| points.len() > 1).map_or(-62_135_596_800_000, |(t, _)| *t);
            let to = from.saturating_add(length / 1_000_000);
            let at = |time: i64| (time, time.div_euclid(1_000) as f64 * slope + intercept);
            item.value = Value::Series(super::value::ordered(vec![at(from), at(to)]));
            item.group.insert("regression".to_string(), "line".to_string());
        }
        Ok(set)
    }

    fn shift(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (mut set, text) = (arguments.set()?, arguments.text()?);
        let by = duration::parse(&text)? / 1_000_000;
        for item in &mut set.items {
            let Value::Series(points) = &mut item.value else { return Err("expected series".to_string().into()) };
            points.iter_mut().for_each(|(t, _)| *t = t.saturating_add(by));
            item.group.insert("shift".to_string(), text.clone());
        }
        Ok(set)
    }

    /// The points between two ages, in seconds. Series without such numbers are left out.
    fn crop(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (set, starts, ends) = (arguments.set()?, arguments.set()?, arguments.set()?);
        let now = self.context.now.saturating_mul(1_000);
        let mut out = Results::default();
        for item in set.items {
            self.spend(starts.items.len() + ends.items.len())?;
            let of = |numbers: &Results| {
                let belongs = |n: &&Item| n.group.is_empty() || super::value::overlaps(&item.group, &n.group);
                numbers.items.iter().find(belongs).and_then(|n| n.value.number())
            };
            let (Some(start), Some(end)) = (of(&starts), of(&ends)) else { continue };
            let ago = |seconds: f64| now.saturating_sub((seconds as i64).saturating_mul(1_000));
            let Value::Series(mut points) = item.value else { return Err("expected series".to_string().into()) };
            points.retain(|(t, _)| (ago(start)..=ago(end)).contains(t));
            out.items.push(Item { group: item.group, value: Value::Series(points) });
        }
        Ok(out)
    }

    fn tail(&mut self, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let (set, numbers) = (arguments.set()?, arguments.set()?);
        self.matched(set, &[numbers], |item, numbers| {
            let Value::Series(mut points) = item.value else { return Err("expected series".to_string().into()) };
            let count = numbers.first().copied().unwrap_or(0.0);
            if count < 0.0 || count.is_nan() {
                return Err(format!("expected a number of points, found {count}").into());
            }
            points.drain(..points.len().saturating_sub(count as usize));
            Ok(Some(Item { group: item.group, value: Value::Series(points) }))
        })
    }
}

fn limit(mut arguments: Arguments) -> Result<Results, Fail> {
    let (mut set, most) = (arguments.set()?, arguments.scalar()?);
    if most < 0.0 {
        return Err(format!("expected a number that is not negative, found {most}").into());
    }
    set.items.truncate(most as usize);
    Ok(set)
}

fn sort(mut arguments: Arguments) -> Result<Results, Fail> {
    let (mut set, order) = (arguments.set()?, arguments.text()?);
    let mut keyed = Vec::with_capacity(set.items.len());
    for item in std::mem::take(&mut set.items) {
        let Value::Number(value) = item.value else { return Err("expected numbers".to_string().into()) };
        keyed.push((group_text(&item.group), value, item));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    let less: fn(f64, f64) -> bool = match order.as_str() {
        "asc" => |a, b| a < b,
        "desc" => |a, b| b < a,
        _ => return Err(format!("{order:?}: expected asc or desc").into()),
    };
    if keyed.len() <= INSERTION_MOST {
        for end in 1..keyed.len() {
            let mut at = end;
            while let [before, this] = keyed.get(at.saturating_sub(1)..=at).unwrap_or_default()
                && less(this.1, before.1)
            {
                keyed.swap(at - 1, at);
                at -= 1;
            }
        }
    } else {
        // NaN goes first, so that there is an order at all.
        keyed.sort_by(|(_, a, _), (_, b, _)| match (less(*a, *b), less(*b, *a)) {
            (true, _) => std::cmp::Ordering::Less,
            (_, true) => std::cmp::Ordering::Greater,
            _ => b.is_nan().cmp(&a.is_nan()),
        });
    }
    set.items = keyed.into_iter().map(|(_, _, item)| item).collect();
    Ok(set)
}

fn nv(mut arguments: Arguments) -> Result<Results, Fail> {
    let (mut set, missing) = (arguments.set()?, arguments.scalar()?);
    if set.items.is_empty() {
        set.items.extend(Results::one(Value::Number(missing)).items);
    } else {
        set.missing = Some(missing);
    }
    Ok(set)
}

fn ungroup(mut arguments: Arguments) -> Result<Results, Fail> {
    let set = arguments.set()?;
    match set.items.as_slice() {
        [Item { value: Value::Number(v), .. }] => Ok(Results::one(Value::Scalar(*v))),
        items => Err(format!("ungroup: expected exactly one group, found {}", items.len()).into()),
    }
}

fn each_number(mut set: Results, change: impl Fn(f64) -> f64) -> Result<Results, Fail> {
    for item in &mut set.items {
        match &mut item.value {
            Value::Number(v) | Value::Scalar(v) => *v = change(*v),
            Value::Series(points) => points.iter_mut().for_each(|(_, v)| *v = change(*v)),
            Value::Text(_) | Value::Table(_) => return Err("expected numbers or series".to_string().into()),
        }
    }
    Ok(set)
}

fn each_series(mut set: Results, change: impl Fn(&[(i64, f64)]) -> Result<Points, Fail>) -> Result<Results, Fail> {
    for item in &mut set.items {
        let Value::Series(points) = &item.value else { return Err("expected series".to_string().into()) };
        item.value = Value::Series(change(points)?);
    }
    Ok(set)
}

/// Seconds from point to point, at the later one; of one point, 0.
fn time_delta(points: &[(i64, f64)]) -> Points {
    if let [(time, _)] = points {
        return vec![(*time, 0.0)];
    }
    let seconds = |t: i64| t.div_euclid(1_000);
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs.map(|((before, _), (time, _))| (*time, (seconds(*time) - seconds(*before)) as f64)).collect()
}

/// Double exponential smoothing; the first point only begins it. One point stays as it is.
fn smoothed(points: &[(i64, f64)], alpha: f64, beta: f64) -> Points {
    let Some(((_, first), rest)) = points.split_first().filter(|(_, rest)| !rest.is_empty()) else { return points.to_vec() };
    let (mut level, mut trend) = (*first, 0.0);
    let mut out = Vec::with_capacity(rest.len());
    for (time, value) in rest {
        let before = level;
        level = alpha * value + (1.0 - alpha) * (before + trend);
        trend = beta * (level - before) + (1.0 - beta) * trend;
        out.push((*time, level));
    }
    out
}

/// The first or last second of the month that it is now, so many hours from UTC.
fn month(now: i64, offset: f64, which: &str) -> Result<f64, String> {
    let hours = i32::try_from(offset as i64).unwrap_or(i32::MAX);
    let zone = jiff::tz::Offset::from_seconds(hours.saturating_mul(3_600));
    let zone = zone.map_err(|_| format!("expected hours from UTC, found {offset}"))?;
    let wrong = |_| "the time is out of range".to_string();
    let local = zone.to_datetime(jiff::Timestamp::from_second(now).map_err(wrong)?);
    let date = match which {
        "start" => local.date().first_of_month(),
        "end" => local.date().last_of_month().tomorrow().map_err(wrong)?,
        other => return Err(format!("{other:?}: expected start or end")),
    };
    let second = zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).map_err(wrong)?.as_second();
    Ok((second - i64::from(which == "end")) as f64)
}
