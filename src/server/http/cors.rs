//! Which pages of other sites may read answers: `tsd.http.request.cors_domains`.
//!
//! A refused origin gets status 200 with an error of code 200 and none of the headers (surprise 11 of the recorded HTTP
//! scenarios, `cors_list/denied`); OPTIONS without an accepted origin is a 405.

use super::api::ApiError;
use crate::config::Settings;

/// The lists of the settings, ready for use.
#[derive(Debug, Default)]
pub struct Cors {
    domains: Vec<String>,
    headers: String,
}

/// Response headers of an accepted origin.
pub type CorsHeaders = Vec<(&'static str, String)>;

impl Cors {
    /// Origins compare without case.
    pub fn new(settings: &Settings) -> Cors {
        let listed = settings.http_request_cors_domains.split(',').map(|d| d.trim().to_uppercase());
        Cors { domains: listed.filter(|d| !d.is_empty()).collect(), headers: settings.http_request_cors_headers.trim().to_owned() }
    }

    /// The headers for this request; none for one that names no origin.
    pub fn check(&self, method: &str, origin: Option<&str>) -> Result<CorsHeaders, ApiError> {
        let origin = origin.filter(|o| !o.is_empty());
        let Some(origin) = origin.filter(|_| !self.domains.is_empty()) else {
            if method == "OPTIONS" {
                return Err(ApiError::new(405, "Method not allowed").details(format!("The HTTP method [{method}] is not permitted")));
            }
            return Ok(Vec::new());
        };
        let upper = origin.to_uppercase();
        if !self.domains.iter().any(|d| *d == "*" || *d == upper) {
            return Err(ApiError::new(200, "CORS domain not allowed").details(format!("The domain [{origin}] is not permitted access")));
        }
        Ok(vec![
            ("Access-Control-Allow-Origin", origin.to_owned()),
            ("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE".to_owned()),
            ("Access-Control-Allow-Headers", self.headers.clone()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(domains: &str, method: &str, origin: Option<&str>, want: Result<Option<&str>, u16>) {
        let settings = Settings { http_request_cors_domains: domains.to_owned(), ..Settings::default() };
        let got = Cors::new(&settings).check(method, origin).map_err(|e| e.status);
        let got = got.map(|headers| headers.first().map(|(_, v)| v.clone()));
        assert_eq!(got, want.map(|v| v.map(str::to_owned)), "{domains} {method} {origin:?}");
    }

    #[test]
    fn origins() {
        let list = "http://a.example.com, http://b.example.com";
        check(list, "GET", Some("http://a.example.com"), Ok(Some("http://a.example.com")));
        check(list, "GET", Some("HTTP://A.Example.COM"), Ok(Some("HTTP://A.Example.COM")));
        check(list, "GET", Some("http://b.example.com"), Ok(Some("http://b.example.com")));
        check(list, "GET", Some("http://evil.com"), Err(200));
        check(list, "GET", Some("null"), Err(200));
        check(list, "GET", Some(""), Ok(None));
        check(list, "GET", None, Ok(None));
        check(list, "OPTIONS", None, Err(405));
        check(list, "OPTIONS", Some("http://a.example.com"), Ok(Some("http://a.example.com")));
        check("*", "GET", Some("http://any.com"), Ok(Some("http://any.com")));
        check("", "GET", Some("http://a.example.com"), Ok(None));
        check("", "OPTIONS", Some("http://a.example.com"), Err(405));
    }
}
