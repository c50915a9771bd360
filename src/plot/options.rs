//! The plot parameters of `/q`, read into closed types: what is not one of them is an error that names the parameter.
//!
//! Recorded answers: `old_q/*`. OpenTSDB hands these texts to gnuplot after loose checks (five of its remote code
//! executions came from that) and refuses sound ones, such as the range `[0:5]`. Here the grammar is the one of its own
//! page: everything that either of the two accepted, and nothing else.

use super::axis::format::Pattern;

/// Width and height without `wxh`, in pixels.
const SIZE_DEFAULT: (u32, u32) = (1024, 768);
/// Least width and height, as in OpenTSDB.
const SIDE_MIN: u32 = 100;
/// Greatest width or height, as in OpenTSDB.
const SIDE_MAX: u32 = 32_767;
/// Shortest size, `100x100`: what is shorter is told so before its sides are looked at, as in OpenTSDB.
const WXH_BYTES_MIN: usize = 7;
/// Most pixels of a picture: 8 megapixels.
const AREA_MAX: u64 = 8_000_000;
/// Longest caption, in characters.
const CAPTION_MAX: usize = 200;
/// Longest format of a tick's text, in characters.
const FORMAT_MAX: usize = 64;

/// A parameter that cannot be read: 400 with this message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionsError(pub String);

type Result<T> = std::result::Result<T, OptionsError>;

/// How a picture looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// The left axis.
    pub y: Axis,
    /// The right axis.
    pub y2: Axis,
    /// Text of the time ticks; `None`: by the span of time.
    pub x_format: Option<String>,
    /// Heading.
    pub title: Option<String>,
    /// The legend; `None`: without one.
    pub key: Option<Key>,
    /// Background, as red, green, blue; `None`: white.
    pub background: Option<Color>,
    /// Texts and frame; `None`: black.
    pub foreground: Option<Color>,
    /// How points are drawn.
    pub style: Style,
    /// How lines are drawn through points.
    pub smooth: Option<Smooth>,
    /// For each query in order: whether it is measured on the right axis. Missing ones are on the left.
    pub right: Vec<bool>,
}

/// One value axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// Lowest value shown; `None`: by the data.
    pub min: Option<f64>,
    /// Highest value shown; `None`: by the data.
    pub max: Option<f64>,
    /// Caption.
    pub label: Option<String>,
    /// Text of the ticks, a `printf` pattern with one number; `None`: automatic.
    pub format: Option<String>,
    /// Logarithmic, base 10.
    pub log: bool,
}

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Red, green, blue.
    Rgb(u8, u8, u8),
    /// Nothing is painted.
    Transparent,
}

/// Where the legend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Beside the data instead of over it.
    pub outside: bool,
    /// Left, centre, right: -1, 0, 1.
    pub x: i8,
    /// Top, centre, bottom: -1, 0, 1.
    pub y: i8,
    /// Entries beside each other.
    pub horizontal: bool,
    /// With a frame.
    pub boxed: bool,
    /// Nobody said where: it may go to where it hides nothing.
    pub automatic: bool,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Style {
    LinesPoint,
    Lines,
    Points,
    Circles,
    Dots,
    Area,
    Stacked,
    Steps,
}

/// How lines are drawn through points, by gnuplot's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Smooth {
    Unique,
    Frequency,
    Fnormal,
    Cumulative,
    Cnormal,
    Bins,
    Csplines,
    Acsplines,
    Mcsplines,
    Bezier,
    Sbezier,
    Unwrap,
    Zsort,
}

const STYLES: [(&str, Style); 9] = [
    ("linespoint", Style::LinesPoint),
    ("linespoints", Style::LinesPoint),
    ("lines", Style::Lines),
    ("points", Style::Points),
    ("circles", Style::Circles),
    ("dots", Style::Dots),
    ("area", Style::Area),
    ("stacked", Style::Stacked),
    ("steps", Style::Steps),
];

