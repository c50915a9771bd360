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

/// Bytes as Java prints a `byte[]`: `[0, 0, -1]`.
pub fn java_bytes(bytes: &[u8]) -> String {
    let signed: Vec<i8> = bytes.iter().map(|&b| b as i8).collect();
    format!("{signed:?}")
}
