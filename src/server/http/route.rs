//! From a path to a handler: versions, case, modes, and the table of endpoints.
//!
//! The path is not percent-decoded; its first part decides, below `/api` the second (or the third, behind a version).
//! More parts belong to the endpoint or are ignored. `/api/v0` counts as "no version" and answers like the old paths
//! (surprises 3 and 4 of the recorded HTTP scenarios).

use super::answer::Wrapping;
use super::api::{ApiError, ApiRequest, ApiResponse};
use super::{
    aggregators, alerts, annotation, anomalies, config, dropcaches, graph, logs, metrics, query, search, serializers, similar,
    static_files, stats, suggest, tree, ui, uid, version,
};
use crate::config::Settings;
use crate::tsd::Tsd;

/// The newest API version there is.
const VERSION_MAX: u32 = 1;

/// A handler of the API: may block, runs on a pool.
pub type Call = fn(&Tsd, &ApiRequest) -> Result<ApiResponse, ApiError>;

/// How an endpoint is served.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Reads points: on the pool for queries.
    Query(Call),
    /// Everything else that may block.
    Call(Call),
    /// `/api/put`.
    Put,
    /// `/api/rollup`.
    Rollup,
    /// `/api/histogram`.
    Histogram,
    /// `/`.
    Home,
    /// `/diediedie`.
    Die,
}

/// In which modes an endpoint is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All of them.
    Always,
    /// `rw` and `ro`.
    Reading,
    /// `rw` and `wo`.
    Writing,
}

/// `tsd.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `ro`
    ReadOnly,
    /// `wo`
    WriteOnly,
    /// `rw`
    ReadWrite,
}

impl Mode {
    /// From the settings, which have checked the word.
    pub fn of(settings: &Settings) -> Mode {
        match settings.mode.as_str() {
            "ro" => Mode::ReadOnly,
            "wo" => Mode::WriteOnly,
            _ => Mode::ReadWrite,
        }
    }

    /// Whether something is there in this mode.
    pub fn serves(self, when: When) -> bool {
        match when {
            When::Always => true,
            When::Reading => self != Mode::WriteOnly,
            When::Writing => self != Mode::ReadOnly,
        }
    }
}

/// One line an endpoint: base, when it is there, how it is served.
const ENDPOINTS: &[(&str, When, Handler)] = &[
    ("api/aggregators", When::Always, Handler::Call(aggregators::aggregators)),
    ("api/config", When::Always, Handler::Call(config::config)),
    ("api/dropcaches", When::Always, Handler::Call(dropcaches::dropcaches)),
    ("api/serializers", When::Always, Handler::Call(serializers::serializers)),
    ("api/stats", When::Always, Handler::Call(stats::stats)),
    ("api/version", When::Always, Handler::Call(version::version)),
    ("api/query", When::Reading, Handler::Query(query::query)),
    ("api/search", When::Reading, Handler::Query(search::search)),
    ("api/similar", When::Reading, Handler::Query(similar::similar)),
    ("api/suggest", When::Reading, Handler::Call(suggest::suggest)),
    ("api/annotation", When::Writing, Handler::Call(annotation::annotation)),
    ("api/annotations", When::Writing, Handler::Call(annotation::annotation)),
    ("api/tree", When::Writing, Handler::Call(tree::tree)),
    ("api/uid", When::Writing, Handler::Call(uid::uid)),
    ("api", When::Reading, Handler::Query(anomalies::series)),
    ("api/alerts", When::Reading, Handler::Query(alerts::alerts)),
    ("api/anomalies", When::Reading, Handler::Call(anomalies::anomalies)),
    ("api/ui/config", When::Always, Handler::Call(ui::config::config)),
    ("api/ui/logs", When::Always, Handler::Call(ui::logs::logs)),
    ("api/ui/queries", When::Always, Handler::Call(ui::queries::queries)),
    ("api/ui/screens", When::Reading, Handler::Call(ui::screens::screens)),
    ("api/ui/status", When::Always, Handler::Call(ui::status::status)),
    ("api/ui/counters", When::Reading, Handler::Query(ui::hosts::counters)),
    ("api/ui/estimate", When::Reading, Handler::Query(ui::estimate::estimate)),
    ("api/ui/hosts", When::Reading, Handler::Query(ui::hosts::hosts)),
    ("api/ui/metric", When::Reading, Handler::Query(ui::metric::metric)),
    ("api/ui/metrics", When::Reading, Handler::Call(ui::metrics::metrics)),
    ("api/ui/names", When::Reading, Handler::Call(ui::metrics::names)),
    ("api/ui/prefixes", When::Reading, Handler::Call(ui::metrics::prefixes)),
    ("api/ui/series", When::Reading, Handler::Query(ui::metric::series)),
    ("api/ui/tagvalues", When::Reading, Handler::Query(ui::metric::tag_values)),
    ("api/put", When::Writing, Handler::Put),
    ("api/rollup", When::Writing, Handler::Rollup),
    ("api/histogram", When::Writing, Handler::Histogram),
    ("", When::Reading, Handler::Home),
    ("aggregators", When::Always, Handler::Call(aggregators::aggregators)),
    ("app_settings", When::Reading, Handler::Call(anomalies::app_settings)),
    ("static", When::Reading, Handler::Call(anomalies::dump)),
    ("favicon.ico", When::Reading, Handler::Call(static_files::favicon)),
    ("logs", When::Always, Handler::Call(logs::logs)),
    ("q", When::Reading, Handler::Query(graph::graph)),
    ("s", When::Reading, Handler::Call(static_files::file)),
    ("stats", When::Always, Handler::Call(stats::stats)),
    ("version", When::Always, Handler::Call(version::version)),
    ("suggest", When::Reading, Handler::Call(suggest::suggest)),
    ("metrics", When::Always, Handler::Call(metrics::metrics)),
    ("diediedie", When::Always, Handler::Die),
];

