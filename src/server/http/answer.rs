//! From what a handler says to bytes: the one writer of errors, JSONP, compression, headers.

use super::api::{ApiError, ApiResponse, Packing};
use super::cors::CorsHeaders;
use super::pages;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http_body_util::Full;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::io::Write;

const HTML: &str = "text/html; charset=UTF-8";
/// The shortest file that is worth compressing, in bytes. Answers are compressed whenever the client takes it, as the
/// original does.
const COMPRESS_FROM: usize = 256;
/// Seconds after which a client that met a full queue may come again.
const RETRY_AFTER: &str = "1";

/// What an answer needs to know of its request.
#[derive(Debug, Default)]
pub struct Context {
    /// The path as sent, without the query: outside `/api` its ending decides the content type.
    pub path: String,
    /// 0 answers like the old paths.
    pub version: u32,
    /// `json` in the query string: old paths answer errors as JSON.
    pub json: bool,
    /// The function that wraps JSON answers, checked; empty: `jsonp` is there without a name.
    pub jsonp: Option<String>,
    /// Which answers are wrapped, and what an empty name does.
    pub wrapping: Wrapping,
    /// What the client takes.
    pub packing: Option<Packing>,
    /// Headers for an accepted origin.
    pub cors: CorsHeaders,
    /// `tsd.http.show_stack_trace`.
    pub show_trace: bool,
}

/// Which answers of an endpoint a `jsonp` function wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrapping {
    /// None: the old paths, and below `/api/v0` what answers there as they do.
    #[default]
    Never,
    /// All; an empty name counts as none: queries write past the check of the name.
    Lenient,
    /// All; an answer without a name for its function is refused.
    Strict,
}

/// Anything but an answer.
#[derive(Debug)]
pub enum Refusal {
    /// No such path.
    NotFound,
    /// Refused with a reason.
    Error(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(e: ApiError) -> Refusal {
        if e.nowhere { Refusal::NotFound } else { Refusal::Error(e) }
    }
}

impl Context {
    /// Makes the response.
    pub fn respond(&self, outcome: Result<ApiResponse, Refusal>) -> Response<Full<Bytes>> {
        let strict = self.wrapping == Wrapping::Strict && self.jsonp.as_deref() == Some("");
        let outcome = match outcome {
            Ok(answer) if strict && is_json(&answer) && !answer.body.is_empty() => {
                Err(ApiError::bad("Missing callback name").details("Missing callback name").into())
            }
            other => other,
        };
        // An endpoint that is not there is told to a function without a name, too.
        let (nowhere, refused) = (matches!(outcome, Err(Refusal::NotFound)), outcome.is_err());
        let in_json = matches!(&outcome, Err(Refusal::Error(e)) if e.in_json);
        let mut answer = outcome.unwrap_or_else(|refusal| self.refuse(&refusal));
        let wraps = if refused { self.version > 0 || in_json } else { self.wrapping != Wrapping::Never };
        let function = self.jsonp.as_deref().filter(|name| wraps && (nowhere || !name.is_empty()));
        if let Some(function) = function.filter(|_| is_json(&answer) && !answer.body.is_empty()) {
            answer.body = wrapped(function, &answer.body);
        }
        if self.version == 0 && answer.content_type == ApiResponse::JSON {
            answer.content_type = guess_type(&self.path, &answer.body);
        }
        self.build(answer)
    }

