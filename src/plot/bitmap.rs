//! A picture as pixels, with soft edges: every line and letter covers its pixels by their exact shares ([`super::cover`]).
//!
//! Pixels are premultiplied, so that a transparent background stays right under lines that are half there.

use super::canvas::{Anchor, Canvas, Ink, Rect, Spot, Stroke, TextStyle};
use super::cover::{Cover, STRIP, WHOLE};
use super::font::{self, Face};
use super::stroke;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Places of a letter between two pixels that are told apart.
const SHIFTS: f32 = 4.0;

/// The shares of a letter's pixels.
struct Stamp {
    left: i32,
    top: i32,
    width: usize,
    shares: Vec<u8>,
}

/// The letter, its font, its size and its place between two pixels.
type StampKey = (Face, u16, u32, u8);

/// An image, or some of its rows.
pub struct Bitmap {
    width: usize,
    /// Of the whole image.
    rows: Range<usize>,
    pixels: Vec<[u8; 4]>,
    cover: Cover,
    stamps: FxHashMap<StampKey, Option<Stamp>>,
}

impl Bitmap {
    /// Filled with a background; an ink of strength 0 makes a transparent one.
    pub fn new(width: u32, height: u32, background: Ink) -> Bitmap {
        Bitmap::band(width as usize, 0..height as usize, background)
    }

    /// These rows of an image; places are those of the whole.
    pub fn band(width: usize, rows: Range<usize>, background: Ink) -> Bitmap {
        let [r, g, b] = background.rgb;
        let pixel = if background.is_clear() { [0; 4] } else { [r, g, b, 255] };
        let (pixels, cover) = (vec![pixel; width * rows.len()], Cover::new(width, rows.clone()));
        Bitmap { width, rows, pixels, cover, stamps: FxHashMap::default() }
    }

    /// Its pixels from the upper left, row by row: red, green, blue, strength, premultiplied.
    pub fn pixels(&self) -> &[[u8; 4]] {
        &self.pixels
    }

    /// The pixels of its nth row as bytes: red, green, blue, and strength where it is `transparent`, not premultiplied.
    pub fn write_row(&self, nth: usize, bytes: &mut [u8], transparent: bool) {
        let pixels = self.pixels.get(nth * self.width..).unwrap_or_default();
        if transparent {
            bytes.as_chunks_mut().0.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = straight(*pixel));
        } else {
            let (bytes, last_bytes) = bytes.as_chunks_mut::<12>();
            let (pixels, last_pixels) = pixels.as_chunks::<4>();
            bytes.iter_mut().zip(pixels).for_each(|(to, four)| *to = packed(*four));
            let last = last_bytes.as_chunks_mut().0.iter_mut();
            last.zip(last_pixels).for_each(|(to, [r, g, b, _])| *to = [*r, *g, *b]);
        }
    }

    /// Paints what the mask covers.
    fn paint(&mut self, ink: Ink) {
        let Bitmap { pixels, cover, width, rows, .. } = self;
        let brush = Brush::new(ink);
        cover.drain(|row, column, shares| {
            let from = (row - rows.start) * *width + column;
            let to = from + STRIP.min(*width - column);
            if let Some(pixels) = pixels.get_mut(from..to) {
                brush.lay(pixels, shares);
            }
        });
    }

    fn stamp(&mut self, face: Face, id: ab_glyph::GlyphId, size: f32, shift: u8) -> Option<&Stamp> {
        let key = (face, id.0, size.to_bits(), shift);
        self.stamps.entry(key).or_insert_with(|| stamp(face, id, size, f32::from(shift) / SHIFTS)).as_ref()
    }
}

/// Four pixels without their strengths, as three numbers: one byte after the other takes three times as long.
fn packed(pixels: [[u8; 4]; 4]) -> [u8; 12] {
    let [a, b, c, d] = pixels.map(|pixel| u32::from_le_bytes(pixel) & 0x00ff_ffff);
    let mut bytes = [0; 12];
    let numbers = [a | (b << 24), (b >> 8) | (c << 16), (c >> 16) | (d << 8)];
    bytes.as_chunks_mut().0.iter_mut().zip(numbers).for_each(|(to, number)| *to = number.to_le_bytes());
    bytes
}

/// A pixel's own colour, however much of it is there.
fn straight([r, g, b, a]: [u8; 4]) -> [u8; 4] {
    let whole = |c: u8| ((u32::from(c) * 255 + u32::from(a) / 2) / u32::from(a).max(1)).min(255) as u8;
    [whole(r), whole(g), whole(b), a]
}

