//! The start of processes.

use super::{Activity, ProcessOwner, RunningProgram};
use crate::engine::StreamName;
use crate::kernel::{
    CgroupVersion, Disposition, FileAccess, Footprint as KernelFootprint, HotText, Mapping, MemOp, SpawnSpec,
};
use crate::node::ids::ProcIx;
use crate::node::machine::Machine;
use crate::node::memory::Contribution;
use crate::node::observe::Cx;
use crate::node_api::Name;
use crate::plan::ProcessPlan;
use crate::record::{Owner, Record};
use crate::units::{Bytes, CgroupId, Pages, Pid, SimDuration, SimTime};
use crate::workload::runtime::Around;
use crate::workload::{Behavior, Footprint, Program, Resume, TermReaction};
use std::sync::Arc;

/// After this many new pages a program needs its text again.
const TEXT_NEEDED_EVERY: Pages = Pages::new(32);

/// What is started.
#[derive(Clone, Copy)]
pub(in crate::node) struct Executable<'a> {
    pub comm: &'a Name,
    pub uid: u32,
    /// The id that it gets, if that is known.
    pub pid: Option<u32>,
    pub footprint: &'a Footprint,
    pub term: TermReaction,
}

impl<'a> From<&'a ProcessPlan> for Executable<'a> {
    fn from(plan: &'a ProcessPlan) -> Self {
        Executable { comm: &plan.comm, uid: plan.uid, pid: plan.pid, footprint: &plan.footprint, term: plan.term }
    }
}

/// Where a process runs, as far as its language runtime can tell.
#[derive(Clone, Copy, Default)]
pub(in crate::node) struct Home {
    /// The memory limit of its container.
    pub limit: Option<Bytes>,
    /// It is the first process of a PID namespace.
    pub first_process: bool,
}

/// What a process starts with, in addition to what its scenario says.
pub(in crate::node) struct SpawnContext {
    pub cgroup: CgroupId,
    pub owner: ProcessOwner,
    /// The same for records.
    pub shown: Owner,
    pub parent: Option<Pid>,
    pub session: Option<Pid>,
    pub oom_score_adj: i16,
}

impl Machine {
    /// Starts a process, which does nothing yet; `None`: the kernel refuses.
    pub(in crate::node) fn spawn(
        &mut self,
        of: Executable<'_>,
        context: SpawnContext,
        cx: &mut Cx<'_>,
    ) -> Option<ProcIx> {
        let mut spec = SpawnSpec::new(of.comm.clone(), context.cgroup);
        spec.uid = of.uid;
        spec.cap_sys_admin = context.owner == ProcessOwner::Host && of.uid == 0;
        spec.pid = of.pid.map(Pid);
        (spec.parent, spec.session, spec.oom_score_adj) = (context.parent, context.session, context.oom_score_adj);
        spec.term = match of.term {
            TermReaction::Default => Disposition::Default,
            TermReaction::Ignore => Disposition::Ignore,
            TermReaction::Exits { .. } => Disposition::Handle,
        };
        let footprint = of.footprint;
        spec.footprint = KernelFootprint {
            total_vm: (footprint.virtual_size + footprint.file).to_pages_ceil(),
            data_vm: Pages::ZERO,
            anon: Pages::ZERO,
            file: footprint.file.to_pages_ceil(),
            pgtables: footprint.page_tables.to_pages_ceil(),
            kernel: footprint.kernel.to_pages_ceil(),
        };
        let cgroup = context.cgroup;
        let Some((pid, slot)) = self.start_process(spec, cx) else {
            self.drain_signals(cx);
            return None;
        };
        let p = self.programs.len() as ProcIx;
        self.programs.push(RunningProgram {
            pid,
            slot,
            comm: of.comm.clone(),
            owner: context.owner,
            shown: context.shown.clone(),
            cgroup,
            program: None,
            activity: Activity::Idle,
            contribution: Contribution::default(),
            turn: 0,
            replaceable: false,
            resume: None,
            term: of.term,
            cause: None,
            oom_counted: false,
            waits: None,
            wait_began: SimTime::ZERO,
            waited: SimDuration::ZERO,
            owes: SimDuration::ZERO,
        });
        if !matches!(context.owner, ProcessOwner::Pause(_)) {
            cx.record(Record::ProcessStarted { pid, comm: of.comm.clone(), owner: context.shown });
        }
        self.drain_signals(cx);
        self.load_text(p, of.comm, footprint.text, cx);
        let anon = footprint.anon.to_pages_ceil();
        if !anon.is_zero() && self.programs[p as usize].activity == Activity::Idle {
            let mapped = self.apply(p, MemOp::Map { size: anon.bytes(), mapping: Mapping::PRIVATE }, cx);
            if mapped {
                self.apply(p, MemOp::Touch { pages: anon }, cx);
            }
        }
        Some(p)
    }

