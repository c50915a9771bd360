//! Telling people: a [`Notice`] goes to named channels, each at its own pace.
//!
//! | channel | what is sent |
//! | --- | --- |
//! | `email` | a message of text and HTML over SMTP (plain, STARTTLS or TLS) |
//! | `http` | GET or POST, made by templates; presets for Slack, PagerDuty, DingTalk and WeChat |
//! | `file` | a line appended to a file |
//! | `annotation` | an annotation on the series |
//! | `point` | a data point `tsdb.worker.notice` |
//!
//! No process is started and no shell is asked. A notice that cannot be delivered is tried again until it is too old
//! ([`Retry`]), then goes to a file of dead letters, from which it can be sent again. What must happen exactly once is
//! not decided here: the caller records its claim before it submits and after it is told the [`Outcome`]; the id of a
//! notice stays the same, so that a repeated one is known as such.

mod channel;
mod dead;
mod dispatch;
mod email;
mod file;
mod http;
mod known;
mod member;
mod notice;
mod preset;
mod resend;
mod shown;
mod template;
#[cfg(test)]
mod tests;

pub use channel::{Channel, ChannelError, Email, File, Http, Method, Retry, Tls};
pub use dead::{DeadLetter, DeadLetters};
pub use dispatch::{Counts, Dispatcher, Done, Inside, Outcome, Refused};
pub use http::trusted;
pub use known::Names;
pub use notice::{Event, Kind, Notice};
pub use preset::Preset;
pub use resend::{Resent, Wanted, once, resend};
pub use shown::{Shown, shown};
pub use template::{TemplateError, Templates, Wrong};

/// Why a notice was not taken by its receiver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The receiver is away, busy or slow: the same notice may be taken later.
    #[error("{0}")]
    Later(String),
    /// The receiver will never take it: a refusal, a template that fails.
    #[error("{0}")]
    Never(String),
}
