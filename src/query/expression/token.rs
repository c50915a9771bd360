//! Words of an expression.

use super::ExpressionError;
use super::value::Value;

/// A word and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub at: usize,
    pub kind: Kind,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Number(Value),
    Name(String),
    /// An operator, a bracket or a word that stands for one, by its sign.
    Sign(&'static str),
}

/// Operators, longest first.
const SIGNS: [&str; 24] =
    ["&&", "||", "==", "!=", "<=", ">=", "?:", "+", "-", "*", "/", "%", "<", ">", "!", "?", ":", "(", ")", "^", "|", "&", "~", ";"];
/// Words that stand for operators.
const WORDS: [(&str, &str); 11] = [
    ("and", "&&"),
    ("or", "||"),
    ("not", "!"),
    ("eq", "=="),
    ("ne", "!="),
    ("lt", "<"),
    ("le", "<="),
    ("gt", ">"),
    ("ge", ">="),
    ("div", "/"),
    ("mod", "%"),
];
/// Words of JEXL that an expression here has no use for.
const RESERVED: [&str; 12] = ["null", "if", "else", "for", "foreach", "while", "new", "var", "empty", "size", "return", "in"];

/// Cuts a text into words.
pub fn tokens(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(skipped) = blank(rest) {
            at += skipped;
            continue;
        }
        let (kind, length) = word(rest).map_err(|why| ExpressionError::Syntax(format!("{why}, at character {} of '{text}'", at + 1)))?;
        out.push(Token { at, kind });
        at += length;
    }
    Ok(out)
}

/// Bytes of a blank or a comment.
fn blank(rest: &str) -> Option<usize> {
    let first = rest.chars().next()?;
    if matches!(first, ' ' | '\t' | '\n' | '\r' | '\x0c') {
        return Some(1);
    }
    if rest.starts_with("//") || rest.starts_with("##") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    let inside = rest.strip_prefix("/*")?;
    inside.find("*/").map(|end| end + 4)
}

fn word(rest: &str) -> Result<(Kind, usize), String> {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_ascii_digit() {
        return number(rest);
    }
    if first.is_ascii_alphabetic() || first == '_' || first == '$' {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_$@".contains(c))).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        let kind = match (name, WORDS.iter().find(|(word, _)| *word == name)) {
            (_, Some((_, sign))) => Kind::Sign(sign),
            ("true", _) => Kind::Number(Value::Bool(true)),
            ("false", _) => Kind::Number(Value::Bool(false)),
            _ if RESERVED.contains(&name) => return Err(format!("'{name}' is not supported in expressions")),
            _ => Kind::Name(name.to_string()),
        };
        return Ok((kind, end));
    }
    match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        Some(sign) => Ok((Kind::Sign(sign), sign.len())),
        None if matches!(first, '\'' | '"') => Err("text is not supported in expressions".to_string()),
        None => Err(format!("'{first}' means nothing in an expression")),
    }
}

/// `12`, `0x1F`, `017`, `12L`, `1.5` (a `float`), `1.5e3`, `1.5d`.
fn number(rest: &str) -> Result<(Kind, usize), String> {
    let digits = |text: &str, radix| text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    let after = |at: usize| rest.get(at..).unwrap_or_default();
    if after(1).starts_with(['x', 'X']) && rest.starts_with('0') {
        let end = 2 + digits(after(2), 16);
        return whole(rest, rest.get(2..end).unwrap_or_default(), 16, end);
    }
    let mut end = digits(rest, 10);
    let fraction = after(end).strip_prefix('.').map_or(0, |text| digits(text, 10));
    if fraction == 0 {
        let text = rest.get(..end).unwrap_or_default();
        let octal = text.len() > 1 && text.starts_with('0');
        return whole(rest, text, if octal { 8 } else { 10 }, end);
    }
    end += 1 + fraction;
    if let Some(exponent) = after(end).strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        end += match digits(exponent.get(sign..).unwrap_or_default(), 10) {
            0 => 0,
            some => 1 + sign + some,
        };
    }
    let text = rest.get(..end).unwrap_or_default();
    let value = match after(end).chars().next() {
        Some('b' | 'B') => return Err("decimals of any length ('1.5b') are not supported in expressions".to_string()),
        Some('d' | 'D') => text.parse().ok().map(|value| (Value::Double(value), end + 1)),
        // A float's digits are what counts: 0.1 stays 0.1 and is not the nearest float's value.
        suffix => text.parse::<f32>().ok().and_then(|float| float.to_string().parse().ok()).map(|value| {
            let length = usize::from(matches!(suffix, Some('f' | 'F')));
            (Value::Float(value), end + length)
        }),
    };
    ends(value.map(|(value, end)| (Kind::Number(value), end)), rest)
}

fn whole(rest: &str, digits: &str, radix: u32, end: usize) -> Result<(Kind, usize), String> {
    let suffix = rest.get(end..).unwrap_or_default().starts_with(['l', 'L', 'h', 'H']);
    let value = i128::from_str_radix(digits, radix).ok().filter(|value| *value <= Value::WHOLE_MAX);
    ends(value.map(|value| (Kind::Number(Value::Int(value)), end + usize::from(suffix))), rest)
}

/// A number ends where neither letter nor digit nor point follows.
fn ends(number: Option<(Kind, usize)>, rest: &str) -> Result<(Kind, usize), String> {
    let follows = |end: usize| rest.get(end..).unwrap_or_default().starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    match number.filter(|(_, end)| !follows(*end)) {
        Some(found) => Ok(found),
        None => {
            let shown: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').take(32).collect();
            Err(format!("'{shown}' is no number"))
        }
    }
}