/// What answers below `/api/v0` in the form of the old paths.
const OLD_FORMS: [&str; 5] = ["api/aggregators", "api/dropcaches", "api/stats", "api/suggest", "api/version"];

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// 1 for `/api`, 0 for `/api/v0` and for paths outside `/api`.
    pub version: u32,
    /// `api/put`, `api/ui/metrics`, `suggest`, or nothing for the home page; lower case.
    pub base: String,
    /// What the handler is told: below `/api/` and the version, lower case.
    pub endpoint: String,
}

impl Route {
    /// Reads a path. Its first character must be a slash. An error has the shape of the newest version.
    pub fn parse(path: &str) -> Result<Route, ApiError> {
        let path = path.strip_prefix('/').ok_or_else(|| ApiError::bad("Request URI doesn't start with a slash"))?;
        let lower = path.to_lowercase();
        // Java's split drops empty parts at the end: `/api/` is `/api`.
        let lower = lower.trim_end_matches('/');
        let Some(below) = lower.strip_prefix("api").filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
            let base = lower.split('/').next().unwrap_or_default().to_owned();
            return Ok(Route { version: 0, base, endpoint: lower.to_owned() });
        };
        let below = below.strip_prefix('/').unwrap_or_default();
        let (first, rest) = below.split_once('/').unwrap_or((below, ""));
        let digits = first.strip_prefix('v').filter(|v| v.starts_with(|c: char| c.is_ascii_digit()));
        let (version, endpoint) = match digits {
            // Named as it was sent: /API/V1X/... says [1X].
            Some(digits) => (number(path.split('/').nth(1).and_then(|part| part.get(1..)).unwrap_or(digits))?, rest),
            None => (VERSION_MAX, below),
        };
        let mut names = endpoint.split('/');
        let base = match (names.next().unwrap_or_default(), names.next()) {
            ("", _) => "api".to_owned(),
            // What the pages ask for is many endpoints under one roof: each has its own line in the table.
            ("ui", Some(resource)) => format!("api/ui/{resource}"),
            (name, _) => format!("api/{name}"),
        };
        Ok(Route { version, base, endpoint: endpoint.to_owned() })
    }

    /// Which of its answers a `jsonp` function wraps. The version does not matter, but for what has an older form.
    pub fn wrapping(&self) -> Wrapping {
        match self.base.as_str() {
            base if base != "api" && !base.starts_with("api/") => Wrapping::Never,
            base if self.version == 0 && OLD_FORMS.contains(&base) => Wrapping::Never,
            "api/query" if !self.endpoint.starts_with("query/last") => Wrapping::Lenient,
            _ => Wrapping::Strict,
        }
    }

    /// The handler, if this server has it switched on.
    pub fn handler(&self, settings: &Settings) -> Option<Handler> {
        let switched = match self.base.as_str() {
            "metrics" => true, // for machines, and no part of either
            base if base.starts_with("api/ui/") => settings.core_enable_api && settings.core_enable_ui,
            base if base.starts_with("api/") => settings.core_enable_api,
            _ => settings.core_enable_ui,
        };
        let &(_, when, handler) = ENDPOINTS.iter().find(|(base, ..)| *base == self.base)?;
        let allowed = !matches!(handler, Handler::Die) || !settings.no_diediedie;
        (switched && allowed && Mode::of(settings).serves(when)).then_some(handler)
    }
}

