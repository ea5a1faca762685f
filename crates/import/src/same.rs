//! The scenario held against the files that it was made from.

use crate::curve::Period;
use crate::evidence::Evidence;
use crate::usage::{ids, usage};
use oomsim_core::Simulation;
use oomsim_core::kubelet::{QosClass, container_oom_score_adj};
use oomsim_core::plan::{PodPlan, Scenario};
use oomsim_core::record::Keep;
use oomsim_core::units::{Bytes, SimTime};
use oomsim_dmesg::{CgroupPlace, place};
use std::sync::Arc;

/// When the simulated pods have what they begin with: sandbox, container and first reads take a few seconds.
const SETTLED: SimTime = SimTime::from_nanos(20_000_000_000);
/// What page tables, kernel memory and the pause process add to a pod.
const TOLERANCE: Bytes = Bytes::mib(8);

/// The simulated node at its beginning beside the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What the files say, so that it could be compared: `allocatable`, `QoS classes`, `oom_score_adj`, `working sets`.
    pub compared: Vec<&'static str>,
    /// What the node says otherwise, in words.
    pub differences: Vec<String>,
}

impl Comparison {
    fn add(&mut self, what: &'static str, difference: Option<String>) {
        if !self.compared.contains(&what) {
            self.compared.push(what);
        }
        self.differences.extend(difference);
    }
}

/// Holds the scenario against the files: allocatable, QoS classes, `oom_score_adj` and working sets at the beginning.
pub fn compare(evidence: &Evidence, scenario: &Arc<Scenario>) -> Comparison {
    let mut found = Comparison::default();
    let node = evidence.nodes.iter().find(|n| *n.name == *scenario.node.name);
    if let (Some(real), Some(kubelet)) = (node.and_then(|n| n.allocatable), &scenario.kubelet) {
        let difference = match &kubelet.effective {
            Ok(effective) if effective.allocatable != real => Some(format!(
                "allocatable: {} in the file, {} by the kubelet's settings",
                ki(real),
                ki(effective.allocatable)
            )),
            Ok(_) => None,
            Err(reasons) => Some(format!("a kubelet with these settings does not start: {reasons}")),
        };
        found.add("allocatable", difference);
    }
    if let Some(kubelet) = &scenario.kubelet {
        for pod in &scenario.pods {
            let simulated = QosClass::of(&pod.spec, &kubelet.profile).as_str();
            let file = evidence.pods.iter().find(|p| is(p, pod)).and_then(|p| p.qos.as_deref());
            if let Some(real) = file {
                let name = pod.full_name();
                let said = || format!("{name}: QoS class {real} in the file, {simulated} by its resources");
                found.add("QoS classes", (real != simulated).then(said));
            }
        }
    }
    scores(evidence, scenario, &mut found);
    working_sets(evidence, scenario, &mut found);
    found
}

/// `oom_score_adj` of those that the kernel killed, as its log has it.
fn scores(evidence: &Evidence, scenario: &Scenario, found: &mut Comparison) {
    let Some(kubelet) = &scenario.kubelet else { return };
    let capacity = scenario.node.kernel.mem_total;
    for (_, report) in &evidence.kernel_logs {
        let CgroupPlace::Container { pod_uid, .. } = place(report.task_memcg.as_deref().unwrap_or_default()) else {
            continue;
        };
        let facts = evidence.pods.iter().find(|pod| !pod.uid.is_empty() && pod.uid == pod_uid);
        let pod = facts.and_then(|facts| scenario.pods.iter().find(|pod| is(facts, pod)));
        let real = report.killed.first().and_then(|killed| killed.oom_score_adj);
        let (Some(pod), Some(real)) = (pod, real) else { continue };
        // The path has the runtime's id of the container, not its name: any container of the pod may have died.
        let of = |container| container_oom_score_adj(&pod.spec, container, capacity, &kubelet.profile);
        let simulated: Vec<i64> = pod.spec.containers.iter().map(of).collect();
        // Memory that the kubelet has measured differs by some KiB from what the log was written with.
        let same = simulated.iter().any(|adj| adj.abs_diff(i64::from(real)) <= 1);
        let simulated: Vec<String> = simulated.iter().map(ToString::to_string).collect();
        let (name, by_requests) = (pod.full_name(), simulated.join(", "));
        let said = format!("{name}: oom_score_adj {real} in the kernel log, {by_requests} by its requests");
        // Of several kills in one pod one line is enough.
        found.add("oom_score_adj", Some(said).filter(|said| !same && !found.differences.contains(said)));
    }
}

fn is(facts: &crate::objects::PodFacts, pod: &PodPlan) -> bool {
    facts.name == *pod.spec.name && facts.namespace == *pod.namespace
}

fn working_sets(evidence: &Evidence, scenario: &Arc<Scenario>, found: &mut Comparison) {
    let mut run = Simulation::new(Arc::clone(scenario), scenario.seed, Keep::Series);
    if run.run_until(SETTLED).is_err() {
        return;
    }
    let series = run.finish().series;
    let (Some(sample), names) = (series.samples.last(), &series.pods) else { return };
    let recorded = Period::of(evidence);
    for pod in &evidence.pods {
        let full_name = pod.full_name();
        let index = names.iter().position(|name| **name == *full_name);
        let simulated = index.and_then(|i| sample.pods.iter().find(|p| p.pod as usize == i)).map(|p| p.working_set);
        let held = ids(&pod.namespace, &pod.name, &pod.uid, &pod.containers)
            .map(|id| usage(evidence, recorded, id).map(|usage| usage.anon.first() + usage.active_file));
        let real = held.sum::<Option<Bytes>>();
        let runs = index.is_some_and(|i| sample.pods.iter().any(|p| p.pod as usize == i));
        if index.is_some() && !runs {
            let real = real.map_or_else(String::new, |real| format!(" with {}", mi(real)));
            found.differences.push(format!("{full_name}: runs in the files{real}, not at the beginning of the run"));
        }
        let (Some(real), Some(simulated)) = (real, simulated) else { continue };
        let apart = real.get().abs_diff(simulated.get());
        let said = || format!("{full_name}: working set {} in the files, {} in the run", mi(real), mi(simulated));
        found.add("working sets", (apart > TOLERANCE.get().max(real.get() / 20)).then(said));
    }
}

fn ki(bytes: Bytes) -> String {
    format!("{}Ki", bytes.get() >> 10)
}

fn mi(bytes: Bytes) -> String {
    format!("{}Mi", bytes.get() >> 20)
}
