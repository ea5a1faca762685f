//! `[[at]]`.

use super::pod::resources;
use super::value::Keys;
use super::{kubelet, process};
use oomsim_core::node_api::{CgroupWrite, Name};
use oomsim_core::plan::{Change, Clock, Injection};
use oomsim_core::units::{Bytes, SimDuration};

/// The files of a cgroup.
fn cgroup_keys(keys: &mut Keys, write: &CgroupWrite) {
    for (key, value) in [("limit", write.max), ("high", write.high), ("swapMax", write.swap_max)] {
        match value {
            Some(Bytes::MAX) => keys.put(key, "max"),
            Some(limit) => keys.put(key, &limit),
            None => {}
        }
    }
    for (key, value) in [("low", write.low), ("min", write.min)] {
        if let Some(amount) = value {
            keys.put(key, &amount);
        }
    }
    if let Some(group) = write.oom_group {
        keys.put("oomGroup", &group);
    }
    if let Some(swappiness) = write.swappiness {
        keys.put("swappiness", &u64::from(swappiness));
    }
}

/// `[[at]]`.
pub(super) fn injection_keys(injection: &Injection) -> Keys {
    let mut keys = Keys::default();
    keys.put("time", &injection.at);
    match &injection.change {
        Change::Sysctl { name, value } => {
            let mut sysctl = Keys::default();
            sysctl.put(name, value);
            keys.table("sysctl", sysctl);
        }
        Change::Cgroup { cgroup, write } => {
            keys.put("cgroup", cgroup);
            cgroup_keys(&mut keys, write);
        }
        Change::PodCgroup { pod, container, write } => {
            of_pod(&mut keys, pod, container.as_ref());
            cgroup_keys(&mut keys, write);
        }
        Change::PodSignal { pod, container, signal } => {
            of_pod(&mut keys, pod, container.as_ref());
            keys.put("signal", &signal.to_string());
        }
        Change::PodResources { pod, container, resources: amounts } => {
            of_pod(&mut keys, pod, Some(container));
            keys.put("resources", &resources(amounts));
        }
        Change::Signal { process, signal } => {
            keys.put("signal", &signal.to_string());
            keys.put("process", process);
        }
        Change::DeletePod { pod, grace_seconds } => {
            keys.put("deletePod", pod);
            keys.some("gracePeriodSeconds", grace_seconds.as_ref());
        }
        Change::Fork { process } => keys.put("fork", process),
        Change::StopKubelet => keys.put("kubeletProcess", "stops"),
        Change::StartKubelet => keys.put("kubeletProcess", "starts"),
        Change::Scale { workload, replicas } => {
            keys.put("scale", workload);
            keys.put("replicas", replicas);
        }
        Change::Roll { workload, every } => {
            keys.put("roll", workload);
            keys.put("every", every);
        }
        Change::Workload { process: comm, behavior } => {
            let (name, value) = process::behavior(behavior);
            keys.put("process", comm);
            keys.dotted("workload", name, value);
        }
        Change::RestartKubelet(plan) => {
            keys.put("keeps", &false);
            keys.put("kubelet", &kubelet::kubelet(plan));
        }
        Change::Delay { clock, by } => delay_keys(&mut keys, clock, by),
        // A change that a later version has.
        _ => {}
    }
    keys
}

fn delay_keys(keys: &mut Keys, clock: &Clock, by: &SimDuration) {
    match clock {
        Clock::EvictionManager => keys.put("delay", "evictionManager"),
        Clock::NodeStatus => keys.put("delay", "nodeStatus"),
        Clock::Housekeeping(pod) => {
            keys.put("delay", "housekeeping");
            keys.put("pod", pod);
        }
        // A clock that a later version has.
        _ => {}
    }
    keys.put("by", by);
}

fn of_pod(keys: &mut Keys, pod: &Name, container: Option<&Name>) {
    keys.put("pod", pod);
    keys.some("container", container);
}
