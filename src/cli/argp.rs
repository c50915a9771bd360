//! Flags as OpenTSDB's tools take them: `--name=value` or `--name value`, anywhere among the words, `--` ends them.
//!
//! Source: recorded cases `cli/misc`; errors and the layout of usage texts are theirs, character for character.
//! What a flag does is told beside it: most set a key of the configuration.

use std::fmt::Write;

/// A flag of a command.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// With its dashes: `--port`, `-v`.
    pub name: &'static str,
    /// What its value is called, if it takes one.
    pub meta: Option<&'static str>,
    /// One line.
    pub help: &'static str,
    /// What it does.
    pub effect: Effect,
    /// Whether OpenTSDB has it: only such flags stand in the recorded usage texts.
    pub java: bool,
}

/// What a flag does.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// Sets this key to its value.
    Key(&'static str),
    /// Sets this key to this text.
    Fixed(&'static str, &'static str),
    /// Sets this key to one of two texts, for `true` and for `false`.
    Either(&'static str, &'static str, &'static str),
    /// The command looks at it.
    Own,
}

/// A command line, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Flags in the order given, each with its value if it has one.
    pub flags: Vec<(String, Option<String>)>,
    /// Everything that is no flag.
    pub words: Vec<String>,
}

impl Parsed {
    /// True if the flag was given.
    pub fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(flag, _)| flag == name)
    }

    /// Its value; of several, the last.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| flag == name)?.1.as_deref()
    }

    /// What the flags say to the configuration: flag, key, text.
    pub fn settings(&self, known: &[Flag]) -> Vec<(String, String, String)> {
        let mut settings = Vec::new();
        for (name, value) in &self.flags {
            let text = value.as_deref().unwrap_or_default();
            let (key, text) = match known.iter().find(|flag| flag.name == name).map(|flag| flag.effect) {
                Some(Effect::Key(key)) => (key, text),
                Some(Effect::Fixed(key, text)) => (key, text),
                Some(Effect::Either(key, yes, no)) => (
                    key,
                    if text == "true" {
                        yes
                    } else if text == "false" {
                        no
                    } else {
                        text
                    },
                ),
                Some(Effect::Own) => continue,
                None => (name.trim_start_matches('-'), text),
            };
            settings.push((name.clone(), key.to_string(), text.to_string()));
        }
        settings
    }
}

/// Takes the arguments after the command apart. Beside the known flags, `--tsd.any.key=value` is one.
/// The error is the second half of OpenTSDB's line: `Unrecognized option --x`, `Missing argument for --port`.
pub fn parse(known: &[Flag], args: &[String]) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let flag = |name: &str| known.iter().find(|flag| flag.name == name);
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) if !name.is_empty() => (name, Some(value.to_string())),
            _ => (arg.as_str(), None),
        };
        if let Some(flag) = flag(arg) {
            let value = match flag.meta {
                Some(_) => Some(args.next().ok_or_else(|| format!("Missing argument for {arg}"))?.clone()),
                None => None,
            };
            parsed.flags.push((arg.clone(), value));
        } else if value.is_some() && (flag(name).is_some() || name.starts_with("--tsd.")) {
            parsed.flags.push((name.to_string(), value));
        } else if arg == "--" {
            parsed.words.extend(args.by_ref().cloned());
        } else if arg.starts_with('-') && arg != "-" {
            return Err(format!("Unrecognized option {arg}"));
        } else {
            parsed.words.push(arg.clone());
        }
    }
    Ok(parsed)
}

/// The list of flags at the end of a usage text.
pub fn usage<'a>(flags: impl Iterator<Item = &'a Flag>) -> String {
    let mut flags: Vec<&Flag> = flags.collect();
    flags.sort_by_key(|flag| flag.name);
    let spelt = |flag: &Flag| flag.meta.map_or(flag.name.to_string(), |meta| format!("{}={meta}", flag.name));
    let width = flags.iter().map(|flag| spelt(flag).len()).max().unwrap_or(0);
    let mut out = String::new();
    for flag in flags {
        let _ = writeln!(out, "  {:width$} {}", spelt(flag), flag.help);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn flag(name: &'static str, meta: Option<&'static str>, effect: Effect) -> Flag {
        Flag { name, meta, help: "Help.", effect, java: true }
    }

    const FLAGS: [Flag; 4] = [
        flag("--port", Some("NUM"), Effect::Key("tsd.network.port")),
        flag("--auto-metric", None, Effect::Fixed("tsd.core.auto_create_metrics", "true")),
        flag("--read-only", Some("true|false"), Effect::Either("tsd.mode", "ro", "rw")),
        flag("-v", None, Effect::Own),
    ];

    /// Flags as `name=value` and words, both joined by blanks.
    fn check(line: &str, want: Result<(&str, &str), &str>) {
        let args: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_string).collect();
        let got = parse(&FLAGS, &args).map(|parsed| {
            let flags: Vec<String> = parsed.settings(&FLAGS).iter().map(|(_, key, text)| format!("{key}={text}")).collect();
            (flags.join(" "), parsed.words.join(" "))
        });
        assert_eq!(got.as_ref().map(|(a, b)| (a.as_str(), b.as_str())).map_err(String::as_str), want, "{line}");
    }

    #[test]
    fn as_opentsdb_takes_them() {
        check("", Ok(("", "")));
        check("--port=1 a b", Ok(("tsd.network.port=1", "a b")));
        check("a --port 1 b", Ok(("tsd.network.port=1", "a b")));
        check("--port=", Ok(("tsd.network.port=", "")));
        check("--port", Err("Missing argument for --port"));
        check("--auto-metric x", Ok(("tsd.core.auto_create_metrics=true", "x")));
        check("--auto-metric=x", Ok(("tsd.core.auto_create_metrics=true", "")));
        check("--read-only=true", Ok(("tsd.mode=ro", "")));
        check("--read-only=false", Ok(("tsd.mode=rw", "")));
        check("--read-only=perhaps", Ok(("tsd.mode=perhaps", ""))); // the configuration refuses it and says what is allowed
        check("-v -- -x --port=1", Ok(("", "-x --port=1")));
        check("--nosuch", Err("Unrecognized option --nosuch"));
        check("--nosuch=1", Err("Unrecognized option --nosuch=1"));
        check("-1", Err("Unrecognized option -1"));
        check("--tsd.storage.flush_interval=5", Ok(("tsd.storage.flush_interval=5", "")));
        check("a=b +c", Ok(("", "a=b +c")));
        check("-", Ok(("", "-"))); // standard input: OpenTSDB's import means to take it and its parser does not
    }
}
