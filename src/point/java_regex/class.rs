//! Classes: `[a-z&&[^q]]`. Written out for the regex engine, whose nesting, unions and intersections are Java's (JDK 9 and later).

use super::escape::{Escaped, push_class_char};
use super::{Failure, REGEX_DEPTH_MAX, Translator, push_literal};

impl Translator {
    /// A class; its `[` is read already. Gives the class with its brackets.
    pub(super) fn class(&mut self, depth: usize) -> Result<String, Failure> {
        if depth >= REGEX_DEPTH_MAX {
            return self.fail(format!("More than {REGEX_DEPTH_MAX} classes within each other (REGEX_DEPTH_MAX)"));
        }
        let mut out = String::from("[");
        if self.take('^') {
            out.push('^');
        }
        // Whether this operand of `&&` holds anything yet; a `]` before that is a plain character.
        let mut any = false;
        let mut operands = 0;
        loop {
            let Some(c) = self.next() else { return self.fail("Unclosed character class") };
            match c {
                ']' if any => break,
                ']' if operands > 0 => return self.fail("An empty side of && is not supported"),
                '[' => out.push_str(&self.class(depth + 1)?),
                '&' if self.peek(0) == Some('&') => {
                    self.at += 1;
                    if !any {
                        return self.fail("An empty side of && is not supported");
                    }
                    if self.peek(0) == Some('&') {
                        return self.fail("&&& in a class is not supported");
                    }
                    out.push_str("&&");
                    operands += 1;
                    any = false;
                    continue;
                }
                '\\' if self.peek(0) == Some('Q') => {
                    self.at += 1;
                    self.quoted_in_class(&mut out)?;
                }
                '\\' if self.peek(0) == Some('E') => return self.fail("Illegal/unsupported escape sequence"),
                '\\' => match self.escaped()? {
                    Escaped::One(low) => self.range(low, &mut out)?,
                    Escaped::Set(set, false) => out.push_str(&format!("[{set}]")),
                    Escaped::Set(set, true) => out.push_str(&format!("[^{set}]")),
                },
                c => self.range(c, &mut out)?,
            }
            any = true;
        }
        out.push(']');
        Ok(out)
    }

    fn quoted_in_class(&mut self, out: &mut String) -> Result<(), Failure> {
        while let Some(c) = self.next() {
            if c == '\\' && self.take('E') {
                return Ok(());
            }
            self.push_range(c, c, out);
        }
        self.fail("Unclosed character class")
    }

    /// `a` or, with what follows, `a-z`.
    fn range(&mut self, low: char, out: &mut String) -> Result<(), Failure> {
        // A hyphen before the end or before an inner class stands for itself.
        if self.peek(0) != Some('-') || matches!(self.peek(1), Some(']' | '[') | None) {
            self.push_range(low, low, out);
            return Ok(());
        }
        self.at += 1;
        let high = match self.next() {
            Some('\\') => match self.escaped()? {
                Escaped::One(high) => high,
                Escaped::Set(..) => return self.fail("Illegal character range"),
            },
            Some('&') if self.peek(0) == Some('&') => return self.fail("A hyphen before && is not supported"),
            Some(high) => high,
            None => return self.fail("Unclosed character class"),
        };
        if high < low {
            return self.fail("Illegal character range");
        }
        self.push_range(low, high, out);
        Ok(())
    }

    fn push_range(&self, low: char, high: char, out: &mut String) {
        push_span(low, high, out);
        if self.flags.ignore_case {
            for (from, to) in [('a', 'z'), ('A', 'Z')] {
                let (low, high) = (low.max(from), high.min(to));
                if let (true, Some(low), Some(high)) = (low <= high, other_case(low), other_case(high)) {
                    push_span(low, high, out);
                }
            }
        }
    }
}

fn push_span(low: char, high: char, out: &mut String) {
    if high == low {
        push_class_char(out, low);
    } else {
        push_literal(out, low);
        out.push('-');
        push_literal(out, high);
    }
}

/// The other case of an ASCII letter: Java folds no other letters unless told to.
pub(super) fn other_case(c: char) -> Option<char> {
    match c {
        'a'..='z' => Some(c.to_ascii_uppercase()),
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        _ => None,
    }
}
