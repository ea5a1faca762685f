//! What a study leaves: `runs.csv`, `runs.parquet`, `summary.csv`.

#[cfg(feature = "parquet")]
mod columns;

use crate::error::{StoreError, io_error};
use crate::folder::{Draft, Folder};
use crate::journal::Damage;
use crate::lines::Contents;
use crate::sorted::for_each_row;
use oomsim_planning::row;
use oomsim_planning::summary::Summary;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;

/// What came out.
#[derive(Clone, Debug)]
pub struct Results {
    /// XXH3-128 of `runs.csv`.
    pub hash: u128,
    /// What the runs of each cell have in common.
    pub summary: Summary,
    /// Runs that are not there yet; if there are any, no file was written.
    pub missing: Vec<Range<u64>>,
    /// Journals with damaged lines, whose runs count as not there.
    pub damage: Vec<(PathBuf, Damage)>,
}

/// Writes the results of complete journals into a folder. Rows pass through one by one. `measures` are those of the
/// summary.
///
/// # Errors
/// When a journal cannot be read or has something else in it, rows contradict each other, or a file cannot be written.
pub fn write(
    folder: &Folder,
    contents: &Contents<'_>,
    journals: &[PathBuf],
    measures: &[&str],
) -> Result<Results, StoreError> {
    let plan = contents.plan();
    let mut summary = Summary::new(plan);
    let mut csv = folder.draft("runs.csv")?;
    #[cfg(feature = "parquet")]
    let mut table = columns::Table::create(folder.draft("runs.parquet")?, plan)?;
    let axes = row::axis_columns(plan).len();
    put(&mut csv, &format!("{}\n", row::header(plan)))?;
    let union = for_each_row(journals, contents, |run, line| {
        put(&mut csv, line)?;
        put(&mut csv, "\n")?;
        let Some(row) = row::parse(line, axes) else {
            let error = std::io::Error::other(format!("run {run} is no row of this version: {line}"));
            return Err(io_error("use", &journals[0])(error));
        };
        summary.add(plan, &row);
        #[cfg(feature = "parquet")]
        table.add(row)?;
        Ok(())
    })?;
    let hash = csv.hash();
    if union.missing.is_empty() {
        let mut overview = folder.draft("summary.csv")?;
        put(&mut overview, &summary.to_csv(plan, measures))?;
        #[cfg(feature = "parquet")]
        table.close()?.finish()?;
        csv.finish()?;
        overview.finish()?;
    }
    Ok(Results { hash, summary, missing: union.missing, damage: union.damage })
}

fn put(draft: &mut Draft<'_>, text: &str) -> Result<(), StoreError> {
    draft.write_all(text.as_bytes()).map_err(|error| io_error("write", draft.path())(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::execute;
    use crate::journal::Journal;
    use oomsim_planning::axis::AxisValue;
    use oomsim_planning::measure::{Measures, RunOutcome};
    use oomsim_planning::plan::{Axis, Levels, Plan, Setup};
    #[cfg(feature = "parquet")]
    use std::path::Path;

    fn plan() -> Plan {
        let values = ["1Mi", "2Mi"].map(AxisValue::parse).to_vec();
        let axes = vec![Axis { name: "rate".into(), keys: vec!["k".into()], levels: Levels::Grid(values) }];
        Plan::new(Setup { axes, points: 1, repetitions: 50, ..Setup::default() }).unwrap()
    }

    #[test]
    fn results_appear_when_all_runs_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan();
        let (folder, contents) = (Folder::open(dir.path(), false).unwrap(), Contents::of("s", &plan));
        let worker =
            || |_: &oomsim_planning::plan::RunSpec| Measures { outcome: RunOutcome::Eviction, ..Measures::default() };
        let session = |range: Range<u64>| {
            let mut journal = Journal::open(&folder, &contents, true).unwrap();
            execute(&plan, range, &mut journal, 2, worker, || false, |_| {}).unwrap();
            write(&folder, &contents, &[dir.path().join("journal")], &["outcome"]).unwrap()
        };
        let partial = session(0..60);
        assert_eq!(partial.missing, vec![60..100]);
        assert!(!dir.path().join("runs.csv").exists());
        let whole = session(0..100);
        assert!(whole.missing.is_empty());
        let csv = std::fs::read(dir.path().join("runs.csv")).unwrap();
        assert_eq!(whole.hash, xxhash_rust::xxh3::xxh3_128(&csv));
        assert_eq!(csv.iter().filter(|b| **b == b'\n').count(), 101);
        assert_eq!(whole.summary.cells[1].count("outcome", "eviction"), 50);
        assert!(dir.path().join("summary.csv").exists());
        #[cfg(feature = "parquet")]
        same_as_csv(&dir.path().join("runs.parquet"), &String::from_utf8(csv).unwrap());
    }

    /// Every field of the Parquet file against the CSV.
    #[cfg(feature = "parquet")]
    fn same_as_csv(path: &Path, csv: &str) {
        use parquet::file::reader::{FileReader, SerializedFileReader};
        use parquet::record::Field;
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let mut lines = csv.lines();
        let names = row::fields(lines.next().unwrap());
        let mut rows = 0;
        for (read, line) in reader.get_row_iter(None).unwrap().zip(lines) {
            let (read, fields) = (read.unwrap(), row::fields(line));
            assert_eq!(read.len(), fields.len());
            for (((name, value), text), expected) in read.get_column_iter().zip(fields).zip(&names) {
                assert_eq!(name, expected);
                let same = match value {
                    Field::Null => text.is_empty(),
                    Field::Str(s) => *s == text,
                    Field::Long(n) => n.to_string() == text,
                    Field::Bool(b) => b.to_string() == text,
                    Field::Double(x) => text.parse() == Ok(*x),
                    _ => false,
                };
                assert!(same, "{name}: {value} is not {text}");
            }
            rows += 1;
        }
        assert_eq!(rows, 100);
    }
}
