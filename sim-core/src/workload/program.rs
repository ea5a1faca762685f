//! A running program: the state machine behind a [`Behavior`].

use super::growth::{Growth, Rhythm};
use super::managed::{Managed, Turn};
use super::params::{
    Behavior, Burst, CacheAccess, DotNet, HeapLimit, Jitter, JitterKind, Leak, MapFlags, PageCache, Script, ScriptOp,
    Then,
};
use super::runtime::{Around, Heap, Language, Runtime};
use super::trace::{Follower, Resume};
use crate::engine::Stream;
use crate::node_api::ExitStatus;
use crate::units::{Bytes, PAGE_SIZE, Pages, SimDuration, SimTime};
use std::sync::Arc;

/// What a program does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Maps memory and touches pages of it, at `rate` bytes per second or at once.
    Alloc {
        /// Virtual size.
        bytes: Bytes,
        /// Pages touched.
        touched: Pages,
        /// Bytes per second; `None`: at once.
        rate: Option<Bytes>,
    },
    /// Maps memory of which nothing is touched.
    Map {
        /// Virtual size.
        bytes: Bytes,
        /// What kind of mapping.
        flags: MapFlags,
    },
    /// Makes a private read-only mapping of this size writable.
    MakeWritable(Bytes),
    /// Moves anonymous pages to swap.
    PageOut(Pages),
    /// Takes kernel memory that goes with the process.
    HoldKernel(Pages),
    /// Grows in closed form until its steps are taken.
    Grow(Growth),
    /// Unmaps memory of which `resident` pages were touched.
    Free {
        /// Virtual size.
        bytes: Bytes,
        /// Touched pages.
        resident: Pages,
    },
    /// Goes through part of a file.
    File {
        /// Name of the file.
        file: String,
        /// The whole file.
        size: Bytes,
        /// First page.
        from: Pages,
        /// How many.
        pages: Pages,
        /// How the file is used.
        access: CacheAccess,
    },
    /// Reads part of a file so that its pages count as used.
    ActiveFile {
        /// Name of the file.
        file: String,
        /// The whole file.
        size: Bytes,
        /// First page.
        from: Pages,
        /// How many.
        pages: Pages,
    },
    /// Appends to a tmpfs volume.
    Tmpfs {
        /// Volume's name.
        volume: String,
        /// How many pages.
        pages: Pages,
    },
    /// Removes a file or the contents of a volume.
    Unlink(String),
    /// Locks anonymous pages.
    Mlock(Pages),
    /// Forks.
    Fork,
    /// Waits for the other processes of its container.
    WaitChildren,
    /// Waits.
    Sleep(SimDuration),
    /// Waits for an instant.
    SleepUntil(SimTime),
    /// The runtime refuses an allocation by its own limit.
    RuntimeOutOfMemory {
        /// The runtime's name, as its makers write it.
        runtime: &'static str,
        /// Heap in use.
        heap: Bytes,
        /// Hard limit.
        limit: Bytes,
        /// Asked for.
        requested: Bytes,
        /// How the process ends; `None`: it lives on.
        then: Option<ExitStatus>,
    },
    /// The recording that it follows has nothing from here on.
    RecordedGap {
        /// When it goes on; `None`: it does not.
        until: Option<SimTime>,
    },
    /// The recording that it follows restarts here: the process ends, and another one takes its place.
    RecordedRestart,
    /// Exits.
    Exit(i32),
    /// Idles for ever.
    Hold,
}

/// A .NET heap hard limit is never below 20 MB (`max(20 MB, 75 % of the limit)`, docs/SOURCES.md).
const DOTNET_MIN_HEAP_LIMIT: Bytes = Bytes::mib(20);
/// Files are gone through in chunks of this many pages.
const FILE_CHUNK: u64 = 256;

/// A program with its state.
#[derive(Clone, Debug)]
pub struct Program {
    behavior: Arc<Behavior>,
    /// `None`: it draws nothing.
    rng: Option<Box<Stream>>,
    started: SimTime,
    /// The runtime that it runs in.
    managed: Option<Box<Managed>>,
    at: u64,
    /// Where it is on the recorded curve that it follows.
    follower: Option<Box<Follower>>,
    /// What its page cache is called; empty: it has none.
    files: Box<str>,
    repeats: Vec<(usize, u32)>,
    blocks: std::collections::VecDeque<(Bytes, Pages)>,
}

