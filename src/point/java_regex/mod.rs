//! Java's regular expressions, translated for `fancy-regex`. What cannot be translated exactly is refused when the
//! query is parsed, never matched differently.
//!
//! Java's rules that differ: `\w \d \s \b` and case folding know ASCII only, `\Q..\E`, `\h`, `\cX`, `\0nnn`, `\p{java...}`,
//! classes nest (`[a[b-d]&&[^c]]`, and `[[:alpha:]]` is a class in a class), `{,n}` and `x{2` are errors.
//! Source: `java.util.regex.Pattern` of JDK 19 and later, compared by running it on the cases in the tests.
//! Values of tags hold no line ends, so `^`, `$`, `\Z` are the ends of the value whatever the flags.

mod class;
mod escape;

use fancy_regex::{Regex, RegexBuilder};

/// Steps of one search before it gives up. Java has no bound: `(a+)+$` on 40 letters hangs it.
pub const REGEX_BACKTRACK_MAX: usize = 100_000;
/// Characters of one pattern.
const REGEX_CHARS_MAX: usize = 4_096;
/// The highest count in `{n,m}`.
const REGEX_REPEAT_MAX: u32 = 1_000;
/// Groups or classes within each other.
const REGEX_DEPTH_MAX: usize = 32;
/// Bytes of a compiled pattern.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Why a pattern is not taken. Both name the pattern, the first also the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Java would not take it either.
    #[error("{what} near index {at} of the regular expression '{pattern}'")]
    Syntax {
        /// What is wrong.
        what: String,
        /// In characters from the start.
        at: usize,
        /// The pattern as given.
        pattern: String,
    },
    /// It needs what is not here, or is beyond a bound.
    #[error("{0}")]
    Unsupported(String),
}

impl PatternError {
    /// As Java words it: what and where, the pattern, and a mark below the place (recorded `tree_rules/override_bad_regex`).
    pub fn as_java(&self) -> String {
        match self {
            PatternError::Syntax { what, at, pattern } if *at < pattern.chars().count() => {
                format!("{what} near index {at}\n{pattern}\n{}^", " ".repeat(*at))
            }
            PatternError::Syntax { what, at, pattern } => format!("{what} near index {at}\n{pattern}"),
            PatternError::Unsupported(why) => why.clone(),
        }
    }
}

/// Compiles a Java pattern.
pub fn compile(pattern: &str) -> Result<Regex, PatternError> {
    if pattern.chars().count() > REGEX_CHARS_MAX {
        let why = format!("The regular expression is longer than {REGEX_CHARS_MAX} characters (REGEX_CHARS_MAX)");
        return Err(PatternError::Unsupported(why));
    }
    let translated = translate(pattern).map_err(|(at, what)| PatternError::Syntax { what, at, pattern: pattern.to_owned() })?;
    RegexBuilder::new(&translated)
        .backtrack_limit(REGEX_BACKTRACK_MAX)
        .delegate_size_limit(REGEX_BYTES_MAX)
        .delegate_dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|e| PatternError::Unsupported(format!("The regular expression '{pattern}' is not supported: {e}")))
}

/// The parts of a text between matches, as Java's `String.split`: empty parts at the end are dropped, an empty match at the
/// start makes no part, without a match the whole text is the one part. Fails if the pattern takes too many steps.
pub fn split<'t>(regex: &Regex, text: &'t str) -> Result<Vec<&'t str>, TooManySteps> {
    let mut parts = Vec::new();
    let (mut begin, mut search) = (0, 0);
    let mut found_any = false;
    while search <= text.len() {
        let Some(found) = regex.find_from_pos(text, search).map_err(|_| TooManySteps)? else { break };
        // Java searches on from the end of a match, one further if the match was empty.
        let step = text.get(found.end()..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        search = if found.start() == found.end() { found.end() + step } else { found.end() };
        if found.end() == 0 {
            continue;
        }
        found_any = true;
        parts.push(text.get(begin..found.start()).unwrap_or_default());
        begin = found.end();
    }
    parts.push(text.get(begin..).unwrap_or_default());
    while found_any && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    Ok(parts)
}

