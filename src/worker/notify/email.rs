//! Mails: text and HTML in one message, threaded by incident, named by the notice.

use super::channel::{ChannelError, Email, Tls, secret, wrong};
use super::template::{Templates, Wrong};
use super::{Notice, SendError};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as SmtpTls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use std::time::Duration;

const SUBJECT: &str = "{{ title }}";
/// The usual text tells one event; a list of one would say it again.
const TEXT: &str = "{{ title }}\n\n{% if note %}{{ note }}\n\n{% endif %}{{ text }}\n\
{% if events | length > 1 or events[0].text not in text %}\n\
{% for e in events %}{{ e.level }}  {{ e.name }}  value {{ e.value | num }}  at {{ e.at | time }}\n    {{ e.text }}\n{% endfor %}\
{% endif %}\nRule {{ rule }}, {{ kind }}, since {{ since | time }} ({{ (at - since) | age }}).\
{% if max_step %} Notice {{ step }} of {{ max_step }}.{% endif %}\n\
{% if link %}\n{{ link }}\n{% endif %}";
const HTML: &str = "<!doctype html><html><body style=\"font-family:sans-serif;color:#1A1D21\">\
<h2 style=\"font-size:18px\">{{ title }}</h2>{% if note %}<p>{{ note }}</p>{% endif %}\
<p style=\"white-space:pre-line\">{{ text }}</p>{% if events | length > 1 or events[0].text not in text %}\
<table cellpadding=\"6\" style=\"border-collapse:collapse;font-size:14px\">\
<tr style=\"text-align:left;background:#F1F3F5\"><th>level</th><th>series</th><th>value</th><th>at</th><th>condition</th></tr>\
{% for e in events %}<tr style=\"border-top:1px solid #DDE1E6\"><td><b style=\"color:{{ '#B42318' if e.level == 'critical' \
else '#0B6E4F' if e.level == 'normal' else '#8A5A00' }}\">{{ e.level }}</b></td><td>{{ e.name }}</td>\
<td>{{ e.value | num }}</td><td>{{ e.at | time }}</td><td>{{ e.text }}</td></tr>{% endfor %}</table>{% endif %}\
<p style=\"color:#5A6470\">Rule {{ rule }}, {{ kind }}, since {{ since | time }} ({{ (at - since) | age }}).\
{% if max_step %} Notice {{ step }} of {{ max_step }}.{% endif %}</p>\
{% if link %}<p><a href=\"{{ link }}\">{{ link }}</a></p>{% endif %}</body></html>";

/// Reads an address: `name <user@host>` or `user@host`.
pub(super) fn mailbox(field: &'static str, text: &str) -> Result<Mailbox, ChannelError> {
    text.parse().map_err(|error| wrong(field, format!("{text:?} is not a mail address: {error}")))
}

/// Sends one mail to all who are named.
pub(super) fn send(to: &Email, notice: &Notice, templates: &Templates) -> Result<(), SendError> {
    let message = message(to, notice, templates)?;
    let transport = transport(to)?;
    match transport.send(&message) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = format!("mail server {}: {}", to.server, reasons(&error));
            Err(if error.is_permanent() { SendError::Never(text) } else { SendError::Later(text) })
        }
    }
}

/// An error with what lies behind it.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        at = cause.source();
    }
    text
}

/// What a mail says.
pub(super) struct Written {
    /// One line.
    pub subject: String,
    /// Its part of text.
    pub text: String,
    /// Its part of HTML.
    pub html: String,
}

/// Fills the templates of a mail.
pub(super) fn written(to: &Email, notice: &Notice, templates: &Templates) -> Result<Written, Wrong> {
    let subject = templates.text(to.subject.as_deref().unwrap_or(SUBJECT), notice).map_err(Wrong::of("subject"))?;
    let text = templates.text(to.text.as_deref().unwrap_or(TEXT), notice).map_err(Wrong::of("text"))?;
    let html = match (&to.html, &notice.html) {
        (None, Some(whole)) => whole.clone(),
        (template, _) => templates.html(template.as_deref().unwrap_or(HTML), notice).map_err(Wrong::of("html"))?,
    };
    // Whatever stands in names of rules and tags: one line, one header.
    let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok(Written { subject: subject.trim().to_owned(), text, html })
}

/// The mail as it goes out.
fn message(to: &Email, notice: &Notice, templates: &Templates) -> Result<Message, SendError> {
    let never = |text: String| SendError::Never(text);
    let Written { subject, text, html } = written(to, notice, templates).map_err(|wrong| never(wrong.to_string()))?;
    let from = mailbox("from", &to.from).map_err(|e| never(e.to_string()))?;
    let host = from.email.domain().to_owned();
    let incident = format!("<{}@{host}>", id(&notice.incident));
    let mut builder = Message::builder()
        .from(from)
        .subject(subject)
        .message_id(Some(format!("<{}@{host}>", id(&notice.id))))
        .references(incident.clone())
        .in_reply_to(incident)
        .user_agent("tsdb worker".to_owned());
    for to in &to.to {
        builder = builder.to(mailbox("to", to).map_err(|e| never(e.to_string()))?);
    }
    let plain = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text);
    let rich = SinglePart::builder().header(ContentType::TEXT_HTML).body(html);
    let parts = MultiPart::alternative().singlepart(plain).singlepart(rich);
    builder.multipart(parts).map_err(|e| never(format!("mail: {e}")))
}

/// An id as the left part of a message id: only what may stand there without quotes.
fn id(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect()
}

fn transport(to: &Email) -> Result<SmtpTransport, SendError> {
    let later = |text: String| SendError::Later(text);
    let parameters = || -> Result<TlsParameters, SendError> {
        let mut builder = TlsParameters::builder(to.server.clone());
        if let Some(path) = &to.ca_file {
            let pem = std::fs::read(path).map_err(|e| later(format!("cannot read {}: {e}", path.display())))?;
            let certificate = Certificate::from_pem(&pem).map_err(|e| later(format!("{}: {e}", path.display())))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map_err(|e| later(format!("TLS: {e}")))
    };
    let (tls, port) = match to.tls {
        Tls::None => (SmtpTls::None, 25),
        Tls::Starttls => (SmtpTls::Required(parameters()?), 587),
        Tls::Tls => (SmtpTls::Wrapper(parameters()?), 465),
    };
    let mut builder = SmtpTransport::builder_dangerous(to.server.clone())
        .port(to.port.unwrap_or(port))
        .tls(tls)
        .timeout(Some(Duration::from_secs(to.timeout)));
    if let Some(user) = &to.user {
        let password = secret(to.password.as_ref(), to.password_file.as_ref())?.unwrap_or_default();
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}
