//! Answers as pictures: what a picture may look like ([`options`]), what is in it ([`picture`]), and the drawing of both as PNG
//! or SVG. Knows answers of `query` ([`groups`]), nothing of sockets or tables.
//!
//! [`draw`] and [`draw_svg`] are all that others need. In order of work: [`sheet`] finds room for everything, [`paint`] draws it with
//! plotters, whose backend here is a [`board`]: it puts what plotters draws on a [`canvas`], pixels ([`bitmap`], in [`bands`]) or
//! text ([`svg`]).
//! Bounds: pixels by [`options`], places of a line by the width of the picture, legends by their room.

pub mod axis;
mod bands;
pub mod bitmap;
pub mod board;
pub mod cache;
pub mod canvas;
pub mod colors;
pub mod cover;
pub mod direction;
pub mod font;
pub mod gaps;
pub mod groups;
pub mod legend;
pub mod lines;
pub mod options;
pub mod paint;
pub mod picture;
mod png;
pub mod sheet;
pub mod smooth;
pub mod stroke;
pub mod svg;
pub mod terminal;
pub mod turns;

pub use options::{Options, OptionsError};
pub use picture::{Heat, HeatRow, Mark, Picture, Series};

use plotters::drawing::DrawingAreaErrorKind;
use sheet::Sheet;
use std::convert::Infallible;
use svg::Svg;

/// What those who draw share: kept answers, and whose turn it is.
#[derive(Debug)]
pub struct Pictures {
    /// Finished answers on disk.
    pub cache: cache::Cache,
    /// The line of those who draw.
    pub turns: turns::Turns,
}

/// A picture that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// plotters says so.
    #[error("the picture cannot be drawn: {0}")]
    Drawing(#[from] DrawingAreaErrorKind<Infallible>),
    /// A thread has ended before its time.
    #[error("the picture cannot be drawn: a thread has ended")]
    Ended,
    /// The encoder failed.
    #[error("the picture cannot be encoded: {0}")]
    Encoding(String),
}

/// A picture as a PNG file.
pub fn draw(picture: &Picture, options: &Options) -> Result<Vec<u8>, PlotError> {
    let sheet = Sheet::new(picture, options);
    let image = bands::draw(options.size, sheet.colors.background, |canvas| Ok(paint::paint(canvas, picture, options, &sheet)?))?;
    png::encode(&image)
}

/// A picture as an SVG document.
pub fn draw_svg(picture: &Picture, options: &Options) -> Result<String, PlotError> {
    let (width, height) = options.size;
    let sheet = Sheet::new(picture, options);
    let names: Vec<String> = picture.series.iter().take(10).map(Series::title).collect();
    let title = options.title.clone().unwrap_or_else(|| names.join(", "));
    let mut svg = Svg::new(width, height, sheet.colors.background, &title);
    paint::paint(&mut svg, picture, options, &sheet)?;
    Ok(svg.finish())
}

#[cfg(test)]
mod tests;
