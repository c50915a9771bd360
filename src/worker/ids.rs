//! Short stable names made of what something says: the same text has the same name on every machine and in every version.

/// FNV-1a, 64 bits: no secret and no collision resistance, a name only.
pub fn hash(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The same as 16 hex digits.
pub fn short(text: &str) -> String {
    format!("{:016x}", hash(text.as_bytes()))
}

/// A place on the ring: FNV's bits lie close together for texts that differ in their last letter, so they are stirred.
pub fn place(text: &str) -> u64 {
    let mut bits = hash(text.as_bytes());
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(short(""), "cbf29ce484222325");
        assert_eq!(short("a"), "af63dc4c8601ec8c");
        assert_eq!(short("foobar"), "85944171f73967e8");
        assert_ne!(place("a1") >> 56, place("a2") >> 56);
    }
}
