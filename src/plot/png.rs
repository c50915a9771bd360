//! Pixels as a PNG file.
//!
//! The fast setting: a tenth of the time of the usual one for files not twice as long. A picture is looked at once.

use super::PlotError;
use super::bands::Image;

/// Encodes an image.
pub fn encode(image: &Image) -> Result<Vec<u8>, PlotError> {
    let (width, height) = image.size;
    let mut out = Vec::with_capacity((width * height / 4) as usize);
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(if image.transparent { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_compression(png::Compression::Fast);
    let failed = |e: png::EncodingError| PlotError::Encoding(e.to_string());
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&image.bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}
