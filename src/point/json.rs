//! JSON as Jackson reads it for OpenTSDB: keys keep their order and may repeat, numbers keep their text, what follows the
//! first complete value is ignored, `NaN` and `Infinity` are numbers. Nesting is bounded. And strings as it writes them.

/// Levels of arrays and objects.
pub const JSON_DEPTH_MAX: usize = 128;

/// A value. Numbers stay text: `1356998400.5` as a time is not the float.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Text that is no JSON, or JSON of another shape than asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(pub String);

/// The first value of a text. Bytes that are no UTF-8 become U+FFFD.
pub fn parse(text: &[u8]) -> Result<Json, JsonError> {
    let text = String::from_utf8_lossy(text);
    let mut parser = Parser { text: text.as_ref(), at: 0 };
    parser.blanks();
    if parser.rest().is_empty() {
        return parser.fail("there is nothing but blanks");
    }
    parser.value(0)
}

impl Json {
    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }

    /// Its keys and values.
    pub fn object(self, name: &str) -> Result<Vec<(String, Json)>, JsonError> {
        match self {
            Json::Object(members) => Ok(members),
            other => other.unwanted(name, "an object"),
        }
    }

    /// Its elements; none for `null`.
    pub fn array(self, name: &str) -> Result<Option<Vec<Json>>, JsonError> {
        match self {
            Json::Array(items) => Ok(Some(items)),
            Json::Null => Ok(None),
            other => other.unwanted(name, "an array"),
        }
    }

    /// As text: numbers and booleans are taken too; none for `null`.
    pub fn text(self, name: &str) -> Result<Option<String>, JsonError> {
        match self {
            Json::String(text) | Json::Number(text) => Ok(Some(text)),
            Json::Bool(b) => Ok(Some(b.to_string())),
            Json::Null => Ok(None),
            other => other.unwanted(name, "a string"),
        }
    }

    /// As a switch: `"true"`, whole numbers (0 is false) and `null` (false) are taken too.
    pub fn switch(self, name: &str) -> Result<bool, JsonError> {
        match &self {
            Json::Bool(b) => Ok(*b),
            Json::Null => Ok(false),
            Json::String(text) if matches!(text.trim(), "true" | "True") => Ok(true),
            Json::String(text) if matches!(text.trim(), "false" | "False" | "" | "null") => Ok(false),
            Json::Number(text) if !text.contains(['.', 'e', 'E', 'N', 'I']) => Ok(text != "0"),
            _ => self.unwanted(name, "true or false"),
        }
    }

    /// As a whole number: fractions are cut off, digits in a string are taken, `null` is 0.
    pub fn integer(self, name: &str) -> Result<i64, JsonError> {
        let parsed = match &self {
            Json::Null => Some(0),
            Json::String(text) if matches!(text.trim(), "" | "null") => Some(0),
            Json::String(text) => text.trim().parse().ok(),
            Json::Number(text) => text.parse().ok().or_else(|| cut(text)),
            _ => None,
        };
        match parsed {
            Some(n) => Ok(n),
            None => self.unwanted(name, "a whole number"),
        }
    }

    fn unwanted<T>(&self, name: &str, wanted: &str) -> Result<T, JsonError> {
        let shown = match self {
            Json::String(text) | Json::Number(text) => format!("'{}'", text.chars().take(64).collect::<String>()),
            other => other.kind().to_string(),
        };
        Err(JsonError(format!("'{name}' must be {wanted}, not {shown}")))
    }
}

/// A float's whole part, if it fits.
fn cut(text: &str) -> Option<i64> {
    if !text.contains(['.', 'e', 'E']) {
        return None; // too long a whole number is an error, not a rounded one
    }
    let float: f64 = text.parse().ok()?;
    let low = i64::MIN as f64; // and its opposite is the first that does not fit
    (low..-low).contains(&float).then_some(float as i64)
}

/// A JSON string as Jackson writes it: text beyond ASCII stays as it is.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..0x20 => {
                out.extend_from_slice(format!("\\u{byte:04X}").as_bytes());
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Writes an object member by member, in the order of the calls.
pub struct Members<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Members<'o> {
    /// Opens the object.
    pub fn open(out: &'o mut Vec<u8>) -> Members<'o> {
        out.push(b'{');
        Members { out, first: true }
    }

    /// A member whose value the caller writes.
    pub fn value(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        push_string(self.out, name);
        self.out.push(b':');
        write(self.out);
        self
    }

    /// A member that is text.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.value(name, |out| push_string(out, text))
    }

    /// A member that prints as JSON does: a whole number, `true`, `false`, `null`.
    pub fn plain(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        self.value(name, |out| out.extend_from_slice(value.to_string().as_bytes()))
    }

    /// Closes the object.
    pub fn close(&mut self) {
        self.out.push(b'}');
    }
}

