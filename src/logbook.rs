//! The last lines of the log, and what turns its level, for `/logs`.
//!
//! A line is `seconds TAB level TAB thread TAB module TAB message`, as OpenTSDB shows it.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::OnceLock;

/// Lines kept.
const LINES_MAX: usize = 1024;
/// Bytes kept of one line.
const LINE_BYTES_MAX: usize = 4096;

/// Sets a level, of one part of the program or of all; an error says why it could not.
pub type Dial = Box<dyn Fn(&str, Option<&str>) -> Result<(), String> + Send + Sync>;

/// A ring of lines. Written by the log, read by `/logs`.
#[derive(Default)]
pub struct Logbook {
    lines: Mutex<VecDeque<String>>,
    dial: OnceLock<Dial>,
}

impl Logbook {
    /// Adds a line; the oldest makes room, and what is too long is cut.
    pub fn add(&self, mut line: String) {
        if line.len() > LINE_BYTES_MAX {
            let end = (0..=LINE_BYTES_MAX).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            line.truncate(end);
            line.push_str(" ...");
        }
        let mut lines = self.lines.lock();
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Says how the level is set. Only the first who says it counts: a process has one log.
    pub fn turned_by(&self, dial: Dial) {
        let _known = self.dial.set(dial);
    }

    /// Sets the level, of one part of the program or of all.
    ///
    /// # Errors
    /// The level or the part is none, or nothing is logged.
    pub fn turn(&self, level: &str, part: Option<&str>) -> Result<(), String> {
        self.dial.get().ok_or("nothing is logged here")?(level, part)
    }

    /// The lines, newest first.
    pub fn newest_first(&self) -> Vec<String> {
        self.lines.lock().iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_make_room_and_long_ones_are_cut() {
        let book = Logbook::default();
        (0..LINES_MAX + 2).for_each(|n| book.add(n.to_string()));
        let lines = book.newest_first();
        assert_eq!((lines.len(), lines.first().map(String::as_str), lines.last().map(String::as_str)), (1024, Some("1025"), Some("2")));
        book.add("é".repeat(LINE_BYTES_MAX));
        assert!(book.newest_first().first().is_some_and(|line| line.len() <= LINE_BYTES_MAX + 4 && line.ends_with("é ...")));
    }
}
