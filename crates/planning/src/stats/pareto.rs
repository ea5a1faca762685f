//! Which of several trade-offs are worth a look.

use ordered_float::OrderedFloat;
use std::cmp::Reverse;

/// Indices of the points that no other beats in both coordinates (more `gain`, less `cost`), in order of falling gain.
/// Of equal points the first is kept. NaN coordinates never belong to the front.
pub fn pareto_front(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).filter(|&i| !points[i].0.is_nan() && !points[i].1.is_nan()).collect();
    order.sort_by_key(|&i| (Reverse(OrderedFloat(points[i].0)), OrderedFloat(points[i].1), i));
    let mut best = f64::INFINITY;
    order.retain(|&i| {
        let better = points[i].1 < best;
        best = best.min(points[i].1);
        better
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_by_hand() {
        //            0           1           2 (beaten by 1)  3 (same as 1)  4
        let points = [(10.0, 0.9), (8.0, 0.1), (7.0, 0.2), (8.0, 0.1), (1.0, 0.0), (f64::NAN, 0.0)];
        assert_eq!(pareto_front(&points), [0, 1, 4]);
        assert_eq!(pareto_front(&[]), Vec::<usize>::new());
    }
}
