//! Histograms as text: what telnet sends, what bounds of ranges look like in JSON, and OpenTSDB's reading of base64.

use super::{Histogram, HistogramError, Range};
use crate::point::number::parse_single;

/// Why text is no histogram, in OpenTSDB's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The form is wrong.
    #[error("{0}")]
    Form(String),
    /// A number is none.
    #[error("{0}")]
    Number(String),
}

impl Histogram {
    /// Reads telnet's form: `lower,upper=count` and `u=count`, `o=count` for what is below and above, with colons between.
    pub fn parse(text: &str) -> Result<Histogram, TextError> {
        let mut histogram = Histogram::default();
        for part in text.split(':') {
            let Some((name, count)) = part.split_once('=').filter(|(_, count)| !count.contains('=')) else {
                return Err(TextError::Form(format!("Improperly formatted bucket: {part}")));
            };
            match name.to_lowercase().as_str() {
                "u" => histogram.underflow = whole(count)?,
                "o" => histogram.overflow = whole(count)?,
                bounds => {
                    let wrong = || TextError::Form(format!("Improperly formatted bounds: {part}"));
                    let range = Range::parse(bounds).ok_or_else(wrong)??;
                    histogram.set(range, whole(count)?);
                }
            }
        }
        Ok(histogram)
    }
}

impl Range {
    /// Reads `lower,upper`, each as Java reads a float; `None` if these are no two words.
    pub fn parse(text: &str) -> Option<Result<Range, TextError>> {
        let (lower, upper) = text.split_once(',').filter(|(_, upper)| !upper.contains(','))?;
        let bound = |text: &str| parse_single(text).map_err(|e| TextError::Number(e.to_string()));
        Some(bound(lower).and_then(|lower| Ok(Range { lower, upper: bound(upper)? })))
    }
}

fn whole(text: &str) -> Result<i64, TextError> {
    text.parse().map_err(|_| TextError::Number(format!("For input string: \"{text}\"")))
}

/// Bytes from base64 as Java's `DatatypeConverter` reads it: what is no letter of it is passed over, and so is what is left
/// behind the last whole group of four; a character beyond ASCII is an error.
pub fn base64(text: &str) -> Result<Vec<u8>, HistogramError> {
    const PAD: u8 = 127; // Java's number for it, which counts where it stands in the first half of a group
    if let Some(beyond) = text.encode_utf16().find(|unit| *unit > 127) {
        return Err(HistogramError::Beyond(beyond));
    }
    let digits = text.bytes().filter_map(|byte| {
        Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => PAD,
            _ => return None,
        })
    });
    let digits: Vec<u8> = digits.collect();
    let (groups, _) = digits.as_chunks::<4>();
    let mut out = Vec::with_capacity(groups.len() * 3);
    for &[a, b, c, d] in groups {
        out.push(a << 2 | b >> 4);
        if c != PAD {
            out.push(b << 4 | c >> 2);
        }
        if d != PAD {
            out.push(c << 6 | d);
        }
    }
    Ok(out)
}

/// Bytes as asynchbase shows them: as text if most of them are, else as a list of numbers.
pub(super) fn pretty(bytes: &[u8]) -> String {
    let printable = |byte: &&u8| (b' '..=b'~').contains(*byte);
    if bytes.iter().filter(printable).count() < bytes.len() / 2 {
        return super::super::java_bytes(bytes);
    }
    let mut out = String::from("\"");
    for byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02X}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::to_hex;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = Histogram::parse(text).map(|h| {
            let ranges: Vec<String> = h.ranges().iter().map(|(r, n)| format!("{:?}-{:?}={n}", r.lower, r.upper)).collect();
            format!("{} u={} o={}", ranges.join(" "), h.underflow, h.overflow)
        });
        assert_eq!(got.as_deref().map_err(|e| e.to_string()), want.map_err(str::to_string), "{text}");
    }

    #[test]
    fn texts() {
        check("1.0,2.0=5:u=1:O=2", Ok("1.0-2.0=5 u=1 o=2"));
        check("2,3=6:0,1.75=12", Ok("0.0-1.75=12 2.0-3.0=6 u=0 o=0"));
        check("1,2=1:1.0,2e0=7", Ok("1.0-2.0=7 u=0 o=0"));
        check("5,1=-1", Ok("5.0-1.0=-1 u=0 o=0"));
        check("u=1", Ok(" u=1 o=0"));
        check("AAAA", Err("Improperly formatted bucket: AAAA"));
        check("1,2=1=2", Err("Improperly formatted bucket: 1,2=1=2"));
        check("1,2=1:", Err("Improperly formatted bucket: "));
        check("1,2,3=1", Err("Improperly formatted bounds: 1,2,3=1"));
        check("1=1", Err("Improperly formatted bounds: 1=1"));
        check("1,2=x", Err("For input string: \"x\""));
        check("a,2=1", Err("For input string: \"a\""));
        check("NaN,2=1", Err("For input string: \"nan\"")); // telnet's words are made small first
    }

    #[test]
    fn base64_texts() {
        let hex = |text| base64(text).map(|bytes| to_hex(&bytes)).map_err(|e| e.to_string());
        assert_eq!(hex("AAAABjP/uMI="), Ok("0000000633FFB8C2".to_owned()));
        assert_eq!(hex("1.0,2.0=5"), Ok("D74DB4".to_owned()));
        assert_eq!(hex("AAEA@@@AAAAP4AAAAUAAA=="), hex("AAEAAAAAP4AAAAUAAA=="));
        assert_eq!(hex("!!!!"), Ok(String::new()));
        assert_eq!(hex("AAA"), Ok(String::new()));
        assert_eq!(hex("AAAABjP/uMI=\u{c3}"), Err("Index 195 out of bounds for length 128".to_owned())); // tried
    }

    #[test]
    fn shown_bytes() {
        assert_eq!(pretty(&[0xD7, b'M', 0xB4]), r#""\xD7M\xB4""#);
        assert_eq!(pretty(&[0, 0, 0]), "[0, 0, 0]");
        assert_eq!(pretty(&[]), "\"\"");
    }
}
