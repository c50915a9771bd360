//! A quick look in a terminal: lines of braille dots, two by four in each letter, with axes and a legend.
//!
//! With colours each line has its own; without, each line is drawn with a letter of its own once there are several.

use super::axis::time;
use super::axis::value::Scale;
use super::lines::{self, Extent};
use super::options::Options;
use super::picture::{Picture, Series};
use std::fmt::Write;

/// Colours of the terminal's own palette, in turn.
const COLORS: [u8; 8] = [34, 33, 32, 35, 36, 31, 94, 93];
/// Letters for lines without colours.
const LETTERS: [char; 26] =
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z'];
/// Dots of a braille letter, by row and column.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// Narrowest and widest picture, in letters.
const COLUMNS: (usize, usize) = (40, 400);
/// Lowest and highest picture.
const ROWS: (usize, usize) = (6, 200);
/// Names in the legend, at most.
const NAMES_MAX: usize = 20;

/// The room.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Letters of a line.
    pub columns: usize,
    /// Lines of the picture, without its legend.
    pub rows: usize,
    /// Whether colours are shown.
    pub colors: bool,
}

/// One letter of the picture.
#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u8,
    line: usize,
}

/// The picture as lines of text.
pub fn draw(picture: &Picture, options: &Options, screen: Screen) -> String {
    let columns = screen.columns.clamp(COLUMNS.0, COLUMNS.1);
    let rows = screen.rows.clamp(ROWS.0, ROWS.1);
    let span = (picture.start_ms, picture.end_ms.max(picture.start_ms.saturating_add(1000)));
    let extents = [false, true].map(|right| lines::extent(picture, options, right, span));
    let axis = |extent: &Extent, wanted| Scale::new(extent.range, wanted, rows / 3);
    let [left, right] = &extents;
    let scales = [axis(left, &options.y), axis(right, &options.y2)];
    let labels = labels(&scales, rows, picture);
    let width = labels.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
    let width_right = labels.iter().map(|(_, text)| text.chars().count()).max().unwrap_or(0);
    let inner = columns.saturating_sub(width + width_right + 3).max(10);
    let mut grid = Grid { columns: inner, rows, cells: vec![Cell::default(); inner * rows] };
    for (at, series) in picture.series.iter().enumerate() {
        let [left, right] = &scales;
        grid.line(at, series, span, if series.right { right } else { left }, if series.right { options.y2.log } else { options.y.log });
    }
    let letters = !screen.colors && picture.series.len() > 1;
    let mut out = String::new();
    if let Some(title) = &options.title {
        let _ = writeln!(out, "{:width$}  {}", "", plain(title));
    }
    for (row, (label, label_right)) in labels.iter().enumerate() {
        let tick = if label.is_empty() { '│' } else { '┤' };
        let _ = write!(out, "{label:>width$} {tick}");
        grid.row(row, screen.colors, letters, &mut out);
        let _ = writeln!(out, "{label_right}");
    }
    if extents.iter().all(|extent| extent.points == 0) {
        let _ = writeln!(out, "{:width$}  No data", "");
    }
    times(picture, span, width, inner, &mut out);
    names(picture, screen.colors, letters, &mut out);
    out
}

/// Text without characters that a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The texts of the value axes beside each line of the picture.
fn labels(scales: &[Scale; 2], rows: usize, picture: &Picture) -> Vec<(String, String)> {
    let mut out = vec![(String::new(), String::new()); rows];
    let has = |right: bool| picture.series.iter().any(|series| series.right == right) || (!right && picture.series.is_empty());
    for (right, scale) in [false, true].into_iter().zip(scales).filter(|(right, _)| has(*right)) {
        for tick in scale.ticks(rows / 3, None) {
            let (Some(text), Some(place)) = (tick.text, scale.place(tick.value)) else { continue };
            let row = ((1.0 - place) * (rows - 1) as f64).round();
            if let Some(label) = out.get_mut(row.max(0.0) as usize) {
                let side = if right { &mut label.1 } else { &mut label.0 };
                *side = if right { format!(" {text}") } else { text };
            }
        }
    }
    out
}