/// An ink that is laid over the pixels of a strip together.
struct Brush {
    /// Red, green, blue and strength of each pixel.
    over: [u16; STRIP * 4],
    /// Of 256.
    alpha: i32,
}

impl Brush {
    fn new(ink: Ink) -> Brush {
        let [r, g, b] = ink.rgb.map(u16::from);
        let mut over = [255; STRIP * 4];
        over.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = [r, g, b, 255]);
        Brush { over, alpha: (ink.alpha * 256.0 + 0.5) as i32 }
    }

    fn lay(&self, pixels: &mut [[u8; 4]], shares: &[i32; STRIP]) {
        // Of 256.
        let mut parts = [0u16; STRIP * 4];
        for (parts, share) in parts.as_chunks_mut::<4>().0.iter_mut().zip(shares) {
            *parts = [((*share * self.alpha + WHOLE / 2) >> 16) as u16; 4];
        }
        for ((under, over), part) in pixels.as_flattened_mut().iter_mut().zip(&self.over).zip(&parts) {
            *under = ((over * part + u16::from(*under) * (256 - part) + 128) >> 8) as u8;
        }
    }
}

/// Lays a colour over a pixel; `share` of 256.
fn blend(pixel: &mut [u8; 4], [r, g, b]: [u8; 3], share: u32) {
    const PAIR: u32 = 0x00ff_00ff;
    let share = share.min(256);
    let (over, under) = (u32::from_le_bytes([r, g, b, 255]), u32::from_le_bytes(*pixel));
    // Two channels in one number: neither reaches into the other's half.
    let mix = |over: u32, under: u32| (((over & PAIR) * share + (under & PAIR) * (256 - share) + 0x0080_0080) >> 8) & PAIR;
    *pixel = (mix(over, under) | (mix(over >> 8, under >> 8) << 8)).to_le_bytes();
}

fn stamp(face: Face, id: ab_glyph::GlyphId, size: f32, shift: f32) -> Option<Stamp> {
    let outline = font::outline(face, id, size, shift)?;
    let bounds = outline.px_bounds();
    let (width, height) = (bounds.width().ceil() as usize, bounds.height().ceil() as usize);
    let mut shares = vec![0; width * height];
    outline.draw(|x, y, share| {
        if let Some(cell) = shares.get_mut(y as usize * width + x as usize) {
            // Thin stems of small letters look paler than they are.
            *cell = (share.clamp(0.0, 1.0).powf(0.85) * 255.0 + 0.5) as u8;
        }
    });
    Some(Stamp { left: bounds.min.x as i32, top: bounds.min.y as i32, width, shares })
}

impl Canvas for Bitmap {
    fn rect(&mut self, rect: Rect, ink: Ink) {
        self.cover.outline(&[(rect.x, rect.y), (rect.right(), rect.y), (rect.right(), rect.bottom()), (rect.x, rect.bottom())]);
        self.paint(ink);
    }

    fn lines(&mut self, lines: &[Vec<Spot>], stroke: Stroke) {
        for line in stroke::parted(lines, stroke.dash).iter() {
            stroke::outlines(line, stroke.width, &mut self.cover);
        }
        self.paint(stroke.ink);
    }

    fn shape(&mut self, outline: &[Spot], ink: Ink) {
        self.cover.outline(outline);
        self.paint(ink);
    }

    fn discs(&mut self, centers: &[Spot], radius: f32, ink: Ink, filled: bool) {
        for &(x, y) in centers {
            let disc = stroke::disc((x, y), radius);
            if filled {
                self.cover.outline(&disc);
            } else {
                let mut ring = disc;
                ring.extend(ring.first().copied());
                stroke::outlines(&ring, 1.0, &mut self.cover);
            }
        }
        self.paint(ink);
    }

