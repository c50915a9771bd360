//! Names to a series, in OpenTSDB's order: the metric, then each tag's name and value as a Java map would list them.
//!
//! While the store is away, points of new names can be taken only where every name may be created (rule 8): nobody can
//! say whether a name that may not be created exists.

use super::aside::Aside;
use super::journal::{NamedPoint, Segment};
use super::series::Series;
use super::{Inner, WriteError};
use crate::codec::SeriesKey;
use crate::point::{Point, TagBuf};
use crate::store::StoreError;
use crate::uid::{Uid, UidError, UidKind};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Most points that wait for ids of their names.
const NAMED_POINTS_MAX: usize = 100_000;

/// What became of a point's names.
pub enum Resolved {
    /// They have ids.
    Series(Arc<Series>),
    /// The store is away and all of them may be created: the journal holds the point by name.
    Later,
}

/// New names of points that will come, to be given ids all at once and not one after the other.
pub struct NewNames<'a> {
    inner: &'a Inner,
    of_kind: [(UidKind, bool, Vec<String>); 3],
    seen: FxHashSet<(UidKind, String)>,
}

impl<'a> NewNames<'a> {
    pub(super) fn new(inner: &'a Inner) -> NewNames<'a> {
        let auto = inner.options.auto_create;
        let kinds = [(UidKind::Metric, auto.metric), (UidKind::Tagk, auto.tagk), (UidKind::Tagv, auto.tagv)];
        NewNames { inner, of_kind: kinds.map(|(kind, create)| (kind, create, Vec::new())), seen: FxHashSet::default() }
    }

    /// Notes the names of a point that may be created and are not known here. What the point would be refused for ends
    /// it here too: the names behind get no ids.
    pub fn note(&mut self, point: &Point<'_>) {
        if point.tags.is_empty() || point.tags.len() > self.inner.options.max_tags || !self.name(UidKind::Metric, point.metric) {
            return;
        }
        for (key, value) in TagBuf::hash_order(point.tags) {
            if !self.name(UidKind::Tagk, key) || !self.name(UidKind::Tagv, value) {
                return;
            }
        }
    }

    /// False: nobody knows here whether the name exists, and it may not be created.
    fn name(&mut self, kind: UidKind, name: &str) -> bool {
        if self.inner.uids.cached_id(kind, name).is_some() {
            return true;
        }
        let Some((_, true, names)) = self.of_kind.iter_mut().find(|(of, ..)| *of == kind) else { return false };
        if self.inner.uids.may_create(kind, name).is_err() {
            return false;
        }
        if self.seen.insert((kind, name.to_owned())) {
            names.push(name.to_owned());
        }
        true
    }

    /// Gives ids to the names, in the order of the points. What fails is told by [`super::Batch::add`].
    pub fn assign(self) {
        for (kind, _, names) in &self.of_kind {
            if let Err(error) = self.inner.uids.create_all(*kind, names) {
                tracing::debug!("ids of {} new names of kind {}: {error}", names.len(), kind.qualifier());
            }
        }
    }
}

/// Looks names up, and creates those that may be created.
pub fn resolve(inner: &Inner, point: &Point<'_>) -> Result<Resolved, WriteError> {
    let auto = inner.options.auto_create;
    let id = |kind: UidKind, name: &str| -> Result<Option<Uid>, WriteError> {
        let create = match kind {
            UidKind::Metric => auto.metric,
            UidKind::Tagk => auto.tagk,
            UidKind::Tagv => auto.tagv,
        };
        let found = if create { inner.uids.id_or_create(kind, name) } else { inner.uids.id(kind, name) };
        match found {
            Ok(id) => Ok(Some(id)),
            Err(UidError::Store(StoreError::Unavailable(_) | StoreError::MaybeApplied { .. })) if create => {
                inner.uids.may_create(kind, name)?;
                Ok(None)
            }
            Err(UidError::Store(e @ (StoreError::Unavailable(_) | StoreError::MaybeApplied { .. }))) => {
                Err(WriteError::Overloaded(format!("nobody can say whether the name '{name}' exists: {e}")))
            }
            Err(e) => Err(WriteError::Uid(e)),
        }
    };
    let metric = id(UidKind::Metric, point.metric)?;
    let mut tags = Vec::with_capacity(point.tags.len());
    for (key, value) in TagBuf::hash_order(point.tags) {
        tags.push((id(UidKind::Tagk, key)?, id(UidKind::Tagv, value)?));
    }
    let pairs: Option<Vec<_>> = tags.iter().map(|(k, v)| Some((k.as_ref()?.as_bytes(), v.as_ref()?.as_bytes()))).collect();
    let (Some(metric), Some(pairs)) = (metric, pairs) else { return Ok(Resolved::Later) };
    let key = SeriesKey::new(&inner.options.layout, metric.as_bytes(), pairs);
    Ok(Resolved::Series(inner.series.by_tsuid(&key.tsuid(), || key.clone())))
}

/// A point by name, with what keeps it safe.
struct Waiting {
    point: NamedPoint,
    accepted: i64,
    segment: Arc<Segment>,
}

/// Points whose names have no ids yet, because the store was away. Bounded by [`NAMED_POINTS_MAX`].
#[derive(Default)]
pub struct Named {
    waiting: Mutex<VecDeque<Waiting>>,
}

impl Named {
    /// Refuses when there is no room for `more`.
    pub fn room(&self, more: usize) -> Result<(), WriteError> {
        if self.waiting.lock().len() + more > NAMED_POINTS_MAX {
            return Err(WriteError::Overloaded(format!(
                "the store is away and {NAMED_POINTS_MAX} points of new series wait for it (NAMED_POINTS_MAX)"
            )));
        }
        Ok(())
    }

    /// Takes a point.
    pub fn push(&self, point: NamedPoint, accepted: i64, segment: Arc<Segment>) {
        self.waiting.lock().push_back(Waiting { point, accepted, segment });
    }

    /// Points that wait.
    pub fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Gives ids to as many as the store allows, in order. Returns false when the store is still away.
    /// What can never be stored goes to the file of refused points.
    pub fn settle(&self, inner: &Inner, aside: &Aside) -> bool {
        loop {
            let Some(next) = self.waiting.lock().front().map(|w| w.point.clone()) else { return true };
            let tags: Vec<_> = next.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            // Time and value play no part in the lookup.
            let time = crate::point::PointTime::Seconds(1);
            let probe = Point { metric: &next.metric, time, value: crate::point::Value::Int(0), tags: &tags };
            let found = match resolve(inner, &probe) {
                Ok(Resolved::Series(series)) => Some(series),
                Ok(Resolved::Later) | Err(WriteError::Overloaded(_)) => return false,
                Err(error) => {
                    if !aside.named(&next, &error.to_string()) {
                        return false;
                    }
                    inner.counters.rejected.fetch_add(1, Relaxed);
                    None
                }
            };
            let Some(done) = self.waiting.lock().pop_front() else { return true };
            if let Some(series) = found {
                inner.arrived_late(&series, &done.point, done.accepted, &done.segment);
            }
        }
    }
}
