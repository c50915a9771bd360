//! Metrics over the members of a group, computed and written as points (open-falcon's aggregator, kit worker SPEC c.7).

use super::house::{Ask, House, OwnPoint};
use super::rule::cluster::{Counter, ratio};
use super::rule::expression::SourceError;
use super::rule::model::Cluster;
use crate::query::request::uri;
use std::collections::{BTreeMap, BTreeSet};

/// The point of a cluster at `now`, seconds; `None`: no member has all values, or the denominator is zero.
///
/// # Errors
/// Nobody answers, or a query was refused.
pub fn point(house: &dyn House, cluster: &Cluster, now: i64) -> Result<Option<OwnPoint>, SourceError> {
    let every = i64::try_from(cluster.every.as_secs()).unwrap_or(i64::MAX).max(1);
    // A member whose newest value is older has none.
    let oldest = now.saturating_sub(every.saturating_mul(2));
    let counters: BTreeSet<&Counter> = cluster.numerator.counters().chain(cluster.denominator.counters()).collect();
    let mut members: BTreeMap<String, BTreeMap<Counter, f64>> = BTreeMap::new();
    for counter in counters {
        let tags: Vec<String> = counter.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let text = format!("none:{}{{{}}}", counter.metric, [vec![format!("{}=*", cluster.member)], tags].concat().join(","));
        let parsed = uri::parse(&[("start".to_owned(), "1".to_owned()), ("m".to_owned(), text.clone())]);
        let sub = parsed.ok().and_then(|request| request.subs?.into_iter().next());
        let sub = sub.ok_or_else(|| SourceError::Refused(format!("{text} is no query")))?;
        for found in house.answer(&Ask { text: &text, sub: &sub, range: (oldest, now) })? {
            let (Some(member), Some((_, value))) = (found.tags.get(&cluster.member), found.points.last()) else { continue };
            if cluster.group.has(&found.tags) {
                *members.entry(member.clone()).or_default().entry(counter.clone()).or_default() += value;
            }
        }
    }
    let members: Vec<BTreeMap<Counter, f64>> = members.into_values().collect();
    let value = ratio(&cluster.numerator, &cluster.denominator, &members);
    Ok(value.map(|value| OwnPoint { metric: cluster.metric.clone(), at: now, value, tags: cluster.tags.clone() }))
}
