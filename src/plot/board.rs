//! What plotters draws on: a backend that puts its primitives on a [`Canvas`], which is pixels or text.
//!
//! plotters counts places in whole numbers. Here one of them is a 256th of a pixel, so that a line is as exact as its values;
//! letters' sizes, widths of lines and radii are in the same unit. Three rules hold for all that is drawn: of a line no more places
//! are kept than pixels can show; lines and discs of one look that follow each other are drawn together; lines of the grid lie
//! on whole pixels.

use super::canvas::{Anchor, Canvas, Ink, Rect, Spot, Stroke, TextStyle};
use super::font;
use plotters::coord::{CoordTranslate, Shift};
use plotters::drawing::{self, DrawingArea, DrawingAreaErrorKind};
use plotters::element::{CoordMapper, Drawable, PointCollection};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontTransform, ShapeStyle};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};
use std::convert::Infallible;

/// plotters' units of a pixel.
pub const UNIT: i32 = 256;
/// Places of lines that are drawn together, at most: all of them may lie over one pixel, and a mask counts only so far.
const PLACES_MAX: usize = 8_000;
/// Height of capital letters, of a letter's size: what texts are centred by.
const CAPITALS: f32 = 0.72;

/// A whole picture as plotters knows it.
pub type Page<'a> = DrawingArea<Board<'a>, Shift>;
/// Whether plotters drew something. Nothing here ever fails.
pub type Drawn = Result<(), DrawingAreaErrorKind<Infallible>>;
type Done = Result<(), DrawingErrorKind<Infallible>>;

/// Pixels as plotters' units.
pub fn units(pixels: f32) -> i32 {
    (pixels * UNIT as f32).round() as i32
}

/// plotters' units as pixels.
pub fn pixels(units: i32) -> f32 {
    units as f32 / UNIT as f32
}

/// A place in plotters' units.
pub fn at((x, y): Spot) -> BackendCoord {
    (units(x), units(y))
}

impl Color for Ink {
    fn to_backend_color(&self) -> BackendColor {
        let [r, g, b] = self.rgb;
        BackendColor { alpha: f64::from(self.alpha), rgb: (r, g, b) }
    }
}

/// The style of a line; its dashes are those of an [`Exact`] element.
pub fn stroked(width: f32, ink: Ink) -> ShapeStyle {
    ink.stroke_width(units(width).unsigned_abs())
}

/// The style of a text whose place is on its baseline.
pub fn lettering(style: TextStyle) -> plotters::style::TextStyle<'static> {
    let h_pos = match style.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let transform = if style.upward { FontTransform::Rotate270 } else { FontTransform::None };
    let font = plotters::style::TextStyle::from((FontFamily::SansSerif, f64::from(style.size * UNIT as f32))).transform(transform);
    plotters::style::TextStyle { color: style.ink.to_backend_color(), ..font.pos(Pos::new(h_pos, VPos::Bottom)) }
}

/// Places as they are: plotters moves those outside of an area to its edge, which bends lines that leave it.
pub struct Unmoved;

impl CoordMapper for Unmoved {
    type Output = BackendCoord;
    fn map<C: CoordTranslate>(coord: &C, from: &C::From, _: &drawing::Rect) -> BackendCoord {
        coord.translate(from)
    }
}

/// An element of plotters with its places as they are, and with dashes.
pub struct Exact<E> {
    element: E,
    dash: &'static [f32],
}

impl<E> Exact<E> {
    /// Without dashes.
    pub fn new(element: E) -> Exact<E> {
        Exact { element, dash: &[] }
    }

    /// With pixels drawn and left out, in turn.
    pub fn dashed(element: E, dash: &'static [f32]) -> Exact<E> {
        Exact { element, dash }
    }
}

