//! Names by regular expressions: of metrics, and of the tags that their series have.

use super::{Catalog, Inner};
use crate::point::java_regex::{self, PatternError};
use crate::query::engine::QueryError;
use crate::uid::{Uid, UidKind};
use fancy_regex::Regex;
use rustc_hash::FxHashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long one question looks at names, from when it was asked. What was not looked at until then is not told.
const PATTERNS_TIME: Duration = Duration::from_millis(800);

/// A regular expression that is found anywhere in a name, in the language of `regexp(…)` filters.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    until: Instant,
    gave_up: AtomicBool,
}

impl Pattern {
    /// Compiles it; its time begins.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        Ok(Pattern { regex: java_regex::compile(text)?, until: Instant::now() + PATTERNS_TIME, gave_up: AtomicBool::new(false) })
    }

    /// Whether it is found in a name. Not in one that it is too hard for, nor when its time is over: then it has given up.
    fn fits(&self, name: &str) -> bool {
        let found = if Instant::now() < self.until { self.regex.is_match(name).ok() } else { None };
        self.gave_up.fetch_or(found.is_none(), Relaxed);
        found.unwrap_or(false)
    }
}

/// What names of metrics, and tags of their series, must hold.
#[derive(Debug, Default)]
pub struct Patterns {
    /// Of the metric.
    pub metric: Option<Pattern>,
    /// Of a tag's name.
    pub tagk: Option<Pattern>,
    /// Of the value of the same tag.
    pub tagv: Option<Pattern>,
}

impl Patterns {
    /// Whether a name of a metric fits.
    pub(super) fn fit(&self, name: &str) -> bool {
        self.metric.as_ref().is_none_or(|pattern| pattern.fits(name))
    }

    /// Some names were not looked at.
    pub(super) fn gave_up(&self) -> bool {
        [&self.metric, &self.tagk, &self.tagv].into_iter().flatten().any(|pattern| pattern.gave_up.load(Relaxed))
    }
}

/// Metrics whose names fit and whose series have a tag that fits.
pub(super) struct Tagged<'p> {
    patterns: &'p Patterns,
    /// `None`: nothing is asked of tags.
    metrics: Option<FxHashSet<Uid>>,
    /// Series are still looked for.
    pub loading: bool,
    /// There are more than are held.
    pub limited: bool,
}

impl Tagged<'_> {
    /// Whether a metric is one of them. The expression comes last: it costs most.
    pub fn has(&self, name: &str, metric: Option<Uid>) -> bool {
        let tagged = self.metrics.as_ref().is_none_or(|metrics| metric.is_some_and(|metric| metrics.contains(&metric)));
        tagged && self.patterns.fit(name)
    }
}

impl Catalog {
    /// The metrics whose names fit, and that have a series with a tag whose name and value do.
    pub(super) fn tagged<'p>(&self, patterns: &'p Patterns) -> Result<Tagged<'p>, QueryError> {
        if patterns.tagk.is_none() && patterns.tagv.is_none() {
            return Ok(Tagged { patterns, metrics: None, loading: false, limited: false });
        }
        let (mut loading, mut limited) = self.ready_roll()?;
        let mut ids = |kind, pattern: &Option<Pattern>| match pattern {
            None => Ok(None),
            Some(pattern) => {
                let names = self.ready(kind)?;
                let list = names.list();
                loading |= !names.is_loaded();
                limited |= list.is_full();
                let fitting = (0..list.len()).filter(|at| pattern.fits(list.name(*at))).filter_map(|at| list.id(at));
                Ok::<_, QueryError>(Some(fitting.collect::<FxHashSet<Uid>>()))
            }
        };
        let (keys, values) = (ids(UidKind::Tagk, &patterns.tagk)?, ids(UidKind::Tagv, &patterns.tagv)?);
        let metrics = self.inner.with_tag(keys.as_ref(), values.as_ref());
        Ok(Tagged { patterns, metrics: Some(metrics), loading, limited })
    }
}

impl Inner {
    /// Metrics of the roll that have one of these names with one of these values; `None`: any.
    fn with_tag(&self, keys: Option<&FxHashSet<Uid>>, values: Option<&FxHashSet<Uid>>) -> FxHashSet<Uid> {
        let width = usize::from(self.options.layout.metric_width);
        let one_of = |ids: Option<&FxHashSet<Uid>>, id: &[u8]| ids.is_none_or(|ids| Uid::new(id).is_some_and(|id| ids.contains(&id)));
        let mut found = FxHashSet::default();
        self.each_of_roll(&mut |tsuid| {
            let Some((metric, tags)) = tsuid.split_at_checked(width) else { return };
            let Some(metric) = Uid::new(metric).filter(|metric| !found.contains(metric)) else { return };
            if self.pairs(tags).any(|(key, value)| one_of(keys, key) && one_of(values, value)) {
                found.insert(metric);
            }
        });
        found
    }
}
