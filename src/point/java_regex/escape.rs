//! What follows a backslash.

use super::{Failure, Translator, push_literal};

/// `\h`: blanks within a line.
const HORIZONTAL: &str = r"\x20\x09\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";
/// `\v`: line ends.
const VERTICAL: &str = r"\n\x0b\x0c\r\x{85}\x{2028}\x{2029}";
const WORD: &str = "a-zA-Z0-9_";

/// What an escape means where one character or a set of them may stand.
pub(super) enum Escaped {
    One(char),
    /// The inside of a class, and whether it is turned round.
    Set(String, bool),
}

impl Translator {
    /// An escape outside a class; the backslash is read already.
    pub(super) fn escape(&mut self) -> Result<(), Failure> {
        match self.peek(0) {
            Some('Q') => {
                self.at += 1;
                while let Some(c) = self.next() {
                    if c == '\\' && self.take('E') {
                        break;
                    }
                    self.literal(c);
                }
                Ok(())
            }
            // An end of a quotation that did not begin.
            Some('E') => self.fail("Illegal/unsupported escape sequence"),
            Some(c @ ('b' | 'B' | 'A' | 'z' | 'Z' | 'R')) => {
                if c == 'b' && self.peek(1) == Some('{') {
                    return self.fail(r"\b{g} is not supported");
                }
                self.at += 1;
                self.atom(&place(c));
                Ok(())
            }
            Some('1'..='9') => self.back_reference(),
            Some('k') => {
                self.at += 1;
                if !self.take('<') {
                    return self.fail(r"\k is not followed by '<' for named capturing group");
                }
                let name = self.group_name()?;
                if self.flags.ignore_case {
                    return self.fail("Back references without case are not supported");
                }
                self.atom(&format!(r"\k<{name}>"));
                Ok(())
            }
            _ => {
                match self.escaped()? {
                    Escaped::One(c) => self.literal(c),
                    Escaped::Set(set, negated) => self.atom(&format!("[{}{set}]", if negated { "^" } else { "" })),
                }
                Ok(())
            }
        }
    }

    /// `\1`: more digits belong to it only while so many groups are open or closed already.
    fn back_reference(&mut self) -> Result<(), Failure> {
        if self.flags.ignore_case {
            return self.fail("Back references without case are not supported");
        }
        let mut number = 0;
        while let Some(d) = self.peek(0).and_then(|c| c.to_digit(10)) {
            if number > 0 && number * 10 + d > self.groups {
                break;
            }
            number = number * 10 + d;
            self.at += 1;
        }
        // A group that is not there never matches.
        let text = if number > self.groups { "[a&&b]".to_string() } else { format!(r"(?:\{number})") };
        self.atom(&text);
        Ok(())
    }

    /// An escape that means a character or a set; the backslash is read already.
    pub(super) fn escaped(&mut self) -> Result<Escaped, Failure> {
        let Some(c) = self.next() else { return self.fail("Unexpected internal error: a backslash at the end") };
        let set = |inside: &str, negated| Ok(Escaped::Set(inside.to_string(), negated));
        match c {
            'd' | 'D' => set("0-9", c == 'D'),
            'w' | 'W' => set(WORD, c == 'W'),
            's' | 'S' => set(r"\x20\t\n\x0b\x0c\r", c == 'S'),
            'h' | 'H' => set(HORIZONTAL, c == 'H'),
            'v' | 'V' => set(VERTICAL, c == 'V'),
            'p' | 'P' => self.property(c == 'P'),
            't' => Ok(Escaped::One('\t')),
            'n' => Ok(Escaped::One('\n')),
            'r' => Ok(Escaped::One('\r')),
            'f' => Ok(Escaped::One('\x0c')),
            'a' => Ok(Escaped::One('\x07')),
            'e' => Ok(Escaped::One('\x1b')),
            '0' => self.octal(),
            'x' if self.take('{') => self.hex_in_braces(),
            'x' => self.hex(2),
            'u' => self.hex(4),
            'c' => match self.next() {
                Some(control) if control.is_ascii() => Ok(Escaped::One(char::from(control as u8 ^ 64))),
                _ => self.fail("Illegal control escape sequence"),
            },
            c if c.is_ascii_alphanumeric() => self.fail("Illegal/unsupported escape sequence"),
            c => Ok(Escaped::One(c)),
        }
    }

    /// `\0n`, `\0nn`, `\0mnn` with m up to 3.
    fn octal(&mut self) -> Result<Escaped, Failure> {
        let mut digits = Vec::new();
        while let Some(d) = self.peek(0).and_then(|c| c.to_digit(8)) {
            if digits.len() == 2 && digits.first().is_some_and(|first| *first > 3) || digits.len() == 3 {
                break;
            }
            digits.push(d);
            self.at += 1;
        }
        let code = digits.iter().fold(0, |n, d| n * 8 + d);
        match char::from_u32(code) {
            Some(c) if !digits.is_empty() => Ok(Escaped::One(c)),
            _ => self.fail("Illegal octal escape sequence"),
        }
    }

