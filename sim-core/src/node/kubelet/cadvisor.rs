//! cAdvisor: what the kubelet knows of each pod's memory, and since when.

use super::Kubelet;
use crate::engine::{Phase, Stream, StreamFactory, StreamName};
use crate::kubelet::Housekeeping;
use crate::kubelet::eviction::{ContainerStats, PodStats};
use crate::node::Event;
use crate::node::ids::PodIx;
use crate::node::memory::Figures;
use crate::node::observe::Cx;
use crate::node::pods::{Container, Pod};
use crate::units::SimTime;
use std::sync::Arc;

/// What cAdvisor knows of a pod whose figures it takes now and then.
#[derive(Clone, Debug)]
pub(super) struct CadvisorSample {
    clock: Housekeeping,
    stats: PodStats,
    taken_at: SimTime,
    /// Of the pauses between figures.
    rng: Stream,
}

impl CadvisorSample {
    /// Takes the figures of the pod; true if they differ from the last ones.
    fn take(&mut self, figures: Figures<'_>, pod: &Pod, now: SimTime) -> bool {
        let Some(cgroup) = pod.cgroup else { return false };
        self.taken_at = now;
        let working_set = |cgroup| Some(figures.working_set(cgroup).get());
        let mut changed = replace(&mut self.stats.working_set, working_set(cgroup));
        let mut known = 0;
        for container in &pod.containers {
            let Some(cgroup) = container.cgroup else { continue };
            let figure = working_set(cgroup);
            match self.stats.containers.get_mut(known) {
                Some(there) => {
                    changed |= replace(&mut there.working_set, figure);
                    if !Arc::ptr_eq(&there.name, &container.name) {
                        (there.name, changed) = (container.name.clone(), true);
                    }
                }
                None => {
                    self.stats.containers.push(ContainerStats { name: container.name.clone(), working_set: figure });
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
    pub fn watch(
        &mut self,
        (ix, pod): (PodIx, &Pod),
        recorded: &Arc<[SimTime]>,
        figures: Figures<'_>,
        streams: &StreamFactory,
        cx: &mut Cx<'_>,
    ) {
        if self.figures_are_fresh() {
            return;
        }
        let mut rng = streams.stream(StreamName::from(&*pod.name).then("/housekeeping"));
        let mut clock = Housekeeping::recorded(self.plan.timing.housekeeping, Arc::clone(recorded));
        let delay = clock.next_delay(cx.now, true, &mut rng);
        let mut sample = CadvisorSample { clock, stats: PodStats::default(), taken_at: cx.now, rng };
        sample.take(figures, pod, cx.now);
        if self.watched.len() <= ix as usize {
            self.watched.resize(ix as usize + 1, None);
        }
        self.watched[ix as usize] = Some(Box::new(sample));
        cx.queue.after(delay, Phase::Kubelet, 2 + ix, Event::Housekeeping(ix));
    }

    /// cAdvisor takes a pod's figures.
    pub fn housekeeping(&mut self, (ix, pod): (PodIx, &Pod), figures: Figures<'_>, cx: &mut Cx<'_>) {
        let Some(Some(sample)) = self.watched.get_mut(ix as usize) else { return };
        let changed = sample.take(figures, pod, cx.now);
        let delay = sample.clock.next_delay(cx.now, changed, &mut sample.rng);
        cx.queue.after(delay, Phase::Kubelet, 2 + ix, Event::Housekeeping(ix));
    }

    fn watched(&self, pod: PodIx) -> Option<&CadvisorSample> {
        self.watched.get(pod as usize)?.as_deref()
    }

    /// A pod's working set in bytes as it has it, and when it was taken; `None`: it knows nothing of the pod.
    #[inline]
    pub fn seen(&self, (ix, pod): (PodIx, &Pod), figures: Figures<'_>, now: SimTime) -> Option<(u64, SimTime)> {
        if !self.figures_are_fresh() {
            return self.watched(ix).map(|sample| (sample.stats.usage(), sample.taken_at));
        }
        Some((figures.pod_working_set(pod)?.get(), now))
    }

    /// The figures of a pod and its containers, as it has them. Everything that the pod's processes have due has been
    /// taken.
    pub(super) fn stats_seen(&self, (ix, pod): (PodIx, &Pod), figures: Figures<'_>) -> Option<PodStats> {
        if !self.figures_are_fresh() {
            return self.watched(ix).map(|sample| sample.stats.clone());
        }
        let working_set = |cgroup| Some(figures.working_set(cgroup).get());
        let container =
            |c: &Container| Some(ContainerStats { name: c.name.clone(), working_set: working_set(c.cgroup?) });
        Some(PodStats {
            working_set: working_set(pod.cgroup?),
            containers: pod.containers.iter().filter_map(container).collect(),
        })
    }
}

/// Sets a value; true if it was another.
fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let other = *place != value;
    *place = value;
    other
}
