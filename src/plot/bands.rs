//! A picture drawn by several threads, each in a band of its rows: who draws says each step once, and every band takes it up
//! while the next ones are still being thought out.
//!
//! The number of bands is fixed, so that a picture is the same on every machine.

use super::PlotError;
use super::bitmap::Bitmap;
use super::canvas::{Canvas, Ink, Rect, Spot, Stroke, TextStyle};
use super::png;
use super::stroke;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// Bands of a picture.
const BANDS: usize = 2;
/// Pixels below which threads cost more than they save.
const PIXELS_MIN: usize = 500_000;

/// A finished image.
pub struct Image {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Each pixel has a strength, not premultiplied: the background was clear.
    pub transparent: bool,
    /// Row by row, filtered ([`png::filter`]): red, green, blue, and the strength where there is one.
    pub rows: Vec<u8>,
}

impl Image {
    fn empty((width, height): (u32, u32), background: Ink) -> Image {
        let transparent = background.is_clear();
        Image { size: (width, height), transparent, rows: vec![0; png::row_bytes(width, transparent) * height as usize] }
    }
}

/// Draws by `draw` on a background.
pub fn draw(size: (u32, u32), background: Ink, draw: impl FnOnce(&mut dyn Canvas) -> Result<(), PlotError>) -> Result<Image, PlotError> {
    let mut image = Image::empty(size, background);
    let (width, height) = (size.0 as usize, size.1 as usize);
    if width * height < PIXELS_MIN {
        let mut whole = Bitmap::band(width, 0..height, background);
        draw(&mut whole)?;
        filter(&whole, &mut image.rows, image.size.0, image.transparent);
    } else {
        in_bands(&mut image, background, draw)?;
    }
    Ok(image)
}

fn in_bands(image: &mut Image, background: Ink, draw: impl FnOnce(&mut dyn Canvas) -> Result<(), PlotError>) -> Result<(), PlotError> {
    let (width, height) = (image.size.0 as usize, image.size.1 as usize);
    let (rows, transparent, image_width) = (height.div_ceil(BANDS), image.transparent, image.size.0);
    let row_bytes = png::row_bytes(image_width, transparent);
    std::thread::scope(|scope| {
        let mut tape = Tape { bands: Vec::new() };
        let mut painters = Vec::new();
        for (nth, bytes) in image.rows.chunks_mut((rows * row_bytes).max(1)).enumerate() {
            let (sender, steps) = channel::<Arc<Step>>();
            tape.bands.push(sender);
            painters.push(scope.spawn(move || {
                let mut band = Bitmap::band(width, nth * rows..height.min((nth + 1) * rows), background);
                steps.iter().for_each(|step| step.draw(&mut band));
                filter(&band, bytes, image_width, transparent);
            }));
        }
        let drawn = draw(&mut tape);
        // The end of the steps.
        drop(tape);
        let ended = painters.into_iter().filter_map(|painter| painter.join().err()).count();
        drawn.and(if ended == 0 { Ok(()) } else { Err(PlotError::Ended) })
    })
}

/// Fills the rows of a bitmap as the encoder takes them.
fn filter(bitmap: &Bitmap, rows: &mut [u8], width: u32, transparent: bool) {
    png::filter(rows, width, transparent, |nth, row| bitmap.write_row(nth, row, transparent));
}

/// Something to draw.
enum Step {
    Rect(Rect, Ink),
    Lines(Vec<Vec<Spot>>, Stroke),
    Shape(Vec<Spot>, Ink),
    Discs(Vec<Spot>, f32, Ink, bool),
    Text(Spot, String, TextStyle),
    Clip(Option<Rect>),
}

impl Step {
    fn draw(&self, canvas: &mut dyn Canvas) {
        match self {
            Step::Rect(rect, ink) => canvas.rect(*rect, *ink),
            Step::Lines(lines, stroke) => canvas.lines(lines, *stroke),
            Step::Shape(outline, ink) => canvas.shape(outline, *ink),
            Step::Discs(centers, radius, ink, filled) => canvas.discs(centers, *radius, *ink, *filled),
            Step::Text(at, text, style) => canvas.text(*at, text, *style),
            Step::Clip(within) => canvas.clip(*within),
        }
    }
}

