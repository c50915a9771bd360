//! FNV-1a, 64 bits: short names of contents, the same on every machine and in every version. No secret, and no resistance
//! against who looks for two contents of one name.

/// Of no bytes at all.
pub const OF_NOTHING: u64 = 0xcbf2_9ce4_8422_2325;

/// Of what `before` is of, and `bytes` behind it.
pub fn and(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Of these bytes.
pub fn of(bytes: &[u8]) -> u64 {
    and(OF_NOTHING, bytes)
}

/// The same as 16 hex digits.
pub fn text(bytes: &[u8]) -> String {
    format!("{:016x}", of(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test vectors.
    #[test]
    fn known_values() {
        assert_eq!(text(b""), "cbf29ce484222325");
        assert_eq!(text(b"a"), "af63dc4c8601ec8c");
        assert_eq!(text(b"foobar"), "85944171f73967e8");
        assert_eq!(and(of(b"foo"), b"bar"), of(b"foobar"));
    }
}