    fn text(&mut self, at: Spot, text: &str, style: TextStyle) {
        let (letters, width) = font::line(text, style.size);
        let back = match style.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        if !(at.0.is_finite() && at.1.is_finite()) {
            return;
        }
        // Letters stand on whole pixels, which keeps horizontal strokes sharp, and move in quarters along the line.
        let (along, across) = if style.upward { (-at.1 - back, at.0.round() as i32) } else { (at.0 - back, at.1.round() as i32) };
        let (image_width, rows) = (self.width, self.rows.clone());
        for letter in letters {
            let x = ((along + letter.x) * SHIFTS).round();
            let (whole, shift) = ((x / SHIFTS).floor() as i32, x.rem_euclid(SHIFTS) as u8);
            let mut pixels = std::mem::take(&mut self.pixels);
            if let Some(stamp) = self.stamp(letter.face, letter.id, style.size, shift) {
                for (row, line) in stamp.shares.chunks(stamp.width.max(1)).enumerate() {
                    for (column, share) in line.iter().enumerate().filter(|(_, share)| **share > 0) {
                        let (x, y) = (whole + stamp.left + column as i32, across + stamp.top + row as i32);
                        let (x, y) = if style.upward { (y, -x) } else { (x, y) };
                        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { continue };
                        if x < image_width
                            && rows.contains(&y)
                            && let Some(pixel) = pixels.get_mut((y - rows.start) * image_width + x)
                        {
                            blend(pixel, style.ink.rgb, (f32::from(*share) * style.ink.alpha * (256.0 / 255.0)) as u32);
                        }
                    }
                }
            }
            self.pixels = pixels;
        }
    }

    fn clip(&mut self, within: Option<Rect>) {
        let rect = within.unwrap_or(Rect { x: 0.0, y: 0.0, w: self.width as f32, h: self.rows.end as f32 });
        self.cover.bounds(rect.x.round(), rect.y.round(), rect.right().round(), rect.bottom().round());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Ink = Ink::solid(255, 255, 255);
    const BLACK: Ink = Ink::solid(0, 0, 0);

    fn grey(bitmap: &Bitmap, x: usize, y: usize) -> u8 {
        bitmap.pixels()[y * bitmap.width + x][0]
    }

    #[test]
    fn lines_cover_their_share() {
        let mut bitmap = Bitmap::new(10, 10, WHITE);
        bitmap.lines(&[vec![(0.0, 4.5), (10.0, 4.5)], vec![(0.0, 4.5), (10.0, 4.5)]], Stroke::plain(1.0, BLACK));
        assert_eq!([3, 4, 5].map(|y| grey(&bitmap, 5, y)), [255, 0, 255]);
        bitmap.lines(&[vec![(0.0, 8.0), (10.0, 8.0)]], Stroke::plain(1.0, BLACK));
        assert_eq!([6, 7, 8, 9].map(|y| grey(&bitmap, 5, y)), [255, 128, 128, 255]);
    }

    #[test]
    fn nothing_is_painted_outside_of_the_clip() {
        let mut bitmap = Bitmap::new(10, 10, WHITE);
        bitmap.clip(Some(Rect { x: 2.0, y: 2.0, w: 3.0, h: 3.0 }));
        bitmap.rect(Rect { x: -5.0, y: -5.0, w: 50.0, h: 50.0 }, BLACK);
        let painted: Vec<(usize, usize)> = (0..100).map(|i| (i % 10, i / 10)).filter(|(x, y)| grey(&bitmap, *x, *y) < 255).collect();
        assert!(painted.iter().all(|(x, y)| (2..5).contains(x) && (2..5).contains(y)) && painted.len() == 9, "{painted:?}");
    }

    #[test]
    fn texts_are_upright_or_read_upward() {
        let style = TextStyle { size: 12.0, ink: BLACK, anchor: Anchor::Middle, upward: false };
        let dark = |upward: bool| -> (usize, usize) {
            let mut bitmap = Bitmap::new(60, 60, WHITE);
            bitmap.text((30.0, 30.0), "wwww", TextStyle { upward, ..style });
            let spots: Vec<(usize, usize)> = (0..3600).map(|i| (i % 60, i / 60)).filter(|(x, y)| grey(&bitmap, *x, *y) < 128).collect();
            let side = |part: fn(&(usize, usize)) -> usize| spots.iter().map(part).max().unwrap() - spots.iter().map(part).min().unwrap();
            (side(|s| s.0), side(|s| s.1))
        };
        let (wide, high) = dark(false);
        assert!(wide > 30 && high < 10, "{wide} {high}");
        assert_eq!(dark(true), (high, wide));
    }

    #[test]
    fn transparent_stays_transparent() {
        let mut bitmap = Bitmap::new(4, 1, WHITE.alpha(0.0));
        bitmap.rect(Rect { x: 0.0, y: 0.0, w: 1.5, h: 1.0 }, Ink::solid(200, 0, 0));
        assert_eq!(bitmap.pixels(), [[200, 0, 0, 255], [100, 0, 0, 128], [0; 4], [0; 4]]);
    }
}
