//! The simulated machine of an experiment, and what came out of it.

use super::outcome::{Decision, ExperimentOutcome};
use super::row::{Experiment, Group};
use super::text::text;
use super::variant::Variant;
use crate::kernel::{Sim, WORKER, machine, rivals};
use oomsim_core::engine::StreamFactory;
use oomsim_core::kernel::{
    Disk, FileAccess, Footprint, HotText, KernelConfig, MemOp, MemOutcome, SpawnSpec, SwapDevice, THRASHING_PERMILLE,
    Until,
};
use oomsim_core::node_api::{CgroupWrite, OomReport, Signo};
use oomsim_core::units::{Bytes, Pages, Pid, SimDuration, SimTime, VolumeId};
use std::collections::{BTreeMap, BTreeSet};

/// Pages of a file from which an experiment reads: more than any of them asks for.
const FILE: u64 = 1 << 21;
/// A step that takes longer is given up (SCHEMA of the recordings).
pub const PATIENCE: SimDuration = SimDuration::from_secs(12);
/// khugepaged's minimum, which 5.10 keeps after THP is switched off (SCHEMA).
const MIN_FREE_5_10: u64 = 45_056;

/// A file without blocks: reading it takes no disk (SCHEMA).
const SPARSE: &str = "/mnt/big";

/// The name under which directory entries are kept.
pub const DENTRIES: &str = "negative dentries";

/// Sizes of a cgroup, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub current: u64,
    pub swap: u64,
    pub anon: u64,
    pub file: u64,
}

/// A simulated experiment.
pub struct ExperimentRun {
    pub outcome: ExperimentOutcome,
    /// Two answers are possible, and why.
    pub open: Option<String>,
    /// Sizes after the steps that have them.
    pub after: BTreeMap<usize, BTreeMap<String, Seen>>,
    /// Steps whose write gave another error than recorded.
    pub wrong_writes: Vec<usize>,
    /// For how long processes waited for memory, in all.
    pub waited: SimDuration,
    /// Where those stopped that ran beside others and did not come to their end.
    pub stopped: BTreeMap<String, Stopped>,
    /// Something was up to chance.
    pub drawn: bool,
}

/// Where a process stopped that ran on while later steps were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Units done.
    pub units: u64,
    /// When the last of them was.
    pub last: SimTime,
    /// When it died, or the recording ended.
    pub end: SimTime,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpEnd {
    Done,
    Dead,
    /// It does not go on: at its limit, without a kill.
    Stuck,
}

pub struct Machine<'a> {
    pub row: &'a Experiment,
    pub sim: Sim,
    pub text: VolumeId,
    pids: BTreeMap<&'a str, Pid>,
    /// Who has a buffer for files already.
    pub buffers: BTreeSet<Pid>,
    /// How often processes have swapped in what they need of their stacks.
    pub swapped_in: BTreeMap<Pid, usize>,
    files: BTreeMap<(String, u64), VolumeId>,
    /// For how long processes have waited for memory.
    pub waited: SimDuration,
    pub variant: Variant,
    /// Something of the program's text was up to chance.
    pub drawn: bool,
    /// When the recording ended, while what is done may go on after that.
    pub watched_until: Option<SimTime>,
    /// Files whose pages need no disk to be read.
    sparse: BTreeSet<VolumeId>,
}

/// Runs a row.
pub fn run(row: &Experiment, variant: Variant) -> Result<ExperimentRun, String> {
    let mut machine = Machine::new(row, variant)?;
    let mut run = ExperimentRun {
        outcome: ExperimentOutcome::default(),
        open: None,
        after: BTreeMap::new(),
        wrong_writes: Vec::new(),
        waited: SimDuration::ZERO,
        stopped: BTreeMap::new(),
        drawn: false,
    };
    for index in 0..row.steps.len() {
        machine.step(index, &mut run);
        if !row.steps[index].after.is_empty() {
            let seen = row.steps[index].after.keys().map(|path| (path.clone(), machine.seen(path)));
            run.after.insert(index, seen.collect());
            // The driver has read the files of all cgroups.
            machine.sim.kernel.others_have_run();
        }
    }
    run.waited = machine.waited;
    run.drawn = machine.drawn || machine.sim.kernel.has_drawn();
    machine.conclude(&mut run)?;
    Ok(run)
}

