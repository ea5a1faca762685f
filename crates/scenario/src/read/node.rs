//! `[node]`: the machine.

use super::killer::killers;
use super::process::footprint;
use crate::diagnostic::Diagnostic;
use crate::kinds::{Here, OF_KIND};
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, bytes, dns_name, duration, integer, one_of};
use crate::source::Places;
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::kernel::Disk;
use oomsim_core::plan::NodePlan;
use oomsim_core::runtime::{ExitTiming, RuntimeTiming};
use oomsim_core::units::Bytes;

/// A kernel with less does not come up, and more is not built.
const MEMORY: std::ops::RangeInclusive<Bytes> = Bytes::mib(32)..=Bytes::gib(64 << 10);

/// Reads `[node]` or a `[[node]]`. A wrong or missing amount of memory is replaced, so that the rest can be checked
/// too.
pub(crate) fn node(p: &Problems, value: &Value, here: &Here<'_>) -> Option<NodePlan> {
    let mut t = TableReader::open(p, if here.is_only() { &tables::NODE } else { &tables::NODE_KIND }, value)?;
    if !here.is_only() {
        // Taken out before; here they come from an override of all kinds.
        for given in OF_KIND.into_iter().filter_map(|key| t.entry(key)) {
            let problem = Diagnostic::error(&given.key_at, format!("`{}` belongs to one kind of node", given.key));
            p.push(problem.help(format!("`node.{}.{}`, or `nodes` and `kubelet` for all kinds", here.name, given.key)));
        }
    }
    let name = t.or("name", NodePlan::DEFAULT_NAME.into(), dns_name);
    let memory = t.required("memory", |p, value| {
        let memory = bytes(p, value)?;
        let fine = MEMORY.contains(&memory);
        if !fine {
            p.error(&value.at, format!("{memory} is out of range: expected {} to {}", MEMORY.start(), MEMORY.end()));
        }
        fine.then_some(memory)
    });
    let mut plan = NodePlan { name, ..NodePlan::new(memory.unwrap_or(Bytes::gib(4))) };
    plan.kernel.swap_total = t.or("swap", Bytes::ZERO, bytes);
    plan.kernel.cpus = t.or("cpus", plan.kernel.cpus, integer(1, 4096));
    plan.kernel.disk = t.optional("disk", disk);
    plan.nominal = t.optional("nominal", nominal);
    plan.pause = t.or("pause", plan.pause, footprint);
    (plan.runtime, plan.runtime_per_pod) = t.or("runtime", (plan.runtime, Bytes::ZERO), runtime);
    plan.exit = t.or("exit", plan.exit, exit);
    plan.killers = killers(&mut t);
    if let Some(table) = t.get("system") {
        system(p, table, &mut plan);
    }
    t.finish();
    Some(plan)
}

fn nominal(p: &Problems, value: &Value) -> Option<Bytes> {
    bytes(p, value).filter(|size| {
        let fits = MEMORY.contains(size);
        if !fits {
            p.error(&value.at, format!("{size} is out of range: expected {} to {}", MEMORY.start(), MEMORY.end()));
        }
        fits
    })
}

/// Where the table and its keys are.
pub(crate) fn places(value: &Value) -> Places {
    let keys = value.entries().unwrap_or_default().iter().map(|e| (format!("node.{}", e.key), e.value.at.clone()));
    keys.chain([("node".to_owned(), value.at.clone())]).collect()
}

/// The container runtime's delays, and what it holds for each pod.
fn runtime(p: &Problems, value: &Value) -> Option<(RuntimeTiming, Bytes)> {
    let mut t = TableReader::open(p, &tables::NODE_RUNTIME, value)?;
    let default = RuntimeTiming::default();
    let timing = RuntimeTiming {
        sandbox_create: t.or("sandboxCreate", default.sandbox_create, duration),
        container_create: t.or("containerCreate", default.container_create, duration),
        container_remove: t.or("containerRemove", default.container_remove, duration),
        pod_teardown: t.or("podTeardown", default.pod_teardown, duration),
        shares_processors: t.or("sharesProcessors", default.shares_processors, boolean),
    };
    let per_pod = t.or("perPod", Bytes::ZERO, bytes);
    t.finish();
    Some((timing, per_pod))
}

/// A kind of disk by name, or its figures.
fn disk(p: &Problems, value: &Value) -> Option<Disk> {
    if let ValueKind::Text(_) = value.kind {
        return one_of("disk", &Disk::KINDS)(p, value);
    }
    let mut t = TableReader::open(p, &tables::NODE_DISK, value)?;
    let figures = (t.required("latency", duration), t.required("bandwidth", bytes));
    let page = t.or("page", Disk::PAGE, duration);
    if figures.1.is_some_and(|bandwidth| bandwidth < Disk::SLOWEST) {
        p.error(t.at(), format!("expected a bandwidth of {} per second or more", Disk::SLOWEST));
    }
    t.finish();
    let (Some(latency), Some(bandwidth)) = figures else { return None };
    Some(Disk { latency, bandwidth, page })
}

/// How long a dying process takes until its memory is free.
fn exit(p: &Problems, value: &Value) -> Option<ExitTiming> {
    let mut t = TableReader::open(p, &tables::NODE_EXIT, value)?;
    let default = ExitTiming::default();
    let timing =
        ExitTiming { base: t.or("base", default.base, duration), per_gib: t.or("perGiB", default.per_gib, duration) };
    t.finish();
    Some(timing)
}

fn system(p: &Problems, value: &Value, plan: &mut NodePlan) {
    let Some(mut t) = TableReader::open(p, &tables::NODE_SYSTEM, value) else { return };
    plan.system_anon = t.or("anon", Bytes::ZERO, bytes);
    plan.system_active_file = t.or("activeFile", Bytes::ZERO, bytes);
    plan.system_inactive_file = t.or("inactiveFile", Bytes::ZERO, bytes);
    plan.system_mlocked_file = t.or("mlockedFile", Bytes::ZERO, bytes);
    plan.kernel.system_text = t.or("text", Bytes::ZERO, bytes);
    plan.kernel.kernel_memory = t.or("kernel", Bytes::ZERO, bytes);
    plan.system_committed = t.or("committed", Bytes::ZERO, bytes);
    let held = [plan.system_anon, plan.system_active_file, plan.system_inactive_file, plan.system_mlocked_file];
    let held: Bytes = held.into_iter().chain([plan.kernel.kernel_memory, plan.kernel.system_text]).sum();
    if held >= plan.kernel.mem_total {
        let total = plan.kernel.mem_total;
        p.error(
            t.at(),
            format!("the system uses {held} from the start, but the node only has {total} (`node.memory`)"),
        );
    }
    t.finish();
}
