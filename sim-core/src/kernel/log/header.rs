//! `NAME invoked oom-killer: …` and the `CPU:` line.

use super::record::WARNING;
use super::style::{GfpTexts, LogStyle};
use super::{Out, leaf};
use crate::node_api::{Allocation, Constraint, OomReport};

pub(super) fn lines(out: &mut Out, style: &LogStyle, report: &OomReport, release: &str) {
    let comm = &report.invoker_comm;
    let gfp = gfp(&style.gfp, report);
    let nodemask = if style.nodemask_and_cpuset { "nodemask=(null), " } else { "" };
    out.push(
        WARNING,
        format!("{comm} invoked oom-killer: gfp_mask={gfp}, {nodemask}order=0, oom_score_adj={}", report.invoker_adj),
    );
    if style.nodemask_and_cpuset {
        out.push(WARNING, format!("{comm} cpuset={} mems_allowed=0", leaf(&report.invoker_cgroup)));
    }
    let uid = if style.cpu_line_uid { format!("UID: {} ", report.invoker_uid) } else { String::new() };
    out.push(WARNING, format!("CPU: 0 {uid}PID: {} Comm: {comm} Not tainted {release} #1", report.invoker));
}

fn gfp(texts: &GfpTexts, report: &OomReport) -> &'static str {
    match (report.constraint, report.allocation) {
        (Constraint::Memcg, Allocation::AnonFault | Allocation::LimitWrite) => texts.memcg,
        (Constraint::Memcg, Allocation::KernelAccount) => texts.memcg_kernel,
        (Constraint::Memcg, Allocation::FileFault) => texts.memcg_file,
        (Constraint::None, Allocation::AnonFault | Allocation::LimitWrite) => texts.anon,
        (Constraint::None, Allocation::KernelAccount) => texts.kernel,
        (Constraint::None, Allocation::FileFault) => texts.file,
    }
}
