//! `/api/ui/*`: what the built-in pages ask for and OpenTSDB has no endpoint for. One file a resource; each endpoint has
//! its line in the table of `route.rs`, which decides about modes and pools.

mod asked;
pub mod config;
pub mod estimate;
pub mod hosts;
pub mod logs;
pub mod metric;
pub mod metrics;
pub mod queries;
pub mod screens;
pub mod status;
pub(super) mod writing;

pub use writing::may_write;

/// Whether a path is one of these. Their bodies are not bound by OpenTSDB's rule for large ones.
pub fn is_of_pages(path: &str) -> bool {
    let begins = |with: &str| path.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    begins("/api/ui/") || begins("/api/alerts")
}
