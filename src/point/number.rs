//! Numbers as Java reads them: `Tags.parseLong` with its error texts, and the grammar of `Double.parseDouble`.
//! Printing them is `text.rs`.

use super::PointError;

/// Digits of `i64::MAX`; longer texts are refused without being read.
const LONG_DIGITS_MAX: usize = 19;
/// Bits of a hexadecimal significand that are kept; the rest only tells whether it is zero.
const HEX_BITS: u32 = 60;

fn invalid(words: String) -> PointError {
    PointError::InvalidValue(words)
}

/// True unless the text holds a character of floating point numbers: OpenTSDB's whole test.
pub fn looks_like_integer(text: &str) -> bool {
    !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'))
}

/// A 64-bit integer with OpenTSDB's error texts (recorded cases `put_bad/t11` to `t33`).
#[inline]
pub fn parse_long(text: &str) -> Result<i64, PointError> {
    // The usual case in one pass: up to 18 digits cannot overflow.
    let bytes = text.as_bytes();
    if (1..LONG_DIGITS_MAX).contains(&bytes.len()) {
        let mut value = 0i64;
        let mut good = true;
        for &b in bytes {
            let digit = b.wrapping_sub(b'0');
            good &= digit < 10;
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        }
        if good {
            return Ok(value);
        }
    }
    parse_long_slowly(text)
}

#[cold]
fn parse_long_slowly(text: &str) -> Result<i64, PointError> {
    let length = text.chars().count();
    if length == 0 {
        return Err(invalid("Empty string".into()));
    }
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let signed = digits.len() < text.len();
    if signed && length == 1 {
        return Err(invalid(format!("Just a sign, no value: {text}")));
    }
    if length > LONG_DIGITS_MAX + usize::from(signed) {
        return Err(invalid(format!("Value too long: {text}")));
    }
    let mut value = 0i128; // 19 digits fit with room to spare
    for c in digits.chars() {
        let Some(digit) = c.to_digit(10) else {
            return Err(invalid(format!("Invalid character '{c}' in {text}")));
        };
        value = value * 10 + i128::from(digit);
    }
    let value = if negative { -value } else { value };
    i64::try_from(value).map_err(|_| invalid(format!("Overflow in {text}")))
}

/// A telnet timestamp as a number: dots are taken out first.
#[inline]
pub fn parse_telnet_time(text: &str) -> Result<i64, PointError> {
    if text.bytes().any(|b| b == b'.') { parse_long(&text.replace('.', "")) } else { parse_long(text) }
}

/// A floating point number by the grammar of Java's `Double.parseDouble`: blanks and control characters around it, a
/// trailing `d` or `f`, hexadecimal floats, `NaN` and `Infinity`. Too large is infinite, too small is zero.
pub fn parse_double(text: &str) -> Result<f64, PointError> {
    parse_float(text, |decimal| fast_float2::parse(decimal).ok(), f64::INFINITY, |v| v)
}

/// The same rounded once to 4 bytes, as Java's `Float.parseFloat` (the import tool's rule).
pub fn parse_single(text: &str) -> Result<f32, PointError> {
    parse_float(text, |decimal| fast_float2::parse(decimal).ok(), f32::INFINITY, |v| v as f32)
}

fn parse_float<F: Copy + std::ops::Neg<Output = F>>(
    text: &str,
    decimal: impl Fn(&str) -> Option<F>,
    infinity: F,
    narrow: impl Fn(f64) -> F,
) -> Result<F, PointError> {
    let trimmed = text.trim_matches(|c| c <= ' ');
    if trimmed.is_empty() {
        return Err(invalid("empty String".into()));
    }
    let refuse = || invalid(format!("For input string: \"{trimmed}\""));
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let sign = |v: F| if trimmed.starts_with('-') { -v } else { v };
    match unsigned {
        "NaN" => return Ok(narrow(f64::NAN)),
        "Infinity" => return Ok(sign(infinity)),
        _ => {}
    }
    if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
        let value = parse_hex(unsigned.get(2..).unwrap_or_default()).ok_or_else(refuse)?;
        return Ok(sign(narrow(value)));
    }
    let end = decimal_end(unsigned)?.ok_or_else(refuse)?;
    match unsigned.get(end..) {
        Some("" | "d" | "D" | "f" | "F") => {}
        _ => return Err(refuse()),
    }
    unsigned.get(..end).and_then(decimal).map(sign).ok_or_else(refuse)
}

/// Where a decimal number (digits, one point, exponent) ends; `None` if there is none.
fn decimal_end(text: &str) -> Result<Option<usize>, PointError> {
    let bytes = text.as_bytes();
    let (mut at, mut digits, mut points) = (0, 0, 0);
    while let Some(&b) = bytes.get(at) {
        match b {
            b'0'..=b'9' => digits += 1,
            b'.' if points == 1 => return Err(invalid("multiple points".into())),
            b'.' => points = 1,
            _ => break,
        }
        at += 1;
    }
    if digits == 0 {
        return Ok(None);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'-' | b'+')));
        let first = at;
        while matches!(bytes.get(at), Some(b'0'..=b'9')) {
            at += 1;
        }
        if at == first {
            return Ok(None);
        }
    }
    Ok(Some(at))
}

/// A hexadecimal float behind its `0x`: digits, perhaps a point, `p` and a decimal exponent, perhaps `d` or `f`.
fn parse_hex(text: &str) -> Option<f64> {
    let (significand, exponent) = text.split_once(['p', 'P'])?;
    let exponent = exponent.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(exponent);
    let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (whole, fraction) = significand.split_once('.').unwrap_or((significand, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (mut bits, mut scale) = (0u64, 0i64);
    let mut sticky = false;
    for (place, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(c.to_digit(16)?);
        if bits >> (HEX_BITS - 4) == 0 {
            bits = bits << 4 | digit;
        } else {
            sticky |= digit != 0;
            scale += 4;
        }
        scale -= if place >= whole.len() { 4 } else { 0 };
    }
    if bits == 0 {
        return Some(0.0);
    }
    let power = digits.parse::<i64>().unwrap_or(i64::from(i32::MAX)).min(i64::from(i32::MAX));
    let power = if exponent.starts_with('-') { -power } else { power };
    Some(round_scaled(bits, sticky, power.saturating_add(scale)))
}

/// `bits * 2^power`, rounded once, half to even.
fn round_scaled(bits: u64, sticky: bool, power: i64) -> f64 {
    let top = 63 - i64::from(bits.leading_zeros());
    let exponent = top + power;
    if exponent > 1023 {
        return f64::INFINITY;
    }
    // Bits below the last one that the result can hold: 53 of a normal number, fewer near zero.
    let lowest = (exponent - 52).max(-1074);
    let cut = lowest - power;
    if cut <= 0 {
        return scale(bits as f64, power);
    }
    if cut > 63 {
        return 0.0;
    }
    let half = 1u64 << (cut - 1);
    let rest = bits & ((1 << cut) - 1);
    let kept = bits >> cut;
    let up = rest > half || rest == half && (sticky || kept & 1 == 1);
    scale((kept + u64::from(up)) as f64, lowest)
}

/// `value * 2^power`, exact where the result can be: in two steps, as `2^-1074` itself cannot be had by `powi`.
fn scale(value: f64, power: i64) -> f64 {
    let first = power.clamp(-1000, 1000);
    value * 2f64.powi(first as i32) * 2f64.powi((power - first) as i32)
}
