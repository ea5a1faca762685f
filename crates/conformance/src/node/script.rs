//! From a recorded program and the curve of what it allocated when, to the instructions of a scenario's script.
//!
//! The curve is followed as far as it goes: a point is the instant at which a block was complete. Where it ends,
//! because the process died or the recording stopped, the program goes on at its own pace.

use super::disturbance::Disturbance;
use super::program::{MAP_CHUNK, Op};
use super::story::AllocCurve;
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::{CacheAccess, ScriptOp};

/// Time to touch a MiB where no block of the program was seen to take longer (recorded in icount: 0.27 ms).
const TOUCH_S_PER_MIB: f64 = 0.000_27;
/// A block during which an OOM kill was recorded waited for it when it took this much longer than the one before.
const STALL_S: f64 = 0.02;
const MIB: f64 = 1_048_576.0;
const PAGE: u64 = 4096;

/// What a script refers to in addition to its story.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// T0, in seconds of the scenario.
    pub t0: f64,
    /// The disturbance under which it is written.
    pub disturbance: Disturbance,
    /// Number of the process in the story.
    pub process: usize,
}

impl Clock {
    fn rate(&self) -> f64 {
        self.disturbance.rate(self.process)
    }
}

/// The script of a program that follows `curve`. `volumes` names the scenario's volume for a path. `kills` are the
/// instants of recorded OOM kills: a block during which one took place waited for it, which is an outcome and not the
/// program's pace.
pub fn script(
    clock: Clock,
    curve: Option<&AllocCurve>,
    kills: &[f64],
    volumes: &dyn Fn(&str) -> String,
    program: &[Op],
) -> Vec<ScriptOp> {
    let points = curve.map_or(&[][..], |c| &c.pts);
    let start = points.first().map_or(0.0, |p| p.0);
    let follower = Follower {
        clock,
        points,
        ops: Vec::new(),
        recorded: start,
        at: clock.t0 + start,
        cumulative: 0,
        gone: false,
        kills,
        done: None,
        touch: TOUCH_S_PER_MIB,
        blocks: Vec::new(),
        volumes,
    };
    follower.script(program)
}

/// A program on its way along its curve.
struct Follower<'a> {
    clock: Clock,
    points: &'a [(f64, u64, String)],
    ops: Vec<ScriptOp>,
    /// Recorded time, and the scenario's time for it.
    recorded: f64,
    at: f64,
    /// Cumulative bytes of the curve.
    cumulative: u64,
    gone: bool,
    /// When OOM kills were recorded.
    kills: &'a [f64],
    /// Since the program waited for a kill its pauses are relative: end of the last block.
    done: Option<f64>,
    /// Seconds that touching a MiB took, where it was seen last.
    touch: f64,
    /// Bytes mapped by each block so far, for `free`.
    blocks: Vec<u64>,
    volumes: &'a dyn Fn(&str) -> String,
}

