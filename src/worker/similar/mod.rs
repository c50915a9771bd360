//! Which series have the shape of this one? Oculus' shape alphabet, phrase search and scores, as pure functions.
//!
//! | file | what |
//! | --- | --- |
//! | `shape.rs` | a series as words: falls and rises, steep or not |
//! | `phrase.rs` | which other has the words of this one, in nearly this order |
//! | `score.rs`, `warp.rs` | how unlike two series are: squared differences, or FastDTW |
//! | `index.rs` | many series, and the search over them in those two stages |
//! | `collection.rs` | saved series with notes |
//!
//! Only the order of the values counts, not their times. NaN is left out. Scores are ascending: 0 is the same shape.
//!
//! ```
//! use tsdb::worker::similar::{Entry, Index, Search};
//! let wave = |shift: u32| (0..60).map(|i| f64::from((i + shift) % 20)).collect::<Vec<f64>>();
//! let entry = |name: &str, values| Entry { id: name.to_string(), name: name.to_string(), values };
//! let index = Index::build([entry("a.b", wave(0)), entry("a.c", wave(1)), entry("flat", vec![1.0; 60])]);
//! let results = index.search(&wave(0), &Search::default());
//! assert_eq!(results.hits.first().map(|hit| (hit.id, hit.score)), Some(("a.b", 0.0)));
//! ```
//! Source of the rules: Oculus (2013) with its Elasticsearch plug-in, worker kit `oculus/*`.

mod collection;
mod index;
mod phrase;
mod score;
mod shape;
mod warp;

pub use collection::{Collection, CollectionError, Item, drawn};
pub use index::{Entry, Hit, Index, Results, Search};
pub use score::{MISSING, Method, SCALE_POINTS, Scorer, euclidian};
pub use shape::{Word, fingerprint, scaled, words};
pub use warp::{Warp, Warper};
