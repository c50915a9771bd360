//! Where points are published to: `tcp://host:port` or `http://host:port/path`.

/// A receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `host:port`
    pub authority: String,
    /// Path of the POST requests; `None`: lines over TCP.
    pub path: Option<String>,
}

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tsd.rtpublisher.address = {0:?} is no address: tcp://host:port or http://host:port/path")]
pub struct AddressError(String);

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let wrong = || AddressError(text.to_owned());
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(wrong)?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        let port_ok = port.parse::<u16>().is_ok_and(|port| port > 0);
        let clean = |part: &str| part.bytes().all(|b| b.is_ascii_graphic());
        if host.is_empty() || !clean(host) || !clean(path) {
            return Err(wrong());
        }
        match scheme {
            "tcp" if port_ok && path.len() <= 1 => Ok(Address { authority: authority.to_owned(), path: None }),
            "http" if port_ok || port.is_empty() && !authority.ends_with(':') => Ok(Address {
                authority: if port.is_empty() { format!("{host}:80") } else { authority.to_owned() },
                path: Some(if path.is_empty() { "/".to_owned() } else { path.to_owned() }),
            }),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.path {
            Some(path) => write!(f, "http://{}{path}", self.authority),
            None => write!(f, "tcp://{}", self.authority),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<(&str, Option<&str>)>) {
        let want = want.map(|(authority, path)| Address { authority: authority.into(), path: path.map(Into::into) });
        assert_eq!(text.parse::<Address>().ok(), want, "{text}");
    }

    #[test]
    fn addresses() {
        check("tcp://a:1", Some(("a:1", None)));
        check("tcp://a:1/", Some(("a:1", None)));
        check("http://a:8080/x/y?z", Some(("a:8080", Some("/x/y?z"))));
        check("http://a", Some(("a:80", Some("/"))));
        check("http://[::1]:8080", Some(("[::1]:8080", Some("/"))));
        for bad in ["", "a:1", "tcp://a", "tcp://a:0", "tcp://a:1/x", "udp://a:1", "http://", "http://a:x/", "http://a:", "http://a:1/x y"]
        {
            check(bad, None);
        }
    }
}
