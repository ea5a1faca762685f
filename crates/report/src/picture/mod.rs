//! The picture of a run: what was available and used over time, against the lines that decide, with everything that
//! happened. Drawn as SVG or PNG with a built-in font.

mod axis;
mod canvas;
mod curves;
mod difference;
mod error;
pub mod fleet;
mod font;
mod line;
mod marks;
mod page;
mod palette;
mod panel;
mod processes;
mod scrape;
pub mod story;
pub mod study;
#[cfg(test)]
mod tests;

pub use axis::memory_text;
pub use error::DrawError;
pub use marks::{Class, limit_name as oom_limit_name};
pub use page::{Content, description};
pub use palette::PODS;
pub use scrape::SCRAPE;

use curves::Collector;
use oomsim_core::record::{History, Sample};
use oomsim_core::units::Pid;
use plotters::prelude::{DrawingBackend, SVGBackend};
use scrape::Scraper;

/// Pixels of the PNG for each unit of the SVG.
#[cfg(feature = "png")]
const PNG_SCALE: u32 = 2;

/// Something placed on a page, that can be drawn at any scale.
trait Sheet {
    /// Width and height in pixels.
    fn size(&self, scale: u32) -> (u32, u32);

    /// Its title, and what it shows, for people who cannot see it.
    fn about(&self) -> (String, String);

    /// Draws it.
    fn draw<B: DrawingBackend>(&self, backend: B, scale: f64) -> Result<(), DrawError>;
}

/// The processes whose curves the picture of a run has: its samples are to have them.
pub fn watched(history: &History) -> Vec<Pid> {
    processes::of(history).into_iter().map(|(pid, _)| pid).collect()
}

/// A run's picture under way: it sees the samples of the run one after the other, and keeps what a picture can show.
pub struct Sketch {
    curves: Collector,
    /// Between the run and the curves, where these are what a monitoring system sees.
    scraper: Option<Scraper>,
}

impl Sketch {
    /// Of a run whose samples are still to come; its own may be missing.
    pub fn new(history: &History, content: Content) -> Sketch {
        let scraper = content.prometheus.then(Scraper::default);
        Sketch { curves: Collector::new(history, page::COLUMNS), scraper }
    }

    /// The next sample.
    pub fn take(&mut self, sample: &Sample) {
        match &mut self.scraper {
            Some(scraper) => scraper.take(sample, |scraped| self.curves.take(scraped)),
            None => self.curves.take(sample),
        }
    }

    fn page(mut self, history: &History) -> Result<page::Page<'_>, DrawError> {
        let prometheus = self.scraper.is_some();
        if let Some(scraper) = self.scraper {
            scraper.finish(|scraped| self.curves.take(scraped));
        }
        page::Page::new(history, self.curves, prometheus)
    }

    /// The picture as SVG.
    ///
    /// # Errors
    /// When there was no sample, or the drawing library fails.
    pub fn svg(self, history: &History) -> Result<String, DrawError> {
        to_svg(&self.page(history)?)
    }

    /// The picture as PNG, in twice the resolution of the SVG.
    ///
    /// # Errors
    /// When there was no sample, or the drawing library or the encoder fails.
    #[cfg(feature = "png")]
    pub fn png(self, history: &History) -> Result<Vec<u8>, DrawError> {
        to_png(&self.page(history)?)
    }
}

/// A recorded story and its simulation as SVG.
///
/// # Errors
/// When the drawing library fails.
pub fn story_svg(of: &story::StoryComparison) -> Result<String, DrawError> {
    to_svg(&story::StoryPage::new(of)?)
}

/// A recorded story and its simulation as PNG, in twice the resolution of the SVG.
///
/// # Errors
/// When the drawing library or the encoder fails.
#[cfg(feature = "png")]
pub fn story_png(of: &story::StoryComparison) -> Result<Vec<u8>, DrawError> {
    to_png(&story::StoryPage::new(of)?)
}

fn to_svg(sheet: &impl Sheet) -> Result<String, DrawError> {
    let mut text = String::new();
    sheet.draw(SVGBackend::with_string(&mut text, sheet.size(1)), 1.0)?;
    let (title, about) = sheet.about();
    Ok(described(&text, &title, &about))
}

/// A picture with a title and a description, which browsers show and screen readers read.
fn described(svg: &str, title: &str, about: &str) -> String {
    let escaped =
        |text: &str| crate::escape::line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (title, about) = (escaped(title), escaped(about));
    let Some((head, rest)) = svg.split_once('>') else { return svg.to_owned() };
    format!(
        "{head} role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{title}</title>\n<desc id=\"desc\">{about}</desc>{rest}"
    )
}

#[cfg(feature = "png")]
fn to_png(sheet: &impl Sheet) -> Result<Vec<u8>, DrawError> {
    use plotters::prelude::BitMapBackend;
    let (width, height) = sheet.size(PNG_SCALE);
    let mut pixels = vec![0_u8; width as usize * height as usize * 3];
    sheet.draw(BitMapBackend::with_buffer(&mut pixels, (width, height)), f64::from(PNG_SCALE))?;
    let failed = |why: png::EncodingError| DrawError::Png(why.to_string());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Large areas of one colour: the quick compressor comes close to the thorough one, in a fraction of its time.
    encoder.set_compression(png::Compression::Fast);
    // Most rows are like the one above; trying every filter on each took most of a PNG's time.
    encoder.set_filter(png::Filter::Up);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
