//! What a handler gets and gives: no sockets, no async, easy to test.

use crate::query::engine::Cancel;

/// A request, its body read whole, decompressed and within the limits.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// As sent, upper case.
    pub method: String,
    /// The path as sent, not percent-decoded: `/api/v1/query/last`.
    pub path: String,
    /// Path and query string as sent: `/q?start=1h-ago&m=sum:x`.
    pub target: String,
    /// The path below `/api/` (and below a version), in lower case: `query/last`.
    pub endpoint: String,
    /// API version from the path: 1 without one, 0 for `/api/v0` and the old paths.
    pub version: u32,
    /// Query string parameters, decoded, in the order sent; a name may come several times.
    pub params: Vec<(String, String)>,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Who asks, for logs and statistics.
    pub peer: Option<std::net::SocketAddr>,
    /// Set when the client has gone away, or when somebody stops the query.
    pub cancel: Cancel,
}

impl ApiRequest {
    /// The value of a parameter; the last one if it comes several times (recorded case `suggest/type_twice`).
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }
    /// All values of a parameter.
    pub fn params_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.params.iter().filter(move |(k, _)| k == name).map(|(_, v)| v.as_str())
    }
    /// Whether a parameter is there, with or without a value.
    pub fn has_param(&self, name: &str) -> bool {
        self.param(name).is_some()
    }
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }
    /// Whether the client takes an answer that is packed with gzip.
    pub fn takes_gzip(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "accept-encoding" && accepts_gzip(value))
    }
}

/// How an answer is packed on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// `gzip`
    Gzip,
    /// `deflate`: zlib, as the original's.
    Deflate,
}

/// What an `Accept-Encoding` header asks for: the one of higher quality, gzip of equal ones and for `*`.
pub fn packing(header: &str) -> Option<Packing> {
    let (gzip, deflate, any) = (quality(header, &GZIP), quality(header, &["deflate"]), quality(header, &["*"]).unwrap_or(0.0));
    let (gzip, deflate) = if gzip.is_none() { (any, deflate.unwrap_or(0.0)) } else { (gzip.unwrap_or(0.0), deflate.unwrap_or(any)) };
    match gzip >= deflate {
        true => (gzip > 0.0).then_some(Packing::Gzip),
        false => Some(Packing::Deflate),
    }
}

/// Whether an `Accept-Encoding` header allows gzip.
fn accepts_gzip(header: &str) -> bool {
    quality(header, &GZIP).or_else(|| quality(header, &["*"])).is_some_and(|quality| quality > 0.0)
}

/// The names of gzip.
const GZIP: [&str; 2] = ["gzip", "x-gzip"];

/// The quality that an `Accept-Encoding` header gives to a coding of these names; `None`: it has none of them.
fn quality(header: &str, names: &[&str]) -> Option<f32> {
    let of = |coding: &str| {
        let (name, rest) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = rest.trim().strip_prefix("q=").unwrap_or("1").trim().parse().unwrap_or(0.0);
        names.contains(&name.trim()).then_some(quality)
    };
    header.split(',').filter_map(of).reduce(f32::max)
}

/// An answer. `jsonp` wrapping, gzip, CORS and connection headers are the server's work.
#[derive(Clone, Debug)]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// `application/json; charset=UTF-8` for the API.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for 204.
    pub body: Vec<u8>,
}

impl ApiResponse {
    /// Content type of all API answers.
    pub const JSON: &'static str = "application/json; charset=UTF-8";

    /// 200 with a JSON body.
    pub fn json(body: impl Into<Vec<u8>>) -> ApiResponse {
        ApiResponse { status: 200, content_type: Self::JSON, headers: Vec::new(), body: body.into() }
    }
    /// 204 without a body.
    pub fn no_content() -> ApiResponse {
        ApiResponse { status: 204, content_type: Self::JSON, headers: Vec::new(), body: Vec::new() }
    }
}

/// A refused request: becomes `{"error":{"code":...,"message":...,"details":...,"trace":...}}` in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status and `code`.
    pub status: u16,
    /// `message`.
    pub message: String,
    /// `details`, left out if none.
    pub details: Option<String>,
    /// The path leads nowhere: what a handler says of one below its own. Told as of any other such path.
    pub nowhere: bool,
    /// Told in JSON and with its status in every version.
    pub in_json: bool,
}

impl ApiError {
    /// An error with a message only.
    pub fn new(status: u16, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into(), details: None, nowhere: false, in_json: false }
    }
    /// 404 of a path that leads nowhere.
    pub fn nowhere() -> ApiError {
        ApiError { nowhere: true, ..ApiError::new(404, "Endpoint not found") }
    }
    /// 400.
    pub fn bad(message: impl Into<String>) -> ApiError {
        ApiError::new(400, message)
    }
    /// Adds `details`.
    pub fn details(mut self, details: impl Into<String>) -> ApiError {
        self.details = Some(details.into());
        self
    }
    /// Told in JSON and with its status below `/api/v0` too, where others are pages.
    pub fn in_json(mut self) -> ApiError {
        self.in_json = true;
        self
    }
    /// 405 with OpenTSDB's words, which do not name the path (recorded case `misc_routes/patch`).
    pub fn method_not_allowed(method: &str) -> ApiError {
        ApiError::new(405, "Method not allowed").details(format!("The HTTP method [{method}] is not permitted for this endpoint"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packings() {
        for (header, want) in [
            ("gzip", Some(Packing::Gzip)),
            ("x-gzip", Some(Packing::Gzip)),
            ("*", Some(Packing::Gzip)),
            ("deflate", Some(Packing::Deflate)),
            ("deflate, gzip", Some(Packing::Gzip)),
            ("deflate, gzip;q=0.5", Some(Packing::Deflate)),
            ("gzip;q=0", None),
            ("identity", None),
            ("", None),
        ] {
            assert_eq!(packing(header), want, "{header}"); // as the real one chose
        }
        for (header, want) in [("br, gzip", true), ("deflate, gzip;q=0.5", true), ("*", true), ("gzip;q=0, *", false), ("deflate", false)] {
            assert_eq!(accepts_gzip(header), want, "{header}");
        }
    }
}
