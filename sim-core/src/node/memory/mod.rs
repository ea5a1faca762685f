//! The node's memory: the kernel, and the growth of programs that is due but not taken yet.
//!
//! The kernel is private to this room. Other rooms change it by the methods here, and read an amount of memory only
//! from a [`Settled`]: what growing programs have due is in the figures, and nothing can happen while it is there.
//! There is no other way to a figure: code that forgets to settle does not compile.

mod bounds;
mod figures;
mod growth;
mod lazy;
mod pressure;
mod settle;
mod settled;
mod system_text;

pub(in crate::node) use bounds::Contribution;
pub(in crate::node) use figures::StatsFigures;
pub(in crate::node) use pressure::Waits;
pub(in crate::node) use settled::{Scope, Settled};
pub(in crate::node) use system_text::SystemText;

use super::ids::{PodIx, ProcIx};
use super::machine::Machine;
use super::observe::Cx;
use crate::engine::{RunsBehind, StreamFactory};
use crate::kernel::{
    Delivery, Errno, HotText, Kernel, KernelConfig, Lru, MemOp, MemOutcome, SpawnSpec, State, SysctlError,
};
use crate::node_api::{CgroupWrite, ExitStatus, Name, Signal, Signo};
use crate::record::LimitScope;
use crate::units::{Bytes, CgroupId, Pages, Pid, SimDuration, SimTime, VolumeId};
use figures::Looked;
use growth::Ledger;
use pressure::Pressures;
use std::collections::BTreeMap;

/// Whose files and volumes a name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::node) enum VolumeScope {
    /// A pod's volumes.
    Pod(PodIx),
    /// The node's own.
    Host,
}

/// The kernel with the growth that is due.
#[derive(Clone, Debug)]
pub(in crate::node) struct Memory {
    kernel: Kernel,
    /// Program text by name and size.
    texts: BTreeMap<(Name, Pages), VolumeId>,
    growth: Ledger,
    looked: Looked,
    volumes: BTreeMap<(VolumeScope, String), VolumeId>,
    /// Whose cgroups are, of those that are the kubelet's or a pod's, by id.
    scopes: Vec<Option<LimitScope>>,
    /// Where something has waited for memory.
    pressures: Pressures,
}

impl Memory {
    pub fn new(config: KernelConfig) -> Self {
        Memory {
            kernel: Kernel::new(config),
            growth: Ledger::default(),
            looked: Looked::default(),
            scopes: Vec::new(),
            volumes: BTreeMap::new(),
            texts: BTreeMap::new(),
            pressures: Pressures::default(),
        }
    }

    /// Takes every step of growth by itself, instead of computing when one can matter.
    pub fn stepwise(&mut self) {
        self.growth.stepwise = true;
    }

    /// Something other than growth happens: what grows may meet a limit earlier than was computed.
    pub fn disturbed(&mut self) {
        self.growth.disturbed();
    }

    /// Limits, sysctls or processes change: nothing that was computed for growth holds.
    pub fn changed(&mut self) {
        self.growth.invalidate();
    }

    /// The kernel, for a change other than growth: how long shared limits hold has to be found again.
    fn change(&mut self) -> &mut Kernel {
        self.growth.lazy.calm_until = SimTime::ZERO;
        &mut self.kernel
    }

    // Cgroups. Where they are says nothing of what they hold.

    pub fn root(&self) -> CgroupId {
        self.kernel.root()
    }

    pub fn find(&self, path: &str) -> Option<CgroupId> {
        self.kernel.find(path)
    }

    pub fn mkdir(&mut self, parent: CgroupId, name: &str) -> CgroupId {
        self.kernel.mkdir(parent, name)
    }

    pub fn mkdir_all(&mut self, path: &str) -> CgroupId {
        self.kernel.mkdir_all(path)
    }

    /// Says whose a cgroup is.
    pub fn belongs_to(&mut self, cgroup: CgroupId, scope: LimitScope) {
        if self.scopes.len() <= cgroup.index() {
            self.scopes.resize(cgroup.index() + 1, None);
        }
        self.scopes[cgroup.index()] = Some(scope);
    }