/// A search gave up at [`REGEX_BACKTRACK_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the regular expression needs more than {REGEX_BACKTRACK_MAX} steps (REGEX_BACKTRACK_MAX)")]
pub struct TooManySteps;

type Failure = (usize, String);

/// The flags that change what a literal or a dot means.
#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    dot_all: bool,
    unix_lines: bool,
}

struct Translator {
    chars: Vec<char>,
    at: usize,
    out: String,
    flags: Flags,
    /// Flags to return to at each open group's end, and where in `out` the group begins.
    open: Vec<(Flags, usize)>,
    /// Capturing groups so far.
    groups: u32,
    /// Whether something stands before the cursor that a quantifier may follow.
    quantifiable: bool,
    /// Where in `out` that something begins.
    atom_start: usize,
}

fn translate(pattern: &str) -> Result<String, Failure> {
    let mut t = Translator {
        chars: pattern.chars().collect(),
        at: 0,
        out: String::with_capacity(pattern.len() * 2),
        flags: Flags::default(),
        open: Vec::new(),
        groups: 0,
        quantifiable: false,
        atom_start: 0,
    };
    while let Some(c) = t.next() {
        t.item(c)?;
    }
    if !t.open.is_empty() {
        return t.fail("Unclosed group");
    }
    Ok(t.out)
}

