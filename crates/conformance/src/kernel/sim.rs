//! Runs a recorded configuration through the simulated kernel: a killed process exits at once.

use super::row::Proc;
use oomsim_core::kernel::{FileAccess, Footprint, Kernel, KernelConfig, MemOp, MemOutcome, SpawnSpec, Until};
use oomsim_core::node_api::{OomReport, Signal};
use oomsim_core::units::{Bytes, CgroupId, Pages, Pid, SimDuration, SimTime};

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpEnd {
    /// All of it is done.
    Done,
    /// The process died.
    Dead,
    /// It waits, and no process is dying.
    Stuck,
    /// It was still asleep when its time was over.
    TimeOut,
}

/// A simulated machine.
pub struct Sim {
    pub kernel: Kernel,
    pub now: SimTime,
    /// Reports in order.
    pub reports: Vec<OomReport>,
    /// Names of the dead in the order of their death.
    pub dead: Vec<String>,
    /// No process waits for the dead.
    pub leaves_zombies: bool,
}

/// What the recorded program holds before it is asked for anything: 13 anonymous pages and 10 page tables of its own
/// (VmPTE of an idle worker, recordings badness), 177 text pages that are charged elsewhere, and its stack and slab.
pub const WORKER: Footprint = Footprint {
    total_vm: Pages::new(607),
    data_vm: Pages::new(405),
    anon: Pages::new(14),
    file: Pages::new(177),
    pgtables: Pages::new(10),
    kernel: Pages::new(8),
};

impl Sim {
    pub fn new(config: KernelConfig) -> Sim {
        Sim {
            kernel: Kernel::new(config),
            now: SimTime::ZERO,
            reports: Vec::new(),
            dead: Vec::new(),
            leaves_zombies: false,
        }
    }

    /// Starts a process with what it was configured to hold.
    pub fn start(&mut self, proc: &Proc, cgroup: CgroupId, footprint: Footprint) -> Option<Pid> {
        let mut spec = SpawnSpec::new(proc.name.as_str(), cgroup);
        (spec.uid, spec.oom_score_adj, spec.footprint) = (proc.uid, proc.adj, footprint);
        let pid = self.kernel.spawn(self.now, &spec).ok();
        self.collect();
        let pid = pid?;
        self.run(pid, MemOp::Touch { pages: Pages::new(proc.anon) });
        self.run(pid, MemOp::TouchShmem { pages: Pages::new(proc.shm) });
        self.run(pid, MemOp::TouchSparse { pages: Pages::new(proc.sparse) });
        if proc.file > 0 {
            let file = self.kernel.create_file(Pages::new(proc.file).bytes());
            let pages = Pages::new(proc.file);
            self.run(pid, MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Mmap });
        }
        Some(pid)
    }

    /// Does an operation to its end.
    pub fn run(&mut self, pid: Pid, op: MemOp) -> OpEnd {
        self.run_for(pid, op, SimDuration::MAX)
    }

    /// Does an operation for at most `limit`.
    pub fn run_for(&mut self, pid: Pid, mut op: MemOp, limit: SimDuration) -> OpEnd {
        let until = self.now.saturating_add(limit);
        loop {
            let outcome = self.kernel.apply(self.now, pid, op);
            let died = self.collect();
            match outcome {
                MemOutcome::Done => return OpEnd::Done,
                MemOutcome::Dying => return OpEnd::Dead,
                MemOutcome::Refused(_) => return OpEnd::Stuck,
                MemOutcome::Wait { until: Until::After(_), .. } => return OpEnd::Stuck,
                MemOutcome::Wait { remaining, .. } if died => op = op.with_pages(remaining),
                MemOutcome::Wait { .. } => return OpEnd::Stuck,
                MemOutcome::Throttled { remaining, delay } => {
                    self.now = self.now.saturating_add(delay);
                    op = op.with_pages(remaining);
                }
            }
            if self.now > until {
                return OpEnd::TimeOut;
            }
        }
    }

    /// Takes the kernel's signals; the dying exit. True if any did.
    pub fn collect(&mut self) -> bool {
        let mut died = false;
        while self.kernel.has_signals() {
            for signal in self.kernel.take_signals() {
                match signal {
                    Signal::Oom { report, .. } => self.reports.push(*report),
                    Signal::Dying { pid, .. } => {
                        let name = self.kernel.process(pid).map(|p| p.comm.to_string());
                        self.dead.extend(name);
                        match self.leaves_zombies {
                            true => self.kernel.finish_exit_unreaped(self.now, pid),
                            false => self.kernel.finish_exit(self.now, pid),
                        }
                        died = true;
                    }
                    Signal::MemoryFreed => {}
                }
            }
        }
        died
    }
}

/// A machine with this much memory and swap, both in KiB.
pub fn machine(profile: oomsim_core::kernel::Profile, v1: bool, mem_kib: u64, swap_kib: u64) -> KernelConfig {
    let cgroup = if v1 { oomsim_core::kernel::CgroupVersion::V1 } else { oomsim_core::kernel::CgroupVersion::V2 };
    KernelConfig { profile, cgroup, swap_total: Bytes::kib(swap_kib), ..KernelConfig::new(Bytes::kib(mem_kib)) }
}
