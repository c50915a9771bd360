//! What the settings say about a worker.

use super::alert::silence::glob;
use super::detect::Settings as Skyline;
use crate::config::Settings;
use std::path::PathBuf;
use std::time::Duration;

/// A worker's settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rule files.
    pub rules: PathBuf,
    /// Folder of its own.
    pub path: PathBuf,
    /// Length of a round.
    pub interval: Duration,
    /// Seconds that it stays behind the present.
    pub delay_s: i64,
    /// Rules that are checked at the same time.
    pub threads: usize,
    /// Seconds that history is kept.
    pub history_s: i64,
    /// Incidents are written on their series.
    pub annotations: bool,
    /// Own numbers are written.
    pub points: bool,
    /// Channels for its own troubles.
    pub notify: Vec<String>,
    /// Where the pages are.
    pub link: String,
    /// The detectors.
    pub detect: Detect,
}

/// Which series the detectors look at, and who hears of it.
#[derive(Clone, Debug)]
pub struct Detect {
    /// Patterns of metrics; `!` before one that leaves out.
    pub metrics: Vec<String>,
    /// Patterns of those that count up.
    pub rate: Vec<String>,
    /// Between two looks.
    pub interval: Duration,
    /// Channels.
    pub notify: Vec<String>,
    /// Seconds until a series is told again.
    pub expiry_s: i64,
    /// Skyline's own settings.
    pub skyline: Skyline,
}

impl Options {
    /// The file of messages that nobody took.
    pub fn dead_letters(&self) -> PathBuf {
        self.path.join("dead-letters.jsonl")
    }

    /// Of resolved settings, which have checked the ranges.
    pub fn of(settings: &Settings) -> Options {
        let day = 86_400;
        Options {
            rules: PathBuf::from(&settings.worker_rules),
            path: PathBuf::from(&settings.worker_path),
            interval: seconds(settings.worker_interval),
            delay_s: settings.worker_delay,
            threads: count(settings.worker_threads).max(1),
            history_s: settings.worker_history_days.saturating_mul(day),
            annotations: settings.worker_annotations,
            points: settings.worker_points,
            notify: list(&settings.worker_notify),
            link: settings.worker_link.trim_end_matches('/').to_owned(),
            detect: Detect {
                metrics: list(&settings.worker_detect_metrics),
                rate: list(&settings.worker_detect_rate),
                interval: seconds(settings.worker_detect_interval),
                notify: list(&settings.worker_detect_notify),
                expiry_s: settings.worker_detect_expiry,
                skyline: skyline(settings),
            },
        }
    }
}

impl Detect {
    /// Whether a metric is looked at.
    pub fn wants(&self, metric: &str) -> bool {
        picks(&self.metrics, metric) && !self.skyline.skip_list.iter().any(|text| metric.contains(text.as_str()))
    }

    /// Whether a metric counts up: what is looked at is its change per second.
    pub fn counts(&self, metric: &str) -> bool {
        picks(&self.rate, metric)
    }
}

/// Whether a metric is one of the patterns, and none of those that begin with `!`.
fn picks(patterns: &[String], metric: &str) -> bool {
    let (out, wanted): (Vec<&str>, Vec<&str>) = patterns.iter().map(String::as_str).partition(|pattern| pattern.starts_with('!'));
    wanted.iter().any(|pattern| glob(pattern, metric)) && !out.iter().any(|pattern| glob(pattern.trim_start_matches('!'), metric))
}

/// Skyline's settings, with its defaults where ours say nothing.
pub fn skyline(settings: &Settings) -> Skyline {
    let base = Skyline::default();
    let algorithms = list(&settings.worker_skyline_algorithms);
    Skyline {
        full_duration: settings.worker_skyline_full_duration as f64,
        mini_duration: settings.worker_skyline_mini_duration as f64,
        stale_period: settings.worker_skyline_stale_period as f64,
        min_tolerable_length: count(settings.worker_skyline_min_tolerable_length),
        max_tolerable_boredom: count(settings.worker_skyline_max_tolerable_boredom),
        boredom_set_size: count(settings.worker_skyline_boredom_set_size),
        algorithms: if algorithms.is_empty() { base.algorithms.clone() } else { algorithms },
        consensus: count(settings.worker_skyline_consensus),
        enable_second_order: settings.worker_skyline_enable_second_order,
        canary_metric: settings.worker_skyline_canary_metric.clone(),
        skip_list: list(&settings.worker_skyline_skip_list),
        roomba_grace_time: settings.worker_skyline_roomba_grace_time as f64,
        enable_alerts: settings.worker_skyline_enable_alerts,
        ..base
    }
}

fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or(1))
}

fn count(value: i64) -> usize {
    usize::try_from(value).unwrap_or(0)
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_by_pattern() {
        let detect = |text: &str| {
            let settings =
                Settings { worker_detect_metrics: text.into(), worker_skyline_skip_list: "statsd".into(), ..Settings::default() };
            Options::of(&settings).detect
        };
        let check = |text: &str, metric: &str, want: bool| assert_eq!(detect(text).wants(metric), want, "{text} {metric}");
        check("", "sys.cpu", false);
        check("*", "sys.cpu", true);
        check("*", "statsd.x", false);
        check("sys.*, proc.*", "proc.load", true);
        check("sys.*,!sys.disk.*", "sys.disk.used", false);
        check("sys.*,!sys.disk.*", "sys.cpu", true);
    }
}