    /// Whose a cgroup is.
    pub fn scope_of(&self, cgroup: CgroupId) -> LimitScope {
        if cgroup == self.kernel.root() {
            return LimitScope::Node;
        }
        self.scopes.get(cgroup.index()).cloned().flatten().unwrap_or(LimitScope::Cgroup)
    }

    /// Removes a cgroup; one that still has processes or children stays.
    pub fn rmdir(&mut self, cgroup: CgroupId) {
        if self.change().rmdir(cgroup).is_err() {
            return;
        }
        self.forget_pressure(cgroup);
        if let Some(scope) = self.scopes.get_mut(cgroup.index()) {
            *scope = None;
        }
    }

    /// Removes a cgroup and all below it.
    pub fn rmdir_all(&mut self, cgroup: CgroupId) {
        for child in self.kernel.children(cgroup).collect::<Vec<_>>() {
            self.rmdir_all(child);
        }
        self.rmdir(cgroup);
    }

    /// Writes limits. On v1 a limit below the usage that reclaim cannot reach is refused.
    pub fn write(&mut self, now: SimTime, cgroup: CgroupId, write: &CgroupWrite) -> Result<(), Errno> {
        self.change().write(now, cgroup, write)
    }

    /// The limit of a cgroup, if it has one.
    pub fn limit(&self, cgroup: CgroupId) -> Option<Bytes> {
        self.kernel.limit(cgroup)
    }

    pub fn set_sysctl(&mut self, name: &str, value: i64) -> Result<(), SysctlError> {
        self.change().set_sysctl(name, value)
    }

    pub fn lru(&self) -> Lru {
        self.kernel.lru()
    }

    // Files and volumes by name.

    /// A file that no program knows by name.
    pub fn nameless_file(&mut self, size: Bytes) -> VolumeId {
        self.kernel.create_file(size)
    }

    /// The text of a program, of which the node has one copy.
    pub fn text(&mut self, comm: &Name, pages: Pages) -> VolumeId {
        *self.texts.entry((comm.clone(), pages)).or_insert_with(|| self.kernel.create_file(pages.bytes()))
    }

    /// Says that a program needs text again and again.
    pub fn set_hot_text(&mut self, pid: Pid, hot: HotText) {
        self.change().set_hot_text(pid, Some(hot));
    }

    /// Races between processors are drawn from these streams.
    pub fn draw_from(&mut self, streams: &StreamFactory) {
        self.kernel.draw_from(streams);
    }

    /// The file of that name; it is made when it is first used.
    pub fn file(&mut self, scope: VolumeScope, name: &str, size: Bytes) -> VolumeId {
        *self.volumes.entry((scope, name.to_owned())).or_insert_with(|| self.kernel.create_file(size))
    }

    /// The tmpfs of that name; it is made when it is first used, with `noswap` if it is to stay in memory.
    pub fn tmpfs(&mut self, scope: VolumeScope, name: &str, noswap: bool) -> VolumeId {
        *self.volumes.entry((scope, name.to_owned())).or_insert_with(|| match noswap {
            true => self.kernel.create_noswap_tmpfs(),
            false => self.kernel.create_tmpfs(None),
        })
    }

    /// Removes what has that name; false: nothing has.
    pub fn unlink(&mut self, scope: VolumeScope, name: String) -> bool {
        let removed = self.volumes.remove(&(scope, name));
        if let Some(id) = removed {
            let _ = self.change().remove_volume(id);
        }
        removed.is_some()
    }

    /// Removes every volume of a pod.
    pub fn remove_volumes_of(&mut self, pod: PodIx) {
        let of_pod = |scope| scope == VolumeScope::Pod(pod);
        let names: Vec<_> = self.volumes.keys().filter(|(scope, _)| of_pod(*scope)).cloned().collect();
        for (scope, name) in names {
            self.unlink(scope, name);
        }
    }

    // Processes.

    /// Where the kernel keeps a process.
    pub fn slot(&self, pid: Pid) -> Option<u32> {
        self.kernel.slot(pid)
    }

    /// Ids of all processes, in order.
    pub fn pids(&self) -> impl Iterator<Item = Pid> {
        self.kernel.processes().map(|process| process.pid)
    }

    pub fn kill(&mut self, now: SimTime, pid: Pid, signal: Signo) -> Delivery {
        self.change().kill(now, pid, signal)
    }

