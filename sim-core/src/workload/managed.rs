//! A program inside a language runtime: what its behaviour asks for becomes what the runtime asks the kernel for.

use super::growth::{Growth, Rhythm};
use super::program::Step;
use super::runtime::Heap;
use crate::units::{Bytes, PAGE_SIZE, Pages, SimDuration, SimTime};

/// More than any machine has; growth without end is as good as growth up to here.
const ENDLESS: u64 = 1 << 60;

/// The runtime of a running program.
#[derive(Clone, Debug)]
pub(super) struct Managed {
    pub heap: Heap,
    /// What the heap has at the start was asked for.
    started: bool,
    /// Growth whose way changes: the rest of it, and whether a part was taken.
    rest: Option<(Growth, bool)>,
    /// This allocation is the one that does not fit.
    refuses: Option<Bytes>,
    /// It has failed and lives on.
    failed: bool,
}

/// What a runtime makes of a step.
pub(super) enum Turn {
    /// The runtime does this, and the behaviour has to wait.
    Does(Step),
    /// A pause between blocks is to be drawn first.
    Draws(Growth),
    /// The behaviour's next step is due.
    Asks,
}

impl Managed {
    pub fn new(heap: Heap) -> Self {
        Managed { heap, started: false, rest: None, refuses: None, failed: false }
    }

    /// What is left to do before the behaviour's next step.
    pub fn before(&mut self, now: SimTime) -> Turn {
        if self.failed {
            return Turn::Does(Step::Hold);
        }
        if !std::mem::replace(&mut self.started, true) && self.heap.at_start > Bytes::ZERO {
            let touched = self.heap.at_start.to_pages_ceil();
            return Turn::Does(Step::Alloc { bytes: touched.bytes(), touched, rate: None });
        }
        if let Some(requested) = self.refuses.take() {
            return Turn::Does(self.refuse(requested));
        }
        match self.rest.take() {
            Some((growth, true)) if matches!(growth.rhythm, Rhythm::Jittered { .. }) => Turn::Draws(growth),
            Some((growth, _)) => Turn::Does(self.piece(resumed(growth, now), now)),
            None => Turn::Asks,
        }
    }

    /// What becomes of a step of the behaviour.
    pub fn translate(&mut self, step: Step, now: SimTime) -> Step {
        match step {
            Step::Alloc { bytes, touched, rate } => self.alloc(bytes, touched, rate),
            Step::Grow(growth) => self.piece(growth, now),
            Step::Free { bytes, resident } => match self.heap.free(bytes) {
                Bytes::ZERO => Step::Sleep(SimDuration::ZERO),
                freed if freed == bytes => Step::Free { bytes, resident },
                freed => Step::Free { bytes: freed, resident: scaled(resident, freed, bytes) },
            },
            step => step,
        }
    }

    fn refuse(&mut self, requested: Bytes) -> Step {
        let Heap { language, limit, live, at_limit, .. } = self.heap;
        self.failed = at_limit.is_none();
        let limit = limit.unwrap_or(Bytes::MAX);
        Step::RuntimeOutOfMemory { runtime: language.as_str(), heap: live, limit, requested, then: at_limit }
    }

    fn alloc(&mut self, bytes: Bytes, touched: Pages, rate: Option<Bytes>) -> Step {
        if bytes > self.heap.room() {
            return self.refuse(bytes);
        }
        match self.heap.take(bytes) {
            taken if taken == bytes => Step::Alloc { bytes, touched, rate },
            Bytes::ZERO => {
                let all = u128::from(touched.bytes().get()) * 1_000_000_000;
                let takes = rate.map_or(0, |rate| all / u128::from(rate.get().max(1)));
                Step::Sleep(SimDuration::from_nanos(u64::try_from(takes).unwrap_or(u64::MAX)))
            }
            taken => Step::Alloc { bytes: taken, touched: scaled(touched, taken, bytes), rate },
        }
    }

    /// The part of a growth up to where its way changes: the runtime's limit, memory that is there already, garbage
    /// that comes with it or not.
    pub fn piece(&mut self, growth: Growth, now: SimTime) -> Step {
        let block = growth.block.max(Bytes::new(1));
        let fit = self.heap.room().get() / block.get();
        if growth.steps == 0 {
            return Step::Sleep(SimDuration::ZERO);
        }
        if fit == 0 {
            self.refuses = Some(block);
            return Step::Sleep(interval(&growth));
        }
        let to_bend = self.heap.next_bend().map_or(u64::MAX, |bend| (bend.get() - self.heap.live.get()) / block.get());
        let steps = growth.steps.min(fit).min(to_bend.max(1)).min(ENDLESS / block.get());
        let rest = Growth { steps: growth.steps - steps, ..growth };
        self.rest = (rest.steps > 0).then_some((rest, true));
        let asked = block * steps;
        let taken = self.heap.take(asked);
        if taken == asked {
            return Step::Grow(Growth { steps, ..growth });
        }
        if taken == Bytes::ZERO {
            return Step::Sleep(lasts(&growth, steps));
        }
        if let Rhythm::Linear { .. } = growth.rhythm {
            let pages = taken.to_pages_ceil();
            let rate = rate_of(pages.bytes(), lasts(&growth, steps));
            return Step::Grow(Growth::linear(now, rate, Some(pages)));
        }
        let touched = Pages::new(scaled(growth.touched * steps, taken, asked).get() / steps);
        Step::Grow(Growth { steps, block: Bytes::new(taken.get() / steps), touched, ..growth })
    }
}

/// The rest of a growth of which a part was taken, from now on.
fn resumed(growth: Growth, now: SimTime) -> Growth {
    Growth { taken: 0, ..growth }.resumed(now)
}

fn scaled(pages: Pages, part: Bytes, whole: Bytes) -> Pages {
    let scaled = u128::from(pages.get()) * u128::from(part.get()) / u128::from(whole.get().max(1));
    Pages::new(u64::try_from(scaled).unwrap_or(u64::MAX))
}

/// Between two steps of a growth.
fn interval(growth: &Growth) -> SimDuration {
    match growth.rhythm {
        Rhythm::Linear { .. } => lasts(growth, 1),
        Rhythm::Blocks { every, .. } | Rhythm::Jittered { every, .. } => every,
    }
}

/// From the beginning of a growth to its step number `steps`.
fn lasts(growth: &Growth, steps: u64) -> SimDuration {
    let ns = match growth.rhythm {
        Rhythm::Linear { rate } => {
            (u128::from(steps) * u128::from(PAGE_SIZE) * 1_000_000_000).div_ceil(u128::from(rate.get()))
        }
        Rhythm::Blocks { first, every } => {
            u128::from(first.as_nanos()) + u128::from(steps - 1) * u128::from(every.as_nanos())
        }
        // The pauses that would be drawn are their mean.
        Rhythm::Jittered { pause, every, .. } => {
            u128::from(pause.as_nanos()) + u128::from(steps - 1) * u128::from(every.as_nanos())
        }
    };
    SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// Bytes per second, rounded up so that the amount is reached in time.
fn rate_of(bytes: Bytes, over: SimDuration) -> Bytes {
    let rate = (u128::from(bytes.get()) * 1_000_000_000).div_ceil(u128::from(over.as_nanos().max(1)));
    Bytes::new(u64::try_from(rate).unwrap_or(u64::MAX).max(1))
}
