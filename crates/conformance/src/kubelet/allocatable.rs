//! `allocatable.jsonl`. Error texts are compared by kind and field; the figures exactly.

use super::eviction_sync::compare_thresholds;
use super::input::{self, Check};
use crate::Verdict;
use oomsim_core::kubelet::eviction::{ThresholdError, ThresholdProblem};
use oomsim_core::kubelet::start::{Machine, StartProblem};
use oomsim_core::kubelet::{
    ConfigProblem, EffectiveKubelet, KubeletConfig, KubernetesProfile, MEMORY, NodeAllocatable, ProblemKind,
    ReservationError, ResourceList,
};
use oomsim_core::units::{Bytes, Format, Quantity, parse_duration};
use serde_json::{Value, json};

/// Checks one row.
pub fn check(row: &Value) -> Verdict {
    input::verdict(check_row(row))
}

fn check_row(row: &Value) -> Check {
    let profile = KubernetesProfile::V1_32;
    let config = config(&row["config"])?;
    let cgroup_v2 = row["config"]["cgroup_v2"].as_bool().ok_or("no cgroup version")?;
    let number = |name: &str| row[name].as_i64().ok_or_else(|| format!("{name} is missing"));
    let capacity = [
        (MEMORY.to_owned(), Quantity::bytes(number("capacity_memory")?)),
        ("cpu".to_owned(), Quantity::new(number("capacity_cpu_milli")? / 1000, Format::DecimalSI)),
        ("ephemeral-storage".to_owned(), Quantity::bytes(number("capacity_ephemeral_storage")?)),
    ];
    let hugepages = Bytes::new(number("hugepages_2Mi_pages")?.unsigned_abs() << 21);
    let machine = Machine { capacity: capacity.into(), hugepages, cgroup_v2, ..Machine::default() };
    let (effective, problems) = match EffectiveKubelet::start(&config, &machine, &profile) {
        Ok(effective) => (effective, Vec::new()),
        Err(refused) => (refused.readable, refused.problems),
    };
    let invalid = problems.iter().filter_map(|p| if let StartProblem::Config(p) = p { Some(p) } else { None });
    let first = |read: &dyn Fn(&StartProblem) -> Option<Marks>| -> Vec<Marks> {
        problems.iter().find_map(read).into_iter().collect()
    };
    let reservation = |of: &'static str| {
        first(&|p| match p {
            StartProblem::Reservation(field, error) if *field == of => Some(reservation_marks(error)),
            _ => None,
        })
    };
    let threshold = |counts: fn(&ThresholdProblem) -> bool| {
        first(&|p| match p {
            StartProblem::Threshold(problem) if counts(problem) => Some(threshold_marks(&problem.error)),
            _ => None,
        })
    };
    let unreadable = |p: &StartProblem| match p {
        StartProblem::Reservation(..) => true,
        StartProblem::Threshold(problem) => problem.field == "evictionHard",
        _ => false,
    };
    let verdict = errors(row, "validation_error", invalid.map(problem_marks).collect(), true)
        .and(|| errors(row, "kube_reserved_error", reservation("kubeReserved"), false))
        .and(|| errors(row, "system_reserved_error", reservation("systemReserved"), false))
        .and(|| errors(row, "hard_threshold_error", threshold(|p| p.field == "evictionHard"), false))
        .and(|| errors(row, "threshold_error", threshold(|_| true), false));
    let verdict = if problems.iter().any(|p| matches!(p, StartProblem::Threshold(_))) {
        verdict
    } else {
        verdict.and(|| compare_thresholds(&row["thresholds"], &effective.thresholds))
    };
    if problems.iter().any(unreadable) {
        return Ok(verdict);
    }
    Ok(verdict
        .and(|| figures(row, &effective.node))
        .and(|| startup(row, &effective.node))
        .and(|| enforcement(row, &effective, &problems)))
}

