//! cAdvisor: what the kubelet knows of each pod's memory, and since when.

use super::{Kubelet, Look};
use crate::engine::{Phase, Stream, StreamName};
use crate::kubelet::Housekeeping;
use crate::kubelet::eviction::{ContainerStats, PodStats};
use crate::node::Event;
use crate::node::ids::PodIx;
use crate::node::observe::Cx;
use crate::node_api::Name;
use crate::units::{SimDuration, SimTime};
use std::sync::Arc;

/// What cAdvisor knows of a pod whose figures it takes now and then.
#[derive(Clone, Debug)]
pub(super) struct CadvisorSample {
    clock: Housekeeping,
    stats: PodStats,
    taken_at: SimTime,
    /// Of the pauses between figures.
    rng: Stream,
    /// The next figure is taken this much later.
    late: SimDuration,
}

impl CadvisorSample {
    /// Takes the figures of the pod; true if they differ from the last ones.
    fn take(&mut self, ix: PodIx, look: Look<'_>, now: SimTime) -> bool {
        let Some(cgroup) = look.pods[ix as usize].cgroup else { return false };
        self.taken_at = now;
        let working_set = |cgroup| Some(look.settled.working_set(cgroup).get());
        let mut changed = replace(&mut self.stats.working_set, working_set(cgroup));
        let mut known = 0;
        for (name, cgroup) in look.containers(ix) {
            let figure = working_set(cgroup);
            match self.stats.containers.get_mut(known) {
                Some(there) => {
                    changed |= replace(&mut there.working_set, figure);
                    if !Arc::ptr_eq(&there.name, name) {
                        (there.name, changed) = (name.clone(), true);
                    }
                }
                None => {
                    self.stats.containers.push(ContainerStats { name: name.clone(), working_set: figure });
                    changed = true;
                }
            }
            known += 1;
        }
        changed |= known < self.stats.containers.len();
        self.stats.containers.truncate(known);
        changed
    }
}

impl Kubelet {
    /// Every pass takes pods' figures, so that nothing is to be kept of them.
    fn figures_are_fresh(&self) -> bool {
        self.plan.timing.housekeeping.fresh
    }

    /// cAdvisor begins to watch a pod: its first figure is taken when its cgroup is created, and is zero. Nothing is
    /// to be watched when every pass takes figures. `recorded` are instants at which figures are known to have been
    /// taken.
    pub fn watch(&mut self, ix: PodIx, recorded: &Arc<[SimTime]>, look: Look<'_>, cx: &mut Cx<'_>) {
        if self.figures_are_fresh() {
            return;
        }
        let name = StreamName::from(&*look.pods[ix as usize].name).then("/housekeeping");
        let mut rng = cx.streams.stream(if self.start == 0 { name } else { name.then("/").number(self.start) });
        let mut clock = Housekeeping::recorded(self.plan.timing.housekeeping, Arc::clone(recorded));
        let delay = clock.next_delay(cx.now, true, &mut rng);
        let mut sample =
            CadvisorSample { clock, stats: PodStats::default(), taken_at: cx.now, rng, late: SimDuration::ZERO };
        sample.take(ix, look, cx.now);
        if self.watched.len() <= ix as usize {
            self.watched.resize(ix as usize + 1, None);
        }
        self.watched[ix as usize] = Some(Box::new(sample));
        cx.queue.after(delay, Phase::Kubelet, 2 + ix, Event::Housekeeping { pod: ix, start: self.start });
    }

    /// cAdvisor takes a pod's figures.
    pub fn housekeeping(&mut self, ix: PodIx, look: Look<'_>, cx: &mut Cx<'_>) {
        let Some(Some(sample)) = self.watched.get_mut(ix as usize) else { return };
        let changed = sample.take(ix, look, cx.now);
        let delay = sample.clock.next_delay(cx.now, changed, &mut sample.rng);
        cx.queue.after(delay, Phase::Kubelet, 2 + ix, Event::Housekeeping { pod: ix, start: self.start });
    }

    /// The next figure of a pod is taken later; false: none is.
    pub fn delay_housekeeping(&mut self, pod: PodIx, by: SimDuration) -> bool {
        let Some(Some(sample)) = self.watched.get_mut(pod as usize) else { return false };
        sample.late = sample.late + by;
        true
    }

    /// How much later the figure of a pod that is due now is taken.
    pub(super) fn late_housekeeping(&mut self, pod: PodIx) -> SimDuration {
        let Some(Some(sample)) = self.watched.get_mut(pod as usize) else { return SimDuration::ZERO };
        std::mem::take(&mut sample.late)
    }

    fn watched(&self, pod: PodIx) -> Option<&CadvisorSample> {
        self.watched.get(pod as usize)?.as_deref()
    }

    /// A pod's working set in bytes as it has it, and when it was taken; `None`: it knows nothing of the pod.
    #[inline]
    pub fn seen(&self, ix: PodIx, look: Look<'_>, now: SimTime) -> Option<(u64, SimTime)> {
        if !self.figures_are_fresh() {
            return self.watched(ix).map(|sample| (sample.stats.usage(), sample.taken_at));
        }
        Some((look.pod_working_set(ix)?.get(), now))
    }

    /// The figures of a pod and its containers, as it has them. Everything that the pod's processes have due has been
    /// taken.
    pub(super) fn stats_seen(&self, ix: PodIx, look: Look<'_>, now: SimTime) -> Option<PodStats> {
        if !self.figures_are_fresh() {
            let mut stats = self.watched(ix)?.stats.clone();
            self.live_figures(&mut stats, ix, look, now);
            return Some(stats);
        }
        let working_set = |cgroup| Some(look.settled.working_set(cgroup).get());
        let container =
            |(name, cgroup): (&Name, _)| ContainerStats { name: name.clone(), working_set: working_set(cgroup) };
        Some(PodStats {
            working_set: working_set(look.pods[ix as usize].cgroup?),
            containers: look.containers(ix).map(container).collect(),
        })
    }
}

impl Kubelet {
    /// Of containers of which cAdvisor has no second sample yet the runtime says what they use now.
    fn live_figures(&self, stats: &mut PodStats, ix: PodIx, look: Look<'_>, now: SimTime) {
        let live = self.plan.timing.housekeeping.live;
        let names = look.pods[ix as usize].containers.iter().map(|container| &container.name);
        for (name, run) in names.zip(look.runtime.containers(ix)) {
            let Some(cgroup) = run.cgroup.filter(|_| run.running && now.since(run.started) < live) else { continue };
            let figure = Some(look.settled.working_set(cgroup).get());
            match stats.containers.iter_mut().find(|container| container.name == *name) {
                Some(there) => there.working_set = figure,
                None => stats.containers.push(ContainerStats { name: name.clone(), working_set: figure }),
            }
        }
    }
}

/// Sets a value; true if it was another.
fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let other = *place != value;
    *place = value;
    other
}
