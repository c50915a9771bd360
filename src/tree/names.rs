//! Names of the series that leaves stand for.

use super::TreeError;
use super::branch::{Branch, Leaf};
use crate::codec::{Layout, from_hex};
use crate::uid::{UidError, UidKind, Uids};

/// Looks up metric and tags of every leaf of a branch. A leaf whose series has a name that is no more is left out.
pub fn name_leaves(branch: &mut Branch, uids: &Uids, layout: &Layout) -> Result<(), TreeError> {
    let Some(leaves) = branch.leaves.take() else { return Ok(()) };
    let mut named = Vec::with_capacity(leaves.len());
    for mut leaf in leaves {
        match look_up(&mut leaf, uids, layout) {
            Ok(()) => named.push(leaf),
            Err(UidError::Store(e)) => return Err(e.into()),
            Err(e) => tracing::debug!(tsuid = leaf.tsuid, "a leaf is left out: {e}"),
        }
    }
    branch.leaves = (!named.is_empty()).then_some(named);
    Ok(())
}

fn look_up(leaf: &mut Leaf, uids: &Uids, layout: &Layout) -> Result<(), UidError> {
    let broken = || UidError::Refused(format!("'{}' is no TSUID", leaf.tsuid));
    let tsuid = from_hex(&leaf.tsuid).ok_or_else(broken)?;
    let (metric, pairs) = tsuid.split_at_checked(layout.metric_width.into()).ok_or_else(broken)?;
    if !pairs.len().is_multiple_of(layout.pair_width().max(1)) {
        return Err(broken());
    }
    let mut tags = Vec::new();
    for pair in pairs.chunks_exact(layout.pair_width().max(1)) {
        let (name, value) = pair.split_at_checked(layout.tagk_width.into()).ok_or_else(broken)?;
        tags.push((uids.name(UidKind::Tagk, name)?.to_string(), uids.name(UidKind::Tagv, value)?.to_string()));
    }
    leaf.metric = uids.name(UidKind::Metric, metric)?.to_string();
    leaf.tags = Some(tags);
    Ok(())
}
