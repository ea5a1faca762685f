use super::*;
use crate::node_api::{
    Constraint, CounterLine, EvictionSignal, ExitStatus, NodeConditionType, OomReport, PodPhase, PodReason, QosClass,
    RefusedCall, Signo, TaskIx, TaskRow, TerminatedReason,
};
use crate::record::{ConditionStatus, DeathCause, LimitScope, PodEventReason, ThresholdSeen};
use crate::units::{Bytes, Pages, Pid, SimDuration, SimTime};
use serde_json::json;

fn container() -> Owner {
    Owner::Container { pod: "default/web".into(), container: "app".into() }
}

/// The out-of-memory report of a 123 Mi container (part "Limit" of the texts of docs/SOURCES.md): 54124 points against
/// 31488 pages were printed as score 1718.
fn oom() -> Record {
    let victim = TaskRow {
        pid: Pid(32308),
        uid: 0,
        comm: "stress".into(),
        cgroup: "/kubepods/burstable/poda/c".into(),
        total_vm: Pages::new(26_000),
        rss_anon: Pages::new(24_000),
        rss_file: Pages::new(50),
        rss_shmem: Pages::ZERO,
        pgtables: Bytes::kib(240),
        swapents: Pages::ZERO,
        oom_score_adj: 939,
        points: Some(54_124),
    };
    let report = OomReport {
        constraint: Constraint::Memcg,
        invoker: Pid(32309),
        invoker_comm: "stress".into(),
        oom_memcg: Some("/kubepods/burstable/poda".into()),
        memory: CounterLine { usage: Bytes::kib(125_952), limit: Bytes::kib(125_952), failcnt: 7 },
        total_pages: Pages::new(31_488),
        tasks: vec![victim],
        victim: Some(TaskIx::new(0)),
        killed: vec![TaskIx::new(0)].into(),
        ..OomReport::default()
    };
    let limit = LimitScope::Pod("default/web".into());
    Record::OomKill { report: Box::new(report), limit, killed_owners: [container()].into_iter().collect() }
}

/// One record of every kind.
pub(crate) fn one_of_each() -> Vec<Record> {
    let kinds = [of_the_kernel(), of_pods(), of_the_kubelet()];
    kinds.into_iter().flatten().collect()
}

fn of_the_kernel() -> Vec<Record> {
    let (pid, comm) = (Pid(7), "java");
    vec![
        Record::SysctlSet { name: "vm.overcommit_memory".into(), value: 2 },
        Record::ProcessStarted { pid, comm: comm.into(), owner: Owner::Host("bash".into()) },
        Record::ProcessExited {
            pid,
            comm: comm.into(),
            owner: container(),
            status: ExitStatus::Signal(Signo::Kill),
            cause: DeathCause::MemcgOom,
        },
        Record::AllocationRefused {
            pid,
            comm: comm.into(),
            owner: container(),
            op: RefusedCall::Mmap,
            requested: Bytes::gib(9),
            committed_as: Bytes::gib(4),
            commit_limit: Bytes::gib(10),
        },
        Record::RuntimeOutOfMemory {
            pid,
            comm: comm.into(),
            owner: container(),
            runtime: ".NET",
            heap: Bytes::mib(1400),
            limit: Bytes::mib(1500),
            requested: Bytes::mib(101),
        },
        Record::RecordedGap { pid, comm: comm.into(), owner: container(), until: Some(SimTime::from_secs(90)) },
        Record::RecordedRestart { pid, comm: comm.into(), owner: container() },
        Record::UserspaceKill {
            killer: "earlyoom",
            pid,
            comm: comm.into(),
            owner: container(),
            signal: Signo::Term,
            message: "text".into(),
        },
        Record::Stalled {
            owner: container(),
            since: SimTime::from_secs(3),
            some_avg10: 3294,
            usage: Bytes::mib(64),
            limit: Some(Bytes::mib(64)),
        },
        Record::StallEnded { owner: container(), lasted: SimDuration::from_secs(90) },
        oom(),
        Record::CgroupWriteRefused { cgroup: "/kubepods".into(), limit: Bytes::gib(1) },
        Record::KernelPanic { message: "text".into() },
    ]
}

