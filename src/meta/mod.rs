//! What is known about names, series and moments beside the points: meta data of UIDs and of series, counters of
//! series, annotations, lookup and search.

pub mod annotation;
