//! Rows and columns of the table of trees. Family `t` everywhere.
//!
//! | row | column | value |
//! | --- | --- | --- |
//! | tree | `tree` | JSON of the definition |
//! | tree | `tree_rule:LEVEL:ORDER`, in digits | JSON of the rule |
//! | tree and 4 bytes a level (the root: the tree alone) | `branch` | JSON of the branch |
//! | the same | `leaf:` and 4 bytes, the hash of its name | JSON of the leaf |
//! | tree, `01` | `tree_collision:` and a TSUID | the TSUID whose leaf is there, in hex |
//! | tree, `02` | `tree_not_matched:` and a TSUID | the rules that did not match, ISO-8859-1 |
//!
//! `tree` is its id on 2 bytes. Recorded in `storage/tree_build`; the last two rows from OpenTSDB 2.4's source, as it writes
//! them in `treesync` only.

use super::TreeId;

/// The one column family.
pub const FAMILY: &str = "t";
/// Column of a tree's definition.
pub const TREE: &[u8] = b"tree";
/// Column of a branch.
pub const BRANCH: &[u8] = b"branch";
/// Begins the column of a leaf.
pub const LEAF: &[u8] = b"leaf:";
/// Begins the column of a rule.
pub const RULE: &[u8] = b"tree_rule:";
/// Bytes of a tree's id.
pub const TREE_WIDTH: usize = 2;
/// Bytes of a level of a branch's id.
pub const LEVEL_WIDTH: usize = 4;

/// Series that have no leaf, by why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Another series has the leaf.
    Collision,
    /// A level got no name, in a tree of strict matching.
    NotMatched,
}

impl Failed {
    /// Their row.
    pub fn row(self, tree: TreeId) -> Vec<u8> {
        let suffix = match self {
            Failed::Collision => 1,
            Failed::NotMatched => 2,
        };
        [&tree.bytes()[..], &[suffix]].concat()
    }

    /// What their columns begin with.
    pub fn prefix(self) -> &'static [u8] {
        match self {
            Failed::Collision => b"tree_collision:",
            Failed::NotMatched => b"tree_not_matched:",
        }
    }
}

/// Column of a rule.
pub fn rule_column(level: i32, order: i32) -> Vec<u8> {
    [RULE, format!("{level}:{order}").as_bytes()].concat()
}

/// Whether a column of a tree's rows goes when the tree is emptied, and when it is deleted whole.
pub fn is_purged(column: &[u8], definition: bool) -> bool {
    let longer = |prefix: &[u8]| column.len() > prefix.len() && column.starts_with(prefix);
    let failed = [Failed::Collision, Failed::NotMatched].iter().any(|kind| longer(kind.prefix()));
    column == BRANCH || longer(LEAF) || failed || definition && (column == TREE || longer(RULE))
}