const SMOOTHS: [(&str, Smooth); 13] = [
    ("unique", Smooth::Unique),
    ("frequency", Smooth::Frequency),
    ("fnormal", Smooth::Fnormal),
    ("cumulative", Smooth::Cumulative),
    ("cnormal", Smooth::Cnormal),
    ("bins", Smooth::Bins),
    ("csplines", Smooth::Csplines),
    ("acsplines", Smooth::Acsplines),
    ("mcsplines", Smooth::Mcsplines),
    ("bezier", Smooth::Bezier),
    ("sbezier", Smooth::Sbezier),
    ("unwrap", Smooth::Unwrap),
    ("zsort", Smooth::Zsort),
];

/// Parameters that OpenTSDB hands to gnuplot: a back-tick in one of them is refused before anything else is looked at.
const PLOTTED: [&str; 15] = [
    "yrange", "y2range", "xformat", "yformat", "y2format", "ylabel", "y2label", "title", "key", "bgcolor", "fgcolor", "style", "smooth",
    "wxh", "o",
];

impl Options {
    /// Reads the parameters of a query string, decoded, in order. Those of other purposes are left alone.
    ///
    /// # Errors
    /// The first parameter that is not of its grammar, in OpenTSDB's words where it has some.
    pub fn parse(params: &[(String, String)]) -> Result<Options> {
        let last = |name: &str| params.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        let has = |name: &str| last(name).is_some();
        let size = last("wxh").filter(|text| !text.is_empty()).map_or(Ok(SIZE_DEFAULT), size)?;
        let ticked = |name: &str| params.iter().any(|(k, text)| k == name && text.contains('`'));
        if let Some(name) = PLOTTED.iter().find(|name| ticked(name)) {
            return Err(OptionsError(format!("Parameter {name} contained a back-tick. That's a no-no.")));
        }
        // The code that reads one line and runs the next was let in by line breaks (CVE-2023-25826).
        let broken = |name: &str| params.iter().any(|(k, text)| k == name && text.chars().any(char::is_control));
        if let Some(name) = PLOTTED.iter().find(|name| broken(name)) {
            return Err(OptionsError(format!("'{name}' was invalid. It holds a line break or another control character.")));
        }
        let axis = |prefix: &str| -> Result<Axis> {
            let name = |what: &str| format!("{prefix}{what}");
            let (min, max) = last(&name("range")).map_or(Ok((None, None)), |text| range(&name("range"), text))?;
            let label = last(&name("label")).map(|text| caption(&name("label"), text)).transpose()?.flatten();
            let format = last(&name("format")).map(|text| format(&name("format"), text, Pattern::value)).transpose()?;
            Ok(Axis { min, max, label, format, log: has(&name("log")) })
        };
        let (y, y2) = (axis("y")?, axis("y2")?);
        Ok(Options {
            size,
            y,
            y2,
            x_format: last("xformat").map(|text| format("xformat", text, Pattern::instant)).transpose()?,
            title: last("title").map(title).transpose()?.flatten(),
            key: if has("nokey") { None } else { Some(last("key").map_or(Ok(KEY_DEFAULT), key)?) },
            background: last("bgcolor").map(|text| color("bgcolor", text)).transpose()?,
            foreground: last("fgcolor").map(|text| color("fgcolor", text)).transpose()?,
            style: last("style").map_or(Ok(Style::LinesPoint), |text| one_of("style", text, &STYLES))?,
            smooth: last("smooth").map(|text| one_of("smooth", text, &SMOOTHS)).transpose()?,
            right: params.iter().filter(|(k, _)| k == "o").map(|(_, v)| axis_of(v)).collect::<Result<_>>()?,
        })
    }
}

/// Above at the right, with a frame.
const KEY_DEFAULT: Key = Key { outside: false, x: 1, y: -1, horizontal: false, boxed: true, automatic: true };

