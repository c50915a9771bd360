//! Durations as Bosun reads and writes them: `1h30m`, `-1.5d`; units ms, s, m, h, d, w, n (30 days) and y (365 days).

const UNITS: [(&str, f64); 8] =
    [("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9), ("d", 86_400e9), ("w", 604_800e9), ("n", 2_592_000e9), ("y", 31_536_000e9)];

/// Nanoseconds that a text means. May be negative; what no 64 bits hold is cut off at their ends.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no duration: expected a number with a unit of ms, s, m, h, d, w, n or y, like 1h or 1h30m");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let split = |text: &str, digit: bool| text.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(text.len());
        let (whole, tail) = rest.split_at(split(rest, true));
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(tail) => tail.split_at(split(tail, true)),
            None => ("", tail),
        };
        if (whole.is_empty() && fraction.is_empty()) || whole.len().max(fraction.len()) > 18 {
            return Err(wrong());
        }
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len()));
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let digits = |text: &str| text.parse::<u64>().unwrap_or(0) as f64;
        let scale = fraction.chars().fold(1.0, |scale, _| scale * 10.0);
        nanos += (digits(whole) + digits(fraction) / scale) * size;
        rest = tail;
    }
    Ok(if negative { -nanos } else { nanos } as i64)
}

/// The largest unit that divides it: `90m`, `2d`, `1500ms`. Negative and odd ones in milliseconds.
pub(super) fn human(nanos: i64) -> String {
    for unit in ["y", "w", "d", "h", "m", "s"] {
        let size = UNITS.iter().find(|(name, _)| *name == unit).map_or(1, |(_, size)| *size as i64);
        if nanos >= size && nanos % size == 0 {
            return format!("{}{unit}", nanos / size);
        }
    }
    format!("{}ms", nanos / 1_000_000)
}

/// As Go writes it: `24h0m0s`, `1m30s`, `500ms`, `0s`.
pub(super) fn clock(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let all = nanos.unsigned_abs();
    if all == 0 {
        return "0s".to_string();
    }
    if all < 1_000_000_000 {
        let (size, unit) = if all >= 1_000_000 {
            (1e6, "ms")
        } else if all >= 1_000 {
            (1e3, "µs")
        } else {
            (1.0, "ns")
        };
        return format!("{sign}{}{unit}", all as f64 / size);
    }
    let (seconds, rest) = (all / 1_000_000_000, all % 1_000_000_000);
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:09}").trim_end_matches('0').to_string() };
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}{fraction}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}{fraction}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let ok = |text: &str, seconds: f64| assert_eq!(parse(text), Ok((seconds * 1e9) as i64), "{text}");
        ok("1h30m", 5_400.0);
        ok("-1.5d", -129_600.0);
        ok("0", 0.0);
        ok("500ms", 0.5);
        ok(".5s", 0.5);
        ok("1.s", 1.0);
        ok("1n", 2_592_000.0);
        for wrong in ["", "-", "1", "h", "1x", "1 h", ".s", "1hour", "99999999999999999999s", "0x1s"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(human(3_661_000_000_000), "3661s");
        assert_eq!(human(0), "0ms");
        assert_eq!(human(14 * 86_400_000_000_000), "2w");
        assert_eq!(clock(86_400_000_000_000), "24h0m0s");
        assert_eq!(clock(90_500_000_000), "1m30.5s");
        assert_eq!(clock(500_000_000), "500ms");
        assert_eq!(clock(-1_000_000_000), "-1s");
    }
}
