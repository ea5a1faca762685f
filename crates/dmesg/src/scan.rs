//! Physical lines of the input, and the way over stretches in which nothing is said about memory.

use crate::error::ReadError;
use aho_corasick::{AhoCorasick, MatchKind};
use std::io::{self, Read};
use std::sync::LazyLock;

/// A line of which more has come is not of a log: a device or another kind of file.
const MOST_LINE: usize = 16 << 20;
/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;
/// Bytes before a wording of interest that are looked at line by line.
const CONTEXT: usize = 64 << 10;
/// Bytes after the last line of interest that are looked at line by line.
const AFTER: u64 = 256 << 10;

/// Words without which no report, and no other program's kill, begins or goes on.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = [
        "oom-killer",
        "oom-kill:",
        "oom-kill event",
        "oom_kill event",
        "Killed process",
        "Kill process",
        "ut of memory",
        "oom_reaper",
        "a result of limit",
        "failcnt",
        "Mem-Info:",
        "Mem-info:",
        "total_vm",
        "oomd[",
        "oomd\"",
        "oomd:",
        "oomd kill: ",
        "earlyoom",
        "nohang",
        "lowmemorykiller",
        "OOM victim",
        "OOM kill",
        "OOMKill",
        "SystemOOM",
        "oom_watcher",
        "eviction_manager",
        "eviction manager",
        "memory.oom.group",
        "TaskOOM",
        "Sending SIGKILL to cgroup",
        "low on resource: memory",
    ];
    // Only leftmost searches use vector instructions, which are ten times as fast here.
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words).ok()
});

/// A line without its end.
pub(crate) struct PhysicalLine<'a> {
    /// From 1.
    pub number: u64,
    pub bytes: &'a [u8],
}

/// What comes next.
pub(crate) enum Step<'a> {
    Line(PhysicalLine<'a>),
    /// Nothing for now: the input says that it would have to wait.
    Pause,
    End,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    More,
    Pause,
    End,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes before `start`, since the beginning.
    offset: u64,
    number: u64,
    eof: bool,
    /// Up to here every line is looked at.
    awake_until: u64,
}

impl<R: Read> Lines<R> {
    pub fn new(input: R) -> Lines<R> {
        Lines {
            input,
            buffer: vec![0; BLOCK],
            start: 0,
            end: 0,
            offset: 0,
            number: 0,
            eof: false,
            awake_until: CONTEXT as u64,
        }
    }

    /// What follows is of interest.
    pub fn stay_awake(&mut self) {
        self.awake_until = self.offset + AFTER;
    }

    /// The next line; before it, `skipped` lines were passed over.
    pub fn next(&mut self, skipped: &mut u64) -> Result<Step<'_>, ReadError> {
        *skipped = 0;
        if self.offset >= self.awake_until && self.skip(skipped)? == Filled::Pause {
            return Ok(Step::Pause);
        }
        let mut searched = self.start;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[searched..self.end]) {
                let (start, end) = (self.start, searched + at);
                self.advance(end + 1);
                self.number += 1;
                if end - start > MOST_LINE {
                    return Err(ReadError::LongLine { line: self.number });
                }
                return Ok(Step::Line(PhysicalLine { number: self.number, bytes: &self.buffer[start..end] }));
            }
            searched = self.end;
            if self.end - self.start > MOST_LINE {
                return Err(ReadError::LongLine { line: self.number + 1 });
            }
            let before = self.start;
            match self.fill()? {
                Filled::More => searched -= before - self.start,
                Filled::Pause => return Ok(Step::Pause),
                Filled::End => {
                    let (start, end) = (self.start, self.end);
                    if start == end {
                        return Ok(Step::End);
                    }
                    self.advance(end);
                    self.number += 1;
                    return Ok(Step::Line(PhysicalLine { number: self.number, bytes: &self.buffer[start..end] }));
                }
            }
        }
    }

    fn advance(&mut self, to: usize) {
        self.offset += (to - self.start) as u64;
        self.start = to;
    }

    /// Reads more behind what there is.
    fn fill(&mut self) -> Result<Filled, ReadError> {
        if self.eof {
            return Ok(Filled::End);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < BLOCK / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.eof = true;
                    return Ok(Filled::End);
                }
                Ok(n) => {
                    self.end += n;
                    return Ok(Filled::More);
                }
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(Filled::Pause),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// Passes over whole lines up to shortly before the next word of interest, and counts them.
    fn skip(&mut self, skipped: &mut u64) -> Result<Filled, ReadError> {
        let Some(words) = WORDS.as_ref() else { return Ok(Filled::More) };
        // What is kept back before a find may have been searched already.
        let mut searched = 0;
        loop {
            let region = &self.buffer[self.start..self.end];
            let from = searched.min(region.len());
            let found = words.find(&region[from..]).map(|m| m.start() + from);
            let keep = found.unwrap_or(region.len()).saturating_sub(CONTEXT);
            let whole = memchr::memrchr(b'\n', &region[..keep]).map_or(0, |at| at + 1);
            let lines = memchr::memchr_iter(b'\n', &region[..whole]).count() as u64;
            let length = region.len();
            self.number += lines;
            *skipped += lines;
            self.advance(self.start + whole);
            if found.is_some() {
                self.stay_awake();
                self.awake_until += CONTEXT as u64;
                return Ok(Filled::More);
            }
            // A word may be cut by the end of the block.
            searched = (length - whole).saturating_sub(32);
            if length - whole > MOST_LINE {
                return Ok(Filled::More);
            }
            let filled = self.fill()?;
            if filled == Filled::Pause {
                return Ok(filled);
            }
            if filled == Filled::End {
                // The rest is searched: nothing is left to look at.
                let rest = &self.buffer[self.start..self.end];
                let lines = memchr::memchr_iter(b'\n', rest).count() as u64;
                let lines = lines + u64::from(rest.last().is_some_and(|b| *b != b'\n'));
                self.number += lines;
                self.advance(self.end);
                *skipped += lines;
                return Ok(filled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_stretches_are_passed_over_and_counted() {
        let noise = "Jan 16 21:33:51 node systemd[1]: Started Session 3 of user core.\n";
        let mut text = noise.repeat(100_000);
        text.push_str("Jan 16 21:33:51 node kernel: a invoked oom-killer: order=0\n");
        text.push_str(&noise.repeat(50_000));
        let mut lines = Lines::new(text.as_bytes());
        let (mut seen, mut all, mut skipped, mut at) = (0u64, 0, 0, None);
        while let Step::Line(line) = lines.next(&mut skipped).expect("readable") {
            seen += 1;
            all = line.number;
            if line.bytes.ends_with(b"order=0") {
                at = Some(line.number);
            }
        }
        assert_eq!(at, Some(100_001));
        assert!(seen < 20_000, "{seen}");
        assert!(all <= 150_001);
        assert_eq!(lines.number, 150_001);
    }
}
