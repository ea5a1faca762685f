//! `cgroups.jsonl`.

use super::input::{self, Check};
use crate::Verdict;
use oomsim_core::kubelet::{
    CgroupDriver, CgroupLayout, CgroupName, ContainerSpec, KubeletConfig, KubernetesProfile, MemoryReservation,
    NodeCgroupWrite, NodeLimits, PodSpec, QosClass, container_cgroup, container_oom_score_adj, pod_cgroup, qos_cgroups,
};
use oomsim_core::node_api::CgroupWrite;
use oomsim_core::units::Bytes;
use serde_json::{Map, Value, json};

/// Checks one row.
pub fn check(row: &Value) -> Verdict {
    input::verdict(match row["kind"].as_str() {
        Some("pod") => pod(row),
        Some("qos_level") => qos_level(row),
        _ => Err(format!("unknown kind {}", row["kind"])),
    })
}

fn bytes(row: &Value, name: &str) -> Result<Bytes, String> {
    row[name].as_u64().map(Bytes::new).ok_or_else(|| format!("{name} is missing"))
}

fn flag(row: &Value, name: &str) -> Result<bool, String> {
    row[name].as_bool().ok_or_else(|| format!("{name} is missing"))
}

fn layout(row: &Value) -> Result<CgroupLayout, String> {
    let driver: CgroupDriver = input::field(row, "driver")?;
    let root = row["cgroup_root"].as_str().unwrap_or_default();
    Ok(CgroupLayout { driver, root: CgroupName::parse(root, CgroupDriver::Cgroupfs), per_qos: true })
}

fn number(value: Option<Bytes>) -> Value {
    value.map_or(Value::Null, |b| b.get().into())
}

fn pod(row: &Value) -> Check {
    let profile = input::profile(row);
    let mut pod: PodSpec = input::field(row, "pod")?;
    pod.set_defaults(&profile);
    let mut config = KubeletConfig {
        memory_throttling_factor: row["memory_throttling_factor"].as_f64(),
        single_process_oom_kill: row["config_singleProcessOOMKill"].as_bool(),
        ..KubeletConfig::default()
    };
    config.memory_swap.swap_behavior = row["swap_behavior"].as_str().unwrap_or_default().into();
    let node = NodeLimits {
        cgroup_v2: flag(row, "cgroup_v2")?,
        memory_capacity: bytes(row, "memory_capacity")?,
        swap_capacity: bytes(row, "swap_capacity")?,
        allocatable: bytes(row, "node_allocatable_memory")?,
        swap_controller: flag(row, "swap_controller")?,
    };
    let class = QosClass::of(&pod, &profile);
    let single = config.single_process_oom_kill(node.cgroup_v2, &profile);
    let own = pod_cgroup(&pod, node.cgroup_v2, &config, &profile);
    let got_own = json!({"memory": number(own.max), "memory.min": own.min.map(|m| m.get().to_string())});
    let recorded = &row["pod_cgroup"];
    let want_own = json!({"memory": recorded["memory"], "memory.min": recorded["unified"]["memory.min"]});
    let mut verdict = Verdict::compare("qos", &row["qos"], &json!(class.to_string()))
        .and(|| Verdict::compare("single process", &row["single_process_oom_kill_effective"], &json!(single)))
        .and(|| Verdict::compare("pod", &want_own, &got_own))
        .and(|| input::verdict(names(row, &pod, class)));
    // The recording computed the pod's cgroup first, on the same object.
    pod.add_overhead_to_shared_quantities(&profile);
    for container in pod.all_containers() {
        let write = container_cgroup(&pod, container, &node, &config, &profile);
        let adj = container_oom_score_adj(&pod, container, node.memory_capacity, &profile);
        let got = describe(&write, adj, node.cgroup_v2);
        let want = recorded_container(row, container);
        verdict = verdict.and(|| Verdict::compare(&container.name, &want, &got));
    }
    Ok(verdict)
}

fn names(row: &Value, pod: &PodSpec, class: QosClass) -> Check {
    let layout = layout(row)?;
    let name = layout.pod(class, &pod.uid());
    let path = layout.path(&name);
    // The model makes a pod's directory without putting the whole path together.
    let directory = layout.pod_dirs(class).of(&pod.uid());
    let last = path.rsplit('/').next().unwrap_or_default();
    let same = Verdict::compare("directory", &last, &&*directory);
    let base = match layout.driver {
        CgroupDriver::Systemd => directory,
        CgroupDriver::Cgroupfs => path.clone(),
    };
    let got = json!({
        "internal": name.0,
        "pod_path": path,
        "pod_path_base_if_systemd": base,
        "qos_path": layout.path(&layout.qos(class)),
    });
    Ok(same.and(|| Verdict::compare("names", &row["names"], &got)))
}

/// A container's write in the words of the recording.
fn describe(write: &CgroupWrite, adj: i64, cgroup_v2: bool) -> Value {
    let mut unified = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            unified.insert(name.into(), value.into());
        }
    };
    let text = |value: Option<Bytes>| value.map(|b| b.get().to_string());
    put("memory.min", text(write.min));
    put("memory.high", text(write.high));
    put("memory.oom.group", write.oom_group.map(|g| u8::from(g).to_string()));
    put("memory.swap.max", text(write.swap_max.filter(|_| cgroup_v2)));
    let plain = |value: Option<Bytes>| value.map_or(0, Bytes::get);
    json!({
        "memory_limit": plain(write.max),
        "memory_swap_limit": if cgroup_v2 { 0 } else { plain(write.swap_max) },
        "oom_score_adj": adj,
        "unified": if unified.is_empty() { Value::Null } else { unified.into() },
    })
}

/// The recorded container without the CPU fields, which the model does not have.
fn recorded_container(row: &Value, container: &ContainerSpec) -> Value {
    let mut recorded = row["containers"][&*container.name].clone();
    if let Some(fields) = recorded.as_object_mut() {
        fields.retain(|name, _| !name.starts_with("cpu_"));
    }
    recorded
}

fn qos_level(row: &Value) -> Check {
    let profile: KubernetesProfile = input::profile(row);
    let mut pods = input::pods(row, "pods")?;
    pods.iter_mut().for_each(|p| p.set_defaults(&profile));
    let allocatable = bytes(row, "node_allocatable_memory")?;
    let percent = row["qos_reserved_memory_percent"].as_i64();
    let layout = layout(row)?;
    let reservation = match flag(row, "cgroup_v2")? {
        true => KubeletConfig::default().memory_reservation(&profile),
        false => MemoryReservation::Nothing,
    };
    let writes = qos_cgroups(&layout, &pods, allocatable, percent, reservation, &profile);
    let mut got = Map::new();
    let mut want = Map::new();
    for NodeCgroupWrite { path, memory, memory_min, .. } in writes {
        let recorded = &row["cgroups"][&path];
        want.insert(
            path.clone(),
            json!({"memory": recorded["memory"], "memory.min": recorded["unified"]["memory.min"]}),
        );
        got.insert(path, json!({"memory": memory, "memory.min": memory_min.map(|m| m.to_string())}));
    }
    let paths = row["cgroups"].as_object().map_or(0, Map::len);
    Ok(Verdict::compare("cgroups", &want, &got).and(|| Verdict::compare("number of cgroups", &paths, &3)))
}
