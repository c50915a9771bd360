//! The log: lines on standard error.

use super::Failure;
use crate::config::{Notice, Settings};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts it: RUST_LOG if set, else `tsd.log.level` for the daemon and warnings for tools, unless they are verbose.
pub fn start(settings: &Settings, daemon: bool, verbose: bool) -> Result<(), Failure> {
    let level = match (daemon, verbose) {
        (true, _) => settings.log_level.as_str(),
        (false, true) => "debug",
        (false, false) => "warn",
    };
    let text = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let (name, text) = text.as_deref().map_or(("tsd.log.level", level), |text| ("RUST_LOG", text));
    let filter = EnvFilter::try_new(text).map_err(|error| {
        Failure::new(format!("{name} = {text:?} is not valid: {error}; allowed: error, warn, info, debug, trace, or a filter"))
    })?;
    let ansi = std::io::stderr().is_terminal();
    // A second start in one process (tests) keeps the first log.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).try_init();
    Ok(())
}

/// Says once what the settings have to say. Tools keep to what they do not do.
pub fn notices(settings: &Settings, daemon: bool) {
    for notice in &settings.given.notices {
        match notice {
            Notice::Info(text) if daemon => tracing::info!("{text}"),
            Notice::Info(text) => tracing::debug!("{text}"),
            Notice::Warning(text) => tracing::warn!("{text}"),
        }
    }
}
