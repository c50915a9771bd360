//! Where everything of a picture is: frame, axes, legend, title and notes, from the room that their texts need.

use super::axis::format::Pattern;
use super::axis::ranged::{TimeAxis, ValueAxis};
use super::axis::time;
use super::axis::value::Scale;
use super::board::{pixels, units};
use super::canvas::Rect;
use super::colors::Colors;
use super::font;
use super::legend::{self, Legend, Names};
use super::lines::{self, Extent};
use super::options::{Axis, Key, Options};
use super::picture::Picture;
use plotters::coord::ranged1d::Ranged;

/// Room for the colours of a heat map and what they mean, in letters' heights.
pub const HEAT_SCALE: f32 = 5.0;
/// Farthest instant that a picture shows, in milliseconds before or after the epoch.
const MILLIS_MAX: i64 = 1_000_000_000_000_000;
/// How much higher an axis may get so that a legend has room over the data.
const STRETCH_MAX: f64 = 1.7;
/// Most of the height, and of the width, that a legend takes.
const LEGEND_SHARE: f32 = 0.45;
/// Most of the height that a legend over the data takes.
const INSIDE_SHARE: f32 = 0.38;
/// Most lines that a legend over the data names, where nobody said where it is to be.
const INSIDE_MAX: usize = 8;

/// A laid out picture.
pub struct Sheet {
    /// Letters' height, in pixels.
    pub font: f32,
    /// The frame around the data.
    pub plot: Rect,
    /// The time axis.
    pub time: TimeAxis,
    /// The left axis, if any line is measured on it.
    pub left: Option<ValueAxis>,
    /// The right axis.
    pub right: Option<ValueAxis>,
    /// The legend.
    pub legend: Option<Legend>,
    /// Colours.
    pub colors: Colors,
    /// What the picture does not show, in words.
    pub notes: Vec<String>,
    /// Points shown.
    pub points: usize,
}

/// Where a legend is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Nowhere,
    /// Over the data; -1, 0, 1 for left, centre, right and top, centre, bottom.
    Inside(i8, i8),
    /// Beside the frame: left or right, and its height.
    Side(i8, i8),
    /// Above or below the frame, and its place along it.
    Band(i8, i8),
}

/// What does not depend on where the legend is.
struct Draft<'a> {
    picture: &'a Picture,
    options: &'a Options,
    size: (f32, f32),
    font: f32,
    names: Names,
    extents: [Extent; 2],
    uses: [bool; 2],
    patterns: [Option<Pattern>; 3],
    notes: Vec<String>,
}

impl Sheet {
    /// Lays out a picture.
    pub fn new(picture: &Picture, options: &Options) -> Sheet {
        let draft = Draft::new(picture, options);
        let key = options.key.filter(|_| !picture.series.is_empty());
        let wanted = key.map_or(Place::Nowhere, |key| place(key, picture.series.len()));
        let boxed = key.is_some_and(|key| key.boxed);
        let wide = key.is_some_and(|key| key.horizontal);
        let sheet = draft.sheet(wanted, boxed, wide, [None, None]);
        let Place::Inside(x, y) = wanted else { return sheet };
        match draft.room_inside(&sheet, y) {
            Room::Enough => sheet,
            Room::Stretched(tops) => draft.sheet(wanted, boxed, wide, tops),
            Room::None if y == 0 && x != 0 => draft.sheet(Place::Side(x, 0), boxed, wide, [None, None]),
            Room::None => draft.sheet(Place::Band(if y == 0 { 1 } else { y }, x), boxed, wide, [None, None]),
        }
    }

    /// Where an instant is, from the left.
    pub fn x(&self, ms: f64) -> f32 {
        pixels(self.time.map(&ms, (units(self.plot.x), units(self.plot.right()))))
    }

    /// Where a value of an axis is, from above.
    pub fn y(&self, right: bool, value: f64) -> f32 {
        let axis = if right { self.right.as_ref() } else { self.left.as_ref() };
        let limits = (units(self.plot.bottom()), units(self.plot.y));
        pixels(axis.map_or(limits.0, |axis| axis.map(&value, limits)))
    }
}

/// Whether a legend over the data hides any of it.
enum Room {
    Enough,
    /// Not before the axes end at these values.
    Stretched([Option<Scale>; 2]),
    None,
}

fn place(key: Key, series: usize) -> Place {
    match (key.outside, key.x, key.y) {
        (false, ..) if key.automatic && series > INSIDE_MAX => Place::Band(1, -1),
        (false, x, y) => Place::Inside(x, y),
        (true, 0, 0) => Place::Side(1, 0),
        (true, 0, y) => Place::Band(y, 0),
        (true, x, y) => Place::Side(x, y),
    }
}

fn letters((width, height): (f32, f32)) -> f32 {
    if width < 260.0 || height < 160.0 {
        9.0
    } else if width < 520.0 || height < 300.0 {
        10.5
    } else {
        12.0
    }
}

