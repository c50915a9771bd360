//! The legend: which texts name the lines, how many columns they stand in, and how much room that takes.
//!
//! Names are as short as the room wants: first in full, then without what all of them share (which moves into a heading), then
//! in smaller letters, at last cut in their middle; lines that still have no room are counted in a last entry.

use super::board::{Drawn, Exact, Page, at, lettering, stroked, units};
use super::canvas::{Anchor, Rect, Stroke, TextStyle};
use super::colors::Colors;
use super::font;
use super::picture::Series;
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::style::Color;

/// Width of the piece of line before a name, in letters' heights.
const SAMPLE: f32 = 2.0;
/// Smallest letters, in pixels.
const SIZE_MIN: f32 = 9.0;
/// Widest name, in letters' heights.
const NAME_MAX: f32 = 36.0;
/// Names that are measured, at most: no picture has room for more.
const NAMES_MAX: usize = 600;

/// The texts of a legend.
pub struct Names {
    full: Vec<String>,
    short: Option<(String, Vec<String>)>,
    count: usize,
}

/// What lines there are.
pub fn names(series: &[Series]) -> Names {
    let both_axes = series.iter().any(|one| one.right) && series.iter().any(|one| !one.right);
    let side = |one: &Series| if both_axes && one.right { " →" } else { "" };
    let full = series.iter().take(NAMES_MAX).map(|one| one.title() + side(one)).collect();
    let short = shared(series).map(|(heading, is_shared)| {
        let one_name = !heading.starts_with('{');
        let short = series.iter().take(NAMES_MAX).map(|one| {
            let tags = one.tags.iter().filter(|tag| !is_shared(tag));
            let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
            let name = if one_name { tags.join(", ") } else { format!("{} {}", one.name, tags.join(", ")) };
            name + side(one)
        });
        (heading, short.collect())
    });
    Names { full, short, count: series.len() }
}

type IsShared<'a> = Box<dyn Fn(&(String, String)) -> bool + 'a>;

/// What all lines have in common, as a heading, and the test for a tag that they share. `None`: too little, or names would be empty.
fn shared(series: &[Series]) -> Option<(String, IsShared<'_>)> {
    let (first, rest) = series.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let one_name = rest.iter().all(|one| one.name == first.name);
    let tags: Vec<&(String, String)> = first.tags.iter().filter(|tag| rest.iter().all(|one| one.tags.contains(tag))).collect();
    let all_differ = series.iter().all(|one| one.tags.len() > tags.len());
    if !one_name && tags.is_empty() || one_name && !all_differ {
        return None;
    }
    let listed: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let listed = if listed.is_empty() { String::new() } else { format!("{{{}}}", listed.join(", ")) };
    let heading = if one_name { format!("{}{listed}", first.name) } else { listed };
    Some((heading, Box::new(move |tag| tags.contains(&tag))))
}

/// A legend that fits its room.
#[derive(Clone, Debug)]
pub struct Legend {
    /// Where it is.
    pub rect: Rect,
    /// With a frame.
    pub boxed: bool,
    /// Over the grid: its ground is painted.
    pub inside: bool,
    size: f32,
    columns: usize,
    rows: usize,
    column: f32,
    heading: Option<String>,
    names: Vec<String>,
    more: usize,
}

impl Legend {
    /// The legend that names most lines within a width and a height. `wide`: as many columns as there is room for, else one
    /// column while the height is enough. `None`: there is no room for a single name.
    pub fn fit(names: &Names, room: (f32, f32), wide: bool, size: f32) -> Option<Legend> {
        let small = [size, size - 1.0, size - 2.0].map(|size| size.max(SIZE_MIN));
        let [normal, smaller, smallest] = small;
        let mut tries: Vec<(bool, f32)> = vec![(false, normal), (true, normal), (true, smaller), (true, smallest), (false, smallest)];
        tries.retain(|(short, _)| !short || names.short.is_some());
        let mut best: Option<Legend> = None;
        for (short, size) in tries {
            let Some(legend) = Legend::laid_out(names, short, room, wide, size) else { continue };
            if legend.more == 0 && legend.names.iter().all(|name| !name.contains('…')) {
                return Some(legend);
            }
            // Names that are cut are better than names that are missing.
            if best.as_ref().is_none_or(|best| legend.more < best.more) {
                best = Some(legend);
            }
        }
        best
    }

