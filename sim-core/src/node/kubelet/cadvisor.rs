//! cAdvisor: what the kubelet knows of the memory of each pod and of each container, and since when. Every cgroup has a
//! clock of its own.

use super::{Kubelet, Look};
use crate::engine::{Phase, Stream, StreamName};
use crate::kubelet::Housekeeping;
use crate::kubelet::eviction::{ContainerStats, PodStats};
use crate::node::Event;
use crate::node::ids::{ContainerRef, PodIx};
use crate::node::observe::Cx;
use crate::node::pods::{Container, Pod};
use crate::units::{CgroupId, SimDuration, SimTime};
use std::sync::Arc;

/// What cAdvisor says of a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    /// `workingSetBytes`.
    working_set: u64,
    /// `usageBytes`.
    usage: u64,
}

impl Figures {
    fn of(cgroup: CgroupId, look: Look<'_>) -> Figures {
        let (working_set, usage) = (look.settled.working_set(cgroup), look.settled.usage(cgroup));
        Figures { working_set: working_set.get(), usage: usage.get() }
    }
}

/// What cAdvisor knows of a pod whose figures it takes now and then.
#[derive(Clone, Debug)]
pub(super) struct CadvisorSample {
    clock: Housekeeping,
    figures: Figures,
    taken_at: SimTime,
    /// Of the pauses between figures.
    rng: Stream,
    /// The next figure is taken this much later.
    late: SimDuration,
    /// By their index.
    containers: Vec<ContainerSample>,
    /// When figures were taken is known from a recording, which has those of containers from the same instants.
    recorded: bool,
}

/// What cAdvisor knows of a container.
#[derive(Clone, Debug, Default)]
struct ContainerSample {
    /// Of which of its runs.
    run: u32,
    /// `None`: there is no second sample yet, without which the runtime's own figure counts.
    figures: Option<Figures>,
    clock: Option<(Housekeeping, Stream)>,
}

impl CadvisorSample {
    fn container(&mut self, index: u32) -> &mut ContainerSample {
        let index = index as usize;
        if self.containers.len() <= index {
            self.containers.resize_with(index + 1, ContainerSample::default);
        }
        &mut self.containers[index]
    }

    /// Takes the figures of the pod; true if they differ from the last ones.
    fn take(&mut self, ix: PodIx, look: Look<'_>, now: SimTime) -> bool {
        let Some(cgroup) = look.pods[ix as usize].cgroup else { return false };
        self.taken_at = now;
        let mut changed = replace(&mut self.figures, Figures::of(cgroup, look));
        if self.recorded {
            for (index, run) in (0..).zip(look.runtime.containers(ix)) {
                let of = self.container(index);
                of.run = run.run;
                changed |= replace(&mut of.figures, run.cgroup.map(|cgroup| Figures::of(cgroup, look)));
            }
        }
        changed
    }
}

