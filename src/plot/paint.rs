//! Draws a laid out picture with plotters: grid, counts as colours, lines, events, axes, legend, texts, in this order.
//!
//! What is measured is drawn in times and values, on a chart with two axes; what is written stands on the page, in pixels.

use super::axis::ranged::{Plane, ValueAxis};
use super::axis::value::number;
use super::board::{Board, Drawn, Exact, Page, at, lettering, stroked, units};
use super::canvas::{Anchor, Canvas, Ink, Rect, Spot, Stroke, TextStyle};
use super::font;
use super::lines::{self, Stack};
use super::options::{Options, Style};
use super::picture::{Heat, Picture, Series};
use super::sheet::{HEAT_SCALE, Sheet};
use super::smooth::Run;
use plotters::chart::{ChartBuilder, DualCoordChartContext};
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::Color;
use std::cell::RefCell;
use std::rc::Rc;

/// Pixels between points from which on each of them is marked on its line.
const MARKED_FROM: f32 = 9.0;
/// From so many lines on, those of one look follow each other: they are drawn together.
const MANY: usize = 48;
/// Looks of lines where there are many.
const LOOKS: usize = 24;
/// Places of lines in a picture for which each column of pixels has its own; beyond, columns get wider.
const FINE_PLACES: usize = 2_000_000;
/// Events that are drawn, at most.
const MARKS_MAX: usize = 500;
/// Steps of the scale of a heat map's colours.
const HEAT_STEPS: u16 = 48;
/// Lines of events' texts above each other.
const MARK_LANES: usize = 3;

type Chart<'b> = DualCoordChartContext<'b, Board<'b>, Plane, Plane>;

/// Draws everything.
pub fn paint(canvas: &mut dyn Canvas, picture: &Picture, options: &Options, sheet: &Sheet) -> Drawn {
    // The grid belongs to the left axis, if there is one.
    let Some(first) = sheet.left.as_ref().or(sheet.right.as_ref()) else { return Ok(()) };
    let second = sheet.right.as_ref().unwrap_or(first);
    let grain = sheet.points.div_ceil(FINE_PLACES).clamp(1, 8);
    let board = Rc::new(RefCell::new(Board::new(canvas, options.size, grain)));
    let page = Page::from(&board);
    let plot = sheet.plot;
    let frame = page.clone().shrink(at((plot.x, plot.y)), at((plot.w, plot.h)));
    let chart = ChartBuilder::on(&frame).build_cartesian_2d(sheet.time.clone(), first.clone())?;
    let mut chart = chart.set_secondary_coord(sheet.time.clone(), second.clone());
    board.borrow_mut().clip(Some(plot));
    let grid = stroked(1.0, sheet.colors.grid);
    chart.configure_mesh().disable_axes().max_light_lines(0).bold_line_style(grid).draw()?;
    let brush = Brush { picture, options, sheet, page: &page, chart };
    if let Some(heat) = &picture.heat {
        brush.heat(heat)?;
    }
    if options.style == Style::Stacked {
        brush.stacked()?;
    } else {
        brush.series()?;
    }
    brush.marks()?;
    board.borrow_mut().clip(None);
    brush.frame()?;
    brush.time_axis()?;
    brush.value_axes()?;
    if let Some(heat) = &picture.heat {
        brush.heat_scale(heat)?;
    }
    if sheet.points == 0 {
        let style = TextStyle { size: sheet.font * 1.5, ..brush.style(sheet.colors.quiet, Anchor::Middle) };
        brush.text((plot.x + plot.w / 2.0, plot.y + plot.h / 2.0), "No data", style)?;
    }
    if let Some(legend) = &sheet.legend {
        legend.paint(&page, &sheet.colors, |nth| brush.look(nth), brush.only_points())?;
    }
    brush.texts()?;
    page.present()
}

struct Brush<'a, 'b> {
    picture: &'a Picture,
    options: &'a Options,
    sheet: &'a Sheet,
    page: &'a Page<'b>,
    chart: Chart<'b>,
}

