//! The shape of a memory curve, whatever its noise, gaps and interval.

use super::observed::MemoryCurve;

/// What a curve looks like between two restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It stays where it is.
    Flat,
    /// It rises steadily to the end.
    Ramp,
    /// It rises more and more slowly.
    Saturating,
    /// It rises, and then stays at a level.
    Plateau,
    /// It stays at a base and jumps up for short times.
    Bursty,
    /// It goes up and down.
    Uneven,
}

/// A curve as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The form of most of it.
    pub form: Form,
    /// Highest value.
    pub max: f64,
    /// The value that half of the samples are below.
    pub median: f64,
    /// Level at the end of a piece (median over the pieces).
    pub end: f64,
    /// Level at its beginning.
    pub start: f64,
    /// Growth in bytes a second (median over the pieces).
    pub slope: f64,
    /// How often it dropped.
    pub drops: usize,
    /// What is left after a drop, as a share of what was held before it (median over the drops); 1 without a drop.
    pub lands: f64,
    /// Typical seconds from one drop to the next, or the whole length.
    pub piece_s: f64,
    /// Levels at the ends of pieces are within a few percent of each other.
    pub same_ends: bool,
    /// Seconds between two samples.
    pub interval_s: f64,
}

/// Fewer samples than this say nothing.
const LEAST: usize = 6;
/// From the middle of the first twentieth of a piece to that of the last.
const BETWEEN: f64 = 0.95;
/// A fall by this share from one sample to the next is a drop.
const DROP: f64 = 0.15;
/// A drop ends in this lower share of everything between low and high: what is started again begins at its beginning.
const LOW: f64 = 0.6;
/// A curve that moves by this share of its highest value, without a trend, is no level.
const UNEVEN: f64 = 0.3;

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len().saturating_sub(1)) as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(0.0)
}

fn median_of(values: impl Iterator<Item = f64>) -> f64 {
    quantile(&mut values.collect::<Vec<_>>(), 0.5)
}

/// Median of a part of a piece, by shares of its length.
fn level(piece: &[(f64, f64)], from: f64, to: f64) -> f64 {
    let n = piece.len() as f64;
    let (from, to) = ((n * from) as usize, ((n * to).ceil() as usize).max((n * from) as usize + 1));
    median_of(piece[from.min(piece.len() - 1)..to.min(piece.len())].iter().map(|(_, v)| *v))
}

/// The shape of a curve; `None`: too few samples.
pub fn shape(curve: &MemoryCurve) -> Option<Shape> {
    if curve.len() < LEAST {
        return None;
    }
    let all = || curve.iter().map(|(_, v)| *v);
    let (max, median) = (all().fold(0.0, f64::max), median_of(all()));
    let interval_s = median_of(curve.windows(2).map(|w| w[1].0 - w[0].0));
    let bursts = bursts(curve);
    let pieces = pieces(curve);
    let drops = pieces.len() - 1;
    let lands = |w: &[&[(f64, f64)]]| w[1][0].1 / w[0][w[0].len() - 1].1.max(1.0);
    let lands = if drops == 0 { 1.0 } else { median_of(pieces.windows(2).map(lands)) };
    let long: Vec<&[(f64, f64)]> = pieces.iter().copied().filter(|piece| piece.len() >= LEAST).collect();
    let whole = [curve.as_slice()];
    let long = if long.is_empty() || bursts { &whole[..] } else { &long[..] };
    let length = |piece: &[(f64, f64)]| piece.last().map_or(0.0, |l| l.0) - piece.first().map_or(0.0, |f| f.0);
    let (start, end) = (median_of(long.iter().map(|p| level(p, 0.0, 0.05))), median_of(long.iter().map(|p| top(p))));
    let slope = median_of(long.iter().map(|p| (top(p) - level(p, 0.0, 0.05)) / (length(p) * BETWEEN).max(1.0)));
    let mut ends: Vec<f64> = long.iter().take(long.len().saturating_sub(1).max(1)).map(|p| top(p)).collect();
    let same_ends = long.len() > 2 && quantile(&mut ends, 0.9) - quantile(&mut ends, 0.1) < 0.05 * max;
    let form = if bursts { Form::Bursty } else { form(long, max) };
    let piece_s = median_of(long.iter().map(|p| length(p)));
    Some(Shape { form, max, median, end, start, slope, drops, lands, piece_s, same_ends, interval_s })
}

/// The level at the end of a piece.
fn top(piece: &[(f64, f64)]) -> f64 {
    level(piece, 0.95, 1.0)
}