    pub fn exit(&mut self, now: SimTime, pid: Pid, code: i32) {
        self.change().exit(now, pid, code);
    }

    /// The memory of a dying process comes free. Returns how it ended.
    pub fn finish_exit(&mut self, now: SimTime, pid: Pid) -> ExitStatus {
        let status = match self.kernel.process(pid).map(|process| process.state) {
            Some(State::Dying { status, .. }) => status,
            _ => ExitStatus::Signal(Signo::Kill),
        };
        self.change().finish_exit(now, pid);
        status
    }

    pub fn fork(&mut self, now: SimTime, pid: Pid) -> Result<Pid, Errno> {
        self.change().fork(now, pid)
    }

    // What the kernel reports.

    pub fn has_signals(&self) -> bool {
        self.kernel.has_signals()
    }

    pub fn take_signals(&mut self) -> Vec<Signal> {
        self.kernel.take_signals()
    }

    pub fn recycle(&mut self, signals: Vec<Signal>) {
        self.kernel.recycle(signals);
    }
}

impl Machine {
    /// Hands an operation of a process to the kernel, which finds every limit that it may meet as it is.
    pub(in crate::node) fn operate(&mut self, p: ProcIx, op: MemOp, cx: &mut Cx<'_>) -> MemOutcome {
        let pid = self.programs[p as usize].pid;
        if !self.memory.growth.lazy.on {
            let outcome = self.memory.change().apply(cx.now, pid, op);
            return self.with_work(p, outcome);
        }
        let cgroup = self.programs[p as usize].cgroup;
        self.reserve_for(Some(p), cgroup, op.largest_charge(), cx);
        let outcome = self.memory.change().apply(cx.now, pid, op);
        self.note_charge(Some(p), cgroup);
        self.with_work(p, outcome)
    }

    /// What a process caused takes its time, where a disk is given: it waits as soon as that is a millisecond. Before
    /// its program begins nothing does.
    #[inline]
    fn with_work(&mut self, p: ProcIx, outcome: MemOutcome) -> MemOutcome {
        let worked = self.memory.kernel.time_worked();
        if worked == SimDuration::ZERO {
            return outcome;
        }
        let program = &mut self.programs[p as usize];
        if program.program.is_none() {
            return outcome;
        }
        let owed = program.owes + worked;
        let (remaining, throttled) = match outcome {
            MemOutcome::Done => (Pages::ZERO, SimDuration::ZERO),
            MemOutcome::Throttled { remaining, delay } => (remaining, delay),
            other => return other,
        };
        if throttled == SimDuration::ZERO && owed < LEAST_WAIT {
            program.owes = owed;
            return outcome;
        }
        program.owes = SimDuration::ZERO;
        MemOutcome::Throttled { remaining, delay: throttled + owed }
    }

    /// An operation was not completed: what was computed for growth may not hold.
    pub(in crate::node) fn interrupted(&mut self) {
        self.memory.growth.interrupted();
    }

    /// Starts a process. Its id and where the kernel keeps it; `None`: the kernel refuses.
    pub(in crate::node) fn start_process(&mut self, mut spec: SpawnSpec, cx: &mut Cx<'_>) -> Option<(Pid, u32)> {
        // An id that another process has is not given twice.
        spec.pid = spec.pid.filter(|&pid| self.memory.kernel.process(pid).is_none());
        let charged = spec.footprint.anon + spec.footprint.pgtables + spec.footprint.kernel;
        self.reserve_for(None, spec.cgroup, charged, cx);
        let spawned = self.memory.change().spawn(cx.now, &spec);
        self.note_charge(None, spec.cgroup);
        let pid = spawned.ok()?;
        Some((pid, self.memory.slot(pid).unwrap_or(u32::MAX)))
    }

    /// Something changes the whole node: everything due is taken first, and nothing computed before holds afterwards.
    pub(in crate::node) fn settle_for_change(&mut self, cx: &mut Cx<'_>) {
        self.take_due(Scope::Node, cx);
        self.memory.changed();
    }
}

/// Less than this is added up until it is this much.
const LEAST_WAIT: SimDuration = SimDuration::from_millis(1);

/// Pages that fit into no counter.
const ENDLESS: Pages = Pages::new(1 << 50);
