//! Runs written by hand, in the manner of the stories of docs/SOURCES.md, for tests of rendering. They are no results
//! of the model: they only have its shape.

use oomsim_core::engine::Stop;
use oomsim_core::kernel::log::{Hierarchy, KernelLog, STYLES};
use oomsim_core::node_api::{
    ConditionStatus, Constraint, CounterLine, EvictionSignal, ExitStatus, Name, NodeConditionType, OomReport, PodPhase,
    PodReason, PodStatus, QosClass, RefusedCall, Signo, TaskIx, TaskRow, TerminatedReason,
};
use oomsim_core::plan::{NodePlan, Scenario};
use oomsim_core::record::expect::{ExpectationResult, RequiredShare};
use oomsim_core::record::{
    Counts, DeathCause, Digest, Entry, History, LimitScope, NodeFacts, Owner, PodOutcome, PodSample, ProcessOutcome,
    Record, Sample, Series,
};
use oomsim_core::units::{Bytes, Pages, Pid, SimDuration, SimTime};
use std::sync::Arc;

/// A pod's name and its working set in MiB over time; nothing while it is not there.
type Shape<'a> = (&'a str, &'a dyn Fn(f64) -> Option<f64>);

/// Builds a run second by second.
pub struct Builder {
    pub history: History,
    step: f64,
}

pub fn at(seconds: f64) -> SimTime {
    SimTime::from_nanos((seconds * 1e9).round() as u64)
}

pub fn pressure(on: bool) -> Record {
    Record::NodeCondition {
        r#type: NodeConditionType::MemoryPressure,
        status: if on { ConditionStatus::True } else { ConditionStatus::False },
    }
}

pub fn evicted(pod: &str, mib: u64) -> Record {
    Record::Evicted {
        pod: pod.into(),
        message: format!(
            "The node was low on resource: memory. Container c was using {}Ki, which exceeds its request of 0. ",
            mib * 1024
        )
        .into(),
        offenders: Box::default(),
        grace_period: SimDuration::ZERO,
        signal: EvictionSignal::AllocatableMemoryAvailable,
        usage_seen: Some(Bytes::mib(mib)),
        usage_seen_at: Some(at(1.0)),
        usage_now: Bytes::mib(mib + 700),
    }
}

/// An out-of-memory kill at the limit of `scope`.
pub fn oom(seconds: f64, scope: LimitScope, comm: &str, owner: Owner, mib: u64) -> Record {
    let task = TaskRow {
        pid: Pid(4711),
        uid: 0,
        comm: comm.into(),
        cgroup: "/kubepods/besteffort/podx/c".into(),
        total_vm: Pages::new(mib * 300),
        rss_anon: Pages::new(mib * 256),
        rss_file: Pages::new(6324),
        rss_shmem: Pages::ZERO,
        pgtables: Bytes::kib(9000),
        swapents: Pages::ZERO,
        oom_score_adj: 1000,
        points: Some(2_400_000),
    };
    let oom_memcg = match &scope {
        LimitScope::Node => None,
        LimitScope::Kubepods => Some("/kubepods"),
        _ => Some("/kubepods/burstable/podx/c"),
    };
    let limit = if oom_memcg.is_some() { Bytes::new(5_573_943_296) } else { Bytes::ZERO };
    let report = OomReport {
        at: at(seconds),
        constraint: if oom_memcg.is_some() { Constraint::Memcg } else { Constraint::None },
        invoker: Pid(4711),
        invoker_comm: comm.into(),
        oom_memcg: oom_memcg.map(Name::from),
        memory: CounterLine { usage: limit, limit, failcnt: 3 },
        total_pages: Pages::new(1_780_154),
        tasks: vec![task],
        victim: Some(TaskIx::new(0)),
        killed: vec![TaskIx::new(0)].into(),
        ..OomReport::default()
    };
    Record::OomKill { report: Box::new(report), limit: scope, killed_owners: [owner].into_iter().collect() }
}

pub fn container(pod: &str) -> Owner {
    Owner::Container { pod: pod.into(), container: "c".into() }
}

/// The container's end as the kubelet sees it.
pub fn terminated(pod: &str, reason: TerminatedReason, seconds: f64) -> Record {
    Record::ContainerTerminated {
        pod: pod.into(),
        container: "c".into(),
        reason,
        exit_code: 137,
        finished_at: at(seconds),
    }
}

/// The load tool dies of SIGKILL.
pub fn killed(pod: &str, cause: DeathCause) -> Record {
    let status = ExitStatus::Signal(Signo::Kill);
    Record::ProcessExited { pid: Pid(4711), comm: "dotnet".into(), owner: container(pod), status, cause }
}

