//! `kernel.log`: what the kernel printed, in the wording of its version.

use super::Report;
use sim_core::record::Record;

/// The whole file.
pub fn render(report: &Report) -> String {
    let mut log = report.kernel_log.clone();
    let mut text = String::new();
    for entry in &report.history.entries {
        if let Record::OomKill { report, .. } = &entry.record {
            for record in log.oom(report) {
                text.push_str(&record.dmesg());
            }
        }
    }
    text
}