impl<'a> Machine<'a> {
    fn new(row: &'a Experiment, variant: Variant) -> Result<Self, String> {
        let mut sim = Sim::new(config(row, variant)?);
        sim.kernel.draw_from(&StreamFactory::new(variant.seed));
        // The driver waits for the dead when the case is over.
        sim.leaves_zombies = true;
        let text = sim.kernel.create_file(text(&sim).0.bytes());
        for group in &row.cgroups {
            let cgroup = sim.kernel.mkdir_all(&group.path);
            sim.kernel.write(sim.now, cgroup, &limits(group, variant.shift)).map_err(|e| e.to_string())?;
        }
        let (pids, buffers, files) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let swapped_in = BTreeMap::new();
        let waited = SimDuration::ZERO;
        let (drawn, watched_until, sparse) = (false, None, BTreeSet::new());
        let mut machine =
            Machine { row, sim, text, pids, buffers, swapped_in, files, waited, variant, drawn, watched_until, sparse };
        for process in &row.procs {
            machine.start(process)?;
        }
        Ok(machine)
    }

    /// Starts a process; it maps its text, which is charged to the first one that reads it.
    fn start(&mut self, process: &'a super::row::Process) -> Result<(), String> {
        let cgroup = self.sim.kernel.mkdir_all(&process.cgroup);
        let mut spec = SpawnSpec::new(process.name.as_str(), cgroup);
        spec.uid = process.uid;
        spec.oom_score_adj = process.adj;
        spec.footprint = Footprint { file: Pages::ZERO, ..WORKER };
        let pid = self.sim.kernel.spawn(self.sim.now, &spec).map_err(|e| format!("{}: {e}", process.name))?;
        self.sim.collect();
        self.pids.insert(&process.name, pid);
        if self.sim.kernel.volume_pages(self.text).0.is_zero() && self.sim.kernel.profile().file_folios {
            // execve looks at the first page.
            let op =
                MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages: Pages::new(1), how: FileAccess::Read };
            self.run(pid, op);
        }
        self.read_text(pid);
        // A step that is waited for is one loop, which needs no other text until it is done.
        self.set_hot(pid, self.text, text(&self.sim).1, u64::MAX / 2);
        Ok(())
    }

    /// The process of that name, while it lives.
    pub fn pid(&self, name: &str) -> Option<Pid> {
        let pid = *self.pids.get(name)?;
        self.sim.kernel.process(pid).filter(|p| p.is_running()).map(|p| p.pid)
    }

    /// The part of a file that begins at a page.
    pub fn file(&mut self, path: &str, offset: u64) -> VolumeId {
        let known = self.files.get(&(path.to_owned(), offset)).copied();
        known.unwrap_or_else(|| {
            let file = self.sim.kernel.create_file(Pages::new(FILE + offset).bytes());
            if path == SPARSE {
                self.sparse.insert(file);
            }
            self.files.insert((path.to_owned(), offset), file);
            file
        })
    }

    /// A tmpfs, made when it is first written to.
    pub fn tmpfs(&mut self, path: &str) -> VolumeId {
        let known = self.files.get(&(path.to_owned(), 0)).copied();
        known.unwrap_or_else(|| {
            let volume = self.sim.kernel.create_tmpfs(None);
            self.files.insert((path.to_owned(), 0), volume);
            volume
        })
    }

    pub fn set_hot(&mut self, pid: Pid, file: VolumeId, pages: u64, every: u64) {
        let hot = HotText { file, pages: Pages::new(pages), every: Pages::new(every) };
        self.sim.kernel.set_hot_text(pid, Some(hot));
    }

    /// Does an operation to its end, as long as the recordings' driver waits for it.
    pub fn run(&mut self, pid: Pid, mut op: MemOp) -> OpEnd {
        let until = self.sim.now.saturating_add(PATIENCE);
        loop {
            let outcome = self.sim.kernel.apply(self.sim.now, pid, op);
            let died = self.sim.collect();
            self.note_wait(&op, &outcome);
            let (remaining, wait) = match outcome {
                MemOutcome::Done => return OpEnd::Done,
                MemOutcome::Dying => return OpEnd::Dead,
                MemOutcome::Refused(_) => return OpEnd::Stuck,
                MemOutcome::Wait { remaining, .. } if died => (remaining, SimDuration::ZERO),
                MemOutcome::Wait { remaining, until: Until::After(wait) | Until::Thrashing(Some(wait)) } => {
                    (remaining, wait)
                }
                MemOutcome::Wait { until, .. } => {
                    // What runs on by itself is not given up.
                    if matches!(until, Until::Thrashing(_)) && self.watched_until.is_none() {
                        self.wait_for(thrashes(PATIENCE));
                    }
                    return OpEnd::Stuck;
                }
                MemOutcome::Throttled { remaining, delay } => (remaining, delay),
            };
            self.sim.now = self.sim.now.saturating_add(wait);
            if self.sim.now > until {
                return OpEnd::Stuck;
            }
            op = op.with_pages(remaining);
        }
    }

    /// Adds up for how long a process waits that has done an operation, as far as the recording goes.
    pub fn note_wait(&mut self, op: &MemOp, outcome: &MemOutcome) {
        let mut work = self.sim.kernel.take_work();
        if matches!(op, MemOp::ReadFile { file, .. } if self.sparse.contains(file)) {
            work.dropped += std::mem::take(&mut work.read_back);
        }
        let waits = match outcome {
            MemOutcome::Throttled { delay, .. } => *delay,
            MemOutcome::Wait { until: Until::Thrashing(Some(time)), .. } => thrashes(*time),
            _ => SimDuration::ZERO,
        };
        self.wait_for(work.takes(&Disk::RECORDED, self.sim.kernel.swap_device()) + waits);
    }

    /// A process waits from now on.
    pub fn wait_for(&mut self, time: SimDuration) {
        let most = self.watched_until.map_or(time, |end| end.since(self.sim.now.min(end)));
        self.waited = self.waited + time.min(most);
    }

    /// The recordings' driver kills a process that does not answer.
    pub fn give_up(&mut self, pid: Pid) {
        self.sim.kernel.kill(self.sim.now, pid, Signo::Kill);
        self.sim.collect();
    }

    pub fn seen(&self, path: &str) -> Seen {
        let Some(cgroup) = self.sim.kernel.find(path) else { return Seen::default() };
        // Directory entries stand for reclaimable kernel memory, not for pages of a file.
        let entries: Pages = self
            .files
            .iter()
            .filter(|((path, _), _)| path == DENTRIES)
            .map(|(_, f)| self.sim.kernel.volume_pages(*f).0)
            .sum();
        let stat = self.sim.kernel.stat(cgroup);
        let pages = |b: Bytes| b.to_pages_floor().get();
        Seen {
            current: pages(stat.usage).saturating_add_signed(-self.shift(path)),
            swap: pages(stat.swap),
            anon: pages(stat.anon),
            file: pages(stat.file) - entries.get(),
        }
    }

    /// Pages by which a cgroup's limit is higher in this variant: as many fewer are in use that the model knows nothing
    /// of.
    fn shift(&self, path: &str) -> i64 {
        let limited = self.row.cgroups.iter().any(|g| g.path == path && (g.max.is_some() || g.high.is_some()));
        if limited { self.variant.shift } else { 0 }
    }

    fn conclude(self, run: &mut ExperimentRun) -> Result<(), String> {
        let profile = self.row.profile()?;
        let mut dead: BTreeMap<Pid, String> = BTreeMap::new();
        for report in &self.sim.reports {
            dead.extend(report.killed_tasks().map(|t| (t.pid, t.comm.to_string())));
            run.outcome.decisions.extend(decision(report));
            let other = report.chosen().and_then(|chosen| {
                rivals(report, &profile, u64::from(self.row.smp)).find(|t| t.comm != chosen.comm).map(|t| (chosen, t))
            });
            if let (Some((chosen, rival)), None) = (other, &run.open) {
                let apart = chosen.points.unwrap_or(0) - rival.points.unwrap_or(0);
                run.open = Some(format!("{} and {} differ by {apart} pages only", chosen.comm, rival.comm));
            }
        }
        run.outcome.killed = dead.into_values().collect();
        run.outcome.killed.sort_unstable();
        Ok(())
    }
}

