//! Which command a line is: the first word decides, in lower case only.

use super::super::http::route::{Mode, When};
use crate::config::Settings;

/// The commands that need more than a line of text to answer; `put` is handled where lines are split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Counters, a line each.
    Stats,
    /// Forgets cached names.
    DropCaches,
    /// Two lines of text; comes after every earlier point is on disk.
    Version,
    /// Closes the connection.
    Exit,
    /// The list of commands.
    Help,
    /// Stops the server.
    Die,
}

/// What a first word means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A point.
    Put,
    /// A pre-aggregated point.
    Rollup,
    /// A histogram.
    Histogram,
    /// One of the others.
    Command(Command),
    /// Not in this mode, or never.
    Unknown,
}

/// The words, in the order in which `help` lists them (recorded cases `commands/t02`, `mode_ro/t02`).
const WORDS: [(&str, When, Word); 9] = [
    ("stats", When::Always, Word::Command(Command::Stats)),
    ("dropcaches", When::Always, Word::Command(Command::DropCaches)),
    ("version", When::Always, Word::Command(Command::Version)),
    ("exit", When::Always, Word::Command(Command::Exit)),
    ("help", When::Always, Word::Command(Command::Help)),
    ("put", When::Writing, Word::Put),
    ("rollup", When::Writing, Word::Rollup),
    ("histogram", When::Writing, Word::Histogram),
    ("diediedie", When::Always, Word::Command(Command::Die)),
];

/// The commands that this server has.
#[derive(Clone, Debug)]
pub struct Commands {
    words: Vec<(&'static str, Word)>,
}

impl Commands {
    /// By mode and `tsd.no_diediedie`.
    pub fn new(settings: &Settings) -> Commands {
        let mode = Mode::of(settings);
        let there =
            WORDS.iter().filter(|(_, when, word)| mode.serves(*when) && !(settings.no_diediedie && *word == Word::Command(Command::Die)));
        Commands { words: there.map(|(name, _, word)| (*name, *word)).collect() }
    }

    /// What a word means.
    pub fn find(&self, name: &str) -> Word {
        self.words.iter().find(|(known, _)| *known == name).map_or(Word::Unknown, |(_, word)| *word)
    }

    /// The answer to `help`.
    pub fn help(&self) -> String {
        let mut text = String::from("available commands: ");
        for (name, _) in &self.words {
            text.extend([name, " "]);
        }
        text.push('\n');
        text
    }
}