    fn build(&self, mut answer: ApiResponse) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let mut put = |name: &'static str, value: &str| {
            // A value that is no header text (a line break in an echoed origin) is left out rather than sent.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap_or(CONTENT_TYPE), value);
            }
        };
        for (name, value) in &self.cors {
            put(name, value);
        }
        if !answer.content_type.is_empty() {
            put(CONTENT_TYPE.as_str(), answer.content_type);
        }
        for (name, value) in &answer.headers {
            put(name, value);
        }
        // Plain JSON answers go out exactly as recorded; everything that a browser could take for something else does not.
        if !is_json(&answer) || answer.status != 200 && answer.status != 204 || self.jsonp.is_some() {
            put("X-Content-Type-Options", "nosniff");
        }
        let own = |name: &str| answer.headers.iter().any(|(known, _)| *known == name);
        if answer.content_type == HTML && !own("Content-Security-Policy") {
            put("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'self'");
        }
        if answer.status == 503 {
            put("Retry-After", RETRY_AFTER);
        }
        let from = if own("Age") { COMPRESS_FROM } else { 1 };
        // Pixels are packed already.
        if let Some(packing) = self.packing
            && !own("Content-Encoding")
            && answer.body.len() >= from
            && answer.content_type != "image/png"
            && let Some(packed) = packed(packing, &answer.body)
        {
            put(CONTENT_ENCODING.as_str(), if packing == Packing::Gzip { "gzip" } else { "deflate" });
            answer.body = packed;
        }
        *response.body_mut() = Full::new(Bytes::from(answer.body));
        response
    }

    fn refuse(&self, refusal: &Refusal) -> ApiResponse {
        if self.version > 0 {
            return match refusal {
                // Alone among the errors it never has a trace.
                Refusal::NotFound => error_json(&ApiError::nowhere(), false),
                Refusal::Error(e) => error_json(e, self.show_trace),
            };
        }
        let (status, message, page) = match refusal {
            Refusal::Error(e) if e.in_json => return error_json(e, self.show_trace),
            // Paths of plug-ins, of which there are none: a status alone.
            Refusal::NotFound if self.path.to_lowercase().starts_with("/plugin/") => return super::reply::empty(404),
            Refusal::NotFound => (404, "Page Not Found", pages::not_found()),
            Refusal::Error(e) if e.status >= 500 && e.status != 501 => (e.status, e.message.as_str(), pages::internal_error(&e.message)),
            // Outside `/api` a refused request is a 400, whatever the error says (surprise 8); only limits keep their own.
            Refusal::Error(e) => (if e.status == 413 { 413 } else { 400 }, e.message.as_str(), pages::bad_request(&e.message)),
        };
        let mut answer = ApiResponse::json(page);
        if self.json {
            answer.body = serde_json::json!({ "err": message }).to_string().into_bytes();
        }
        answer.status = status;
        answer
    }
}

/// The one place where errors become JSON.
pub fn error_json(e: &ApiError, show_trace: bool) -> ApiResponse {
    let mut error = serde_json::Map::new();
    error.insert("code".to_owned(), e.status.into());
    error.insert("message".to_owned(), e.message.as_str().into());
    if let Some(details) = e.details.as_deref().filter(|d| !d.is_empty()) {
        error.insert("details".to_owned(), details.into());
    }
    if show_trace {
        error.insert("trace".to_owned(), format!("tsdb.ApiError: {}\n", e.message).into());
    }
    let mut answer = ApiResponse::json(serde_json::json!({ "error": error }).to_string());
    answer.status = e.status;
    answer
}

/// A page that is no API answer.
pub fn html(page: String) -> ApiResponse {
    ApiResponse { status: 200, content_type: HTML, headers: Vec::new(), body: page.into_bytes() }
}

/// JSON as the argument of a function.
pub fn wrapped(function: &str, body: &[u8]) -> Vec<u8> {
    [function.as_bytes(), b"(", body, b")"].concat()
}

/// The name of a JSONP function, if it is empty or one that can do no harm in a page: OpenTSDB echoes anything.
pub fn jsonp_name(name: &str) -> Result<String, ApiError> {
    if name.len() > 128 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.$[]".contains(&b)) {
        return Err(ApiError::bad("Invalid jsonp function name").details("letters, digits and _.$[] only, 128 at most"));
    }
    Ok(name.to_owned())
}

fn is_json(answer: &ApiResponse) -> bool {
    answer.content_type.starts_with("application/json")
}

/// Content type of an old path: by the ending of the path, else by the first byte of the answer.
pub fn guess_type(path: &str, body: &[u8]) -> &'static str {
    type_of_path(path).unwrap_or(match body.first() {
        Some(b'<') => HTML,
        Some(b'{' | b'[') => "application/json",
        Some(0x89) => "image/png",
        _ => "text/plain",
    })
}

