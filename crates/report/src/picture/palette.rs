//! Colours that people with any colour vision tell apart (Okabe and Ito, 2008), with darker tones for text.

use plotters::style::RGBColor;

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Secondary text.
pub const GREY: RGBColor = RGBColor(0x66, 0x66, 0x66);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xE4, 0xE4, 0xE4);
/// Blue: what is available.
pub const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Orange: the node's working set.
pub const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
/// Bluish green: the pods' working set.
pub const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Vermilion: the kernel kills.
pub const VERMILION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Reddish purple: the kubelet evicts.
pub const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// Sky blue.
pub const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);

/// Colours of single pods, in order of their size.
pub const PODS: [RGBColor; 7] = [VERMILION, BLUE, GREEN, ORANGE, PURPLE, SKY, RGBColor(0x33, 0x33, 0x33)];

/// A tone of the colour that is dark enough for small text on white.
pub fn text(color: RGBColor) -> RGBColor {
    let luminance = 0.2126 * f64::from(color.0) + 0.7152 * f64::from(color.1) + 0.0722 * f64::from(color.2);
    let factor = (95.0 / luminance.max(1.0)).min(1.0);
    let scale = |channel: u8| (f64::from(channel) * factor) as u8;
    RGBColor(scale(color.0), scale(color.1), scale(color.2))
}
