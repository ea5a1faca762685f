//! Parameters of the behaviours, as a scenario states them.

use super::trace::Trace;
use crate::units::{Bytes, Pages, SimDuration};

/// A program's reaction to SIGTERM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TermReaction {
    /// Dies at once.
    #[default]
    Default,
    /// Does not react, like a PID 1 without a handler; SIGKILL after the grace period ends it.
    Ignore,
    /// Exits by itself.
    Exits {
        /// This long after.
        after: SimDuration,
        /// With this code: 0 of a server that stops gracefully, 143 of one that the signal ends.
        code: u8,
    },
}

impl TermReaction {
    /// The exit code of a program that SIGTERM ends.
    pub const TERMINATED: u8 = 143;

    /// Exits with code 143 after this time.
    pub const fn exits(after: SimDuration) -> TermReaction {
        TermReaction::Exits { after, code: TermReaction::TERMINATED }
    }
}

/// What a process holds once it has started, before its behaviour begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Footprint {
    /// Anonymous memory touched at start.
    pub anon: Bytes,
    /// Program text and libraries mapped from files that are charged elsewhere (the image's first reader): it counts
    /// in RSS and in badness, not in the container's cgroup.
    pub file: Bytes,
    /// Program text that is needed again and again, charged to the cgroup whose process reads it first. A full cgroup
    /// pushes it out only to see it read back; see `kernel::HotText`.
    pub text: Bytes,
    /// Page tables.
    pub page_tables: Bytes,
    /// Virtual size beyond what is touched.
    pub virtual_size: Bytes,
    /// Kernel memory (stacks, slab) charged to the cgroup, without page tables.
    pub kernel: Bytes,
}

/// The shape of a random spread around a nominal interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum JitterKind {
    /// Every value in ± spread is equally likely.
    #[default]
    Uniform,
    /// The sum of two uniform draws of half the spread: values near the middle are likelier.
    Triangular,
    /// Intervals are exponentially distributed with the nominal interval as mean; the spread is ignored.
    Exponential,
}

/// A random spread around a nominal interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Jitter {
    /// Named distribution.
    pub kind: JitterKind,
    /// Half width.
    pub spread: SimDuration,
}

/// What a program does when its behaviour is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Then {
    /// Keeps its memory and idles.
    #[default]
    Hold,
    /// Exits with this code.
    Exit(i32),
}

/// The load tool of the OOM scenarios (docs/SOURCES.md): allocates a block, touches a part of it, pauses, again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Size of a block (`-m`).
    pub block: Bytes,
    /// Pause between blocks (`-e`).
    pub every: SimDuration,
    /// Stop allocating at this total (`-x`); `None` never stops.
    pub total: Option<Bytes>,
    /// Parts per thousand of each block that are touched (`-f`).
    pub touched_permille: u16,
    /// Bytes per second at which a block is touched; `None`: at once.
    pub touch_rate: Option<Bytes>,
    /// Random spread of the pause.
    pub jitter: Option<Jitter>,
    /// Delay before the first block; `None`: one pause.
    pub first_after: Option<SimDuration>,
    /// What follows when the total is reached.
    pub then: Then,
}

/// Holds a constant amount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steady {
    /// Anonymous memory, touched at start.
    pub anon: Bytes,
    /// Page cache in use, read at start: it counts in the working set, and can be reclaimed.
    pub active_file: Bytes,
}

/// Grows linearly, page by page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// Held at start.
    pub from: Bytes,
    /// Bytes per second.
    pub rate: Bytes,
    /// Stops here; `None` never stops.
    pub to: Option<Bytes>,
    /// What follows at the end.
    pub then: Then,
}

/// Grows linearly to a peak, frees down to the base, and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sawtooth {
    /// Held always.
    pub low: Bytes,
    /// Freed to `low` when reached.
    pub high: Bytes,
    /// Time from low to high.
    pub rise: SimDuration,
    /// How often; `None` for ever.
    pub times: Option<u32>,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CacheAccess {
    /// `read()`.
    #[default]
    Read,
    /// `mmap` and touch.
    Mmap,
    /// `write()`: the pages are dirty until written back.
    Write,
}

/// Reads or writes a file through the page cache, on top of some anonymous memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCache {
    /// Anonymous memory held.
    pub anon: Bytes,
    /// Size of the file.
    pub file: Bytes,
    /// Bytes per second.
    pub rate: Bytes,
    /// How the file is used.
    pub access: CacheAccess,
    /// How often the whole file is gone through.
    pub passes: u32,
}

/// Holds a base and now and then allocates a burst on top, which it frees again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Held always.
    pub base: Bytes,
    /// On top during a burst.
    pub burst: Bytes,
    /// From one burst's beginning to the next.
    pub every: SimDuration,
    /// How long the burst is held.
    pub hold: SimDuration,
    /// Random spread of the interval.
    pub jitter: Option<Jitter>,
}