/// The content type that a path's ending tells.
pub fn type_of_path(path: &str) -> Option<&'static str> {
    if path.len() <= 5 {
        return None;
    }
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("png") => Some("image/png"),
        Some("css") => Some("text/css"),
        Some("js") => Some("text/javascript"),
        Some("gif") => Some("image/gif"),
        Some("ico") => Some("image/x-icon"),
        _ if path.ends_with("html") => Some(HTML),
        _ => None,
    }
}

fn packed(packing: Packing, body: &[u8]) -> Option<Vec<u8>> {
    let out = Vec::with_capacity(body.len() / 4);
    match packing {
        Packing::Gzip => {
            let mut encoder = GzEncoder::new(out, Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()
        }
        Packing::Deflate => {
            let mut encoder = ZlibEncoder::new(out, Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_error(e: &ApiError, trace: bool, want: &str) {
        assert_eq!(String::from_utf8(error_json(e, trace).body).expect("text"), want);
    }

    #[test]
    fn errors() {
        check_error(&ApiError::bad("a \"b\""), false, r#"{"error":{"code":400,"message":"a \"b\""}}"#);
        check_error(&ApiError::new(405, "m").details("d"), false, r#"{"error":{"code":405,"message":"m","details":"d"}}"#);
        check_error(&ApiError::bad("m").details(""), true, r#"{"error":{"code":400,"message":"m","trace":"tsdb.ApiError: m\n"}}"#);
    }

    #[test]
    fn endings_tell_types() {
        let check = |path: &str, want: Option<&str>| assert_eq!(type_of_path(path), want, "{path}");
        check("/s/a.css", Some("text/css"));
        check("/s/a.html", Some(HTML));
        check("/s/a.HTML", None);
        check("/s/a.svg", None); // markup that is not ours to be run: the browser is told that it is text
        check("/s/a.json", None);
        check("a.js", None);
    }

    #[test]
    fn old_paths_answer_pages_or_err() {
        let mut context = Context { path: "/aggregators".to_owned(), ..Context::default() };
        let refused = || Err(Refusal::Error(ApiError::new(405, "Method not allowed")));
        let response = context.respond(refused());
        assert_eq!((response.status().as_u16(), response.headers().get(CONTENT_TYPE).map(|v| v.as_bytes())), (400, Some(HTML.as_bytes())));
        context.json = true;
        let response = context.respond(refused());
        assert_eq!(response.headers().get(CONTENT_TYPE).map(|v| v.as_bytes()), Some(&b"application/json"[..]));
        assert_eq!(context.respond(Err(Refusal::NotFound)).status().as_u16(), 404);
        context.path = "/Plugin/x".to_owned(); // the real one's answer to it has a status and nothing else
        let response = context.respond(Err(Refusal::NotFound));
        assert_eq!((response.status().as_u16(), response.headers().get(CONTENT_TYPE)), (404, None));
    }

    #[test]
    fn types_of_old_paths() {
        for (path, body, want) in [
            ("/suggest", "[]", "application/json"),
            ("/version", "x", "text/plain"),
            ("/nosuch/page.html", "{", HTML),
            ("/favicon.ico", "<", "image/x-icon"),
            ("/s/a.js", "<", "text/javascript"),
            ("/q", "<", HTML),
        ] {
            assert_eq!(guess_type(path, body.as_bytes()), want, "{path}");
        }
    }

    #[test]
    fn jsonp_names() {
        assert_eq!(jsonp_name("cb"), Ok("cb".to_owned()));
        assert_eq!(jsonp_name("a.b[0].$c_1"), Ok("a.b[0].$c_1".to_owned()));
        assert_eq!(jsonp_name(""), Ok(String::new()));
        for bad in ["alert(1)//", "<script>", "a b", "a;b", "é"] {
            assert_eq!(jsonp_name(bad).map_err(|e| e.status), Err(400), "{bad}");
        }
    }
}