fn size(text: &str) -> Result<(u32, u32)> {
    let pattern = || OptionsError("'wxh' was invalid. Must satisfy the pattern ^\\d+x\\d+$".into());
    let (width, height) = text.split_once('x').ok_or_else(pattern)?;
    let is_short = text.len() < WXH_BYTES_MIN;
    let side = |side: &str, name: &str| -> Result<u32> {
        if side.is_empty() || !side.bytes().all(|b| b.is_ascii_digit()) {
            return Err(pattern());
        }
        if is_short {
            return Err(OptionsError(format!("Parameter wxh too short: {text}")));
        }
        let pixels: u32 = side.parse().unwrap_or(u32::MAX);
        match pixels {
            SIDE_MIN..=SIDE_MAX => Ok(pixels),
            _ if pixels < SIDE_MIN => Err(OptionsError(format!("Invalid wxh parameter: {text}, {name} smaller than {SIDE_MIN} in {text}"))),
            _ => Err(OptionsError(format!("Invalid wxh parameter: {text}, {name} larger than {SIDE_MAX}"))),
        }
    };
    let (width, height) = (side(width, "width")?, side(height, "height")?);
    if u64::from(width) * u64::from(height) > AREA_MAX {
        return Err(OptionsError(format!("Invalid wxh parameter: {text}, more than {AREA_MAX} pixels")));
    }
    Ok((width, height))
}

/// `[min:max]`; either side a number, `*` or nothing.
fn range(name: &str, text: &str) -> Result<(Option<f64>, Option<f64>)> {
    let invalid = || OptionsError(format!("'{name}' was invalid. Must be in the format [min:max]."));
    // Links in old tickets are encoded twice.
    let text = text.replace("%5B", "[").replace("%5D", "]");
    let inner = text.trim_matches(' ').strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or_else(invalid)?;
    let (low, high) = inner.split_once(':').ok_or_else(invalid)?;
    let side = |side: &str| match side.trim_matches(' ') {
        "" | "*" => Ok(None),
        number => number.parse::<f64>().ok().filter(|x| x.is_finite()).map(Some).ok_or_else(invalid),
    };
    let (min, max) = (side(low)?, side(high)?);
    match (min, max) {
        (Some(min), Some(max)) if min >= max => {
            Err(OptionsError(format!("'{name}' was invalid. Its minimum must be below its maximum: {text}")))
        }
        both => Ok(both),
    }
}

/// Any printable text; it is drawn as text whatever it says.
fn caption(name: &str, text: &str) -> Result<Option<String>> {
    if text.chars().any(char::is_control) || text.chars().count() > CAPTION_MAX {
        return Err(OptionsError(format!("'{name}' was invalid. Must be printable text of at most {CAPTION_MAX} characters.")));
    }
    Ok(Some(text.trim().to_string()).filter(|t| !t.is_empty()))
}

/// A caption without the characters by which texts got out of gnuplot's quotes: links with them are attacks, not headings.
fn title(text: &str) -> Result<Option<String>> {
    if text.contains(['"', '\'', ';']) {
        return Err(OptionsError("'title' was invalid. Must be printable text without quotes and semicolons.".into()));
    }
    caption("title", text)
}

/// `%[flags][width][.digits]` and a letter of [`super::axis::format`], in a text.
fn format(name: &str, text: &str, read: fn(&str) -> Option<Pattern>) -> Result<String> {
    let fits = text.chars().count() <= FORMAT_MAX && !text.chars().any(char::is_control);
    match read(text) {
        Some(_) if fits => Ok(text.to_owned()),
        _ => {
            Err(OptionsError(format!("'{name}' was invalid. Must hold a format such as %.2f, %g, %.1s%cB or %H:%M, of the known letters.")))
        }
    }
}

/// Which axis a query is measured on: `axis x1y2`, or nothing. Other plain words are taken and have no effect, as in
/// OpenTSDB (`old_q/o_mismatch`).
fn axis_of(text: &str) -> Result<bool> {
    let words: Vec<&str> = text.split([' ', '+']).filter(|word| !word.is_empty()).collect();
    if words == ["axis", "x1y2"] {
        return Ok(true);
    }
    let plain = |word: &&str| word.bytes().all(|b| b.is_ascii_alphanumeric());
    if text.len() <= CAPTION_MAX && words.iter().all(plain) {
        return Ok(false);
    }
    Err(OptionsError("'o' was invalid. Must be 'axis x1y2' or empty.".into()))
}

