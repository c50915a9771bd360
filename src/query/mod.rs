//! The one way out: request, plan, fetch, series, groups, answer.
pub mod answer;
pub mod engine;
pub mod filter;
pub mod plan;
pub mod request;