/// Hands each step to every band.
struct Tape {
    bands: Vec<Sender<Arc<Step>>>,
}

impl Tape {
    fn say(&self, step: Step) {
        let step = Arc::new(step);
        // A band that has ended is told of when it is joined.
        self.bands.iter().for_each(|band| drop(band.send(step.clone())));
    }
}

impl Canvas for Tape {
    fn rect(&mut self, rect: Rect, ink: Ink) {
        self.say(Step::Rect(rect, ink));
    }

    fn lines(&mut self, lines: &[Vec<Spot>], stroke: Stroke) {
        // Dashes are parted once, not in every band.
        let lines = stroke::parted(lines, stroke.dash).into_owned();
        self.say(Step::Lines(lines, Stroke { dash: &[], ..stroke }));
    }

    fn shape(&mut self, outline: &[Spot], ink: Ink) {
        self.say(Step::Shape(outline.to_vec(), ink));
    }

    fn discs(&mut self, centers: &[Spot], radius: f32, ink: Ink, filled: bool) {
        self.say(Step::Discs(centers.to_vec(), radius, ink, filled));
    }

    fn text(&mut self, at: Spot, text: &str, style: TextStyle) {
        self.say(Step::Text(at, text.to_owned(), style));
    }

    fn clip(&mut self, within: Option<Rect>) {
        self.say(Step::Clip(within));
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::Anchor;
    use super::*;

    fn scribble(canvas: &mut dyn Canvas, height: f32) {
        let ink = Ink::solid(200, 30, 90);
        canvas.clip(Some(Rect { x: 3.0, y: 2.0, w: 90.0, h: height - 5.0 }));
        let line = (0..200).map(|n| (n as f32 * 0.5, height * (0.5 + 0.6 * (n as f32 * 1.7).sin()))).collect();
        canvas.lines(&[line], Stroke::plain(1.6, ink));
        canvas.shape(&[(5.0, height * 0.3), (80.0, height * 0.9), (40.0, height * 1.5)], ink.alpha(0.4));
        canvas.discs(&[(30.0, height * 0.5), (60.0, height * 0.49)], 5.0, Ink::solid(0, 0, 0), false);
        canvas.clip(None);
        canvas.rect(Rect { x: 1.0, y: height * 0.4, w: 9.5, h: height * 0.2 }, ink);
        let style = TextStyle { size: 12.0, ink, anchor: Anchor::Middle, upward: true };
        canvas.text((50.0, height * 0.5), "weg über die Grenze", style);
        canvas.text((50.0, height * 0.5), "weg", TextStyle { upward: false, ..style });
    }

    fn decoded(image: &Image) -> Vec<u8> {
        let file = png::encode(image).unwrap();
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    }

    #[test]
    fn bands_are_one_picture() {
        for (height, background) in [(10, Ink::solid(255, 255, 255)), (121, Ink::solid(9, 9, 9)), (600, Ink::solid(0, 0, 0).alpha(0.0))] {
            let [mut got, mut want] = [(); 2].map(|()| Image::empty((100, height), background));
            let scribbled = in_bands(&mut got, background, |canvas| {
                scribble(canvas, height as f32);
                Ok(())
            });
            scribbled.unwrap();
            let mut whole = Bitmap::new(100, height, background);
            scribble(&mut whole, height as f32);
            filter(&whole, &mut want.rows, 100, want.transparent);
            let (got, want) = (decoded(&got), decoded(&want));
            assert!(want.windows(2).any(|pair| pair[0] != pair[1]));
            // Edges that begin at the border between two bands are computed from there.
            let differs = got.iter().zip(&want).filter(|(a, b)| a.abs_diff(**b) > 2).count();
            assert_eq!(differs, 0, "{height} rows");
        }
    }
}
