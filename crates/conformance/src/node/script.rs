//! From a recorded program and the curve of what it allocated when, to the instructions of a scenario's script.
//!
//! The curve is followed as far as it goes: a point is the instant at which a block was complete. Where it ends,
//! because the process died or the recording stopped, the program goes on at its own pace.

use super::import::{Disturbance, quoted};
use super::program::{MAP_CHUNK, Op};
use super::story::Curve;
use std::fmt::Write;

/// Time to touch a MiB where no block of the program was seen to take longer (recorded in icount: 0.27 ms).
const TOUCH_S_PER_MIB: f64 = 0.000_27;
/// A block during which an OOM kill was recorded waited for it when it took so much longer than the one before.
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

/// Writes one process's script.
pub struct Script<'a> {
    clock: Clock,
    points: &'a [(f64, u64, String)],
    lines: Vec<String>,
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

impl<'a> Script<'a> {
    /// A script that follows `curve`. `volumes` names the scenario's volume for a path.
    /// `kills` are the instants of recorded OOM kills: a block during which one took place waited for it, which is an
    /// outcome and not the program's pace.
    pub fn new(clock: Clock, curve: Option<&'a Curve>, kills: &'a [f64], volumes: &'a dyn Fn(&str) -> String) -> Self {
        let points = curve.map_or(&[][..], |c| &c.pts);
        let start = points.first().map_or(0.0, |p| p.0);
        Script {
            clock,
            points,
            lines: Vec::new(),
            recorded: start,
            at: clock.t0 + start,
            cumulative: 0,
            gone: false,
            kills,
            done: None,
            touch: TOUCH_S_PER_MIB,
            blocks: Vec::new(),
            volumes,
        }
    }