impl Builder {
    /// The test node of docs/SOURCES.md: 7120616 Ki, allocatable 4675304 Ki, kubepods 5573943296 bytes.
    pub fn aks(name: &str, seconds: f64, step: f64) -> Builder {
        let node = NodeFacts {
            name: "aks-nodepool1-0".into(),
            capacity: Bytes::kib(7_120_616),
            allocatable: Bytes::kib(4_675_304),
            kubelet_not_started: None,
            kubepods_limit: Some(Bytes::new(5_573_943_296)),
            eviction_hard: Some(Bytes::mib(750)),
            eviction_soft: None,
            pods_evicted_above: Some(Bytes::kib(4_675_304)),
            pod_limits: vec![],
        };
        let history = History {
            scenario: name.into(),
            seed: 42,
            digest: Digest(0x1234_5678_9abc_def0_1234_5678_9abc_def0),
            stop: Stop::Time,
            ended_at: at(seconds),
            events: 1234,
            counts: Counts::default(),
            node,
            entries: vec![],
            passes: Vec::new(),
            series: Series::default(),
            pods: vec![],
            processes: vec![],
            warnings: vec![],
        };
        Builder { history, step }
    }

    /// Samples the run: `host(t)` is what the system uses in MiB, `pods(t)` each pod's working set.
    pub fn series(mut self, host: impl Fn(f64) -> f64, pods: &[Shape]) -> Builder {
        let mib = |m: f64| Bytes::new((m.max(0.0) * 1048576.0) as u64);
        self.history.series.pods = pods.iter().map(|(name, _)| Name::from(*name)).collect();
        let end = self.history.ended_at.as_secs_f64();
        let mut times: Vec<f64> = (0..).map(|n| f64::from(n) * self.step).take_while(|t| *t <= end).collect();
        for entry in &self.history.entries {
            let t = entry.at.as_secs_f64();
            times.extend([t - 1e-6, t + 1e-6]);
        }
        times.retain(|t| (0.0..=end).contains(t));
        times.sort_by(f64::total_cmp);
        let sample = |&t: &f64| {
            let here: Vec<PodSample> = pods
                .iter()
                .enumerate()
                .filter_map(|(n, (_, of))| {
                    let size = mib(of(t)?);
                    Some(PodSample { pod: n as u32, usage: size, working_set: size })
                })
                .collect();
            let kubepods: u64 = here.iter().map(|p| p.working_set.get()).sum();
            let working_set = Bytes::new(kubepods + mib(host(t)).get());
            let available = self.history.node.capacity.get() as i64 - working_set.get() as i64;
            Sample {
                at: at(t),
                available,
                working_set,
                mem_available: Bytes::new(available.max(0) as u64),
                mem_free: Bytes::new(available.max(0) as u64),
                kubepods_usage: Bytes::new(kubepods),
                kubepods_working_set: Bytes::new(kubepods),
                pods: here,
                ..Sample::default()
            }
        };
        self.history.series.samples = times.iter().map(sample).collect();
        self
    }

    pub fn entries(mut self, entries: Vec<(f64, Record)>) -> Builder {
        self.history.entries = entries.into_iter().map(|(t, record)| Entry { at: at(t), record }).collect();
        self.history.entries.sort_by_key(|entry| entry.at);
        self
    }

    pub fn pod(mut self, pod: &str, status: PodStatus, restarts: u32, mib: u64) -> Builder {
        self.history.pods.push(PodOutcome {
            pod: pod.into(),
            qos: QosClass::BestEffort,
            phase: if matches!(status, PodStatus::Reason(_)) { PodPhase::Failed } else { PodPhase::Running },
            reason: if let PodStatus::Reason(reason) = status { Some(reason) } else { None },
            message: "".into(),
            restarts,
            status,
            usage: Bytes::mib(mib),
            resized: None,
        });
        self
    }
}

fn blocks(t: f64, start: f64, every: f64, mib: f64) -> f64 {
    if t < start { 37.0 } else { 37.0 + ((t - start) / every).floor() * mib }
}