impl<'a> Draft<'a> {
    fn new(picture: &'a Picture, options: &'a Options) -> Draft<'a> {
        let size = (options.size.0 as f32, options.size.1 as f32);
        let span = span(picture);
        let mut left = lines::extent(picture, options, false, span);
        let right = lines::extent(picture, options, true, span);
        if let Some(heat) = &picture.heat {
            for row in heat.rows.iter().filter(|row| row.points.iter().any(|(_, count)| *count > 0.0)) {
                left.points += row.points.len();
                [row.lower, row.upper].into_iter().filter(|bound| bound.is_finite()).for_each(|bound| left.add(bound));
            }
        }
        let uses_right = picture.series.iter().any(|series| series.right);
        let uses_left = picture.heat.is_some() || !uses_right || picture.series.iter().any(|series| !series.right);
        let mut notes = Vec::new();
        let hidden = left.not_positive + right.not_positive;
        if hidden > 0 {
            notes.push(format!("{hidden} value{} at or below 0 cannot be shown on a logarithmic axis", if hidden == 1 { "" } else { "s" }));
        }
        let pattern = |axis: &Axis| axis.format.as_deref().and_then(Pattern::value);
        Draft {
            picture,
            options,
            size,
            font: letters(size),
            names: legend::names(&picture.series),
            extents: [left, right],
            uses: [uses_left, uses_right],
            patterns: [pattern(&options.y), pattern(&options.y2), options.x_format.as_deref().and_then(Pattern::instant)],
            notes,
        }
    }

    fn axis(&self, right: bool, height: f32, given: &Option<Scale>) -> Option<ValueAxis> {
        let at = usize::from(right);
        if !self.uses.get(at).copied().unwrap_or(false) {
            return None;
        }
        let wanted = if right { &self.options.y2 } else { &self.options.y };
        let about = ((height / (self.font * 3.6)) as usize).clamp(2, 12);
        let range = self.extents.get(at).and_then(|extent| extent.range);
        let scale = given.clone().unwrap_or_else(|| Scale::new(range, wanted, about));
        let ticks = scale.ticks(about, self.patterns.get(at).and_then(Option::as_ref));
        Some(ValueAxis { scale, ticks })
    }

    /// The sheet with the legend at a place; `scales` that are given stay as they are.
    fn sheet(&self, place: Place, boxed: bool, wide: bool, scales: [Option<Scale>; 2]) -> Sheet {
        let (options, font, (width, height)) = (self.options, self.font, self.size);
        let pad = (font * 0.9).round();
        let line = (font * 1.35).round();
        let title = if options.title.is_some() { (font * 2.2).round() } else { 0.0 };
        let mut top = pad + title;
        let mut bottom = pad * 0.6 + line * 2.0 + font * 0.5 + if self.notes.is_empty() { 0.0 } else { line };
        let (mut outer_left, mut outer_right) = (pad, pad * 1.4);
        if self.picture.heat.is_some() {
            outer_right += font * HEAT_SCALE;
        }
        let mut legend = self.legend(place, boxed, wide, (width - 2.0 * pad, height - top - bottom));
        if let Some(legend) = &legend {
            let Rect { w, h, .. } = legend.rect;
            match place {
                Place::Side(x, _) if x < 0 => outer_left += w + pad,
                Place::Side(..) => outer_right += w + pad,
                Place::Band(y, _) if y < 0 => top += h + pad * 0.5,
                Place::Band(..) => bottom += h + pad * 0.3,
                _ => {}
            }
        }
        let plot_height = (height - top - bottom).max(20.0);
        let [given_left, given_right] = &scales;
        let (left, right) = (self.axis(false, plot_height, given_left), self.axis(true, plot_height, given_right));
        let beside = |axis: &Option<ValueAxis>, label: bool| -> f32 {
            let texts = axis.iter().flat_map(|axis| &axis.ticks).filter_map(|tick| tick.text.as_deref());
            let widest = texts.map(|text| font::width(text, font)).fold(0.0, f32::max);
            if axis.is_none() { 0.0 } else { widest + font * 0.75 + if label { font * 1.7 } else { 0.0 } }
        };
        let x = (outer_left + beside(&left, options.y.label.is_some() && left.is_some())).round();
        let plot_right = (width - outer_right - beside(&right, options.y2.label.is_some() && right.is_some())).round();
        let plot = Rect { x, y: top.round(), w: (plot_right - x).max(20.0), h: plot_height.round() };
        let span = span(self.picture);
        let about = ((plot.w / (font * 7.0)) as usize).max(1);
        let [_, _, pattern] = &self.patterns;
        let ticks = time::ticks(span.0, span.1, &self.picture.zone, about, pattern.as_ref());
        if let Some(legend) = &mut legend {
            put(legend, place, plot, self.size, (top, height - pad * 0.6));
            if let Place::Band(y, _) = place {
                let top = if y < 0 { pad * 0.6 + title } else { height - legend.rect.h - pad * 0.4 };
                legend.rect.y = top.round();
            }
        }
        Sheet {
            font,
            plot,
            time: TimeAxis { span, ticks },
            left,
            right,
            legend,
            colors: Colors::new(options),
            notes: self.notes.clone(),
            points: self.extents.iter().map(|extent| extent.points).sum(),
        }
    }

    fn legend(&self, place: Place, boxed: bool, wide: bool, (width, height): (f32, f32)) -> Option<Legend> {
        let (room, wide) = match place {
            Place::Nowhere => return None,
            Place::Inside(..) => ((width * 0.8, height * INSIDE_SHARE), wide),
            Place::Side(..) => ((width * LEGEND_SHARE, height), false),
            Place::Band(..) => ((width, height * LEGEND_SHARE), true),
        };
        let mut legend = Legend::fit(&self.names, room, wide, self.font)?;
        legend.boxed = boxed;
        legend.inside = matches!(place, Place::Inside(..));
        Some(legend)
    }

    /// Whether the legend of a sheet leaves all data to be seen.
    fn room_inside(&self, sheet: &Sheet, y: i8) -> Room {
        let Some(legend) = &sheet.legend else {
            return if self.options.key.is_some() && !self.picture.series.is_empty() { Room::None } else { Room::Enough };
        };
        if legend.unnamed() > 0 {
            return Room::None;
        }
        let (rect, plot) = (legend.rect, sheet.plot);
        let margin = f64::from(self.font) * 0.5;
        let (from, to) = sheet.time.span;
        let instant = |x: f32| from as f64 + f64::from((x - plot.x) / plot.w) * (to - from) as f64;
        let under = ((instant(rect.x) - 1.0) as i64, (instant(rect.right()) + 1.0) as i64);
        let mut stretched = [None, None];
        for (right, slot) in [false, true].into_iter().zip(&mut stretched) {
            let axis = if right { sheet.right.as_ref() } else { sheet.left.as_ref() };
            let Some(axis) = axis else { continue };
            let heat = self.picture.heat.as_ref().filter(|_| !right).and(self.extents.first()).and_then(|extent| extent.range);
            let Some((low, high)) = heat.or_else(|| lines::reach(self.picture, self.options, right, under)) else { continue };
            let (low, high) = (f64::from(sheet.y(right, low)) + margin, f64::from(sheet.y(right, high)) - margin);
            if high > f64::from(rect.bottom()) || low < f64::from(rect.y) {
                continue;
            }
            let wanted = if right { &self.options.y2 } else { &self.options.y };
            let free = if y < 0 { wanted.max.is_none() } else { y > 0 && wanted.min.is_none() };
            // All of the line's height has to go into what the legend leaves.
            let base = f64::from(plot.bottom());
            let (needed, left) = if y < 0 {
                (base - high, base - f64::from(rect.bottom()))
            } else {
                (low - f64::from(plot.y), f64::from(rect.y) - f64::from(plot.y))
            };
            let stretch = needed / left.max(1.0);
            if !free || !(1.0..=STRETCH_MAX).contains(&stretch) {
                return Room::None;
            }
            let Scale { min, max, log } = axis.scale;
            let end = axis.scale.value(if y < 0 { stretch } else { 1.0 - stretch });
            if !end.is_finite() || (log && end <= 0.0) {
                return Room::None;
            }
            *slot = Some(if y < 0 { Scale { min, max: end, log } } else { Scale { min: end, max, log } });
        }
        if stretched.iter().all(Option::is_none) { Room::Enough } else { Room::Stretched(stretched) }
    }
}

