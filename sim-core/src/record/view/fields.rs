//! The fields of each kind of record as JSON values, written one by one: to a serializer without a tree in between, or
//! into a map.

use super::{PRE_STOP_HOOK_FAILED, back_off_message, kind, seconds, split_pod};
use crate::node_api::{Constraint, ExitStatus, OomReport, PodReason, TaskRow};
use crate::record::{Entry, LimitScope, Owner, Record, ThresholdSeen};
use crate::units::{Bytes, Pages};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

/// An object that is being written, and the first thing that failed.
struct Object<M: SerializeMap> {
    map: M,
    failed: Option<M::Error>,
}

impl<M: SerializeMap> Object<M> {
    fn put(&mut self, name: &'static str, of: impl Serialize) {
        if self.failed.is_none() {
            self.failed = self.map.serialize_entry(name, &of).err();
        }
    }

    fn end(self) -> Result<M::Ok, M::Error> {
        match self.failed {
            Some(why) => Err(why),
            None => self.map.end(),
        }
    }
}

/// Writes an object with what `fill` puts into it.
fn object<S: Serializer>(to: S, fill: impl FnOnce(&mut Object<S::SerializeMap>)) -> Result<S::Ok, S::Error> {
    let mut object = Object { map: to.serialize_map(None)?, failed: None };
    fill(&mut object);
    object.end()
}

fn put_pod<M: SerializeMap>(o: &mut Object<M>, pod: &str) {
    let (namespace, name) = split_pod(pod);
    o.put("namespace", namespace);
    o.put("pod", name);
}

fn put_container<M: SerializeMap>(o: &mut Object<M>, pod: &str, container: &str) {
    put_pod(o, pod);
    o.put("container", container);
}

fn put_owner<M: SerializeMap>(o: &mut Object<M>, owner: Option<&Owner>) {
    match owner {
        Some(Owner::Container { pod, container }) => put_container(o, pod, container),
        Some(Owner::Host(_)) | None => {
            for name in ["namespace", "pod", "container"] {
                o.put(name, ());
            }
        }
    }
}

fn put_process<M: SerializeMap>(o: &mut Object<M>, pid: crate::units::Pid, comm: &str, owner: &Owner) {
    o.put("pid", pid.0);
    o.put("comm", comm);
    put_whose(o, owner);
}

/// The container, or the process of the node.
fn put_whose<M: SerializeMap>(o: &mut Object<M>, owner: &Owner) {
    put_owner(o, Some(owner));
    let host = match owner {
        Owner::Host(name) => Some(&**name),
        Owner::Container { .. } => None,
    };
    o.put("host", host);
}

/// KiB of a counter, null for "no limit".
fn kib(size: Bytes) -> Option<u64> {
    (size != Bytes::MAX).then(|| size.to_kib_floor())
}

/// A row of the table of tasks.
struct Task<'a> {
    row: &'a TaskRow,
    owner: Option<&'a Owner>,
    total_pages: Pages,
}

impl Serialize for Task<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        object(to, |o| {
            let row = self.row;
            o.put("pid", row.pid.0);
            o.put("comm", &*row.comm);
            put_owner(o, self.owner);
            o.put("oom_score_adj", row.oom_score_adj);
            o.put("points", row.points);
            let score = row.points.map(|points| {
                let total = i128::from(self.total_pages.get().max(1));
                i64::try_from(i128::from(points) * 1000 / total).unwrap_or(i64::MAX)
            });
            o.put("score", score);
            o.put("task_memcg", &*row.cgroup);
            o.put("total_vm_kb", row.total_vm.kib());
            o.put("anon_rss_kb", row.rss_anon.kib());
            o.put("file_rss_kb", row.rss_file.kib());
            o.put("shmem_rss_kb", row.rss_shmem.kib());
            o.put("pgtables_kb", row.pgtables.to_kib_floor());
            o.put("swap_kb", row.swapents.kib());
        })
    }
}

/// The killed tasks of a report, as objects or as process ids.
struct Killed<'a> {
    report: &'a OomReport,
    owners: &'a [Owner],
    pids: bool,
}

impl Serialize for Killed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(None)?;
        for (n, &ix) in self.report.killed.iter().enumerate() {
            let Some(row) = self.report.task(ix) else { continue };
            if self.pids {
                list.serialize_element(&row.pid.0)?;
            } else {
                let total_pages = self.report.total_pages;
                list.serialize_element(&Task { row, owner: self.owners.get(n), total_pages })?;
            }
        }
        list.end()
    }
}