    /// The script's instructions, one a line.
    pub fn write(mut self, ops: &[Op]) -> Vec<String> {
        self.lines.push(format!("{{ until = {} }}", seconds(self.at)));
        let set_up = ops.iter().position(|op| *op == Op::Go).unwrap_or(0);
        for (n, op) in ops.iter().enumerate() {
            match op {
                Op::Anon { block, pause_ms, percent, total } => {
                    let frees_blocks = ops[n..].iter().any(|op| matches!(op, Op::Free(1..)));
                    if n < set_up && *pause_ms == 0 && !frees_blocks {
                        self.filled_at_once(*total, *percent, *block);
                    } else {
                        self.anon(*block, *pause_ms, *percent, *total);
                    }
                }
                Op::Tmpfs { block, pause_ms, total, path } => {
                    let volume = (self.volumes)(path);
                    let line = |bytes| format!("{{ tmpfs = {bytes}, volume = {} }}", quoted(&volume));
                    self.file(*block, *pause_ms, *total, "s", &|_, bytes| line(bytes));
                }
                Op::Write { block, pause_ms, total, path } => {
                    let line = |from, bytes| format!("{{ write = {bytes}, offset = {from}, file = {} }}", quoted(path));
                    self.file(*block, *pause_ms, *total, "w", &line);
                }
                Op::Read { block, pause_ms, total, offset, passes, path } => {
                    for _ in 0..*passes {
                        let line = |from, bytes| {
                            format!("{{ read = {bytes}, offset = {}, file = {} }}", offset + from, quoted(path))
                        };
                        self.file(*block, *pause_ms, *total, "r", &line);
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
                    self.lines.push(format!("{{ until = {} }}", seconds(self.at)));
                }
                Op::Unlink(path) => {
                    self.happens(&["unlink"]);
                    let volume = (self.volumes)(path);
                    self.lines.push(format!("{{ unlink = {} }}", quoted(&volume)));
                }
                Op::Exit(code) => self.lines.push(format!("{{ exit = {code} }}")),
                Op::Hold => break,
            }
        }
        self.lines
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
        self.lines.push(format!("{{ until = {} }}", seconds(self.at)));
    }

    fn wait(&mut self, s: f64) {
        self.recorded += s;
        self.at += s;
        if self.gone {
            self.lines.push(format!("{{ sleep = {} }}", seconds(s)));
        } else {
            self.lines.push(format!("{{ until = {} }}", seconds(self.at)));
        }
    }

    /// Waits for the point at which something was recorded to happen.
    fn happens(&mut self, kinds: &[&str]) {
        if let Some((t, _)) = self.next(kinds) {
            self.advance(t);
            self.lines.push(format!("{{ until = {} }}", seconds(self.at)));
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
        self.lines.push(anon_line(total, percent, self.at - begin));
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
        self.nominal(left, block, pause, &|bytes, takes| anon_line(bytes, percent, takes));
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
            self.lines.push(match self.done {
                Some(done) => format!("{{ sleep = {} }}", seconds(begin - done)),
                None => format!("{{ until = {} }}", seconds(begin)),
            });
        }
        self.lines.push(anon_line(size, percent, takes));
        if waited || self.done.is_some() {
            self.done = Some(self.at);
        }
        self.blocks.push(size);
    }

    /// What the program still has to do when its curve has ended.
    fn nominal(&mut self, left: u64, block: u64, pause: f64, line: &dyn Fn(u64, f64) -> String) {
        if left == 0 {
            return;
        }
        self.gone = true;
        let sleep = seconds(pause / self.clock.rate());
        let takes = |bytes: u64, touch: f64| bytes as f64 / MIB * touch;
        let (times, rest) = (left / block, left % block);
        if times > 0 {
            let first = self.lines.len();
            self.lines.push(format!("{{ sleep = {sleep} }}"));
            self.lines.push(line(block, takes(block, self.touch.min(0.01))));
            if times > 1 {
                self.lines.push(format!("{{ repeatFrom = {first}, times = {times} }}"));
            }
        }
        if rest > 0 {
            self.lines.push(format!("{{ sleep = {sleep} }}"));
            self.lines.push(line(rest, takes(rest, self.touch.min(0.01))));
        }
    }

    /// Blocks of a file, each at the instant at which it was recorded.
    fn file(&mut self, block: u64, pause_ms: u64, total: u64, kind: &str, line: &dyn Fn(u64, u64) -> String) {
        let mut from = 0;
        while from < total {
            let Some((t, bytes)) = self.next(&[kind]) else { break };
            let mut size = 0;
            while from + size < total && (size == 0 || self.cumulative + size < bytes) {
                size += block.min(total - from - size);
            }
            self.advance(t);
            self.lines.push(format!("{{ until = {} }}", seconds(self.at)));
            self.lines.push(line(from, size));
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
            self.lines.push(format!("{{ sleep = {} }}", seconds(nominal / self.clock.rate())));
            self.lines.push(line(from, size));
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
        let line = |from: u64, bytes: u64| {
            format!("{{ mmap = {bytes}, offset = {}, file = {} }}", offset + from, quoted(path))
        };
        let end = self.next(&["m"]);
        let (begin_t, chunks) = (self.recorded, len.div_ceil(MAP_CHUNK).max(1));
        for n in 0..chunks {
            let from = n * MAP_CHUNK;
            if let Some((t, _)) = end {
                self.advance(begin_t + (t - begin_t) * (n + 1) as f64 / chunks as f64);
                self.lines.push(format!("{{ until = {} }}", seconds(self.at)));
            }
            self.lines.push(line(from, MAP_CHUNK.min(len - from)));
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
            self.lines.push("{ free = \"all\" }".into());
            return;
        }
        let count = (count as usize).min(self.blocks.len());
        let bytes: u64 = self.blocks.drain(..count).sum();
        self.lines.push(format!("{{ free = {bytes} }}"));
    }
}

/// Bytes that touching `percent` of every block's pages makes resident.
fn touched(total: u64, percent: u64, block: u64) -> u64 {
    let of = |bytes: u64| bytes.div_ceil(PAGE) * percent / 100 * PAGE;
    total / block.max(1) * of(block) + of(total % block.max(1))
}

fn anon_line(bytes: u64, percent: u64, takes: f64) -> String {
    let mut line = format!("{{ anon = {bytes}");
    if percent < 100 {
        let _ = write!(line, ", touched = {}", percent as f64 / 100.0);
    }
    if takes >= 0.000_05 {
        let _ = write!(line, ", takes = {}", seconds(takes));
    }
    line + " }"
}

/// A duration as a scenario writes it, to a tenth of a millisecond as recorded.
pub fn seconds(s: f64) -> String {
    format!("\"{}s\"", (s.max(0.0) * 10_000.0).round() / 10_000.0)
}
