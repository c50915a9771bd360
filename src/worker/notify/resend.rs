//! Dead letters once more: each is tried once, with the id that it has always had, and goes out of its file when its
//! receiver took it.
//!
//! What was taken is written down at once in a file beside the letters (`FILE.sent`), which is locked meanwhile. A run that
//! is killed is gone on with by the next one; at worst the letter of the kill is sent twice, with one id.

use super::channel::Channel;
use super::dead::{DeadLetter, DeadLetters};
use super::dispatch::{Inside, send};
use super::template::Templates;
use super::{Notice, SendError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::PathBuf;

/// Which letters, and where to.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only letters of these channels; all when empty.
    pub of: Vec<String>,
    /// They go to this channel and not to their own.
    pub to: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resent {
    /// Letters that were taken by their receivers.
    pub sent: usize,
    /// Letters that nobody took this time either, and why: they stay.
    pub kept: Vec<String>,
    /// Lines that are no letters: they stay, too.
    pub damaged: Vec<String>,
    /// Letters of other channels.
    pub others: usize,
}

/// Sends one notice, once.
///
/// # Errors
/// Whether the receiver may take it later.
pub fn once(channel: &Channel, notice: &Notice, inside: &dyn Inside) -> Result<(), SendError> {
    send(channel, notice, &Templates::default(), inside)
}

/// Sends letters again. `progress`: how many of how many are done.
///
/// # Errors
/// A file cannot be read or written, or another run is at work.
pub fn resend(
    dead: &DeadLetters,
    channels: &BTreeMap<String, Channel>,
    inside: &dyn Inside,
    wanted: &Wanted,
    progress: &mut dyn FnMut(usize, usize),
) -> std::io::Result<Resent> {
    let mut out = Resent::default();
    let mut sent = Sent::open(dead)?;
    let letters = dead.lines()?;
    let all = letters.len();
    // A receiver that is away for one letter is away for the next.
    let mut away: BTreeMap<String, String> = BTreeMap::new();
    for (at, (number, line)) in letters.into_iter().enumerate() {
        progress(at, all);
        let letter = match dead.parse(number, &line) {
            Ok(letter) => letter,
            Err(why) => {
                out.damaged.push(why);
                continue;
            }
        };
        if !wanted.of.is_empty() && !wanted.of.contains(&letter.channel) {
            out.others += 1;
            continue;
        }
        if sent.lines.contains(&line) {
            continue;
        }
        let DeadLetter { channel, notice, .. } = letter;
        let to = wanted.to.clone().unwrap_or(channel);
        let result = match (channels.get(&to), away.get(&to)) {
            (None, _) => Err(format!("no channel is called {to}")),
            (_, Some(why)) => Err(why.clone()),
            (Some(channel), None) => send(channel, &notice, &Templates::default(), inside).map_err(|error| {
                if let SendError::Later(why) = &error {
                    away.insert(to.clone(), why.clone());
                }
                error.to_string()
            }),
        };
        match result {
            Ok(()) => {
                sent.add(line)?;
                out.sent += 1;
            }
            Err(why) => out.kept.push(format!("{} to {to}: {why}", notice.id)),
        }
    }
    progress(all, all);
    sent.finish(dead)?;
    Ok(out)
}

/// Lines that were sent and still stand in the file.
struct Sent {
    path: PathBuf,
    file: File,
    lines: BTreeSet<String>,
}

impl Sent {
    /// With what an earlier run left.
    fn open(dead: &DeadLetters) -> std::io::Result<Sent> {
        let mut path = dead.path().to_owned().into_os_string();
        path.push(".sent");
        let path = PathBuf::from(path);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(std::io::Error::other(format!("another run sends these letters ({} is locked)", path.display())));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // A line that a kill cut short equals no letter.
        let lines = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
        if bytes.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n")?;
        }
        Ok(Sent { path, file, lines })
    }

    fn add(&mut self, line: String) -> std::io::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.file.sync_data()?;
        self.lines.insert(line);
        Ok(())
    }

    fn finish(self, dead: &DeadLetters) -> std::io::Result<()> {
        dead.take_out(&self.lines)?;
        std::fs::remove_file(&self.path)
    }
}