fn put_oom<M: SerializeMap>(object: &mut Object<M>, report: &OomReport, limit: &LimitScope, owners: &[Owner]) {
    let node = report.constraint == Constraint::None;
    let victim = report.chosen();
    object.put("constraint", report.constraint);
    object.put("scope", limit.as_str());
    object.put("oom_memcg", report.oom_memcg.as_deref());
    object.put("task_memcg", victim.map(|task| &*task.cgroup));
    object.put("invoker", &*report.invoker_comm);
    object.put("invoker_pid", report.invoker.0);
    object.put("invoker_oom_score_adj", report.invoker_adj);
    let info = &report.mem_info;
    object.put("usage_kb", kib(if node { info.total.saturating_sub(info.free) } else { report.memory.usage }));
    object.put("limit_kb", kib(if node { info.total } else { report.memory.limit }));
    object.put("failcnt", report.memory.failcnt);
    object.put("total_pages", report.total_pages.get());
    let owner_of_victim = owners.first().filter(|_| report.killed.first() == report.victim.as_ref());
    object.put("victim", victim.map(|row| Task { row, owner: owner_of_victim, total_pages: report.total_pages }));
    object.put("oom_group", report.oom_group.as_deref());
    object.put("killed_pids", Killed { report, owners, pids: true });
    object.put("killed", Killed { report, owners, pids: false });
    object.put("candidates", report.tasks.len());
    object.put("panic", report.panic);
}

struct Thresholds<'a>(&'a [ThresholdSeen]);

impl Serialize for Thresholds<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(Threshold))
    }
}

struct Threshold<'a>(&'a ThresholdSeen);

impl Serialize for Threshold<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        object(to, |o| {
            o.put("signal", self.0.signal.as_str());
            o.put("hard", self.0.hard);
            o.put("quantity", self.0.quantity.get());
            o.put("available", self.0.available);
        })
    }
}

/// The whole object of one entry, written without a tree of values.
pub struct EntryObject<'a>(pub &'a Entry);

impl Serialize for EntryObject<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        object(to, |o| {
            o.put("t", self.0.at.as_secs_f64());
            o.put("kind", kind(&self.0.record).name);
            put_fields(o, &self.0.record);
        })
    }
}

/// The fields of a record alone.
struct Fields<'a>(&'a Record);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        object(to, |o| put_fields(o, self.0))
    }
}

