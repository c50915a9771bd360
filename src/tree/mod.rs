//! Trees: rules that sort series into branches by their names and meta data.
//!
//! Reading order: [`definition`] and [`rule`] (what people set), [`builder`] (a series and rules to a place; pure),
//! [`branch`] (what is built), [`rows`] (where it all stands in the table), [`table`], [`names`] and
//! [`building`] (reading and writing it), [`forest`] (all trees, for new series), [`meta`] (what
//! meta data tells of a series).
//!
//! Source: recorded scenarios `tree_*` of the API and `storage/tree_*`.

pub mod branch;
pub mod builder;
pub mod building;
pub mod definition;
pub mod forest;
pub mod meta;
pub mod names;
pub mod rows;
pub mod rule;
pub mod table;

pub use forest::Forest;
pub use table::Trees;

use crate::point::java_regex::PatternError;
use crate::store::StoreError;
use crate::uid::UidError;

/// Id of a tree: 1 to 65,535, on 2 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeId(u16);

impl TreeId {
    /// From a number, if it is in the range.
    pub fn new(number: i64) -> Option<TreeId> {
        u16::try_from(number).ok().filter(|id| *id > 0).map(TreeId)
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }

    /// As it stands in rows.
    pub fn bytes(self) -> [u8; rows::TREE_WIDTH] {
        self.0.to_be_bytes()
    }
}

impl std::fmt::Display for TreeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Why something about trees cannot be done. Texts of [`TreeError::Invalid`] are what clients read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A rule's pattern or separator is no regular expression: the rule is there, but cannot be carried out.
    #[error("the {what} of rule {rule} is no regular expression: {}", error.as_java())]
    Pattern {
        /// As messages name it.
        rule: String,
        /// `pattern` or `separator`.
        what: &'static str,
        /// Why.
        error: PatternError,
    },
    /// The edit says nothing new.
    #[error("nothing to change")]
    Unchanged,
    /// A cell of the table is not what its column says.
    #[error("row {row} of the table of trees, column '{column}': {why}")]
    Corrupt {
        /// In hex.
        row: String,
        /// As text.
        column: String,
        /// What is wrong.
        why: String,
    },
    /// Somebody else changes the same cell again and again.
    #[error("{0} is being changed by others; try again")]
    Busy(String),
    /// The table could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name of a leaf could not be had.
    #[error(transparent)]
    Names(#[from] UidError),
}

#[cfg(test)]
mod tests;
