//! The kubelet's eviction manager alone, fed with figures by hand: when it acts, whom it takes, and what it says.
//! `cargo run -p oomsim-core --example eviction_manager`.

use oomsim_core::kubelet::eviction::{
    Candidate, ContainerStats, EvictionFacts, Lead, Manager, MemoryFigures, PodStats, Summary,
};
use oomsim_core::kubelet::{ContainerSpec, KubeletConfig, KubernetesProfile, PodSpec};
use oomsim_core::plan::{KubeletPlan, NodePlan};
use oomsim_core::units::{Bytes, SimTime};
use std::sync::Arc;

const MIB: u64 = 1 << 20;

fn pod(name: &str, working_set_mib: u64) -> (PodSpec, PodStats) {
    let spec =
        PodSpec { name: name.into(), containers: Arc::new(vec![ContainerSpec::new("app")]), ..PodSpec::default() };
    let working_set = Some(working_set_mib * MIB);
    let stats = PodStats { working_set, containers: vec![ContainerStats { name: "app".into(), working_set }] };
    (spec, stats)
}

fn main() -> Result<(), String> {
    let memory = |value: &str| [("memory.available".to_owned(), value.to_owned())].into();
    let config = KubeletConfig {
        eviction_hard: Some(memory("100Mi")),
        eviction_soft: memory("500Mi"),
        eviction_soft_grace_period: memory("30s"),
        ..KubeletConfig::default()
    };
    let plan = KubeletPlan::new(config, KubernetesProfile::default(), &NodePlan::new(Bytes::gib(4)));
    let kubelet = plan.effective.as_ref().map_err(|refused| refused.to_string())?;
    let mut manager = Manager::new(&plan.config, &kubelet.thresholds, &plan.profile);
    let pods = [pod("small", 200), pod("large", 1500)];

    // A node of 4 GiB on which memory gets scarce: a pass every 10 s.
    for (pass, available_mib) in [900, 450, 420, 400, 380, 90].into_iter().enumerate() {
        let now = SimTime::from_secs(10 * pass as u64);
        let figures = MemoryFigures::from_limit(4096 * MIB, (4096 - available_mib) * MIB, now);
        let summary = Summary { node: Some(figures), pods: None };
        let candidates = || {
            pods.iter().map(|(spec, stats)| Candidate {
                pod: spec,
                facts: EvictionFacts::of(spec, &KubernetesProfile::default()),
                usage: Some(stats.usage()),
            })
        };
        let stats = |of: &PodSpec| pods.iter().find(|(spec, _)| spec == of).map(|(_, stats)| stats.clone());
        let outcome = manager.synchronize(now, Some(summary), Lead::MostFrequent, candidates, stats);
        let pressure = manager.conditions().memory_pressure;
        match outcome.evicted {
            Some((name, eviction)) => println!("{now}: {available_mib} MiB: evicts {name}: {}", eviction.message),
            None => println!("{now}: {available_mib} MiB available, MemoryPressure {pressure}: nothing to do"),
        }
    }
    Ok(())
}