/// The configuration with the row's further fields put where they belong.
fn config(recorded: &Value) -> Result<KubeletConfig, String> {
    let mut object = recorded.as_object().ok_or("no config")?.clone();
    let extra = object.remove("extra");
    object.retain(|_, v| !v.is_null());
    // The API text form of durations is not that of the plain struct.
    let mut config: KubeletConfig = serde_json::from_value(object.into()).map_err(|e| format!("config: {e}"))?;
    for (name, value) in extra.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let duration = || value.as_str().and_then(|t| parse_duration(t).ok());
        match name.as_str() {
            "crashLoopBackOff.maxContainerRestartPeriod" => config.max_container_restart_period = duration(),
            "memorySwap.swapBehavior" => {
                config.memory_swap.swap_behavior = value.as_str().unwrap_or_default().into();
            }
            "memoryThrottlingFactor" => config.memory_throttling_factor = value.as_f64(),
            "oomScoreAdj" => config.oom_score_adj = value.as_i64(),
            "failCgroupV1" => config.fail_cgroup_v1 = value.as_bool(),
            "singleProcessOOMKill" => config.single_process_oom_kill = value.as_bool(),
            // Negative values of these two are accepted by the real validation.
            "evictionMaxPodGracePeriod" => config.eviction_max_pod_grace_period = value.as_i64().unwrap_or(0),
            "evictionPressureTransitionPeriod" => config.eviction_pressure_transition_period = duration(),
            // Fields that memory does not depend on.
            _ => {}
        }
    }
    Ok(config)
}

/// Words that the recorded text of one error must contain.
type Marks = Vec<String>;

/// Matches the errors found with the recorded text: as many, in order, each with its marks.
fn errors(row: &Value, field: &str, found: Vec<Marks>, several: bool) -> Verdict {
    let Some(text) = row[field].as_str() else {
        return Verdict::compare(field, &0, &found.len());
    };
    let list = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    // Each message of an aggregate begins in one of two ways.
    let list = list.replace(", kubelet is configured", ", invalid configuration: kubelet is configured");
    let parts: Vec<&str> = if text.is_empty() {
        Vec::new()
    } else if several {
        list.split(", invalid configuration: ").collect()
    } else {
        vec![text]
    };
    let agrees = parts.len() == found.len()
        && parts.iter().zip(&found).all(|(part, marks)| marks.iter().all(|mark| part.contains(mark.as_str())));
    Verdict::compare(
        field,
        &(true, text),
        &(agrees, if agrees { text.to_owned() } else { format!("{found:?}") }.as_str()),
    )
}

fn problem_marks(problem: &ConfigProblem) -> Marks {
    let field = problem.field.rsplit('.').next().unwrap_or_default();
    let kind = match &problem.kind {
        ProblemKind::OutOfRange { .. } => vec!["must be"],
        ProblemKind::NotOneOf(value) => vec![value.as_str()],
        ProblemKind::GateOff(gate) => vec![*gate, "not"],
        ProblemKind::Missing(_) => vec!["must be specified when"],
        ProblemKind::Together(a, b) => vec![a.as_str(), b.as_str(), "together"],
        ProblemKind::Twice(value) => vec!["duplicated", value.as_str()],
        ProblemKind::NotAlone(value) => vec!["additional", value.as_str()],
        ProblemKind::NeededBy(key) => vec!["must be set to true when", key.as_str()],
        ProblemKind::CgroupV1Refused => return vec!["not run on a host using cgroup v1".into()],
        ProblemKind::CgroupV1Only => vec!["explicitly set to false", "cgroup v1"],
    };
    let field = field.replacen('m', "", usize::from(field == "maxContainerRestartPeriod"));
    kind.into_iter().map(str::to_owned).chain([field]).collect()
}

fn reservation_marks(error: &ReservationError) -> Marks {
    match error {
        ReservationError::Unsupported(name) => vec![format!("cannot reserve \"{name}\"")],
        ReservationError::Quantity(name, text, error) => {
            vec!["failed to parse quantity".into(), format!("\"{text}\""), format!("\"{name}\""), error.to_string()]
        }
        ReservationError::Negative(name, text) => {
            vec![format!("\"{name}\""), "cannot be negative".into(), text.clone()]
        }
    }
}

