//! What somebody types to find a name: parts of it, in any order and case. Pure.

/// Most parts that are looked at.
const WORDS_MAX: usize = 16;

/// How well a name fits; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It is what was typed.
    Whole,
    /// It begins so.
    Prefix,
    /// Every part begins a word of it.
    WordStart,
    /// Every part is somewhere in it.
    Inside,
}

/// Parts that must all be in a name. Without any, every name fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The parts between blanks.
    pub fn parse(text: &str) -> Words {
        Words(text.split_whitespace().take(WORDS_MAX).map(str::to_lowercase).collect())
    }

    /// True if every name fits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The part that fewest names can have: the longest.
    pub(super) fn rarest(&self) -> Option<&str> {
        self.0.iter().max_by_key(|word| word.len()).map(String::as_str)
    }

    /// How well a name fits, given in lower case; `None`: not at all.
    pub fn rank(&self, lower: &str) -> Option<Rank> {
        let Some(first) = self.0.first() else { return Some(Rank::Inside) };
        if self.0.len() == 1 && lower == first {
            return Some(Rank::Whole);
        }
        let mut worst = Rank::WordStart;
        for word in &self.0 {
            if !begins_word(lower, word)? {
                worst = Rank::Inside;
            }
        }
        Some(if lower.starts_with(first.as_str()) { Rank::Prefix } else { worst })
    }

    /// Whether a name fits, in any case.
    pub fn fits(&self, name: &str) -> bool {
        self.0.is_empty() || self.rank(&name.to_lowercase()).is_some()
    }
}

/// Whether `word` begins a word of `text`; `None`: it is not in it at all.
fn begins_word(text: &str, word: &str) -> Option<bool> {
    let mut found = None;
    for (at, _) in text.match_indices(word) {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        if before.is_none_or(|c| !c.is_alphanumeric()) {
            return Some(true);
        }
        found = Some(false);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let check = |typed: &str, name: &str, want: Option<Rank>| assert_eq!(Words::parse(typed).rank(name), want, "{typed} in {name}");
        check("", "sys.cpu", Some(Rank::Inside));
        check("sys.cpu", "sys.cpu", Some(Rank::Whole));
        check("sys", "sys.cpu", Some(Rank::Prefix));
        check("CPU", "sys.cpu.user", Some(Rank::WordStart));
        check("pu", "sys.cpu", Some(Rank::Inside));
        check("user cpu", "sys.cpu.user", Some(Rank::WordStart));
        check("user pu", "sys.cpu.user", Some(Rank::Inside));
        check("sys user", "sys.cpu.user", Some(Rank::Prefix));
        check("sys disk", "sys.cpu.user", None);
        check("a", "ba.a", Some(Rank::WordStart)); // a later place may be the better one
        assert!(Words::parse("web").fits("WEB01") && !Words::parse("web").fits("db"));
    }
}
