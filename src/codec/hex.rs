//! Bytes as text: upper-case hex as OpenTSDB writes UIDs and TSUIDs, and Java's lists of signed bytes.

/// Upper-case hex (`000001` for a UID, a TSUID as `/api/query` lists it).
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |b: u8| DIGITS.get(usize::from(b)).copied().unwrap_or('?');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// Bytes from hex in either case; `None` if a character is no hex digit or the length is odd.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The bytes of an id as OpenTSDB reads it: an odd number of digits gets a zero in front (recorded in `uid_uidmeta/odd_uid`).
/// Of nothing come no bytes.
///
/// # Errors
/// What clients read of other characters than digits, in Java's words.
pub fn id_from_hex(text: &str) -> Result<Vec<u8>, String> {
    // Java counts units of UTF-16, and tells what it read.
    let even = if text.encode_utf16().count() % 2 == 1 { format!("0{text}") } else { text.to_owned() };
    from_hex(&even).ok_or_else(|| format!("contains illegal character for hexBinary: {even}"))
}

/// Bytes as Java prints a `byte[]`: `[0, 0, -1]`.
pub fn java_bytes(bytes: &[u8]) -> String {
    let signed: Vec<i8> = bytes.iter().map(|&b| b as i8).collect();
    format!("{signed:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_an_odd_number_of_digits() {
        assert_eq!(id_from_hex("abc"), Ok(vec![0x0a, 0xbc]));
        assert_eq!(id_from_hex("0ABC"), Ok(vec![0x0a, 0xbc]));
        assert_eq!(id_from_hex(""), Ok(Vec::new()));
        for (text, read) in [("xyz", "0xyz"), ("zz", "zz"), ("é", "0é"), ("00000é", "00000é")] {
            assert_eq!(id_from_hex(text), Err(format!("contains illegal character for hexBinary: {read}")));
        }
    }
}