/// Pods exceed allocatable slowly: one eviction.
pub fn oom2() -> History {
    let evict = 268.3;
    let pressure_off = evict + 302.0;
    Builder::aks("oom2-allocatable-slow", 640.0, 1.0)
        .entries(vec![
            (0.0, Record::PodScheduled { pod: "default/alloc-mem-2".into(), qos: QosClass::BestEffort }),
            (
                1.2,
                Record::ContainerStarted { pod: "default/alloc-mem-2".into(), container: "c".into(), restart_count: 0 },
            ),
            (evict, Record::EvictionThresholdMet { message: "Attempting to reclaim memory".into() }),
            (evict, evicted("default/alloc-mem-2", 3596)),
            (evict + 0.2, killed("default/alloc-mem-2", DeathCause::Eviction)),
            (evict + 0.6, terminated("default/alloc-mem-2", TerminatedReason::Error, evict + 0.2)),
            (evict + 10.0, pressure(true)),
            (
                evict + 60.0,
                Record::PodRejected {
                    pod: "default/late".into(),
                    reason: PodReason::Evicted,
                    message: "The node had condition: [MemoryPressure]. ".into(),
                },
            ),
            (pressure_off, pressure(false)),
        ])
        .series(
            |_| 700.0,
            &[
                ("default/alloc-mem-2", &|t| (t < evict + 0.2 && t > 1.0).then(|| blocks(t, 6.0, 6.0, 102.0))),
                ("monitoring/prometheus", &|t| Some(70.0 + 10.0 * (t / 60.0).sin())),
                ("monitoring/grafana", &|_| Some(30.0)),
                ("kube-system/kube-proxy", &|_| Some(12.0)),
            ],
        )
        .pod("default/alloc-mem-2", PodStatus::Reason(PodReason::Evicted), 0, 0)
        .pod("monitoring/prometheus", PodStatus::Phase(PodPhase::Running), 0, 75)
        .history
}

/// Node memory runs out: node-exporter evicted twice, then the kernel kills tiny processes, at last the session.
pub fn oom3() -> History {
    let host = |t: f64| if t < 385.0 { 620.0 + (t / 6.0).floor() * 98.0 } else { 620.0 };
    let ssh = |name: &str| Owner::Host(name.into());
    let mut run = Builder::aks("oom3-node-eviction", 520.0, 1.0)
        .entries(vec![
            (352.0, Record::EvictionThresholdMet { message: "Attempting to reclaim memory".into() }),
            (352.0, pressure(true)),
            (352.0, evicted("monitoring/node-exporter-8k2xm", 11)),
            (364.5, evicted("monitoring/node-exporter-w2r5p", 4)),
            (378.3, oom(378.3, LimitScope::Node, "ssh", ssh("ssh"), 2)),
            (380.1, oom(380.1, LimitScope::Node, "bash", ssh("bash"), 1)),
            (
                385.0,
                Record::ProcessExited {
                    pid: Pid(991),
                    comm: "dotnet".into(),
                    owner: ssh("leak"),
                    status: ExitStatus::Signal(Signo::Hup),
                    cause: DeathCause::SessionHangup,
                },
            ),
        ])
        .series(
            host,
            &[
                ("monitoring/prometheus", &|t| Some(70.0 + t / 20.0)),
                ("monitoring/grafana", &|_| Some(30.0)),
                ("monitoring/node-exporter-8k2xm", &|t| (t < 352.4).then_some(11.0)),
                ("monitoring/node-exporter-w2r5p", &|t| (354.0..364.7).contains(&t).then_some(9.0)),
                ("monitoring/node-exporter-zz81c", &|t| (t > 366.5).then_some(9.0)),
            ],
        )
        .pod("monitoring/prometheus", PodStatus::Phase(PodPhase::Running), 0, 75)
        .history;
    run.processes.push(ProcessOutcome {
        pid: Pid(1),
        comm: "systemd".into(),
        owner: ssh("systemd"),
        rss: Bytes::mib(9),
        virtual_size: Bytes::mib(160),
    });
    run
}

/// Pods exceed allocatable fast: the kernel wins.
pub fn oom4() -> History {
    let kill = 26.4;
    Builder::aks("oom4-allocatable-fast", 90.0, 0.5)
        .entries(vec![
            (kill, oom(kill, LimitScope::Kubepods, "dotnet", container("default/alloc-mem-4"), 4664)),
            (kill + 0.3, killed("default/alloc-mem-4", DeathCause::MemcgOom)),
            (kill + 0.9, terminated("default/alloc-mem-4", TerminatedReason::OomKilled, kill + 0.3)),
            (kill + 22.0, evicted("default/alloc-mem-4", 4664)),
            (kill + 22.0, pressure(true)),
            (
                kill + 22.1,
                Record::KillFailed {
                    pod: "default/alloc-mem-4".into(),
                    container: "c".into(),
                    message: "rpc error: code = NotFound".into(),
                },
            ),
        ])
        .series(
            |_| 700.0,
            &[
                ("default/alloc-mem-4", &|t| (t < kill).then(|| blocks(t, 2.0, 6.0, 1024.0).min(5100.0))),
                ("monitoring/prometheus", &|_| Some(150.0)),
            ],
        )
        .pod("default/alloc-mem-4", PodStatus::Reason(PodReason::Evicted), 0, 0)
        .history
}

