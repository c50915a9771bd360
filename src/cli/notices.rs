//! `worker resend` and `worker test-channel`: notices that go out by hand.

use super::{Call, Failure};
use crate::clock;
use crate::config::{Settings, did_you_mean};
use crate::worker::hands::Hands;
use crate::worker::loader;
use crate::worker::notify::{Channel, DeadLetters, Inside, Notice, SendError, Wanted, once, resend};
use crate::worker::open::{self, Opened};
use crate::worker::options::Options;
use crate::worker::rule::file;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The store, opened by the first notice that needs it: most channels do not.
struct Later<'a> {
    settings: &'a Settings,
    opened: OnceLock<Result<Opened, String>>,
}

impl Later<'_> {
    fn hands(&self) -> Result<Hands, SendError> {
        match self.opened.get_or_init(|| open::open(self.settings).map_err(|error| error.to_string())) {
            Ok(opened) => Ok(Hands(opened.house.clone())),
            Err(why) => Err(SendError::Later(why.clone())),
        }
    }

    /// What was written is on disk when this returns.
    fn close(self) -> Result<(), Failure> {
        match self.opened.into_inner() {
            Some(Ok(opened)) => super::worker::close(opened),
            _ => Ok(()),
        }
    }
}

impl Inside for Later<'_> {
    fn annotate(&self, notice: &Notice) -> Result<(), SendError> {
        self.hands()?.annotate(notice)
    }

    fn point(&self, notice: &Notice) -> Result<(), SendError> {
        self.hands()?.point(notice)
    }
}

/// The channels of the rule files.
fn channels(settings: &Settings) -> Result<BTreeMap<String, Channel>, Failure> {
    if settings.worker_rules.is_empty() {
        return Err(Failure::new("no channels: they stand in rule files; set tsd.worker.rules (--rules)"));
    }
    let (files, mut faults) = loader::read(Path::new(&settings.worker_rules));
    let set = file::load(&files);
    faults.extend(set.faults.iter().map(ToString::to_string));
    faults.iter().for_each(|fault| tracing::warn!("{fault}"));
    Ok(set.channels.iter().map(|(name, channel)| (name.clone(), channel.channel.clone())).collect())
}

fn known(channels: &BTreeMap<String, Channel>, name: &str) -> Result<(), Failure> {
    if channels.contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = channels.keys().map(String::as_str).collect();
    let near = did_you_mean(name, names.iter().copied());
    Err(Failure::new(format!("no channel is called {name:?}{near}; there are: {}", names.join(", "))))
}

/// Sends a notice that says that nothing is wrong, once, to each of these channels.
pub fn test_channel(call: &Call, names: &[&str]) -> Result<(), Failure> {
    let settings = call.settings()?;
    let channels = channels(&settings)?;
    names.iter().try_for_each(|name| known(&channels, name))?;
    let inside = Later { settings: &settings, opened: OnceLock::new() };
    let mut failed = Vec::new();
    for name in names {
        let notice = Notice::test(name, clock::now_s());
        let Some(channel) = channels.get(*name) else { continue };
        match once(channel, &notice, &inside) {
            Ok(()) => writeln!(std::io::stdout(), "{name} ({}) took {}", channel.kind(), notice.id)?,
            Err(why) => failed.push(format!("{name} ({}) did not take {}: {why}", channel.kind(), notice.id)),
        }
    }
    inside.close()?;
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\n"))) }
}

/// Sends dead letters again, all or those of the named channels.
pub fn send_again(call: &Call, of: &[&str]) -> Result<(), Failure> {
    let settings = call.settings()?;
    let channels = channels(&settings)?;
    let wanted = Wanted { of: of.iter().map(|name| (*name).to_owned()).collect(), to: call.parsed.value("--to").map(str::to_owned) };
    // Letters of a channel that is no more go to another one.
    match &wanted.to {
        Some(to) => known(&channels, to)?,
        None => of.iter().try_for_each(|name| known(&channels, name))?,
    }
    let file = call.parsed.value("--dead-letters").map_or_else(|| Options::of(&settings).dead_letters(), PathBuf::from);
    let inside = Later { settings: &settings, opened: OnceLock::new() };
    let bar = super::worker::bar("letters");
    let mut progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let result = resend(&DeadLetters::at(file.clone()), &channels, &inside, &wanted, &mut progress);
    bar.finish_and_clear();
    inside.close()?;
    let done = result.map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    let kept = done.kept.len() + done.damaged.len() + done.others;
    writeln!(std::io::stdout(), "{} sent again, {kept} stay in {}", done.sent, file.display())?;
    let wrong: Vec<String> = done.kept.into_iter().chain(done.damaged).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::new(wrong.join("\n"))) }
}
