//! cAdvisor: what the kubelet knows of each pod's memory, and since when.

use super::Event;
use super::agent::Agent;
use super::state::{Container, Pod, PodIx, World};
use crate::engine::{Phase, Scheduler, Stream, StreamName};
use crate::kernel::Kernel;
use crate::kubelet::Housekeeping;
use crate::kubelet::eviction::{ContainerStats, PodStats};
use crate::units::SimTime;
use std::sync::Arc;

/// What cAdvisor knows of a pod whose figures it takes now and then.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    clock: Housekeeping,
    pub stats: PodStats,
    pub taken_at: SimTime,
    /// Of the pauses between figures.
    rng: Stream,
}

impl Watched {
    /// Takes the figures of the pod; true if they differ from the last ones.
    fn take_figures(&mut self, kernel: &Kernel, pod: &Pod, now: SimTime) -> bool {
        let Some(cgroup) = pod.cgroup else { return false };
        self.taken_at = now;
        let working_set = |cgroup| Some(kernel.working_set(cgroup).get());
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

impl World {
    /// cAdvisor begins to watch a pod: its first figure is taken when its cgroup is created, and is zero. Nothing is to be
    /// watched when every pass takes figures.
    pub(super) fn pod_starts_housekeeping(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        let (now, ix) = (self.now, pod as usize);
        let Some(agent) = self.agent.as_mut().filter(|agent| !agent.figures_are_fresh()) else { return };
        let mut rng = self.streams.stream(StreamName::from(&*self.pods[ix].name).then("/housekeeping"));
        let recorded = &self.scenario.pods[self.pods[ix].plan as usize].housekeeping;
        let mut clock = Housekeeping::recorded(agent.plan.timing.housekeeping, Arc::clone(recorded));
        let delay = clock.next_delay(now, true, &mut rng);
        agent.watch(pod, Watched { clock, stats: PodStats::default(), taken_at: now, rng });
        self.take_pod_figures(pod);
        queue.after(delay, Phase::Kubelet, 2 + pod, Event::Housekeeping(pod));
    }

    pub(super) fn housekeeping(&mut self, pod: PodIx, queue: &mut Scheduler<Event>) {
        if self.pod(pod).cgroup.is_none() {
            if let Some(agent) = &mut self.agent {
                agent.forget(pod);
            }
            return;
        }
        self.settle_pod(pod, queue);
        let changed = self.take_pod_figures(pod);
        let now = self.now;
        let Some(watched) = self.agent.as_mut().and_then(|a| a.watched_mut(pod)) else { return };
        let delay = watched.clock.next_delay(now, changed, &mut watched.rng);
        queue.after(delay, Phase::Kubelet, 2 + pod, Event::Housekeeping(pod));
    }

    /// Takes a pod's figures; true if they differ from the last ones.
    fn take_pod_figures(&mut self, pod: PodIx) -> bool {
        let watched = self.agent.as_mut().and_then(|a| a.watched_mut(pod));
        watched.is_some_and(|watched| watched.take_figures(&self.kernel, &self.pods[pod as usize], self.now))
    }

    /// A pod's working set in bytes as the kubelet has it, and when it was taken; `None`: it knows nothing of the pod.
    #[inline]
    pub(super) fn seen(&self, agent: &Agent, pod: PodIx) -> Option<(u64, SimTime)> {
        if !agent.figures_are_fresh() {
            return agent.watched(pod).map(|watched| (watched.stats.usage(), watched.taken_at));
        }
        let pod = self.pod(pod);
        let booked = self.kernel.working_set(pod.cgroup?);
        Some(((booked + pod.due.bytes()).get(), self.now))
    }

    /// The figures of a pod and its containers, as the kubelet has them. Everything that its processes have due has been
    /// taken.
    pub(super) fn stats_seen(&self, agent: &Agent, pod: PodIx) -> Option<PodStats> {
        if !agent.figures_are_fresh() {
            return agent.watched(pod).map(|watched| watched.stats.clone());
        }
        let pod = self.pod(pod);
        let working_set = |cgroup| Some(self.kernel.working_set(cgroup).get());
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
