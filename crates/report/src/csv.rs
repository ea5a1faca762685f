//! `series.csv`: memory over time in bytes, one row per sample, one column per pod.

use crate::samples::Samples;
use crate::{WriteError, escape};
use oomsim_core::node_api::Name;
use oomsim_core::record::Sample;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Columns before those of the pods.
pub const COLUMNS: &[(&str, &str)] = &[
    ("t", "seconds since the run began"),
    ("node_available", "`memory.available` as the kubelet would compute it; negative beyond capacity"),
    ("node_working_set", "working set of the node"),
    ("mem_available", "MemAvailable"),
    ("mem_free", "MemFree"),
    ("swap_used", "swap in use"),
    ("committed_as", "Committed_AS"),
    ("kubepods_usage", "charged memory of kubepods"),
    ("kubepods_working_set", "working set of kubepods"),
    ("memory_waiting_seconds", "for how long something has waited for memory: `some total` of `/proc/pressure/memory`"),
];

/// The file under way: a row for each sample. A pod's cell is empty while it has no cgroup.
pub struct Table<W> {
    out: W,
    row: String,
    /// Most pods of a long run are gone or to come: their cells are the commas in between.
    commas: String,
}

impl<W: Write> Table<W> {
    /// Begins it with the heading; `pods` are those of the run.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(pods: &[Name], mut out: W) -> io::Result<Self> {
        let names = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
        let row = names.chain(pods.iter().map(|pod| escape::csv(pod))).collect::<Vec<_>>().join(",");
        writeln!(out, "{row}")?;
        Ok(Table { out, row, commas: ",".repeat(pods.len()) })
    }

    /// The row of a sample.
    ///
    /// # Errors
    /// When writing fails.
    pub fn row(&mut self, s: &Sample) -> io::Result<()> {
        let (text, commas, mut digits) = (&mut self.row, &self.commas, itoa::Buffer::new());
        text.clear();
        let _ = write!(text, "{},{}", s.at, s.available);
        let amounts = [
            s.working_set,
            s.mem_available,
            s.mem_free,
            s.swap_used,
            s.committed_as,
            s.kubepods_usage,
            s.kubepods_working_set,
        ];
        for amount in amounts {
            text.push(',');
            text.push_str(digits.format(amount.get()));
        }
        let _ = write!(text, ",{}", s.waited.as_secs_f64());
        let mut written = 0;
        for pod in &s.pods {
            let column = (pod.pod as usize + 1).min(commas.len());
            text.push_str(&commas[written.min(column)..column]);
            text.push_str(digits.format(pod.working_set.get()));
            written = column;
        }
        text.push_str(&commas[written..]);
        text.push('\n');
        self.out.write_all(text.as_bytes())
    }
}

impl<W: Write + Send> Samples for Table<W> {
    fn take(&mut self, sample: &Sample) -> Result<(), WriteError> {
        Ok(self.row(sample)?)
    }

    fn finish(self: Box<Self>) -> Result<(), WriteError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_every_column() {
        let history = crate::testdata::oom2();
        let mut file = Vec::new();
        let mut table = Table::new(&history.series.pods, &mut file).unwrap();
        history.series.samples.iter().for_each(|sample| table.row(sample).unwrap());
        let text = String::from_utf8(file).unwrap();
        let columns = COLUMNS.len() + history.series.pods.len();
        assert_eq!(text.lines().count(), 1 + history.series.samples.len());
        assert!(text.lines().all(|line| line.split(',').count() == columns));
        assert!(text.lines().last().is_some_and(|line| line.starts_with("640.000000,") && line.contains(",,")));
    }
}