    fn laid_out(names: &Names, short: bool, room: (f32, f32), wide: bool, size: f32) -> Option<Legend> {
        let (heading, texts) = match (&names.short, short) {
            (Some((heading, texts)), true) => (Some(heading.as_str()), texts),
            _ => (None, &names.full),
        };
        let (pad, row) = (size * 0.5, row(size));
        let before = size * (SAMPLE + 0.6);
        let (most_width, most_height) = (room.0 - 2.0 * pad, room.1 - 2.0 * pad - if heading.is_some() { row } else { 0.0 });
        let widest = texts.iter().map(|text| font::width(text, size)).fold(0.0, f32::max);
        let name_width = widest.min(size * NAME_MAX).min(most_width - before);
        let most_rows = (most_height / row).floor();
        if name_width < size * 2.0 || most_rows < 1.0 {
            return None;
        }
        let column = before + name_width + size * 1.2;
        let most_columns = (((most_width + size * 1.2) / column).floor() as usize).max(1);
        let needed = names.count.div_ceil(most_rows as usize);
        let columns = if wide { most_columns } else { needed }.min(most_columns).min(names.count).max(1);
        let rows = names.count.div_ceil(columns).min(most_rows as usize);
        let room_for = columns * rows;
        let shown = if names.count > room_for || names.count > texts.len() { (room_for - 1).min(texts.len()) } else { names.count };
        let names_shown: Vec<String> = texts.iter().take(shown).map(|text| font::fit(text, size, name_width + 0.5)).collect();
        let width = column * columns as f32 - size * 1.2 + 2.0 * pad;
        let heading = heading.map(|text| font::fit(text, size, most_width));
        let heading_width = heading.as_ref().map_or(0.0, |text| font::width(text, size) + 2.0 * pad);
        let height = row * (rows + usize::from(heading.is_some())) as f32 + 2.0 * pad - size * 0.2;
        Some(Legend {
            rect: Rect { x: 0.0, y: 0.0, w: width.max(heading_width).ceil(), h: height.ceil() },
            boxed: false,
            inside: false,
            size,
            columns,
            rows,
            column,
            heading,
            more: names.count - shown,
            names: names_shown,
        })
    }

    /// Draws it. `looks`: the stroke of each line; `marks`: lines are drawn as points.
    pub fn paint(&self, page: &Page, colors: &Colors, looks: impl Fn(usize) -> Stroke, marks: bool) -> Drawn {
        let Rect { x, y, w, h } = self.rect;
        if self.inside && !colors.background.is_clear() {
            page.draw(&Rectangle::new([at((x, y)), at((x + w, y + h))], colors.background.alpha(0.88).filled()))?;
        }
        if self.boxed {
            let frame = stroked(1.0, colors.quiet.mix(colors.grid, 0.6));
            page.draw(&Rectangle::new([at((x + 0.5, y + 0.5)), at((x + w - 0.5, y + h - 0.5))], frame))?;
        }
        let (size, pad, row) = (self.size, self.size * 0.5, row(self.size));
        let style = TextStyle { size, ink: colors.text, anchor: Anchor::Start, upward: false };
        let (style, quiet) = (lettering(style), lettering(TextStyle { ink: colors.quiet, ..style }));
        let mut top = y + pad;
        if let Some(heading) = &self.heading {
            page.draw_text(heading, &quiet, at((x + pad, top + size)))?;
            top += row;
        }
        let place = |nth: usize| (x + pad + (nth / self.rows) as f32 * self.column, top + (nth % self.rows) as f32 * row);
        for (nth, name) in self.names.iter().enumerate() {
            let (left, top) = place(nth);
            let (look, middle) = (looks(nth), (top + size * 0.64).round());
            if marks {
                page.draw(&Circle::new(at((left + size * SAMPLE * 0.5, middle)), units(2.6), look.ink.filled()))?;
            } else {
                let line =
                    PathElement::new([at((left, middle)), at((left + size * SAMPLE, middle))], stroked(look.width.max(2.0), look.ink));
                page.draw(&Exact::dashed(line, look.dash))?;
            }
            page.draw_text(name, &style, at((left + size * (SAMPLE + 0.6), top + size)))?;
        }
        if self.more > 0 {
            let (left, top) = place(self.names.len());
            page.draw_text(&format!("+ {} more", self.more), &quiet, at((left, top + size)))?;
        }
        Ok(())
    }

