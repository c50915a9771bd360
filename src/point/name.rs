//! Which names are legal: metrics, tag names and tag values.

use super::letters::is_java_letter;
use super::{PointError, TagBuf};

/// What a cluster's settings say about points.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Most tags of a point (`tsd.storage.max_tags`).
    pub max_tags: usize,
    /// Legal ASCII characters, by code.
    ascii: [bool; 128],
    /// Legal characters above ASCII beyond letters.
    special: Vec<char>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules::new(8, "")
    }
}

impl Rules {
    /// Rules with at most `max_tags` tags and the characters of `tsd.core.tag.allow_specialchars` beside letters,
    /// digits and `-_./`.
    pub fn new(max_tags: usize, allow_special: &str) -> Rules {
        let mut ascii = [false; 128];
        for (code, legal) in ascii.iter_mut().enumerate() {
            let c = char::from(code as u8);
            *legal = c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/') || allow_special.contains(c);
        }
        // Above U+FFFF Java compares half characters; a half one is never typed into a configuration file.
        let special = allow_special.chars().filter(|c| !c.is_ascii() && u32::from(*c) <= 0xFFFF).collect();
        Rules { max_tags, ascii, special }
    }

    /// True if every character is legal and there is one.
    #[inline]
    pub fn is_legal(&self, name: &str) -> bool {
        let mut legal = !name.is_empty();
        for &b in name.as_bytes() {
            legal &= self.ascii.get(usize::from(b)).copied().unwrap_or(false);
        }
        legal || (!name.is_ascii() && name.chars().all(|c| self.is_legal_char(c)))
    }

    fn is_legal_char(&self, c: char) -> bool {
        match self.ascii.get(c as usize) {
            Some(&legal) => legal,
            None => is_java_letter(c) || self.special.contains(&c),
        }
    }

    /// The checks of metric and tags, in OpenTSDB's order. Tags are looked at in the order of a Java `HashMap` when
    /// they came by telnet, in the order given when they came by JSON: `hashed` tells which.
    #[inline]
    pub fn check_names(&self, metric: &str, tags: &[(&str, &str)], hashed: bool) -> Result<(), PointError> {
        let mut good = !tags.is_empty() && tags.len() <= self.max_tags && self.is_legal(metric);
        for (key, value) in tags {
            good = good && self.is_legal(key) && self.is_legal(value);
        }
        if good { Ok(()) } else { Err(self.name_error(metric, tags, hashed)) }
    }

    #[cold]
    fn name_error(&self, metric: &str, tags: &[(&str, &str)], hashed: bool) -> PointError {
        let all = TagBuf::show(tags, hashed);
        if tags.is_empty() {
            return PointError::Illegal(format!("Need at least one tag (metric={metric}, tags={all})"));
        }
        if tags.len() > self.max_tags {
            return PointError::Illegal(format!("Too many tags: {} maximum allowed: {}, tags: {all}", tags.len(), self.max_tags));
        }
        let ordered = if hashed { TagBuf::hash_order(tags) } else { tags.to_vec() };
        let check = || -> Result<(), PointError> {
            validate_name(self, "metric name", metric)?;
            for (key, value) in &ordered {
                validate_name(self, &format!("tag name with value [{}]", shown(value)), key)?;
                validate_name(self, &format!("tag value with key [{}]", shown(key)), value)?;
            }
            Ok(())
        };
        check().err().unwrap_or_else(|| PointError::Illegal(format!("Invalid metric name: {metric}")))
    }
}

/// Stands for a tag value that JSON gave as `null`, and for a name that there is none of. It is no letter, so that no rule allows it; Unicode sets the code
/// aside for what a program means by it, and messages show it as Java does ([`shown`]).
pub const NULL: &str = "\u{10FFFF}";

/// A name in a message.
pub fn shown(name: &str) -> &str {
    if name == NULL { "null" } else { name }
}

/// Checks a name; `what` says in the error what it names: `metric name`, or for `/api/uid/assign` the caller's own
/// spelling of the kind (recorded cases `uid_assign/bad_char`, `empty_name`).
pub fn validate_name(rules: &Rules, what: &str, name: &str) -> Result<(), PointError> {
    if name.is_empty() || name == NULL {
        let kind = if name.is_empty() { "empty string" } else { shown(name) };
        return Err(PointError::Illegal(format!("Invalid {what}: {kind}")));
    }
    if let Some(bad) = name.chars().find(|&c| !rules.is_legal_char(c)) {
        return Err(PointError::Illegal(format!("Invalid {what} (\"{name}\"): illegal character: {}", surrogate_stand_in(bad))));
    }
    Ok(())
}

/// The character that stands for the first half of `c` in messages if `c` lies above U+FFFF, else `c` itself.
///
/// Java shows the half character (`\uD83D`) and JSON can carry it, text in Rust cannot. The half `U+D8xx` is written as
/// the private character `U+10D8xx`; whoever writes JSON puts it back with [`surrogate_half`] (case `put/v-emoji-metric`).
pub fn surrogate_stand_in(c: char) -> char {
    let mut units = [0u16; 2];
    match c.encode_utf16(&mut units) {
        [high, _] => char::from_u32(0x10_0000 + u32::from(*high)).unwrap_or(c),
        _ => c,
    }
}

/// The half character that a stand-in means; `None` for every other character. JSON writes it as `\uHHHH`.
pub fn surrogate_half(c: char) -> Option<u16> {
    let unit = u16::try_from(u32::from(c).checked_sub(0x10_0000)?).ok()?;
    (0xD800..=0xDBFF).contains(&unit).then_some(unit)
}
