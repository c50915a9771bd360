//! Letters to tokens. Signs that stand together are one token, known or not: `2**-1` has the unknown sign `**-`.

use super::ExpressionError;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number.
    Number,
    /// A name, of a function.
    Name,
    /// A text, quotes included.
    Text,
    /// `!`, `&&`, …
    Sign,
    /// `[…]` before a function.
    Prefix,
    Open,
    Close,
    Comma,
    /// After the last token, at the end of the text.
    End,
}

/// A token and where it begins, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub at: usize,
}

const SIGNS: &str = "!<>=&|+-*/%";
const KNOWN_SIGNS: [&str; 15] = ["!", "&&", "||", ">", "<", ">=", "<=", "==", "!=", "+", "-", "*", "**", "/", "%"];

/// All tokens of a text, the end included.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ExpressionError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        let wrong = |what: String| Err(ExpressionError::at(text, at, what));
        let (kind, length) = match first {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            ',' => (Kind::Comma, 1),
            '"' => match rest.get(1..).and_then(|r| r.find('"')) {
                Some(end) => (Kind::Text, end + 2),
                None => return wrong("expected \" at the end of the text, which is open".to_string()),
            },
            '\'' => match rest.strip_prefix("'''").and_then(|r| r.find("'''")) {
                Some(end) => (Kind::Text, end + 6),
                None => return wrong("expected a text in double quotes, or between ''' and '''".to_string()),
            },
            '[' => match rest.find("\"]") {
                Some(end) => (Kind::Prefix, end + 2),
                None => return wrong("expected a prefix like [\"name\"]".to_string()),
            },
            c if SIGNS.contains(c) => (Kind::Sign, run(rest, |c| SIGNS.contains(c))),
            c if c.is_ascii_digit() || c == '.' => (Kind::Number, number(rest)),
            c if c.is_alphabetic() => (Kind::Name, run(rest, char::is_alphabetic)),
            c => return wrong(format!("expected a number, a function or an operator, found {c:?}")),
        };
        let token = rest.get(..length).unwrap_or_default();
        if kind == Kind::Sign && !KNOWN_SIGNS.contains(&token) {
            return wrong(format!("{token:?} is no operator; signs that belong apart need a blank or brackets between them"));
        }
        out.push(Token { kind, text: token, at });
        at += length;
    }
    out.push(Token { kind: Kind::End, text: "", at: text.len() });
    Ok(out)
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// How far a number goes. Whether it is one is seen when it is read.
fn number(text: &str) -> usize {
    let hex = text.starts_with("0x") || text.starts_with("0X");
    let digit = |c: char| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
    let mut at = if hex { 2 } else { 0 };
    let skip = |at: usize, belongs: &dyn Fn(char) -> bool| at + run(text.get(at..).unwrap_or_default(), belongs);
    at = skip(at, &digit);
    if text.get(at..).is_some_and(|rest| rest.starts_with('.')) {
        at = skip(at + 1, &digit);
    }
    if text.get(at..).is_some_and(|rest| rest.starts_with(['e', 'E'])) {
        at += 1;
        if text.get(at..).is_some_and(|rest| rest.starts_with(['+', '-'])) {
            at += 1;
        }
        at = skip(at, &|c| c.is_ascii_digit());
    }
    at
}

/// What a number's text means: decimal, `0x1f`, or octal with a leading zero.
pub(super) fn number_value(text: &str) -> Option<f64> {
    let whole = match (text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")), text.strip_prefix('0')) {
        (Some(hex), _) => return u64::from_str_radix(hex, 16).ok().map(|n| n as f64),
        (_, Some(octal)) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    };
    let decimal = || text.parse::<f64>().ok().filter(|n| n.is_finite());
    whole.map(|n: u64| n as f64).or_else(decimal)
}

/// The meaning of a text in double quotes with backslashes, or of one between three single quotes.
pub(super) fn text_value(quoted: &str) -> Option<String> {
    if let Some(raw) = quoted.strip_prefix("'''") {
        return raw.strip_suffix("'''").map(str::to_string);
    }
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => return None,
            '\\' => escape(&mut chars, &mut out)?,
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(out).ok()
}

fn escape(chars: &mut std::str::Chars, out: &mut Vec<u8>) -> Option<()> {
    let c = chars.next()?;
    let mut digits = |first: &str, count: usize, radix: u32| -> Option<u32> {
        let mut text = first.to_string();
        while text.len() < count {
            text.push(chars.next().filter(|c| c.is_digit(radix))?);
        }
        u32::from_str_radix(&text, radix).ok()
    };
    let letter = |code: u32| char::from_u32(code).map(|c| c.to_string().into_bytes());
    let byte = |code: u32| u8::try_from(code).ok().map(|byte| vec![byte]);
    let bytes = match c {
        'a' => byte(7),
        'b' => byte(8),
        'f' => byte(12),
        'n' => byte(10),
        'r' => byte(13),
        't' => byte(9),
        'v' => byte(11),
        '\\' | '"' => byte(u32::from(c)),
        'x' => byte(digits("", 2, 16)?),
        'u' => letter(digits("", 4, 16)?),
        'U' => letter(digits("", 8, 16)?),
        '0'..='7' => byte(digits(&c.to_string(), 3, 8)?),
        _ => None,
    }?;
    out.extend_from_slice(&bytes);
    Some(())
}
