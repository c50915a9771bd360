//! `5m-avg-nan`: buckets of time, a function, a fill policy.

use super::date::{parse_duration, zone};
use super::{RequestError, names};
use crate::query::plan::{Aggregator, CalendarUnit, Downsample, Fill, Interval};
use jiff::tz::TimeZone;

/// A downsampler before the request's time zone and calendar are known.
#[derive(Clone, Debug)]
pub struct Spec {
    interval: SpecInterval,
    function: Aggregator,
    fill: FillName,
}

#[derive(Clone, Debug)]
enum SpecInterval {
    All,
    Length { ms: i64, text: String, calendar: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FillName {
    None,
    Zero,
    Nan,
    Null,
    /// A name that OpenTSDB knows and cannot carry out here.
    Scalar,
}

/// Reads one. The unit may be in upper case and so may the fill policy, the function may not (`downsample/err-upper`).
pub fn parse(text: &str) -> Result<Spec, RequestError> {
    let bad = |why: &str| Err(RequestError::new(format!("Invalid downsampling specifier '{text}': {why}")));
    // Empty parts at the end do not count.
    let parts: Vec<&str> = text.trim_end_matches('-').split('-').collect();
    let (interval, function, fill) = match parts.as_slice() {
        [interval, function] => (*interval, *function, None),
        [interval, function, fill] => (*interval, *function, Some(*fill)),
        [] | [_] => return bad("must provide at least interval and function"),
        _ => return bad("must consist of interval, function, and optional fill policy"),
    };
    let interval = if interval.contains("all") {
        SpecInterval::All
    } else if let Some(length) = interval.strip_suffix('c') {
        SpecInterval::Length { ms: parse_duration(length)?, text: length.to_string(), calendar: true }
    } else if interval.is_empty() {
        return bad("the interval is missing");
    } else {
        SpecInterval::Length { ms: parse_duration(interval)?, text: interval.to_string(), calendar: false }
    };
    let Some(function) = names::aggregator(function) else {
        return Err(RequestError::new(format!("No such downsampling function: {function}")));
    };
    if function == Aggregator::None {
        return Err(RequestError::new("cannot use the NONE aggregator for downsampling"));
    }
    let fill = match fill.map(str::to_lowercase).as_deref() {
        None | Some("none") => FillName::None,
        Some("zero") => FillName::Zero,
        Some("nan") => FillName::Nan,
        Some("null") => FillName::Null,
        Some("scalar") => FillName::Scalar,
        Some(_) => {
            let given = parts.last().copied().unwrap_or_default();
            return Err(RequestError::new(format!("Unrecognized fill policy: {given}")));
        }
    };
    Ok(Spec { interval, function, fill })
}

impl Spec {
    /// The length in milliseconds, 0 for one bucket over all: for the text dump of a query.
    pub fn interval_ms(&self) -> i64 {
        match &self.interval {
            SpecInterval::All => 0,
            SpecInterval::Length { ms, .. } => *ms,
        }
    }

    /// The plan's form. A time zone alone does not make buckets follow the calendar (`calendar/tzonly-1d-sum`).
    pub fn plan(&self, use_calendar: bool, zone: Option<TimeZone>) -> Result<Downsample, RequestError> {
        let fill = match self.fill {
            FillName::None => Fill::None,
            FillName::Zero => Fill::Zero,
            FillName::Nan => Fill::Nan,
            FillName::Null => Fill::Null,
            FillName::Scalar => return Err(RequestError::new("unhandled fill policy").details("unhandled fill policy")),
        };
        let interval = match &self.interval {
            SpecInterval::All => Interval::All,
            SpecInterval::Length { text, calendar, .. } if *calendar || use_calendar => {
                let (count, unit) = calendar_units(text)?;
                Interval::Calendar { count, unit, zone: zone.unwrap_or(TimeZone::UTC) }
            }
            SpecInterval::Length { ms, .. } => Interval::Fixed { ms: *ms },
        };
        Ok(Downsample { interval, function: self.function, fill })
    }
}

/// The zone of a request; an unknown one fails only where a downsampler needs it (`calendar/bad-tz-no-ds`).
pub fn calendar_zone(name: Option<&str>) -> Result<Option<TimeZone>, RequestError> {
    match name.filter(|n| !n.is_empty()) {
        None => Ok(None),
        Some(name) => match zone(name) {
            Some(zone) => Ok(Some(zone)),
            None => Err(RequestError::new("The timezone specification could not be found")),
        },
    }
}

/// For the calendar all but the unit must be a number, and the unit one that is known.
fn calendar_units(text: &str) -> Result<(u32, CalendarUnit), RequestError> {
    let fail = |message: String| RequestError::new(message.clone()).details(message);
    let lower = text.to_lowercase();
    let unit = if lower.contains("ms") { 2 } else { 1 };
    let cut = text.char_indices().rev().nth(unit - 1).map_or(0, |(at, _)| at);
    let (count, unit) = text.split_at_checked(cut).unwrap_or_default();
    let count =
        count.parse::<i32>().ok().and_then(|n| u32::try_from(n).ok()).ok_or_else(|| fail(format!("For input string: \"{count}\"")))?;
    let unit = match unit.to_lowercase().as_str() {
        "ms" => CalendarUnit::Millisecond,
        "s" => CalendarUnit::Second,
        "m" => CalendarUnit::Minute,
        "h" => CalendarUnit::Hour,
        "d" => CalendarUnit::Day,
        "w" => CalendarUnit::Week,
        "n" => CalendarUnit::Month,
        "y" => CalendarUnit::Year,
        other => return Err(fail(format!("Unrecognized unit type: {other}"))),
    };
    Ok((count, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = parse(text).and_then(|spec| spec.plan(false, None));
        let got = got.map(|d| match d.interval {
            Interval::All => format!("all {:?} {:?}", d.function, d.fill),
            Interval::Fixed { ms } => format!("{ms} {:?} {:?}", d.function, d.fill),
            Interval::Calendar { count, unit, .. } => format!("{count} {unit:?} {:?} {:?}", d.function, d.fill),
        });
        assert_eq!(got.as_deref().map_err(|e| e.message.as_str()), want, "{text}");
    }

    #[test]
    fn buckets() {
        check("5m-avg", Ok("300000 Avg None"));
        check("5M-avg", Ok("300000 Avg None")); // the unit may be upper case: downsample/err-upper-unit
        check("500ms-sum-nan", Ok("500 Sum Nan"));
        check("500Ms-sum", Ok("500000 Sum None"));
        check("5foom-sum", Ok("300000 Sum None"));
        check("1h-max-NAN", Ok("3600000 Max Nan"));
        check("1n-count-null", Ok("2592000000 Count Null"));
        check("1m-avg--", Ok("60000 Avg None"));
        check("1dc-sum-zero", Ok("1 Day Sum Zero"));
        check("2wc-sum", Ok("2 Week Sum None"));
        check("0all-max", Ok("all Max None"));
        check("allofit-max", Ok("all Max None"));
        check("1m", Err("Invalid downsampling specifier '1m': must provide at least interval and function"));
        check(
            "1m-avg-nan-foo",
            Err("Invalid downsampling specifier '1m-avg-nan-foo': must consist of interval, function, and optional fill policy"),
        );
        check("-avg", Err("Invalid downsampling specifier '-avg': the interval is missing"));
        check("1m--avg", Err("No such downsampling function: "));
        check("1M-AVG", Err("No such downsampling function: AVG"));
        check("1m-none", Err("cannot use the NONE aggregator for downsampling"));
        check("1m-avg-lerp", Err("Unrecognized fill policy: lerp"));
        check("1m-avg-scalar", Err("unhandled fill policy"));
        check("0m-avg", Err("Zero or negative duration: 0m"));
        check("10x-avg", Err("Invalid duration (suffix): 10x"));
        check("5foomc-sum", Err("For input string: \"5foo\""));
        check("5msc-sum", Ok("5 Millisecond Sum None"));
        check("9999999999dc-sum", Err("For input string: \"9999999999\""));
        check("c-sum", Err("Cannot parse null or empty duration"));
    }
}
