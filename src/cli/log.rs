//! The log: lines on standard error, the last of them kept for `/logs`.

use super::Failure;
use crate::clock;
use crate::config::{Notice, Settings};
use crate::logbook::{Dial, Logbook};
use parking_lot::Mutex;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// Longest filter that requests can put together, in bytes.
const FILTER_BYTES_MAX: usize = 4096;

/// The lines of this process's log, which is one, like its standard error.
static RECENT: OnceLock<Arc<Logbook>> = OnceLock::new();

/// What the log said last.
pub fn recent() -> Arc<Logbook> {
    RECENT.get_or_init(Arc::default).clone()
}

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
    let lines = fmt::layer().with_ansi(ansi).with_writer(std::io::stderr);
    let (filter, handle) = reload::Layer::new(filter);
    // A second start in one process (tests) keeps the first log.
    if tracing_subscriber::registry().with(filter).with(lines).with(Keep(recent())).try_init().is_ok() {
        recent().turned_by(dial(handle, text.to_owned()));
    }
    Ok(())
}

/// Sets levels from now on. `text`: the filter at the start; what is said of a part goes before what is said of all.
fn dial(handle: reload::Handle<EnvFilter, Registry>, text: String) -> Dial {
    let now = Mutex::new(text);
    Box::new(move |level, part| {
        let mut now = now.lock();
        let text = part.map_or_else(|| level.to_owned(), |part| format!("{now},{part}={level}"));
        if text.len() > FILTER_BYTES_MAX {
            return Err(format!("the filter of the log is longer than {FILTER_BYTES_MAX} bytes (FILTER_BYTES_MAX): set all of it"));
        }
        let filter = EnvFilter::try_new(&text).map_err(|error| error.to_string())?;
        handle.reload(filter).map_err(|error| error.to_string())?;
        tracing::warn!("the log's filter is {text} now");
        *now = text;
        Ok(())
    })
}

/// Keeps events for `/logs`.
struct Keep(Arc<Logbook>);

impl<S: tracing::Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let seconds = clock::now_s();
        let about = event.metadata();
        let thread = std::thread::current();
        let mut text = Text::default();
        event.record(&mut text);
        let message = [text.message, text.fields].concat().replace('\n', " ");
        self.0.add(format!("{seconds}\t{}\t{}\t{}\t{message}", about.level(), thread.name().unwrap_or("-"), about.target()));
    }
}

/// The message of an event, and behind it its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
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
