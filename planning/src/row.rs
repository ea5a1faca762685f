//! A run's row: one line of CSV that depends on nothing but the run.

use crate::measure::{Kind, MEASURES, Measures, Value};
use crate::plan::{Axis, RunSpec};

/// Columns before the axes.
pub const HEAD: [&str; 3] = ["run", "id", "seed"];

/// The line of a run, without its end.
pub fn line(spec: &RunSpec, measures: &Measures) -> String {
    let mut out = format!("{},{},{}", spec.index, spec.id, spec.seed);
    for value in &spec.values {
        out.push(',');
        field(&mut out, value);
    }
    for (column, value) in MEASURES.iter().zip(measures.values()) {
        out.push(',');
        match value {
            Value::Missing => {}
            Value::Text(text) => field(&mut out, &text),
            Value::Flag(b) => out.push_str(if b { "true" } else { "false" }),
            Value::Number(n) if column.kind == Kind::Seconds => {
                out.push_str(&format!("{}.{:09}", n / 1_000_000_000, n % 1_000_000_000));
            }
            Value::Number(n) => out.push_str(&n.to_string()),
        }
    }
    out
}

/// The first line of the results.
pub fn header(axes: &[Axis]) -> String {
    let mut out = HEAD.join(",");
    for name in axes.iter().map(|a| a.name.as_str()).chain(MEASURES.iter().map(|c| c.name)) {
        out.push(',');
        field(&mut out, name);
    }
    out
}

/// Appends a field of CSV (RFC 4180), with control characters made visible so that a row stays one line.
pub fn field(out: &mut String, text: &str) {
    let plain: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if plain.contains([',', '"']) {
        out.push('"');
        out.push_str(&plain.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&plain);
    }
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
pub struct Row {
    /// Place in the plan.
    pub run: u64,
    /// Id as text.
    pub id: String,
    /// Seed.
    pub seed: u64,
    /// Value of each axis.
    pub axes: Vec<String>,
    /// One value for each of [`MEASURES`].
    pub measures: Vec<Value>,
}

/// Reads a line that [`line`] wrote; `None` when it is no such line.
pub fn parse(line: &str, axes: usize) -> Option<Row> {
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
            Kind::Class | Kind::Text => Value::Text(text),
            Kind::Flag => Value::Flag(text.parse().ok()?),
            Kind::Seconds => Value::Number(text.replacen('.', "", 1).parse().ok()?),
            Kind::Count | Kind::Bytes => Value::Number(text.parse().ok()?),
        });
    }
    fields.next().is_none().then_some(Row { run, id, seed, axes, measures })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Outcome;
    use crate::plan::RunId;
    use proptest::prelude::*;

    fn spec(values: Vec<String>) -> RunSpec {
        RunSpec { index: 7, id: RunId(0xab), seed: 9, point: 0, values, overrides: Vec::new() }
    }

    #[test]
    fn a_row_by_hand() {
        let m = Measures {
            outcome: Outcome::KubepodsOom,
            victim: "default/a,b".into(),
            first_death: Some(12_000_000_345),
            min_available: Some(-5),
            ended_at: 60_000_000_000,
            ..Measures::default()
        };
        let text = line(&spec(vec!["750Mi".into()]), &m);
        let id = "000000000000000000000000000000ab";
        let tail = ",,,,-5,0,0,0,0,0,0,0,0,0,0,0,0,false,60.000000000,,";
        assert_eq!(text, format!("7,{id},9,750Mi,kubepods_oom,\"default/a,b\",12.000000345{tail}"));
        assert_eq!(fields(&header(&[])).len(), 3 + MEASURES.len());
    }

    proptest! {
        #[test]
        fn rows_read_back(value: String, victim: String, error: String, death: Option<u32>, low: Option<i64>) {
            let clean = |s: &str| s.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>();
            let first_death = death.map(u64::from);
            let m = Measures { victim, error, first_death, min_available: low, ..Measures::default() };
            let text = line(&spec(vec![value.clone()]), &m);
            prop_assert!(!text.contains('\n'));
            let row = parse(&text, 1).unwrap();
            prop_assert_eq!(&row.axes, &[clean(&value)]);
            let expected = Measures { victim: clean(&m.victim), error: clean(&m.error), ..m };
            prop_assert_eq!(row.measures, expected.values());
        }
    }
}
