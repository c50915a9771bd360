//! From the answer of a query to a picture: names, axes, events; histograms' ranges become a heat map.

use super::gaps;
use super::options::Options;
use super::picture::{Heat, HeatRow, Mark, Picture, Series};
use crate::codec::Note;
use crate::query::plan::{Group, Query};
use crate::query::points::as_f64;
use jiff::tz::TimeZone;

/// Longest text of an event, in characters.
const MARK_TEXT_MAX: usize = 200;
/// Times above it are milliseconds.
const SECONDS_MAX: i64 = 0xffff_ffff;

/// The picture of an answer over the time of its question.
pub fn picture(query: &Query, groups: Vec<Group>, zone: TimeZone, options: &Options) -> Picture {
    let mut picture = Picture { start_ms: query.start_ms, end_ms: query.end_ms, zone, series: Vec::new(), marks: Vec::new(), heat: None };
    let ranges: Vec<usize> =
        query.subs.iter().filter(|sub| sub.histogram.as_ref().is_some_and(|histogram| histogram.ranges)).map(|sub| sub.index).collect();
    let span = (query.start_ms, query.end_ms);
    let mut heat = Heat::default();
    for group in groups {
        for note in &group.notes {
            picture.marks.push(mark(note));
        }
        let points: Vec<(i64, f64)> = group.points.iter().map(|(at, value)| (*at, as_f64(*value))).collect();
        if ranges.contains(&group.index)
            && let Some((name, bounds)) = range(&group.metric)
        {
            if let Some((lower, upper)) = bounds {
                let points = within(points, span, 0);
                add(&mut heat, name, HeatRow { lower, upper, points });
            }
            continue;
        }
        // The place of a query decides about its axis.
        let place = query.subs.iter().position(|sub| sub.index == group.index).unwrap_or(group.index);
        let right = options.right.get(place).copied().unwrap_or(false);
        picture.series.push(Series { name: group.metric, tags: group.tags, right, points: gaps::opened(within(points, span, 1)) });
    }
    heat.rows.sort_by(|a, b| a.lower.total_cmp(&b.lower).then(a.upper.total_cmp(&b.upper)));
    picture.heat = (!heat.rows.is_empty()).then_some(heat);
    arrange(&mut picture.marks);
    picture
}

/// The points between two instants, with so many more on either side: a line leaves the picture towards its next point.
fn within(points: Vec<(i64, f64)>, span: (i64, i64), beside: usize) -> Vec<(i64, f64)> {
    let from = points.partition_point(|(at, _)| *at < span.0).saturating_sub(beside);
    let to = points.partition_point(|(at, _)| *at <= span.1).saturating_add(beside);
    points.into_iter().take(to).skip(from).collect()
}

/// A note as an event.
pub fn mark(note: &Note) -> Mark {
    let text = note.description.iter().flat_map(|text| text.chars()).take(MARK_TEXT_MAX).collect();
    let at_ms = if note.start > SECONDS_MAX { note.start } else { note.start.saturating_mul(1000) };
    Mark { at_ms, text }
}

/// In order of time, each once: series of one group repeat the notes that they share.
pub fn arrange(marks: &mut Vec<Mark>) {
    marks.sort_by(|a, b| (a.at_ms, &a.text).cmp(&(b.at_ms, &b.text)));
    marks.dedup_by(|a, b| a.at_ms == b.at_ms && a.text == b.text);
}

/// Adds a range; equal ranges of several groups are one.
fn add(heat: &mut Heat, name: &str, row: HeatRow) {
    heat.name = name.to_owned();
    let Some(known) = heat.rows.iter_mut().find(|known| known.lower == row.lower && known.upper == row.upper) else {
        heat.rows.push(row);
        return;
    };
    let mut sums: std::collections::BTreeMap<i64, f64> = known.points.drain(..).collect();
    for (at, count) in row.points {
        *sums.entry(at).or_default() += count;
    }
    known.points = sums.into_iter().collect();
}

type Bounds = Option<(f64, f64)>;

/// The metric and the range in the name of a histogram's count: `m_0.0_1.75`. `None` bounds: `m_OVERFLOW`.
fn range(name: &str) -> Option<(&str, Bounds)> {
    if let Some(metric) = name.strip_suffix("_OVERFLOW").or_else(|| name.strip_suffix("_UNDERFLOW")) {
        return Some((metric, None));
    }
    let (rest, upper) = name.rsplit_once('_')?;
    let (metric, lower) = rest.rsplit_once('_')?;
    let (lower, upper): (f64, f64) = (lower.parse().ok()?, upper.parse().ok()?);
    (upper > lower).then_some((metric, Some((lower, upper))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_from_names() {
        assert_eq!(range("a_b_0.0_1.75"), Some(("a_b", Some((0.0, 1.75)))));
        assert_eq!(range("m_1.0E10_2.5E10"), Some(("m", Some((1e10, 2.5e10)))));
        assert_eq!(range("m_OVERFLOW"), Some(("m", None)));
        assert_eq!(range("m_pct_99.9"), None);
        assert_eq!(range("m_2_1"), None);
    }

    #[test]
    fn a_line_goes_on_to_its_next_point() {
        let times = |span, beside| within((0..5).map(|at| (at * 10, 1.0)).collect(), span, beside).iter().map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(times((10, 29), 0), [10, 20]);
        assert_eq!(times((10, 29), 1), [0, 10, 20, 30]);
        assert_eq!(times((-9, 99), 1), [0, 10, 20, 30, 40]);
        assert_eq!(times((41, 99), 1), [40]);
    }

    #[test]
    fn marks_are_told_once() {
        let mark = |at_ms, text: &str| Mark { at_ms, text: text.into() };
        let mut marks = vec![mark(5, "b"), mark(1, "a"), mark(5, "b"), mark(5, "a")];
        arrange(&mut marks);
        assert_eq!(marks.iter().map(|m| (m.at_ms, m.text.as_str())).collect::<Vec<_>>(), [(1, "a"), (5, "a"), (5, "b")]);
    }
}