/// Where the random streams of a cgroup's clock begin.
fn clock_stream(name: StreamName, start: u32, cx: &Cx<'_>) -> Stream {
    cx.streams.stream(if start == 0 { name } else { name.then("/").number(start) })
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
        let mut rng = clock_stream(name, self.start, cx);
        let mut clock = Housekeeping::recorded(self.plan.timing.housekeeping, Arc::clone(recorded));
        let delay = clock.next_delay(cx.now, true, &mut rng);
        let mut sample = CadvisorSample {
            clock,
            figures: Figures::default(),
            taken_at: cx.now,
            rng,
            late: SimDuration::ZERO,
            containers: Vec::new(),
            recorded: !recorded.is_empty(),
        };
        sample.take(ix, look, cx.now);
        if self.watched.len() <= ix as usize {
            self.watched.resize(ix as usize + 1, None);
        }
        self.watched[ix as usize] = Some(Box::new(sample));
        cx.queue.after(delay, Phase::Kubelet, 2 + ix, Event::Housekeeping { pod: ix, start: self.start });
    }

    /// cAdvisor begins to watch a container that has been started. Its first sample, at creation, is of no use alone.
    pub fn watch_container(&mut self, c: ContainerRef, run: u32, pod: &Pod, cx: &mut Cx<'_>) {
        let (start, timing) = (self.start, self.plan.timing.housekeeping);
        let watched = self.watched.get_mut(c.pod as usize).and_then(Option::as_mut);
        let Some(sample) = watched.filter(|sample| !sample.recorded) else { return };
        let name = StreamName::from(&*pod.name).then("/").then(&pod.containers[c.index as usize].name);
        let mut rng = clock_stream(name.then("/housekeeping/").number(run), start, cx);
        let mut clock = Housekeeping::new(timing);
        let delay = clock.next_delay(cx.now, true, &mut rng);
        *sample.container(c.index) = ContainerSample { run, figures: None, clock: Some((clock, rng)) };
        let next = Event::ContainerHousekeeping { container: c, run, start };
        cx.queue.after(delay, Phase::Kubelet, 2 + c.pod, next);
    }

    /// Figures of a pod that has been running for long, and of its containers, are there from the beginning.
    pub fn knows(&mut self, ix: PodIx, look: Look<'_>) {
        let Some(Some(sample)) = self.watched.get_mut(ix as usize) else { return };
        let at = sample.taken_at;
        sample.take(ix, look, at);
        for (index, run) in (0..).zip(look.runtime.containers(ix)) {
            sample.container(index).figures = run.cgroup.map(|cgroup| Figures::of(cgroup, look));
        }
    }

    /// cAdvisor takes a pod's figures.
    pub fn housekeeping(&mut self, ix: PodIx, look: Look<'_>, cx: &mut Cx<'_>) {
        let Some(Some(sample)) = self.watched.get_mut(ix as usize) else { return };
        let changed = sample.take(ix, look, cx.now);
        let delay = sample.clock.next_delay(cx.now, changed, &mut sample.rng);
        cx.queue.after(delay, Phase::Kubelet, 2 + ix, Event::Housekeeping { pod: ix, start: self.start });
    }

    /// cAdvisor takes the figures of a container in this run.
    pub fn container_housekeeping(&mut self, c: ContainerRef, run: u32, look: Look<'_>, cx: &mut Cx<'_>) {
        let Some(Some(sample)) = self.watched.get_mut(c.pod as usize) else { return };
        let Some(cgroup) = look.runtime.get(c).and_then(|of| of.cgroup) else { return };
        let of = sample.container(c.index);
        let Some((clock, rng)) = of.clock.as_mut().filter(|_| of.run == run) else { return };
        let changed = replace(&mut of.figures, Some(Figures::of(cgroup, look)));
        let delay = clock.next_delay(cx.now, changed, rng);
        let next = Event::ContainerHousekeeping { container: c, run, start: self.start };
        cx.queue.after(delay, Phase::Kubelet, 2 + c.pod, next);
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
            return self.watched(ix).map(|sample| (sample.figures.working_set, sample.taken_at));
        }
        Some((look.pod_working_set(ix)?.get(), now))
    }

    /// Figures of a container as the kubelet's statistics have them: cAdvisor's, or those of the runtime as long as
    /// cAdvisor has no second sample (stats/cri_stats_provider.go; 9 to 19 s on a node with 1.36.2). `None`: the
    /// statistics do not have it.
    fn container_figures(&self, c: ContainerRef, look: Look<'_>) -> Option<Figures> {
        let run = look.runtime.get(c)?;
        let live = || run.cgroup.map(|cgroup| Figures::of(cgroup, look));
        if self.figures_are_fresh() {
            return live();
        }
        let sample = self.watched(c.pod)?;
        let of = sample.containers.get(c.index as usize);
        match of {
            _ if sample.recorded => of?.figures,
            Some(ContainerSample { run: sampled, figures: Some(figures), .. })
                if *sampled == run.run && run.running =>
            {
                Some(*figures)
            }
            _ => live().filter(|_| run.running),
        }
    }

    /// The figures of a pod and its containers, as it has them. Everything that the pod's processes have due has been
    /// taken.
    pub(super) fn stats_seen(&self, ix: PodIx, look: Look<'_>, now: SimTime) -> Option<PodStats> {
        let (working_set, _) = self.seen(ix, look, now)?;
        let container = |(index, container): (u32, &Container)| {
            let figures = self.container_figures(ContainerRef { pod: ix, index }, look)?;
            Some(ContainerStats { name: container.name.clone(), working_set: Some(figures.working_set) })
        };
        let containers = (0..).zip(&look.pods[ix as usize].containers).filter_map(container).collect();
        Some(PodStats { working_set: Some(working_set), containers })
    }

    /// `usageBytes` of a pod and of one of its containers, as it has them.
    pub fn usage_seen(&self, c: ContainerRef, look: Look<'_>) -> (u64, u64) {
        let pod = match self.figures_are_fresh() {
            true => look.pods[c.pod as usize].cgroup.map(|cgroup| Figures::of(cgroup, look)),
            false => self.watched(c.pod).map(|sample| sample.figures),
        };
        let usage = |figures: Option<Figures>| figures.unwrap_or_default().usage;
        (usage(pod), usage(self.container_figures(c, look)))
    }
}

/// Sets a value; true if it was another.
fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let other = *place != value;
    *place = value;
    other
}
