//! A recorded curve, and how a program follows it: over gaps in the recording, and from process to process where the
//! recorded one was restarted.

use super::growth::Growth;
use super::params::{CacheAccess, Then};
use super::program::{Step, per_second, then};
use crate::units::{Bytes, Pages, SimDuration, SimTime};
use std::collections::VecDeque;

/// What kind of memory a recorded curve is replayed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TraceAs {
    /// Anonymous memory.
    #[default]
    Anon,
    /// Page cache: it can be reclaimed.
    File,
    /// Files in a memory volume: they cannot.
    Shmem,
}

/// What a recording says from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Traced {
    /// So much is held.
    Holds {
        /// Of the kind that the curve is replayed with.
        amount: Bytes,
        /// Page cache in use beside it, which counts in the working set.
        active_file: Bytes,
    },
    /// Nothing was recorded until the next point.
    Gap,
    /// The recorded process ended, and another one began.
    Restart,
}

/// One point of a recorded curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TracePoint {
    /// Since the process began.
    pub at: SimDuration,
    /// From then on.
    pub what: Traced,
}

/// What a program does while nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gaps {
    /// It holds what it has until the recording goes on.
    #[default]
    Hold,
    /// It goes on to the next point as if there were no gap.
    Interpolate,
    /// It ends where the gap begins, and starts anew: it holds nothing until the recording goes on.
    Restart,
}

/// Follows a recorded curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// In order of time.
    pub points: Vec<TracePoint>,
    /// True: anonymous memory grows linearly between points; false, or another kind of memory: in steps.
    pub linear: bool,
    /// The kind of memory.
    pub memory: TraceAs,
    /// What happens while nothing was recorded.
    pub gaps: Gaps,
    /// The curve begins again at its last point.
    pub repeats: bool,
    /// What follows after the last point.
    pub then: Then,
}

impl Default for Trace {
    /// No points, and what a scenario that says nothing else has.
    fn default() -> Self {
        let (memory, gaps, then) = (TraceAs::default(), Gaps::default(), Then::default());
        Trace { points: Vec::new(), linear: true, memory, gaps, repeats: false, then }
    }
}

impl Trace {
    /// What it holds, in order of time: of its kind, without page cache beside it.
    pub fn amounts(&self) -> impl Iterator<Item = (SimDuration, Bytes)> {
        self.points.iter().filter_map(|point| match point.what {
            Traced::Holds { amount, .. } => Some((point.at, amount)),
            Traced::Gap | Traced::Restart => None,
        })
    }

    /// How much of files it reads and writes in one round, at most.
    pub(super) fn files(&self) -> Bytes {
        let each = self.points.iter().map(|point| match point.what {
            Traced::Holds { amount, active_file } if self.memory != TraceAs::Anon => {
                amount.get().saturating_add(active_file.get())
            }
            Traced::Holds { active_file, .. } => active_file.get(),
            Traced::Gap | Traced::Restart => 0,
        });
        Bytes::new(each.fold(0, u64::saturating_add))
    }

    /// A process that follows it ends before its last point, and another one takes its place.
    pub fn restarts(&self) -> bool {
        let ends = |what| what == Traced::Restart || what == Traced::Gap && self.gaps == Gaps::Restart;
        self.points.iter().any(|point| ends(point.what))
    }

    /// Whether a process that follows it is ended by this point.
    fn ends_at(&self, index: usize) -> bool {
        match self.points.get(index).map(|point| point.what) {
            Some(Traced::Restart) => true,
            Some(Traced::Gap) => self.gaps == Gaps::Restart,
            _ => false,
        }
    }

    /// The most of something that it ever holds.
    fn most(&self, of: impl Fn(Bytes, Bytes) -> Bytes) -> Bytes {
        let each = self.points.iter().filter_map(|point| match point.what {
            Traced::Holds { amount, active_file } => Some(of(amount, active_file)),
            Traced::Gap | Traced::Restart => None,
        });
        each.max().unwrap_or_default()
    }
}

/// Where a process has left the curve, for the one that takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    place: Place,
    /// When the curve began, if the recording says that the process ended here; else the new process begins its part
    /// of the curve anew.
    began: Option<SimTime>,
    /// What the files of the process are called.
    files: String,
}

