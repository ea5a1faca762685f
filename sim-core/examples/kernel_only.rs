//! The kernel alone, without a kubelet, clocks or programs: two cgroups, a limit, and who dies of it.
//! `cargo run -p oomsim-core --example kernel_only`.

use oomsim_core::kernel::{Kernel, KernelConfig, MemOp, MemOutcome, SpawnSpec};
use oomsim_core::node_api::{CgroupWrite, Signal};
use oomsim_core::units::{Bytes, SimTime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = SimTime::ZERO;
    let mut kernel = Kernel::new(KernelConfig::new(Bytes::gib(2)));
    let pods = kernel.mkdir_all("/kubepods");
    let limit = CgroupWrite { max: Some(Bytes::mib(300)), ..CgroupWrite::default() };
    kernel.write(now, pods, &limit).map_err(|errno| format!("{errno:?}"))?;

    let mut pids = Vec::new();
    for (comm, oom_score_adj) in [("web", 2), ("batch", 1000)] {
        let cgroup = kernel.mkdir(pods, comm);
        let spec = SpawnSpec { oom_score_adj, ..SpawnSpec::new(comm, cgroup) };
        pids.push(kernel.spawn(now, &spec).map_err(|errno| format!("{errno:?}"))?);
    }
    // web grows past the limit of both; the killer takes batch, whose oom_score_adj is the highest.
    for (&pid, mib) in pids.iter().zip([250, 100]).rev() {
        let outcome = kernel.apply(now, pid, MemOp::Touch { pages: Bytes::mib(mib).to_pages_ceil() });
        println!("pid {pid} touches {mib} MiB: {outcome:?}");
        if let MemOutcome::Wait { .. } = outcome {
            println!("  it waits for the victim's memory");
        }
    }
    for signal in kernel.take_signals() {
        if let Signal::Oom { report, .. } = signal {
            for task in &report.tasks {
                println!("  candidate {} (pid {}): {:?} points", task.comm, task.pid, task.points);
            }
            let killed: Vec<&str> = report.killed_tasks().map(|task| &*task.comm).collect();
            println!("killed at the limit of {:?}: {killed:?}", report.oom_memcg.as_deref());
        }
    }
    Ok(())
}
