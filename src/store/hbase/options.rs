//! How to reach HBase: gateways, how they speak, deadlines.

use crate::store::{Result, StoreError};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Port of a Thrift gateway where none is named.
pub const GATEWAY_PORT: u16 = 9090;
/// Connections to one gateway at most: a gateway has a thread for each, and those beyond its limit hang silently.
pub const CONNECTIONS_MAX: usize = 64;

/// How messages are marked off on the connection. Must be what the gateway was started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// No marks: a message ends where its last field ends. The gateway's default.
    #[default]
    Buffered,
    /// A 4-byte length before each message (`hbase thrift start -f`).
    Framed,
}

/// How fields are written. Must be what the gateway was started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Fixed widths, big-endian. The gateway's default.
    #[default]
    Binary,
    /// Variable-length integers (`hbase thrift start -c`).
    Compact,
}

impl FromStr for Transport {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "buffered" => Ok(Transport::Buffered),
            "framed" => Ok(Transport::Framed),
            other => Err(format!("transport is \"buffered\" or \"framed\", not {other:?}")),
        }
    }
}

impl FromStr for Protocol {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "binary" => Ok(Protocol::Binary),
            "compact" => Ok(Protocol::Compact),
            other => Err(format!("protocol is \"binary\" or \"compact\", not {other:?}")),
        }
    }
}

/// Settings of an [`super::HbaseStore`].
#[derive(Clone, Debug)]
pub struct HbaseOptions {
    /// Hosts and ports of the gateways. All are used; those that do not answer are left out until they do.
    pub gateways: Vec<(String, u16)>,
    /// What the gateways were started with.
    pub transport: Transport,
    /// What the gateways were started with.
    pub protocol: Protocol,
    /// Connections to each gateway, 1 to [`CONNECTIONS_MAX`]. Each is a thread here and a thread there.
    pub connections: usize,
    /// How long a connection, and the first answer on it, may take.
    pub connect_timeout: Duration,
    /// How long a call may take in all, waiting and repeats on other gateways included.
    pub deadline: Duration,
    /// Whether filtered scans leap over rows; `None`: what is quicker, as it is weighed.
    pub leaps: Option<bool>,
}

impl HbaseOptions {
    /// Buffered binary, 4 connections a gateway, 2 s to connect, 10 s a call.
    pub fn new(gateways: Vec<(String, u16)>) -> HbaseOptions {
        HbaseOptions {
            gateways,
            transport: Transport::default(),
            protocol: Protocol::default(),
            connections: 4,
            connect_timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(10),
            leaps: None,
        }
    }

    /// Reads `host:port,host:port`; a host alone means port 9090. IPv6 addresses stand in brackets.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] that names the item at fault.
    pub fn parse_gateways(text: &str) -> Result<Vec<(String, u16)>> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let gateways = items.map(parse_gateway).collect::<Result<Vec<_>>>()?;
        if gateways.is_empty() {
            return Err(StoreError::Rejected(String::from("no HBase gateway is named: expected host:port,host:port")));
        }
        Ok(gateways)
    }

    /// Checks ranges.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |text: String| Err(StoreError::Rejected(text));
        if self.gateways.is_empty() {
            return wrong(String::from("no HBase gateway is named"));
        }
        if self.connections == 0 || self.connections > CONNECTIONS_MAX {
            return wrong(format!("{} connections to a gateway: must be 1 to {CONNECTIONS_MAX}", self.connections));
        }
        if self.connect_timeout.is_zero() || self.deadline.is_zero() {
            return wrong(String::from("connect timeout and deadline of the HBase gateways must be above zero"));
        }
        Ok(())
    }
}

impl fmt::Display for HbaseOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (host, port)) in self.gateways.iter().enumerate() {
            write!(f, "{}{host}:{port}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

fn parse_gateway(item: &str) -> Result<(String, u16)> {
    let wrong = |why: &str| StoreError::Rejected(format!("HBase gateway {item:?}: {why}; expected host:port"));
    let (host, port) = match item.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(|| wrong("text after the bracket"))?)),
        None => match item.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (item, None),
        },
    };
    let port = match port {
        None => GATEWAY_PORT,
        Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("the port is a number from 1 to 65535"))?,
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(wrong("a host is missing or has a space"));
    }
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, want: std::result::Result<&[(&str, u16)], &str>) {
        let got = HbaseOptions::parse_gateways(input);
        match (got, want) {
            (Ok(got), Ok(want)) => assert_eq!(got.iter().map(|(h, p)| (h.as_str(), *p)).collect::<Vec<_>>(), want, "{input}"),
            (Err(got), Err(want)) => assert!(got.to_string().contains(want), "{input}: {got}"),
            (got, want) => panic!("{input}: {got:?}, not {want:?}"),
        }
    }

    #[test]
    fn gateways() {
        check("a:1", Ok(&[("a", 1)]));
        check("a", Ok(&[("a", 9090)]));
        check(" a:1 , b ,", Ok(&[("a", 1), ("b", 9090)]));
        check("[::1]:7", Ok(&[("::1", 7)]));
        check("[::1]", Ok(&[("::1", 9090)]));
        check("", Err("no HBase gateway is named"));
        check(",,", Err("no HBase gateway is named"));
        check("a:0", Err("1 to 65535"));
        check("a:70000", Err("1 to 65535"));
        check("a:", Err("1 to 65535"));
        check(":9", Err("a host is missing"));
        check("[::1]x", Err("after the bracket"));
    }

    #[test]
    fn words() {
        assert_eq!("framed".parse(), Ok(Transport::Framed));
        assert_eq!("compact".parse(), Ok(Protocol::Compact));
        assert!("Framed".parse::<Transport>().is_err_and(|e| e.contains("not \"Framed\"")));
        assert!("json".parse::<Protocol>().is_err_and(|e| e.contains("not \"json\"")));
    }
}
