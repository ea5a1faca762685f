//! Lines over time that are made point by point and keep only what a picture can show.

/// Seconds and bytes.
pub type Point = (f64, f64);

/// A line that keeps at most four points of each column of the picture, the extremes among them: a spike stays visible.
/// It has gaps where there was nothing.
#[derive(Clone, Debug, Default)]
pub struct Line {
    runs: Vec<Vec<Point>>,
    open: Option<Column>,
    /// Number of the last sample that it has.
    last: u64,
    /// The amount that the last two samples have in common.
    flat: Option<f64>,
}

/// What is kept of a column of pixels: points with their place in it.
#[derive(Clone, Copy, Debug)]
struct Column {
    number: i64,
    first: Point,
    lowest: (u32, Point),
    highest: (u32, Point),
    last: (u32, Point),
}

impl Column {
    fn new(number: i64, point: Point) -> Column {
        Column { number, first: point, lowest: (0, point), highest: (0, point), last: (0, point) }
    }

    #[inline]
    fn add(&mut self, point: Point) {
        self.last = (self.last.0 + 1, point);
        if point.1 < self.lowest.1.1 {
            self.lowest = self.last;
        }
        if point.1 > self.highest.1.1 {
            self.highest = self.last;
        }
    }

    fn points(&self) -> impl Iterator<Item = Point> {
        let mut points = vec![(0, self.first), self.lowest, self.highest, self.last];
        points.sort_by_key(|point| point.0);
        points.dedup_by_key(|point| point.0);
        points.into_iter().map(|point| point.1)
    }
}

impl Line {
    /// Adds the point of a sample, in the column of pixels where it is drawn. After samples without a point a new run
    /// begins. What stayed as it was and is different now has changed in a step: it is drawn where it is first seen, as
    /// a line that leads there would be a growth that never was.
    #[inline]
    pub fn push(&mut self, sample: u64, column: i64, point: Point) {
        let goes_on = self.last + 1 == sample;
        let before = self.open.filter(|_| goes_on).map(|open| open.last.1);
        if let (Some(amount), Some(before)) = (self.flat, before)
            && amount != point.1
            && before.0 < point.0
        {
            self.add(sample, column, (point.0, amount));
            self.last = sample - 1;
        }
        self.flat = before.map(|before| before.1).filter(|amount| *amount == point.1);
        self.add(sample, column, point);
    }

    /// Adds a point that straight lines join with its neighbours.
    #[inline]
    fn add(&mut self, sample: u64, column: i64, point: Point) {
        let goes_on = self.last + 1 == sample;
        self.last = sample;
        if let Some(open) = &mut self.open {
            if goes_on && open.number == column {
                return open.add(point);
            }
            let done = *open;
            self.keep(done);
        }
        if !goes_on || self.runs.is_empty() {
            self.runs.push(Vec::new());
        }
        self.open = Some(Column::new(column, point));
    }

    fn keep(&mut self, column: Column) {
        if let Some(run) = self.runs.last_mut() {
            run.extend(column.points());
        }
    }

    /// The points in runs, each of them in order of time.
    pub fn runs(mut self) -> Vec<Vec<Point>> {
        if let Some(open) = self.open.take() {
            self.keep(open);
        }
        self.runs
    }
}

/// Points as a line of one run keeps them.
pub fn thin(points: &[Point], column: impl Fn(f64) -> i64) -> Vec<Point> {
    let mut line = Line::default();
    (1..).zip(points).for_each(|(sample, point)| line.add(sample, column(point.0), *point));
    line.runs().pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_extremes() {
        let points: Vec<Point> =
            (0..1000).map(|n| (f64::from(n), if n == 500 { 99.0 } else { f64::from(n % 3) })).collect();
        let thinned = thin(&points, |at| (at / 100.0) as i64);
        assert!(thinned.len() <= 40 && thinned.contains(&(500.0, 99.0)));
        assert_eq!((thinned.first(), thinned.last()), (points.first(), points.last()));
        assert!(thinned.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn a_gap_begins_a_new_run() {
        let mut line = Line::default();
        for sample in [1, 2, 5, 6, 9] {
            line.push(sample, 0, (sample as f64, 1.0));
        }
        let times: Vec<Vec<f64>> = line.runs().iter().map(|run| run.iter().map(|p| p.0).collect()).collect();
        assert_eq!(times, [vec![1.0, 2.0], vec![5.0, 6.0], vec![9.0]]);
    }

    /// 50 MiB at a time, sampled every second: 1, 1, 1, 51 is a step, 51, 61, 71 a growth.
    #[test]
    fn a_step_is_drawn_as_a_step_and_growth_as_growth() {
        let mut line = Line::default();
        for (sample, amount) in (1..).zip([1.0, 1.0, 1.0, 51.0, 51.0, 61.0, 71.0]) {
            line.push(sample, sample as i64, (sample as f64, amount));
        }
        let expected = [
            (1.0, 1.0),
            (2.0, 1.0),
            (3.0, 1.0),
            (4.0, 1.0),
            (4.0, 51.0),
            (5.0, 51.0),
            (6.0, 51.0),
            (6.0, 61.0),
            (7.0, 71.0),
        ];
        assert_eq!(line.runs(), [expected]);
    }

    #[test]
    fn both_sides_of_a_step_stay() {
        // Up at 3 s, down at 5 s, all in one column.
        let points = [(1.0, 2.0), (3.0, 2.0), (3.0, 9.0), (5.0, 9.0), (5.0, 1.0), (6.0, 1.0)];
        assert_eq!(thin(&points, |_| 0), [(1.0, 2.0), (3.0, 9.0), (5.0, 1.0), (6.0, 1.0)]);
        assert_eq!(thin(&[(1.0, 9.0), (1.0, 2.0)], |_| 0), [(1.0, 9.0), (1.0, 2.0)]);
    }
}
