//! The one way out: request, plan, fetch, series, groups, answer.
pub mod aggregate;
pub mod answer;
pub mod calculate;
pub mod downsample;
pub mod engine;
pub mod expression;
pub mod filter;
pub mod histogram;
pub mod interpolate;
pub mod last;
pub mod ledger;
pub mod limits;
pub mod percentile;
pub mod plan;
pub mod points;
pub mod rate;
pub mod request;