/// Where a .NET runtime's heap hard limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeapLimit {
    /// `GCHeapHardLimitPercent` of the container's limit, at least 20 MB; no container limit, no heap limit.
    Percent(u8),
    /// `GCHeapHardLimit`.
    Absolute(Bytes),
}

/// A leak inside a .NET runtime, which refuses allocations beyond its heap hard limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DotNet {
    /// What the program does.
    pub leak: Leak,
    /// The limit; the runtime's default is 75 percent.
    pub heap_limit: HeapLimit,
    /// Heap that the runtime itself has allocated before the first block.
    pub heap_base: Bytes,
}

/// What kind of anonymous mapping a program asks for, as far as the promise of memory is concerned: flags of `mmap`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapFlags {
    /// MAP_SHARED.
    pub shared: bool,
    /// MAP_NORESERVE.
    pub no_reserve: bool,
    /// Without PROT_WRITE.
    pub read_only: bool,
}

/// One instruction of a [`Script`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptOp {
    /// Waits.
    Sleep(SimDuration),
    /// Waits until this long after the scenario began.
    Until(SimDuration),
    /// Maps this much and touches a part of it (parts per thousand), taking some time.
    Anon {
        /// Bytes mapped.
        bytes: Bytes,
        /// Parts per thousand touched.
        touched_permille: u16,
        /// How long touching takes.
        takes: SimDuration,
    },
    /// Maps anonymous memory of which nothing is touched: what counts is the promise.
    Map {
        /// Bytes mapped.
        bytes: Bytes,
        /// What kind of mapping.
        flags: MapFlags,
    },
    /// Makes a private read-only mapping of this size writable (`mprotect`).
    MakeWritable(Bytes),
    /// Moves anonymous memory to swap as far as it has room (`madvise(MADV_PAGEOUT)`).
    PageOut(Bytes),
    /// Takes this much kernel memory that is charged to its cgroup and goes with it: socket buffers, pipes, slab.
    KernelMemory(Bytes),
    /// Appends to a tmpfs file.
    Tmpfs {
        /// Volume's name in the pod or on the host.
        volume: String,
        /// Bytes.
        bytes: Bytes,
    },
    /// Reads, maps or writes part of a file.
    File {
        /// Name of the file: the same name is the same cached pages.
        file: String,
        /// First byte.
        offset: Bytes,
        /// Bytes.
        bytes: Bytes,
        /// How the file is used.
        access: CacheAccess,
    },
    /// Removes a file or tmpfs file and its pages.
    Unlink(String),
    /// Frees this much anonymous memory, oldest first; `None`: all.
    Free(Option<Bytes>),
    /// Locks what it holds.
    Mlock,
    /// Forks a child that holds what the parent holds, copy on write, and idles.
    Fork,
    /// Waits until the other processes of its container have ended, as `wait` of a shell does; only its first process.
    WaitChildren,
    /// Goes on at instruction `to`, `times` times in all; `None` for ever.
    Repeat {
        /// Index of an earlier instruction.
        to: usize,
        /// Total number of repetitions; `None`: unlimited.
        times: Option<u32>,
    },
    /// Exits.
    Exit(i32),
}

/// A list of instructions, for what no other behaviour says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Executed in order; at the end the process idles.
    pub ops: Vec<ScriptOp>,
}

impl ScriptOp {
    /// How long it takes at least, each time it comes round.
    fn lasts(&self) -> SimDuration {
        match self {
            ScriptOp::Sleep(d) | ScriptOp::Anon { takes: d, .. } => *d,
            _ => SimDuration::ZERO,
        }
    }
}

/// What a program does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Index of the instruction that closes it; 0 outside scripts.
    pub closed_by: usize,
    /// How long it takes.
    pub lasts: SimDuration,
    /// How often; `None` for ever.
    pub times: Option<u32>,
    /// Memory that it needs more of each time.
    pub grows: Pages,
    /// It forks.
    pub forks: bool,
    /// How much of files it reads or writes each time.
    pub files: Bytes,
}

impl Cycle {
    /// How often it comes round in `duration`, on a node with this much memory; `None`: without end.
    pub fn rounds(&self, duration: SimDuration, memory: Bytes) -> Option<u64> {
        let in_time = duration.as_nanos().checked_div(self.lasts.as_nanos());
        let in_memory = memory.to_pages_ceil().get().checked_div(self.grows.get());
        [in_time, in_memory, self.times.map(u64::from)].into_iter().flatten().min()
    }
}

