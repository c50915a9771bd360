//! Draws a laid out picture: grid, counts as colours, lines, events, axes, legend, texts, in this order.

use super::axis::value::number;
use super::canvas::{Anchor, Canvas, Ink, Rect, Spot, Stroke, TextStyle};
use super::font;
use super::lines::{self, Drawing, Stack};
use super::options::{Options, Style};
use super::picture::{Heat, Picture, Series};
use super::sheet::{HEAT_SCALE, Sheet, ValueAxis};

/// Pixels between points from which on each of them is marked on its line.
const MARKED_FROM: f32 = 9.0;
/// Lines that are drawn together at a time, where there are very many of them.
const BATCH: usize = 100;
/// From so many lines on, those of one look are drawn together.
const MANY: usize = 48;
/// Places of lines in a picture for which each column of pixels has its own; beyond, columns get wider.
const FINE_PLACES: usize = 2_000_000;
/// Events that are drawn, at most.
const MARKS_MAX: usize = 500;
/// Steps of the scale of a heat map's colours.
const HEAT_STEPS: u16 = 48;
/// Lines of events' texts above each other.
const MARK_LANES: usize = 3;

/// Draws everything.
pub fn paint(canvas: &mut dyn Canvas, picture: &Picture, options: &Options, sheet: &Sheet) {
    let brush = Brush { picture, options, sheet };
    let plot = sheet.plot;
    canvas.clip(Some(plot));
    brush.grid(canvas);
    if let Some(heat) = &picture.heat {
        brush.heat(canvas, heat);
    }
    if options.style == Style::Stacked {
        brush.stacked(canvas);
    } else {
        brush.series(canvas);
    }
    brush.marks(canvas);
    canvas.clip(None);
    brush.frame(canvas);
    brush.time_axis(canvas);
    brush.value_axes(canvas);
    if let Some(heat) = &picture.heat {
        brush.heat_scale(canvas, heat);
    }
    if sheet.points == 0 {
        let style = TextStyle { size: sheet.font * 1.5, ..brush.style(sheet.colors.quiet, Anchor::Middle) };
        canvas.text((plot.x + plot.w / 2.0, plot.y + plot.h / 2.0), "No data", style);
    }
    if let Some(legend) = &sheet.legend {
        let marks = matches!(options.style, Style::Points | Style::Circles | Style::Dots);
        legend.paint(canvas, &sheet.colors, |at| brush.look(at), marks);
    }
    brush.texts(canvas);
}

struct Brush<'a> {
    picture: &'a Picture,
    options: &'a Options,
    sheet: &'a Sheet,
}