impl Resume {
    /// The recording says that the process ended here: it is no failure of the model's node.
    pub fn is_recorded(&self) -> bool {
        self.began.is_some()
    }
}

/// A point of a curve that repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    round: u64,
    index: usize,
}

/// A program on its curve.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// When the curve began.
    began: SimTime,
    /// Where the process began.
    first: Place,
    /// The point that comes next.
    next: Place,
    /// Memory of the curve's kind.
    held: Pages,
    /// Page cache beside it.
    cached: Pages,
    /// What the next point holds is there already: it was grown to.
    reached: bool,
    /// Nothing is recorded now.
    in_gap: bool,
    /// What is still to be done of the last point.
    due: VecDeque<Step>,
    files: String,
}

impl Follower {
    /// A process that begins now, in place of another one if there is one to `resume`: its files are gone.
    pub fn new(t: &Trace, files: &str, resume: Option<&Resume>, now: SimTime) -> Self {
        let first = resume.map_or(Place::default(), |resume| resume.place);
        let before = first.index.checked_sub(1).and_then(|i| t.points.get(i));
        let skipped = since_beginning(t, first.round, before.map_or(SimDuration::ZERO, |point| point.at));
        let began = SimTime::from_nanos(now.as_nanos().saturating_sub(skipped.as_nanos()));
        let left = resume.filter(|_| t.memory != TraceAs::Anon || t.most(|_, file| file) > Bytes::ZERO);
        let removed = left
            .into_iter()
            .flat_map(|resume| [amount_file(&resume.files), cache_file(&resume.files)].map(Step::Unlink));
        Follower {
            began: resume.and_then(|resume| resume.began).unwrap_or(began),
            first,
            next: first,
            held: Pages::ZERO,
            cached: Pages::ZERO,
            reached: false,
            in_gap: before.is_some_and(|point| point.what == Traced::Gap),
            due: removed.collect(),
            files: files.to_owned(),
        }
    }

    /// Where the process that takes its place goes on: behind the restart that it was ended by, or was about to be
    /// (what killed it then is taken to be what killed the recorded one), else where it began itself.
    pub fn resume(&self, t: &Trace) -> Resume {
        let Place { round, index } = self.next;
        let ended = index.checked_sub(1).filter(|_| index > self.first.index || round > self.first.round);
        let by = ended.into_iter().chain([index, index + 1]).find(|i| t.ends_at(*i));
        let place = by.map_or(self.first, |i| Place { round, index: i + 1 });
        Resume { place, began: by.map(|_| self.began), files: self.files.clone() }
    }

    pub fn next(&mut self, t: &Trace, now: SimTime) -> Step {
        if let Some(step) = self.due.pop_front() {
            return step;
        }
        if self.next.index >= t.points.len() && t.repeats {
            self.next = Place { round: self.next.round + 1, index: 0 };
        }
        let Some(point) = t.points.get(self.next.index) else { return then(t.then) };
        let at = self.time_of(t, point.at);
        match point.what {
            Traced::Holds { amount, .. } if at > now && !self.reached => self.towards(t, amount, at, now),
            Traced::Holds { amount, active_file } => {
                self.passed();
                self.in_gap = false;
                self.holds(t, amount.to_pages_ceil(), active_file.to_pages_ceil())
            }
            Traced::Gap if at > now && !self.reached => match self.within_gap(t, at, now) {
                Some(amount) => self.towards(t, amount, at, now),
                None => Step::SleepUntil(at),
            },
            Traced::Restart if at > now => Step::SleepUntil(at),
            Traced::Gap => {
                self.passed();
                self.in_gap = t.gaps != Gaps::Interpolate;
                if t.gaps == Gaps::Restart {
                    self.due.push_back(Step::RecordedRestart);
                }
                let rest = t.points.get(self.next.index..).unwrap_or_default();
                let until = rest.iter().find(|point| point.what != Traced::Gap).map(|point| self.time_of(t, point.at));
                Step::RecordedGap { until }
            }
            Traced::Restart => {
                self.passed();
                Step::RecordedRestart
            }
        }
    }

    fn passed(&mut self) {
        self.next.index += 1;
        self.reached = false;
    }

