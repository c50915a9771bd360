//! The outer ring: one port, telnet and HTTP.
pub mod http;
