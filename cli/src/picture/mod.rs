//! The picture of a run: what was available and used over time, against the lines that decide, with everything that
//! happened. Drawn as SVG or PNG with a built-in font.

mod axis;
mod canvas;
mod curves;
mod font;
mod marks;
mod page;
mod palette;
mod panel;
pub mod study;
#[cfg(test)]
mod tests;

pub use axis::memory_text;
pub use canvas::DrawError;
pub use curves::SCRAPE;
pub use marks::limit_name as oom_limit_name;
pub use page::Content;
pub use palette::PODS;

use plotters::prelude::{BitMapBackend, SVGBackend};
use sim_core::record::History;

/// Pixels of the PNG for each unit of the SVG.
const PNG_SCALE: u32 = 2;

/// The picture as SVG.
///
/// # Errors
/// When the drawing library fails.
pub fn svg(history: &History, content: Content) -> Result<String, DrawError> {
    let page = page::Page::new(history, content)?;
    let mut text = String::new();
    page.draw(SVGBackend::with_string(&mut text, page.size(1)), 1.0)?;
    Ok(text)
}

/// The picture as PNG, in twice the resolution of the SVG.
///
/// # Errors
/// When the drawing library or the encoder fails.
pub fn png(history: &History, content: Content) -> Result<Vec<u8>, DrawError> {
    let page = page::Page::new(history, content)?;
    let (width, height) = page.size(PNG_SCALE);
    let mut pixels = vec![0_u8; width as usize * height as usize * 3];
    page.draw(BitMapBackend::with_buffer(&mut pixels, (width, height)), f64::from(PNG_SCALE))?;
    let failed = |why: png::EncodingError| format!("the PNG could not be written: {why}");
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
