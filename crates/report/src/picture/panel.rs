//! One chart: bands, grid, lines, curves, and their labels in the right margin.

use super::axis::{memory_text, memory_ticks, time_text, time_ticks};
use super::canvas::{Anchor, Canvas, Font, Xy};
use super::curves::Curve;
use super::{DrawError, font, palette};
use ordered_float::OrderedFloat;
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBAColor, RGBColor};

/// A horizontal line with a label.
#[derive(Clone, Debug)]
pub struct Threshold {
    /// Label.
    pub name: String,
    /// Bytes.
    pub value: f64,
    /// Colour.
    pub color: RGBColor,
    /// Length of dashes; 0 for a solid line.
    pub dash: f64,
}

/// A shaded stretch.
#[derive(Clone, Copy, Debug)]
pub struct Band {
    /// From, in bytes.
    pub low: f64,
    /// To, in bytes.
    pub high: f64,
    /// Colour with transparency.
    pub color: RGBAColor,
}

/// Where a chart stands and what its axes cover.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Left edge of the plot, in pixels.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Upper edge.
    pub top: f64,
    /// Lower edge.
    pub bottom: f64,
    /// Last second.
    pub end: f64,
    /// Lowest amount.
    pub low: f64,
    /// Highest amount.
    pub high: f64,
    /// Title, in the left margin above the axis.
    pub title: String,
}

/// A label in the right margin.
#[derive(Clone, Debug, PartialEq)]
pub struct SideLabel {
    /// Where its line or curve ends.
    pub from: Xy,
    /// Middle of the text.
    pub y: f64,
    /// Text.
    pub text: String,
    /// Colour of what it names.
    pub color: RGBColor,
    /// Bold for curves.
    pub bold: bool,
}

/// Height of a line of text in the margin.
pub const LINE: f64 = 16.0;
const SIZE: f64 = 13.0;

impl Panel {
    /// Pixel of a time in seconds.
    pub fn x(&self, seconds: f64) -> f64 {
        self.left + (self.right - self.left) * seconds / self.end.max(1e-9)
    }

    /// Pixel of an amount.
    pub fn y(&self, bytes: f64) -> f64 {
        let part = (bytes - self.low) / (self.high - self.low).max(1.0);
        self.bottom - (self.bottom - self.top) * part.clamp(0.0, 1.0)
    }

    /// Bands, grid, axis labels and frame.
    pub fn ground<B: DrawingBackend>(&self, canvas: &Canvas<B>, bands: &[Band], times: bool) -> Result<(), DrawError> {
        for band in bands {
            if band.high > band.low {
                canvas.rectangle((self.left, self.y(band.high)), (self.right, self.y(band.low)), band.color)?;
            }
        }
        let grey = Font { size: SIZE, bold: false, color: palette::GREY };
        let most = ((self.bottom - self.top) / 45.0).max(2.0) as usize;
        for tick in memory_ticks(self.low, self.high, most) {
            let y = self.y(tick);
            canvas.line(&[(self.left, y), (self.right, y)], palette::GRID.into(), 1.0, 0.0)?;
            canvas.text(&memory_text(tick), (self.left - 8.0, y), Anchor::End, grey)?;
        }
        let most = ((self.right - self.left) / 90.0).max(2.0) as usize;
        for tick in time_ticks(self.end, most) {
            let x = self.x(tick);
            canvas.line(&[(x, self.top), (x, self.bottom)], palette::GRID.into(), 1.0, 0.0)?;
            canvas.line(&[(x, self.bottom), (x, self.bottom + 5.0)], palette::GREY.into(), 1.0, 0.0)?;
            if times {
                canvas.text(&time_text(tick), (x, self.bottom + 15.0), Anchor::Middle, grey)?;
            }
        }
        let frame = [(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)];
        canvas.line(&frame, palette::GREY.into(), 1.0, 0.0)?;
        let title = Font { size: 14.0, bold: true, color: palette::INK };
        canvas.text(&self.title, (self.left - 8.0, self.top - 14.0), Anchor::End, title)
    }

    /// Threshold lines.
    pub fn thresholds<B: DrawingBackend>(&self, canvas: &Canvas<B>, lines: &[Threshold]) -> Result<(), DrawError> {
        for line in lines {
            let y = self.y(line.value);
            canvas.line(&[(self.left, y), (self.right, y)], line.color.mix(0.9), 1.3, line.dash)?;
        }
        Ok(())
    }

