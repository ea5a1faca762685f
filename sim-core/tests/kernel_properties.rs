//! Whatever processes do, every page is owned and counted once, no limit is exceeded, and what exits gives all back.

use oomsim_core::kernel::{
    CgroupVersion, FileAccess, HotText, Kernel, KernelConfig, Lru, Mapping, MemOp, MemOutcome, Profile, SpawnSpec,
    Until, VERSIONS,
};
use oomsim_core::node_api::{CgroupWrite, Signal, Signo};
use oomsim_core::units::{Bytes, CgroupId, Pages, Pid, SimTime, VolumeId};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

#[derive(Clone, Debug)]
enum Step {
    Spawn { cgroup: usize, adj: i16 },
    Fork { process: usize },
    Op { process: usize, kind: u8, pages: u64, volume: usize },
    Kill { process: usize },
    FinishAll,
    Limit { cgroup: usize, pages: u64, kind: u8 },
    RemoveVolume { volume: usize },
    Sysctl { kind: u8, value: i64 },
    Rmdir { cgroup: usize },
    HotText { process: usize, pages: u64, every: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let pages = prop_oneof![1..40u64, 40..3000u64, 3000..40_000u64];
    prop_oneof![
        2 => (0..6usize, -1000..=1000i16).prop_map(|(cgroup, adj)| Step::Spawn { cgroup, adj }),
        1 => (0..8usize).prop_map(|process| Step::Fork { process }),
        12 => (0..8usize, 0..16u8, pages.clone(), 0..4usize)
            .prop_map(|(process, kind, pages, volume)| Step::Op { process, kind, pages, volume }),
        1 => (0..8usize).prop_map(|process| Step::Kill { process }),
        3 => Just(Step::FinishAll),
        2 => (0..6usize, pages, 0..8u8).prop_map(|(cgroup, pages, kind)| Step::Limit { cgroup, pages, kind }),
        1 => (0..4usize).prop_map(|volume| Step::RemoveVolume { volume }),
        1 => (0..3u8, 0..3i64).prop_map(|(kind, value)| Step::Sysctl { kind, value }),
        1 => (0..6usize).prop_map(|cgroup| Step::Rmdir { cgroup }),
        2 => (0..8usize, 1..300u64, 1..200u64)
            .prop_map(|(process, pages, every)| Step::HotText { process, pages, every }),
    ]
}

struct Machine {
    kernel: Kernel,
    cgroups: Vec<CgroupId>,
    processes: Vec<Pid>,
    volumes: Vec<VolumeId>,
    dying: Vec<Pid>,
}

const T: SimTime = SimTime::ZERO;

impl Machine {
    fn new(version: CgroupVersion, profile: usize, swap: u64, lru: Lru) -> Machine {
        let profile = Profile::named(VERSIONS[profile % VERSIONS.len()]).unwrap();
        let config = KernelConfig {
            profile,
            cgroup: version,
            swap_total: Pages::new(swap).bytes(),
            kernel_memory: Bytes::mib(20),
            lru: Some(lru),
            ..KernelConfig::new(Bytes::mib(96))
        };
        let mut kernel = Kernel::new(config);
        let paths = ["/system.slice", "/kubepods", "/kubepods/a", "/kubepods/a/1", "/kubepods/a/2", "/kubepods/b/1"];
        let cgroups = paths.iter().map(|p| kernel.mkdir_all(p)).collect();
        let volumes = vec![
            kernel.create_tmpfs(None),
            kernel.create_tmpfs(Some(Bytes::mib(8))),
            kernel.create_file(Bytes::mib(4)),
            kernel.create_file(Bytes::mib(150)),
        ];
        Machine { kernel, cgroups, processes: Vec::new(), volumes, dying: Vec::new() }
    }

    fn do_step(&mut self, step: &Step) {
        match step {
            Step::Spawn { cgroup, adj } => {
                let mut spec = SpawnSpec::new("p", self.cgroups[*cgroup]);
                spec.oom_score_adj = *adj;
                self.processes.extend(self.kernel.spawn(T, &spec));
            }
            Step::Fork { process } => {
                if let Some(pid) = self.pid(*process) {
                    self.processes.extend(self.kernel.fork(T, pid));
                }
            }
            Step::Op { process, kind, pages, volume } => {
                if let Some(pid) = self.pid(*process) {
                    let op = self.op(*kind, Pages::new(*pages), *volume);
                    let outcome = self.apply(pid, op);
                    match outcome {
                        MemOutcome::Wait { remaining, .. } => {
                            assert!(remaining.get() > 0 && remaining.get() <= *pages, "{outcome:?} after {op:?}");
                        }
                        MemOutcome::Throttled { remaining, .. } => assert!(remaining.get() <= *pages),
                        MemOutcome::Done | MemOutcome::Refused(_) | MemOutcome::Dying => {}
                    }
                }
            }
            Step::Kill { process } => {
                if let Some(pid) = self.pid(*process) {
                    self.kernel.kill(T, pid, Signo::Kill);
                }
            }
            Step::FinishAll => self.finish_all(),
            Step::Limit { cgroup, pages, kind } => {
                let bytes = Some(Pages::new(*pages).bytes());
                let write = match kind {
                    0..=2 => CgroupWrite { max: bytes, ..CgroupWrite::default() },
                    3 => CgroupWrite { high: bytes, ..CgroupWrite::default() },
                    4 => CgroupWrite { min: bytes, low: bytes, ..CgroupWrite::default() },
                    5 => CgroupWrite { swap_max: bytes, ..CgroupWrite::default() },
                    6 => CgroupWrite { max: Some(Bytes::MAX), ..CgroupWrite::default() },
                    _ => CgroupWrite { oom_group: Some(pages % 2 == 0), ..CgroupWrite::default() },
                };
                // Refused where the hierarchy has no such file or the usage does not fit.
                let _ = self.kernel.write(T, self.cgroups[*cgroup], &write);
            }
            Step::RemoveVolume { volume } => {
                let _ = self.kernel.remove_volume(self.volumes[*volume]);
            }
            Step::Sysctl { kind, value } => {
                let name = ["vm.overcommit_memory", "vm.swappiness", "vm.oom_kill_allocating_task"][*kind as usize];
                let _ = self.kernel.set_sysctl(name, *value);
            }
            Step::HotText { process, pages, every } => self.need_text(*process, [*pages, *every].map(Pages::new)),
            Step::Rmdir { cgroup } => {
                if *cgroup > 1 && self.kernel.rmdir(self.cgroups[*cgroup]).is_ok() {
                    self.cgroups[*cgroup] = self.kernel.mkdir_all("/kubepods/again");
                }
            }
        }
        for signal in self.kernel.take_signals() {
            if let Signal::Dying { pid, .. } = signal {
                self.dying.push(pid);
            }
        }
    }