/// The number of a version; `digits` begins with one.
fn number(digits: &str) -> Result<u32, ApiError> {
    let invalid =
        || ApiError::bad("Invalid API version format supplied").details(format!("API version [{digits}] cannot be parsed to an integer"));
    let version = digits.parse::<i32>().ok().and_then(|v| u32::try_from(v).ok()).ok_or_else(invalid)?;
    if version > VERSION_MAX {
        return Err(ApiError::new(501, "Requested API version is greater than the max implemented")
            .details(format!("API version [{version}] is greater than the max [{VERSION_MAX}]")));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, version: u32, base: &str, endpoint: &str) {
        let want = Route { version, base: base.to_owned(), endpoint: endpoint.to_owned() };
        assert_eq!(Route::parse(path), Ok(want), "{path}");
    }

    #[test]
    fn paths() {
        check("/api/put", 1, "api/put", "put");
        check("/api/put/", 1, "api/put", "put"); // put/slash-path
        check("/api/v1/put", 1, "api/put", "put");
        check("/api/V1/aggregators", 1, "api/aggregators", "aggregators"); // misc_routes/upper_v
        check("/API/AGGREGATORS", 1, "api/aggregators", "aggregators");
        check("/api/v0/version", 0, "api/version", "version");
        check("/api/aggregators/extra/parts", 1, "api/aggregators", "aggregators/extra/parts");
        check("/api/Query/Last", 1, "api/query", "query/last");
        check("/api/vx/version", 1, "api/vx", "vx/version"); // misc_routes/v_alpha
        check("/api/v", 1, "api/v", "v");
        check("/api/ui/metrics", 1, "api/ui/metrics", "ui/metrics");
        check("/api/ui/screens/7", 1, "api/ui/screens", "ui/screens/7");
        check("/api/ui", 1, "api/ui", "ui");
        check("/api", 1, "api", "");
        check("/api/", 1, "api", "");
        check("/api/v1", 1, "api", "");
        check("/api/v1/", 1, "api", "");
        check("/apix/put", 0, "apix", "apix/put");
        check("/", 0, "", "");
        check("//api/x", 0, "", "/api/x"); // misc_routes/double_slash: the home page
        check("/suggest", 0, "suggest", "suggest");
        check("/q", 0, "q", "q");
        check("/api/%61ggregators", 1, "api/%61ggregators", "%61ggregators");
    }

    #[test]
    fn bad_versions() {
        for (path, status) in
            [("/api/v2/x", 501), ("/api/v9/put", 501), ("/api/v1x/version", 400), ("/api/v99999999999/version", 400), ("x", 400)]
        {
            assert_eq!(Route::parse(path).map_err(|e| e.status), Err(status), "{path}");
        }
    }

    #[test]
    fn modes() {
        let there = |mode: &str, path: &str| {
            let settings = Settings { mode: mode.to_owned(), ..Settings::default() };
            Route::parse(path).expect(path).handler(&settings).is_some()
        };
        assert!(there("rw", "/api/put") && there("wo", "/api/put") && !there("ro", "/api/put"));
        assert!(there("rw", "/") && there("ro", "/") && !there("wo", "/"));
        let settings = Settings { core_enable_ui: false, no_diediedie: true, ..Settings::default() };
        assert!(Route::parse("/").expect("parses").handler(&settings).is_none());
        assert!(Route::parse("/diediedie").expect("parses").handler(&settings).is_none());
        assert!(Route::parse("/api/put").expect("parses").handler(&settings).is_some());
    }
}
