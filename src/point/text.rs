//! Numbers as Java prints them: `Long.toString`, `Double.toString`, `Float.toString`. Nothing is allocated.
//!
//! The digits are the shortest that read back as the same number (Java 19 and later); the layout is Java's: plain from
//! 1e-3 up to 1e7, else one digit before the point and an exponent, always a digit behind the point.

use super::Number;

/// Highest count of digits of a 64-bit number, sign included.
const LONG_TEXT_MAX: usize = 20;
/// Highest count of significant digits of a double.
const DIGITS_MAX: usize = 17;

/// Appends a number the way a query prints it.
pub fn write_number(out: &mut Vec<u8>, value: Number) {
    match value {
        Number::Int(v) => write_i64(out, v),
        Number::Float(v) => write_f64(out, v),
    }
}

/// Appends an integer.
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    let mut buffer = [0u8; LONG_TEXT_MAX];
    let mut left = value.unsigned_abs();
    let mut start = buffer.len();
    for (at, place) in buffer.iter_mut().enumerate().rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
        start = at;
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(buffer.get(start..).unwrap_or_default());
}

/// Appends a double as `Double.toString` does: `1.0`, `1.0E10`, `NaN`, `-Infinity`.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    if value.abs().to_bits() == 1 {
        // Java alone prints two digits of its smallest double.
        out.extend_from_slice(if value < 0.0 { b"-4.9E-324" } else { b"4.9E-324" });
        return;
    }
    write_java(out, value, zmij::Buffer::new().format(value));
}

/// Appends a float as `Float.toString` does.
pub fn write_f32(out: &mut Vec<u8>, value: f32) {
    if value.abs().to_bits() == 1 {
        out.extend_from_slice(if value < 0.0 { b"-1.4E-45" } else { b"1.4E-45" });
        return;
    }
    write_java(out, f64::from(value), zmij::Buffer::new().format(value));
}

/// Lays the digits of `shortest` (any plain or exponent notation) out as Java does.
fn write_java(out: &mut Vec<u8>, value: f64, shortest: &str) {
    if !value.is_finite() {
        out.extend_from_slice(if value.is_nan() {
            b"NaN"
        } else if value > 0.0 {
            b"Infinity"
        } else {
            b"-Infinity"
        });
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if value == 0.0 {
        out.extend_from_slice(b"0.0");
        return;
    }
    let mut buffer = [0u8; DIGITS_MAX];
    let (count, point) = significant(shortest, &mut buffer);
    let digits = buffer.get(..count).unwrap_or_default();
    // The value is 0.DIGITS times ten to the power of `point`.
    if (-2..=0).contains(&point) {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', point.unsigned_abs() as usize));
        out.extend_from_slice(digits);
    } else if (1..=7).contains(&point) {
        let whole = point as usize;
        let (before, behind) = digits.split_at_checked(whole).unwrap_or((digits, b""));
        out.extend_from_slice(before);
        out.extend(std::iter::repeat_n(b'0', whole - before.len()));
        out.push(b'.');
        out.extend_from_slice(if behind.is_empty() { b"0" } else { behind });
    } else {
        let (first, behind) = digits.split_at_checked(1).unwrap_or((digits, b""));
        out.extend_from_slice(first);
        out.push(b'.');
        out.extend_from_slice(if behind.is_empty() { b"0" } else { behind });
        out.push(b'E');
        write_i64(out, i64::from(point) - 1);
    }
}

/// The significant digits of a decimal text without zeros at either end, and the power of ten that `0.DIGITS` is
/// multiplied with.
fn significant(text: &str, buffer: &mut [u8; DIGITS_MAX]) -> (usize, i32) {
    let (mut count, mut point, mut seen_point) = (0usize, 0i32, false);
    let mut exponent = 0i32;
    for (at, b) in text.bytes().enumerate() {
        match b {
            b'0' if count == 0 => point -= i32::from(seen_point),
            b'0'..=b'9' => {
                // Zeros behind the last digit that fits are layout, not digits.
                if let Some(place) = buffer.get_mut(count) {
                    *place = b;
                    count += 1;
                }
                point += i32::from(!seen_point);
            }
            b'.' => seen_point = true,
            b'e' | b'E' => {
                exponent = text.get(at + 1..).and_then(|e| e.parse().ok()).unwrap_or(0);
                break;
            }
            _ => {}
        }
    }
    while count > 1 && buffer.get(count - 1) == Some(&b'0') {
        count -= 1;
    }
    (count, point + exponent)
}