struct Grid {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
}

impl Grid {
    fn line(&mut self, at: usize, series: &Series, span: (i64, i64), scale: &Scale, log: bool) {
        let (wide, high) = ((self.columns * 2 - 1) as f64, (self.rows * 4 - 1) as f64);
        let mut before: Option<(i64, i64)> = None;
        let mut bottom: Option<(i64, i64, i64)> = None; // column, lowest and highest dot: the points of one column are one stroke
        for (ms, value) in &series.points {
            let shown = value.is_finite() && (!log || *value > 0.0) && (span.0..=span.1).contains(ms);
            let place = if shown { scale.place(*value) } else { None };
            let Some(place) = place else {
                before = None;
                bottom = None;
                continue;
            };
            let x = ((ms - span.0) as f64 / (span.1 - span.0) as f64 * wide).round() as i64;
            let y = ((1.0 - place).clamp(-1.0, 2.0) * high).round() as i64;
            if let Some((column, low, high)) = bottom.filter(|(column, ..)| *column == x) {
                if (low..=high).contains(&y) {
                    continue;
                }
                bottom = Some((column, low.min(y), high.max(y)));
            } else {
                bottom = Some((x, y, y));
            }
            self.stroke(at, before.unwrap_or((x, y)), (x, y));
            before = Some((x, y));
        }
    }

    /// Dots from one place to another.
    fn stroke(&mut self, line: usize, from: (i64, i64), to: (i64, i64)) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
        for step in 0..=steps {
            let part = step as f64 / steps as f64;
            let along = |a: i64, b: i64| (a as f64 + (b - a) as f64 * part).round() as i64;
            self.dot(line, along(from.0, to.0), along(from.1, to.1));
        }
    }

    fn dot(&mut self, line: usize, x: i64, y: i64) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x / 2 >= self.columns {
            return;
        }
        let dot = DOTS.get(y % 4).and_then(|row| row.get(x % 2)).copied().unwrap_or(0);
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            cell.dots |= dot;
            cell.line = line;
        }
    }

    fn row(&self, row: usize, colors: bool, letters: bool, out: &mut String) {
        let mut color = None;
        for cell in self.cells.iter().skip(row * self.columns).take(self.columns) {
            let wanted = (colors && cell.dots > 0).then_some(cell.line);
            if wanted.is_some() && wanted != color {
                let _ = write!(out, "\x1b[{}m", color_of(cell.line));
                color = wanted;
            }
            out.push(match (cell.dots, letters) {
                (0, _) => ' ',
                (_, true) => letter_of(cell.line),
                (dots, false) => char::from_u32(0x2800 + u32::from(dots)).unwrap_or('*'),
            });
        }
        if color.is_some() {
            out.push_str("\x1b[0m");
        }
    }
}

fn color_of(line: usize) -> u8 {
    COLORS.get(line % COLORS.len()).copied().unwrap_or(0)
}

fn letter_of(line: usize) -> char {
    LETTERS.get(line % LETTERS.len()).copied().unwrap_or('*')
}

fn times(picture: &Picture, span: (i64, i64), width: usize, inner: usize, out: &mut String) {
    let ticks = time::ticks(span.0, span.1, &picture.zone, inner / 14, None);
    let place = |ms: i64| ((ms - span.0) as f64 / (span.1 - span.0) as f64 * (inner - 1) as f64).round() as usize;
    let mut axis: Vec<char> = vec!['─'; inner];
    let mut texts: Vec<char> = vec![' '; inner + width + 12];
    let mut days = texts.clone();
    let write = |line: &mut Vec<char>, text: &str, at: usize| {
        let from = (at + width + 2).saturating_sub(text.chars().count() / 2);
        // Two texts do not touch.
        if line.iter().skip(from.saturating_sub(1)).take(text.chars().count() + 1).all(|c| *c == ' ') {
            line.iter_mut().skip(from).zip(text.chars()).for_each(|(to, c)| *to = c);
        }
    };
    for tick in &ticks {
        let at = place(tick.ms);
        if let Some(mark) = axis.get_mut(at) {
            *mark = '┬';
        }
        write(&mut texts, &tick.text, at);
        if let Some(below) = &tick.below {
            write(&mut days, below, at);
        }
    }
    let line = |chars: Vec<char>| chars.into_iter().collect::<String>().trim_end().to_owned();
    let _ = writeln!(out, "{:width$} └{}", "", line(axis));
    for texts in [texts, days].map(line) {
        if !texts.is_empty() {
            let _ = writeln!(out, "{texts}");
        }
    }
}

