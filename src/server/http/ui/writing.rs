//! Who may change something here: requests of this server's own pages and of programs, in a TSD that reads and writes.
//!
//! A page of another site can make a browser send requests. Browsers tell: by `Sec-Fetch-Site`, which no page can set,
//! or else by `Origin`, which is then compared with `Host`. A program that sends neither may do what it could do anyway.

use super::super::api::{ApiError, ApiRequest};
use super::super::route::Mode;
use crate::tsd::Tsd;

/// Refuses a change if the mode, or the place that the request comes from, does not allow it.
pub fn may_write(tsd: &Tsd, request: &ApiRequest) -> Result<(), ApiError> {
    if Mode::of(&tsd.settings) != Mode::ReadWrite {
        return Err(ApiError::new(403, "This TSD takes no changes").details(format!("tsd.mode = {}", tsd.settings.mode)));
    }
    let own = match (request.header("sec-fetch-site"), request.header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_of_host(origin, request.header("host").unwrap_or_default()),
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(ApiError::new(403, "A page of another site cannot change anything here")) }
}

/// The host and port of an origin are those that the request was sent to; a proxy may have taken TLS off.
fn is_of_host(origin: &str, host: &str) -> bool {
    let of_origin = origin.split_once("://").map_or("", |(_, authority)| authority);
    !of_origin.is_empty() && of_origin.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        assert!(is_of_host("http://tsd.example.com:4242", "tsd.example.com:4242"));
        assert!(is_of_host("https://TSD.example.com", "tsd.example.com"));
        for origin in ["http://tsd.example.com:4243", "http://evil.example.com", "null", "", "http://", "file://"] {
            assert!(!is_of_host(origin, "tsd.example.com:4242"), "{origin}");
        }
        assert!(!is_of_host("http://", ""));
    }
}