    fn hex(&mut self, digits: u32) -> Result<Escaped, Failure> {
        let mut code = 0;
        for _ in 0..digits {
            let Some(d) = self.next().and_then(|c| c.to_digit(16)) else { return self.fail("Illegal hexadecimal escape sequence") };
            code = code * 16 + d;
        }
        match char::from_u32(code) {
            Some(c) => Ok(Escaped::One(c)),
            None => self.fail("Half a character (a surrogate) is not supported"),
        }
    }

    fn hex_in_braces(&mut self) -> Result<Escaped, Failure> {
        let mut code = 0u32;
        let mut digits = 0;
        while let Some(d) = self.peek(0).and_then(|c| c.to_digit(16)) {
            self.at += 1;
            digits += 1;
            code = code.saturating_mul(16).saturating_add(d);
        }
        match char::from_u32(code) {
            Some(c) if digits > 0 && self.take('}') => Ok(Escaped::One(c)),
            _ => self.fail("Illegal hexadecimal escape sequence"),
        }
    }

    /// `\p{Name}`, `\pL`.
    fn property(&mut self, negated: bool) -> Result<Escaped, Failure> {
        let mut name = String::new();
        if self.take('{') {
            loop {
                match self.next() {
                    Some('}') => break,
                    Some(c) => name.push(c),
                    None => return self.fail("Unclosed character family"),
                }
            }
        } else if let Some(c) = self.next() {
            name.push(c);
        }
        match property_set(&name) {
            Some(set) => Ok(Escaped::Set(set, negated)),
            None => self.fail(format!("Unknown or unsupported character property {{{name}}}")),
        }
    }
}

/// Places between characters, and `\R`.
fn place(c: char) -> String {
    match c {
        'A' => r"\A".to_string(),
        'z' | 'Z' => r"\z".to_string(),
        'R' => format!(r"(?:\r\n|[{VERTICAL}])"),
        'b' => format!("(?:(?<=[{WORD}])(?![{WORD}])|(?<![{WORD}])(?=[{WORD}]))"),
        _ => format!("(?:(?<=[{WORD}])(?=[{WORD}])|(?<![{WORD}])(?![{WORD}]))"),
    }
}

/// The inside of a class for a property's name; none: not known here.
fn property_set(name: &str) -> Option<String> {
    let ascii = match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7f",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
        "Graph" => r"\x21-\x7e",
        "Print" => r"\x20-\x7e",
        "Blank" => r"\x20\t",
        "Cntrl" => r"\x00-\x1f\x7f",
        "XDigit" => "0-9a-fA-F",
        "Space" => r"\x20\t\n\x0b\x0c\r",
        "L1" => r"\x00-\x{ff}",
        "javaLowerCase" => r"\p{Lowercase}",
        "javaUpperCase" => r"\p{Uppercase}",
        "javaTitleCase" => r"\p{Lt}",
        "javaAlphabetic" => r"\p{Alphabetic}",
        "javaIdeographic" => r"\p{Ideographic}",
        "javaDigit" => r"\p{Nd}",
        "javaLetter" => r"\p{L}",
        "javaLetterOrDigit" => r"\p{L}\p{Nd}",
        "javaSpaceChar" => r"\p{Z}",
        "javaWhitespace" => r"\x09-\x0d\x1c-\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}",
        "javaISOControl" => r"\x00-\x1f\x7f-\x{9f}",
        _ => "",
    };
    if !ascii.is_empty() {
        return Some(ascii.to_string());
    }
    let bare = ["general_category=", "gc=", "Is", ""].iter().find_map(|prefix| name.strip_prefix(prefix))?;
    const CATEGORIES: &str = "L Lu Ll Lt LC Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co Cn";
    if CATEGORIES.split(' ').any(|known| known == bare) {
        return Some(format!(r"\p{{{bare}}}"));
    }
    let script = ["script=", "sc=", "Is"].iter().find_map(|prefix| name.strip_prefix(prefix))?;
    const BINARY: &str = "Alphabetic Ideographic Lowercase Uppercase White_Space Hex_Digit";
    if name.starts_with("Is") && BINARY.split(' ').any(|known| known.eq_ignore_ascii_case(script)) {
        return Some(format!(r"\p{{{script}}}"));
    }
    let plain = !script.is_empty() && script.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    plain.then(|| format!(r"\p{{Script={script}}}"))
}

/// A character inside a class.
pub(super) fn push_class_char(out: &mut String, c: char) {
    match c {
        // A colon after the bracket would begin a class of POSIX, even when escaped; a range does not.
        ':' => out.push_str(":-:"),
        c => push_literal(out, c),
    }
}
