//! A run's row: one line of CSV that depends on nothing but the run.

use crate::axis::Unit;
use crate::measure::{ColumnKind, MEASURES, Measures, Value};
use crate::plan::{Plan, RunSpec};

/// Columns before the axes.
pub const HEAD: [&str; 3] = ["run", "id", "seed"];

/// The line of a run, without its end.
pub fn line(plan: &Plan, spec: &RunSpec, measures: &Measures) -> String {
    let mut out = head(plan, spec);
    append(&mut out, measures);
    out
}

/// What the line of a run begins with, whatever came out: its place, id and seed, and the values of the axes.
pub fn head(plan: &Plan, spec: &RunSpec) -> String {
    let mut out = format!("{},{},{}", spec.index, spec.id, spec.seed);
    for (axis, value) in plan.axes().iter().zip(&spec.values) {
        out.push(',');
        field(&mut out, &value.text);
        let number = value.number.unwrap_or_default();
        match axis.unit() {
            Unit::Bytes => out.push_str(&format!(",{number:.0}")),
            Unit::Time => out.push_str(&format!(",{:.9}", number / 1e9)),
            Unit::Integer | Unit::Real | Unit::Word => {}
        }
    }
    out
}

/// Appends a field for each of [`MEASURES`], each after a comma.
pub fn append(out: &mut String, measures: &Measures) {
    for (column, value) in MEASURES.iter().zip(measures.values()) {
        out.push(',');
        match value {
            Value::Missing => {}
            Value::Text(text) => field(out, &text),
            Value::Flag(b) => out.push_str(if b { "true" } else { "false" }),
            Value::Number(n) if column.kind == ColumnKind::Seconds => {
                out.push_str(&format!("{}.{:09}", n / 1_000_000_000, n % 1_000_000_000));
            }
            Value::Number(n) => out.push_str(&n.to_string()),
        }
    }
}

/// The names of the columns that hold the values of the axes.
pub fn axis_columns(plan: &Plan) -> Vec<String> {
    plan.axes().iter().flat_map(|a| std::iter::once(a.name.clone()).chain(a.number_column())).collect()
}

/// The first line of the results.
pub fn header(plan: &Plan) -> String {
    let mut out = HEAD.join(",");
    for name in axis_columns(plan).iter().map(String::as_str).chain(MEASURES.iter().map(|c| c.name)) {
        out.push(',');
        field(&mut out, name);
    }
    out
}

/// Appends a field of CSV (RFC 4180), with control characters made visible so that a row stays one line, and an
/// apostrophe in front of what a spreadsheet would take for a formula.
pub fn field(out: &mut String, text: &str) {
    let plain = visible(text);
    if plain.contains([',', '"']) {
        out.push('"');
        out.push_str(&plain.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&plain);
    }
}

fn visible(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@']) && text.parse::<f64>().is_err();
    let shown = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    if formula { "'".chars().chain(shown).collect() } else { shown.collect() }
}

/// The fields of a line.
pub fn fields(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = line.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        let last = out.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                out[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            _ => out[last].push(c),
        }
    }
    out
}

/// A row read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// Place in the plan.
    pub run: u64,
    /// Id as text.
    pub id: String,
    /// Seed.
    pub seed: u64,
    /// The fields of [`axis_columns`].
    pub axes: Vec<String>,
    /// One value for each of [`MEASURES`].
    pub measures: Vec<Value>,
}

/// Reads a line that [`line()`] wrote, with this many fields for axes; `None` when it is no such line.
pub fn parse(line: &str, axes: usize) -> Option<ResultRow> {
    let mut fields = fields(line).into_iter();
    let run = fields.next()?.parse().ok()?;
    let id = fields.next()?;
    let seed = fields.next()?.parse().ok()?;
    let axes: Vec<String> = fields.by_ref().take(axes).collect();
    let mut measures = Vec::with_capacity(MEASURES.len());
    for column in MEASURES {
        let text = fields.next()?;
        measures.push(match column.kind {
            _ if text.is_empty() => Value::Missing,
            ColumnKind::Class | ColumnKind::Text => Value::Text(text),
            ColumnKind::Flag => Value::Flag(text.parse().ok()?),
            ColumnKind::Seconds => Value::Number(text.replacen('.', "", 1).parse().ok()?),
            ColumnKind::Count | ColumnKind::Bytes => Value::Number(text.parse().ok()?),
        });
    }
    fields.next().is_none().then_some(ResultRow { run, id, seed, axes, measures })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::AxisValue;
    use crate::measure::RunOutcome;
    use crate::plan::{Axis, Levels, RunId, Setup};
    use proptest::prelude::*;

    fn plan(value: &str) -> (Plan, RunSpec) {
        let values = vec![AxisValue::parse(value)];
        let axes = vec![Axis { name: "a".into(), keys: Vec::new(), levels: Levels::Grid(values) }];
        let plan = Plan::new(Setup { axes, points: 1, repetitions: 8, seed: 2, ..Setup::default() }).unwrap();
        let spec = RunSpec { id: RunId(0xab), seed: 9, ..plan.spec(7) };
        (plan, spec)
    }

    #[test]
    fn a_row_by_hand() {
        let m = Measures {
            outcome: RunOutcome::KubepodsOom,
            victim: "default/a,b".into(),
            first_death: Some(12_000_000_345),
            min_available: Some(-5),
            ended_at: 60_000_000_000,
            ..Measures::default()
        };
        let (plan, spec) = plan("750Mi");
        let text = line(&plan, &spec, &m);
        let id = "000000000000000000000000000000ab";
        let tail = ",,,,-5,0,0,0,0,0,0,0,0,0,0,0,0,,false,0.000000000,60.000000000,,,";
        assert_eq!(text, format!("7,{id},9,750Mi,786432000,kubepods_oom,\"default/a,b\",12.000000345{tail}"));
        assert!(header(&plan).starts_with("run,id,seed,a,a_bytes,outcome,"));
        assert_eq!(fields(&header(&plan)).len(), fields(&text).len());
    }

    proptest! {
        #[test]
        fn rows_read_back(value: String, victim: String, error: String, death: Option<u32>, low: Option<i64>) {
            let first_death = death.map(u64::from);
            let m = Measures { victim, error, first_death, min_available: low, ..Measures::default() };
            let (plan, spec) = plan(&value);
            let text = line(&plan, &spec, &m);
            prop_assert!(!text.contains('\n'));
            let row = parse(&text, axis_columns(&plan).len()).unwrap();
            prop_assert_eq!(&row.axes[0], &visible(&value));
            let expected = Measures { victim: visible(&m.victim), error: visible(&m.error), ..m };
            prop_assert_eq!(row.measures, expected.values());
        }
    }
}
