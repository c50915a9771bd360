//! Runs `/api/query/gexp`: functions over the answers of `m=` queries.

use super::Allowed;
use super::names::Names;
use crate::point::java_map;
use crate::query::engine::{Cancel, Engine, QueryError};
use crate::query::expression::function::{Answers, Call, Curve, Scope};
use crate::query::plan::{Fill, Group, Query, SubQuery};
use crate::uid::{UidKind, Uids};

/// The series of all functions in order.
#[derive(Clone, Debug, Default)]
pub struct Calculated {
    /// As the answer shows them, uncut.
    pub groups: Vec<Group>,
    /// For each: it was made of several series.
    pub joined: Vec<bool>,
}

/// `shifts_ms`: how much earlier each sub query is asked, by its index.
pub fn gexp(
    engine: &Engine,
    uids: &Uids,
    query: &Query,
    shifts_ms: &[i64],
    calls: &[Call],
    cancel: &Cancel,
) -> Result<Calculated, QueryError> {
    let work = engine.work(cancel);
    let names = Names(uids);
    let mut answers: Answers = vec![Some(Vec::new()); shifts_ms.len()];
    let shifted = |sub: &SubQuery| {
        let shift = shifts_ms.get(sub.index).copied().unwrap_or(0);
        (query.start_ms - shift, query.end_ms - shift)
    };
    let asked: Vec<_> = query.subs.iter().map(|sub| (shifted(sub), sub)).collect();
    for (sub, groups) in query.subs.iter().zip(work.all_read(&asked)?) {
        let curves = groups.into_iter().filter(|group| !group.tsuids.is_empty()).map(|group| curve(group, names));
        let curves = curves.collect::<Result<Vec<_>, _>>()?;
        if let Some(answer) = answers.get_mut(sub.index) {
            *answer = Some(curves);
        }
    }
    let allowed = Allowed::new(&work);
    let scope = Scope { range: (query.start_ms, query.end_ms), limits: &allowed };
    let nan_is_null: Vec<bool> = query.subs.iter().map(|sub| sub.downsample.as_ref().is_some_and(|spec| spec.fill == Fill::Null)).collect();
    let mut out = Calculated::default();
    for call in calls {
        for curve in call.evaluate(&mut answers, scope).map_err(|error| allowed.error(error))? {
            out.joined.push(curve.joined);
            let nan_is_null = nan_is_null.get(curve.index).copied().unwrap_or(false);
            out.groups.push(group(curve, nan_is_null, names)?);
        }
    }
    Ok(out)
}

fn curve(group: Group, names: Names<'_>) -> Result<Curve, QueryError> {
    let labels = names.labels(&group)?;
    let Group { points, tsuids, index, notes, .. } = group;
    Ok(Curve { labels, points, tsuids, index, notes, ..Curve::default() })
}

fn group(curve: Curve, nan_is_null: bool, names: Names<'_>) -> Result<Group, QueryError> {
    let Curve { labels, points, tsuids, index, alias, notes, .. } = curve;
    let tags = names.tags(&labels)?;
    let (metric, tags, aggregate_tags) = match alias {
        Some(alias) => (if alias.knows_tags { filled(alias.text, &tags) } else { alias.text }, Vec::new(), Vec::new()),
        // Of several metrics the first one's name (recorded case `gexp/61-difference_ex.d_ex.c_`).
        None => {
            let metric = labels.metrics.first().map(|metric| names.name(UidKind::Metric, metric)).transpose()?;
            (metric.unwrap_or_default(), tags, names.aggregated(&labels)?)
        }
    };
    Ok(Group { index, metric, tags, aggregate_tags, tsuids, points, nan_is_null, notes, rollup: None })
}

/// `@host` stands for the tag's value, one tag after the other in the order of Java's map.
fn filled(template: String, tags: &[(String, String)]) -> String {
    let keys: Vec<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
    let order = java_map::default_order(&keys);
    order.into_iter().filter_map(|at| tags.get(at)).fold(template, |text, (key, value)| text.replace(&format!("@{key}"), value))
}
