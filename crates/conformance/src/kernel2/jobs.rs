//! What runs on while later steps are taken, each at its recorded pace.

use super::machine::{ExperimentRun, Machine, OpEnd, Stopped, at, thrashes};
use super::op::Op;
use super::row::Step;
use super::steps::{FULL, Objects, objects};
use super::text::WINDOW;
use oomsim_core::kernel::{Disk, FileAccess, MemOp, MemOutcome, Until, Work};
use oomsim_core::units::{Bytes, Pages, Pid, SimTime};

/// Units that an asynchronous step does in a second when its progress was not recorded.
const UNITS_PER_SECOND: f64 = 1000.0;
/// Pages that a program with hot text writes in a second as long as it has room.
const HOT_UNITS_PER_SECOND: f64 = 20_000.0;

/// Something that runs on while later steps are taken.
struct Job<'a> {
    step: &'a Step,
    pid: Pid,
    done: u64,
    total: u64,
    chunk: u64,
    next: SimTime,
    /// When the last unit was done.
    last: SimTime,
    died: Option<SimTime>,
    /// What is left of the current chunk.
    pending: Option<(Pid, MemOp)>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Stuck,
    Finished,
}

impl Machine<'_> {
    /// Runs what was started before this sample, each at its recorded pace, until all have ended or the recording did.
    pub fn run_jobs(&mut self, sample: usize, run: &mut ExperimentRun) {
        let row = self.row;
        let recorded_end = at(row.steps.last().map_or(0.0, |s| s.t));
        self.watched_until = Some(recorded_end);
        let mut jobs: Vec<Job<'_>> = Vec::new();
        for step in row.steps[..sample].iter().filter(|s| s.op.runs_on()) {
            let running = !row.steps[..sample].iter().any(|s| s.op == Op::Sample && s.t > step.t);
            if let (Some(pid), true) = (self.pid(&step.who), running) {
                jobs.push(self.job(step, pid));
            }
        }
        let mut looks: Vec<_> = row.steps[sample].last_looks().collect();
        looks.sort_by(|a, b| a.1.t.total_cmp(&b.1.t));
        for (path, look) in looks {
            self.run_until(&mut jobs, at(look.t));
            run.after.entry(sample).or_default().insert(path.clone(), self.seen(path));
        }
        // How far one has come that is still on its way at the end is known up to the last look.
        if row.ends_on_the_way() {
            note_stopped(&jobs, recorded_end, run);
        }
        let end = self.observed_until(sample);
        self.run_until(&mut jobs, end);
        if jobs.iter().any(|job| job.state == State::Stuck) {
            self.wait_for(thrashes(end.since(self.sim.now)));
        }
        self.watched_until = None;
        if !row.ends_on_the_way() {
            note_stopped(&jobs, recorded_end, run);
        }
        for job in jobs.iter().filter(|j| j.state != State::Finished && j.step.op.grows()) {
            if job.state == State::Stuck || job.pending.is_some() || self.is_full(&job.step.who) {
                run.outcome.stuck.insert(job.step.who.clone());
            }
        }
    }

    fn run_until(&mut self, jobs: &mut [Job<'_>], end: SimTime) {
        loop {
            let ready = |j: &&mut Job<'_>| j.state == State::Running && j.next <= end;
            let Some(job) = jobs.iter_mut().filter(ready).min_by_key(|j| j.next) else { return };
            self.sim.now = self.sim.now.max(job.next);
            let deaths = self.sim.dead.len();
            self.advance(job);
            if self.sim.dead.len() > deaths {
                let now = self.sim.now;
                for job in jobs.iter_mut() {
                    if self.sim.kernel.process(job.pid).is_none_or(|p| !p.is_running()) {
                        job.died.get_or_insert(now);
                        job.state = State::Finished;
                    } else if job.state == State::Stuck {
                        (job.state, job.next) = (State::Running, now);
                    }
                }
            }
        }
    }

    /// A recording goes on until all have answered or as many looks were taken as were asked for: one that ended
    /// before that would have gone on for a process that was not done.
    fn observed_until(&self, sample: usize) -> SimTime {
        let steps = &self.row.steps;
        let asked = at(steps[sample].t + steps[sample].every_ms * steps[sample].at_most);
        asked.max(at(steps.get(sample + 1).map_or(f64::MAX / 1e7, |s| s.t)))
    }

    /// A process's cgroup, or one above it, is at its limit.
    fn is_full(&self, who: &str) -> bool {
        self.row.limits_of(who).any(|g| {
            let usage = self.sim.kernel.find(&g.path).map_or(Bytes::ZERO, |cg| self.sim.kernel.usage(cg));
            usage.to_pages_floor().get() + FULL > g.max.or(g.high).unwrap_or(u64::MAX)
        })
    }

    fn job<'b>(&mut self, step: &'b Step, pid: Pid) -> Job<'b> {
        let n = |i| step.number(i);
        let (total, chunk) = match step.op {
            Op::StartHot => {
                let file = self.file(step.path(), n(1));
                let pages = Pages::new(n(2));
                self.run(pid, MemOp::ReadFile { file, from: Pages::new(n(1)), pages, how: FileAccess::Mmap });
                self.set_hot(pid, file, n(2), n(4));
                (n(3), n(4))
            }
            Op::StartReadLoop | Op::StartMapLoop => (n(3), 1),
            Op::StartTouchAgain => (n(1), 1),
            Op::StartForkChildren => (n(0), 1),
            _ => {
                let pages = self.grower_text(step, pid);
                self.set_hot(pid, self.text, pages, n(1));
                (n(0), n(1))
            }
        };
        let (last, chunk, state) = (at(step.t), chunk.max(1), State::Running);
        let next = last.max(self.due(step, chunk));
        Job { step, pid, done: 0, total, chunk, next, last, died: None, pending: None, state }
    }

    /// A child that has run a little; while a process dies for it the kernel waits. `None`: the parent is dead, or
    /// stuck.
    fn child(&mut self, parent: Pid) -> Option<Pid> {
        let child = loop {
            let deaths = self.sim.dead.len();
            let forked = self.sim.kernel.fork(self.sim.now, parent);
            self.sim.collect();
            match forked {
                Ok(child) => break child,
                Err(_) if self.sim.dead.len() > deaths => {}
                Err(_) => return None,
            }
        };
        self.sim.kernel.set_hot_text(child, None);
        let Objects { child_kernel, child_copies, .. } = objects(&self.sim.kernel.profile().version);
        self.run(child, MemOp::HoldKernel { pages: Pages::new(child_kernel) });
        self.run(child, MemOp::TouchCow { pages: Pages::new(child_copies) });
        Some(child)
    }

    /// Does the next chunk of a job, and says when the one after it is due.
    fn advance(&mut self, job: &mut Job<'_>) {
        let (by, op) = match job.pending.take().or_else(|| self.chunk(job)) {
            Some(next) => next,
            None => {
                job.state = State::Finished;
                return;
            }
        };
        let outcome = self.sim.kernel.apply(self.sim.now, by, op);
        let died = self.sim.collect();
        self.note_wait(&op, &outcome);
        match outcome {
            MemOutcome::Done => {
                self.chunk_done(job);
                self.read_hot_again(job);
                match self.between_chunks(job, by) {
                    OpEnd::Stuck => job.state = State::Stuck,
                    _ if job.state == State::Finished => self.read_back(job.pid),
                    _ => {}
                }
            }
            MemOutcome::Dying if by == job.pid => {
                job.died.get_or_insert(self.sim.now);
                job.state = State::Finished;
            }
            MemOutcome::Dying => self.chunk_done(job),
            MemOutcome::Refused(_) => job.state = State::Finished,
            MemOutcome::Throttled { remaining, delay } => {
                job.pending = Some((by, op.with_pages(remaining)));
                job.next = self.sim.now.saturating_add(delay);
            }
            MemOutcome::Wait { remaining, until } => {
                job.pending = Some((by, op.with_pages(remaining)));
                match until {
                    Until::After(wait) => job.next = self.sim.now.saturating_add(wait),
                    Until::Thrashing(Some(wait)) => {
                        let wait = wait.mul_ratio(self.variant.slowness.into(), 1);
                        job.next = self.sim.now.saturating_add(wait);
                    }
                    Until::OnMemoryFreed | Until::Thrashing(None) if died => {}
                    Until::OnMemoryFreed | Until::Thrashing(None) => job.state = State::Stuck,
                }
            }
        }
    }

    /// Text that is needed between two pieces of work. Shorter ones than a window need it all the time.
    fn between_chunks(&mut self, job: &Job<'_>, by: Pid) -> OpEnd {
        let profile = self.sim.kernel.profile();
        if job.step.op == Op::StartForkChildren {
            // What is needed for every child is in use whenever reclaim looks, and passed over as long as there is
            // anything else (mm/vmscan.c lru_gen_set_refs).
            let in_use = profile.file_folios && !self.sim.kernel.volume_pages(self.text).0.is_zero();
            return if in_use { OpEnd::Done } else { self.go_on(by) };
        }
        let least = u64::from(profile.hang_hot_pages);
        match self.sim.kernel.hot_text(by) {
            Some(hot) if job.step.op.grows() && job.chunk > WINDOW.get() && hot.pages.get() >= least => {
                self.take_turns(by, hot.file)
            }
            _ => OpEnd::Done,
        }
    }

    fn chunk_done(&self, job: &mut Job<'_>) {
        job.done += job.chunk;
        job.last = self.sim.now;
        if job.done >= job.total {
            job.state = State::Finished;
        }
        job.next = self.sim.now.max(self.due(job.step, job.done + job.chunk));
    }

    /// As soon as some of the text that a loop needs is pushed out, each round reads all of it again: the oldest page
    /// is always the one that is needed next (recordings stall: 3840 pages in each of 32 rounds over 4096).
    fn read_hot_again(&mut self, job: &mut Job<'_>) {
        if job.step.op != Op::StartHot || job.state == State::Finished {
            return;
        }
        let file = self.file(job.step.path(), job.step.number(1));
        let pages = Pages::new(job.step.number(2));
        if self.sim.kernel.volume_pages(file).0 < pages {
            let work = Work { read_back: self.read_in_a_round(job.pid, job.done, pages), ..Work::default() };
            let time = work.takes(&Disk::RECORDED, self.sim.kernel.swap_device());
            self.wait_for(thrashes(time));
            self.sim.now = self.sim.now.saturating_add(time);
            job.next = job.next.max(self.sim.now);
        }
    }

    /// Pages that a round over this many of a file reads after so many units. A fault reads the window around it; where
    /// that is long, but shorter than what the loop needs, most of it is pushed out before it is used: two to seven
    /// times as many as are needed are read (recording stall_3270_0 of 7.3, windows of 8 MiB: 1.1 to 6.5 times in 13
    /// rounds over 4096 pages, 4.5 on average; 1.1 times with windows of 128 KiB on 6.1 and 6.12).
    fn read_in_a_round(&mut self, pid: Pid, units: u64, pages: Pages) -> Pages {
        let window = Pages::new(u64::from(self.sim.kernel.profile().readahead_kib) / 4);
        if window <= WINDOW || pages <= window {
            return pages;
        }
        pages * (2 + self.draw(&format!("round/{units}"), pid, 6))
    }

    /// When a job has done this many units, by its recorded progress, and at its usual pace after that.
    fn due(&self, step: &Step, units: u64) -> SimTime {
        let units = units as f64;
        let (mut from, mut per_unit) = ((0.0, step.t), 1000.0 / UNITS_PER_SECOND);
        let known = self.row.progress.get(&step.who).map(Vec::as_slice).unwrap_or_default();
        match step.op {
            // What thrashing costs is the simulation's own.
            Op::StartHot => return at(step.t + units * 1000.0 / HOT_UNITS_PER_SECOND),
            // A unit is a pass over all pages.
            Op::StartTouchAgain => per_unit = step.number(0) as f64 * 1000.0 / HOT_UNITS_PER_SECOND,
            _ => {}
        }
        let of_this = known.iter().filter(|p| p[1] >= step.t && p[0] > 0.0);
        for point in of_this {
            if point[0] > from.0 {
                per_unit = (point[1] - from.1).max(0.0) / (point[0] - from.0);
                if point[0] >= units {
                    return at(from.1 + (units - from.0) * per_unit);
                }
                from = (point[0], point[1]);
            }
        }
        if from.0 > 0.0 {
            per_unit = usual_pace(known, step).unwrap_or(per_unit);
        }
        at(from.1 + (units - from.0) * per_unit)
    }

    /// The next piece of a job's work; `None`: it has no more to do.
    fn chunk(&mut self, job: &Job<'_>) -> Option<(Pid, MemOp)> {
        let step = job.step;
        let file = (step.path(), step.number(1));
        let left = job.total.saturating_sub(job.done);
        if left == 0 || self.pid(&step.who).is_none() {
            return None;
        }
        let read = |machine: &mut Self, how| {
            let file_offset = file.1;
            let file = machine.file(file.0, file.1);
            MemOp::ReadFile { file, from: Pages::new(file_offset), pages: Pages::new(step.number(2)), how }
        };
        Some(match step.op {
            Op::StartReadLoop => (job.pid, read(self, FileAccess::Read)),
            Op::StartMapLoop => (job.pid, read(self, FileAccess::Mmap)),
            Op::StartTouchAgain => {
                let pages = self.sim.kernel.process(job.pid).map_or(Pages::ZERO, |p| p.swapents());
                (job.pid, MemOp::SwapIn { pages })
            }
            Op::StartForkChildren => (self.child(job.pid)?, MemOp::Touch { pages: Pages::new(step.number(1)) }),
            _ => {
                if step.op != Op::StartHot {
                    if self.sim.kernel.volume_pages(self.text).0.is_zero() {
                        self.read_text(job.pid);
                    }
                    self.read_back(job.pid);
                    self.pid(&step.who)?;
                }
                (job.pid, MemOp::Touch { pages: Pages::new(job.chunk.min(left)) })
            }
        })
    }
}

/// Notes where those are that have not done all they were asked.
fn note_stopped(jobs: &[Job<'_>], recorded_end: SimTime, run: &mut ExperimentRun) {
    for job in jobs.iter().filter(|j| j.done < j.total && j.step.op.grows()) {
        let end = job.died.unwrap_or(recorded_end.max(job.last));
        run.stopped.insert(job.step.who.clone(), Stopped { units: job.done, last: job.last, end });
    }
}

/// Milliseconds that a step took over a unit, in the middle of what was recorded of its progress: where it stood still
/// for want of memory does not count.
fn usual_pace(known: &[[f64; 2]], step: &Step) -> Option<f64> {
    let of_this = known.windows(2).filter(|p| p[0][1] >= step.t && p[1][0] > p[0][0]);
    let mut paces: Vec<f64> = of_this.map(|p| (p[1][1] - p[0][1]).max(0.0) / (p[1][0] - p[0][0])).collect();
    paces.sort_by(f64::total_cmp);
    paces.get(paces.len() / 2).copied()
}