/// For how long a process waits for memory that thrashes for some time.
pub fn thrashes(time: SimDuration) -> SimDuration {
    time.mul_ratio(THRASHING_PERMILLE, 1000)
}

fn decision(report: &OomReport) -> Option<Decision> {
    let chosen = report.chosen()?.comm.to_string();
    let text = |path: &oomsim_core::node_api::Name| path.to_string();
    Some(Decision { limit: report.oom_memcg.as_ref().map(text), chosen, group: report.oom_group.as_ref().map(text) })
}

fn config(row: &Experiment, variant: Variant) -> Result<KernelConfig, String> {
    let mut profile = row.profile()?;
    if variant.second_kill {
        profile.second_kill_percent = 100;
    }
    let old = profile.version == "5.10";
    let mut config = machine(profile, false, row.mem_total_kib, row.swap_total_kib);
    config.cpus = row.smp;
    config.swap_device = if row.swap_device == "zram" { SwapDevice::Zram } else { SwapDevice::Disk };
    config.disk = Some(Disk::RECORDED);
    config.recursive_protection = row.mount_options.contains("memory_recursiveprot");
    for (name, value) in &row.sysctl {
        config.sysctl.set(&format!("vm.{name}"), *value).map_err(|e| e.to_string())?;
    }
    if old {
        config.sysctl.min_free_kbytes = Some(MIN_FREE_5_10);
    }
    let listed = ["AnonPages", "Cached", "Slab"].map(|name| row.before(name)).iter().sum::<u64>();
    config.kernel_memory = Pages::new(listed + unlisted(&config.profile.version, row.smp)).bytes();
    Ok(config)
}

