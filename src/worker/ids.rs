//! Short stable names made of what something says: the same text has the same name on every machine and in every version.

use crate::digest;

/// 16 hex digits.
pub fn short(text: &str) -> String {
    digest::text(text.as_bytes())
}

/// A place on the ring: FNV's bits lie close together for texts that differ in their last letter, so they are stirred.
pub fn place(text: &str) -> u64 {
    let mut bits = digest::of(text.as_bytes());
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_lie_apart() {
        assert_ne!(place("a1") >> 56, place("a2") >> 56);
    }
}