impl Brush<'_> {
    fn style(&self, ink: Ink, anchor: Anchor) -> TextStyle {
        TextStyle { size: self.sheet.font, ink, anchor, upward: false }
    }

    fn look(&self, place: usize) -> Stroke {
        let width = if self.sheet.font < 10.0 { 1.2 } else { 1.6 };
        self.sheet.colors.line(place, width)
    }

    fn grid(&self, canvas: &mut dyn Canvas) {
        let (plot, grid) = (self.sheet.plot, self.sheet.colors.grid);
        for tick in &self.sheet.times {
            canvas.rect(Rect { x: self.sheet.x(tick.ms as f64).floor(), y: plot.y, w: 1.0, h: plot.h }, grid);
        }
        let Some((axis, right)) = self.grid_axis() else { return };
        for tick in axis.ticks.iter().filter(|tick| tick.text.is_some()) {
            canvas.rect(Rect { x: plot.x, y: self.sheet.y(right, tick.value).floor(), w: plot.w, h: 1.0 }, grid);
        }
    }

    /// The axis that the grid belongs to.
    fn grid_axis(&self) -> Option<(&ValueAxis, bool)> {
        let left = self.sheet.left.as_ref().map(|axis| (axis, false));
        left.or(self.sheet.right.as_ref().map(|axis| (axis, true)))
    }

    fn series(&self, canvas: &mut dyn Canvas) {
        let (sheet, series) = (self.sheet, &self.picture.series);
        let spacing = sheet.plot.w * series.len() as f32 / sheet.points.max(1) as f32;
        let marked = self.options.style == Style::LinesPoint && spacing >= MARKED_FROM;
        let grain = sheet.points.div_ceil(FINE_PLACES).clamp(1, 8) as f32;
        if series.len() < MANY {
            for (place, one) in series.iter().enumerate() {
                let drawing = lines::drawing(one, sheet, self.options, grain, marked);
                self.draw(canvas, self.look(place), &[drawing]);
            }
            return;
        }
        // Those of one look at a time: a mask for each single line of thousands would take seconds.
        let looks = 24.min(series.len());
        for look in 0..looks {
            let alike: Vec<&Series> = series.iter().skip(look).step_by(looks).collect();
            for batch in alike.chunks(BATCH) {
                let drawings: Vec<Drawing> =
                    batch.iter().map(|one| lines::drawing(one, sheet, self.options, grain, marked && series.len() < 2 * MANY)).collect();
                self.draw(canvas, self.look(look), &drawings);
            }
        }
    }

    fn draw(&self, canvas: &mut dyn Canvas, look: Stroke, drawings: &[Drawing]) {
        for drawing in drawings {
            canvas.shapes(&drawing.areas, look.ink.alpha(0.22));
        }
        let all: Vec<Vec<Spot>> = drawings.iter().flat_map(|drawing| drawing.lines.iter().cloned()).collect();
        canvas.lines(&all, look);
        let points: Vec<Spot> = drawings.iter().flat_map(|drawing| drawing.points.iter().copied()).collect();
        let small = self.sheet.font < 10.0;
        match self.options.style {
            Style::Circles => canvas.discs(&points, 3.0, look.ink, false),
            Style::Dots => canvas.discs(&points, 0.75, look.ink, true),
            _ => canvas.discs(&points, if small { 1.7 } else { 2.3 }, look.ink, true),
        }
    }

    fn stacked(&self, canvas: &mut dyn Canvas) {
        for right in [false, true] {
            let mut stack = Stack::new(self.sheet.span, self.options.size.0 as usize);
            let on_axis: Vec<&Series> = self.picture.series.iter().filter(|one| one.right == right).collect();
            let shown = stack.filled(&on_axis);
            for (place, one) in self.picture.series.iter().enumerate().filter(|(_, one)| one.right == right) {
                let sums = stack.add(one);
                let spot = |column: usize, value: f64| (self.sheet.x(stack.instant(column)), self.sheet.y(right, value));
                let columns = || sums.iter().enumerate().filter(|(column, _)| shown.contains(column));
                let top: Vec<Spot> = columns().map(|(column, (_, top))| spot(column, *top)).collect();
                let under = columns().rev().map(|(column, (below, _))| spot(column, *below));
                let outline: Vec<Spot> = top.iter().copied().chain(under).collect();
                let look = self.look(place);
                canvas.shapes(&[outline], look.ink.alpha(0.55));
                canvas.lines(&[top], Stroke::plain(look.width * 0.75, look.ink));
            }
        }
    }

    fn heat(&self, canvas: &mut dyn Canvas, heat: &Heat) {
        let most = highest_count(heat);
        let step = typical_step(heat).unwrap_or(60_000) as f64;
        for row in &heat.rows {
            let (top, bottom) = (self.sheet.y(false, row.upper), self.sheet.y(false, row.lower));
            let mut open: Option<(f32, f32, f64)> = None; // left, right, count: cells of one pixel column are one
            let mut paint = |(left, right, count): (f32, f32, f64)| {
                let share = (count / most).sqrt() as f32;
                let cell = Rect { x: left, y: top, w: (right - left).max(1.0), h: (bottom - top).max(1.0) };
                canvas.rect(cell, self.sheet.colors.heat(share));
            };
            for &(at, count) in row.points.iter().filter(|(_, count)| *count > 0.0 && count.is_finite()) {
                let (left, right) = (self.sheet.x(at as f64).floor(), self.sheet.x(at as f64 + step).floor());
                open = match open {
                    Some((first, last, highest)) if left < first + 1.0 => Some((first, last.max(right), highest.max(count))),
                    Some(done) => {
                        paint(done);
                        Some((left, right, count))
                    }
                    None => Some((left, right, count)),
                };
            }
            open.map(&mut paint);
        }
    }

    /// What the colours of a heat map mean.
    fn heat_scale(&self, canvas: &mut dyn Canvas, heat: &Heat) {
        let (plot, font) = (self.sheet.plot, self.sheet.font);
        let bar = Rect { x: self.options.size.0 as f32 - font * HEAT_SCALE, y: plot.y, w: font, h: (plot.h * 0.6).round() };
        let slice = bar.h / HEAT_STEPS as f32;
        for step in 0..HEAT_STEPS {
            // As the cells: the square root of the share of the highest count.
            let share = (1.0 - (step as f32 + 0.5) / HEAT_STEPS as f32).sqrt();
            canvas.rect(
                Rect { x: bar.x, y: (bar.y + slice * step as f32).floor(), w: bar.w, h: slice.ceil() },
                self.sheet.colors.heat(share),
            );
        }
        let most = highest_count(heat);
        let style = self.style(self.sheet.colors.quiet, Anchor::Start);
        for part in [0.0, 0.5, 1.0] {
            let text = number(most * (1.0 - part), 0.0);
            canvas.text((bar.right() + font * 0.4, bar.y + bar.h * part as f32 + font * 0.36), &text, style);
        }
    }

    fn marks(&self, canvas: &mut dyn Canvas) {
        let (sheet, plot) = (self.sheet, self.sheet.plot);
        let within = self.picture.marks.iter().filter(|mark| (sheet.span.0..=sheet.span.1).contains(&mark.at_ms)).take(MARKS_MAX);
        let places: Vec<(f32, &str)> = within.map(|mark| (sheet.x(mark.at_ms as f64).floor() + 0.5, mark.text.trim())).collect();
        for (x, _) in &places {
            canvas.lines(&[vec![(*x, plot.y), (*x, plot.bottom())]], Stroke { width: 1.0, ink: sheet.colors.mark, dash: &[4.0, 3.0] });
            canvas.shapes(&[vec![(x - 4.0, plot.y), (x + 4.0, plot.y), (*x, plot.y + 6.0)]], sheet.colors.mark);
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
            let Some((at, until)) = free.iter_mut().enumerate().find(|(_, until)| **until <= left) else { continue };
            *until = left + width + 6.0;
            let base = plot.bottom() - 5.0 - at as f32 * lane;
            if sheet.colors.background.alpha > 0.0 {
                canvas.rect(Rect { x: left - 2.0, y: base - size, w: width + 4.0, h: size * 1.3 }, sheet.colors.background.alpha(0.85));
            }
            canvas.text((left, base), &text, TextStyle { size, ink: sheet.colors.mark, anchor: Anchor::Start, upward: false });
        }
    }

    fn frame(&self, canvas: &mut dyn Canvas) {
        let (plot, ink) = (self.sheet.plot, self.sheet.colors.quiet.mix(self.sheet.colors.grid, 0.35));
        canvas.rect(Rect { x: plot.x, y: plot.bottom(), w: plot.w + 1.0, h: 1.0 }, ink);
        for (axis, x) in [(&self.sheet.left, plot.x), (&self.sheet.right, plot.right())] {
            if axis.is_some() {
                canvas.rect(Rect { x, y: plot.y, w: 1.0, h: plot.h }, ink);
            }
        }
    }

    fn time_axis(&self, canvas: &mut dyn Canvas) {
        let (sheet, plot, font) = (self.sheet, self.sheet.plot, self.sheet.font);
        let ink = sheet.colors.quiet.mix(sheet.colors.grid, 0.35);
        let base = (plot.bottom() + font * 1.55).round();
        let zone = self.zone_text();
        let zone_width = zone.as_ref().map_or(0.0, |text| font::width(text, font) + font);
        let (mut free, mut free_below) = (f32::MIN, f32::MIN);
        for tick in &sheet.times {
            let x = sheet.x(tick.ms as f64);
            canvas.rect(Rect { x: x.floor(), y: plot.bottom(), w: 1.0, h: 4.0 }, ink);
            let half = font::width(&tick.text, font) / 2.0;
            let middle = x.clamp(half + 1.0, (self.options.size.0 as f32 - half - 1.0).max(half + 1.0));
            if middle - half >= free {
                canvas.text((middle, base), &tick.text, self.style(sheet.colors.text, Anchor::Middle));
                free = middle + half + font * 0.6;
            }
            if let Some(below) = &tick.below {
                let half = font::width(below, font) / 2.0;
                let middle = x.max(half + font * 0.5);
                if middle - half >= free_below && middle + half <= plot.right() - zone_width {
                    canvas.text((middle, base + (font * 1.3).round()), below, self.style(sheet.colors.quiet, Anchor::Middle));
                    free_below = middle + half + font;
                }
            }
        }
        if let Some(zone) = zone {
            canvas.text((plot.right(), base + (font * 1.3).round()), &zone, self.style(sheet.colors.quiet, Anchor::End));
        }
    }

    /// The zone of the times, where there is room for it.
    fn zone_text(&self) -> Option<String> {
        if self.sheet.plot.w < 340.0 {
            return None;
        }
        let zone = &self.picture.zone;
        let named = zone.iana_name().map(str::to_owned);
        named.or_else(|| {
            let at = jiff::Timestamp::from_millisecond(self.sheet.span.1).ok()?;
            let offset = zone.to_offset(at);
            Some(if offset.is_zero() { "UTC".into() } else { format!("UTC{offset}") })
        })
    }

    fn value_axes(&self, canvas: &mut dyn Canvas) {
        let (sheet, plot, font) = (self.sheet, self.sheet.plot, self.sheet.font);
        let ink = sheet.colors.quiet.mix(sheet.colors.grid, 0.35);
        for (axis, right) in [(&sheet.left, false), (&sheet.right, true)] {
            let Some(axis) = axis else { continue };
            let mut free = f32::MAX;
            for tick in &axis.ticks {
                let y = sheet.y(right, tick.value);
                let long = if tick.text.is_some() { 4.0 } else { 2.0 };
                let x = if right { plot.right() + 1.0 } else { plot.x - long };
                canvas.rect(Rect { x, y: y.floor(), w: long, h: 1.0 }, ink);
                let Some(text) = tick.text.as_ref().filter(|_| y <= free) else { continue };
                let (x, anchor) = if right { (plot.right() + font * 0.6, Anchor::Start) } else { (plot.x - font * 0.6, Anchor::End) };
                canvas.text((x, y + font * 0.36), text, self.style(sheet.colors.text, anchor));
                free = y - font * 1.05;
            }
            let label = if right { &self.options.y2.label } else { &self.options.y.label };
            if let Some(label) = label {
                let label = font::fit(label, font, plot.h + font * 4.0);
                let x = if right { self.outer_edge(true) } else { self.outer_edge(false) };
                let style = TextStyle { upward: true, ..self.style(sheet.colors.text, Anchor::Middle) };
                canvas.text((x, plot.y + plot.h / 2.0), &label, style);
            }
        }
    }

    /// Where the caption of an axis stands: behind the texts of its ticks.
    fn outer_edge(&self, right: bool) -> f32 {
        let (sheet, font) = (self.sheet, self.sheet.font);
        let axis = if right { &sheet.right } else { &sheet.left };
        let texts = axis.iter().flat_map(|axis| &axis.ticks).filter_map(|tick| tick.text.as_deref());
        let widest = texts.map(|text| font::width(text, font)).fold(0.0, f32::max);
        if right { sheet.plot.right() + font * 1.9 + widest } else { sheet.plot.x - font * 1.15 - widest }
    }

    fn texts(&self, canvas: &mut dyn Canvas) {
        let (sheet, font) = (self.sheet, self.sheet.font);
        let width = self.options.size.0 as f32;
        if let Some(title) = &self.options.title {
            let size = (font * 1.3).round();
            let title = font::fit(title, size, width - 2.0 * font);
            let style = TextStyle { size, ..self.style(sheet.colors.text, Anchor::Middle) };
            canvas.text((width / 2.0, (font * 0.7 + size).round()), &title, style);
        }
        let base = sheet.plot.bottom() + font * 1.55 + (font * 1.3).round();
        for (at, note) in sheet.notes.iter().enumerate() {
            let note = font::fit(note, font, width - sheet.plot.x - font);
            canvas.text((sheet.plot.x, base + (at + 1) as f32 * font * 1.3), &note, self.style(sheet.colors.quiet, Anchor::Start));
        }
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
