//! HTTP: one file a resource. Handlers are plain functions that may block; they run on a bounded pool.
pub mod aggregators;
pub mod api;
pub mod config;
pub mod dropcaches;
pub mod metrics;
pub mod query;
mod reply;
pub mod serializers;
pub mod stats;
pub mod suggest;
pub mod uid;
pub mod version;