/// `[out ](left|center|right)( |)(top|center|bottom)[ horiz][ box]` in any order of words.
fn key(text: &str) -> Result<Key> {
    let mut key = Key { boxed: false, automatic: false, ..KEY_DEFAULT };
    let mut centers = 0;
    let (mut x, mut y) = (None, None);
    for word in text.split([' ', '+']).filter(|word| !word.is_empty()) {
        match word {
            "out" | "outside" => key.outside = true,
            "in" | "inside" => key.outside = false,
            "left" => x = Some(-1),
            "right" => x = Some(1),
            "top" => y = Some(-1),
            "bottom" => y = Some(1),
            "center" | "centre" => centers += 1,
            "horiz" | "horizontal" => key.horizontal = true,
            "vert" | "vertical" => key.horizontal = false,
            "box" => key.boxed = true,
            "nobox" => key.boxed = false,
            other => {
                return Err(OptionsError(format!(
                    "'key' was invalid. Unknown word '{other}': use out, left, center, right, top, bottom, horiz, box."
                )));
            }
        }
    }
    let center = if centers > 0 { 0 } else { 1 };
    key.x = x.unwrap_or(center);
    key.y = y.unwrap_or(if centers > 0 { 0 } else { -1 });
    Ok(key)
}

fn color(name: &str, text: &str) -> Result<Color> {
    if text.eq_ignore_ascii_case("transparent") {
        return Ok(Color::Transparent);
    }
    let invalid = || OptionsError(format!("'{name}' was invalid. Must be a hex value e.g. 'xFFFFFF'"));
    let digits = text.strip_prefix(['x', 'X', '#']).filter(|d| d.len() == 6 && d.is_ascii()).ok_or_else(invalid)?;
    let byte = |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()).ok_or_else(invalid);
    Ok(Color::Rgb(byte(0)?, byte(2)?, byte(4)?))
}

