//! `query`: the points that queries give, a line each, as OpenTSDB's tool prints them (recorded cases `cli/query`).

use super::{Call, Failure, USAGE};
use crate::config::Settings;
use crate::plot::terminal::{self, Screen};
use crate::plot::{self, Options, Picture, groups};
use crate::point::{Number, TagBuf};
use crate::query::plan::Group;
use crate::query::request::command::{self, Command};
use crate::tsd::{self, StoreKind, Tsd};
use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Fewest words: start, function, metric.
const WORDS_MIN: usize = 3;
/// Letters and lines of a picture where the size of the terminal is not known.
const COLUMNS: usize = 80;
const ROWS: usize = 16;

pub fn run(call: &Call) -> Result<(), Failure> {
    if call.parsed.words.len() < WORDS_MIN {
        return Err(call.misused(USAGE, "Not enough arguments."));
    }
    let settings = call.settings_of_a_store()?;
    let clock = tsd::clock(&settings).map_err(Failure::new)?;
    let command = command::parse(&call.parsed.words, &clock).map_err(Failure::new)?;
    let look = Look::of(call, &command)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    with_engine(settings, |engine| {
        // Nothing is printed before the last query has its answer: a name that is not known fails the whole command. As with
        // OpenTSDB's tool, lines tell all points of the hours that are read, and a picture keeps to the range.
        let (all, _) = engine.run_wide(&command.query, &Default::default()).map_err(Failure::new)?;
        let Some(look) = &look else {
            all.iter().try_for_each(|group| print_group(&mut out, group))?;
            return Ok(out.flush()?);
        };
        look.show(groups::picture(&command.query, all, clock.zone.clone(), &look.options), &mut out)?;
        Ok(out.flush()?)
    })
}

/// A picture instead of lines of points.
struct Look {
    options: Options,
    /// A file to draw to; `None`: the terminal.
    file: Option<PathBuf>,
}

impl Look {
    /// What `--graph` and `--plot` ask for, with `+name=value` as the parameters of `/q` and the options of series as its `o`.
    fn of(call: &Call, command: &Command) -> Result<Option<Look>, Failure> {
        let file = call.parsed.value("--graph").map(picture_file);
        if file.is_none() && !call.parsed.has("--plot") {
            return Ok(None);
        }
        let pair = |option: &String| {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            (name.to_owned(), value.to_owned())
        };
        let mut params: Vec<(String, String)> = command.plot_options.iter().map(pair).collect();
        let is_right = |option: &&String| option.contains("x1y2");
        // Those of gnuplot's own that a series may have, such as colours, have no effect.
        params.extend(
            command
                .series_options
                .iter()
                .map(|option| ("o".to_owned(), Some(option).filter(is_right).map_or("", |_| "axis x1y2").to_owned())),
        );
        let options = Options::parse(&params).map_err(|e| Failure::code(USAGE, e.to_string()))?;
        Ok(Some(Look { options, file }))
    }

    fn show(&self, picture: Picture, out: &mut impl Write) -> Result<(), Failure> {
        let Some(file) = &self.file else {
            let terminal = console::Term::stdout();
            let (rows, columns) =
                terminal.size_checked().map_or((ROWS, COLUMNS), |(rows, columns)| (usize::from(rows) / 2, usize::from(columns)));
            let colors = terminal.is_term() && std::env::var_os("NO_COLOR").is_none();
            out.write_all(terminal::draw(&picture, &self.options, Screen { columns, rows, colors }).as_bytes())?;
            return Ok(());
        };
        let is_svg = file.extension().is_some_and(|ending| ending == "svg");
        let draw_svg = || plot::draw_svg(&picture, &self.options).map(String::into_bytes);
        let drawn = if is_svg { draw_svg() } else { plot::draw(&picture, &self.options) };
        let bytes = drawn.map_err(Failure::new)?;
        std::fs::write(file, bytes).map_err(|e| Failure::new(format!("{}: {e}", file.display())))
    }
}

/// `BASEPATH.png`, as OpenTSDB's tool names it; a path that says what it is stays as it is.
fn picture_file(base: &str) -> PathBuf {
    let path = PathBuf::from(base);
    let named = path.extension().is_some_and(|ending| ending == "png" || ending == "svg");
    if named { path } else { PathBuf::from(format!("{base}.png")) }
}

/// Runs something with an engine. On HBase nothing else is opened: the points that a TSD next door still holds are its
/// own. The embedded store is ours alone, so that its journal is read first.
fn with_engine(settings: Settings, run: impl FnOnce(&crate::query::engine::Engine) -> Result<(), Failure>) -> Result<(), Failure> {
    if tsd::store_kind(&settings) == StoreKind::Embedded {
        let tsd = Tsd::open(settings).map_err(Failure::new)?;
        let result = run(&tsd.engine);
        return tsd.writer.shutdown().map_err(Failure::new).and(result);
    }
    let store = tsd::open_store(&settings).map_err(Failure::new)?;
    tsd::check_tables(store.as_ref(), &settings).map_err(Failure::new)?;
    let uids = tsd::open_uids(&store, &settings).map_err(Failure::new)?;
    run(&tsd::open_engine(&store, None, &uids, &settings).map_err(Failure::new)?)
}

/// `metric time value {tag=value, ...}`, a line a point; tags in the order of a Java `HashMap`.
fn print_group(out: &mut impl Write, group: &Group) -> Result<(), Failure> {
    let tags: Vec<(&str, &str)> = group.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let tags = TagBuf::show(&tags, true);
    for (time, value) in &group.points {
        match value {
            Number::Int(value) => writeln!(out, "{} {time} {value} {tags}", group.metric)?,
            Number::Float(value) => writeln!(out, "{} {time} {} {tags}", group.metric, fixed(*value))?,
        }
    }
    Ok(())
}

/// Six digits behind the point, as Java's `%f`: the shortest digits that read back as the number, rounded half up.
fn fixed(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "NaN".into() } else { format!("{}Infinity", if value < 0.0 { "-" } else { "" }) };
    }
    let shortest = value.abs().to_string(); // plain notation, shortest digits
    let (whole, part) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(part.bytes().chain(std::iter::repeat(b'0')).take(6)).collect();
    if part.as_bytes().get(6).is_some_and(|digit| *digit >= b'5') {
        round_up(&mut digits);
    }
    let text = String::from_utf8_lossy(&digits);
    let (whole, part) = text.split_at_checked(digits.len().saturating_sub(6)).unwrap_or((&text, ""));
    let mut out = String::new();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let _ = write!(out, "{sign}{whole}.{part}");
    out
}

/// Adds one to the last decimal digit.
fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_javas_f() {
        let check = |value: f64, want: &str| assert_eq!(fixed(value), want, "{value:?}");
        check(70001.0, "70001.000000");
        check(2.5, "2.500000");
        check(28.333333333333332, "28.333333");
        check(0.15, "0.150000");
        check(-5.0, "-5.000000");
        check(-0.0, "-0.000000");
        check(0.0000005, "0.000001"); // half up, on the shortest digits
        check(0.0000004999, "0.000000");
        check(1.0000005, "1.000001"); // binary it is a little below
        check(9.9999995, "10.000000");
        check(999999.9999999, "1000000.000000");
        check(1e15, "1000000000000000.000000");
        check(1.25e-7, "0.000000");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "Infinity");
        check(f64::NEG_INFINITY, "-Infinity");
        check(1e300, &format!("1{}.000000", "0".repeat(300)));
    }
}
