//! The ensemble: filters, algorithms by name, consensus.

use super::sight::{Scratch, Sight};
use super::{Finding, Seasons, Settings, Sudden, Verdict, Window, is_null, skyline};
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// Looks at the end of a series. Shared between threads.
pub type Algorithm = Arc<dyn Fn(&mut Sight<'_>) -> Finding + Send + Sync>;

/// Algorithms by name. The set is open: [`Catalogue::add`] brings one's own, or replaces one.
pub struct Catalogue {
    known: BTreeMap<String, Algorithm>,
}

impl Default for Catalogue {
    /// Skyline's nine, and ours with their defaults: `sudden_rise`, `sudden_fall`, `seasonal_day`, `seasonal_week`.
    ///
    /// `stddev_from_average` is known by its older name `simple_stddev_from_moving_average` too.
    fn default() -> Catalogue {
        let mut catalogue = Catalogue { known: BTreeMap::new() };
        for (name, algorithm) in skyline::NINE {
            catalogue.add(name, algorithm);
            if name == "stddev_from_average" {
                catalogue.add("simple_stddev_from_moving_average", algorithm);
            }
        }
        catalogue.add("sudden_rise", |s| Sudden::default().rise(s));
        catalogue.add("sudden_fall", |s| Sudden::default().fall(s));
        let (day, week) = (Seasons::days(7), Seasons::weeks(4));
        catalogue.add("seasonal_day", move |s| day.judge(s));
        catalogue.add("seasonal_week", move |s| week.judge(s));
        catalogue
    }
}

impl Catalogue {
    /// Adds an algorithm, or puts it in the place of one of the same name.
    pub fn add(&mut self, name: &str, algorithm: impl Fn(&mut Sight<'_>) -> Finding + Send + Sync + 'static) {
        self.known.insert(name.to_string(), Arc::new(algorithm));
    }

    /// The algorithm of this name.
    pub fn get(&self, name: &str) -> Option<&Algorithm> {
        self.known.get(name)
    }

    /// All names, in order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }
}

impl Debug for Catalogue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The settings name an algorithm that the catalogue does not have.
#[derive(Debug, thiserror::Error)]
#[error("no algorithm is called {name:?}; there are {known}")]
pub struct UnknownAlgorithm {
    /// What was asked for.
    pub name: String,
    /// What there is, with commas.
    pub known: String,
}

/// Why a series is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// Fewer points than `min_tolerable_length`, or none.
    #[error("too short")]
    TooShort,
    /// The last point is older than `stale_period`.
    #[error("stale")]
    Stale,
    /// The last points have too few distinct values.
    #[error("boring")]
    Boring,
}

/// Settings with their algorithms: judges series. Shared between threads, each with a [`Scratch`] of its own.
pub struct Detector {
    settings: Settings,
    names: Vec<String>,
    algorithms: Vec<Algorithm>,
}

impl Debug for Detector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detector").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What the ensemble says of a series.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// The consensus.
    pub anomalous: bool,
    /// The last value, not the tail's mean. 1 when an algorithm failed, as Skyline answers.
    pub datapoint: f64,
    /// The first algorithm that could not be computed, and why. Then there are no votes and nothing is anomalous.
    pub failure: Option<(&'a str, &'static str)>,
    names: &'a [String],
    findings: &'a [Finding],
}

impl<'a> Judgement<'a> {
    /// What each algorithm says, in the order of the settings; nothing after a failure.
    pub fn votes(&self) -> impl Iterator<Item = (&'a str, &'a Finding)> + use<'a> {
        let findings = if self.failure.is_some() { &[] } else { self.findings };
        self.names.iter().map(String::as_str).zip(findings)
    }

    /// Names of the algorithms that say "anomalous".
    pub fn triggered(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.votes().filter(|(_, finding)| finding.verdict == Verdict::Anomalous).map(|(name, _)| name)
    }
}