/// An array of what `write` writes for each item.
pub fn push_list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn fail<T>(&self, what: &str) -> Result<T, JsonError> {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Err(JsonError(format!("{what} at line {line}, column {column}")))
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        match self.peek() {
            Some(b'{') => self.members(depth),
            Some(b'[') => self.items(depth),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => self.fail("the text ends where a value must be"),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        if depth >= JSON_DEPTH_MAX { self.fail(&format!("more than {JSON_DEPTH_MAX} levels (JSON_DEPTH_MAX)")) } else { Ok(depth + 1) }
    }

    fn members(&mut self, depth: usize) -> Result<Json, JsonError> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        let mut members = Vec::new();
        self.blanks();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return self.fail("a key in double quotes must be here");
            }
            let key = self.string()?;
            self.blanks();
            if !self.take(b':') {
                return self.fail("a ':' must be here");
            }
            self.blanks();
            members.push((key, self.value(depth)?));
            self.blanks();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return self.fail("a ',' or '}' must be here");
            }
        }
    }

    fn items(&mut self, depth: usize) -> Result<Json, JsonError> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth)?);
            self.blanks();
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            if !self.take(b',') {
                return self.fail("a ',' or ']' must be here");
            }
        }
    }

    fn word(&mut self) -> Result<Json, JsonError> {
        let word: &str = self.rest().split(|c: char| !c.is_alphanumeric() && c != '_' && c != '+').next().unwrap_or_default();
        let value = match word {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            "NaN" | "Infinity" | "INF" | "+Infinity" | "+INF" => Json::Number(word.to_string()),
            _ => return self.fail("no value of JSON begins"),
        };
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        self.take(b'-');
        for word in ["Infinity", "INF"] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(Json::Number(format!("-{word}")));
            }
        }
        let whole = self.digits();
        let leading_zero = whole > 1 && self.text.as_bytes().get(self.at - whole) == Some(&b'0');
        if whole == 0 || leading_zero {
            return self.fail("a number must have digits and no leading zero");
        }
        if self.take(b'.') && self.digits() == 0 {
            return self.fail("digits must follow the decimal point");
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return self.fail("digits must follow the exponent");
            }
        }
        // `1abc` is no number followed by something: a value ends at a mark or a blank.
        if self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'.') {
            return self.fail("a number must end here");
        }
        Ok(Json::Number(self.text.get(start..self.at).unwrap_or_default().to_string()))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let plain = self.rest().find(['"', '\\']).unwrap_or(self.rest().len());
            let run = self.rest().get(..plain).unwrap_or_default();
            if let Some(bad) = run.find(|c: char| c < ' ') {
                self.at += bad;
                return self.fail("a control character must be written as an escape");
            }
            out.push_str(run);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(_) => out.push(self.escape()?),
                None => return self.fail("a string is not closed"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let Some(c) = self.peek() else { return self.fail("a string is not closed") };
        let plain = match c {
            b'"' | b'\\' | b'/' => char::from(c),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return self.fail("an unknown escape"),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.unit()?;
        if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            let back = self.at;
            self.at += 1;
            let second = self.unit()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        // Half a pair has no place in a Rust string.
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The four digits after `u`.
    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at + 1..self.at + 5).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|d| u32::from_str_radix(d, 16).ok()) {
            Some(unit) => {
                self.at += 5;
                Ok(unit)
            }
            None => self.fail("four hexadecimal digits must follow \\u"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = parse(text.as_bytes()).map(|v| format!("{v:?}")).map_err(|e| e.0);
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
    }

    #[test]
    fn values() {
        check(" null", Ok("Null"));
        check("[1.50,-0,1e3,NaN,-INF]", Ok(r#"Array([Number("1.50"), Number("-0"), Number("1e3"), Number("NaN"), Number("-INF")])"#));
        check(r#"{"a":1,"a":true} xx"#, Ok(r#"Object([("a", Number("1")), ("a", Bool(true))])"#));
        check(r#""\u00e9\ud83d\ude00\ud83d\n\/""#, Ok("String(\"é😀\u{fffd}\\n/\")"));
        check("hello", Err("no value of JSON begins at line 1, column 1"));
        check("{\n\"a\" 1}", Err("a ':' must be here at line 2, column 5"));
        check("[1", Err("a ',' or ']' must be here at line 1, column 3"));
        check("{\"a\":1,/*x*/}", Err("a key in double quotes must be here at line 1, column 8"));
        check("01", Err("a number must have digits and no leading zero at line 1, column 3"));
        check("\"\\ud83\"", Err("four hexadecimal digits must follow \\u at line 1, column 3"));
        check("\"a\u{1}\"", Err("a control character must be written as an escape at line 1, column 3"));
        check("  ", Err("there is nothing but blanks at line 1, column 3"));
        check(&"[".repeat(32), Err("the text ends where a value must be at line 1, column 33"));
        check(&"[".repeat(129), Err("more than 128 levels (JSON_DEPTH_MAX) at line 1, column 129"));
    }

    #[test]
    fn coercions() {
        let value = |text: &str| parse(text.as_bytes()).unwrap();
        assert_eq!(value("\"True\"").switch("x"), Ok(true));
        assert_eq!(value("2").switch("x"), Ok(true));
        assert_eq!(value("1.5").switch("x"), Err(JsonError("'x' must be true or false, not '1.5'".into())));
        assert_eq!(value("\"65535\"").integer("x"), Ok(65535));
        assert_eq!(value("1.9e3").integer("x"), Ok(1900));
        assert!(value("9223372036854775808").integer("x").is_err());
        assert_eq!(value("1356998400.5").text("x"), Ok(Some("1356998400.5".into())));
        assert!(value("[1]").text("x").is_err());
    }
}