    /// Does an operation, and goes on with it where it thrashes for a while.
    fn apply(&mut self, pid: Pid, op: MemOp) -> MemOutcome {
        match self.kernel.apply(T, pid, op) {
            MemOutcome::Wait { remaining, until: Until::Thrashing(Some(wait)) } => {
                self.kernel.apply(T.saturating_add(wait), pid, op.with_pages(remaining))
            }
            outcome => outcome,
        }
    }

    /// A process reads this much of a file, and needs it again after every so many new pages.
    fn need_text(&mut self, process: usize, [pages, every]: [Pages; 2]) {
        if let Some(pid) = self.pid(process) {
            let file = self.volumes[2];
            self.kernel.set_hot_text(pid, Some(HotText { file, pages, every }));
            self.kernel.apply(T, pid, MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Mmap });
        }
    }

    fn pid(&self, index: usize) -> Option<Pid> {
        (!self.processes.is_empty()).then(|| self.processes[index % self.processes.len()])
    }

    fn op(&self, kind: u8, pages: Pages, volume: usize) -> MemOp {
        let volume = self.volumes[volume];
        let (size, from) = (pages.bytes(), Pages::ZERO);
        let how = if kind.is_multiple_of(2) { FileAccess::Read } else { FileAccess::Mmap };
        match kind {
            0..=2 => MemOp::Touch { pages },
            3 => MemOp::TouchCow { pages },
            4 => MemOp::TouchShmem { pages },
            5 => MemOp::SwapIn { pages },
            6 | 7 => MemOp::ReadFile { file: volume, from, pages, how },
            8 => MemOp::WriteFile { file: volume, from, pages },
            9 => MemOp::WriteTmpfs { volume, pages },
            10 => MemOp::Unmap { size, mapping: Mapping::PRIVATE, resident: pages },
            11 => MemOp::UnmapShmem { size, resident: pages },
            12 => MemOp::Mlock { pages },
            13 => MemOp::Pageout { pages },
            14 => MemOp::Map {
                size,
                mapping: if pages.get().is_multiple_of(2) { Mapping::SHARED } else { Mapping::PRIVATE },
            },
            _ => MemOp::TouchSparse { pages },
        }
    }

    fn finish_all(&mut self) {
        while let Some(pid) = self.dying.pop() {
            self.kernel.finish_exit(T, pid);
            self.processes.retain(|p| *p != pid);
            for signal in self.kernel.take_signals() {
                if let Signal::Dying { pid, .. } = signal {
                    self.dying.push(pid);
                }
            }
        }
    }
}

/// Runs that failed are kept beside this file and repeated first.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400);
    let failure_persistence = Some(Box::new(FileFailurePersistence::WithSource("regressions")) as Box<_>);
    ProptestConfig { cases, failure_persistence, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_page_is_owned_and_no_limit_exceeded(
        v1 in any::<bool>(),
        profile in 0..VERSIONS.len(),
        swap in prop_oneof![Just(0u64), 1..20_000u64],
        mglru in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let version = if v1 { CgroupVersion::V1 } else { CgroupVersion::V2 };
        let lru = if mglru { Lru::Mglru } else { Lru::Classic };
        let mut machine = Machine::new(version, profile, swap, lru);
        for (n, step) in steps.iter().enumerate() {
            machine.do_step(step);
            let audit = machine.kernel.audit();
            prop_assert!(audit.is_ok(), "after step {n} {step:?}: {}", audit.unwrap_err());
            let free = machine.kernel.mem_info().free.to_pages_floor();
            prop_assert!(free >= machine.kernel.free_floor(), "step {n} {step:?}: free {free}");
        }
        // A copy goes on in the same way.
        let mut fork = machine.kernel.clone();
        prop_assert_eq!(fork.mem_info(), machine.kernel.mem_info());
        for pid in machine.processes.clone() {
            machine.kernel.kill(T, pid, Signo::Kill);
            fork.kill(T, pid, Signo::Kill);
        }
        machine.dying.extend(machine.processes.clone());
        machine.finish_all();
        for volume in machine.volumes.clone() {
            let _ = machine.kernel.remove_volume(volume);
        }
        // Every exit gives back all that was charged.
        prop_assert_eq!(machine.kernel.stat(machine.kernel.root()).usage, Bytes::ZERO);
        prop_assert_eq!(machine.kernel.mem_info().committed_as, Bytes::ZERO);
        prop_assert_eq!(machine.kernel.mem_info().swap_free, machine.kernel.mem_info().swap_total);
        prop_assert!(machine.kernel.audit().is_ok());
    }
}