/// What becomes of a value as a map; the types used here cannot fail.
pub(super) fn map(of: impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// The fields of a record except `t` and `kind`, in the order of [`super::KINDS`].
pub fn fields(record: &Record) -> Map<String, Value> {
    map(Fields(record))
}

fn put_fields<M: SerializeMap>(o: &mut Object<M>, record: &Record) {
    match record {
        Record::SysctlSet { name, value } => {
            o.put("name", &**name);
            o.put("value", *value);
        }
        Record::ProcessStarted { pid, comm, owner } => put_process(o, *pid, comm, owner),
        Record::ProcessExited { pid, comm, owner, status, cause } => {
            put_process(o, *pid, comm, owner);
            let signal = match status {
                ExitStatus::Signal(signal) => Some(signal.to_string()),
                ExitStatus::Code(_) => None,
            };
            o.put("signal", signal);
            o.put("exitCode", status.container_exit_code());
            o.put("cause", cause);
        }
        Record::AllocationRefused { pid, comm, owner, op, requested, committed_as, commit_limit } => {
            put_process(o, *pid, comm, owner);
            o.put("op", op.as_str());
            o.put("errno", "ENOMEM");
            o.put("requested_bytes", requested.get());
            o.put("committed_as_kb", committed_as.to_kib_floor());
            o.put("commit_limit_kb", commit_limit.to_kib_floor());
        }
        Record::RuntimeOutOfMemory { pid, comm, owner, runtime, heap, limit, requested } => {
            put_process(o, *pid, comm, owner);
            o.put("runtime", *runtime);
            o.put("heap_bytes", heap.get());
            o.put("limit_bytes", limit.get());
            o.put("requested_bytes", requested.get());
        }
        Record::RecordedGap { pid, comm, owner, until } => {
            put_process(o, *pid, comm, owner);
            o.put("until", until.map(seconds));
        }
        Record::RecordedRestart { pid, comm, owner } => put_process(o, *pid, comm, owner),
        Record::OomKill { report, limit, killed_owners } => put_oom(o, report, limit, killed_owners),
        Record::CgroupWriteRefused { cgroup, limit } => {
            o.put("cgroup", &**cgroup);
            o.put("limit_bytes", limit.get());
            o.put("errno", "EBUSY");
        }
        Record::KernelPanic { message }
        | Record::EvictionThresholdMet { message }
        | Record::SystemOom { message }
        | Record::Warning { message }
        | Record::KubeletNotStarted { message }
        | Record::NodeChanged { message } => o.put("message", &**message),
        Record::SignalSent { pid, comm, signal } => {
            o.put("pid", pid.0);
            o.put("comm", &**comm);
            o.put("signal", signal.to_string());
        }
        Record::NodeCondition { r#type, status } => {
            o.put("type", r#type.as_str());
            o.put("status", status.as_str());
            o.put("reason", r#type.reason(*status));
            o.put("message", r#type.message(*status));
        }
        _ => put_stall_record(o, record),
    }
}

/// Processes that wait for memory, what the control plane makes of a silent node, and who kills beside the kernel.
fn put_stall_record<M: SerializeMap>(o: &mut Object<M>, record: &Record) {
    match record {
        Record::UserspaceKill { killer, pid, comm, owner, signal, message } => {
            o.put("killer", *killer);
            put_process(o, *pid, comm, owner);
            o.put("signal", signal.to_string());
            o.put("message", &**message);
        }
        Record::Stalled { owner, since, some_avg10, usage, limit } => {
            put_whose(o, owner);
            o.put("since", seconds(*since));
            o.put("memoryPressureSomeAvg10", f64::from(*some_avg10) / 100.0);
            o.put("usage_kb", usage.to_kib_floor());
            o.put("limit_kb", limit.and_then(kib));
        }
        Record::StallEnded { owner, lasted } => {
            put_whose(o, owner);
            o.put("stalledSeconds", lasted.as_secs_f64());
        }
        Record::NodeTaint { key, present } => {
            o.put("key", &**key);
            o.put("effects", "NoSchedule, NoExecute");
            o.put("present", *present);
        }
        Record::ContainerReady { pod, container, ready } => {
            put_container(o, pod, container);
            o.put("ready", *ready);
        }
        Record::MarkedForDeletion { pod } => {
            put_pod(o, pod);
            o.put("message", format!("Marking for deletion Pod {pod}"));
        }
        Record::Unhealthy { pod, container, message } => {
            put_container(o, pod, container);
            o.put("message", &**message);
        }
        Record::FailedPreStopHook { pod, container } => {
            put_container(o, pod, container);
            o.put("message", PRE_STOP_HOOK_FAILED);
        }
        _ => put_pod_record(o, record),
    }
}

fn put_pod_event<M: SerializeMap>(o: &mut Object<M>, pod: &str, reason: &'static str, message: &str) {
    put_pod(o, pod);
    o.put("reason", reason);
    o.put("message", message);
}

/// What the kubelet does with pods.
fn put_pod_record<M: SerializeMap>(o: &mut Object<M>, record: &Record) {
    match record {
        Record::PodScheduled { pod, qos } => {
            put_pod(o, pod);
            o.put("qosClass", qos.as_str());
        }
        Record::PodRunsAlready { pod, age, restarts } => {
            put_pod(o, pod);
            o.put("ageSeconds", age.as_secs_f64());
            o.put("restarts", *restarts);
        }
        Record::PodRejected { pod, reason, message } => put_pod_event(o, pod, reason.as_str(), message),
        Record::PodPhase { pod, phase, reason, message } => {
            put_pod(o, pod);
            o.put("phase", phase.as_str());
            o.put("reason", reason.map_or("", PodReason::as_str));
            o.put("message", &**message);
        }
        Record::ContainerStarted { pod, container, restart_count } => {
            put_container(o, pod, container);
            o.put("restartCount", *restart_count);
        }
        Record::ContainerTerminated { pod, container, reason, exit_code, finished_at } => {
            put_container(o, pod, container);
            o.put("reason", reason.as_str());
            o.put("exitCode", *exit_code);
            o.put("finishedAt", seconds(*finished_at));
        }
        Record::BackOff { pod, container, uid, delay } => {
            put_container(o, pod, container);
            o.put("delaySeconds", delay.as_secs_f64());
            o.put("message", back_off_message(*delay, container, pod, uid));
        }
        Record::EvictionPass { thresholds_met, node_working_set, pods_working_set } => {
            o.put("thresholdsMet", Thresholds(thresholds_met));
            o.put("nodeWorkingSet", node_working_set.get());
            o.put("podsWorkingSet", pods_working_set.get());
        }
        Record::Evicted { pod, message, offenders: _, grace_period, signal, usage_seen, usage_seen_at, usage_now } => {
            put_pod(o, pod);
            o.put("reason", PodReason::Evicted.as_str());
            o.put("message", &**message);
            o.put("gracePeriodSeconds", grace_period.as_secs_f64());
            o.put("signal", signal.as_str());
            o.put("usageSeen", usage_seen.map(Bytes::get));
            o.put("usageSeenAt", usage_seen_at.map(seconds));
            o.put("usageNow", usage_now.get());
        }
        Record::Killing { pod, container, message } | Record::KillFailed { pod, container, message } => {
            put_container(o, pod, container);
            o.put("message", &**message);
        }
        Record::PodCleanedUp { pod } => put_pod(o, pod),
        Record::PodEvent { pod, reason, message } => put_pod_event(o, pod, reason.as_str(), message),
        // The other kinds are written above.
        _ => {}
    }
}
