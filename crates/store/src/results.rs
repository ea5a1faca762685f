//! What a study leaves: `runs.csv`, `runs.parquet`, `summary.csv`.

#[cfg(feature = "parquet")]
mod columns;

use crate::journal::{StoreError, io_error};
use crate::sorted::for_each_row;
use oomsim_planning::plan::Plan;
use oomsim_planning::row;
use oomsim_planning::summary::Summary;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// What came out.
#[derive(Clone, Debug)]
pub struct Results {
    /// XXH3-128 of `runs.csv`.
    pub hash: u128,
    /// What the runs of each cell have in common.
    pub summary: Summary,
    /// Runs that are not there yet; if there are any, no file was written.
    pub missing: Vec<Range<u64>>,
}

/// Says what a journal belongs to: the study's name, the hash of its plan, and the version that ran it.
pub fn journal_header(study: &str, plan: &Plan) -> String {
    let mut out = String::new();
    row::field(&mut out, study);
    format!("oomsim {} study {out} plan {:032x} runs {}", env!("CARGO_PKG_VERSION"), plan.fingerprint(), plan.len())
}

/// A file that takes its name only when it is whole.
pub(crate) struct Draft {
    path: PathBuf,
    temporary: PathBuf,
    pub(crate) file: BufWriter<File>,
}

impl Draft {
    pub(crate) fn create(folder: &Path, name: &str) -> Result<Self, StoreError> {
        let (path, temporary) = (folder.join(name), folder.join(format!("{name}.part")));
        let file = File::create(&temporary).map_err(io_error("write", &temporary))?;
        Ok(Draft { path, temporary, file: BufWriter::with_capacity(1 << 16, file) })
    }

    fn write(&mut self, text: &str) -> Result<(), StoreError> {
        self.file.write_all(text.as_bytes()).map_err(io_error("write", &self.temporary))
    }

    fn finish(self) -> Result<(), StoreError> {
        let file = self.file.into_inner().map_err(|e| io_error("write", &self.temporary)(e.into_error()))?;
        file.sync_all().map_err(io_error("write", &self.temporary))?;
        std::fs::rename(&self.temporary, &self.path).map_err(io_error("write", &self.path))
    }
}

/// Writes the results of complete journals into a folder. Rows pass through one by one. `measures` are those of the
/// summary.
///
/// # Errors
/// When a journal cannot be read, rows contradict each other, or a file cannot be written.
pub fn write(
    folder: &Path,
    study: &str,
    plan: &Plan,
    journals: &[PathBuf],
    measures: &[&str],
) -> Result<Results, StoreError> {
    std::fs::create_dir_all(folder).map_err(io_error("make the folder", folder))?;
    let (mut hash, mut summary) = (Xxh3::new(), Summary::new(plan));
    let mut csv = Draft::create(folder, "runs.csv")?;
    #[cfg(feature = "parquet")]
    let mut table = columns::Table::create(folder, plan)?;
    let axes = row::axis_columns(plan).len();
    let mut put = |csv: &mut Draft, line: &str| {
        hash.update(line.as_bytes());
        hash.update(b"\n");
        csv.write(line)?;
        csv.write("\n")
    };
    put(&mut csv, &row::header(plan))?;
    let missing = for_each_row(journals, &journal_header(study, plan), plan.len(), |_, line| {
        put(&mut csv, line)?;
        let Some(row) = row::parse(line, axes) else {
            let error = std::io::Error::other(format!("a row is not as it should be: {line}"));
            return Err(io_error("read", &journals[0])(error));
        };
        summary.add(plan, &row);
        #[cfg(feature = "parquet")]
        table.add(row)?;
        Ok(())
    })?;
    if missing.is_empty() {
        csv.finish()?;
        #[cfg(feature = "parquet")]
        table.finish()?;
        let mut file = Draft::create(folder, "summary.csv")?;
        file.write(&summary.to_csv(plan, measures))?;
        file.finish()?;
    } else {
        for part in ["runs.csv.part", "runs.parquet.part"] {
            let _ = std::fs::remove_file(folder.join(part));
        }
    }
    Ok(Results { hash: hash.digest128(), summary, missing })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::execute;
    use crate::journal::Journal;
    use oomsim_planning::axis::AxisValue;
    use oomsim_planning::measure::{Measures, RunOutcome};
    use oomsim_planning::plan::{Axis, Levels, Setup};

    fn plan() -> Plan {
        let values = ["1Mi", "2Mi"].map(AxisValue::parse).to_vec();
        let axes = vec![Axis { name: "rate".into(), keys: vec!["k".into()], levels: Levels::Grid(values) }];
        Plan::new(Setup { axes, points: 1, repetitions: 50, ..Setup::default() }).unwrap()
    }

    #[test]
    fn results_appear_when_all_runs_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let (plan, header) = (plan(), journal_header("s", &plan()));
        let worker =
            || |_: &oomsim_planning::plan::RunSpec| Measures { outcome: RunOutcome::Eviction, ..Measures::default() };
        let session = |range: Range<u64>| {
            let mut journal = Journal::open(dir.path(), &header, plan.len(), true).unwrap();
            execute(&plan, range, &mut journal, 2, worker, |_| {}).unwrap();
            write(dir.path(), "s", &plan, &[dir.path().join("journal")], &["outcome"]).unwrap()
        };
        let partial = session(0..60);
        assert_eq!(partial.missing, vec![60..100]);
        assert!(!dir.path().join("runs.csv").exists() && !dir.path().join("runs.csv.part").exists());
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
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
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