fn one_of<T: Copy>(name: &str, text: &str, known: &[(&str, T)]) -> Result<T> {
    known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        OptionsError(format!("'{name}' was invalid. Must satisfy the pattern {}", words.join("|")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Options> {
        let pairs = query.split('&').map(|p| p.split_once('=').unwrap_or((p, "")));
        Options::parse(&pairs.map(|(k, v)| (k.to_string(), v.to_string())).collect::<Vec<_>>())
    }

    #[track_caller]
    fn check(query: &str, want: impl Fn(Options) -> bool) {
        assert!(parse(query).is_ok_and(want), "{query}: {:?}", parse(query));
    }

    #[track_caller]
    fn refused(query: &str, word: &str) {
        let got = parse(query);
        assert!(got.as_ref().is_err_and(|e| e.0.contains(word)), "{query}: {got:?}");
    }

    #[test]
    fn sizes() {
        check("", |o| o.size == (1024, 768));
        check("wxh=300x200", |o| o.size == (300, 200)); // old_q/png_wxh
        refused("wxh=300", "'wxh' was invalid. Must satisfy the pattern ^\\d+x\\d+$"); // old_q/png_bad_wxh
        refused("wxh=abc", "'wxh' was invalid"); // old_q/bad_wxh_json
        refused("wxh=10x10", "Parameter wxh too short: 10x10"); // old_q/png_small, own_answers
        refused("wxh=3000x20", "height smaller than 100");
        refused("wxh=99999x200", "larger than 32767");
        refused("wxh=30000x30000", "more than 8000000 pixels");
        refused("wxh=-300x200", "'wxh'");
    }

    #[test]
    fn ranges() {
        for (text, min, max) in [
            ("[0:]", Some(0.0), None),
            ("[:5]", None, Some(5.0)),
            ("[0:5]", Some(0.0), Some(5.0)),
            ("[*:*]", None, None),
            ("[-1.5:1e6]", Some(-1.5), Some(1e6)),
            ("%5B0:%5D", Some(0.0), None),
        ] {
            check(&format!("yrange={text}"), |o| (o.y.min, o.y.max) == (min, max));
            check(&format!("y2range={text}"), |o| (o.y2.min, o.y2.max) == (min, max));
        }
        for text in ["x", "[1:2", "1:2", "[1;2]", "[a:]", "[nan:1]", "[2:1]", "[1:1]", "[0:5]; system('ls')", "[0:5]\n", "\u{2028}[0:5]"] {
            refused(&format!("yrange={text}"), "'yrange' was invalid"); // old_q/bad_yrange
        }
    }

    #[test]
    fn texts() {
        check("title=a (b), <i>", |o| o.title.as_deref() == Some("a (b), <i>"));
        check("ylabel=a \"b\"; <i>", |o| o.y.label.as_deref() == Some("a \"b\"; <i>"));
        for bad in ["a\"b", "it's", "a; system", "a\nb", "a\u{0}b"] {
            refused(&format!("title={bad}"), "'title' was invalid");
        }
        check("ylabel=", |o| o.y.label.is_none());
        check("y2label=温度", |o| o.y2.label.as_deref() == Some("温度"));
        refused("title=`ls`", "Parameter title contained a back-tick. That's a no-no."); // old_q/xss_title
        refused("key=`ls`", "Parameter key contained a back-tick. That's a no-no."); // old_q/xss_key
        refused("ylabel=a\nb", "'ylabel'");
        for good in ["%.2f", "%s", "%.1s%cB", "%H:%M", "%+5d", "100%% %g"] {
            check(&format!("yformat={good}"), |o| o.y.format.as_deref() == Some(good));
        }
        for bad in ["", "%", "abc", "%.2", "%;", "100%%", "%n", "%.2f\n"] {
            refused(&format!("yformat={bad}"), "'yformat' was invalid");
        }
    }

    #[test]
    fn keys() {
        check("nokey&key=out left", |o| o.key.is_none());
        check("", |o| o.key == Some(KEY_DEFAULT));
        let key = |outside, x, y, horizontal, boxed| Some(Key { outside, x, y, horizontal, boxed, automatic: false });
        check("key=out right top box", |o| o.key == key(true, 1, -1, false, true));
        check("key=bottom center horiz", |o| o.key == key(false, 0, 1, true, false));
        check("key=center", |o| o.key == key(false, 0, 0, false, false));
        check("key=center right", |o| o.key == key(false, 1, 0, false, false));
        check("key=out", |o| o.key == key(true, 1, -1, false, false));
        for bad in ["right; load 'x'", "right\n", "right\u{2028}", "left\ttop", "RIGHT", "out\u{a0}left"] {
            refused(&format!("key={bad}"), "'key' was invalid");
        }
    }

    #[test]
    fn the_rest() {
        check("bgcolor=x000000&fgcolor=xFFffFF", |o| {
            o.background == Some(Color::Rgb(0, 0, 0)) && o.foreground == Some(Color::Rgb(255, 255, 255))
        });
        check("bgcolor=transparent", |o| o.background == Some(Color::Transparent));
        refused("fgcolor=zz", "'fgcolor' was invalid. Must be a hex value e.g. 'xFFFFFF'");
        refused("bgcolor=xééé", "'bgcolor'");
        check("style=lines&smooth=csplines&ylog", |o| {
            o.style == Style::Lines && o.smooth == Some(Smooth::Csplines) && o.y.log && !o.y2.log
        });
        refused("style=bar", "'style' was invalid");
        refused("smooth=foo", "'smooth' was invalid");
        check("o=axis x1y2&o=", |o| o.right == [true, false]);
        check("o=a&o=b", |o| o.right == [false, false]); // old_q/o_mismatch: other words are read by nobody
        check("o=axis+x1y2", |o| o.right == [true]);
        for bad in ["axis x1y2; system", "\"", "'", "a\nb", "axis x1y2\u{2028}", "(x)", "é"] {
            refused(&format!("o={bad}"), "'o' was invalid");
        }
        refused("o=`ls`", "Parameter o contained a back-tick");
        refused("title=`ls`&title=fine", "Parameter title contained a back-tick"); // the first of two is looked at as well
    }
}
