//! Many values to one, and many series to one.
//!
//! [`fold`] holds the functions themselves, over doubles (buckets of a downsample, groups with a float in them) and over
//! integers (groups without one). [`merge`] walks the series of a group through time. OpenTSDB's arithmetic is the rule:
//! integers wrap and truncate, NaN is skipped by some functions and not by others (recorded cases `agg/`, `fill/`).

pub mod cursor;
pub mod fold;
pub mod merge;
