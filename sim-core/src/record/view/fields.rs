//! The fields of each kind of record as JSON values.

use super::{back_off_message, seconds, split_pod};
use crate::node_api::{Constraint, ExitStatus, OomReport, PodReason, TaskRow};
use crate::record::{LimitScope, Owner, Record, ThresholdSeen};
use crate::units::{Bytes, Pages};
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// A serialisable value; the types used here cannot fail.
fn value(of: impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

fn put(object: &mut Object, name: &str, of: impl Into<Value>) {
    object.insert(name.into(), of.into());
}

fn put_pod(object: &mut Object, pod: &str) {
    let (namespace, name) = split_pod(pod);
    put(object, "namespace", namespace);
    put(object, "pod", name);
}

fn put_container(object: &mut Object, pod: &str, container: &str) {
    put_pod(object, pod);
    put(object, "container", container);
}

fn put_owner(object: &mut Object, owner: Option<&Owner>) {
    match owner {
        Some(Owner::Container { pod, container }) => put_container(object, pod, container),
        Some(Owner::Host(_)) | None => {
            for name in ["namespace", "pod", "container"] {
                put(object, name, Value::Null);
            }
        }
    }
}

fn put_process(object: &mut Object, pid: crate::units::Pid, comm: &str, owner: &Owner) {
    put(object, "pid", pid.0);
    put(object, "comm", comm);
    put_owner(object, Some(owner));
    match owner {
        Owner::Host(name) => put(object, "host", &**name),
        Owner::Container { .. } => put(object, "host", Value::Null),
    }
}

/// KiB of a counter, null for "no limit".
fn kib(size: Bytes) -> Value {
    if size == Bytes::MAX { Value::Null } else { size.to_kib_floor().into() }
}

fn task(row: &TaskRow, owner: Option<&Owner>, total_pages: Pages) -> Value {
    let mut object = Object::new();
    put(&mut object, "pid", row.pid.0);
    put(&mut object, "comm", &*row.comm);
    put_owner(&mut object, owner);
    put(&mut object, "oom_score_adj", row.oom_score_adj);
    put(&mut object, "points", row.points);
    let score = row.points.map(|points| {
        i64::try_from(i128::from(points) * 1000 / i128::from(total_pages.get().max(1))).unwrap_or(i64::MAX)
    });
    put(&mut object, "score", score);
    put(&mut object, "task_memcg", &*row.cgroup);
    put(&mut object, "total_vm_kb", row.total_vm.kib());
    put(&mut object, "anon_rss_kb", row.rss_anon.kib());
    put(&mut object, "file_rss_kb", row.rss_file.kib());
    put(&mut object, "shmem_rss_kb", row.rss_shmem.kib());
    put(&mut object, "pgtables_kb", row.pgtables.to_kib_floor());
    put(&mut object, "swap_kb", row.swapents.kib());
    object.into()
}

fn put_oom(object: &mut Object, report: &OomReport, limit: &LimitScope, owners: &[Owner]) {
    let node = report.constraint == Constraint::None;
    let victim = report.chosen();
    put(object, "constraint", value(report.constraint));
    put(object, "scope", limit.as_str());
    put(object, "oom_memcg", report.oom_memcg.as_deref());
    put(object, "task_memcg", victim.map(|task| &*task.cgroup));
    put(object, "invoker", &*report.invoker_comm);
    put(object, "invoker_pid", report.invoker.0);
    put(object, "invoker_oom_score_adj", report.invoker_adj);
    let info = &report.mem_info;
    put(object, "usage_kb", kib(if node { info.total.saturating_sub(info.free) } else { report.memory.usage }));
    put(object, "limit_kb", kib(if node { info.total } else { report.memory.limit }));
    put(object, "failcnt", report.memory.failcnt);
    put(object, "total_pages", report.total_pages.get());
    let owner_of_victim = owners.first().filter(|_| report.killed.first() == report.victim.as_ref());
    put(object, "victim", victim.map(|row| task(row, owner_of_victim, report.total_pages)));
    put(object, "oom_group", report.oom_group.as_deref());
    let killed = || report.killed.iter().enumerate().filter_map(|(n, &ix)| Some((report.task(ix)?, owners.get(n))));
    put(object, "killed_pids", killed().map(|(row, _)| row.pid.0).collect::<Vec<_>>());
    put(object, "killed", killed().map(|(row, owner)| task(row, owner, report.total_pages)).collect::<Vec<_>>());
    put(object, "candidates", report.tasks.len());
    put(object, "panic", report.panic);
}

fn threshold(seen: &ThresholdSeen) -> Value {
    json!({
        "signal": seen.signal.as_str(),
        "hard": seen.hard,
        "quantity": seen.quantity.get(),
        "available": seen.available,
    })
}

/// The fields of a record except `t` and `kind`, in the order of [`super::KINDS`].
pub fn fields(record: &Record) -> Object {
    let mut object = Object::new();
    let o = &mut object;
    match record {
        Record::SysctlSet { name, value } => {
            put(o, "name", &**name);
            put(o, "value", *value);
        }
        Record::ProcessStarted { pid, comm, owner } => put_process(o, *pid, comm, owner),
        Record::ProcessExited { pid, comm, owner, status, cause } => {
            put_process(o, *pid, comm, owner);
            let signal = match status {
                ExitStatus::Signal(signal) => Some(signal.to_string()),
                ExitStatus::Code(_) => None,
            };
            put(o, "signal", signal);
            put(o, "exitCode", status.container_exit_code());
            put(o, "cause", value(cause));
        }
        Record::AllocationRefused { pid, comm, owner, op, requested, committed_as, commit_limit } => {
            put_process(o, *pid, comm, owner);
            put(o, "op", op.as_str());
            put(o, "errno", "ENOMEM");
            put(o, "requested_bytes", requested.get());
            put(o, "committed_as_kb", committed_as.to_kib_floor());
            put(o, "commit_limit_kb", commit_limit.to_kib_floor());
        }
        Record::RuntimeOutOfMemory { pid, comm, owner, runtime, heap, limit, requested } => {
            put_process(o, *pid, comm, owner);
            put(o, "runtime", *runtime);
            put(o, "heap_bytes", heap.get());
            put(o, "limit_bytes", limit.get());
            put(o, "requested_bytes", requested.get());
        }
        Record::OomKill { report, limit, killed_owners } => put_oom(o, report, limit, killed_owners),
        Record::CgroupWriteRefused { cgroup, limit } => {
            put(o, "cgroup", &**cgroup);
            put(o, "limit_bytes", limit.get());
            put(o, "errno", "EBUSY");
        }
        Record::KernelPanic { message }
        | Record::EvictionThresholdMet { message }
        | Record::SystemOom { message }
        | Record::Warning { message }
        | Record::KubeletNotStarted { message }
        | Record::NodeChanged { message } => put(o, "message", &**message),
        Record::SignalSent { pid, comm, signal } => {
            put(o, "pid", pid.0);
            put(o, "comm", &**comm);
            put(o, "signal", signal.to_string());
        }
        Record::NodeCondition { r#type, status } => {
            put(o, "type", r#type.as_str());
            put(o, "status", status.as_str());
            put(o, "reason", r#type.reason(*status));
            put(o, "message", r#type.message(*status));
        }
        _ => put_pod_record(o, record),
    }
    object
}

/// What the kubelet does with pods.
fn put_pod_record(o: &mut Object, record: &Record) {
    match record {
        Record::PodScheduled { pod, qos } => {
            put_pod(o, pod);
            put(o, "qosClass", qos.as_str());
        }
        Record::PodRejected { pod, reason, message } => {
            put_pod(o, pod);
            put(o, "reason", reason.as_str());
            put(o, "message", &**message);
        }
        Record::PodPhase { pod, phase, reason, message } => {
            put_pod(o, pod);
            put(o, "phase", phase.as_str());
            put(o, "reason", reason.map_or("", PodReason::as_str));
            put(o, "message", &**message);
        }
        Record::ContainerStarted { pod, container, restart_count } => {
            put_container(o, pod, container);
            put(o, "restartCount", *restart_count);
        }
        Record::ContainerTerminated { pod, container, reason, exit_code, finished_at } => {
            put_container(o, pod, container);
            put(o, "reason", reason.as_str());
            put(o, "exitCode", *exit_code);
            put(o, "finishedAt", seconds(*finished_at));
        }
        Record::BackOff { pod, container, uid, delay } => {
            put_container(o, pod, container);
            put(o, "delaySeconds", delay.as_secs_f64());
            put(o, "message", back_off_message(*delay, container, pod, uid));
        }
        Record::EvictionPass { thresholds_met, node_working_set, pods_working_set } => {
            put(o, "thresholdsMet", thresholds_met.iter().map(threshold).collect::<Vec<_>>());
            put(o, "nodeWorkingSet", node_working_set.get());
            put(o, "podsWorkingSet", pods_working_set.get());
        }
        Record::Evicted { pod, message, grace_period, signal, usage_seen, usage_seen_at, usage_now } => {
            put_pod(o, pod);
            put(o, "reason", PodReason::Evicted.as_str());
            put(o, "message", &**message);
            put(o, "gracePeriodSeconds", grace_period.as_secs_f64());
            put(o, "signal", signal.as_str());
            put(o, "usageSeen", usage_seen.map(Bytes::get));
            put(o, "usageSeenAt", usage_seen_at.map(seconds));
            put(o, "usageNow", usage_now.get());
        }
        Record::Killing { pod, container, message } | Record::KillFailed { pod, container, message } => {
            put_container(o, pod, container);
            put(o, "message", &**message);
        }
        Record::PodCleanedUp { pod } => put_pod(o, pod),
        Record::SysctlSet { .. }
        | Record::ProcessStarted { .. }
        | Record::ProcessExited { .. }
        | Record::AllocationRefused { .. }
        | Record::RuntimeOutOfMemory { .. }
        | Record::OomKill { .. }
        | Record::CgroupWriteRefused { .. }
        | Record::KernelPanic { .. }
        | Record::EvictionThresholdMet { .. }
        | Record::SystemOom { .. }
        | Record::Warning { .. }
        | Record::KubeletNotStarted { .. }
        | Record::NodeChanged { .. }
        | Record::SignalSent { .. }
        | Record::NodeCondition { .. } => {}
    }
}
