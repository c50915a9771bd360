//! What a picture is drawn on: pixels ([`super::bitmap`]) or text of lines and shapes ([`super::svg`]).
//!
//! Places are pixels from the upper left corner, with fractions. Numbers that are not finite are drawn nowhere.

/// A colour with its strength.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 0 to 1.
    pub alpha: f32,
}

impl Ink {
    /// At full strength.
    pub const fn solid(r: u8, g: u8, b: u8) -> Ink {
        Ink { rgb: [r, g, b], alpha: 1.0 }
    }

    /// The same colour at another strength.
    pub fn alpha(self, alpha: f32) -> Ink {
        Ink { alpha, ..self }
    }

    /// Nothing of it is seen. A picture on such a background is transparent.
    pub fn is_clear(self) -> bool {
        self.alpha <= 0.0
    }

    /// A colour between two: 0 is this one, 1 the other.
    pub fn mix(self, other: Ink, part: f32) -> Ink {
        let part = part.clamp(0.0, 1.0);
        let [r, g, b] = self.rgb;
        let [r2, g2, b2] = other.rgb;
        let between = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * part).round() as u8;
        Ink { rgb: [between(r, r2), between(g, g2), between(b, b2)], alpha: self.alpha + (other.alpha - self.alpha) * part }
    }

    /// How light it looks, 0 to 1.
    pub fn lightness(self) -> f32 {
        let [r, g, b] = self.rgb.map(f32::from);
        (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
    }
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Rect {
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

impl Rect {
    /// Its right side.
    pub fn right(&self) -> f32 {
        self.x + self.w
    }
    /// Its lower side.
    pub fn bottom(&self) -> f32 {
        self.y + self.h
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Pixels.
    pub width: f32,
    /// Colour.
    pub ink: Ink,
    /// Pixels drawn and left out, in turn; empty: all drawn.
    pub dash: &'static [f32],
}

impl Stroke {
    /// Without dashes.
    pub fn plain(width: f32, ink: Ink) -> Stroke {
        Stroke { width, ink, dash: &[] }
    }
}

/// Which part of a text its place names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is drawn.
#[derive(Clone, Copy, Debug)]
pub struct TextStyle {
    /// Pixels of the em square.
    pub size: f32,
    /// Colour.
    pub ink: Ink,
    /// What its place names.
    pub anchor: Anchor,
    /// Reads from below to above.
    pub upward: bool,
}

/// A place in pixels.
pub type Spot = (f32, f32);

/// A surface.
pub trait Canvas {
    /// Fills a rectangle.
    fn rect(&mut self, rect: Rect, ink: Ink);
    /// Draws through places in order. Several lines of one stroke cover each other without getting darker.
    fn lines(&mut self, lines: &[Vec<Spot>], stroke: Stroke);
    /// Fills an outline.
    fn shape(&mut self, outline: &[Spot], ink: Ink);
    /// Draws discs, or rings of one pixel.
    fn discs(&mut self, centers: &[Spot], radius: f32, ink: Ink, filled: bool);
    /// Writes a line of text; its place is on the baseline.
    fn text(&mut self, at: Spot, text: &str, style: TextStyle);
    /// Draws only inside this from now on; `None`: everywhere.
    fn clip(&mut self, within: Option<Rect>);
}
