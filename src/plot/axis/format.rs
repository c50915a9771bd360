//! Texts of ticks that the client wants in its own way: `%.2f`, `%.1s%cB`, `%H:%M`. Read once into parts; what is no part is
//! refused when it is read, so that nothing is left to fail when it is drawn.
//!
//! | letter | of a number |
//! | --- | --- |
//! | `d` `i` | whole |
//! | `f` `e` `g` (and upper case) | as `printf` |
//! | `x` `X` `o` | whole, in base 16 or 8 |
//! | `s` | between 1 and 1000, by powers of 1000; `c` the letter of that power, `S` its exponent |
//! | `t` | between 1 and 10; `T` its power of ten |
//!
//! Letters of times are those of `strftime`: `a A b B d D F H I j k l m M p S s T y Y Z`.

use jiff::Zoned;

/// Longest text of a tick, in characters.
const TEXT_MAX: usize = 40;
/// Widest field and most digits.
const WIDTH_MAX: usize = 30;

/// A pattern, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Number(Field),
    Time(char),
}

/// `%[flags][width][.digits]letter`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Field {
    left: bool,
    plus: bool,
    blank: bool,
    zeros: bool,
    width: usize,
    digits: Option<usize>,
    letter: char,
}

const NUMBERS: &str = "difFeEgGxXosScStT";
const TIMES: &str = "aAbBdDFHIjklmMpSsTyYZ";

impl Pattern {
    /// Reads a pattern of numbers. Letters of times are taken too, since links in the wild have them, and mean the value as
    /// seconds since the epoch.
    pub fn value(text: &str) -> Option<Pattern> {
        Pattern::parse(text, |letter| NUMBERS.contains(letter), |letter| TIMES.contains(letter))
    }

    /// Reads a pattern of times. A number in it is the time in seconds since the epoch.
    pub fn instant(text: &str) -> Option<Pattern> {
        Pattern::parse(text, |letter| "dfeg".contains(letter) && !TIMES.contains(letter), |letter| TIMES.contains(letter))
    }

    fn parse(text: &str, number: impl Fn(char) -> bool, time: impl Fn(char) -> bool) -> Option<Pattern> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            if c != '%' {
                plain.push(c);
                continue;
            }
            if rest.next_if_eq(&'%').is_some() {
                plain.push('%');
                continue;
            }
            let mut field = Field::default();
            while let Some(flag) = rest.next_if(|c| "+- 0#".contains(*c)) {
                match flag {
                    '-' => field.left = true,
                    '+' => field.plus = true,
                    ' ' => field.blank = true,
                    '0' => field.zeros = true,
                    _ => {}
                }
            }
            let digits = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
                let mut sum = None;
                while let Some(digit) = rest.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)) {
                    sum = Some((sum.unwrap_or(0usize) * 10 + digit as usize).min(WIDTH_MAX + 1));
                }
                sum
            };
            let width = digits(&mut rest);
            field.width = width.unwrap_or(0);
            if rest.next_if_eq(&'.').is_some() {
                field.digits = Some(digits(&mut rest).unwrap_or(0));
            }
            field.letter = rest.next()?;
            if field.width > WIDTH_MAX || field.digits.is_some_and(|digits| digits > WIDTH_MAX) {
                return None;
            }
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(match field.letter {
                letter if number(letter) => Part::Number(field),
                letter if time(letter) && width.is_none() && field.digits.is_none() => Part::Time(letter),
                _ => return None,
            });
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        parts.iter().any(|part| !matches!(part, Part::Text(_))).then_some(Pattern(parts))
    }

    /// The text of a number.
    pub fn number(&self, value: f64) -> String {
        // `%s` and `%c` are of one number: the digits decide where the next prefix begins.
        let digits = self.0.iter().find_map(|part| match part {
            Part::Number(field) if field.letter == 's' => field.digits,
            _ => None,
        });
        let thousands = thousands(value, digits.unwrap_or(6));
        let zoned = self.0.iter().any(|part| matches!(part, Part::Time(_))).then(|| second(value)).flatten();
        let text: String = (self.0.iter())
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Number(field) => field.text(value, thousands),
                Part::Time(letter) => zoned.as_ref().map_or(String::new(), |at| time(*letter, at)),
            })
            .collect();
        text.chars().take(TEXT_MAX).collect()
    }

    /// The text of an instant.
    pub fn time(&self, at: &Zoned) -> String {
        let seconds = at.timestamp().as_millisecond() as f64 / 1000.0;
        let text: String = (self.0.iter())
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Number(field) => field.text(seconds, 0),
                Part::Time(letter) => time(*letter, at),
            })
            .collect();
        text.chars().take(TEXT_MAX).collect()
    }
}

