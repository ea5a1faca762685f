//! What is kept of a run when it is over.

use super::Event;
use super::memory::Scope;
use super::pods::{Pod, PodState};
use super::programs::{Activity, ProcessOwner};
use super::state::Node;
use crate::engine::{RunsBehind, Scheduler, Stop};
use crate::node_api::{PodPhase, PodStatus};
use crate::record::{History, NodeFacts, PodOutcome, ProcessOutcome};
use crate::units::{Bytes, SimTime};

impl Node {
    /// The outcome of a run that has ended, or ends here.
    pub(super) fn history(
        mut self,
        queue: &mut Scheduler<Event>,
        seed: u64,
        stop: Stop,
        (ended_at, events): (SimTime, u64),
    ) -> History {
        let (pods, mut lent) = self.lend(queue);
        lent.machine.take_samples_before(ended_at, &mut lent.cx);
        lent.cx.now = ended_at;
        lent.machine.take_due(Scope::Node, &mut lent.cx);
        pods.route(&mut lent);
        lent.sample_now();
        let positions = lent.machine.programs.iter().filter_map(|p| Some(p.program.as_ref()?.random_position()));
        let digest = lent.cx.log.digest(positions, ended_at);
        let settled = lent.machine.settled(Scope::Node, &mut lent.cx);
        let in_api = |pod: &&Pod| !(pod.deleted && pod.state == PodState::Gone);
        let outcomes = (0..).zip(pods.all()).filter(|(_, pod)| in_api(pod)).map(|(ix, pod)| PodOutcome {
            pod: pod.name.clone(),
            qos: pods.template_of_plan(pod.plan).qos,
            phase: pod.phase,
            reason: pod.reason,
            message: pod.message.clone(),
            restarts: pod.containers_summary(&pods.template_of_plan(pod.plan).init).restarts,
            status: status_column(pod, &pods.template_of_plan(pod.plan).init),
            usage: pod.cgroup.map_or(Bytes::ZERO, |c| settled.usage(c)),
            resized: pods.resized(ix),
        });
        let outcomes = outcomes.collect();
        let machine = settled.get();
        let processes = machine.living().filter_map(|p| {
            let program = &machine.programs[p as usize];
            let known = settled.process(program.pid)?;
            let shown = program.activity != Activity::Dying && !matches!(program.owner, ProcessOwner::Pause(_));
            shown.then(|| ProcessOutcome {
                pid: program.pid,
                comm: program.comm.clone(),
                owner: program.shown.clone(),
                rss: known.rss().bytes(),
                virtual_size: known.total_vm.bytes(),
            })
        });
        let processes = processes.collect();
        let node = self.node_facts();
        let (counts, log) = (self.recorder.counts, self.recorder.take_log());
        History {
            scenario: self.scenario.name.clone(),
            seed,
            digest,
            stop,
            ended_at,
            events,
            counts,
            node,
            entries: log.entries,
            series: log.series,
            passes: log.passes,
            pods: outcomes,
            processes,
            warnings: log.warnings,
        }
    }

    fn node_facts(&self) -> NodeFacts {
        let capacity = self.scenario.node.kernel.mem_total;
        let mut facts = NodeFacts {
            name: self.scenario.node.name.clone(),
            capacity,
            allocatable: capacity,
            kubepods_limit: self.machine.kubepods.and_then(|c| self.machine.memory.limit(c)),
            pod_limits: self.recorder.pod_limits().to_vec(),
            ..NodeFacts::default()
        };
        if self.no_kubelet.is_some() {
            facts.kubelet_not_started = self.no_kubelet.clone();
            facts.allocatable = Bytes::ZERO;
        }
        if let Some(kubelet) = &self.kubelet {
            kubelet.facts(&mut facts);
        }
        facts
    }
}

/// The STATUS column of `kubectl get pod`.
fn status_column(pod: &Pod, init: &[u32]) -> PodStatus {
    if let Some(reason) = pod.reason {
        return PodStatus::Reason(reason);
    }
    if pod.state == PodState::Terminating && pod.phase == PodPhase::Running && pod.evicted.is_none() {
        return PodStatus::Terminating;
    }
    pod.containers_summary(init).status.unwrap_or(PodStatus::Phase(pod.phase))
}
