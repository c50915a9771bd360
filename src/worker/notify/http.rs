//! Requests: GET or POST, over http or https, made by templates.

use super::channel::{Http, Method, secret};
use super::preset::Preset;
use super::template::{Templates, Wrong};
use super::{Notice, SendError};
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Bytes of an answer that are read: enough for the reason of a refusal.
const ANSWER_BYTES_MAX: u64 = 4_096;

/// Makes the request; any 2xx is a yes.
pub(super) fn send(to: &Http, notice: &Notice, templates: &Templates) -> Result<(), SendError> {
    let request = compose(to, notice, templates)?;
    let agent = agent(to)?;
    let mut call = ureq::http::Request::builder().method(if to.method == Method::Get { "GET" } else { "POST" }).uri(&request.url);
    for (name, value) in &request.headers {
        call = call.header(name, value);
    }
    let never = |error: ureq::http::Error| SendError::Never(error.to_string());
    let answer = match to.method {
        Method::Get => agent.run(call.body(()).map_err(never)?),
        Method::Post => agent.run(call.body(request.body).map_err(never)?),
    };
    let mut answer = answer.map_err(|error| failed(&request.host, &error))?;
    let mut body = String::new();
    // An answer that breaks off has still been an answer.
    let _ = answer.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_string(&mut body);
    let status = answer.status().as_u16();
    let said = |text: &str| format!("{} answered {status}: {}", request.host, text.trim().chars().take(300).collect::<String>());
    match status {
        200..=299 => match to.preset.and_then(|preset| preset.refuses(&body)) {
            Some(why) => Err(SendError::Never(said(&why))),
            None => Ok(()),
        },
        408 | 425 | 429 | 500..=599 => Err(SendError::Later(said(&body))),
        _ => Err(SendError::Never(said(&body))),
    }
}

fn failed(host: &str, error: &ureq::Error) -> SendError {
    let text = format!("{host}: {error}");
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => SendError::Never(text),
        _ => SendError::Later(text),
    }
}

/// A request as it is made.
pub(super) struct Composed {
    url: String,
    /// For messages: the rest of an address may be a secret.
    pub host: String,
    headers: Vec<(String, String)>,
    /// Not sent with GET.
    pub body: String,
}

fn compose(to: &Http, notice: &Notice, templates: &Templates) -> Result<Composed, SendError> {
    let url = secret(to.url.as_ref(), to.url_file.as_ref())?;
    let key = secret(to.key.as_ref(), to.key_file.as_ref())?;
    composed(to, notice, templates, (url, key.as_deref())).map_err(|wrong| SendError::Never(wrong.to_string()))
}

/// Fills the templates of a request to an address, with a key.
pub(super) fn composed(
    to: &Http,
    notice: &Notice,
    templates: &Templates,
    (url, key): (Option<String>, Option<&str>),
) -> Result<Composed, Wrong> {
    let url = url.or_else(|| to.preset.and_then(Preset::url).map(str::to_owned));
    let filled = |source: &str| templates.with_key(source, notice, key);
    let url = filled(&url.unwrap_or_default()).map_err(Wrong::of("url"))?;
    let host = url.split('/').nth(2).unwrap_or_default().rsplit('@').next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for (name, value) in &to.headers {
        let value = filled(value).map_err(Wrong::of("headers"))?;
        headers.push((name.clone(), value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()));
    }
    if !headers.iter().any(|(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    let body = match (&to.body, to.preset) {
        (Some(source), _) => filled(source).map_err(Wrong::of("body"))?,
        // Some presets work with a key and without one.
        (None, Some(preset)) => templates.with_key(preset.body(), notice, Some(key.unwrap_or_default())).map_err(Wrong::of("preset"))?,
        (None, None) => serde_json::to_string(notice).unwrap_or_default(),
    };
    Ok(Composed { url, host, headers, body })
}

fn agent(to: &Http) -> Result<ureq::Agent, SendError> {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(to.timeout)))
        .user_agent("tsdb worker");
    if let Some(path) = &to.ca_file {
        let roots = trusted(path).map_err(SendError::Later)?;
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    Ok(config.build().into())
}

/// The certificates of a PEM file, as those that are trusted. The error says what is wrong with the file.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn trusted(path: &Path) -> Result<RootCerts, String> {
    let pem = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let roots: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if roots.is_empty() { Err(format!("{} holds no certificate", path.display())) } else { Ok(RootCerts::new_with_certs(&roots)) }
}
