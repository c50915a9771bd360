//! Channels as rule files describe them: `[notify.NAME]` with a `type` and what that type needs.
//!
//! Channels are the operator's: they are read from files only. Rules that people edit in the browser may name a channel
//! but not make one, since a channel appends to files and calls addresses.

use super::known::Names;
use super::preset::Preset;
use super::template::{TemplateError, Templates};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A way to reach people or programs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Channel {
    /// A mail.
    Email(Email),
    /// A request.
    Http(Http),
    /// A line in a file.
    File(File),
    /// An annotation on each series that the notice is about.
    Annotation(Empty),
    /// A data point `tsdb.worker.notice`, tagged by rule and level.
    Point(Empty),
}

/// A channel that needs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// How the connection to a mail server is kept private.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Not at all: for a server on this host.
    #[default]
    None,
    /// Begun as plain text, then switched (port 587).
    Starttls,
    /// From the first byte on (port 465).
    Tls,
}

/// A mail server and who gets mail.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Host of the mail server.
    pub server: String,
    /// Its port; 25, 587 or 465 by `tls` if not given.
    pub port: Option<u16>,
    /// How the connection is kept private.
    #[serde(default)]
    pub tls: Tls,
    /// A file of certificates (PEM) to trust beside the usual ones.
    pub ca_file: Option<PathBuf>,
    /// Who logs in, if the server wants it.
    pub user: Option<String>,
    /// The password, or better the file that holds it.
    pub password: Option<String>,
    /// See `password`.
    pub password_file: Option<PathBuf>,
    /// The sender: `tsdb <tsdb@example.org>`.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Template of the subject.
    pub subject: Option<String>,
    /// Template of the text.
    pub text: Option<String>,
    /// Template of the HTML part.
    pub html: Option<String>,
    /// Seconds until an answer must be there.
    #[serde(default = "default_timeout")]
    pub timeout: u64,
    /// For how long it is tried.
    #[serde(default)]
    pub retry: Retry,
}

/// GET or POST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// All in the address.
    Get,
    /// With a body.
    #[default]
    Post,
}

/// A request to make.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address: `http` or `https`. A template; what it fills in wants the filter `urlencode`.
    pub url: Option<String>,
    /// A file that holds the address, for addresses that are secrets.
    pub url_file: Option<PathBuf>,
    /// GET or POST.
    #[serde(default)]
    pub method: Method,
    /// A ready form for a known receiver; `url`, `body` and `headers` given here win.
    pub preset: Option<Preset>,
    /// A secret: what a preset wants, and `key` in the templates of address, headers and body.
    pub key: Option<String>,
    /// A file that holds `key`.
    pub key_file: Option<PathBuf>,
    /// Headers; templates.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Template of the body. Not given: the notice as JSON.
    pub body: Option<String>,
    /// A file of certificates (PEM) to trust instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// Seconds until an answer must be there.
    #[serde(default = "default_timeout")]
    pub timeout: u64,
    /// For how long it is tried.
    #[serde(default)]
    pub retry: Retry,
}

/// A file to append to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The file; it is opened anew for each line, so that it can be moved away at any time.
    pub path: PathBuf,
    /// Template of the line. Not given: the notice as JSON.
    pub line: Option<String>,
}

/// When a notice is tried again, and when no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Milliseconds before the second attempt; doubled each time.
    pub first_ms: u64,
    /// Longest pause, in milliseconds.
    pub longest_ms: u64,
    /// Seconds after which a notice is a dead letter.
    pub give_up: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { first_ms: 1_000, longest_ms: 60_000, give_up: 3_600 }
    }
}

fn default_timeout() -> u64 {
    10
}

/// Longest time that a receiver may take, in seconds: a slow one must not hold a channel for ever.
const TIMEOUT_MAX: u64 = 120;

/// A channel that could never send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// A field has a value that cannot be.
    #[error("{field}: {text}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        text: String,
    },
    /// A template does not parse, or uses what there is not.
    #[error("{field}: {error}")]
    Template {
        /// The field; of a header `headers.NAME`.
        field: String,
        /// Where and why.
        error: TemplateError,
    },
}

pub(super) fn wrong(field: &'static str, text: impl Into<String>) -> ChannelError {
    ChannelError::Field { field, text: text.into() }
}

