//! `series.csv`: memory over time in bytes, one row per sample, one column per pod.

use crate::escape;
use oomsim_core::record::History;
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

/// The whole file. A pod's cell is empty while it has no cgroup.
///
/// # Errors
/// When writing fails.
pub fn write(history: &History, out: &mut dyn Write) -> io::Result<()> {
    let series = &history.series;
    let mut text: String = COLUMNS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    for pod in &series.pods {
        let _ = write!(text, ",{}", escape::csv(pod));
    }
    text.push('\n');
    // Most pods of a long run are gone or to come: their cells are the commas in between.
    let commas = ",".repeat(series.pods.len());
    let mut pods = Vec::new();
    let mut digits = itoa::Buffer::new();
    for s in &series.samples {
        pods.clone_from(&s.pods);
        pods.sort_unstable_by_key(|pod| pod.pod);
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
        for pod in &pods {
            let column = (pod.pod as usize + 1).min(commas.len());
            text.push_str(&commas[written.min(column)..column]);
            text.push_str(digits.format(pod.working_set.get()));
            written = column;
        }
        text.push_str(&commas[written..]);
        text.push('\n');
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    out.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_every_column() {
        let history = crate::testdata::oom2();
        let mut file = Vec::new();
        write(&history, &mut file).unwrap();
        let text = String::from_utf8(file).unwrap();
        let columns = COLUMNS.len() + history.series.pods.len();
        assert_eq!(text.lines().count(), 1 + history.series.samples.len());
        assert!(text.lines().all(|line| line.split(',').count() == columns));
        assert!(text.lines().last().is_some_and(|line| line.starts_with("640.000000,") && line.contains(",,")));
    }
}