    fn time_of(&self, t: &Trace, at: SimDuration) -> SimTime {
        self.began.saturating_add(since_beginning(t, self.next.round, at))
    }

    /// On a straight line or by waiting.
    fn towards(&mut self, t: &Trace, amount: Bytes, at: SimTime, now: SimTime) -> Step {
        let pages = amount.to_pages_ceil().saturating_sub(self.held);
        if !t.linear || t.memory != TraceAs::Anon || self.in_gap || pages.is_zero() {
            return Step::SleepUntil(at);
        }
        self.held += pages;
        self.reached = true;
        Step::Grow(Growth::linear(now, Bytes::new(per_second(pages.bytes(), at.since(now))), Some(pages)))
    }

    /// What the line to the point behind a gap, which begins `at`, has there; `None`: there is no such line.
    fn within_gap(&self, t: &Trace, at: SimTime, now: SimTime) -> Option<Bytes> {
        let rest = t.points.get(self.next.index..)?.iter();
        let behind = rest.take_while(|point| point.what != Traced::Restart).find_map(|point| match point.what {
            Traced::Holds { amount, .. } => Some((self.time_of(t, point.at), amount)),
            _ => None,
        });
        let (end, amount) = behind.filter(|_| t.gaps == Gaps::Interpolate)?;
        let (held, part, whole) = (self.held.bytes().get(), at.since(now).as_nanos(), end.since(now).as_nanos());
        let up = u128::from(amount.get().saturating_sub(held)) * u128::from(part) / u128::from(whole.max(1));
        Some(Bytes::new(held.saturating_add(u64::try_from(up).unwrap_or(u64::MAX))))
    }

    /// From what it has to what a point says.
    fn holds(&mut self, t: &Trace, target: Pages, cache: Pages) -> Step {
        let before = std::mem::replace(&mut self.held, target);
        let more = target.saturating_sub(before);
        match t.memory {
            TraceAs::Anon if target >= before => {
                self.due.push_back(Step::Alloc { bytes: more.bytes(), touched: more, rate: None });
            }
            TraceAs::Anon => {
                let less = before.saturating_sub(target);
                self.due.push_back(Step::Free { bytes: less.bytes(), resident: less });
            }
            TraceAs::File | TraceAs::Shmem if target < before => {
                // The file goes, and is written anew with what is left.
                self.due.push_back(Step::Unlink(amount_file(&self.files)));
                let step = self.file_step(t, Pages::ZERO, target);
                self.due.push_back(step);
            }
            TraceAs::File | TraceAs::Shmem => {
                let step = self.file_step(t, before, more);
                self.due.push_back(step);
            }
        }
        if cache < self.cached {
            self.due.push_back(Step::Unlink(cache_file(&self.files)));
            self.cached = Pages::ZERO;
        }
        if cache > self.cached {
            let (file, size) = (cache_file(&self.files), t.most(|_, file| file));
            let (from, pages) = (self.cached, cache.saturating_sub(self.cached));
            self.due.push_back(Step::ActiveFile { file, size, from, pages });
            self.cached = cache;
        }
        self.due.pop_front().unwrap_or(Step::Sleep(SimDuration::ZERO))
    }

    fn file_step(&self, t: &Trace, from: Pages, pages: Pages) -> Step {
        let file = amount_file(&self.files);
        match t.memory {
            TraceAs::Shmem => Step::Tmpfs { volume: file, pages },
            TraceAs::File | TraceAs::Anon => {
                Step::File { file, size: t.most(|amount, _| amount), from, pages, access: CacheAccess::Read }
            }
        }
    }
}

/// A point's time since the curve began, in a round of a curve that repeats.
fn since_beginning(t: &Trace, round: u64, at: SimDuration) -> SimDuration {
    let period = t.points.last().map_or(0, |last| last.at.as_nanos());
    SimDuration::from_nanos(period.saturating_mul(round).saturating_add(at.as_nanos()))
}

/// What the file is called that a curve of page cache or tmpfs is replayed with.
fn amount_file(files: &str) -> String {
    format!("trace {files}")
}

/// What the file is called whose pages are the page cache beside a curve.
fn cache_file(files: &str) -> String {
    format!("cache {files}")
}