impl Translator {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied()?;
        self.at += 1;
        Some(c)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek(0) == Some(c);
        self.at += usize::from(found);
        found
    }

    fn fail<T>(&self, what: impl Into<String>) -> Result<T, Failure> {
        Err((self.at, what.into()))
    }

    /// One thing of the pattern: a literal, a class, a group's start or end, a quantifier.
    fn item(&mut self, c: char) -> Result<(), Failure> {
        match c {
            '\\' => return self.escape(),
            '[' => {
                let class = self.class(0)?;
                self.atom(&class);
            }
            '(' => return self.group(),
            ')' => {
                let Some((flags, start)) = self.open.pop() else { return self.fail("Unmatched closing ')'") };
                self.flags = flags;
                self.atom(")");
                self.atom_start = start;
            }
            '|' => {
                self.out.push('|');
                self.quantifiable = false;
            }
            '^' => self.atom(r"\A"),
            '$' => self.atom(r"\z"),
            '.' => self.atom(match self.flags {
                Flags { dot_all: true, .. } => "(?s:.)",
                Flags { unix_lines: true, .. } => r"[^\n]",
                _ => r"[^\n\r\x{85}\x{2028}\x{2029}]",
            }),
            '*' | '+' | '?' | '{' => return self.quantifier(c),
            c => self.literal(c),
        }
        Ok(())
    }

    fn atom(&mut self, text: &str) {
        self.atom_start = self.out.len();
        self.out.push_str(text);
        self.quantifiable = true;
    }

    fn literal(&mut self, c: char) {
        self.atom_start = self.out.len();
        let other = class::other_case(c).filter(|_| self.flags.ignore_case);
        match other {
            Some(other) => self.out.extend(['[', c, other, ']']),
            None => push_literal(&mut self.out, c),
        }
        self.quantifiable = true;
    }

    fn quantifier(&mut self, c: char) -> Result<(), Failure> {
        let range = if c == '{' { Some(self.counts()?) } else { None };
        let Some(range) = range else {
            if !self.quantifiable {
                return self.fail(format!("Dangling meta character '{c}'"));
            }
            self.out.push(c);
            return self.after_quantifier();
        };
        if !self.quantifiable {
            // Java repeats nothing here: `{2}` and the second count of `a{2}{3}` mean nothing.
            return Ok(());
        }
        self.out.push_str(&range);
        self.after_quantifier()
    }

    fn after_quantifier(&mut self) -> Result<(), Failure> {
        match self.peek(0) {
            Some('?') => {
                self.at += 1;
                self.out.push('?');
            }
            Some('+') => {
                self.at += 1;
                self.out.insert_str(self.atom_start, "(?>");
                self.out.push(')');
            }
            _ => {}
        }
        self.quantifiable = false;
        Ok(())
    }

    /// The rest of `{n}`, `{n,}`, `{n,m}`.
    fn counts(&mut self) -> Result<String, Failure> {
        if !self.peek(0).is_some_and(|c| c.is_ascii_digit()) {
            return self.fail("Illegal repetition");
        }
        let low = self.count()?;
        let mut range = format!("{{{low}");
        if self.take(',') {
            range.push(',');
            if self.peek(0) != Some('}') {
                let high = self.count()?;
                if high < low {
                    return self.fail("Illegal repetition range");
                }
                range.push_str(&high.to_string());
            }
        }
        if !self.take('}') {
            return self.fail("Unclosed counted closure");
        }
        range.push('}');
        Ok(range)
    }

    fn count(&mut self) -> Result<u32, Failure> {
        let mut n = 0u32;
        while let Some(d) = self.peek(0).and_then(|c| c.to_digit(10)) {
            self.at += 1;
            n = n.saturating_mul(10).saturating_add(d);
        }
        if n > REGEX_REPEAT_MAX {
            return self.fail(format!("A repetition above {REGEX_REPEAT_MAX} (REGEX_REPEAT_MAX)"));
        }
        Ok(n)
    }

    fn group(&mut self) -> Result<(), Failure> {
        if self.open.len() >= REGEX_DEPTH_MAX {
            return self.fail(format!("More than {REGEX_DEPTH_MAX} groups within each other (REGEX_DEPTH_MAX)"));
        }
        self.quantifiable = false;
        let outer = self.flags;
        if !self.take('?') {
            self.groups += 1;
            self.open.push((outer, self.out.len()));
            self.out.push('(');
            return Ok(());
        }
        let start = match (self.peek(0), self.peek(1)) {
            (Some(c @ (':' | '=' | '!' | '>')), _) => {
                self.at += 1;
                format!("(?{c}")
            }
            (Some('<'), Some(c @ ('=' | '!'))) => {
                self.at += 2;
                format!("(?<{c}")
            }
            (Some('<'), _) => {
                self.at += 1;
                self.groups += 1;
                format!("(?<{}>", self.group_name()?)
            }
            _ => return self.inline_flags(outer),
        };
        self.open.push((outer, self.out.len()));
        self.out.push_str(&start);
        Ok(())
    }

    fn group_name(&mut self) -> Result<String, Failure> {
        let mut name = String::new();
        while let Some(c) = self.next() {
            match c {
                '>' if !name.is_empty() => return Ok(name),
                c if c.is_ascii_alphabetic() || c.is_ascii_digit() && !name.is_empty() => name.push(c),
                _ => return self.fail("A group's name must be letters and digits, beginning with a letter"),
            }
        }
        self.fail("Unclosed name of a group")
    }

    /// `(?i)` to the end of the enclosing group, `(?i:...)` for its own.
    fn inline_flags(&mut self, outer: Flags) -> Result<(), Failure> {
        let mut on = true;
        while let Some(c) = self.next() {
            match c {
                '-' => on = false,
                'i' => self.flags.ignore_case = on,
                's' => self.flags.dot_all = on,
                'd' => self.flags.unix_lines = on,
                'm' => {}
                'u' | 'U' | 'x' => return self.fail(format!("The flag '{c}' is not supported")),
                ')' => return Ok(()),
                ':' => {
                    self.open.push((outer, self.out.len()));
                    self.out.push_str("(?:");
                    return Ok(());
                }
                _ => return self.fail("Unknown inline modifier"),
            }
        }
        self.fail("Unclosed group")
    }
}

/// A character that stands for itself, outside a class.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_punctuation() && c != '_' && c != '/' || c.is_ascii_whitespace() || c.is_ascii_control() {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests;