impl Follower<'_> {
    fn script(mut self, program: &[Op]) -> Vec<ScriptOp> {
        self.until(self.at);
        let set_up = program.iter().position(|op| *op == Op::Go).unwrap_or(0);
        for (n, op) in program.iter().enumerate() {
            match op {
                Op::Anon { block, pause_ms, percent, total } => {
                    let frees_blocks = program[n..].iter().any(|op| matches!(op, Op::Free(1..)));
                    if n < set_up && *pause_ms == 0 && !frees_blocks {
                        self.filled_at_once(*total, *percent, *block);
                    } else {
                        self.anon(*block, *pause_ms, *percent, *total);
                    }
                }
                Op::Tmpfs { block, pause_ms, total, path } => {
                    let volume = (self.volumes)(path);
                    let op = |_, bytes| ScriptOp::Tmpfs { bytes: Bytes::new(bytes), volume: volume.clone() };
                    self.file(*block, *pause_ms, *total, "s", &op);
                }
                Op::Write { block, pause_ms, total, path } => {
                    let op = |from, bytes| file_op(path, from, bytes, CacheAccess::Write);
                    self.file(*block, *pause_ms, *total, "w", &op);
                }
                Op::Read { block, pause_ms, total, offset, passes, path } => {
                    for _ in 0..*passes {
                        let op = |from, bytes| file_op(path, offset + from, bytes, CacheAccess::Read);
                        self.file(*block, *pause_ms, *total, "r", &op);
                    }
                }
                Op::Map { len, offset, path } => self.map(*len, *offset, path),
                Op::Free(count) => self.free(*count),
                Op::Go => self.go(),
                Op::Sleep(ms) => self.wait(*ms as f64 / 1000.0),
                Op::Until(ms) => {
                    let t = *ms as f64 / 1000.0;
                    self.at = self.at.max(self.clock.t0 + t);
                    self.recorded = self.recorded.max(t);
                    self.until(self.at);
                }
                Op::Unlink(path) => {
                    self.happens(&["unlink"]);
                    let volume = (self.volumes)(path);
                    self.ops.push(ScriptOp::Unlink(volume));
                }
                Op::Exit(code) => self.ops.push(ScriptOp::Exit(*code)),
                Op::Hold => break,
            }
        }
        self.ops
    }

    fn until(&mut self, at: f64) {
        self.ops.push(ScriptOp::Until(span(at)));
    }

    fn sleep(&mut self, s: f64) {
        self.ops.push(ScriptOp::Sleep(span(s)));
    }

    /// The next point, if it is one of these kinds.
    fn next(&mut self, kinds: &[&str]) -> Option<(f64, u64)> {
        if self.gone {
            return None;
        }
        while let Some((t, bytes, what)) = self.points.first() {
            if kinds.contains(&what.as_str()) {
                return Some((*t, *bytes));
            }
            if !matches!(what.as_str(), "start" | "ready" | "done") {
                return None;
            }
            self.points = &self.points[1..];
        }
        self.gone = true;
        None
    }

    fn take(&mut self) {
        self.points = &self.points[1..];
    }

    /// The scenario's time for a recorded time: intervals after T0 shrink as rates grow.
    fn time_of(&self, t: f64) -> f64 {
        let before_t0 = (t.min(0.0) - self.recorded).max(0.0);
        let after = (t - self.recorded.max(0.0)).max(0.0);
        self.at + before_t0 + after / self.clock.rate()
    }

    fn go(&mut self) {
        (self.recorded, self.at) = (self.recorded.max(0.0), self.at.max(self.clock.t0));
        self.until(self.at);
    }

    fn wait(&mut self, s: f64) {
        self.recorded += s;
        self.at += s;
        if self.gone {
            self.sleep(s);
        } else {
            self.until(self.at);
        }
    }

    /// Waits for the point at which something was recorded to happen.
    fn happens(&mut self, kinds: &[&str]) {
        if let Some((t, _)) = self.next(kinds) {
            self.advance(t);
            self.until(self.at);
            self.take();
        }
    }

    fn advance(&mut self, t: f64) {
        self.at = self.time_of(t);
        self.recorded = self.recorded.max(t);
    }

    /// What was filled before T0, in one instruction.
    fn filled_at_once(&mut self, total: u64, percent: u64, block: u64) {
        let mut last = None;
        while let Some((t, bytes)) = self.next(&["a"]) {
            last = Some((t, bytes));
            self.take();
            if bytes - self.cumulative.min(bytes) >= touched(total, percent, block) {
                break;
            }
        }
        let begin = self.at;
        if let Some((t, bytes)) = last {
            self.advance(t);
            self.cumulative = bytes;
        } else {
            self.at += total as f64 / MIB * self.touch;
        }
        self.blocks.push(total);
        self.ops.push(anon_op(total, percent, self.at - begin));
    }

    fn anon(&mut self, block: u64, pause_ms: u64, percent: u64, total: u64) {
        let pause = pause_ms as f64 / 1000.0;
        let (mut left, mut first) = (total, true);
        while left > 0 {
            let Some((t, bytes)) = self.next(&["a"]) else { break };
            // Long curves are thinned: a point may stand for several blocks.
            let mut group: Vec<u64> = Vec::new();
            let mut sum = self.cumulative;
            while left > 0 && (group.is_empty() || sum < bytes) {
                let size = block.min(left);
                left -= size;
                sum += touched(size, percent, size);
                group.push(size);
            }
            let from = self.recorded;
            let each = (t - from).max(0.0) / group.len() as f64;
            for (n, size) in group.iter().enumerate() {
                let end = from + each * (n + 1) as f64;
                self.block(*size, percent, end, if first { 0.0 } else { pause });
                first = false;
            }
            self.cumulative = bytes;
            self.take();
        }
        if self.refused() {
            return;
        }
        self.blocks.extend(std::iter::repeat_n(block, (left / block) as usize));
        self.nominal(left, block, pause, &|bytes, takes| anon_op(bytes, percent, takes));
    }

    /// One block that was complete at `end`, after a pause.
    fn block(&mut self, size: u64, percent: u64, end: f64, pause: f64) {
        let from = (self.recorded + pause).min(end);
        let begin = self.time_of(from);
        let begins = begin > self.at;
        self.advance(end);
        let mut takes = (self.at - begin).max(0.0);
        let usual = self.touch * touched(size, percent, size) as f64 / MIB;
        let waited = takes > usual + STALL_S && self.kills.iter().any(|&kill| from < kill && kill < end);
        if waited {
            self.at = begin + usual;
            takes = usual;
        } else {
            self.touch = takes / (touched(size, percent, size) as f64 / MIB).max(0.001);
        }
        if begins {
            match self.done {
                Some(done) => self.sleep(begin - done),
                None => self.until(begin),
            }
        }
        self.ops.push(anon_op(size, percent, takes));
        if waited || self.done.is_some() {
            self.done = Some(self.at);
        }
        self.blocks.push(size);
    }

    /// What the program still has to do when its curve has ended.
    fn nominal(&mut self, left: u64, block: u64, pause: f64, op: &dyn Fn(u64, f64) -> ScriptOp) {
        if left == 0 {
            return;
        }
        self.gone = true;
        let sleep = pause / self.clock.rate();
        let takes = |bytes: u64, touch: f64| bytes as f64 / MIB * touch;
        let (times, rest) = (left / block, left % block);
        if times > 0 {
            let first = self.ops.len();
            self.sleep(sleep);
            self.ops.push(op(block, takes(block, self.touch.min(0.01))));
            if times > 1 {
                // A program has at most 2^20 blocks (`program::parse`).
                let times = u32::try_from(times).ok();
                self.ops.push(ScriptOp::Repeat { to: first, times });
            }
        }
        if rest > 0 {
            self.sleep(sleep);
            self.ops.push(op(rest, takes(rest, self.touch.min(0.01))));
        }
    }

    /// Blocks of a file, each at the instant at which it was recorded.
    fn file(&mut self, block: u64, pause_ms: u64, total: u64, kind: &str, op: &dyn Fn(u64, u64) -> ScriptOp) {
        let mut from = 0;
        while from < total {
            let Some((t, bytes)) = self.next(&[kind]) else { break };
            let mut size = 0;
            while from + size < total && (size == 0 || self.cumulative + size < bytes) {
                size += block.min(total - from - size);
            }
            self.advance(t);
            self.until(self.at);
            self.ops.push(op(from, size));
            (from, self.cumulative) = (from + size, bytes);
            self.take();
        }
        if self.refused() {
            return;
        }
        let pause = pause_ms as f64 / 1000.0;
        while from < total {
            self.gone = true;
            let size = block.min(total - from);
            let nominal = pause + size as f64 / MIB * TOUCH_S_PER_MIB;
            self.sleep(nominal / self.clock.rate());
            self.ops.push(op(from, size));
            from += size;
        }
    }

    /// True when the file system or the memory was full: the program goes on with its next instruction.
    fn refused(&mut self) -> bool {
        let full = self.points.first().is_some_and(|p| p.2.starts_with("errno") || p.2 == "enomem");
        if full {
            self.take();
        }
        full
    }

    /// A mapping is touched evenly until it was complete.
    fn map(&mut self, len: u64, offset: u64, path: &str) {
        let end = self.next(&["m"]);
        let (begin_t, chunks) = (self.recorded, len.div_ceil(MAP_CHUNK).max(1));
        for n in 0..chunks {
            let from = n * MAP_CHUNK;
            if let Some((t, _)) = end {
                self.advance(begin_t + (t - begin_t) * (n + 1) as f64 / chunks as f64);
                self.until(self.at);
            }
            self.ops.push(file_op(path, offset + from, MAP_CHUNK.min(len - from), CacheAccess::Mmap));
        }
        if let Some((_, bytes)) = end {
            self.cumulative = bytes;
            self.take();
        }
    }

    fn free(&mut self, count: u64) {
        self.happens(&["free"]);
        if count == 0 {
            self.blocks.clear();
            self.ops.push(ScriptOp::Free(None));
            return;
        }
        let count = (count as usize).min(self.blocks.len());
        let bytes: u64 = self.blocks.drain(..count).sum();
        self.ops.push(ScriptOp::Free(Some(Bytes::new(bytes))));
    }
}