fn names(picture: &Picture, colors: bool, letters: bool, out: &mut String) {
    for (at, series) in picture.series.iter().take(NAMES_MAX).enumerate() {
        let known: Vec<f64> = series.points.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).collect();
        let name = plain(&series.title());
        let look = match (colors, letters) {
            (true, _) => format!("\x1b[{}m━━\x1b[0m", color_of(at)),
            (_, true) => letter_of(at).to_string(),
            _ => "⠤⠤".to_owned(),
        };
        let number = |value: f64| super::axis::value::number(value, 0.0);
        let _ = match known.last() {
            None => writeln!(out, "{look} {name}  no points"),
            Some(last) => {
                let (low, high) = known.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
                let mean = known.iter().map(|value| value / known.len() as f64).sum::<f64>();
                writeln!(out, "{look} {name}  min {}  avg {}  max {}  last {}", number(low), number(mean), number(high), number(*last))
            }
        };
    }
    if picture.series.len() > NAMES_MAX {
        let _ = writeln!(out, "+ {} more", picture.series.len() - NAMES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn picture(lines: &[&[f64]]) -> Picture {
        let series = |(n, values): (usize, &&[f64])| Series {
            name: format!("m{n}"),
            points: values.iter().enumerate().map(|(i, v)| (i as i64 * 60_000, *v)).collect(),
            ..Series::default()
        };
        let end_ms = 600_000;
        let series = lines.iter().enumerate().map(series).collect();
        Picture { start_ms: 0, end_ms, zone: TimeZone::UTC, series, marks: Vec::new(), heat: None }
    }

    fn drawn(lines: &[&[f64]], colors: bool) -> String {
        let options = Options::parse(&[]).unwrap();
        draw(&picture(lines), &options, Screen { columns: 60, rows: 8, colors })
    }

    #[test]
    fn a_line_rises_from_left_to_right() {
        let text = drawn(&[&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]], false);
        let lines: Vec<&str> = text.lines().collect();
        let first = |line: &str| line.chars().position(|c| ('\u{2801}'..='\u{28ff}').contains(&c)).unwrap();
        assert!(first(lines[0]) > first(lines[7]), "{text}");
        assert!(lines[0].starts_with("10 ┤") && lines[7].starts_with(" 0 ┤"), "{text}");
        assert!(text.contains("00:05") && text.contains("1970-01-01"), "{text}");
        assert!(text.contains("m0  min 0  avg 5  max 10  last 10"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 74), "{text}");
    }

    #[test]
    fn several_lines_are_told_apart() {
        let two: [&[f64]; 2] = [&[1.0, 1.0, 1.0], &[9.0, 9.0, 9.0]];
        let text = drawn(&two, false);
        assert!(text.contains("aaa") && text.contains("bbb") && !text.contains('\x1b'), "{text}");
        assert!(drawn(&two, true).contains("\x1b[34m"));
    }

    #[test]
    fn odd_values_make_no_odd_text() {
        for values in [&[][..], &[f64::NAN], &[5.0], &[1e308, -1e308], &[f64::INFINITY, 5e-324]] {
            let text = drawn(&[values], false);
            assert!(text.lines().count() >= 10, "{text}");
        }
        assert!(drawn(&[], false).contains("No data"));
    }
}
