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
    from_own_page(request)
}

/// Refuses a change that a page of another site made a browser ask for.
pub fn from_own_page(request: &ApiRequest) -> Result<(), ApiError> {
    let own = match (request.header("sec-fetch-site"), request.header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_of_host(origin, request.header("host").unwrap_or_default()),
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(ApiError::new(403, "A page of another site cannot change anything here")) }
}

/// Whether the client sits on this machine. Behind a proxy of this machine everybody would: what a proxy passed on does
/// not count.
pub fn is_local(request: &ApiRequest) -> bool {
    let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| request.header(name).is_some());
    !passed_on && request.peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
}

/// The host and port of an origin are those that the request was sent to; a proxy may have taken TLS off.
fn is_of_host(origin: &str, host: &str) -> bool {
    let of_origin = origin.split_once("://").map_or("", |(_, authority)| authority);
    !of_origin.is_empty() && of_origin.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(peer: &str, headers: &[(&str, &str)]) -> ApiRequest {
        ApiRequest {
            method: "POST".into(),
            path: "/".into(),
            target: "/".into(),
            endpoint: String::new(),
            version: 1,
            params: Vec::new(),
            headers: headers.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            body: Vec::new(),
            peer: peer.parse().ok(),
            cancel: Default::default(),
        }
    }

    #[test]
    fn pages_of_other_sites_change_nothing() {
        let check = |headers: &[(&str, &str)], allowed| {
            assert_eq!(from_own_page(&request("127.0.0.1:1", headers)).is_ok(), allowed, "{headers:?}");
        };
        check(&[], true);
        check(&[("sec-fetch-site", "same-origin"), ("origin", "http://a:4242"), ("host", "a:4242")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("sec-fetch-site", "same-site")], false); // another port of this machine is another site's page too
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("origin", "http://a:4242"), ("host", "a:4242")], true);
        check(&[("origin", "http://evil:4242"), ("host", "a:4242")], false);
        check(&[("origin", "null"), ("host", "a:4242")], false);
    }

    #[test]
    fn this_machine() {
        assert!(is_local(&request("127.0.0.1:1", &[])) && is_local(&request("[::1]:1", &[])));
        assert!(is_local(&request("[::ffff:127.0.0.1]:1", &[])));
        assert!(!is_local(&request("10.0.0.1:1", &[])));
        assert!(!is_local(&request("127.0.0.1:1", &[("x-forwarded-for", "10.0.0.1")])));
    }

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
