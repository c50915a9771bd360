//! What is wrong with a configuration: every problem at once, each with its place, its key and what is allowed.

use std::fmt;
use std::sync::Arc;

/// Where a text was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a file, counted from 1.
    File(Arc<str>, usize),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(name, line) => write!(f, "{name}:{line}"),
            Place::Variable(name) => write!(f, "environment variable {name}"),
            Place::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be read at all.
    #[error("cannot read the configuration file {name}: {why}")]
    File {
        /// Its path as given.
        name: String,
        /// What the system says.
        why: String,
    },
    /// A line of it is not in the syntax of Java's properties.
    #[error("{place}: {why}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        why: String,
    },
    /// There is no such key.
    #[error("{place}: unknown key {key}{hint}")]
    UnknownKey {
        /// Where.
        place: Place,
        /// The key as written.
        key: String,
        /// Empty, or ` (did you mean ...?)`.
        hint: String,
    },
    /// The key exists, the value is not one of its values.
    #[error("{place}: {key} = {text:?} is not valid; {allowed}")]
    BadValue {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The value as written.
        text: String,
        /// What is allowed.
        allowed: String,
    },
    /// A plug-in is switched on that has no built-in form here.
    #[error("{place}: {key} = {text} cannot be honoured: {why}")]
    Refused {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The value as written.
        text: String,
        /// Why not.
        why: &'static str,
    },
}

/// Everything that is wrong with a configuration, in the order of the texts. Displays as one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// ` (did you mean x?)`, if one of the names is near.
pub fn did_you_mean<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> String {
    match nearest(word, names) {
        Some(name) => format!(" (did you mean {name}?)"),
        None => String::new(),
    }
}

/// The name that is reached with the fewest changes of letters, if those are at most a fifth of the word and two.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let most = 2 + word.chars().count() / 10;
    let near = names.map(|name| (distance(&word, &name.to_lowercase()), name)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= most && near.0 < near.1.chars().count()).then_some(near.1)
}

/// Levenshtein's distance. Words longer than 200 letters count as far from everything.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if a.chars().count() > 200 || b.len() > 200 {
        return usize::MAX;
    }
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, letter) in a.chars().enumerate() {
        let mut line = vec![row + 1];
        for (pair, other) in above.windows(2).zip(&b) {
            let (diagonal, up) = (pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0));
            let left = line.last().copied().unwrap_or(0);
            line.push((diagonal + usize::from(letter != *other)).min(up + 1).min(left + 1));
        }
        above = line;
    }
    above.last().copied().unwrap_or(0)
}
