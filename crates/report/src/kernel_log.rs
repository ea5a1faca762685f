//! `kernel.log`: what the kernel printed, in the wording of its version.

use super::RunReport;
use oomsim_core::kernel::log::LogRecord;
use oomsim_core::record::Record;

/// The whole file, as `dmesg` prints it.
pub fn render(report: &RunReport) -> String {
    records(report).iter().map(LogRecord::dmesg).collect()
}

/// The same as a serial console shows it: every line of a record has the stamp.
pub fn console(report: &RunReport) -> String {
    records(report).iter().map(LogRecord::console).collect()
}

/// The same as records of `/dev/kmsg`, for programs that follow that file (node-problem-detector, kubelet, cAdvisor).
pub fn kmsg(report: &RunReport) -> String {
    (0..).zip(&records(report)).map(|(seq, record)| record.kmsg(seq)).collect()
}

fn records(report: &RunReport) -> Vec<LogRecord> {
    let mut log = report.kernel_log.clone();
    let reports = report.history.entries.iter().filter_map(|entry| match &entry.record {
        Record::OomKill { report, .. } => Some(report),
        _ => None,
    });
    reports.flat_map(|report| log.oom(report)).collect()
}
