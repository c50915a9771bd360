//! Lengths of time as text: the one parser of them.

/// A length of time in milliseconds: digits, and a unit that the last character decides (`5xm` is five minutes, as in Java).
/// `n` is a month of 30 days, `y` a year of 365.
///
/// # Errors
/// OpenTSDB's text for what is wrong.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let refuse = |what: &str| Err(format!("{what}: {text}"));
    if text.is_empty() {
        return Err("Cannot parse null or empty duration".to_owned());
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == text.len() {
        return refuse("Invalid duration, must have an integer and unit");
    }
    let Some(count) = text.get(..digits).and_then(|d| d.parse::<i64>().ok()) else { return refuse("Invalid duration (number)") };
    if count <= 0 {
        return refuse("Zero or negative duration");
    }
    let seconds = match text.to_lowercase().chars().next_back() {
        // Only a small m makes milliseconds.
        Some('s') if text.chars().rev().nth(1) == Some('m') => return Ok(count),
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        Some('w') => 7 * 86_400,
        Some('n') => 30 * 86_400,
        Some('y') => 365 * 86_400,
        _ => return refuse("Invalid duration (suffix)"),
    };
    match count.checked_mul(seconds * 1_000) {
        Some(ms) => Ok(ms),
        None => refuse("Duration must be < Long.MAX_VALUE ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<i64, &str>) {
        assert_eq!(parse_duration(text).as_ref().copied().map_err(String::as_str), want, "{text}");
    }

    #[test]
    fn lengths() {
        check("500ms", Ok(500));
        check("5Ms", Ok(5_000)); // only a small m
        check("30s", Ok(30_000));
        check("5xm", Ok(300_000));
        check("2H", Ok(7_200_000));
        check("1w", Ok(604_800_000));
        check("1n", Ok(2_592_000_000));
        check("2y", Ok(63_072_000_000));
    }

    #[test]
    fn refused() {
        check("", Err("Cannot parse null or empty duration"));
        check("5", Err("Invalid duration, must have an integer and unit: 5"));
        check("h", Err("Invalid duration (number): h"));
        check("0s", Err("Zero or negative duration: 0s"));
        check("-1s", Err("Invalid duration (number): -1s"));
        check("1x", Err("Invalid duration (suffix): 1x"));
        check("99999999999999999y", Err("Duration must be < Long.MAX_VALUE ms: 99999999999999999y"));
    }
}
