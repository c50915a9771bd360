//! What is known about names, series and moments beside the points: meta data of UIDs and of series, counters of
//! series, annotations, lookup and search.
//!
//! [`uid_meta`] and [`ts_meta`] are what is stored, [`tables`] reads and changes it, [`live`] writes it as
//! points come in. Nothing here is on the way of a
//! point: points that come in reach it through the hooks of `write`.

pub mod annotation;
pub mod error;
mod ids;
pub mod live;
pub mod lookup;
mod purge;
pub mod search;
mod series;
pub mod sync;
pub mod tables;
mod text;
pub mod ts_meta;
pub mod uid_meta;

pub use error::MetaError;
pub use live::{Listeners, LiveMeta, LiveUidMeta, NewSeries, Tracking};
pub use tables::{MetaTables, SeriesIds};
pub use ts_meta::{TsChange, TsMeta};
pub use uid_meta::{UidChange, UidMeta};

#[cfg(test)]
mod tests;
