//! `series.csv`: memory over time in bytes, one row per sample, one column per pod.

use crate::escape;
use oomsim_core::record::History;
use std::fmt::Write;

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
];

/// The whole file. A pod's cell is empty while it has no cgroup.
pub fn render(history: &History) -> String {
    let series = &history.series;
    let mut text: String = COLUMNS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    for pod in &series.pods {
        let _ = write!(text, ",{}", escape::csv(pod));
    }
    text.push('\n');
    let mut cells: Vec<Option<u64>> = Vec::new();
    for s in &series.samples {
        cells.clear();
        cells.resize(series.pods.len(), None);
        for pod in &s.pods {
            if let Some(cell) = cells.get_mut(pod.pod as usize) {
                *cell = Some(pod.working_set.get());
            }
        }
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
            let _ = write!(text, ",{}", amount.get());
        }
        for cell in &cells {
            text.push(',');
            if let Some(value) = cell {
                let _ = write!(text, "{value}");
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_every_column() {
        let history = crate::testdata::oom2();
        let text = render(&history);
        let columns = COLUMNS.len() + history.series.pods.len();
        assert_eq!(text.lines().count(), 1 + history.series.samples.len());
        assert!(text.lines().all(|line| line.split(',').count() == columns));
        assert!(text.lines().last().is_some_and(|line| line.starts_with("640.000000,") && line.contains(",,")));
    }
}
