//! A node with a kubelet and one pod that leaks, run to its end: `cargo run -p oomsim-core --example run`.

use oomsim_core::kubelet::{KubeletConfig, KubernetesProfile};
use oomsim_core::node_api::TerminatedReason;
use oomsim_core::plan::{KubeletPlan, NodePlan, PodPlan, Scenario};
use oomsim_core::record::{Keep, Record};
use oomsim_core::simulate;
use oomsim_core::units::{Bytes, SimDuration};
use oomsim_core::workload::{Behavior, Ramp, Then};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut scenario = Scenario::new("leak", NodePlan::new(Bytes::gib(4)));
    scenario.kubelet = Some(KubeletPlan::new(KubeletConfig::default(), KubernetesProfile::default(), &scenario.node));
    let leak = Behavior::Ramp(Ramp { from: Bytes::ZERO, rate: Bytes::mib(50), to: None, then: Then::Hold });
    scenario.pods.push(PodPlan::new("web").with_container("app", Some(Bytes::gib(1)), leak));
    scenario.duration = SimDuration::from_secs(120);

    let run = simulate(&Arc::new(scenario), 1, Keep::Series)?;
    for entry in &run.entries {
        match &entry.record {
            Record::OomKill { report, limit, .. } => {
                let killed: Vec<&str> = report.killed_tasks().map(|task| &*task.comm).collect();
                println!("{} OOM kill at the limit of the {limit}: {}", entry.at, killed.join(", "));
            }
            Record::ContainerTerminated { pod, reason: TerminatedReason::OomKilled, exit_code, .. } => {
                println!("{} {pod} was OOMKilled, exit code {exit_code}", entry.at);
            }
            _ => {}
        }
    }
    println!("{} kills, {} restarts, digest {}", run.counts.oom_kills, run.counts.restarts, run.digest);
    Ok(())
}