/// Bytes that touching `percent` of every block's pages makes resident.
fn touched(total: u64, percent: u64, block: u64) -> u64 {
    let of = |bytes: u64| bytes.div_ceil(PAGE) * percent / 100 * PAGE;
    total / block.max(1) * of(block) + of(total % block.max(1))
}

fn anon_op(bytes: u64, percent: u64, takes: f64) -> ScriptOp {
    let takes = if takes >= 0.000_05 { span(takes) } else { SimDuration::ZERO };
    // Percent are at most 100 (`program::parse`).
    ScriptOp::Anon { bytes: Bytes::new(bytes), touched_permille: (percent.min(100) * 10) as u16, takes }
}

fn file_op(path: &str, offset: u64, bytes: u64, access: CacheAccess) -> ScriptOp {
    ScriptOp::File { file: path.to_owned(), offset: Bytes::new(offset), bytes: Bytes::new(bytes), access }
}

/// Seconds, to a tenth of a millisecond as recorded; never negative.
pub fn span(s: f64) -> SimDuration {
    SimDuration::from_nanos(((s.max(0.0) * 10_000.0).round() as u64).saturating_mul(100_000))
}

/// An instant of the scenario, as [`span`].
pub fn time(s: f64) -> SimTime {
    SimTime::from_nanos(span(s).as_nanos())
}