impl Detector {
    /// Finds the algorithms of the settings.
    pub fn new(settings: Settings, catalogue: &Catalogue) -> Result<Detector, UnknownAlgorithm> {
        let find = |name: &String| match catalogue.get(name) {
            Some(algorithm) => Ok(Arc::clone(algorithm)),
            None => Err(UnknownAlgorithm { name: name.clone(), known: catalogue.names().collect::<Vec<_>>().join(", ") }),
        };
        let algorithms = settings.algorithms.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Detector { names: settings.algorithms.clone(), settings, algorithms })
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Judges a series as it looks at `now` (seconds since the epoch).
    pub fn judge<'a>(&'a self, window: Window<'_>, now: f64, scratch: &'a mut Scratch) -> Result<Judgement<'a>, Skip> {
        let mut findings = std::mem::take(&mut scratch.findings);
        findings.clear();
        let mut sight = Sight::new(window, now, self.settings.full_duration, scratch);
        let skip = self.skip(&sight);
        let datapoint = sight.last().unwrap_or(f64::NAN);
        if skip.is_none() {
            findings.extend(self.algorithms.iter().map(|algorithm| algorithm(&mut sight)));
        }
        scratch.findings = findings;
        match skip {
            Some(skip) => Err(skip),
            None => Ok(self.consensus(datapoint, &scratch.findings)),
        }
    }

    fn consensus<'a>(&'a self, datapoint: f64, findings: &'a [Finding]) -> Judgement<'a> {
        let mut failures = self.names.iter().zip(findings).filter_map(|(name, finding)| match finding.verdict {
            Verdict::Failed(why) => Some((name.as_str(), why)),
            _ => None,
        });
        let failure = failures.next();
        let normal = findings.iter().filter(|f| f.verdict == Verdict::Normal).count();
        let agreed = normal + self.settings.consensus <= findings.len();
        let datapoint = if failure.is_some() { 1.0 } else { datapoint };
        Judgement { anomalous: agreed && failure.is_none(), datapoint, failure, names: &self.names, findings }
    }

    /// The filters, in Skyline's order.
    fn skip(&self, sight: &Sight<'_>) -> Option<Skip> {
        let settings = &self.settings;
        if sight.is_empty() || sight.len() < settings.min_tolerable_length {
            return Some(Skip::TooShort);
        }
        if sight.window.times.last().is_some_and(|last| sight.now - last > settings.stale_period) {
            return Some(Skip::Stale);
        }
        let looked_at = if settings.max_tolerable_boredom == 0 { sight.len() } else { settings.max_tolerable_boredom };
        let values = sight.window.values;
        let values = values.get(values.len().saturating_sub(looked_at)..).unwrap_or_default();
        has_distinct(values, settings.boredom_set_size).then_some(Skip::Boring)
    }
}

/// Are there exactly `count` distinct values? A NaN is like no other; points without a value are alike.
fn has_distinct(values: &[f64], count: usize) -> bool {
    let alike = |a: f64, b: f64| a == b || (is_null(a) && is_null(b));
    // The common question, without a list.
    if let ([first, rest @ ..], 1) = (values, count) {
        return rest.iter().all(|v| alike(*v, *first));
    }
    let mut seen: Vec<f64> = Vec::new();
    for &v in values {
        if !seen.iter().any(|s| alike(*s, v)) {
            seen.push(v);
            if seen.len() > count {
                return false;
            }
        }
    }
    seen.len() == count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::detect::NULL;

    #[test]
    fn distinct_values() {
        let check = |values: &[f64], count, is| assert_eq!(has_distinct(values, count), is, "{values:?} {count}");
        check(&[1.0, 1.0, 1.0], 1, true);
        check(&[1.0, 1.0, 1.0], 2, false);
        check(&[1.0, 2.0, 1.0], 2, true);
        check(&[0.0, -0.0], 1, true);
        check(&[f64::NAN, f64::NAN], 1, false);
        check(&[f64::NAN], 1, true);
        check(&[NULL, NULL], 1, true);
        check(&[NULL, f64::NAN], 2, true);
    }

    #[test]
    fn an_unknown_name_is_told() {
        let settings = Settings { algorithms: vec!["grubs".to_string()], ..Settings::default() };
        let error = Detector::new(settings, &Catalogue::default()).unwrap_err().to_string();
        assert!(error.starts_with("no algorithm is called \"grubs\"; there are first_hour_average, grubbs,"), "{error}");
    }

    #[test]
    fn own_algorithms_and_older_names() {
        let mut catalogue = Catalogue::default();
        catalogue.add("above", |sight| Finding::new(sight.range.1 > 10.0, &[("max", sight.range.1)]));
        let algorithms = ["above", "simple_stddev_from_moving_average"].map(str::to_string).to_vec();
        let detector = Detector::new(Settings { algorithms, consensus: 1, ..Settings::default() }, &catalogue).unwrap();
        let mut scratch = Scratch::default();
        let judgement = detector.judge(Window { times: &[1.0, 2.0, 3.0], values: &[1.0, 11.0, 2.0] }, 3.0, &mut scratch).unwrap();
        assert!(judgement.anomalous && judgement.datapoint == 2.0);
        assert_eq!(judgement.triggered().collect::<Vec<_>>(), ["above"]);
        assert_eq!(judgement.votes().map(|(name, _)| name).nth(1), Some("simple_stddev_from_moving_average"));
    }

    #[test]
    fn nothing_to_look_at() {
        let detector = Detector::new(Settings { min_tolerable_length: 0, ..Settings::default() }, &Catalogue::default()).unwrap();
        let skip = detector.judge(Window { times: &[], values: &[] }, 0.0, &mut Scratch::default()).unwrap_err();
        assert_eq!(skip, Skip::TooShort);
    }
}