fn second(value: f64) -> Option<Zoned> {
    jiff::Timestamp::from_second(value as i64).ok().map(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
}

fn time(letter: char, at: &Zoned) -> String {
    at.strftime(&format!("%{letter}")).to_string()
}

/// The power of 1000 that leaves a number between 1 and 1000 once it is rounded to so many digits.
fn thousands(value: f64, digits: usize) -> i32 {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    let power = (value.abs().log10() / 3.0 + 1e-12).floor() as i32;
    let rounded: f64 = format!("{:.*}", digits, value.abs() / 1000f64.powi(power)).parse().unwrap_or(0.0);
    (power + i32::from(rounded >= 1000.0)).clamp(-8, 8)
}

impl Field {
    fn text(&self, value: f64, thousands: i32) -> String {
        let digits = self.digits.unwrap_or(6);
        let body = match self.letter {
            'c' => prefix(thousands).to_owned(),
            'S' => (thousands * 3).to_string(),
            'T' => value.abs().log10().floor().to_string(),
            's' => shortest(value / 1000f64.powi(thousands), self.digits),
            't' => shortest(value / 10f64.powf(value.abs().log10().floor()), self.digits),
            'd' | 'i' => format!("{:.0}", value.trunc()),
            'x' => format!("{:x}", value as i64),
            'X' => format!("{:X}", value as i64),
            'o' => format!("{:o}", value as i64),
            'f' | 'F' => format!("{value:.digits$}"),
            'e' => exponent(value, digits),
            'E' => exponent(value, digits).to_uppercase(),
            'G' => general(value, digits).to_uppercase(),
            _ => general(value, digits),
        };
        let signed = if value >= 0.0 && "difFeEgGst".contains(self.letter) {
            let sign = if self.plus {
                "+"
            } else if self.blank {
                " "
            } else {
                ""
            };
            format!("{sign}{body}")
        } else {
            body
        };
        let missing = self.width.saturating_sub(signed.chars().count());
        if self.left {
            format!("{signed}{}", " ".repeat(missing))
        } else if self.zeros && value.is_finite() {
            let at = usize::from(signed.starts_with(['-', '+', ' ']));
            let (sign, digits) = signed.split_at(at);
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else {
            format!("{}{signed}", " ".repeat(missing))
        }
    }
}

fn prefix(thousands: i32) -> &'static str {
    match thousands {
        -8 => "y",
        -7 => "z",
        -6 => "a",
        -5 => "f",
        -4 => "p",
        -3 => "n",
        -2 => "µ",
        -1 => "m",
        1 => "k",
        2 => "M",
        3 => "G",
        4 => "T",
        5 => "P",
        6 => "E",
        7 => "Z",
        8 => "Y",
        _ => "",
    }
}

/// With so many digits behind the point, or as few as the number needs.
fn shortest(value: f64, digits: Option<usize>) -> String {
    match digits {
        Some(digits) => format!("{value:.digits$}"),
        None => general(value, 6),
    }
}

/// `1.500000e+03`
fn exponent(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    match text.split_once('e') {
        Some((mantissa, power)) => {
            let power: i32 = power.parse().unwrap_or(0);
            format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
        }
        None => text,
    }
}

/// As `%g`: so many digits in all, without zeros at the end.
fn general(value: f64, digits: usize) -> String {
    let digits = digits.max(1);
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let rounded = format!("{:.*e}", digits - 1, value);
    let power: i32 = rounded.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let trim = |text: &str| if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() };
    if power < -4 || power >= digits as i32 {
        let text = exponent(value, digits - 1);
        return text.split_once('e').map_or(text.clone(), |(mantissa, power)| format!("{}e{power}", trim(mantissa)));
    }
    trim(&format!("{:.*}", (digits as i32 - 1 - power).max(0) as usize, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, value: f64, want: &str) {
        assert_eq!(Pattern::value(pattern).expect(pattern).number(value), want, "{pattern} of {value}");
    }

    #[test]
    fn numbers() {
        check("%.2f", 1.5, "1.50");
        check("%5.1f|", -1.25, " -1.2|");
        check("%-6d|", 42.9, "42    |");
        check("%06d", -42.0, "-00042");
        check("%+d", 5.0, "+5");
        check("% d", 5.0, " 5");
        check("%x", 255.0, "ff");
        check("%g", 1_000_000.0, "1e+06");
        check("%g", 0.0001, "0.0001");
        check("%g", 123.456, "123.456");
        check("%e", 1500.0, "1.500000e+03");
        check("%.1s%c", 1500.0, "1.5k");
        check("%.1s%cB", 2_500_000_000.0, "2.5GB");
        check("%.0s%c", 999.6, "1k");
        check("%s", 1500.0, "1.5");
        check("%.1s %cs", 0.0025, "2.5 ms");
        check("%.1s%c", 0.0, "0.0");
        check("100%% %g", 7.0, "100% 7");
        check("%.3f", 1e300, &format!("{:.3}", 1e300).chars().take(40).collect::<String>());
        check("%d", f64::INFINITY, "inf");
        check("%H:%M", 3660.0, "01:01");
    }

    #[test]
    fn times() {
        let at: Zoned = "2026-11-25T08:05:09+01:00[Europe/Berlin]".parse().unwrap();
        for (pattern, want) in [
            ("%H:%M", "08:05"),
            ("%a %d", "Wed 25"),
            ("%F %T", "2026-11-25 08:05:09"),
            ("%Y年%m月%d日", "2026年11月25日"),
            ("%s", "1764054309"),
        ] {
            assert_eq!(
                Pattern::instant(pattern).expect(pattern).time(&at),
                want.replace("1764054309", &at.timestamp().as_second().to_string())
            );
        }
    }

    #[test]
    fn refused() {
        for bad in ["", "abc", "%", "%.2", "%;", "100%%", "%n", "%w", "%99d", "%.99f", "%q", "%5H", "%{x}", "%*d", "% "] {
            assert_eq!(Pattern::value(bad), None, "{bad}");
        }
        assert_eq!(Pattern::instant("%x"), None);
        assert_eq!(Pattern::instant("plain"), None);
    }
}