impl Program {
    /// A program about to start. `rng` is there if its behaviour [draws](Behavior::draws); a runtime sizes its heap by
    /// what is `around` it.
    pub fn new(
        behavior: Arc<Behavior>,
        runtime: Option<&Runtime>,
        rng: Option<Box<Stream>>,
        started: SimTime,
        around: &Around,
    ) -> Self {
        let heap = match &*behavior {
            Behavior::DotNet(dotnet) => dotnet_heap(dotnet, around),
            _ => runtime.map(|runtime| Heap::new(runtime, around)),
        };
        Program {
            behavior,
            rng,
            started,
            managed: heap.map(|heap| Box::new(Managed::new(heap))),
            at: 0,
            follower: None,
            files: Box::default(),
            repeats: Vec::new(),
            blocks: Default::default(),
        }
    }

    /// The same process does something else from now on. Its runtime stays as it is.
    pub fn turns_to(&self, behavior: Arc<Behavior>, rng: Option<Box<Stream>>, now: SimTime) -> Self {
        let heap = self.managed.as_ref().map(|managed| Heap { at_start: Bytes::ZERO, ..managed.heap });
        Program {
            behavior,
            rng,
            started: now,
            managed: heap.map(|heap| Box::new(Managed::new(heap))),
            at: 0,
            follower: None,
            files: Box::default(),
            repeats: Vec::new(),
            blocks: Default::default(),
        }
    }

    /// The program of process `pid`, whose page cache is called after `owner`. It follows its recorded curve, if it has
    /// one, from the beginning or from where a process before it has left it.
    #[must_use]
    pub fn of_process(mut self, owner: &str, pid: u32, resume: Option<&Resume>) -> Self {
        match &*self.behavior {
            Behavior::Trace(trace) => {
                let files = format!("{owner} {pid}");
                self.follower = Some(Box::new(Follower::new(trace, &files, resume, self.started)));
            }
            Behavior::Steady(steady) if steady.active_file > Bytes::ZERO => self.files = owner.into(),
            _ => {}
        }
        self
    }

    /// Where another process goes on that takes the place of this one; `None`: it begins from the beginning.
    pub fn resume(&self) -> Option<Resume> {
        let Behavior::Trace(trace) = &*self.behavior else { return None };
        self.follower.as_ref().map(|follower| follower.resume(trace))
    }

    /// How it ends when the kernel refuses it memory; `None`: it goes on without.
    pub fn ends_when_refused(&self) -> Option<ExitStatus> {
        self.managed.as_ref().and_then(|managed| managed.heap.refused)
    }

    /// Position of its random stream, for the digest.
    pub fn random_position(&self) -> u128 {
        self.rng.as_ref().map_or(0, |rng| rng.position())
    }

    /// Steps of a growth of this program that are due at `until`. Pauses are drawn as if each step were taken in its
    /// turn: the one after it when it is taken, none after the last.
    pub fn due(&mut self, growth: &mut Growth, until: SimTime) -> u64 {
        match (growth.rhythm, &mut self.rng) {
            (Rhythm::Jittered { next, .. }, _) if next > until => 0,
            (Rhythm::Jittered { .. }, Some(rng)) => jittered_due(rng, growth, until),
            _ => growth.due(until),
        }
    }

    /// The same without changing the program.
    pub fn would_be_due(&self, growth: &Growth, until: SimTime) -> u64 {
        match (growth.rhythm, &self.rng) {
            (Rhythm::Jittered { .. }, Some(rng)) => jittered_due(&mut Stream::clone(rng), &mut growth.clone(), until),
            _ => growth.due(until),
        }
    }

    /// What it does now that the previous step is complete.
    pub fn next(&mut self, now: SimTime) -> Step {
        let Some(mut managed) = self.managed.take() else { return self.behaves(now) };
        let step = match managed.before(now) {
            Turn::Does(step) => step,
            Turn::Draws(growth) => managed.piece(self.drawn(growth, now), now),
            Turn::Asks => managed.translate(self.behaves(now), now),
        };
        self.managed = Some(managed);
        step
    }