impl Script {
    /// Its loops, but for those that end in an exit.
    fn cycles(&self) -> impl Iterator<Item = Cycle> {
        self.ops.iter().enumerate().filter_map(|(closed_by, op)| {
            let ScriptOp::Repeat { to, times } = op else { return None };
            let body = self.ops.get(*to..closed_by)?;
            if body.iter().any(|op| matches!(op, ScriptOp::Exit(_))) {
                return None;
            }
            let frees = body.iter().any(|op| matches!(op, ScriptOp::Free(_) | ScriptOp::Unlink(_)));
            let grown = body.iter().map(|op| match op {
                ScriptOp::Anon { bytes, touched_permille, .. } => {
                    bytes.to_pages_ceil().get().saturating_mul(u64::from(*touched_permille)) / 1000
                }
                ScriptOp::Tmpfs { bytes, .. } | ScriptOp::KernelMemory(bytes) => bytes.to_pages_ceil().get(),
                _ => 0,
            });
            let lasts = body.iter().map(|op| op.lasts().as_nanos()).fold(0, u64::saturating_add);
            Some(Cycle {
                closed_by,
                lasts: SimDuration::from_nanos(lasts),
                times: *times,
                grows: Pages::new(if frees { 0 } else { grown.fold(0, u64::saturating_add) }),
                forks: body.contains(&ScriptOp::Fork),
                files: files_of(body),
            })
        })
    }

    /// Size of a file: as far as any instruction goes.
    pub fn file_size(&self, name: &str) -> Bytes {
        let ends = self.ops.iter().filter_map(|op| match op {
            ScriptOp::File { file, offset, bytes, .. } if file == name => Some(*offset + *bytes),
            _ => None,
        });
        ends.max().unwrap_or(Bytes::ZERO)
    }
}

fn files_of(ops: &[ScriptOp]) -> Bytes {
    let amounts = ops.iter().map(|op| if let ScriptOp::File { bytes, .. } = op { bytes.get() } else { 0 });
    Bytes::new(amounts.fold(0, u64::saturating_add))
}

/// What a program does. Matched exhaustively on purpose, as [`Record`](crate::record::Record) is (ADR 12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// Allocates block after block.
    Leak(Leak),
    /// Holds a constant amount.
    Steady(Steady),
    /// Grows linearly.
    Ramp(Ramp),
    /// Grows and frees.
    Sawtooth(Sawtooth),
    /// Fills the page cache.
    PageCache(PageCache),
    /// Bursts.
    Burst(Burst),
    /// Leaks inside a .NET runtime.
    DotNet(DotNet),
    /// Follows a recorded curve.
    Trace(Trace),
    /// A list of instructions.
    Script(Script),
}

impl Behavior {
    /// What a program without a workload does: it holds what its footprint says.
    pub const IDLE: Behavior = Behavior::Steady(Steady { anon: Bytes::ZERO, active_file: Bytes::ZERO });

    /// What an init container does of which nothing is said: it ends at once, and well.
    pub fn ends_at_once() -> Behavior {
        Behavior::Script(Script { ops: vec![ScriptOp::Exit(0)] })
    }

    /// True for what does and holds nothing, such as [`Behavior::IDLE`].
    pub fn is_idle(&self) -> bool {
        matches!(self, Behavior::Steady(steady) if *steady == Steady::default())
    }

    /// What it does step by step again and again.
    pub fn cycles(&self) -> Vec<Cycle> {
        let one =
            |lasts, times| Cycle { closed_by: 0, lasts, times, grows: Pages::ZERO, forks: false, files: Bytes::ZERO };
        match self {
            Behavior::Script(script) => script.cycles().collect(),
            Behavior::Sawtooth(sawtooth) => vec![one(sawtooth.rise, sawtooth.times)],
            Behavior::Burst(burst) => vec![one(burst.every, None)],
            _ => Vec::new(),
        }
    }

    /// How much of files it reads and writes in a run of this length, on a node with this much memory, at most.
    pub fn files(&self, duration: SimDuration, memory: Bytes) -> Bytes {
        match self {
            Behavior::Script(script) => {
                let again = script
                    .cycles()
                    .map(|cycle| cycle.files.get().saturating_mul(cycle.rounds(duration, memory).unwrap_or(0)));
                Bytes::new(again.fold(files_of(&script.ops).get(), u64::saturating_add))
            }
            Behavior::Steady(steady) => steady.active_file,
            Behavior::Trace(trace) => trace.files(),
            Behavior::PageCache(cache) => {
                let in_time = cache.rate.get().saturating_mul(duration.as_nanos().div_ceil(1_000_000_000));
                Bytes::new(in_time.min(cache.file.get().saturating_mul(u64::from(cache.passes))))
            }
            _ => Bytes::ZERO,
        }
    }

    /// True when a program that does this draws random numbers.
    pub fn draws(&self) -> bool {
        match self {
            Behavior::Leak(leak) => leak.jitter.is_some(),
            Behavior::DotNet(dotnet) => dotnet.leak.jitter.is_some(),
            Behavior::Burst(burst) => burst.jitter.is_some(),
            Behavior::Steady(_)
            | Behavior::Ramp(_)
            | Behavior::Sawtooth(_)
            | Behavior::PageCache(_)
            | Behavior::Trace(_)
            | Behavior::Script(_) => false,
        }
    }
}