    /// Curves, the first on top.
    pub fn curves<'a, B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        curves: impl DoubleEndedIterator<Item = &'a Curve>,
    ) -> Result<(), DrawError> {
        for curve in curves.rev() {
            for run in &curve.runs {
                let mut pixels: Vec<Xy> = run.iter().map(|&(at, value)| (self.x(at), self.y(value))).collect();
                if let ([only], 1) = (&pixels[..], pixels.len()) {
                    pixels = vec![(only.0 - 1.0, only.1), (only.0 + 1.0, only.1)];
                }
                canvas.line(&pixels, curve.color.into(), 2.0, curve.dash)?;
            }
        }
        Ok(())
    }

    /// Where the labels of curves and thresholds stand in the right margin: each as near to its end as the others
    /// let it.
    pub fn side_labels<'a>(&self, curves: impl Iterator<Item = &'a Curve>, thresholds: &[Threshold]) -> Vec<SideLabel> {
        let mut labels = Vec::new();
        for line in thresholds {
            let y = self.y(line.value);
            let text = format!("{} {}", line.name, memory_text(line.value));
            labels.push(SideLabel { from: (self.right, y), y, text, color: line.color, bold: false });
        }
        for curve in curves {
            let Some((at, value)) = curve.end() else { continue };
            let y = self.y(value);
            let gone = if at < self.end * 0.999 { format!(" (until {})", time_text(at)) } else { String::new() };
            let peak = curve.peak();
            let beyond = if peak > self.high { format!(" (up to {})", memory_text(peak)) } else { String::new() };
            let text = format!("{}{gone}{beyond}", curve.name);
            labels.push(SideLabel { from: (self.right, y), y, text, color: curve.color, bold: true });
        }
        spread(&mut labels, self.top, self.bottom);
        labels
    }

    /// Draws the labels of the right margin.
    pub fn draw_side_labels<B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        labels: &[SideLabel],
        room: f64,
    ) -> Result<(), DrawError> {
        for label in labels {
            let text_at = self.right + 22.0;
            let lead = [(label.from.0 + 2.0, label.from.1), (self.right + 12.0, label.y), (text_at - 4.0, label.y)];
            canvas.line(&lead, label.color.into(), 1.2, 0.0)?;
            let look = Font { size: SIZE, bold: label.bold, color: palette::text(label.color) };
            let text = shortened(&label.text, room - 26.0, look);
            canvas.text(&text, (text_at, label.y), Anchor::Start, look)?;
        }
        Ok(())
    }
}

/// Cuts a text that is too wide.
pub fn shortened(text: &str, room: f64, look: Font) -> String {
    if font::width(text, look.size, look.bold) <= room {
        return text.to_owned();
    }
    let mut cut: Vec<char> = text.chars().collect();
    while cut.len() > 1 && font::width(&format!("{}…", cut.iter().collect::<String>()), look.size, look.bold) > room {
        cut.pop();
    }
    format!("{}…", cut.iter().collect::<String>())
}

/// Moves labels apart, keeping their order, within the panel's height as far as there is room.
fn spread(labels: &mut [SideLabel], top: f64, bottom: f64) {
    labels.sort_by_key(|label| OrderedFloat(label.from.1));
    let count = labels.len() as f64;
    let gap = LINE.min((bottom - top + LINE) / count.max(1.0));
    // Clusters of touching labels are centred on the mean of their anchors.
    let mut clusters: Vec<(f64, usize)> = Vec::new();
    let ends = |(mean, size): (f64, usize)| (mean - gap * size as f64 / 2.0, mean + gap * size as f64 / 2.0);
    for label in labels.iter() {
        let mut cluster = (label.from.1, 1);
        while let Some(&before) = clusters.last() {
            if ends(before).1 <= ends(cluster).0 {
                break;
            }
            clusters.pop();
            let size = before.1 + cluster.1;
            let mean = (before.0 * before.1 as f64 + cluster.0 * cluster.1 as f64) / size as f64;
            cluster = (mean, size);
        }
        let half = gap * cluster.1 as f64 / 2.0;
        cluster.0 = cluster.0.max(top - LINE / 2.0 + half).min(bottom + LINE / 2.0 - half);
        clusters.push(cluster);
    }
    let places = clusters
        .iter()
        .flat_map(|&(mean, size)| (0..size).map(move |n| mean - gap * size as f64 / 2.0 + gap * (n as f64 + 0.5)));
    for (label, y) in labels.iter_mut().zip(places.collect::<Vec<_>>()) {
        label.y = y;
    }
    // The lower edge may have pushed a cluster into the one above it.
    for n in (1..labels.len()).rev() {
        let most = labels[n].y - gap;
        labels[n - 1].y = labels[n - 1].y.min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_labels_keep_their_order_and_do_not_overlap() {
        for anchors in [
            vec![10.0, 11.0, 12.0, 200.0],
            vec![398.0, 399.0, 400.0, 380.0, 0.0],
            vec![5.0; 12],
            (0..25).map(f64::from).collect(),
        ] {
            let label =
                |y: &f64| SideLabel { from: (0.0, *y), y: *y, text: String::new(), color: palette::INK, bold: true };
            let mut labels: Vec<_> = anchors.iter().map(label).collect();
            spread(&mut labels, 0.0, 400.0);
            assert!(labels.windows(2).all(|pair| pair[1].y - pair[0].y >= LINE - 0.001), "{labels:?}");
            assert!(labels.iter().all(|l| l.y >= -LINE && l.y <= 400.0 + LINE), "{labels:?}");
        }
    }
}