    /// The rest of a growth with random pauses, with its next pause.
    fn drawn(&mut self, growth: Growth, now: SimTime) -> Growth {
        let Rhythm::Jittered { every, jitter, least, .. } = growth.rhythm else { return growth };
        let pause = self.spread(every, Some(jitter));
        let rhythm = Rhythm::Jittered { next: now.saturating_add(pause), pause, every, jitter, least };
        Growth { start: now, rhythm, ..growth }
    }

    /// What its behaviour asks for next.
    fn behaves(&mut self, now: SimTime) -> Step {
        let behavior = Arc::clone(&self.behavior);
        let i = self.at;
        self.at += 1;
        match &*behavior {
            Behavior::Leak(leak) | Behavior::DotNet(DotNet { leak, .. }) => self.leak(leak, i, now),
            Behavior::Steady(s) => match i {
                0 => alloc(s.anon),
                1 if s.active_file > Bytes::ZERO => Step::ActiveFile {
                    file: self.files.to_string(),
                    size: s.active_file,
                    from: Pages::ZERO,
                    pages: s.active_file.to_pages_ceil(),
                },
                _ => Step::Hold,
            },
            Behavior::Ramp(r) => match i {
                0 => alloc(r.from),
                1 => {
                    let pages = r.to.map(|to| to.saturating_sub(r.from).to_pages_ceil());
                    Step::Grow(Growth::linear(now, r.rate, pages))
                }
                _ => then(r.then),
            },
            Behavior::Sawtooth(s) => {
                let swing = s.high.saturating_sub(s.low);
                let rate = Bytes::new(per_second(swing, s.rise));
                match i {
                    0 => alloc(s.low),
                    i if s.times.is_some_and(|n| (i - 1) / 2 >= u64::from(n)) => Step::Hold,
                    i if i % 2 == 1 => Step::Grow(Growth::linear(now, rate, Some(swing.to_pages_ceil()))),
                    _ => Step::Free { bytes: swing.to_pages_ceil().bytes(), resident: swing.to_pages_ceil() },
                }
            }
            Behavior::Burst(b) => self.burst(b, i),
            Behavior::PageCache(c) => page_cache(c, i),
            Behavior::Trace(t) => self.follower.as_mut().map_or(Step::Hold, |follower| follower.next(t, now)),
            Behavior::Script(s) => self.script(s),
        }
    }

    fn leak(&mut self, leak: &Leak, i: u64, now: SimTime) -> Step {
        let touched = Pages::new(leak.block.to_pages_floor().get() * u64::from(leak.touched_permille.min(1000)) / 1000);
        let steps = leak.total.map_or(u64::MAX, |t| t.get().div_ceil(leak.block.get().max(1)));
        let first = leak.first_after.unwrap_or(leak.every);
        if leak.jitter.is_none() && leak.touch_rate.is_none() && leak.every > SimDuration::ZERO {
            return match i {
                0 if steps > 0 => Step::Grow(Growth {
                    start: now,
                    rhythm: Rhythm::Blocks { first, every: leak.every },
                    block: leak.block,
                    touched,
                    steps,
                    taken: 0,
                }),
                _ => then(leak.then),
            };
        }
        if let Some(jitter) = leak.jitter
            && let Some(least) = shortest(leak.every, jitter)
            && leak.touch_rate.is_none()
        {
            if i > 0 || steps == 0 {
                return then(leak.then);
            }
            let pause = self.spread(first, leak.jitter);
            let next = now.saturating_add(pause);
            let rhythm = Rhythm::Jittered { next, pause, every: leak.every, jitter, least };
            return Step::Grow(Growth { start: now, rhythm, block: leak.block, touched, steps, taken: 0 });
        }
        match (i / 2, i % 2) {
            (block, _) if block >= steps => then(leak.then),
            (0, 0) => Step::Sleep(self.spread(first, leak.jitter)),
            (_, 0) => Step::Sleep(self.spread(leak.every, leak.jitter)),
            _ => Step::Alloc { bytes: leak.block, touched, rate: leak.touch_rate },
        }
    }

