//! The font of the pictures, built in: DejaVu Sans (Bitstream Vera licence), so that no system font is needed.

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};
use std::sync::OnceLock;

/// Families in the order in which a viewer of the SVG looks for them; the first is the one that is built in, the
/// second has nearly the same widths.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

static REGISTERED: OnceLock<bool> = OnceLock::new();

/// Makes the font known to the drawing library; false when that failed.
pub fn register() -> bool {
    *REGISTERED.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    })
}

/// The font at a size in pixels.
pub fn font(size: f64, bold: bool) -> FontDesc<'static> {
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FAMILY), size, style)
}

/// Width of a text in pixels.
pub fn width(text: &str, size: f64, bold: bool) -> f64 {
    match font(size, bold).box_size(text) {
        Ok((width, _)) => f64::from(width),
        Err(_) => size * 0.6 * text.chars().count() as f64,
    }
}