impl Channel {
    /// Looks whether everything in it can work, without a word to anyone.
    ///
    /// # Errors
    /// The first field that cannot.
    pub fn check(&self, templates: &Templates) -> Result<(), ChannelError> {
        match self {
            Channel::Email(it) => it.check(templates),
            Channel::Http(it) => it.check(templates),
            Channel::File(it) => {
                if it.path.as_os_str().is_empty() {
                    return Err(wrong("path", "is empty"));
                }
                template(templates, "line", it.line.as_deref(), &Names::default())
            }
            Channel::Annotation(_) | Channel::Point(_) => Ok(()),
        }
    }

    /// When notices to it are tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Channel::Email(it) => it.retry,
            Channel::Http(it) => it.retry,
            Channel::File(_) | Channel::Annotation(_) | Channel::Point(_) => Retry::default(),
        }
    }

    /// The word of its type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Channel::Email(_) => "email",
            Channel::Http(_) => "http",
            Channel::File(_) => "file",
            Channel::Annotation(_) => "annotation",
            Channel::Point(_) => "point",
        }
    }
}

impl Email {
    fn check(&self, templates: &Templates) -> Result<(), ChannelError> {
        if self.server.is_empty() {
            return Err(wrong("server", "is empty"));
        }
        if self.to.is_empty() {
            return Err(wrong("to", "names nobody"));
        }
        super::email::mailbox("from", &self.from)?;
        for to in &self.to {
            super::email::mailbox("to", to)?;
        }
        if self.user.is_some() != (self.password.is_some() || self.password_file.is_some()) {
            return Err(wrong("user", "needs password or password_file, and they need it"));
        }
        // A password in the open on the way to another host is a mistake that nobody wants to make.
        let here = ["localhost", "127.0.0.1", "::1"].contains(&self.server.as_str());
        if self.user.is_some() && self.tls == Tls::None && !here {
            return Err(wrong("tls", "none would send the password in the open: use starttls or tls"));
        }
        timeout(self.timeout)?;
        for (field, source) in [("subject", &self.subject), ("text", &self.text), ("html", &self.html)] {
            template(templates, field, source.as_deref(), &Names::default())?;
        }
        Ok(())
    }
}

impl Http {
    /// Whether it has a secret.
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some() || self.key_file.is_some()
    }

    fn check(&self, templates: &Templates) -> Result<(), ChannelError> {
        let fixed = self.preset.and_then(Preset::url).is_some();
        match (&self.url, &self.url_file) {
            (Some(_), Some(_)) => return Err(wrong("url", "is given twice, here and in url_file")),
            (None, None) if !fixed => return Err(wrong("url", "is missing")),
            (Some(url), None) if !url.starts_with("http://") && !url.starts_with("https://") => {
                return Err(wrong("url", format!("{url:?} begins with neither http:// nor https://")));
            }
            _ => {}
        }
        if self.method == Method::Get && self.body.is_some() {
            return Err(wrong("body", "is not sent with GET"));
        }
        if self.preset.is_some_and(Preset::needs_key) && !self.has_key() {
            return Err(wrong("key", "is missing: the preset needs it (or key_file)"));
        }
        timeout(self.timeout)?;
        let names = Names { key: self.has_key(), ..Names::default() };
        template(templates, "url", self.url.as_deref(), &names)?;
        template(templates, "body", self.body.as_deref(), &names)?;
        for (name, value) in &self.headers {
            let legal = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            if !legal {
                return Err(wrong("headers", format!("{name:?} is not the name of a header")));
            }
            template(templates, &format!("headers.{name}"), Some(value), &names)?;
        }
        Ok(())
    }
}

fn timeout(seconds: u64) -> Result<(), ChannelError> {
    if (1..=TIMEOUT_MAX).contains(&seconds) {
        return Ok(());
    }
    Err(wrong("timeout", format!("{seconds} is not between 1 and {TIMEOUT_MAX} seconds")))
}

fn template(templates: &Templates, field: &str, source: Option<&str>, names: &Names) -> Result<(), ChannelError> {
    let Some(source) = source else { return Ok(()) };
    templates.check(source, names).map_err(|error| ChannelError::Template { field: field.to_owned(), error })
}

/// A secret given in the open or in a file (whose last line end does not count).
pub(super) fn secret(text: Option<&String>, file: Option<&PathBuf>) -> Result<Option<String>, super::SendError> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.clone())),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => Err(super::SendError::Later(format!("cannot read {}: {error}", path.display()))),
        },
        (None, None) => Ok(None),
    }
}