impl<'b> Brush<'_, 'b> {
    fn style(&self, ink: Ink, anchor: Anchor) -> TextStyle {
        TextStyle { size: self.sheet.font, ink, anchor, upward: false }
    }

    fn look(&self, place: usize) -> Stroke {
        let width = if self.sheet.font < 10.0 { 1.2 } else { 1.6 };
        self.sheet.colors.line(place, width)
    }

    fn rect(&self, Rect { x, y, w, h }: Rect, ink: Ink) -> Drawn {
        self.page.draw(&Rectangle::new([at((x, y)), at((x + w, y + h))], ink.filled()))
    }

    fn text(&self, place: Spot, text: &str, style: TextStyle) -> Drawn {
        self.page.draw_text(text, &lettering(style), at(place))
    }

    /// Where a line is measured: its axis, and the chart by it.
    fn axis(&self, right: bool) -> (&ValueAxis, &DrawingArea<Board<'b>, Plane>) {
        let area = if right && self.sheet.left.is_some() { self.chart.secondary_plotting_area() } else { self.chart.plotting_area() };
        (area.as_coord_spec().y_spec(), area)
    }

    fn only_points(&self) -> bool {
        matches!(self.options.style, Style::Points | Style::Circles | Style::Dots)
    }

    fn series(&self) -> Drawn {
        let (sheet, series) = (self.sheet, &self.picture.series);
        let spacing = sheet.plot.w * series.len() as f32 / sheet.points.max(1) as f32;
        let marked = self.options.style == Style::LinesPoint && spacing >= MARKED_FROM && series.len() < 2 * MANY;
        let looks = if series.len() < MANY { series.len() } else { LOOKS };
        for nth in 0..looks {
            let look = self.look(nth);
            let mut points = Vec::new();
            for one in series.iter().skip(nth).step_by(looks) {
                for run in lines::runs(one, self.options, sheet.time.span) {
                    if self.only_points() || marked || run.len() == 1 {
                        let (axis, _) = self.axis(one.right);
                        points.extend(run.iter().filter(|(ms, value)| sheet.time.has(*ms) && axis.has(*value)).map(|at| (*at, one.right)));
                    }
                    if !self.only_points() && run.len() > 1 {
                        self.line(lines::line(run, self.options, f64::from(sheet.plot.w)), one.right, look)?;
                    }
                }
            }
            self.points(points, look.ink)?;
        }
        Ok(())
    }

    fn line(&self, line: Run, right: bool, look: Stroke) -> Drawn {
        let (axis, area) = self.axis(right);
        if self.options.style == Style::Area {
            area.draw(&Exact::new(Polygon::new(lines::closed(&line, axis.base()), look.ink.alpha(0.22))))?;
        }
        area.draw(&Exact::dashed(PathElement::new(line, stroked(look.width, look.ink)), look.dash))
    }

    fn points(&self, points: Vec<((f64, f64), bool)>, ink: Ink) -> Drawn {
        let small = self.sheet.font < 10.0;
        let (radius, style) = match self.options.style {
            Style::Circles => (3.0, stroked(1.0, ink)),
            Style::Dots => (0.75, ink.filled()),
            _ => (if small { 1.7 } else { 2.3 }, ink.filled()),
        };
        points.into_iter().try_for_each(|(point, right)| self.axis(right).1.draw(&Exact::new(Circle::new(point, units(radius), style))))
    }

    fn stacked(&self) -> Drawn {
        for right in [false, true] {
            let (_, area) = self.axis(right);
            let mut stack = Stack::new(self.sheet.time.span, self.options.size.0 as usize);
            let on_axis: Vec<&Series> = self.picture.series.iter().filter(|one| one.right == right).collect();
            let shown = stack.filled(&on_axis);
            for (place, one) in self.picture.series.iter().enumerate().filter(|(_, one)| one.right == right) {
                let sums = stack.add(one);
                let columns = || sums.iter().enumerate().filter(|(column, _)| shown.contains(column));
                let top: Run = columns().map(|(column, (_, top))| (stack.instant(column), *top)).collect();
                let under = columns().rev().map(|(column, (below, _))| (stack.instant(column), *below));
                let outline: Run = top.iter().copied().chain(under).collect();
                let look = self.look(place);
                area.draw(&Exact::new(Polygon::new(outline, look.ink.alpha(0.55))))?;
                area.draw(&Exact::new(PathElement::new(top, stroked(look.width * 0.75, look.ink))))?;
            }
        }
        Ok(())
    }

    fn heat(&self, heat: &Heat) -> Drawn {
        let most = highest_count(heat);
        let step = typical_step(heat).unwrap_or(60_000) as f64;
        for row in &heat.rows {
            let (top, bottom) = (self.sheet.y(false, row.upper), self.sheet.y(false, row.lower));
            let mut open: Option<(f32, f32, f64)> = None; // left, right, count: cells of one pixel column are one
            let paint = |(left, right, count): (f32, f32, f64)| {
                let share = (count / most).sqrt() as f32;
                let cell = Rect { x: left, y: top, w: (right - left).max(1.0), h: (bottom - top).max(1.0) };
                self.rect(cell, self.sheet.colors.heat(share))
            };
            for &(ms, count) in row.points.iter().filter(|(_, count)| *count > 0.0 && count.is_finite()) {
                let (left, right) = (self.sheet.x(ms as f64).floor(), self.sheet.x(ms as f64 + step).floor());
                open = match open {
                    Some((first, last, highest)) if left < first + 1.0 => Some((first, last.max(right), highest.max(count))),
                    Some(done) => {
                        paint(done)?;
                        Some((left, right, count))
                    }
                    None => Some((left, right, count)),
                };
            }
            open.map_or(Ok(()), paint)?;
        }
        Ok(())
    }

    /// What the colours of a heat map mean.
    fn heat_scale(&self, heat: &Heat) -> Drawn {
        let (plot, font) = (self.sheet.plot, self.sheet.font);
        let bar = Rect { x: self.options.size.0 as f32 - font * HEAT_SCALE, y: plot.y, w: font, h: (plot.h * 0.6).round() };
        let slice = bar.h / HEAT_STEPS as f32;
        for step in 0..HEAT_STEPS {
            // As the cells: the square root of the share of the highest count.
            let share = (1.0 - (step as f32 + 0.5) / HEAT_STEPS as f32).sqrt();
            let step = Rect { x: bar.x, y: (bar.y + slice * step as f32).floor(), w: bar.w, h: slice.ceil() };
            self.rect(step, self.sheet.colors.heat(share))?;
        }
        let most = highest_count(heat);
        let style = self.style(self.sheet.colors.quiet, Anchor::Start);
        for part in [0.0, 0.5, 1.0] {
            let text = number(most * (1.0 - part), 0.0);
            self.text((bar.right() + font * 0.4, bar.y + bar.h * part as f32 + font * 0.36), &text, style)?;
        }
        Ok(())
    }

    fn marks(&self) -> Drawn {
        let (sheet, plot, ink) = (self.sheet, self.sheet.plot, self.sheet.colors.mark);
        let within = self.picture.marks.iter().filter(|mark| sheet.time.has(mark.at_ms as f64)).take(MARKS_MAX);
        let places: Vec<(f32, &str)> = within.map(|mark| (sheet.x(mark.at_ms as f64).floor() + 0.5, mark.text.trim())).collect();
        for (x, _) in &places {
            let line = PathElement::new([at((*x, plot.y)), at((*x, plot.bottom()))], stroked(1.0, ink));
            self.page.draw(&Exact::dashed(line, &[4.0, 3.0]))?;
            self.page.draw(&Exact::new(Polygon::new([at((x - 4.0, plot.y)), at((x + 4.0, plot.y)), at((*x, plot.y + 6.0))], ink)))?;
        }
        let size = (sheet.font - 1.0).max(9.0);
        let lane = (size * 1.4).round();
        let mut free = [f32::MIN; MARK_LANES];
        for (x, text) in places {
            let text = font::fit(text, size, plot.w * 0.3);
            if text.is_empty() {
                continue;
            }
            let width = font::width(&text, size);
            // To the right of its line, or to the left where the frame ends.
            let left = if x + 4.0 + width > plot.right() { x - 5.0 - width } else { x + 4.0 };
            let Some((nth, until)) = free.iter_mut().enumerate().find(|(_, until)| **until <= left) else { continue };
            *until = left + width + 6.0;
            let base = plot.bottom() - 5.0 - nth as f32 * lane;
            if !sheet.colors.background.is_clear() {
                self.rect(Rect { x: left - 2.0, y: base - size, w: width + 4.0, h: size * 1.3 }, sheet.colors.background.alpha(0.85))?;
            }
            self.text((left, base), &text, TextStyle { size, ..self.style(ink, Anchor::Start) })?;
        }
        Ok(())
    }

    /// The colour of the frame and of ticks.
    fn edge(&self) -> Ink {
        self.sheet.colors.quiet.mix(self.sheet.colors.grid, 0.35)
    }

    fn frame(&self) -> Drawn {
        let plot = self.sheet.plot;
        self.rect(Rect { x: plot.x, y: plot.bottom(), w: plot.w + 1.0, h: 1.0 }, self.edge())?;
        for (axis, x) in [(&self.sheet.left, plot.x), (&self.sheet.right, plot.right())] {
            if axis.is_some() {
                self.rect(Rect { x, y: plot.y, w: 1.0, h: plot.h }, self.edge())?;
            }
        }
        Ok(())
    }

    fn time_axis(&self) -> Drawn {
        let (sheet, plot, font) = (self.sheet, self.sheet.plot, self.sheet.font);
        let base = (plot.bottom() + font * 1.55).round();
        let below = base + (font * 1.3).round();
        let zone = self.zone_text();
        let zone_width = zone.as_ref().map_or(0.0, |text| font::width(text, font) + font);
        let (mut free, mut free_below) = (f32::MIN, f32::MIN);
        for tick in &sheet.time.ticks {
            let x = sheet.x(tick.ms as f64);
            self.rect(Rect { x: x.floor(), y: plot.bottom(), w: 1.0, h: 4.0 }, self.edge())?;
            let half = font::width(&tick.text, font) / 2.0;
            let middle = x.clamp(half + 1.0, (self.options.size.0 as f32 - half - 1.0).max(half + 1.0));
            if middle - half >= free {
                self.text((middle, base), &tick.text, self.style(sheet.colors.text, Anchor::Middle))?;
                free = middle + half + font * 0.6;
            }
            if let Some(text) = &tick.below {
                let half = font::width(text, font) / 2.0;
                let middle = x.max(half + font * 0.5);
                if middle - half >= free_below && middle + half <= plot.right() - zone_width {
                    self.text((middle, below), text, self.style(sheet.colors.quiet, Anchor::Middle))?;
                    free_below = middle + half + font;
                }
            }
        }
        zone.map_or(Ok(()), |zone| self.text((plot.right(), below), &zone, self.style(sheet.colors.quiet, Anchor::End)))
    }

    /// The zone of the times, where there is room for it.
    fn zone_text(&self) -> Option<String> {
        if self.sheet.plot.w < 340.0 {
            return None;
        }
        let zone = &self.picture.zone;
        let named = zone.iana_name().map(str::to_owned);
        named.or_else(|| {
            let at = jiff::Timestamp::from_millisecond(self.sheet.time.span.1).ok()?;
            let offset = zone.to_offset(at);
            Some(if offset.is_zero() { "UTC".into() } else { format!("UTC{offset}") })
        })
    }

    fn value_axes(&self) -> Drawn {
        let (sheet, plot, font) = (self.sheet, self.sheet.plot, self.sheet.font);
        for (axis, right) in [(&sheet.left, false), (&sheet.right, true)] {
            let Some(axis) = axis else { continue };
            let mut free = f32::MAX;
            for tick in &axis.ticks {
                let y = sheet.y(right, tick.value);
                let long = if tick.text.is_some() { 4.0 } else { 2.0 };
                let x = if right { plot.right() + 1.0 } else { plot.x - long };
                self.rect(Rect { x, y: y.floor(), w: long, h: 1.0 }, self.edge())?;
                let Some(text) = tick.text.as_ref().filter(|_| y <= free) else { continue };
                let (x, anchor) = if right { (plot.right() + font * 0.6, Anchor::Start) } else { (plot.x - font * 0.6, Anchor::End) };
                self.text((x, y + font * 0.36), text, self.style(sheet.colors.text, anchor))?;
                free = y - font * 1.05;
            }
            let label = if right { &self.options.y2.label } else { &self.options.y.label };
            if let Some(label) = label {
                let label = font::fit(label, font, plot.h + font * 4.0);
                let x = if right { self.outer_edge(true) } else { self.outer_edge(false) };
                let style = TextStyle { upward: true, ..self.style(sheet.colors.text, Anchor::Middle) };
                self.text((x, plot.y + plot.h / 2.0), &label, style)?;
            }
        }
        Ok(())
    }

    /// Where the caption of an axis stands: behind the texts of its ticks.
    fn outer_edge(&self, right: bool) -> f32 {
        let (sheet, font) = (self.sheet, self.sheet.font);
        let axis = if right { &sheet.right } else { &sheet.left };
        let texts = axis.iter().flat_map(|axis| &axis.ticks).filter_map(|tick| tick.text.as_deref());
        let widest = texts.map(|text| font::width(text, font)).fold(0.0, f32::max);
        if right { sheet.plot.right() + font * 1.9 + widest } else { sheet.plot.x - font * 1.15 - widest }
    }

    fn texts(&self) -> Drawn {
        let (sheet, font) = (self.sheet, self.sheet.font);
        let width = self.options.size.0 as f32;
        if let Some(title) = &self.options.title {
            let size = (font * 1.3).round();
            let title = font::fit(title, size, width - 2.0 * font);
            let style = TextStyle { size, ..self.style(sheet.colors.text, Anchor::Middle) };
            self.text((width / 2.0, (font * 0.7 + size).round()), &title, style)?;
        }
        let base = sheet.plot.bottom() + font * 1.55 + (font * 1.3).round();
        for (nth, note) in sheet.notes.iter().enumerate() {
            let note = font::fit(note, font, width - sheet.plot.x - font);
            self.text((sheet.plot.x, base + (nth + 1) as f32 * font * 1.3), &note, self.style(sheet.colors.quiet, Anchor::Start))?;
        }
        Ok(())
    }
}

fn highest_count(heat: &Heat) -> f64 {
    let counts = heat.rows.iter().flat_map(|row| row.points.iter().map(|(_, count)| *count));
    counts.filter(|count| count.is_finite()).fold(0.0, f64::max)
}

/// The usual distance of a heat map's columns, in milliseconds.
fn typical_step(heat: &Heat) -> Option<i64> {
    let mut times: Vec<i64> = heat.rows.iter().flat_map(|row| row.points.iter().map(|(at, _)| *at)).collect();
    times.sort_unstable();
    times.dedup();
    let mut steps: Vec<i64> = times.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied()
}
