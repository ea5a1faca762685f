//! Language runtimes: what they size their heap by, beside the limit of their container.

use super::pods::{lasting, memory, name};
use crate::facts::{LintInput, found, shown};
use crate::{Finding, Level};
use oomsim_core::kernel::CgroupVersion;
use oomsim_core::kubelet::ContainerSpec;
use oomsim_core::plan::{PodPlan, ProcessPlan};
use oomsim_core::units::Bytes;
use oomsim_core::workload::runtime::{Around, Language, Runtime, SeesCgroup};

/// A container that runs something with a runtime, and has a memory limit.
struct Managed<'a> {
    pod: &'a PodPlan,
    container: &'a ContainerSpec,
    limit: i64,
    around: Around,
    /// Each process with its runtime.
    runtimes: Vec<(&'a ProcessPlan, Runtime)>,
}

/// The runtime that a scenario states, or the newest of the language that the command, variables or flags are for.
fn runtime(process: &ProcessPlan) -> Option<Runtime> {
    let stated = process.runtime.as_deref().cloned();
    stated.or_else(|| Some(Runtime::new(process.launch.language(&process.comm)?.newest(), &process.launch)))
}

fn managed<'a>(facts: &LintInput<'a>) -> Vec<Managed<'a>> {
    let kernel = &facts.scenario.node.kernel;
    let of_pod = |pod: &'a PodPlan| {
        lasting(facts, pod).into_iter().filter_map(move |container| {
            let limit = memory(&container.resources.limits)?;
            let plan = pod.containers.iter().find(|plan| plan.name == container.name)?;
            let runtimes = plan.processes.iter().filter_map(|process| Some((process, runtime(process)?))).collect();
            let around = Around {
                limit: Some(Bytes::new(limit.unsigned_abs())),
                mem_total: kernel.mem_total,
                cpus: kernel.cpus,
                cgroup_v2: kernel.cgroup == CgroupVersion::V2,
                first_process: plan.pid_namespace,
            };
            Some(Managed { pod, container, limit, around, runtimes })
        })
    };
    facts.scenario.pods.iter().flat_map(of_pod).collect()
}

impl Managed<'_> {
    fn called(&self) -> String {
        format!("container {} of pod {}", self.container.name, name(self.pod))
    }
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

/// OOM021.
pub fn heap_above_limit(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    for own in managed(facts) {
        // A heap that is sized off the node is above every limit: another rule says why.
        let heaps = own.runtimes.iter().filter(|(_, runtime)| !runtime.sized_off_the_node(&own.around));
        let heaps = heaps.filter_map(|(process, runtime)| Some((process, runtime, runtime.heap_limit(&own.around)?)));
        let (mut heap, mut outside, mut of) = (0_i64, 0_i64, Vec::new());
        for (process, runtime, limit) in heaps {
            heap = heap.saturating_add(signed(limit));
            outside = outside.saturating_add(signed(runtime.outside + process.footprint.anon));
            of.push(runtime.row.language);
        }
        let Some(&language) = of.first() else { continue };
        if heap.saturating_add(outside) < own.limit {
            continue;
        }
        let rest = if outside > 0 { format!(" and {} outside it", shown(outside)) } else { String::new() };
        let message = format!(
            "{}: the {} heap may become {}{rest}, with a limit of {}: the kernel kills the container before the runtime \
             can act",
            own.called(),
            language.as_str(),
            shown(heap),
            shown(own.limit),
        );
        let help = match language {
            Language::Jvm => "set -XX:MaxRAMPercentage (or -Xmx) so that heap, classes, code, threads and buffers fit",
            Language::Node => "set --max-old-space-size (or --max-old-space-size-percentage), or raise the limit",
            _ => "lower the heap's limit, or raise the container's",
        };
        let at = facts.container_place(own.pod, &own.container.name);
        found(findings, ("OOM021", Level::Warning), at, message, help);
    }
}

/// OOM022.
pub fn heap_sized_off_the_node(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    sized_off(facts, findings, "OOM022", |sees| sees != SeesCgroup::V1, "does not look at the container's limit");
}

/// OOM024.
pub fn blind_to_cgroup_v2(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    sized_off(facts, findings, "OOM024", |sees| sees == SeesCgroup::V1, "sees the limit on cgroup v1 only");
}

fn sized_off(
    facts: &LintInput<'_>,
    findings: &mut Vec<Finding>,
    code: &'static str,
    wanted: fn(SeesCgroup) -> bool,
    why: &str,
) {
    for own in managed(facts) {
        for (_, runtime) in &own.runtimes {
            if !wanted(runtime.row.sees_cgroup.value) || !runtime.sized_off_the_node(&own.around) {
                continue;
            }
            let heap = runtime.heap_limit(&own.around).map_or(i64::MAX, signed);
            let message = format!(
                "{}: {} {why}: its heap may become {}, by the node's memory of {}, with a limit of {}",
                own.called(),
                runtime.row.name,
                shown(heap),
                shown(facts.capacity),
                shown(own.limit),
            );
            let help = match runtime.row.language {
                Language::Jvm => "use a newer JVM (8u372, 11.0.16, 17), or set -Xmx",
                Language::Node => "use Node.js 20 or newer, or set --max-old-space-size",
                _ => "use a newer runtime, or set the heap's limit",
            };
            let at = facts.container_place(own.pod, &own.container.name);
            found(findings, (code, Level::Warning), at, message, help);
        }
    }
}

/// OOM023.
pub fn go_limit_without_headroom(facts: &LintInput<'_>, findings: &mut Vec<Finding>) {
    for own in managed(facts) {
        for (_, runtime) in &own.runtimes {
            let Some(soft) = runtime.flags.gomemlimit.map(signed) else { continue };
            // go.dev/doc/gc-guide: leave 5 to 10 % for what the runtime does not know of.
            let parts = i128::from(soft) * 100;
            let limit = i128::from(own.limit);
            let level = match () {
                () if parts > limit * 95 => Level::Warning,
                () if parts > limit * 90 => Level::Note,
                () => continue,
            };
            let message = format!(
                "{}: GOMEMLIMIT of {} leaves less than {} of the limit of {} for what Go does not count",
                own.called(),
                shown(soft),
                if level == Level::Warning { "5 %" } else { "10 %" },
                shown(own.limit),
            );
            let help = format!("set GOMEMLIMIT to {} or less", shown(own.limit / 10 * 9 / (1 << 20) * (1 << 20)));
            let at = facts.container_place(own.pod, &own.container.name);
            found(findings, ("OOM023", level), at, message, help);
        }
    }
}
