//! The font of the pictures, built in: DejaVu Sans (Bitstream Vera licence), so that no system font is needed. Widths
//! are measured here and not by the drawing library, so that every backend and every machine places labels alike.

use ab_glyph::{Font as _, FontRef, ScaleFont};
use plotters::style::{FontDesc, FontFamily, FontStyle};
use std::sync::OnceLock;

/// Families in the order in which a viewer of the SVG looks for them; the first is the one that is built in, the
/// second has nearly the same widths.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

struct Faces {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

fn faces() -> Option<&'static Faces> {
    static FACES: OnceLock<Option<Faces>> = OnceLock::new();
    FACES.get_or_init(load).as_ref()
}

fn load() -> Option<Faces> {
    let regular = FontRef::try_from_slice(dejavu::sans::regular()).ok()?;
    let bold = FontRef::try_from_slice(dejavu::sans::bold()).ok()?;
    #[cfg(all(feature = "png", not(target_arch = "wasm32")))]
    {
        use plotters::style::register_font;
        register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).ok()?;
        register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold()).ok()?;
    }
    Some(Faces { regular, bold })
}

/// Makes the font known to the drawing library; false when that failed.
pub fn register() -> bool {
    faces().is_some()
}

/// The font at a size in pixels.
pub fn font(size: f64, bold: bool) -> FontDesc<'static> {
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FAMILY), size, style)
}

/// Width of a text in whole pixels.
pub fn width(text: &str, size: f64, bold: bool) -> f64 {
    let Some(faces) = faces() else { return size * 0.6 * text.chars().count() as f64 };
    let face = if bold { &faces.bold } else { &faces.regular }.as_scaled(size as f32);
    let (mut width, mut before) = (0.0, None);
    for glyph in text.chars().map(|c| face.glyph_id(c)) {
        width += before.map_or(0.0, |before| face.kern(before, glyph)) + face.h_advance(glyph);
        before = Some(glyph);
    }
    f64::from(width.trunc())
}
