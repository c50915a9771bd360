//! OpenTSDB's whitelist for new names (its `UniqueIdWhitelistFilter`), built in: a new name gets an id only if every
//! pattern of its kind is found in it. Names that have ids are never asked for.

use crate::config::Settings;
use crate::point::java_regex;
use crate::uid::{UidKind, Watch};
use fancy_regex::Regex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The one class that `tsd.uidfilter.plugin` may name.
const CLASS: &str = "net.opentsdb.uid.UniqueIdWhitelistFilter";
/// What separates patterns if nothing else is set.
const DELIMITER: &str = ",";

/// The patterns of one kind of names, and how often they were asked.
struct Patterns {
    all: Vec<Regex>,
    accepted: AtomicU64,
    rejected: AtomicU64,
}

impl Patterns {
    fn of(all: Vec<Regex>) -> Patterns {
        Patterns { all, accepted: AtomicU64::new(0), rejected: AtomicU64::new(0) }
    }
}

/// The whitelist.
pub struct Whitelist {
    metrics: Patterns,
    tagks: Patterns,
    tagvs: Patterns,
}

impl Whitelist {
    /// From `tsd.uidfilter.*`. The error says which pattern is none, in OpenTSDB's words.
    pub fn new(settings: &Settings) -> Result<Whitelist, String> {
        let class = settings.uidfilter_plugin.as_str();
        if !class.is_empty() && class != CLASS {
            return Err(format!("tsd.uidfilter.plugin = {class:?} cannot be loaded: only {CLASS} is built in"));
        }
        let delimiter = match settings.uidfilter_whitelist_delimiter.as_str() {
            "" => DELIMITER,
            set => set,
        };
        let delimiter = java_regex::compile(delimiter).map_err(|error| format!("tsd.uidfilter.whitelist.delimiter: {error}"))?;
        let patterns = |kind: &str, texts: &str| patterns(&delimiter, kind, texts);
        Ok(Whitelist {
            metrics: patterns("metric", &settings.uidfilter_whitelist_metric_patterns)?,
            tagks: patterns("tagk", &settings.uidfilter_whitelist_tagk_patterns)?,
            tagvs: patterns("tagv", &settings.uidfilter_whitelist_tagv_patterns)?,
        })
    }

    fn of(&self, kind: UidKind) -> &Patterns {
        match kind {
            UidKind::Metric => &self.metrics,
            UidKind::Tagk => &self.tagks,
            UidKind::Tagv => &self.tagvs,
        }
    }

    /// How often a name of a kind was accepted and rejected.
    pub fn asked(&self, kind: UidKind) -> (u64, u64) {
        let patterns = self.of(kind);
        (patterns.accepted.load(Relaxed), patterns.rejected.load(Relaxed))
    }
}

impl Watch for Whitelist {
    fn allows(&self, kind: UidKind, name: &str) -> bool {
        let patterns = self.of(kind);
        // A search that gives up (a pattern that backtracks) has found nothing.
        let allowed = patterns.all.iter().all(|pattern| pattern.is_match(name).unwrap_or(false));
        let counter = if allowed { &patterns.accepted } else { &patterns.rejected };
        counter.fetch_add(1, Relaxed);
        allowed
    }
}

fn patterns(delimiter: &Regex, kind: &str, texts: &str) -> Result<Patterns, String> {
    let mut all = Vec::new();
    if texts.is_empty() {
        return Ok(Patterns::of(all));
    }
    let parts = java_regex::split(delimiter, texts).map_err(|error| format!("tsd.uidfilter.whitelist.delimiter: {error}"))?;
    for text in parts {
        let compiled = java_regex::compile(text);
        all.push(compiled.map_err(|why| format!("The {kind} whitelist pattern [{text}] does not compile. {why}"))?);
    }
    Ok(Patterns::of(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whitelist(delimiter: &str, metrics: &str) -> Result<Whitelist, String> {
        let settings = Settings {
            uidfilter_whitelist_delimiter: delimiter.into(),
            uidfilter_whitelist_metric_patterns: metrics.into(),
            ..Settings::default()
        };
        Whitelist::new(&settings)
    }

    #[track_caller]
    fn check(delimiter: &str, metrics: &str, name: &str, want: bool) {
        assert_eq!(whitelist(delimiter, metrics).unwrap().allows(UidKind::Metric, name), want, "{metrics} {name}");
    }

    #[test]
    fn every_pattern_must_be_found() {
        check("", "", "anything", true);
        check("", "^sys", "sys.cpu", true);
        check("", "^sys", "my.sys", false);
        check("", "sys,cpu", "sys.mem", false);
        check("", "sys,cpu,", "sys.cpu", true);
        check(r"\|", r"a{1,3}|b", "aab", true);
        check(";;", "a;;b", "ab", true);
        let list = whitelist("", "^sys").unwrap();
        assert!(list.allows(UidKind::Tagk, "x") && !list.allows(UidKind::Metric, "x"));
        assert_eq!((list.asked(UidKind::Tagk), list.asked(UidKind::Metric)), ((1, 0), (0, 1)));
    }

    #[test]
    fn bad_settings_are_named() {
        let error = whitelist("", "sys,(").err().unwrap();
        assert!(error.starts_with("The metric whitelist pattern [(] does not compile. "), "{error}");
        let settings = Settings { uidfilter_plugin: "com.example.Filter".into(), ..Settings::default() };
        let error = Whitelist::new(&settings).err().unwrap();
        assert_eq!(
            error,
            "tsd.uidfilter.plugin = \"com.example.Filter\" cannot be loaded: only net.opentsdb.uid.UniqueIdWhitelistFilter is built in"
        );
    }
}
