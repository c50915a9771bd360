//! What a channel would send, for people who write templates: nothing is sent, no file is read, and nothing that a channel
//! keeps to itself is told (addresses, headers, keys, passwords).

use super::channel::{Channel, Method};
use super::template::{Templates, Wrong};
use super::{Notice, email, file, http};

/// What stands where a key would.
const KEY: &str = "(key of the channel)";

/// A notice as a channel would send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The type of the channel.
    pub kind: &'static str,
    /// Its parts by their names, in the order in which people read them.
    pub parts: Vec<(&'static str, String)>,
    /// Why nothing would be sent.
    pub wrong: Option<Wrong>,
}

/// Writes a notice for a channel.
pub fn shown(channel: &Channel, notice: &Notice, templates: &Templates) -> Shown {
    let (parts, wrong) = match parts(channel, notice, templates) {
        Ok(parts) => (parts, None),
        Err(wrong) => (Vec::new(), Some(wrong)),
    };
    Shown { kind: channel.kind(), parts, wrong }
}

fn parts(channel: &Channel, notice: &Notice, templates: &Templates) -> Result<Vec<(&'static str, String)>, Wrong> {
    Ok(match channel {
        Channel::Email(to) => {
            let email::Written { subject, text, html } = email::written(to, notice, templates)?;
            vec![("subject", subject), ("text", text), ("html", html)]
        }
        Channel::Http(to) => {
            let request = http::composed(to, notice, templates, (to.url.clone(), to.has_key().then_some(KEY)))?;
            let body = (to.method == Method::Post).then_some(("body", request.body));
            [("host", request.host)].into_iter().filter(|(_, host)| !host.is_empty()).chain(body).collect()
        }
        Channel::File(to) => vec![("line", file::line(to, notice, templates)?)],
        Channel::Annotation(_) => vec![("annotation", notice.title.clone())],
        Channel::Point(_) => Vec::new(),
    })
}
