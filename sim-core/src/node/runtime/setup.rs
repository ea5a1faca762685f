//! Sandboxes and containers that are being made, on processors that they share.

use crate::engine::Phase;
use crate::node::Event;
use crate::node::observe::Cx;
use crate::units::{SimDuration, SimTime};

/// What is being made. Each has the same part of the processors, and at most one of them.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Setups {
    /// What happens when it is made, of which pod, and how long that takes on a processor of its own.
    left: Vec<(Event, u32, SimDuration)>,
    since: SimTime,
    turn: u32,
}

impl Setups {
    /// Something more is to be made.
    pub fn begin(&mut self, (event, pod): (Event, u32), takes: SimDuration, cpus: u32, cx: &mut Cx<'_>) {
        self.work(cpus, cx.now);
        self.left.push((event, pod, takes));
        self.schedule(cpus, cx);
    }

    /// What is made by now happens, unless more has come since.
    pub fn done(&mut self, turn: u32, cpus: u32, cx: &mut Cx<'_>) {
        if turn != self.turn {
            return;
        }
        self.work(cpus, cx.now);
        self.left.retain(|&(event, pod, left)| {
            if left == SimDuration::ZERO {
                cx.queue.after(SimDuration::ZERO, Phase::Runtime, pod, event);
            }
            left > SimDuration::ZERO
        });
        self.schedule(cpus, cx);
    }

    /// How many share a processor, as a fraction.
    fn share(&self, cpus: u32) -> (u64, u64) {
        let (many, cpus) = (self.left.len() as u64, u64::from(cpus.max(1)));
        if many <= cpus { (1, 1) } else { (many, cpus) }
    }

    fn work(&mut self, cpus: u32, now: SimTime) {
        let (many, cpus) = self.share(cpus);
        let each = now.since(self.since).mul_ratio(cpus, many);
        self.left.iter_mut().for_each(|(_, _, left)| *left = left.saturating_sub(each));
        self.since = now;
    }

    fn schedule(&mut self, cpus: u32, cx: &mut Cx<'_>) {
        self.turn += 1;
        let Some(first) = self.left.iter().map(|(_, _, left)| *left).min() else { return };
        let (many, cpus) = self.share(cpus);
        let wait = first.mul_ratio(many, cpus) + SimDuration::from_nanos(1);
        cx.queue.after(wait, Phase::Runtime, 0, Event::SetupDone { turn: self.turn });
    }
}