    fn burst(&mut self, b: &Burst, i: u64) -> Step {
        match i {
            0 => alloc(b.base),
            _ => match (i - 1) % 4 {
                0 => Step::Sleep(self.spread(b.every.saturating_sub(b.hold), b.jitter)),
                1 => alloc(b.burst),
                2 => Step::Sleep(b.hold),
                _ => Step::Free { bytes: b.burst, resident: b.burst.to_pages_ceil() },
            },
        }
    }

    fn script(&mut self, s: &Script) -> Step {
        let index = self.at as usize - 1;
        let Some(op) = s.ops.get(index) else { return Step::Hold };
        match op {
            ScriptOp::Sleep(d) => Step::Sleep(*d),
            ScriptOp::Until(d) => Step::SleepUntil(SimTime::ZERO.saturating_add(*d)),
            ScriptOp::Anon { bytes, touched_permille, takes } => {
                let all = bytes.to_pages_ceil();
                let touched = Pages::new(all.get() * u64::from((*touched_permille).min(1000)) / 1000);
                self.blocks.push_back((*bytes, touched));
                let rate = (*takes > SimDuration::ZERO).then(|| Bytes::new(per_second(touched.bytes(), *takes)));
                Step::Alloc { bytes: *bytes, touched, rate }
            }
            ScriptOp::Map { bytes, flags } => Step::Map { bytes: *bytes, flags: *flags },
            ScriptOp::MakeWritable(bytes) => Step::MakeWritable(*bytes),
            ScriptOp::PageOut(bytes) => Step::PageOut(bytes.to_pages_ceil()),
            ScriptOp::KernelMemory(bytes) => Step::HoldKernel(bytes.to_pages_ceil()),
            ScriptOp::Tmpfs { volume, bytes } => Step::Tmpfs { volume: volume.clone(), pages: bytes.to_pages_ceil() },
            ScriptOp::File { file, offset, bytes, access } => Step::File {
                file: file.clone(),
                size: s.file_size(file),
                from: offset.to_pages_floor(),
                pages: bytes.to_pages_ceil(),
                access: *access,
            },
            ScriptOp::Unlink(name) => Step::Unlink(name.clone()),
            ScriptOp::Free(amount) => {
                let (mut bytes, mut resident) = (Bytes::ZERO, Pages::ZERO);
                while amount.is_none_or(|a| bytes < a) {
                    let Some((b, r)) = self.blocks.pop_front() else { break };
                    (bytes, resident) = (bytes + b, resident + r);
                }
                Step::Free { bytes, resident }
            }
            ScriptOp::Mlock => Step::Mlock(self.blocks.iter().map(|b| b.1).sum()),
            ScriptOp::Fork => Step::Fork,
            ScriptOp::WaitChildren => Step::WaitChildren,
            ScriptOp::Repeat { to, times } => {
                let done = match self.repeats.iter_mut().find(|r| r.0 == index) {
                    Some((_, n)) => {
                        *n += 1;
                        *n
                    }
                    None => {
                        self.repeats.push((index, 1));
                        1
                    }
                };
                if times.is_none_or(|t| done < t) && *to < index {
                    self.at = *to as u64;
                }
                Step::Sleep(SimDuration::ZERO)
            }
            ScriptOp::Exit(code) => Step::Exit(*code),
        }
    }

    fn spread(&mut self, nominal: SimDuration, jitter: Option<Jitter>) -> SimDuration {
        match (jitter, &mut self.rng) {
            (Some(jitter), Some(rng)) => spread(rng, nominal, jitter),
            _ => nominal,
        }
    }
}