fn of_pods() -> Vec<Record> {
    let (pod, message) = ("default/web", "text");
    vec![
        Record::PodRunsAlready { pod: pod.into(), age: SimDuration::from_secs(90), restarts: 2 },
        Record::PodScheduled { pod: pod.into(), qos: QosClass::Burstable },
        Record::PodRejected { pod: pod.into(), reason: PodReason::Evicted, message: message.into() },
        Record::PodPhase {
            pod: pod.into(),
            phase: PodPhase::Failed,
            reason: Some(PodReason::Evicted),
            message: message.into(),
        },
        Record::ContainerStarted { pod: pod.into(), container: "app".into(), restart_count: 3 },
        Record::ContainerTerminated {
            pod: pod.into(),
            container: "app".into(),
            reason: TerminatedReason::OomKilled,
            exit_code: 137,
            finished_at: SimTime::from_secs(1),
        },
        Record::BackOff {
            pod: pod.into(),
            container: "app".into(),
            uid: "11111111-2222-4333-a444-555555555555".into(),
            delay: SimDuration::from_secs(10),
        },
    ]
}

fn of_the_kubelet() -> Vec<Record> {
    let (pod, message, pid, comm) = ("default/web", "text", Pid(7), "java");
    vec![
        Record::EvictionPass {
            thresholds_met: vec![ThresholdSeen {
                signal: EvictionSignal::MemoryAvailable,
                hard: true,
                quantity: Bytes::mib(100),
                available: -5,
            }],
            node_working_set: Bytes::gib(6),
            pods_working_set: Bytes::gib(5),
        },
        Record::EvictionThresholdMet { message: message.into() },
        Record::Evicted {
            pod: pod.into(),
            message: message.into(),
            offenders: Box::default(),
            grace_period: SimDuration::ZERO,
            signal: EvictionSignal::MemoryAvailable,
            usage_seen: Some(Bytes::mib(1)),
            usage_seen_at: Some(SimTime::from_secs(1)),
            usage_now: Bytes::mib(2),
        },
        Record::Killing { pod: pod.into(), container: "app".into(), message: message.into() },
        Record::SignalSent { pid, comm: comm.into(), signal: Signo::Term },
        Record::KillFailed { pod: pod.into(), container: "app".into(), message: message.into() },
        Record::PodCleanedUp { pod: pod.into() },
        Record::NodeCondition { r#type: NodeConditionType::MemoryPressure, status: ConditionStatus::True },
        Record::NodeTaint { key: "node.kubernetes.io/unreachable".into(), present: true },
        Record::MarkedForDeletion { pod: pod.into() },
        Record::Unhealthy { pod: pod.into(), container: "app".into(), message: message.into() },
        Record::FailedPreStopHook { pod: pod.into(), container: "app".into() },
        Record::ContainerReady { pod: pod.into(), container: "app".into(), ready: false },
        Record::SystemOom { message: message.into() },
        Record::Warning { message: message.into() },
        Record::KubeletNotStarted { message: message.into() },
        Record::NodeChanged { message: message.into() },
        Record::PodEvent { pod: pod.into(), reason: PodEventReason::ResizeError, message: message.into() },
    ]
}

#[test]
fn every_kind_has_exactly_the_documented_fields_in_order() {
    let records = one_of_each();
    let kinds: Vec<_> = records.iter().map(|record| kind(record).name).collect();
    let documented: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(kinds, documented, "a record of every kind, in the order of the table");
    for record in &records {
        let kind = kind(record);
        let names: Vec<_> = kind.fields.iter().map(|field| field.name).collect();
        let object = fields(record);
        assert_eq!(object.keys().map(String::as_str).collect::<Vec<_>>(), names, "{}", kind.name);
        assert!(names.iter().all(|name| kind.has(name)) && !kind.has("nonsense"));
    }
}

#[test]
fn an_out_of_memory_kill_in_the_kernels_names() {
    let entry_of = Entry { at: SimTime::from_nanos(1_500_000_000), record: oom() };
    let object = Value::Object(entry(&entry_of));
    assert_eq!(object["t"], json!(1.5));
    assert_eq!(object["kind"], "OomKill");
    assert_eq!(object["constraint"], "CONSTRAINT_MEMCG");
    assert_eq!(object["scope"], "pod");
    assert_eq!(object["oom_memcg"], "/kubepods/burstable/poda");
    assert_eq!(object["task_memcg"], "/kubepods/burstable/poda/c");
    assert_eq!(object["killed_pids"], json!([32308]));
    let victim = &object["victim"];
    assert_eq!((&victim["pod"], &victim["container"]), (&json!("web"), &json!("app")));
    assert_eq!((&victim["points"], &victim["score"]), (&json!(54_124), &json!(1718)));
    assert_eq!((&victim["anon_rss_kb"], &victim["file_rss_kb"]), (&json!(96_000), &json!(200)));
    let names: Vec<_> = PROCESS_FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(victim.as_object().map(|o| o.keys().map(String::as_str).collect::<Vec<_>>()), Some(names));
    assert_eq!(subject(&entry_of.record).pod, Some("default/web"));
    assert!(kind(&entry_of.record).has("victim.points") && !kind(&entry_of.record).has("victim.nonsense"));
}
