//! Reading the rows: every helper gives an error text instead of panicking.

use crate::Verdict;
use oomsim_core::kubelet::eviction::{ContainerStats, MemoryFigures, PodStats};
use oomsim_core::kubelet::{KubernetesProfile, PodSpec};
use oomsim_core::units::{SimDuration, SimTime};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// A check that can fail to read its row.
pub type Check = Result<Verdict, String>;

/// Times of the recordings are relative to an epoch and may be negative.
const EPOCH_S: i64 = 1_000_000;

/// Turns a failure to read into a verdict.
pub fn verdict(check: Check) -> Verdict {
    check.unwrap_or_else(Verdict::unreadable)
}

/// Reads a field into a type.
pub fn field<T: DeserializeOwned>(row: &Value, name: &str) -> Result<T, String> {
    T::deserialize(&row[name]).map_err(|e| format!("{name}: {e}"))
}

/// A profile with the row's feature gates.
pub fn profile(row: &Value) -> KubernetesProfile {
    let mut profile = KubernetesProfile::V1_32;
    let gate = |name: &str, default: bool| row["gates"][name].as_bool().unwrap_or(default);
    profile.pod_level_resources = gate("PodLevelResources", false);
    profile.sidecar_containers = gate("SidecarContainers", true);
    profile.memory_qos = gate("MemoryQoS", false);
    profile.node_swap = gate("NodeSwap", true);
    profile.qos_reserved = gate("QOSReserved", false);
    profile
}

/// A list of pods.
pub fn pods(row: &Value, name: &str) -> Result<Vec<PodSpec>, String> {
    field(row, name)
}

/// A time in seconds, possibly fractional or negative.
pub fn time(value: &Value) -> Result<SimTime, String> {
    Ok(SimTime::from_nanos(nanos(value)?))
}

/// Times and lengths beyond a century are none of a recording: sums of them stay within 64 bits of nanoseconds.
const MAX_S: f64 = 3.2e9;

/// Seconds as a number, or why they are none of a recording.
fn number(value: &Value) -> Result<f64, String> {
    let seconds = value.as_f64().ok_or_else(|| format!("{value} is not a time"))?;
    if seconds.abs() <= MAX_S { Ok(seconds) } else { Err(format!("{value} s is more than a century")) }
}

/// A length in seconds, possibly fractional; a negative one is none.
pub fn length(value: &Value) -> Result<SimDuration, String> {
    Ok(SimDuration::from_millis((number(value)? * 1000.0).round().max(0.0) as u64))
}

fn nanos(value: &Value) -> Result<u64, String> {
    let seconds = number(value)?;
    let nanos = (seconds * 1e6).round() as i64 * 1000 + EPOCH_S * 1_000_000_000;
    u64::try_from(nanos).map_err(|_| format!("{value} is too early"))
}

/// A length in seconds as JSON prints it: whole if it is, otherwise to the millisecond.
pub fn seconds(d: SimDuration) -> Value {
    let millis = d.as_nanos() / 1_000_000;
    if millis.is_multiple_of(1000) { (millis / 1000).into() } else { (millis as f64 / 1000.0).into() }
}

/// Figures of the node or the pods' cgroup; JSON null: none.
pub fn figures(value: &Value) -> Result<Option<MemoryFigures>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let stat_time = &value["stat_time"];
    Ok(Some(MemoryFigures {
        available: bytes(&value["available"]),
        working_set: bytes(&value["working_set"]),
        time: if stat_time.is_null() { None } else { Some(time(stat_time)?) },
    }))
}

/// Bytes as unsigned 64 bits; a negative number stands for its bit pattern.
pub fn bytes(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_i64().map(|v| v as u64))
}

/// Figures of pods by name.
pub fn pod_stats(value: &Value) -> Result<BTreeMap<String, PodStats>, String> {
    let object = value.as_object().ok_or("pod figures are missing")?;
    let read = |stats: &Value| PodStats {
        working_set: bytes(&stats["working_set"]),
        containers: stats["containers"].as_array().into_iter().flatten().map(container_stats).collect(),
    };
    Ok(object.iter().map(|(pod, stats)| (pod.clone(), read(stats))).collect())
}

fn container_stats(value: &Value) -> ContainerStats {
    ContainerStats {
        name: value["name"].as_str().unwrap_or_default().into(),
        working_set: bytes(&value["working_set"]),
    }
}
