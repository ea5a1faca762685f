//! `kernel.log`: what the kernel printed, in the wording of its version.

use super::RunReport;
use oomsim_core::kernel::CgroupVersion;
use oomsim_core::kernel::log::{Hierarchy, KernelLog, LogRecord, LogStyle, STYLES};
use oomsim_core::plan::Scenario;
use oomsim_core::record::Record;
use std::io::{self, Write};

/// An empty kernel log in the wording of the scenario's kernel.
pub fn log_of(scenario: &Scenario) -> KernelLog {
    let kernel = &scenario.node.kernel;
    let newest = &STYLES[STYLES.len() - 1];
    let style = LogStyle::named(&kernel.profile.version).unwrap_or(newest);
    let hierarchy = match kernel.cgroup {
        CgroupVersion::V1 => Hierarchy::V1,
        CgroupVersion::V2 => Hierarchy::V2,
    };
    KernelLog::new(style, hierarchy, &kernel.profile.version).with_huge_pages(kernel.sysctl.nr_hugepages)
}

/// The whole file, as `dmesg` prints it.
///
/// # Errors
/// When writing fails.
pub fn write(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    records(report, out, |record, _, text| record.push_dmesg(text))
}

/// The same as a serial console shows it: every line of a record has the stamp.
///
/// # Errors
/// When writing fails.
pub fn write_console(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    records(report, out, |record, _, text| text.push_str(&record.console()))
}

/// The same as records of `/dev/kmsg`, for programs that follow that file (node-problem-detector, kubelet, cAdvisor).
///
/// # Errors
/// When writing fails.
pub fn write_kmsg(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    records(report, out, |record, seq, text| record.push_kmsg(seq, text))
}

fn records(report: &RunReport, out: &mut dyn Write, form: fn(&LogRecord, u64, &mut String)) -> io::Result<()> {
    let mut log = report.kernel_log.clone();
    let (mut text, mut seq) = (String::new(), 0);
    for entry in &report.history.entries {
        let Record::OomKill { report, .. } = &entry.record else { continue };
        for record in log.oom(report) {
            form(&record, seq, &mut text);
            seq += 1;
        }
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    Ok(())
}