/// The picture's time; at least a second, and no more than a calendar knows.
fn span(picture: &Picture) -> (i64, i64) {
    let start = picture.start_ms.clamp(-MILLIS_MAX, MILLIS_MAX);
    (start, picture.end_ms.clamp(start + 1000, MILLIS_MAX + 1000))
}

/// Puts a legend of known size to its place.
fn put(legend: &mut Legend, place: Place, plot: Rect, (width, _): (f32, f32), (top, bottom): (f32, f32)) {
    let Rect { w, h, .. } = legend.rect;
    let along = |part: i8, from: f32, to: f32, size: f32| match part {
        -1 => from,
        0 => from + (to - from - size) / 2.0,
        _ => to - size,
    };
    let gap = 7.0;
    let (x, y) = match place {
        Place::Inside(x, y) => (along(x, plot.x + gap, plot.right() - gap, w), along(y, plot.y + gap, plot.bottom() - gap, h)),
        Place::Side(x, y) => {
            let x = if x < 0 { gap } else { width - w - gap };
            (x, along(y, plot.y, plot.bottom().max(plot.y + h), h).clamp(top.min(plot.y), (bottom - h).max(0.0)))
        }
        Place::Band(_, x) => (along(x, plot.x.min(width - w - gap).max(gap), plot.right().max(plot.x + w), w), 0.0),
        Place::Nowhere => (0.0, 0.0),
    };
    (legend.rect.x, legend.rect.y) = (x.round(), y.round());
}