    /// A process that has been started begins with its program, and runs until it first waits.
    pub(in crate::node) fn begin(
        &mut self,
        p: ProcIx,
        plan: &ProcessPlan,
        (home, resume): (Home, Option<&Resume>),
        stream: impl FnOnce() -> StreamName,
        cx: &mut Cx<'_>,
    ) {
        if self.programs[p as usize].activity != Activity::Idle {
            return;
        }
        let rng = plan.behavior.draws().then(|| Box::new(cx.streams.stream(stream())));
        let around = self.around(home);
        let program = Program::new(Arc::clone(&plan.behavior), plan.runtime.as_deref(), rng, cx.now, &around);
        let running = &mut self.programs[p as usize];
        let program = Box::new(program.of_process(&running.files(), running.pid.0, resume));
        (running.program, running.activity, running.replaceable) = (Some(program), Activity::Next, true);
        self.drive(p, cx);
    }

    /// What a language runtime sees of the machine from there.
    fn around(&self, Home { limit, first_process }: Home) -> Around {
        let config = &self.scenario.node.kernel;
        let cgroup_v2 = config.cgroup == CgroupVersion::V2;
        Around { limit, mem_total: config.mem_total, cpus: config.cpus, cgroup_v2, first_process }
    }

    /// A process does something else from now on, with the memory that it has.
    pub(in crate::node) fn give_program(&mut self, p: ProcIx, behavior: &Arc<Behavior>, home: Home, cx: &mut Cx<'_>) {
        if self.programs[p as usize].activity == Activity::Dying {
            return;
        }
        self.end_growth(p);
        self.unblock(p);
        self.waits_no_longer(p, cx);
        let around = self.around(home);
        let running = &mut self.programs[p as usize];
        running.turn += 1;
        let stream = || StreamName::from("workload/").number(running.pid.0).then("/").number(running.turn);
        let rng = behavior.draws().then(|| Box::new(cx.streams.stream(stream())));
        let behavior = Arc::clone(behavior);
        let program = match running.program.as_ref() {
            Some(before) if !matches!(&*behavior, Behavior::DotNet(_)) => before.turns_to(behavior, rng, cx.now),
            _ => Program::new(behavior, None, rng, cx.now, &around),
        };
        let files = format!("{} {}", running.files(), running.turn);
        running.program = Some(Box::new(program.of_process(&files, running.pid.0, None)));
        (running.activity, running.replaceable) = (Activity::Next, false);
        self.drive(p, cx);
    }

    /// A host process of the scenario starts.
    pub(in crate::node) fn host_starts(&mut self, n: u32, cx: &mut Cx<'_>) {
        self.settle(cx);
        let scenario = Arc::clone(&self.scenario);
        let plan = &scenario.hosts[n as usize];
        let cgroup = self.memory.mkdir_all(&plan.cgroup);
        let leader = plan.session_of.as_ref().and_then(|name| {
            let ix = scenario.hosts.iter().position(|h| h.name == *name)?;
            self.programs.hosts.get(&(ix as u32)).copied()
        });
        let leader = leader.map(|p| self.programs[p as usize].pid);
        let context = SpawnContext {
            cgroup,
            owner: ProcessOwner::Host,
            shown: Owner::Host(plan.name.clone()),
            parent: leader,
            session: leader,
            oom_score_adj: plan.process.oom_score_adj.unwrap_or(0),
        };
        if let Some(p) = self.spawn(Executable::from(&plan.process), context, cx) {
            let stream = || StreamName::from("host/").number(n).then("/").then(&plan.name);
            let resume = self.programs.host_resumes.remove(&n);
            self.programs.hosts.insert(n, p);
            self.begin(p, &plan.process, (Home::default(), resume.as_deref()), stream, cx);
        }
    }

    /// Maps the text of a program, of which the node has one copy, and says that the program needs all of it again
    /// before it has touched 128 KiB more. What one window of readahead holds is read by one fault, and locked until
    /// all of it is there.
    fn load_text(&mut self, p: ProcIx, comm: &Name, text: Bytes, cx: &mut Cx<'_>) {
        let pages = text.to_pages_ceil();
        if pages.is_zero() || self.programs[p as usize].activity != Activity::Idle {
            return;
        }
        let file = self.memory.text(comm, pages);
        let window = Bytes::kib(self.scenario.node.kernel.profile.readahead_kib.into()).to_pages_floor();
        let read = if pages <= window {
            MemOp::FaultText { file, pages }
        } else {
            MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Mmap }
        };
        if self.apply(p, read, cx) {
            let hot = HotText { file, pages, every: TEXT_NEEDED_EVERY };
            self.memory.set_hot_text(self.programs[p as usize].pid, hot);
        }
    }
}
