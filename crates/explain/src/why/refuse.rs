//! Memory that was refused, by the kernel or by a runtime.

use super::{Explanation, pod_of};
use crate::fact::{Link, ProgramFact};
use crate::rule::Rule;
use crate::run::Run;
use oomsim_core::kernel::Sysctls;
use oomsim_core::record::{Owner, Record};
use oomsim_core::units::{Bytes, SimTime};

pub(super) fn refused(run: &Run, to: &mut Explanation, record: &Record) {
    let Record::AllocationRefused { op, requested, committed_as, commit_limit, .. } = record else { return };
    let kernel = &run.scenario().node.kernel;
    let mode = mode_at(run, to.at, &kernel.sysctl);
    let rule = if mode == 2 { Rule::NeverOvercommit } else { Rule::GuessOvercommit };
    let fact = ProgramFact::Refused {
        call: *op,
        requested: *requested,
        mode,
        committed_as: *committed_as,
        commit_limit: *commit_limit,
        ram: kernel.mem_total,
        swap: kernel.swap_total,
        free: run.sample(to.at).map(|sample| sample.mem_free),
    };
    to.chain.push(Link::at(to.at, fact).by(rule));
    to.choosing.push(Link::of(ProgramFact::KernelUninvolved { rss: None, limit: None }).by(Rule::RefusedIsNotKilled));
}

/// `vm.overcommit_memory` at an instant: the scenario may have changed it.
fn mode_at(run: &Run, at: SimTime, first: &Sysctls) -> u8 {
    let set = run.history().entries.iter().take_while(|entry| entry.at <= at).filter_map(|entry| match &entry.record {
        Record::SysctlSet { name, value } if &**name == "vm.overcommit_memory" => u8::try_from(*value).ok(),
        _ => None,
    });
    set.last().unwrap_or(first.overcommit_memory)
}

pub(super) fn by_runtime(run: &Run, to: &mut Explanation, record: &Record) {
    let Record::RuntimeOutOfMemory { pid, owner, runtime, heap, limit, requested, .. } = record else { return };
    let container_limit = container_limit(run, owner);
    let rule = if *runtime == ".NET" { Rule::HeapLimit } else { Rule::RuntimeLimit };
    let (heap, limit, requested) = (*heap, *limit, *requested);
    let fact = ProgramFact::RuntimeRefused { runtime, heap, limit, requested, container_limit };
    to.chain.push(Link::at(to.at, fact).by(rule));
    let rss = run.view(to.at).and_then(|view| view.processes.iter().find(|p| p.pid == *pid).map(|p| p.rss));
    to.choosing.push(Link::of(ProgramFact::KernelUninvolved { rss, limit: container_limit }).by(Rule::ExitCode));
}

/// The memory limit of the container that a process is in.
fn container_limit(run: &Run, owner: &Owner) -> Option<Bytes> {
    let Owner::Container { container, .. } = owner else { return None };
    let plan = run.plan_of(pod_of(owner)?)?;
    let spec = plan.spec.all_containers().find(|c| c.name == *container)?;
    let limit = spec.resources.limits.get(oomsim_core::kubelet::MEMORY)?;
    u64::try_from(limit.value()).ok().map(Bytes::new)
}
