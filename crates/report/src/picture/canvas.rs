//! Lines, areas, symbols and text in pixels, on any of the drawing library's backends.

use super::{DrawError, font};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A position in pixels, before scaling.
pub type Xy = (f64, f64);

/// Where a text stands relative to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// To the right of it.
    Start,
    /// Around it.
    Middle,
    /// To the left of it.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Font {
    /// Height in pixels.
    pub size: f64,
    /// Bold.
    pub bold: bool,
    /// Colour.
    pub color: RGBColor,
}

/// A symbol at an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// The kernel kills.
    Cross,
    /// The kubelet evicts.
    TriangleDown,
    /// Something was refused.
    Diamond,
    /// Something was not let in.
    Ring,
    /// A state changed.
    Square,
}

/// A drawing area with a scale: coordinates are given for scale 1.
pub struct Canvas<B: DrawingBackend> {
    area: DrawingArea<B, Shift>,
    scale: f64,
}

fn failed<E: std::fmt::Display>(why: E) -> DrawError {
    DrawError::Backend(why.to_string())
}

impl<B: DrawingBackend> Canvas<B> {
    /// A canvas over a whole backend.
    pub fn new(backend: B, scale: f64) -> Self {
        Canvas { area: backend.into_drawing_area(), scale }
    }

    fn px(&self, (x, y): Xy) -> (i32, i32) {
        let limit = |v: f64| (v * self.scale).round().clamp(-1e6, 1e6) as i32;
        (limit(x), limit(y))
    }

    fn stroke(&self, color: RGBAColor, width: f64) -> ShapeStyle {
        ShapeStyle { color, filled: false, stroke_width: (width * self.scale).round().max(1.0) as u32 }
    }

    /// Fills everything.
    pub fn background(&self, color: RGBColor) -> Result<(), DrawError> {
        self.area.fill(&color).map_err(failed)
    }

    /// A line through points; `dash` is the length of dashes and gaps, 0 for a solid line.
    pub fn line(&self, points: &[Xy], color: RGBAColor, width: f64, dash: f64) -> Result<(), DrawError> {
        if points.len() < 2 {
            return Ok(());
        }
        let style = self.stroke(color, width);
        let pieces = if dash > 0.0 { dashes(points, dash) } else { vec![points.to_vec()] };
        for piece in pieces {
            let mut path: Vec<_> = piece.iter().map(|&p| self.px(p)).collect();
            path.dedup();
            for part in cut_at_turns(&path) {
                self.area.draw(&PathElement::new(part, style)).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// A filled rectangle.
    pub fn rectangle(&self, a: Xy, b: Xy, color: RGBAColor) -> Result<(), DrawError> {
        self.area.draw(&Rectangle::new([self.px(a), self.px(b)], color.filled())).map_err(failed)
    }

    /// A filled polygon.
    pub fn polygon(&self, points: &[Xy], color: RGBAColor) -> Result<(), DrawError> {
        let points: Vec<_> = points.iter().map(|&p| self.px(p)).collect();
        self.area.draw(&Polygon::new(points, color.filled())).map_err(failed)
    }

    /// A text whose vertical middle is at the position.
    pub fn text(&self, text: &str, at: Xy, anchor: Anchor, look: Font) -> Result<(), DrawError> {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style =
            font::font(look.size * self.scale, look.bold).color(&look.color).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), self.px(at), style)).map_err(failed)
    }

