//! Recorded verdicts, scores and values of the programs that the worker stands in for: `tests/golden/worker`, or the folder
//! `worker` of the one that `TSDB_KIT` names. A set that such a folder does not have is passed over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

#[path = "worker_vectors/bosun.rs"]
mod bosun;
#[path = "worker_vectors/cases.rs"]
mod cases;
#[path = "worker_vectors/falcon.rs"]
mod falcon;
#[path = "worker_vectors/oculus.rs"]
mod oculus;
#[path = "worker_vectors/skyline.rs"]
mod skyline;
