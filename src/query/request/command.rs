//! The command line's query: `START [END] FUNC [rate] [counter,max,reset] [downsample N FUNC] SERIES [TAGS] ...`.
//!
//! Source: recorded cases `cli/query.*`. Several queries may follow each other. N is in milliseconds.

use super::date::{Clock, parse_date};
use super::post::DEFAULT_RATE;
use super::uri::one_filter;
use super::{RequestError, names};
use crate::query::filter::FilterSpec;
use crate::query::plan::{Aggregator, Downsample, Fill, Interval, Query, RateOptions, RollupChoice, Source, SubQuery, Unlimited};

/// What a command line asks for.
#[derive(Clone, Debug)]
pub struct Command {
    /// The plan. Times are whole seconds.
    pub query: Query,
    /// `+key=value` for a graph, without the plus.
    pub plot_options: Vec<String>,
    /// Options of each series' line for a graph: arguments with a blank in them.
    pub series_options: Vec<String>,
}

/// Reads the arguments after the flags: dates, then at least one query.
pub fn parse(args: &[String], clock: &Clock) -> Result<Command, RequestError> {
    let mut args = Arguments { args, at: 0 };
    let start_s = parse_date(args.next("the start date")?, None, clock)?.div_euclid(1_000);
    let end_s = end_date(&mut args, clock)?.map(|ms| ms.div_euclid(1_000));
    if let Some(end) = end_s.filter(|end| *end <= start_s) {
        return Err(RequestError::new(format!("new end time ({end}) is less than or equal to start time: {start_s}")));
    }
    if start_s < 0 {
        return Err(RequestError::new(format!("Invalid timestamp: {start_s}")));
    }
    let mut command = Command {
        query: Query {
            start_ms: start_s * 1_000,
            end_ms: end_s.map_or(clock.now_ms, |s| s * 1_000),
            subs: Vec::new(),
            unlimited: Unlimited::default(),
        },
        plot_options: Vec::new(),
        series_options: Vec::new(),
    };
    while let Some(option) = args.peek().and_then(|a| a.strip_prefix('+')) {
        command.plot_options.push(option.to_string());
        args.at += 1;
    }
    while args.peek().is_some() {
        let sub = sub_query(&mut args, command.query.subs.len())?;
        command.query.subs.push(sub);
        if let Some(options) = args.peek().filter(|a| has_after_first(a, ' ')) {
            command.series_options.push(options.to_string());
            args.at += 1;
        }
    }
    if command.query.subs.is_empty() {
        return Err(RequestError::new("Not enough arguments, need at least one query."));
    }
    Ok(command)
}

struct Arguments<'a> {
    args: &'a [String],
    at: usize,
}

impl<'a> Arguments<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.args.get(self.at).map(String::as_str)
    }

    fn next(&mut self, what: &str) -> Result<&'a str, RequestError> {
        let arg = self.peek().ok_or_else(|| RequestError::new(format!("Not enough arguments: {what} is missing.")))?;
        self.at += 1;
        Ok(arg)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }
}

/// The second argument is a date if more than two follow and it looks like one.
fn end_date(args: &mut Arguments<'_>, clock: &Clock) -> Result<Option<i64>, RequestError> {
    if args.args.len() <= 3 {
        return Ok(None);
    }
    let Some(text) = args.peek() else { return Ok(None) };
    let dated = text.contains([':', '/', '-']) || text.parse::<i64>().is_ok_and(|n| n > 0);
    if text.starts_with('+') || !dated {
        return Ok(None);
    }
    args.at += 1;
    parse_date(text, None, clock).map(Some)
}

fn sub_query(args: &mut Arguments<'_>, index: usize) -> Result<SubQuery, RequestError> {
    let aggregator = function(args.next("the function")?)?;
    let rate = if args.take("rate") { Some(rate(args)?) } else { None };
    let downsample = if args.take("downsample") { Some(downsample(args)?) } else { None };
    let metric = args.next("the metric")?.to_string();
    let mut filters: Vec<FilterSpec> = Vec::new();
    while let Some(tag) = args.peek().filter(|a| !has_after_first(a, ' ') && has_after_first(a, '=')) {
        args.at += 1;
        let filter = one_filter(tag).map_err(|e| RequestError::new(e.0))?;
        let same_tag = filters.iter().find(|f| f.filter.tagk == filter.filter.tagk);
        if same_tag.is_some_and(|f| f.key() != filter.key()) {
            return Err(RequestError::new(format!("duplicate tag: {tag}")));
        }
        filter.add_grouping(&mut filters);
    }
    let filters = filters.into_iter().map(|f| f.filter).collect();
    let (source, rollup) = (Source::Metric(metric), RollupChoice::default());
    Ok(SubQuery { index, source, filters, explicit_tags: false, aggregator, downsample, rate, rollup, histogram: None })
}