impl<'a, C, E> PointCollection<'a, C, Unmoved> for &'a Exact<E>
where
    &'a E: PointCollection<'a, C>,
{
    type Point = <&'a E as PointCollection<'a, C>>::Point;
    type IntoIter = <&'a E as PointCollection<'a, C>>::IntoIter;
    fn point_iter(self) -> Self::IntoIter {
        self.element.point_iter()
    }
}

impl<'b, E: Drawable<Board<'b>>> Drawable<Board<'b>, Unmoved> for Exact<E> {
    fn draw<I: Iterator<Item = BackendCoord>>(&self, places: I, board: &mut Board<'b>, size: (u32, u32)) -> Done {
        board.dash = self.dash;
        let done = self.element.draw(places, board, size);
        board.dash = &[];
        done
    }
}

/// What is drawn together looks the same.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    Line(Stroke),
    Disc { radius: f32, ink: Ink, filled: bool },
}

/// The backend.
pub struct Board<'a> {
    canvas: &'a mut dyn Canvas,
    size: (u32, u32),
    column: i32,
    dash: &'static [f32],
    look: Option<Look>,
    lines: Vec<Vec<Spot>>,
    centers: Vec<Spot>,
    places: usize,
}

impl<'a> Board<'a> {
    /// For a canvas of this size in pixels. `grain`: pixels of a column in which no more than four places of a line are kept.
    pub fn new(canvas: &'a mut dyn Canvas, size: (u32, u32), grain: usize) -> Board<'a> {
        let column = (grain as i32).saturating_mul(UNIT).max(1);
        Board { canvas, size, column, dash: &[], look: None, lines: Vec::new(), centers: Vec::new(), places: 0 }
    }

    /// Draws only inside this from now on; `None`: everywhere.
    pub fn clip(&mut self, within: Option<Rect>) {
        self.flush();
        self.canvas.clip(within);
    }

    /// Draws what has been held back.
    fn flush(&mut self) {
        match self.look.take() {
            Some(Look::Line(stroke)) => self.canvas.lines(&std::mem::take(&mut self.lines), stroke),
            Some(Look::Disc { radius, ink, filled }) => {
                // One for each half pixel: discs that cover each other are drawn once.
                let mut seen = rustc_hash::FxHashSet::default();
                self.centers.retain(|(x, y)| seen.insert(((x * 2.0) as i32, (y * 2.0) as i32)));
                self.canvas.discs(&std::mem::take(&mut self.centers), radius, ink, filled);
            }
            None => {}
        }
        self.places = 0;
    }

    /// Goes on with a look, or begins it.
    fn hold(&mut self, look: Look) {
        if self.look != Some(look) || self.places >= PLACES_MAX {
            self.flush();
        }
        self.look = Some(look);
    }
}

fn ink(color: BackendColor) -> Ink {
    let (r, g, b) = color.rgb;
    Ink { rgb: [r, g, b], alpha: color.alpha as f32 }
}

fn rect(a: BackendCoord, b: BackendCoord) -> Rect {
    let (x, y) = (a.0.min(b.0), a.1.min(b.1));
    Rect { x: pixels(x), y: pixels(y), w: pixels(a.0.max(b.0) - x), h: pixels(a.1.max(b.1) - y) }
}

impl DrawingBackend for Board<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.size.0 * UNIT as u32, self.size.1 * UNIT as u32)
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        self.flush();
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Done {
        self.draw_rect((x, y), (x + 1, y + 1), &color, true)
    }

    /// plotters draws its grid by this: lines along an axis are as wide as whole pixels, and lie on them.
    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Done {
        if from.0 != to.0 && from.1 != to.1 {
            return self.draw_path([from, to], style);
        }
        let Rect { x, y, w, h } = rect(from, to);
        let width = pixels(style.stroke_width() as i32).round().max(1.0);
        let along = |from: f32, length: f32| (from.round(), (from + length).round() - from.round());
        let ((x, w), (y, h)) = if from.0 == to.0 { ((x.floor(), width), along(y, h)) } else { (along(x, w), (y.floor(), width)) };
        self.flush();
        self.canvas.rect(Rect { x, y, w, h }, ink(style.color()));
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Done {
        if !fill {
            // The first corner is closed by half a width more.
            let end = (a.0, a.1 - style.stroke_width() as i32 / 2);
            return self.draw_path([a, (b.0, a.1), b, (a.0, b.1), end], style);
        }
        self.flush();
        self.canvas.rect(rect(a, b), ink(style.color()));
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Done {
        let stroke = Stroke { width: pixels(style.stroke_width() as i32), ink: ink(style.color()), dash: self.dash };
        self.hold(Look::Line(stroke));
        let line = thin(path.into_iter(), self.column);
        self.places += line.len();
        self.lines.push(line);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> Done {
        self.hold(Look::Disc { radius: pixels(radius as i32), ink: ink(style.color()), filled: fill });
        self.centers.push((pixels(center.0), pixels(center.1)));
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Done {
        self.flush();
        self.canvas.shape(&thin(corners.into_iter(), self.column), ink(style.color()));
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, place: BackendCoord) -> Done {
        self.flush();
        let size = style.size() as f32 / UNIT as f32;
        let Pos { h_pos, v_pos } = style.anchor();
        let anchor = match h_pos {
            HPos::Left => Anchor::Start,
            HPos::Center => Anchor::Middle,
            HPos::Right => Anchor::End,
        };
        let below = match v_pos {
            VPos::Top => CAPITALS * size,
            VPos::Center => CAPITALS * size / 2.0,
            VPos::Bottom => 0.0,
        };
        let upward = matches!(style.transform(), FontTransform::Rotate90 | FontTransform::Rotate270);
        let (x, y) = (pixels(place.0), pixels(place.1));
        let place = if upward { (x + below, y) } else { (x, y + below) };
        self.canvas.text(place, text, TextStyle { size, ink: ink(style.color()), anchor, upward });
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(&self, text: &str, style: &T) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size() as f32;
        Ok((font::width(text, size).ceil() as u32, (CAPITALS * size).ceil() as u32))
    }
}

/// The first, lowest, highest and last place of each column in which a line is: what is left out cannot be seen.
fn thin(path: impl Iterator<Item = BackendCoord>, column: i32) -> Vec<Spot> {
    let spot = |(x, y): BackendCoord| (pixels(x), pixels(y));
    let mut out: Vec<Spot> = Vec::new();
    let mut now = None;
    let mut held: [(usize, BackendCoord); 4] = [(0, (0, 0)); 4]; // first, lowest, highest, last
    let close = |mut held: [(usize, BackendCoord); 4], out: &mut Vec<Spot>| {
        held.sort_unstable_by_key(|(order, _)| *order);
        let mut before = None;
        for (order, place) in held {
            if before != Some(order) {
                out.push(spot(place));
            }
            before = Some(order);
        }
    };
    for (order, place) in path.enumerate() {
        let at = place.0.div_euclid(column);
        if now == Some(at) {
            let [_, low, high, last] = &mut held;
            if place.1 > low.1.1 {
                *low = (order, place);
            }
            if place.1 < high.1.1 {
                *high = (order, place);
            }
            *last = (order, place);
            continue;
        }
        if now.is_some() {
            close(held, &mut out);
        }
        held = [(order, place); 4];
        now = Some(at);
    }
    if now.is_some() {
        close(held, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::svg::Svg;

    const BLACK: Ink = Ink::solid(0, 0, 0);

    /// What plotters' elements become.
    fn drawn(draw: impl FnOnce(&Page) -> Drawn) -> String {
        let mut svg = Svg::new(100, 50, BLACK.alpha(0.0), "");
        let page = Page::from(Board::new(&mut svg, (100, 50), 1));
        draw(&page).and_then(|()| page.present()).expect("drawn");
        drop(page);
        let text = svg.finish();
        text.split_once("</title>\n").map_or(String::new(), |(_, rest)| rest.trim_end_matches("</svg>\n").to_owned())
    }

    #[test]
    fn no_more_places_than_pixels_show() {
        let many = (0..100_000).map(|i| {
            let height = match i {
                50_500 => 99,
                50_700 => -99,
                _ => i % 7,
            };
            (units(i as f32 / 1000.0), units(height as f32))
        });
        let kept = thin(many, UNIT);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert!(kept.contains(&(50.5, 99.0)) && kept.contains(&(pixels(units(50.7)), -99.0)));
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0));
        let few: Vec<Spot> = vec![(0.0, 1.0), (0.5, 2.0), (3.0, 1.0), (9.0, 5.0)];
        assert_eq!(thin(few.iter().copied().map(at), UNIT), few);
        assert!(thin(std::iter::empty(), 1).is_empty());
    }

    #[test]
    fn places_are_parts_of_pixels_and_are_not_moved() {
        use plotters::element::PathElement;
        let line = || PathElement::new(vec![at((1.25, 2.5)), at((400.0, 10.0))], stroked(1.5, BLACK));
        assert!(
            drawn(|page| page.draw(&Exact::dashed(line(), &[4.0, 2.0])))
                .contains("d=\"M1.25 2.5L400 10\" stroke-width=\"1.5\" stroke=\"#000000\" stroke-dasharray=\"4,2\"")
        );
        // plotters' own way, for comparison.
        assert!(drawn(|page| page.draw(&line())).contains("L100 10"));
    }

    #[test]
    fn what_looks_the_same_is_drawn_together() {
        use plotters::element::{Circle, PathElement, Rectangle};
        let line = |y: f32, ink: Ink| PathElement::new(vec![at((0.0, y)), at((9.0, y))], stroked(1.0, ink));
        let paths = drawn(|page| {
            page.draw(&line(1.0, BLACK))?;
            page.draw(&line(2.0, BLACK))?;
            page.draw(&line(3.0, Ink::solid(255, 0, 0)))?;
            page.draw(&Circle::new(at((5.0, 5.0)), units(2.0), BLACK.filled()))?;
            page.draw(&Circle::new(at((5.1, 5.1)), units(2.0), BLACK.filled()))?;
            page.draw(&Rectangle::new([at((9.0, 9.0)), at((7.0, 5.0))], BLACK.filled()))
        });
        assert!(paths.contains("M0 1L9 1M0 2L9 2\""), "{paths}");
        assert_eq!((paths.matches("<path").count(), paths.matches("a2 2").count()), (3, 2), "{paths}");
        assert!(paths.contains("<rect x=\"7\" y=\"5\" width=\"2\" height=\"4\""), "{paths}");
    }

    #[test]
    fn texts_have_their_place_by_their_capitals() {
        let text = |v: VPos, upward: bool| {
            let style = lettering(TextStyle { size: 10.0, ink: BLACK, anchor: Anchor::End, upward });
            drawn(|page| page.draw_text("A", &style.pos(Pos::new(HPos::Right, v)), at((20.0, 30.0))))
        };
        assert!(text(VPos::Bottom, false).contains("x=\"20\" y=\"30\" font-size=\"10\" text-anchor=\"end\""));
        assert!(text(VPos::Top, false).contains("x=\"20\" y=\"37.2\""));
        assert!(text(VPos::Center, true).contains("x=\"23.6\" y=\"30\" font-size=\"10\" text-anchor=\"end\" transform=\"rotate(-90"));
        let mut svg = Svg::new(9, 9, BLACK, "");
        let page = Page::from(Board::new(&mut svg, (9, 9), 1));
        let (width, height) = page
            .estimate_text_size("web01", &lettering(TextStyle { size: 12.0, ink: BLACK, anchor: Anchor::Start, upward: false }))
            .expect("a size");
        assert!((pixels(width as i32) - font::width("web01", 12.0)).abs() < 0.1 && (pixels(height as i32) - 8.64).abs() < 0.1);
    }
}
