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
    /// The last two samples have the same amount.
    flat: bool,
    /// The newest sample, which waits for what comes after it.
    newest: Option<Sampled>,
}

/// The point of a sample, with the column of pixels where it is drawn.
#[derive(Clone, Copy, Debug)]
struct Sampled {
    number: u64,
    column: i64,
    point: Point,
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
    /// begins.
    #[inline]
    pub fn push(&mut self, number: u64, column: i64, point: Point) {
        let newest = Sampled { number, column, point };
        if let Some(before) = self.newest.replace(newest) {
            let next = (before.number + 1 == number).then_some(point.1);
            self.join(before, next);
        }
    }

    /// What stayed as it was before a change, or stays so after it, has changed in a step: it is drawn where it is
    /// first seen, as a line that leads there would be a growth that never was.
    fn join(&mut self, sample: Sampled, next: Option<f64>) {
        let (at, amount) = sample.point;
        let before = self.open.filter(|_| self.last + 1 == sample.number).map(|open| open.last.1);
        if let Some(before) = before
            && before.0 < at
            && before.1 != amount
            && (self.flat || next == Some(amount))
        {
            self.add(Sampled { point: (at, before.1), ..sample });
            self.last = sample.number - 1;
        }
        self.flat = before.is_some_and(|before| before.1 == amount);
        self.add(sample);
    }

    /// Adds a point that straight lines join with its neighbours.
    #[inline]
    fn add(&mut self, sample: Sampled) {
        let goes_on = self.last + 1 == sample.number;
        self.last = sample.number;
        if let Some(open) = &mut self.open {
            if goes_on && open.number == sample.column {
                return open.add(sample.point);
            }
            let done = *open;
            self.keep(done);
        }
        if !goes_on || self.runs.is_empty() {
            self.runs.push(Vec::new());
        }
        self.open = Some(Column::new(sample.column, sample.point));
    }

    fn keep(&mut self, column: Column) {
        if let Some(run) = self.runs.last_mut() {
            run.extend(column.points());
        }
    }

    /// The points in runs, each of them in order of time.
    pub fn runs(mut self) -> Vec<Vec<Point>> {
        if let Some(newest) = self.newest.take() {
            self.join(newest, None);
        }
        if let Some(open) = self.open.take() {
            self.keep(open);
        }
        self.runs
    }
}

/// Points as a line of one run keeps them.
pub fn thin(points: &[Point], column: impl Fn(f64) -> i64) -> Vec<Point> {
    let mut line = Line::default();
    let sampled = |(number, point): (u64, &Point)| Sampled { number, column: column(point.0), point: *point };
    (1..).zip(points).map(sampled).for_each(|sample| line.add(sample));
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

    /// A second between samples: what is flat before or after a change is a step, 61, 71, 81 a growth.
    #[test]
    fn a_step_is_drawn_as_a_step_and_growth_as_growth() {
        let drawn = |amounts: &[f64]| {
            let mut line = Line::default();
            (1..).zip(amounts).for_each(|(n, amount)| line.push(n, n as i64, (n as f64, *amount)));
            line.runs().concat()
        };
        assert_eq!(drawn(&[1.0, 1.0, 51.0]), [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (3.0, 51.0)]);
        assert_eq!(drawn(&[1.0, 51.0, 51.0]), [(1.0, 1.0), (2.0, 1.0), (2.0, 51.0), (3.0, 51.0)]);
        assert_eq!(drawn(&[61.0, 71.0, 81.0]), [(1.0, 61.0), (2.0, 71.0), (3.0, 81.0)]);
    }

    #[test]
    fn both_sides_of_a_step_stay() {
        // Up at 3 s, down at 5 s, all in one column.
        let points = [(1.0, 2.0), (3.0, 2.0), (3.0, 9.0), (5.0, 9.0), (5.0, 1.0), (6.0, 1.0)];
        assert_eq!(thin(&points, |_| 0), [(1.0, 2.0), (3.0, 9.0), (5.0, 1.0), (6.0, 1.0)]);
        assert_eq!(thin(&[(1.0, 9.0), (1.0, 2.0)], |_| 0), [(1.0, 9.0), (1.0, 2.0)]);
    }
}