/// The pieces between drops.
fn pieces(curve: &MemoryCurve) -> Vec<&[(f64, f64)]> {
    let mut values: Vec<f64> = curve.iter().map(|(_, v)| *v).collect();
    let (low, high) = (quantile(&mut values, 0.05), quantile(&mut values, 0.95));
    let lowest = low + LOW * (high - low);
    let mut pieces = Vec::new();
    let mut from = 0;
    for at in 1..curve.len() {
        if curve[at].1 < curve[at - 1].1 * (1.0 - DROP) && curve[at].1 <= lowest {
            pieces.push(&curve[from..at]);
            from = at;
        }
    }
    pieces.push(&curve[from..]);
    pieces
}

/// Most samples are at a base, few are far above it, and it comes back to it.
fn bursts(curve: &MemoryCurve) -> bool {
    let base = quantile(&mut curve.iter().map(|(_, v)| *v).collect::<Vec<_>>(), 0.4);
    let high = |v: f64| v > base * 1.3;
    let above = curve.iter().filter(|(_, v)| high(*v)).count();
    let near = curve.iter().filter(|(_, v)| (*v - base).abs() < base * 0.12).count();
    let jumps = curve.windows(2).filter(|w| !high(w[0].1) && high(w[1].1)).count();
    let returns = curve.windows(2).filter(|w| high(w[0].1) && !high(w[1].1)).count();
    above * 3 < curve.len() && near * 2 > curve.len() && jumps >= 1 && returns >= 1
}

/// The form of most of the time.
fn form(pieces: &[&[(f64, f64)]], max: f64) -> Form {
    let mut weights: Vec<(Form, usize)> = Vec::new();
    for piece in pieces {
        let form = of_piece(piece, max);
        match weights.iter_mut().find(|(known, _)| *known == form) {
            Some((_, weight)) => *weight += piece.len(),
            None => weights.push((form, piece.len())),
        }
    }
    weights.into_iter().max_by_key(|(_, weight)| *weight).map_or(Form::Flat, |(form, _)| form)
}

fn of_piece(piece: &[(f64, f64)], max: f64) -> Form {
    let (start, end) = (level(piece, 0.0, 0.05), top(piece));
    let rise = end - start;
    if rise < 0.1 * max {
        let mut values: Vec<f64> = piece.iter().map(|(_, v)| *v).collect();
        let spread = quantile(&mut values, 0.95) - quantile(&mut values, 0.05);
        return if spread > UNEVEN * max { Form::Uneven } else { Form::Flat };
    }
    let share = |from: f64, to: f64| (level(piece, from, to) - start) / rise;
    let (third, half, late) = (share(0.3, 0.37), share(0.47, 0.53), share(0.63, 0.7));
    if half > 0.9 && late > 0.93 {
        return Form::Plateau;
    }
    // A line is at a third, a half and two thirds of its rise.
    if half > 0.64 && third > 0.42 { Form::Saturating } else { Form::Ramp }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve by a formula, every 30 s, with a noise of about 1 %.
    fn curve(n: usize, of: impl Fn(f64) -> f64) -> MemoryCurve {
        let noise = |i: usize| 1.0 + ((i * 7919 % 101) as f64 / 101.0 - 0.5) * 0.02;
        (0..n).map(|i| (i as f64 * 30.0, of(i as f64 / n as f64) * noise(i))).collect()
    }

    #[test]
    fn forms_are_told_apart() {
        let form = |of: fn(f64) -> f64| shape(&curve(200, of)).unwrap().form;
        assert_eq!(form(|_| 200e6), Form::Flat);
        assert_eq!(form(|x| 100e6 + 300e6 * x), Form::Ramp);
        assert_eq!(form(|x| 100e6 + 300e6 * (1.0 - (-3.0 * x).exp())), Form::Saturating);
        assert_eq!(form(|x| 100e6 + 300e6 * (x * 8.0).min(1.0)), Form::Plateau);
        assert_eq!(form(|x| if (x * 10.0).fract() < 0.1 { 500e6 } else { 200e6 }), Form::Bursty);
        assert_eq!(form(|x| 100e6 + 300e6 * (x * 4.0).fract()), Form::Ramp);
        assert_eq!(form(|x| 300e6 + 100e6 * (x * 25.0).sin()), Form::Uneven);
        // A leak below the waves of the day: no restart is in it, and it grows.
        assert_eq!(form(|x| 150e6 + 500e6 * x + 40e6 * (x * 60.0).sin()), Form::Ramp);
    }

    #[test]
    fn drops_divide_a_curve() {
        let saw = shape(&curve(200, |x| 100e6 + 300e6 * (x * 4.0).fract())).unwrap();
        assert_eq!(saw.drops, 3);
        assert!((saw.piece_s - 1470.0).abs() < 60.0, "{saw:?}");
        // 300 MB in 1,500 s.
        assert!((saw.slope - 200e3).abs() < 20e3 && saw.same_ends, "{saw:?}");
        assert!(shape(&curve(3, |_| 1.0)).is_none());
    }
}
