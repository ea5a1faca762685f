//! Pods that make room for a critical one.

use super::{Lent, PodState, Pods};
use crate::kubelet::DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS;
use crate::kubelet::admission::{self, PREEMPTED, Preemptee, Room};
use crate::kubelet::eviction::Rejection;
use crate::node::ids::PodIx;
use crate::node_api::{PodPhase, PodReason};
use crate::record::DeathCause;
use std::collections::VecDeque;

/// A critical pod, and those that have yet to go before it is admitted, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Preemption {
    critical: PodIx,
    /// The first is being killed.
    victims: VecDeque<PodIx>,
}

impl Pods {
    /// The pods whose place a critical pod takes.
    fn preemptees(&self, critical: PodIx) -> impl Iterator<Item = Preemptee<PodIx>> {
        let others = self.live().iter().copied().filter(move |pod| *pod != critical);
        let runs = others.filter(|pod| matches!(self[*pod as usize].state, PodState::Creating | PodState::Active));
        runs.map(|pod| {
            let template = self.template(pod);
            Preemptee { pod, qos: template.qos, facts: template.facts }
        })
    }

    /// A critical pod lacks room: others are killed for it. Until they have gone, it waits.
    ///
    /// # Errors
    /// The refusal, when they do not make room.
    pub(super) fn make_room(&mut self, critical: PodIx, lacking: Room, lent: &mut Lent<'_>) -> Result<(), Rejection> {
        let facts = self.template(critical).facts;
        let victims = admission::preempted(&facts, lacking, self.preemptees(critical))?;
        self.preemptions.push(Preemption { critical, victims: victims.into() });
        self.preempt_first(self.preemptions.len() - 1, lent);
        Ok(())
    }

    /// Kills the first of those that have to go; when none is left, the critical pod is admitted.
    fn preempt_first(&mut self, place: usize, lent: &mut Lent<'_>) {
        while let Some(&victim) = self.preemptions[place].victims.front() {
            match self[victim as usize].state {
                PodState::Stopped | PodState::Gone => _ = self.preemptions[place].victims.pop_front(),
                PodState::Terminating => return,
                PodState::Creating | PodState::Active => {
                    self.record_kills_of(victim, lent);
                    self.set_phase(victim, PodPhase::Failed, Some(PodReason::Preempting), PREEMPTED.into(), lent);
                    let own = self.template(victim).spec.termination_grace_period_seconds;
                    let grace = own.unwrap_or(DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS);
                    return self.kill(victim, grace, DeathCause::ContainerStop, lent);
                }
            }
        }
        let critical = self.preemptions.remove(place).critical;
        if self[critical as usize].state == PodState::Creating {
            self.admitted(critical, lent);
        }
    }

    /// A pod has gone: if a critical one waits for it, that comes nearer.
    pub(super) fn preempted_pod_gone(&mut self, pod: PodIx, lent: &mut Lent<'_>) {
        let waits = |preemption: &Preemption| preemption.victims.front() == Some(&pod);
        if let Some(place) = self.preemptions.iter().position(waits) {
            self.preempt_first(place, lent);
        }
    }
}