/// Pages in use that no counter of the node lists and no cgroup is charged for: MemTotal without MemFree, AnonPages,
/// Cached, SwapCached, Slab and what is charged, at the step where that is least (recordings kernel2: 6.1 2158; 6.12
/// and 7.3 in the rows in which the whole node runs short, 1868 and 2071 with one processor, 2320 to 2377 with two, and
/// 3684 to 3752; 5.10 3840 with page tables, which it does not list). Before memory is short the processors' own lists
/// hold up to 16,000 more, which MemFree does not count either.
fn unlisted(version: &str, cpus: u32) -> u64 {
    match version {
        "5.10" => 3750,
        "6.1" => 2150,
        "6.12" if cpus == 1 => 1870,
        "6.12" => 2320,
        _ => 3700,
    }
}

fn limits(group: &Group, shift: i64) -> CgroupWrite {
    let bytes = |pages: u64| Pages::new(pages).bytes();
    CgroupWrite {
        max: group.max.map(|p| bytes(p.saturating_add_signed(shift))),
        high: group.high.map(|p| bytes(p.saturating_add_signed(shift))),
        low: group.low.map(bytes),
        min: group.min.map(bytes),
        swap_max: group.swap_max.map(bytes),
        oom_group: group.oom_group.map(|v| v == 1),
        ..CgroupWrite::default()
    }
}

/// Milliseconds as simulated time.
pub fn at(ms: f64) -> SimTime {
    SimTime::from_nanos((ms.max(0.0) * 1e6) as u64)
}
