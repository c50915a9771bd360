//! Colours and dashes: which line looks how.
//!
//! Eight colours that people with any colour vision can tell apart, 3.8 : 1 or better against their background; from the ninth
//! line on the same with dashes, then thinner.

use super::canvas::{Ink, Stroke};
use super::options::{Color, Options};

const LIGHT: [Ink; 8] = [
    Ink::solid(0x00, 0x72, 0xB2),
    Ink::solid(0xD5, 0x5E, 0x00),
    Ink::solid(0x00, 0x78, 0x5A),
    Ink::solid(0xB0, 0x30, 0x7A),
    Ink::solid(0x7A, 0x5C, 0x00),
    Ink::solid(0x5A, 0x3F, 0xD0),
    Ink::solid(0x2B, 0x2B, 0x2B),
    Ink::solid(0x0E, 0x8F, 0xA8),
];
const DARK: [Ink; 8] = [
    Ink::solid(0x56, 0xB4, 0xE9),
    Ink::solid(0xF2, 0x8E, 0x2B),
    Ink::solid(0x35, 0xC7, 0x9A),
    Ink::solid(0xE7, 0x8A, 0xC3),
    Ink::solid(0xF0, 0xE4, 0x42),
    Ink::solid(0xA9, 0x9C, 0xFF),
    Ink::solid(0xE6, 0xE6, 0xE6),
    Ink::solid(0xFF, 0x6F, 0x61),
];
/// From few counts to many, on a light background and on a dark one.
const HEAT_LIGHT: [Ink; 5] = [
    Ink::solid(0xE3, 0xEE, 0xF9),
    Ink::solid(0x8F, 0xBF, 0xE3),
    Ink::solid(0x3C, 0x8B, 0xC4),
    Ink::solid(0x0B, 0x55, 0x94),
    Ink::solid(0x06, 0x26, 0x4A),
];
const HEAT_DARK: [Ink; 5] = [
    Ink::solid(0x1C, 0x2B, 0x3A),
    Ink::solid(0x1F, 0x52, 0x80),
    Ink::solid(0x2E, 0x86, 0xC1),
    Ink::solid(0x7C, 0xC0, 0xEE),
    Ink::solid(0xEA, 0xF6, 0xFF),
];
const DASHES: [&[f32]; 3] = [&[], &[6.0, 3.0], &[2.0, 2.0]];
/// Below it a background is dark.
const DARK_BELOW: f32 = 0.45;

/// The colours of one picture.
#[derive(Clone, Copy, Debug)]
pub struct Colors {
    /// Behind everything; of strength 0 where nothing is to be painted.
    pub background: Ink,
    /// Texts.
    pub text: Ink,
    /// Texts of less weight, ticks, the frame.
    pub quiet: Ink,
    /// Lines of the grid.
    pub grid: Ink,
    /// Events.
    pub mark: Ink,
    lines: [Ink; 8],
    heat: [Ink; 5],
}

impl Colors {
    /// As the options want them.
    pub fn new(options: &Options) -> Colors {
        let white = Ink::solid(255, 255, 255);
        let ink = |color: Color| match color {
            Color::Rgb(r, g, b) => Ink::solid(r, g, b),
            Color::Transparent => white.alpha(0.0),
        };
        let background = options.background.map_or(white, ink);
        let given = options.foreground.filter(|color| *color != Color::Transparent).map(ink);
        // On a transparent background a light text tells that what lies behind is dark.
        let behind = if background.is_clear() { 1.0 - given.map_or(0.0, Ink::lightness) } else { background.lightness() };
        let is_dark = behind < DARK_BELOW;
        let (text, mark) = if is_dark {
            (Ink::solid(0xE8, 0xEA, 0xED), Ink::solid(0xFF, 0x8A, 0x80))
        } else {
            (Ink::solid(0x1A, 0x1D, 0x21), Ink::solid(0xB4, 0x23, 0x18))
        };
        let text = given.unwrap_or(text);
        let under = match (background.is_clear(), is_dark) {
            (false, _) => background,
            (true, true) => Ink::solid(0x14, 0x17, 0x1A),
            (true, false) => white,
        };
        Colors {
            background,
            text,
            quiet: text.mix(under, 0.32),
            grid: text.mix(under, 0.87),
            mark,
            lines: if is_dark { DARK } else { LIGHT },
            heat: if is_dark { HEAT_DARK } else { HEAT_LIGHT },
        }
    }

    /// The stroke of a line by its place, at a width for the first ones.
    pub fn line(&self, place: usize, width: f32) -> Stroke {
        let round = place / self.lines.len();
        let ink = self.lines.get(place % self.lines.len()).copied().unwrap_or(self.text);
        let dash = DASHES.get(round % DASHES.len()).copied().unwrap_or_default();
        Stroke { width: if round < DASHES.len() { width } else { width * 0.7 }, ink, dash }
    }

    /// The colour of a share of the highest count, above 0.
    pub fn heat(&self, share: f32) -> Ink {
        let place = share.clamp(0.0, 1.0) * (self.heat.len() - 1) as f32;
        let pair = (self.heat.get(place as usize), self.heat.get(place as usize + 1));
        match pair {
            (Some(low), Some(high)) => low.mix(*high, place.fract()),
            (Some(last), None) => *last,
            _ => self.text,
        }
    }
}