    /// Lines that are not named.
    pub fn unnamed(&self) -> usize {
        self.more
    }

    /// Columns and rows of names.
    pub fn shape(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }
}

fn row(size: f32) -> f32 {
    (size * 1.42).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(count: usize, tag: &str) -> Vec<Series> {
        let tags = |i: usize| vec![("dc".to_owned(), "lga".to_owned()), ("host".to_owned(), format!("{tag}{i:03}"))];
        (0..count).map(|i| Series { name: "sys.cpu.user".into(), tags: tags(i), ..Series::default() }).collect()
    }

    #[test]
    fn few_names_are_full() {
        let legend = Legend::fit(&names(&series(3, "web")), (500.0, 300.0), false, 12.0).unwrap();
        assert_eq!(legend.names[0], "sys.cpu.user{dc=lga, host=web000}");
        assert_eq!((legend.shape(), legend.unnamed(), legend.heading.clone()), ((1, 3), 0, None));
        assert!(legend.rect.h < 80.0 && legend.rect.w < 320.0, "{:?}", legend.rect);
    }

    #[test]
    fn a_hundred_names_are_all_there() {
        let legend = Legend::fit(&names(&series(100, "web")), (1000.0, 330.0), true, 12.0).unwrap();
        assert_eq!(legend.unnamed(), 0);
        assert_eq!(legend.heading.as_deref(), Some("sys.cpu.user{dc=lga}"));
        assert_eq!(legend.names[99], "host=web099");
        assert!(legend.rect.w <= 1000.0 && legend.rect.h <= 330.0 && legend.size >= SIZE_MIN, "{:?}", legend.rect);
    }

    #[test]
    fn what_has_no_room_is_counted() {
        for (count, room) in [(100, (300.0, 100.0)), (10_000, (1000.0, 300.0)), (3, (120.0, 40.0)), (2, (60.0, 30.0))] {
            let legend = Legend::fit(&names(&series(count, &"long".repeat(20))), room, true, 12.0).unwrap();
            assert_eq!(legend.names.len() + legend.unnamed(), count);
            assert!(legend.rect.w <= room.0 + 1.0 && legend.rect.h <= room.1 + 1.0, "{room:?}: {:?}", legend.rect);
        }
        assert!(Legend::fit(&names(&series(3, "a")), (20.0, 10.0), true, 12.0).is_none());
    }

    #[test]
    fn what_differs_is_kept() {
        let mut two = series(2, "a");
        two[1].name = "sys.mem".into();
        two[1].right = true;
        let names = names(&two);
        assert_eq!(names.full, ["sys.cpu.user{dc=lga, host=a000}", "sys.mem{dc=lga, host=a001} →"]);
        let (heading, short) = names.short.unwrap();
        assert_eq!((heading.as_str(), short[1].as_str()), ("{dc=lga}", "sys.mem host=a001 →"));
        // Without a tag that differs the names would be empty.
        let same = vec![two[0].clone(), two[0].clone()];
        assert!(super::names(&same).short.is_none());
    }
}
