//! The syntax of `opentsdb.conf`: Java's `.properties`, read as Java reads it.
//!
//! Bytes are ISO-8859-1. `#` and `!` begin a comment line. A key ends at the first `=`, `:` or white space that has no
//! backslash before it; white space and one `=` or `:` around it are dropped. A backslash at the end of a line joins
//! the next one, without its indentation. `\t`, `\n`, `\r`, `\f` and `\uHHHH` are characters; any other `\x` is `x`.
//! Source: `java.util.Properties.load`. What a key means is not decided here.

/// A key and its text, where they begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number of its first line, from 1.
    pub line: usize,
    /// The key, escapes resolved.
    pub key: String,
    /// The text, escapes resolved; white space at its end belongs to it.
    pub text: String,
}

/// A line that Java refuses, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// All entries in order; of a key that occurs twice, both.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, SyntaxError> {
    let text: String = bytes.iter().copied().map(char::from).collect();
    let mut lines = split_lines(&text).zip(1..).peekable();
    let mut entries = Vec::new();
    while let Some((first, line)) = lines.next() {
        let first = first.trim_start_matches(is_blank);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = first.to_string();
        while ends_in_odd_backslashes(&whole) {
            whole.pop();
            let Some((next, _)) = lines.next() else { break };
            whole.push_str(next.trim_start_matches(is_blank));
        }
        let (key, text) = split_entry(&whole);
        let resolve = |part| unescape(part).map_err(|why| SyntaxError { line, why });
        entries.push(Entry { line, key: resolve(key)?, text: resolve(text)? });
    }
    Ok(entries)
}

/// Lines end with `\n`, `\r` or `\r\n`.
fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

fn ends_in_odd_backslashes(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// The raw key and the raw text of a joined line.
fn split_entry(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let ends_key = |c: char| {
        let ends = !escaped && (is_blank(c) || matches!(c, '=' | ':'));
        escaped = c == '\\' && !escaped;
        ends
    };
    let Some(end) = line.find(ends_key) else { return (line, "") };
    let (key, rest) = line.split_at_checked(end).unwrap_or((line, ""));
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Result<String, &'static str> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('u')) => {
                let hex: String = chars.by_ref().take(4).collect();
                let digits = hex.len() == 4 && hex.bytes().all(|b| b.is_ascii_hexdigit());
                let unit = u16::from_str_radix(&hex, 16).ok().filter(|_| digits);
                units.push(unit.ok_or("\\u must be followed by four hexadecimal digits")?);
                continue;
            }
            ('\\', Some('t')) => '\t',
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('f')) => '\x0c',
            ('\\', Some(other)) => other,
            ('\\', None) => continue,
            (c, _) => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    Ok(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    fn check(text: &str, want: &[(&str, &str)]) {
        let got = parse(text.as_bytes()).unwrap();
        let got: Vec<(&str, &str)> = got.iter().map(|e| (e.key.as_str(), e.text.as_str())).collect();
        assert_eq!(got, want, "{text:?}");
    }

    #[test]
    fn as_java_reads_them() {
        check("", &[]);
        check("a=b", &[("a", "b")]);
        check("a = b ", &[("a", "b ")]); // white space at the end stays
        check("  a:b", &[("a", "b")]);
        check("a b c", &[("a", "b c")]);
        check("a\t=\x0c b", &[("a", "b")]);
        check("a", &[("a", "")]);
        check("a=", &[("a", "")]);
        check("a==b", &[("a", "=b")]);
        check("a = = b", &[("a", "= b")]);
        check("=b", &[("", "b")]);
        check("# a=b\n! c=d\n \t# e\n\nf=g", &[("f", "g")]);
        check("a=b # no comment", &[("a", "b # no comment")]);
        check("a=b\r\nc=d\re=f\n", &[("a", "b"), ("c", "d"), ("e", "f")]);
        check("a=b\na=c", &[("a", "b"), ("a", "c")]);
        check("a=b,\\\n   c", &[("a", "b,c")]);
        check("a=b\\\r\n\tc", &[("a", "bc")]);
        check("a=b\\\\\nc=d", &[("a", "b\\"), ("c", "d")]);
        check("a=b\\\n# c", &[("a", "b# c")]); // a joined line is no comment
        check("a=b\\", &[("a", "b")]);
        check("a\\ b\\=c=d", &[("a b=c", "d")]);
        check("a=\\t\\n\\r\\f\\q\\\\", &[("a", "\t\n\r\x0cq\\")]);
        check("a=\\u00e9\\u20AC\\ud83d\\ude00", &[("a", "é€😀")]);
        check("a=\\ud83d", &[("a", "\u{fffd}")]);
        assert_eq!(parse(b"a=\xe9").unwrap()[0].text, "é");
        assert_eq!(parse(b"\n\nb=c\\\n d\ne=f").unwrap().iter().map(|e| e.line).collect::<Vec<_>>(), [3, 5]);
    }

    #[test]
    fn refused_as_by_java() {
        for text in ["a=\\u12", "a=\\u00g0", "\n\\uxyz", "a=\\u+123", "a=\\u"] {
            let line = text.matches('\n').count() + 1;
            assert_eq!(
                parse(text.as_bytes()),
                Err(SyntaxError { line, why: "\\u must be followed by four hexadecimal digits" }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn mutated_files() {
        let alphabet = b"\\\\\\uuu=: \t\x0c\r\n#!aA09\xe9\xff\x00";
        fuzz::run(|dice| {
            let length = dice.below(24);
            let bytes: Vec<u8> = (0..length).map(|_| alphabet[dice.below(alphabet.len())]).collect();
            if let Ok(entries) = parse(&bytes) {
                assert!(entries.len() <= bytes.len(), "{bytes:?}");
                assert!(entries.windows(2).all(|pair| pair[0].line < pair[1].line), "{bytes:?}");
            }
        });
    }
}
