//! Skyline's settings that mean something here, with Skyline's defaults.
//!
//! They are read by serde under their names in small letters (`full_duration`) or as Skyline writes them
//! (`FULL_DURATION`); an unknown name is an error. Not here, because there is no such part: `REDIS_SOCKET_PATH`, the
//! listeners, queue and processes of horizon, the web application, Graphite.

use serde::{Deserialize, Serialize};

/// How series are judged. All lengths of time are seconds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Length of the rolling window.
    #[serde(alias = "FULL_DURATION")]
    pub full_duration: f64,
    /// Length of the short window: small graphs and the search for similar series.
    #[serde(alias = "MINI_DURATION")]
    pub mini_duration: f64,
    /// Without a point for longer than this a series is stale, and not judged.
    #[serde(alias = "STALE_PERIOD")]
    pub stale_period: f64,
    /// A series with fewer points is too short, and not judged.
    #[serde(alias = "MIN_TOLERABLE_LENGTH")]
    pub min_tolerable_length: usize,
    /// So many of the last points are looked at to find whether a series is boring; 0: all.
    #[serde(alias = "MAX_TOLERABLE_BOREDOM")]
    pub max_tolerable_boredom: usize,
    /// A series is boring, and not judged, when those points have exactly so many distinct values.
    #[serde(alias = "BOREDOM_SET_SIZE")]
    pub boredom_set_size: usize,
    /// What runs, by name, in the order in which votes are shown. The set is open: see [`super::Catalogue`].
    #[serde(alias = "ALGORITHMS")]
    pub algorithms: Vec<String>,
    /// A series is anomalous when at most `algorithms - consensus` of them say that it is not.
    #[serde(alias = "CONSENSUS")]
    pub consensus: usize,
    /// Must a series trigger out of its habit too? See [`super::second_order`].
    #[serde(alias = "ENABLE_SECOND_ORDER")]
    pub enable_second_order: bool,
    /// A series whose points show how much of the window is filled.
    #[serde(alias = "CANARY_METRIC")]
    pub canary_metric: String,
    /// Series whose name holds one of these texts are left out.
    #[serde(alias = "SKIP_LIST")]
    pub skip_list: Vec<String>,
    /// Are alerts sent?
    #[serde(alias = "ENABLE_ALERTS")]
    pub enable_alerts: bool,
    /// Who is told of which series, first match of a strategy wins.
    #[serde(alias = "ALERTS")]
    pub alerts: Vec<Alert>,
    /// How much longer than the window points are kept and looked at.
    #[serde(alias = "ROOMBA_GRACE_TIME")]
    pub roomba_grace_time: f64,
    /// Points that come in older than this were not taken by Skyline's listeners.
    #[serde(alias = "MAX_RESOLUTION")]
    pub max_resolution: f64,
}

/// An entry of `ALERTS`: `[pattern, strategy, expiry]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Alert(
    /// Part of the name of the series, taken literally.
    pub String,
    /// How it is sent.
    pub String,
    /// Seconds in which the same series is not sent by the same strategy again.
    pub f64,
);

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            full_duration: 86_400.0,
            mini_duration: 3_600.0,
            stale_period: 500.0,
            min_tolerable_length: 1,
            max_tolerable_boredom: 100,
            boredom_set_size: 1,
            algorithms: super::skyline::NINE.iter().map(|(name, _)| (*name).to_string()).collect(),
            consensus: 6,
            enable_second_order: false,
            canary_metric: "statsd.numStats".to_string(),
            skip_list: Vec::new(),
            enable_alerts: true,
            alerts: vec![Alert("skyline".to_string(), "smtp".to_string(), 1_800.0)],
            roomba_grace_time: 600.0,
            max_resolution: 1_000.0,
        }
    }
}
