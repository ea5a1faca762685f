//! What would have helped? The same run is taken up from a checkpoint with different limits:
//! `cargo run -p oomsim-core --example fork`.

use oomsim_core::Simulation;
use oomsim_core::kubelet::{KubeletConfig, KubernetesProfile};
use oomsim_core::plan::{Change, KubeletPlan, NodePlan, PodPlan, Scenario};
use oomsim_core::record::{Keep, LimitScope};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, Ramp, Then};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut scenario = Scenario::new("growth", NodePlan::new(Bytes::gib(4)));
    scenario.kubelet = Some(KubeletPlan::new(KubeletConfig::default(), KubernetesProfile::default(), &scenario.node));
    // It needs 800 MiB and has 512.
    let to = Some(Bytes::mib(800));
    let growth = Behavior::Ramp(Ramp { from: Bytes::ZERO, rate: Bytes::mib(20), to, then: Then::Hold });
    scenario.pods.push(PodPlan::new("web").with_container("app", Some(Bytes::mib(512)), growth));
    scenario.duration = SimDuration::from_secs(120);

    let mut run = Simulation::new(Arc::new(scenario), 1, Keep::Events);
    run.run_until(SimTime::from_secs(20))?;
    let before = run.checkpoint();
    let view = run.view();
    // A single container's limit is its pod's as well, and the pod's cgroup is charged last.
    let of_pod = |of: &LimitScope| matches!(of, LimitScope::Pod(_) | LimitScope::Container { .. });
    let limited = view.cgroups.iter().filter(|cgroup| cgroup.limit.is_some() && of_pod(&cgroup.of));
    let limited: Vec<_> = limited.map(|cgroup| (cgroup.path.clone(), cgroup.stat.usage)).collect();
    println!("at {}: {limited:?}", view.at);

    for limit in [512, 700, 900].map(Bytes::mib) {
        let mut fork = before.resume();
        for (cgroup, _) in &limited {
            fork.apply(&Change::cgroup_limit(cgroup.clone(), limit))?;
        }
        fork.run_until(SimTime::MAX)?;
        println!("with {limit}: {} kills", fork.finish().counts.oom_kills);
    }
    Ok(())
}
