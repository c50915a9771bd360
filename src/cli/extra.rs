//! Small commands: version, help, completions, manual pages, documentation.

use super::commands::{COMMANDS, Command, find};
use super::{Call, Failure, USAGE, argp};
use crate::config::docs;
use std::fmt::Write as _;
use std::io::Write;

/// Prints a text.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

pub fn version(_: &Call) -> Result<(), Failure> {
    print(&format!("tsdb {}, in the place of OpenTSDB 2.4.1\n", env!("CARGO_PKG_VERSION")))
}

pub fn help(call: &Call) -> Result<(), Failure> {
    match call.words().as_slice() {
        [] => print(&overview()),
        ["config" | "configuration"] => print(&docs::terminal()),
        [name] => match find(name) {
            Some(command) => print(&help_of(command)),
            None => Err(Failure::code(USAGE, format!("there is no command '{name}'; `tsdb help` lists them"))),
        },
        _ => Err(call.misused(USAGE, "Too many arguments")),
    }
}

/// The list of commands.
fn overview() -> String {
    let mut out = String::from("tsdb: a time series database in the place of OpenTSDB 2.4\n\nusage: tsdb <command> [args]\n\n");
    let width = COMMANDS.iter().map(|command| command.name.len()).max().unwrap_or(0);
    for command in COMMANDS {
        let _ = writeln!(out, "  {:width$}  {}", command.name, command.about);
    }
    out.push_str("\n`tsdb help COMMAND` tells more, `tsdb help config` lists all settings. To begin: tsdb tsd --auto-metric\n");
    out
}

/// Everything about a command: the usage text with all its flags, and for the daemon all settings.
pub fn help_of(command: &Command) -> String {
    let flags = command.flags();
    let mut out = format!("{}\n\n{}{}{}", command.about, command.usage, argp::usage(flags.iter()), command.after);
    if flags.iter().any(|flag| flag.name == "--config") {
        out.push_str("\nAny key of the configuration is a flag as well: --tsd.storage.flush_interval=500\n");
    }
    if command.name == "tsd" {
        out.push_str(&docs::terminal());
    }
    out
}

/// What is written from the table of commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// First words are commands within the command: all shells complete those.
    Completions,
    /// First words are values: they have no pages of their own.
    Manual,
}

/// The table of commands as clap knows it, for what clap writes from it.
fn clap_command(purpose: For) -> clap::Command {
    let all = plain("tsdb", "A time series database in the place of OpenTSDB 2.4").version(env!("CARGO_PKG_VERSION"));
    all.subcommands(COMMANDS.iter().map(|command| clap_of(command, purpose)))
}

fn plain(name: &'static str, about: &'static str) -> clap::Command {
    clap::Command::new(name).about(about).disable_help_flag(true).disable_help_subcommand(true)
}

fn clap_of(command: &'static Command, purpose: For) -> clap::Command {
    let flags = command.flags().into_iter().filter_map(clap_flag);
    let clap = plain(command.name, command.about).disable_version_flag(true).args(flags);
    let rest = || clap::Arg::new("words").value_hint(clap::ValueHint::FilePath).num_args(0..).action(clap::ArgAction::Append);
    let first: Vec<(&'static str, &'static str)> = match command.name {
        "help" | "man" => COMMANDS.iter().map(|command| (command.name, command.about)).collect(),
        _ => command.words.to_vec(),
    };
    match (first.is_empty(), purpose) {
        (true, _) => clap.arg(rest()),
        (false, For::Completions) => {
            clap.subcommands(first.into_iter().map(|(word, about)| plain(word, about).disable_version_flag(true).arg(rest())))
        }
        (false, For::Manual) => {
            let values = first.into_iter().map(|(word, about)| clap::builder::PossibleValue::new(word).help(about));
            clap.arg(
                clap::Arg::new("word").help("What to do, or with what.").value_parser(clap::builder::PossibleValuesParser::new(values)),
            )
            .arg(rest())
        }
    }
}

fn clap_flag(flag: argp::Flag) -> Option<clap::Arg> {
    // Flags may stand before and behind the words.
    let arg = clap::Arg::new(flag.name).help(flag.help).global(true);
    let arg = match (flag.name.strip_prefix("--"), flag.name.chars().nth(1)) {
        (Some(long), _) => arg.long(long),
        (None, Some(short)) => arg.short(short),
        (None, None) => return None,
    };
    Some(match flag.meta {
        Some(meta) => arg.value_name(meta).action(clap::ArgAction::Set),
        None => arg.action(clap::ArgAction::SetTrue),
    })
}

pub fn completions(call: &Call) -> Result<(), Failure> {
    let shell = match call.words().as_slice() {
        [name] => name.parse::<clap_complete::Shell>().ok(),
        _ => None,
    };
    let Some(shell) = shell else { return Err(call.misused(USAGE, "Which shell?")) };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut clap_command(For::Completions), "tsdb", &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub fn man(call: &Call) -> Result<(), Failure> {
    let all = clap_command(For::Manual);
    let page = match call.words().as_slice() {
        [] => all,
        [name] => match all.find_subcommand(name) {
            // Its page is filed beside that of `tsdb`, which refers to `tsdb-NAME(1)`.
            Some(command) => command.clone().display_name(format!("tsdb-{name}")).bin_name(format!("tsdb {name}")),
            None => return Err(Failure::code(USAGE, format!("there is no command '{name}'; `tsdb help` lists them"))),
        },
        _ => return Err(call.misused(USAGE, "Too many arguments")),
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    print(&String::from_utf8_lossy(&text))
}

pub fn docs(call: &Call) -> Result<(), Failure> {
    match call.words().as_slice() {
        ["configuration"] => print(&docs::markdown()),
        _ => Err(call.misused(USAGE, "Which page?")),
    }
}
