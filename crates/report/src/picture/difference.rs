//! What the panel of differences shows: a spike of an instant must not hide what differs all the time.

use super::axis::memory_text;
use super::line::Point;

/// The panel shows at least this much, in bytes: less is noise.
const LEAST: f64 = 4.0 * MIB;
const MIB: f64 = 1024.0 * 1024.0;
/// This share of each curve is within the panel.
const SHOWN: f64 = 0.98;

/// The panel's axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// It reaches from `-edge` to `edge` bytes.
    pub edge: f64,
    /// Greatest absolute difference, in bytes.
    pub greatest: f64,
}

impl Scale {
    /// The axis for these curves: the least power of two that holds 98 % of each. When twice that holds everything,
    /// nothing is cut.
    pub fn of<'a>(curves: impl Iterator<Item = &'a [Point]>) -> Scale {
        let (mut most, mut greatest) = (0.0_f64, 0.0_f64);
        for curve in curves {
            let mut sizes: Vec<f64> = curve.iter().map(|p| p.1.abs()).filter(|size| size.is_finite()).collect();
            sizes.sort_by(f64::total_cmp);
            let index = (sizes.len().saturating_sub(1) as f64 * SHOWN).ceil() as usize;
            most = most.max(sizes.get(index).copied().unwrap_or_default());
            greatest = greatest.max(sizes.last().copied().unwrap_or_default());
        }
        let (edge, whole) = (round(most), round(greatest));
        Scale { edge: if whole <= 2.0 * edge { whole } else { edge }, greatest }
    }

    /// The panel's title.
    pub fn title(&self) -> String {
        if self.greatest <= self.edge {
            return "simulated less recorded".into();
        }
        let (edge, greatest) = (memory_text(self.edge), memory_text(self.greatest));
        format!("simulated less recorded (cut at ±{edge}; greatest {greatest})")
    }

    /// The parts of a curve within the panel, each up to the edge where it leaves it.
    pub fn within(&self, points: &[Point]) -> Vec<Vec<Point>> {
        let mut runs: Vec<Vec<Point>> = Vec::new();
        let mut last: Option<Point> = None;
        for pair in points.windows(2) {
            let Some((from, to)) = self.segment(pair[0], pair[1]) else { continue };
            match runs.last_mut() {
                Some(run) if last == Some(from) => run.push(to),
                _ => runs.push(vec![from, to]),
            }
            last = Some(to);
        }
        runs
    }

    /// The part of a straight line within the panel.
    fn segment(&self, a: Point, b: Point) -> Option<(Point, Point)> {
        let beyond = |p: Point| if p.1.abs() <= self.edge { 0.0 } else { p.1.signum() };
        match (beyond(a), beyond(b)) {
            (0.0, 0.0) => return Some((a, b)),
            (from, to) if from == to || from.is_nan() || to.is_nan() => return None,
            _ => {}
        }
        // Shares of the way from `a` to `b` at which the edges are met, in order.
        let met = [-self.edge, self.edge].map(|edge| (edge - a.1) / (b.1 - a.1));
        let at = |share: f64| (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share);
        Some((at(met[0].min(met[1]).max(0.0)), at(met[0].max(met[1]).min(1.0))))
    }
}

/// The least power of two, so that both edges have a tick.
fn round(bytes: f64) -> f64 {
    let edges = (0..40).map(|power| LEAST * 2_f64.powi(power));
    edges.into_iter().find(|edge| *edge >= bytes).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(mib: impl IntoIterator<Item = f64>) -> Vec<Point> {
        mib.into_iter().enumerate().map(|(n, value)| (n as f64, value * MIB)).collect()
    }

    /// 1000 points of at most ±5 MiB and one of −512: the least power of two above 5 is 8.
    #[test]
    fn a_spike_is_cut_and_said() {
        let calm = (0..1000).map(|n| f64::from(n % 11) - 5.0);
        let spike = curve(calm.clone().chain([-512.0]).chain([0.0]));
        let scale = Scale::of([&spike[..], &curve([1.0, -1.0])].into_iter());
        assert_eq!((scale.edge, scale.greatest), (8.0 * MIB, 512.0 * MIB));
        assert_eq!(scale.title(), "simulated less recorded (cut at ±8Mi; greatest 512Mi)");
        assert_eq!(Scale::of([&curve(calm)[..]].into_iter()).title(), "simulated less recorded");
    }

    /// Steady curves: up to 2 MiB there is still an axis of 4; 7 of 100 points at 9 MiB need 16; and what twice the
    /// axis holds is not cut.
    #[test]
    fn what_lasts_is_shown_whole() {
        let share = |many: usize, value: f64| curve((0..100).map(|n| if n < many { value } else { 2.0 }));
        for (points, edge) in [
            (vec![], 4.0),
            (curve([2.0]), 4.0),
            (share(0, 0.0), 4.0),
            (share(7, 9.0), 16.0),
            (share(1, 8.0), 8.0),
            (share(1, 8.1), 4.0),
            (share(1, f64::NAN), 4.0),
        ] {
            assert_eq!(Scale::of([&points[..]].into_iter()).edge, edge * MIB, "{points:?}");
        }
    }

    /// From 0 to 16 within a second: the edge of 4 is met after a quarter of it, on the way back at three quarters.
    #[test]
    fn lines_end_at_the_edge() {
        let scale = Scale { edge: 4.0, greatest: 16.0 };
        let points = [(0.0, 0.0), (1.0, 0.0), (2.0, 16.0), (3.0, 16.0), (4.0, 0.0), (5.0, 1.0)];
        let expected = vec![vec![(0.0, 0.0), (1.0, 0.0), (1.25, 4.0)], vec![(3.75, 4.0), (4.0, 0.0), (5.0, 1.0)]];
        assert_eq!(scale.within(&points), expected);
        // Straight through: from −8 to 8 the panel is between a quarter and three quarters.
        assert_eq!(scale.within(&[(0.0, -8.0), (4.0, 8.0)]), [[(1.0, -4.0), (3.0, 4.0)]]);
        assert_eq!(scale.within(&[(0.0, 9.0), (1.0, 9.0), (2.0, 5.0)]), Vec::<Vec<Point>>::new());
        // Along the edge itself, and never a value that is not a number.
        assert_eq!(scale.within(&[(0.0, 4.0), (1.0, 4.0)]), [[(0.0, 4.0), (1.0, 4.0)]]);
        assert_eq!(scale.within(&[(0.0, f64::NAN), (1.0, 4.0)]), Vec::<Vec<Point>>::new());
    }
}
