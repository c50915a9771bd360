//! The command line: one file a command, one table of all of them ([`commands`]), one parser of flags ([`argp`]).
//!
//! Exit codes: 0 done, 1 failed (one line on standard error says why), 2 used wrongly; a few of OpenTSDB's own beside.

pub mod argp;
mod bench;
mod check;
mod clean_cache;
pub mod commands;
mod copy;
mod export;
mod extra;
mod fsck;
mod import;
mod log;
mod long;
mod metadata;
mod notices;
mod query;
mod scan;
mod search;
mod tables;
mod trees;
mod tsd;
mod uid;
mod worker;

use crate::config::{self, Settings};
use crate::tsd::{StoreKind, store_kind};
use argp::Parsed;
use commands::{COMMANDS, Command};
use std::io::Write;
use std::path::Path;

/// Exit code of wrong usage.
pub const USAGE: u8 = 2;

/// Why a command ends with another code than 0.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// What standard error is told; may be empty, may be several lines.
    pub text: String,
}

impl Failure {
    /// Exit code 1 and a line.
    pub fn new(text: impl std::fmt::Display) -> Failure {
        Failure::code(1, text)
    }

    /// Another exit code and a line.
    pub fn code(code: u8, text: impl std::fmt::Display) -> Failure {
        Failure { code, text: text.to_string() }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        // Whoever read our output has enough of it: `tsdb export | head`.
        let text = if error.kind() == std::io::ErrorKind::BrokenPipe { String::new() } else { error.to_string() };
        Failure { code: 1, text }
    }
}

/// A command with its arguments.
pub struct Call {
    /// Which.
    pub command: &'static Command,
    /// Its flags and words.
    pub parsed: Parsed,
}

impl Call {
    /// The words, borrowed as text.
    pub fn words(&self) -> Vec<&str> {
        self.parsed.words.iter().map(String::as_str).collect()
    }

    /// Settings from file, environment and flags; starts the log.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let file = self.parsed.value("--config").filter(|path| !path.is_empty()).map(Path::new);
        let settings = config::load(file, &self.parsed.settings(&self.command.flags())).map_err(Failure::new)?;
        let chatty = self.command.name == "tsd";
        let verbose = self.parsed.has("--verbose") || self.parsed.has("-v");
        log::start(&settings, chatty, verbose)?;
        log::notices(&settings, chatty);
        Ok(settings)
    }

    /// The same, for commands that only read: where no store is, they say so instead of making an empty one.
    pub fn settings_of_a_store(&self) -> Result<Settings, Failure> {
        let settings = self.settings()?;
        store_is_there(&settings)?;
        Ok(settings)
    }

    /// Wrong usage: the complaint, the usage text and the flags, as OpenTSDB prints them.
    pub fn misused(&self, code: u8, complaint: &str) -> Failure {
        Failure::code(code, format!("{complaint}\n{}", self.usage()).trim_end_matches('\n'))
    }

    /// The usage text with OpenTSDB's flags (all flags for commands of our own).
    pub fn usage(&self) -> String {
        let flags = self.command.flags();
        let recorded = self.command.java || self.command.name == "tsd";
        let shown = flags.iter().filter(|flag| flag.java || !recorded);
        format!("{}{}{}", self.command.usage, argp::usage(shown), self.command.after)
    }
}

/// Refuses a folder that holds nothing: the embedded store would be made there, empty.
fn store_is_there(settings: &Settings) -> Result<(), Failure> {
    let path = Path::new(&settings.storage_embedded_path);
    let holds_something = || path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if store_kind(settings) == StoreKind::Embedded && !holds_something() {
        return Err(Failure::new(format!("there is no embedded store in {} (tsd.storage.embedded.path)", path.display())));
    }
    Ok(())
}

/// Runs the command line without the program's name, prints what is to be printed, and gives the exit code.
pub fn run(args: &[String]) -> u8 {
    match dispatch(args) {
        Ok(()) => 0,
        Err(failure) => {
            if !failure.text.is_empty() {
                // Nobody can be told if standard error is closed.
                let _ = writeln!(std::io::stderr(), "{}", failure.text);
            }
            failure.code
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), Failure> {
    let (name, rest) = match args.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => return Err(unknown(None)),
    };
    let name = match name {
        "--help" | "-h" => "help",
        "--version" | "-V" => "version",
        name => name,
    };
    let Some(command) = commands::find(name) else { return Err(unknown(Some(name))) };
    let call = |parsed| Call { command, parsed };
    if command.name == "version" {
        return (command.run)(&call(Parsed::default())); // OpenTSDB's takes any arguments
    }
    let parsed = argp::parse(&command.flags(), rest).map_err(|error| wrong_flag(command, &error))?;
    let call = call(parsed);
    if !command.java && call.parsed.has("--help") {
        return extra::print(&extra::help_of(command));
    }
    (command.run)(&call)
}

/// OpenTSDB's line, and where to look. To Nagios a 2 of `check` would be an alarm.
fn wrong_flag(command: &Command, error: &str) -> Failure {
    let flags = command.flags();
    let word = error.strip_prefix("Unrecognized option ").and_then(|word| word.split('=').next()).unwrap_or_default();
    let near = config::did_you_mean(word, flags.iter().map(|flag| flag.name).filter(|name| name.starts_with("--")));
    let code = if command.name == "check" { check::UNKNOWN } else { USAGE };
    Failure::code(code, format!("Invalid usage.  {error}\n`tsdb help {}` tells what there is{near}", command.name))
}

fn unknown(name: Option<&str>) -> Failure {
    let complaint = name.map(|name| format!("tsdb: error: unknown command '{name}'\n")).unwrap_or_default();
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    Failure::new(format!("{complaint}usage: tsdb <command> [args]\nValid commands: {}", names.join(", ")))
}