    /// A symbol with a white rim, so that it stands out from curves.
    pub fn symbol(&self, symbol: Symbol, at: Xy, color: RGBColor) -> Result<(), DrawError> {
        let (x, y) = at;
        let shape = |r: f64| -> Vec<Xy> {
            match symbol {
                Symbol::TriangleDown => vec![(x - r, y - r * 0.8), (x + r, y - r * 0.8), (x, y + r)],
                Symbol::Square => vec![
                    (x - r * 0.8, y - r * 0.8),
                    (x + r * 0.8, y - r * 0.8),
                    (x + r * 0.8, y + r * 0.8),
                    (x - r * 0.8, y + r * 0.8),
                ],
                _ => vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)],
            }
        };
        let polygon = |points: Vec<Xy>, color: RGBColor| {
            let points: Vec<_> = points.into_iter().map(|p| self.px(p)).collect();
            self.area.draw(&Polygon::new(points, color.filled())).map_err(failed)
        };
        let radius = |r: f64| (r * self.scale).round() as i32;
        match symbol {
            Symbol::Cross => {
                for (width, color) in [(5.0, WHITE), (2.6, color)] {
                    for (from, to) in
                        [((x - 5.0, y - 5.0), (x + 5.0, y + 5.0)), ((x - 5.0, y + 5.0), (x + 5.0, y - 5.0))]
                    {
                        self.line(&[from, to], color.into(), width, 0.0)?;
                    }
                }
                Ok(())
            }
            Symbol::Ring => {
                for (r, color) in [(6.5, WHITE), (5.5, color), (2.8, WHITE)] {
                    self.area.draw(&Circle::new(self.px(at), radius(r), color.filled())).map_err(failed)?;
                }
                Ok(())
            }
            Symbol::TriangleDown | Symbol::Diamond | Symbol::Square => {
                polygon(shape(8.0), WHITE)?;
                polygon(shape(6.0), color)
            }
        }
    }

    /// Completes the picture.
    pub fn finish(self) -> Result<(), DrawError> {
        self.area.present().map_err(failed)
    }
}

/// Cuts a line where it turns sharply: the drawing library would draw a long spike at such a corner.
fn cut_at_turns(points: &[(i32, i32)]) -> Vec<Vec<(i32, i32)>> {
    let step = |from: (i32, i32), to: (i32, i32)| (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let mut pieces = vec![points.iter().take(1).copied().collect::<Vec<_>>()];
    for (n, &point) in points.iter().enumerate().skip(1) {
        if let Some(piece) = pieces.last_mut() {
            piece.push(point);
        }
        let Some(&next) = points.get(n + 1) else { break };
        let (a, b) = (step(points[n - 1], point), step(point, next));
        if a.0 * b.0 + a.1 * b.1 < 0.2 * a.0.hypot(a.1) * b.0.hypot(b.1) {
            pieces.push(vec![point]);
        }
    }
    pieces
}

/// Cuts a line into dashes of equal length along its way.
fn dashes(points: &[Xy], dash: f64) -> Vec<Vec<Xy>> {
    let (mut pieces, mut current, mut on, mut left) = (Vec::new(), Vec::new(), true, dash);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        if on && current.is_empty() {
            current.push(from);
        }
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy);
            if length <= left {
                left -= length;
                if on {
                    current.push(to);
                }
                break;
            }
            let part = left / length;
            from = (from.0 + dx * part, from.1 + dy * part);
            if on {
                current.push(from);
                pieces.push(std::mem::take(&mut current));
            } else {
                current.push(from);
            }
            (on, left) = (!on, dash);
        }
    }
    if current.len() > 1 {
        pieces.push(current);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharp_turns_end_a_piece() {
        let pieces = cut_at_turns(&[(0, 0), (1, 90), (2, 0), (20, 5), (40, 8)]);
        assert_eq!(pieces, [vec![(0, 0), (1, 90)], vec![(1, 90), (2, 0)], vec![(2, 0), (20, 5), (40, 8)]]);
    }

    #[test]
    fn dashes_follow_the_line() {
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 6.0)], 4.0);
        let ends = |p: &Vec<Xy>| (p[0], p[p.len() - 1]);
        let expected = [((0.0, 0.0), (4.0, 0.0)), ((8.0, 0.0), (10.0, 2.0))];
        assert_eq!(pieces.iter().map(ends).collect::<Vec<_>>(), expected);
    }
}