/// The heap of `workload.dotnet`; without a limit of its own it is like any memory.
fn dotnet_heap(dotnet: &DotNet, around: &Around) -> Option<Heap> {
    let limit = match dotnet.heap_limit {
        HeapLimit::Absolute(limit) => Some(limit),
        HeapLimit::Percent(percent) => {
            around.limit.map(|limit| Bytes::new(limit.get() / 100 * u64::from(percent)).max(DOTNET_MIN_HEAP_LIMIT))
        }
    };
    let row = Language::DotNet.newest();
    let runtime = Runtime::new(row, &Default::default());
    limit.map(|limit| Heap { limit: Some(limit), live: dotnet.heap_base, refused: None, ..Heap::new(&runtime, around) })
}

/// Steps of a growth with random pauses that are due at `until`; see [`Program::due`].
fn jittered_due(rng: &mut Stream, growth: &mut Growth, until: SimTime) -> u64 {
    let left = growth.steps - growth.taken;
    let Rhythm::Jittered { next, pause, every, jitter, .. } = &mut growth.rhythm else { return 0 };
    let mut n = 0;
    if jitter.kind == JitterKind::Uniform {
        // The same as below, with everything known beforehand that no draw changes.
        let low = every.saturating_sub(jitter.spread);
        let span = (*every + jitter.spread).saturating_sub(low).as_nanos().saturating_add(1);
        let (mut at, mut last) = (*next, *pause);
        while n < left && at <= until {
            n += 1;
            if n < left {
                last = low + SimDuration::from_nanos(rng.below(span));
                at = at.saturating_add(last);
            }
        }
        (*next, *pause) = (at, last);
        return n;
    }
    while n < left && *next <= until {
        n += 1;
        if n < left {
            *pause = spread(rng, *every, *jitter);
            *next = next.saturating_add(*pause);
        }
    }
    n
}

fn spread(rng: &mut Stream, nominal: SimDuration, Jitter { kind, spread }: Jitter) -> SimDuration {
    let low = nominal.saturating_sub(spread);
    match kind {
        JitterKind::Uniform => rng.between(low, nominal + spread),
        JitterKind::Triangular => {
            let half = SimDuration::from_nanos(spread.as_nanos() / 2);
            let up = rng.between(SimDuration::ZERO, half + half);
            low + up + rng.between(SimDuration::ZERO, half + half)
        }
        JitterKind::Exponential => rng.exponential(nominal),
    }
}

/// The shortest pause, where there is one worth counting on.
fn shortest(every: SimDuration, jitter: Jitter) -> Option<SimDuration> {
    match jitter.kind {
        JitterKind::Uniform | JitterKind::Triangular => {
            let least = every.saturating_sub(jitter.spread);
            (least > SimDuration::ZERO && least.as_nanos() >= every.as_nanos() / 4).then_some(least)
        }
        JitterKind::Exponential => None,
    }
}

/// Anonymous memory, wholly touched at once.
fn alloc(bytes: Bytes) -> Step {
    Step::Alloc { bytes, touched: bytes.to_pages_ceil(), rate: None }
}

pub(super) fn then(then: Then) -> Step {
    match then {
        Then::Hold => Step::Hold,
        Then::Exit(code) => Step::Exit(code),
    }
}

/// Bytes per second, rounded up so that the amount is reached in time.
pub(super) fn per_second(bytes: Bytes, over: SimDuration) -> u64 {
    let rate = (u128::from(bytes.get()) * 1_000_000_000).div_ceil(u128::from(over.as_nanos().max(1)));
    u64::try_from(rate).unwrap_or(u64::MAX).max(1)
}

fn page_cache(c: &PageCache, i: u64) -> Step {
    if i == 0 {
        return alloc(c.anon);
    }
    let pages = c.file.to_pages_ceil().get();
    let chunks = pages.div_ceil(FILE_CHUNK).max(1);
    let (n, pause) = ((i - 1) / 2, (i - 1) % 2 == 1);
    if n >= chunks * u64::from(c.passes) {
        return Step::Hold;
    }
    let from = n % chunks * FILE_CHUNK;
    let count = FILE_CHUNK.min(pages - from);
    if pause {
        let ns = u128::from(count * PAGE_SIZE) * 1_000_000_000 / u128::from(c.rate.get().max(1));
        return Step::Sleep(SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX)));
    }
    Step::File { file: "data".into(), size: c.file, from: Pages::new(from), pages: Pages::new(count), access: c.access }
}