fn threshold_marks(error: &ThresholdError) -> Marks {
    use ThresholdError as E;
    let marks: Vec<&str> = match error {
        E::UnsupportedSignal(signal) => vec!["unsupported eviction signal", signal],
        E::Quantity(error) => return vec![error.to_string()],
        E::Percentage(text) => return vec!["ParseFloat".into(), format!("\"{text}\"")],
        E::PercentageBelowZero(signal, text) => vec!["threshold", signal, ">= 0%", text],
        E::PercentageAboveHundred(signal, text) => vec!["threshold", signal, "<= 100%", text],
        E::NotPositive(signal, text) => vec!["eviction threshold", signal, "must be positive", text],
        E::GraceMissing(signal) => vec!["grace period must be specified", signal],
        E::Duration(text) => return vec!["duration".into(), format!("\"{text}\"")],
        E::NegativeGrace(text) => vec!["grace period", "positive value", text],
        E::ReclaimNotPositive(signal, text) => vec!["minimum reclaim", signal, "must be positive", text],
        E::NegativeReclaim(signal) => vec!["negative eviction minimum reclaim", signal],
    };
    marks.into_iter().map(str::to_owned).collect()
}

fn figures(row: &Value, node: &NodeAllocatable) -> Verdict {
    let value = |list: &ResourceList| list.get(MEMORY).map_or(0, Quantity::value);
    let allocatable = node.allocatable_memory();
    let got = json!({
        "reservation_memory": value(&node.reservation()),
        "absolute_allocatable_memory": value(&node.absolute()),
        "allocatable_memory": allocatable.value(),
        "allocatable_memory_string": allocatable.to_string(),
        "capacity_memory_string": node.capacity[MEMORY].to_string(),
    });
    let names = got.as_object().into_iter().flatten();
    names.fold(Verdict::Matched, |verdict, (name, value)| verdict.and(|| Verdict::compare(name, &row[name], value)))
}

/// The real text prints Go structs; the resources must be the same, and so must the capacity.
fn startup(row: &Value, node: &NodeAllocatable) -> Verdict {
    let text = row["startup_error"].as_str().unwrap_or_default();
    let exceeded = node.exceeded();
    let named = exceeded.iter().all(|e| {
        text.contains(&format!("Resource \"{}\"", e.resource)) && text.contains(&e.capacity.value().to_string())
    });
    let count = text.matches("Resource \"").count();
    Verdict::compare("startup_error resources", &(count, true), &(exceeded.len(), named))
}

fn enforcement(row: &Value, effective: &EffectiveKubelet, problems: &[StartProblem]) -> Verdict {
    let layout = &effective.layout;
    let failed = problems.iter().find_map(|p| if let StartProblem::NotConfigured(f) = p { Some(f) } else { None });
    let mut got = Vec::new();
    let root = layout.path(&layout.kubepods());
    for write in &effective.enforced {
        let op = |op: &str| (op.to_owned(), write.path.clone(), write.memory);
        if layout.per_qos && write.path == root {
            got.push(op("create"));
        }
        got.push(op("update"));
    }
    got.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let ops = row["cgroup_ops"].as_array().into_iter().flatten();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let want: Vec<_> = ops.map(|o| (text(&o["op"]), text(&o["path"]), o["memory"].as_i64())).collect();
    let error = text(&row["enforce_error"]);
    let agrees = match failed {
        None => error.is_empty(),
        Some(f) => {
            let class = if f.reservation == "kubeReserved" { "Kube Reserved" } else { "System Reserved" };
            error.contains(&format!("on \"{}\"", f.cgroup))
                && error.contains(class)
                && error.contains("Compressible") == f.enforcement.ends_with("compressible")
        }
    };
    Verdict::compare("node_allocatable_root", &text(&row["node_allocatable_root"]), &root)
        .and(|| Verdict::compare("cgroup_ops", &want, &got))
        .and(|| Verdict::compare("enforce_error", &(error.as_str(), true), &(error.as_str(), agrees)))
}
