//! The query string of a request, decoded as the original server decodes it.
//!
//! Parameters are split at `&` and `;`; a parameter without `=` has an empty value; one with an empty name is skipped
//! (`=x&` leaves nothing but the text after the sign, which then counts as a name). `+` is a space, `%%` is a percent
//! sign, bytes that are no UTF-8 become U+FFFD. A broken escape is an error: the original never answers such a request
//! (surprise 7 of the recorded HTTP scenarios), here it is a 400.

use super::api::ApiError;

/// Most parameters taken from one query string; the original stops at the same number and drops the rest.
const PARAMETERS_MAX: usize = 1024;

/// Splits and decodes what stands after the `?`.
pub fn decode(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let mut params = Vec::new();
    for part in query.split(['&', ';']) {
        // A sign that opens the part has no name before it: what follows is read as a name of its own.
        let part = part.trim_start_matches('=');
        if part.is_empty() {
            continue;
        }
        if params.len() == PARAMETERS_MAX {
            break;
        }
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        params.push((component(name)?, component(value)?));
    }
    Ok(params)
}

/// Undoes the percent encoding of one name or value.
pub fn component(text: &str) -> Result<String, ApiError> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => out.push(escaped(&mut bytes).ok_or_else(|| bad_escape(text))?),
            other => out.push(other),
        }
    }
    Ok(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// The byte that an escape stands for, with the percent sign already taken.
fn escaped(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let high = bytes.next()?;
    if high == b'%' {
        return Some(b'%');
    }
    let low = bytes.next()?;
    let nibble = |b: u8| char::from(b).to_digit(16);
    u8::try_from(nibble(high)? * 16 + nibble(low)?).ok()
}

fn bad_escape(text: &str) -> ApiError {
    ApiError::bad("Bad query string").details(format!("a percent sign must be followed by two hexadecimal digits: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, want: &[(&str, &str)]) {
        let got = decode(query).expect(query);
        let got: Vec<_> = got.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(got, want, "{query}");
    }

    #[test]
    fn parameters() {
        check("", &[]);
        check("a=1", &[("a", "1")]);
        check("a=1&b=2", &[("a", "1"), ("b", "2")]);
        check("a=1;b=2", &[("a", "1"), ("b", "2")]);
        check("a", &[("a", "")]);
        check("a=", &[("a", "")]);
        check("a&&b", &[("a", ""), ("b", "")]);
        check("=1", &[("1", "")]);
        check("==1=2", &[("1", "2")]);
        check("a=b=c", &[("a", "b=c")]);
        check("m=sum:rate{counter}:x{a=b}", &[("m", "sum:rate{counter}:x{a=b}")]);
        check("a=1&a=2", &[("a", "1"), ("a", "2")]);
    }

    #[test]
    fn escapes() {
        check("a=%20b+c", &[("a", " b c")]);
        check("a=%%", &[("a", "%")]);
        check("a=k%C3%B6ln", &[("a", "köln")]);
        check("a=köln", &[("a", "köln")]);
        check("a=%ff", &[("a", "\u{fffd}")]);
        check("%61=%3D%26", &[("a", "=&")]);
        for bad in ["a=%", "a=%2", "a=%zz", "%g0=1", "a=1&b=%1"] {
            assert_eq!(decode(bad).map_err(|e| e.status), Err(400), "{bad}");
        }
    }

    #[test]
    fn too_many_are_dropped() {
        let query = "a=1&".repeat(PARAMETERS_MAX + 5);
        assert_eq!(decode(&query).expect("decodes").len(), PARAMETERS_MAX);
    }
}
