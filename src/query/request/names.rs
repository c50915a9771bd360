//! Names of aggregation functions.

use crate::query::plan::{Aggregator, Estimation, Percentile, RollupUsage};

/// Every name, in the order in which a Java TSD lists them. Names are case-sensitive (`error/get-upper-agg`).
pub const AGGREGATORS: [&str; 35] = [
    "mult",
    "p90",
    "zimsum",
    "mimmax",
    "sum",
    "p50",
    "none",
    "p95",
    "ep99r7",
    "pfsum",
    "p75",
    "p99",
    "ep99r3",
    "ep95r7",
    "min",
    "avg",
    "ep75r7",
    "dev",
    "ep95r3",
    "ep75r3",
    "ep50r7",
    "ep90r7",
    "mimmin",
    "p999",
    "ep50r3",
    "ep90r3",
    "ep999r7",
    "last",
    "max",
    "count",
    "diff",
    "median",
    "squareSum",
    "ep999r3",
    "first",
];

/// The function of a name.
pub fn aggregator(name: &str) -> Option<Aggregator> {
    Some(match name {
        "sum" => Aggregator::Sum,
        "min" => Aggregator::Min,
        "max" => Aggregator::Max,
        "avg" => Aggregator::Avg,
        "none" => Aggregator::None,
        "median" => Aggregator::Median,
        "mult" => Aggregator::Mult,
        "dev" => Aggregator::Dev,
        "diff" => Aggregator::Diff,
        "count" => Aggregator::Count,
        "zimsum" => Aggregator::Zimsum,
        "mimmin" => Aggregator::Mimmin,
        "mimmax" => Aggregator::Mimmax,
        "first" => Aggregator::First,
        "last" => Aggregator::Last,
        "pfsum" => Aggregator::Pfsum,
        "squareSum" => Aggregator::SquareSum,
        other => return percentile(other).map(Aggregator::Percentile),
    })
}

/// `rollupUsage`: a word that nobody knows is the default, as none is.
pub fn rollup_usage(word: Option<&str>) -> RollupUsage {
    match word.map(str::to_uppercase).as_deref() {
        Some("ROLLUP_RAW") => RollupUsage::Raw,
        Some("ROLLUP_FALLBACK") => RollupUsage::Fallback,
        Some("ROLLUP_FALLBACK_RAW") => RollupUsage::FallbackRaw,
        _ => RollupUsage::NoFallback,
    }
}

/// The name of a function.
pub fn name_of(function: Aggregator) -> &'static str {
    AGGREGATORS.into_iter().find(|name| aggregator(name) == Some(function)).unwrap_or_default()
}

/// `p99`, `ep99r3`, `ep99r7`.
fn percentile(name: &str) -> Option<Percentile> {
    let (digits, estimation) = match name.strip_prefix("ep") {
        Some(rest) => match (rest.strip_suffix("r3"), rest.strip_suffix("r7")) {
            (Some(digits), _) => (digits, Estimation::R3),
            (_, Some(digits)) => (digits, Estimation::R7),
            _ => return None,
        },
        None => (name.strip_prefix('p')?, Estimation::Legacy),
    };
    let per_mille = match digits {
        "999" => 999,
        "99" => 990,
        "95" => 950,
        "90" => 900,
        "75" => 750,
        "50" => 500,
        _ => return None,
    };
    Some(Percentile { per_mille, estimation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_function() {
        for name in AGGREGATORS {
            assert_eq!(aggregator(name).map(name_of), Some(name));
        }
        for name in ["SUM", "squaresum", "p98", "ep99", "ep99r5", "p", ""] {
            assert_eq!(aggregator(name), None, "{name}");
        }
        assert_eq!(aggregator("ep999r7"), Some(Aggregator::Percentile(Percentile { per_mille: 999, estimation: Estimation::R7 })));
    }
}
