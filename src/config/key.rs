//! What a key is, and the macro that turns the table into a struct, its defaults and a list of keys.

use super::error::did_you_mean;

/// One key of the table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its full name, such as `tsd.network.port`.
    pub name: &'static str,
    /// Its field in [`Settings`](super::Settings).
    pub field: &'static str,
    /// One line: what it does here.
    pub help: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Its default.
    pub default: Value<'static>,
    /// Who defines it, and when `/api/config` shows it.
    pub origin: Origin,
    /// What becomes of it here.
    pub state: State,
}

/// What a key may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true`, `1`, `yes`, or `false`, `0`, `no`, empty; upper or lower case, as OpenTSDB reads them.
    Bool,
    /// A whole number from the first to the second, both included.
    Int(i64, i64),
    /// Any text.
    Text,
    /// `host`, `host:port`, several of them separated by commas, or nothing.
    Hosts,
    /// A name of the time zone database, or nothing.
    Zone,
    /// One of these.
    Choice(&'static [&'static str]),
}

/// A value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Value<'a> {
    Bool(bool),
    Int(i64),
    Text(&'a str),
}

/// Who defines a key, and when `/api/config` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// OpenTSDB, with a default: always shown.
    Java,
    /// OpenTSDB, with an empty default: shown as empty while unset.
    JavaEmpty,
    /// OpenTSDB, without a default: shown once set.
    JavaUnset,
    /// This project: shown once the file sets it.
    Ours,
}

/// What becomes of a key here. The texts say why, for the log and the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does what its help says.
    Works,
    /// Accepted and logged once.
    Ignored(&'static str),
    /// The start is refused when it is switched on.
    Refused(&'static str),
}

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Bool(b) => b.fmt(f),
            Value::Int(i) => i.fmt(f),
            Value::Text(t) => t.fmt(f),
        }
    }
}

impl Kind {
    /// What is allowed, in words: `true or false`, `a whole number from 0 to 65535`.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Bool => "true or false (also 1, yes, 0, no)".into(),
            Kind::Int(low, i64::MAX) => format!("a whole number from {low}"),
            Kind::Int(low, high) => format!("a whole number from {low} to {high}"),
            Kind::Text => "any text".into(),
            Kind::Hosts => "host:port, several of them separated by commas".into(),
            Kind::Zone => "a time zone such as UTC or Europe/Berlin".into(),
            Kind::Choice(names) => {
                let names: Vec<&str> = names.iter().map(|name| if name.is_empty() { "empty" } else { name }).collect();
                match names.split_last() {
                    Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                    _ => names.concat(),
                }
            }
        }
    }

    /// Reads a text. `default` stands in for an empty number, as in OpenTSDB's own file (`tsd.network.port =`).
    /// The error says what is allowed.
    pub fn read<'a>(&self, text: &'a str, default: Value<'a>) -> Result<Value<'a>, String> {
        let trimmed = text.trim();
        let found = match self {
            Kind::Bool => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(Value::Bool(true)),
                "false" | "0" | "no" | "" => Some(Value::Bool(false)),
                _ => None,
            },
            Kind::Int(..) if trimmed.is_empty() => Some(default),
            Kind::Int(low, high) => trimmed.parse::<i64>().ok().filter(|n| (low..=high).contains(&n)).map(Value::Int),
            Kind::Text => Some(Value::Text(text)),
            Kind::Hosts => trimmed.split(',').all(|host| trimmed.is_empty() || is_host(host.trim())).then_some(Value::Text(trimmed)),
            Kind::Zone => (trimmed.is_empty() || is_zone(trimmed)).then_some(Value::Text(trimmed)),
            Kind::Choice(names) => names.iter().find(|name| **name == trimmed).map(|name| Value::Text(name)),
        };
        found.ok_or_else(|| match self {
            Kind::Choice(names) => format!("allowed: {}{}", self.allowed(), did_you_mean(trimmed, names.iter().copied())),
            _ => format!("allowed: {}", self.allowed()),
        })
    }
}

