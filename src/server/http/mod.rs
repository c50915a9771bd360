//! HTTP: one file a resource. Handlers are plain functions that may block; they run on a bounded pool.
pub mod api;