/// A container that dies of its limit again and again for a day, among 110 pods.
pub fn busy_day() -> History {
    let day = 86_400.0;
    let mut names: Vec<String> = (0..109).map(|n| format!("default/app-{n}")).collect();
    names.push("default/leaky".into());
    let own = LimitScope::Container { pod: "default/leaky".into(), container: "c".into() };
    let restarts: Vec<f64> = (1..250).map(|n| 330.0 * f64::from(n)).collect();
    let mut entries: Vec<_> =
        restarts.iter().map(|&t| (t, oom(t, own.clone(), "java", container("default/leaky"), 500))).collect();
    for n in 0..40 {
        let t = 40_000.0 + 31.0 * f64::from(n);
        entries.push((t, evicted(&format!("default/app-{n}"), 20)));
        if n % 5 == 0 {
            entries.push((t, pressure(n % 10 == 0)));
        }
    }
    type Owned = Box<dyn Fn(f64) -> Option<f64>>;
    let shapes: Vec<Owned> = (0..110)
        .map(|n| -> Owned {
            if n == 109 {
                return Box::new(|t| Some(20.0 + 480.0 * (t % 330.0) / 330.0));
            }
            let base = 20.0 + 300.0 / f64::from(n + 1);
            Box::new(move |t| {
                (!(40_000.0 + 31.0 * f64::from(n)..60_000.0).contains(&t) || n >= 40)
                    .then(|| base * (1.2 + (t / 9000.0 + f64::from(n)).sin() * 0.3))
            })
        })
        .collect();
    let pods: Vec<Shape> = names.iter().zip(&shapes).map(|(name, shape)| (name.as_str(), &**shape)).collect();
    let mut history =
        Builder::aks("a day of 110 pods", day, 30.0).entries(entries).series(|t| 700.0 + t / 100.0, &pods).history;
    history.node.pod_limits = vec![("default/leaky".into(), Bytes::mib(512))];
    history.node.eviction_soft = Some(Bytes::mib(1000));
    history
}

/// A tenth of a second on a machine without kubelet: refused, granted, killed.
pub fn short_plain() -> History {
    let mut builder = Builder::aks("overcommit-mode-2", 0.1, 0.001).entries(vec![
        (0.002, Record::SysctlSet { name: "vm.overcommit_memory".into(), value: 2 }),
        (
            0.0613,
            Record::AllocationRefused {
                pid: Pid(77),
                comm: "alloc".into(),
                owner: Owner::Host("alloc".into()),
                op: RefusedCall::Mmap,
                requested: Bytes::mib(100),
                committed_as: Bytes::mib(5800),
                commit_limit: Bytes::mib(5900),
            },
        ),
        (0.0713, oom(0.0713, LimitScope::Node, "alloc", Owner::Host("alloc".into()), 6000)),
    ]);
    builder.history.node.kubepods_limit = None;
    builder.history.node.eviction_hard = None;
    let mut history = builder.series(|t| if t < 0.0713 { 500.0 + t * 89_000.0 } else { 500.0 }, &[]).history;
    for sample in &mut history.series.samples {
        sample.committed_as = Bytes::new(sample.working_set.get() + (300 << 20));
    }
    history
}

/// A report of a run, with an expectation that holds and one that does not.
pub(crate) fn report(history: History) -> crate::RunReport {
    let result = |holds, expected: &str| ExpectationResult {
        holds,
        expected: expected.into(),
        found: "what was found".into(),
        source: "where it comes from".into(),
        required: RequiredShare::ALL,
        line: 7,
    };
    crate::RunReport {
        file: "x.toml".into(),
        description: "What it shows.".into(),
        history,
        kept: oomsim_core::record::Keep::Series,
        results: vec![result(true, "this"), result(false, "that")],
        not_judged: None,
        standing: None,
        reproduce: String::new(),
        scenario: Arc::new(Scenario::new("x", NodePlan::new(Bytes::gib(8)))),
        kernel_log: KernelLog::new(&STYLES[0], Hierarchy::V2, "6.1"),
    }
}
