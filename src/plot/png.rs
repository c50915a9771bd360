//! Pixels as a PNG file.
//!
//! The fast setting: a tenth of the time of the usual one for files not twice as long. A picture is looked at once.

use super::PlotError;
use super::bitmap::Bitmap;

/// Encodes an image; one without transparent pixels has no fourth channel.
pub fn encode(bitmap: &Bitmap, width: u32, height: u32, transparent: bool) -> Result<Vec<u8>, PlotError> {
    let mut out = Vec::with_capacity((width * height / 4) as usize);
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(if transparent { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_compression(png::Compression::Fast);
    let bytes: Vec<u8> = if transparent {
        bitmap.pixels().iter().flat_map(|pixel| straight(*pixel)).collect()
    } else {
        let mut bytes = vec![0; bitmap.pixels().len() * 3];
        for (to, [r, g, b, _]) in bytes.chunks_exact_mut(3).zip(bitmap.pixels()) {
            to.copy_from_slice(&[*r, *g, *b]);
        }
        bytes
    };
    let failed = |e: png::EncodingError| PlotError::Encoding(e.to_string());
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

/// A pixel's own colour, however much of it is there.
fn straight([r, g, b, a]: [u8; 4]) -> [u8; 4] {
    let whole = |c: u8| ((u32::from(c) * 255 + u32::from(a) / 2) / u32::from(a).max(1)).min(255) as u8;
    [whole(r), whole(g), whole(b), a]
}