fn has_after_first(text: &str, c: char) -> bool {
    text.chars().skip(1).any(|x| x == c)
}

fn function(name: &str) -> Result<Aggregator, RequestError> {
    names::aggregator(name).ok_or_else(|| RequestError::new(format!("No such aggregator: {name}")))
}

fn number(text: &str) -> Result<i64, RequestError> {
    text.parse().map_err(|_| RequestError::new(format!("For input string: \"{text}\"")))
}

fn rate(args: &mut Arguments<'_>) -> Result<RateOptions, RequestError> {
    let Some(text) = args.peek().filter(|a| a.starts_with("counter")) else { return Ok(DEFAULT_RATE) };
    args.at += 1;
    let mut options = RateOptions { counter: true, ..DEFAULT_RATE };
    let mut parts = text.split(',').skip(1);
    if let Some(max) = parts.next().filter(|p| !p.is_empty()) {
        options.counter_max = number(max)?;
    }
    if let Some(reset) = parts.next().filter(|p| !p.is_empty()) {
        options.reset_value = number(reset)?;
    }
    Ok(options)
}

fn downsample(args: &mut Arguments<'_>) -> Result<Downsample, RequestError> {
    let ms = number(args.next("the length of the downsampling")?)?;
    let function = function(args.next("the function of the downsampling")?)?;
    if ms <= 0 {
        return Err(RequestError::new(format!("interval not > 0: {ms}")));
    }
    if function == Aggregator::None {
        return Err(RequestError::new("cannot use the NONE aggregator for downsampling"));
    }
    Ok(Downsample { interval: Interval::Fixed { ms }, function, fill: Fill::None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: Result<&str, &str>) {
        let args: Vec<String> = line.split(' ').map(str::to_string).collect();
        let clock = Clock { now_ms: 1_500_000_000_123, zone: jiff::tz::TimeZone::UTC };
        let got = parse(&args, &clock).map(|c| {
            let subs: Vec<String> = c
                .query
                .subs
                .iter()
                .map(|s| {
                    format!(
                        "{:?} {:?} {} {:?} {}",
                        s.aggregator,
                        s.source,
                        s.filters.len(),
                        s.rate.map(|r| r.counter_max),
                        s.downsample.is_some()
                    )
                })
                .collect();
            format!("{}..{} {}", c.query.start_ms, c.query.end_ms, subs.join("; "))
        });
        assert_eq!(got.as_deref().map_err(|e| e.message.as_str()), want, "{line}");
    }

    #[test]
    fn command_lines() {
        check("1399990000 1400010000 sum sys.cpu", Ok(r#"1399990000000..1400010000000 Sum Metric("sys.cpu") 0 None false"#));
        check("1399990000 sum sys.cpu", Ok(r#"1399990000000..1500000000123 Sum Metric("sys.cpu") 0 None false"#));
        check(
            "1399990000 1400010000 sum rate counter,100,5 downsample 60 avg m host=* dc=a",
            Ok(r#"1399990000000..1400010000000 Sum Metric("m") 2 Some(100) true"#),
        );
        check(
            "1399990000 1400010000 +wxh=1x1 sum a h=1 max b",
            Ok(r#"1399990000000..1400010000000 Sum Metric("a") 1 None false; Max Metric("b") 0 None false"#),
        );
        check("2014/05/13-16:00:00 2014/05/13-19:00:00 sum m", Ok(r#"1399996800000..1400007600000 Sum Metric("m") 0 None false"#));
        check("1399990000 1400010000 foo m", Err("No such aggregator: foo"));
        check("1400010000 1399990000 sum m", Err("new end time (1399990000) is less than or equal to start time: 1400010000"));
        check("foo 1400010000 sum m", Err("Invalid time: foo. Invalid character 'f' in foo"));
        check("1399990000 1400010000 sum", Err("No such aggregator: 1400010000")); // three arguments: no end date
        check("1399990000 1400010000 sum rate", Err("Not enough arguments: the metric is missing."));
        check("1399990000 1400010000 sum m h=a h=b", Err("duplicate tag: h=b"));
    }
}