/// A name of the tz database in its own case: what queries take, too.
fn is_zone(name: &str) -> bool {
    name != "Factory" && jiff::tz::TimeZone::get(name).is_ok_and(|zone| zone.iana_name() == Some(name))
}

/// `host` or `host:port`; an IPv6 address stands in brackets.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = !host.contains(|c: char| c.is_whitespace() || c == '/' || (c == ':' && !bracketed));
    !host.is_empty() && plain && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl State {
    /// True if a key with this value asks for something: a switch that is on, a text that is not empty.
    pub(super) fn switched_on(value: Value<'_>, default: Value<'_>) -> bool {
        value != default && value != Value::Bool(false) && value != Value::Text("")
    }
}

/// A field of the settings: what values it takes and shows.
pub(super) trait Field {
    fn put(&mut self, value: Value<'_>);
    fn value(&self) -> Value<'_>;
}

impl Field for bool {
    fn put(&mut self, value: Value<'_>) {
        *self = value == Value::Bool(true);
    }
    fn value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

impl Field for i64 {
    fn put(&mut self, value: Value<'_>) {
        if let Value::Int(number) = value {
            *self = number;
        }
    }
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl Field for String {
    fn put(&mut self, value: Value<'_>) {
        if let Value::Text(text) = value {
            *self = text.to_string();
        }
    }
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

/// Declares [`Settings`](super::Settings) and [`KEYS`](super::KEYS) from the table.
macro_rules! declare {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $type:ident = $default:expr, $name:literal, $origin:ident $state:ident $(($note:literal))? $(, $allowed:tt $(..= $high:literal)?)?;
    )*) => {
        /// Resolved settings. A field is its key without `tsd.`, dots as underscores.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($(#[doc = $help])+ pub $field: $type,)*
            /// What was set, where, and how it was spelt.
            pub given: super::Given,
        }

        impl Default for Settings {
            fn default() -> Self {
                Settings { $($field: declare!(@owned $type $default),)* given: super::Given::default() }
            }
        }

        /// Every key, in the order of the documentation.
        pub const KEYS: &[Key] = &[$(Key {
            name: $name,
            field: stringify!($field),
            help: concat!($($help),+),
            kind: declare!(@kind $type $($allowed $(..= $high)?)?),
            default: declare!(@value $type $default),
            origin: declare!(@origin $origin),
            state: declare!(@state $state $($note)?),
        },)*];

        impl Settings {
            /// The value of a key of the table.
            pub fn get(&self, name: &str) -> Option<super::key::Value<'_>> {
                match name {
                    $($name => Some(super::key::Field::value(&self.$field)),)*
                    _ => None,
                }
            }

            /// Sets a key of the table; `value` has passed its [`Kind`](super::Kind).
            pub(super) fn put(&mut self, name: &str, value: super::key::Value<'_>) {
                match name {
                    $($name => super::key::Field::put(&mut self.$field, value),)*
                    _ => {}
                }
            }
        }
    };
    (@owned String $default:expr) => { String::from($default) };
    (@owned $type:ident $default:expr) => { $default };
    (@value bool $default:expr) => { super::key::Value::Bool($default) };
    (@value i64 $default:expr) => { super::key::Value::Int($default) };
    (@value String $default:expr) => { super::key::Value::Text($default) };
    (@kind bool) => { super::key::Kind::Bool };
    (@kind i64 $low:literal ..= $high:literal) => { super::key::Kind::Int($low, $high) };
    (@kind String) => { super::key::Kind::Text };
    (@kind String hosts) => { super::key::Kind::Hosts };
    (@kind String zone) => { super::key::Kind::Zone };
    (@kind String [$($name:literal),+]) => { super::key::Kind::Choice(&[$($name),+]) };
    (@origin java) => { super::key::Origin::Java };
    (@origin java_empty) => { super::key::Origin::JavaEmpty };
    (@origin java_unset) => { super::key::Origin::JavaUnset };
    (@origin ours) => { super::key::Origin::Ours };
    (@state works) => { super::key::State::Works };
    (@state ignored $note:literal) => { super::key::State::Ignored($note) };
    (@state refused $note:literal) => { super::key::State::Refused($note) };
}
pub(super) use declare;
