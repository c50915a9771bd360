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

/// The table of commands as clap knows it, for what clap writes from it.
fn clap_command() -> clap::Command {
    let mut all = clap::Command::new("tsdb")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A time series database in the place of OpenTSDB 2.4")
        .disable_help_subcommand(true)
        .disable_help_flag(true);
    for command in COMMANDS {
        let mut clap = clap::Command::new(command.name).about(command.about).disable_help_flag(true).disable_version_flag(true);
        for flag in command.flags() {
            let mut arg = clap::Arg::new(flag.name).help(flag.help);
            arg = match (flag.name.strip_prefix("--"), flag.name.chars().nth(1)) {
                (Some(long), _) => arg.long(long),
                (None, Some(short)) => arg.short(short),
                (None, None) => continue,
            };
            arg = match flag.meta {
                Some(meta) => arg.value_name(meta).action(clap::ArgAction::Set),
                None => arg.action(clap::ArgAction::SetTrue),
            };
            clap = clap.arg(arg);
        }
        let words = clap::Arg::new("words").value_hint(clap::ValueHint::FilePath).num_args(0..).action(clap::ArgAction::Append);
        all = all.subcommand(clap.arg(words));
    }
    all
}

pub fn completions(call: &Call) -> Result<(), Failure> {
    let shell = match call.words().as_slice() {
        [name] => name.parse::<clap_complete::Shell>().ok(),
        _ => None,
    };
    let Some(shell) = shell else { return Err(call.misused(USAGE, "Which shell?")) };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut clap_command(), "tsdb", &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub fn man(call: &Call) -> Result<(), Failure> {
    let all = clap_command();
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
