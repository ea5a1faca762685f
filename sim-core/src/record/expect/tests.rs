//! Expectations against a small run written by hand: the truth of every line can be read off `history()`.

use super::*;
use crate::engine::Stop;
use crate::node_api::{
    EvictionSignal, ExitStatus, NodeConditionType, PodPhase, PodReason, PodStatus, QosClass, Signo, TerminatedReason,
};
use crate::record::{
    Counts, DeathCause, Digest, Entry, History, NodeFacts, Owner, PodOutcome, PodSample, ProcessOutcome, Record,
    Sample, Series,
};
use crate::units::Pid;

fn secs(s: u64) -> SimTime {
    SimTime::from_secs(s)
}

fn terminated(at: u64, pod: &str, exit_code: i32) -> Entry {
    let record = Record::ContainerTerminated {
        pod: pod.into(),
        container: "app".into(),
        reason: if exit_code == 137 { TerminatedReason::OomKilled } else { TerminatedReason::Error },
        exit_code,
        finished_at: secs(at),
    };
    Entry { at: secs(at), record }
}

fn shell() -> ProcessOutcome {
    ProcessOutcome {
        pid: Pid(12),
        comm: "bash".into(),
        owner: Owner::Host("bash".into()),
        rss: Bytes::mib(3),
        virtual_size: Bytes::mib(20),
    }
}

/// web dies at 10 s (137), again at 30 s (139); db is evicted at 60 s; memory pressure from 59 s on.
fn history() -> History {
    let owner = Owner::Container { pod: "default/web".into(), container: "app".into() };
    let exited = Record::ProcessExited {
        pid: Pid(9),
        comm: "java".into(),
        owner,
        status: ExitStatus::Signal(Signo::Kill),
        cause: DeathCause::MemcgOom,
    };
    let evicted = Record::Evicted {
        pod: "default/db-0".into(),
        message: "The node was low on resource: memory. ".into(),
        offenders: Box::default(),
        grace_period: SimDuration::ZERO,
        signal: EvictionSignal::MemoryAvailable,
        usage_seen: Some(Bytes::mib(700)),
        usage_seen_at: Some(secs(48)),
        usage_now: Bytes::mib(900),
    };
    let pressure = Record::NodeCondition { r#type: NodeConditionType::MemoryPressure, status: ConditionStatus::True };
    let pod = |name: &str, phase, reason: Option<PodReason>, restarts| PodOutcome {
        pod: name.into(),
        qos: QosClass::BestEffort,
        phase,
        reason,
        message: "".into(),
        restarts,
        status: reason.map_or(PodStatus::Phase(PodPhase::Running), PodStatus::Reason),
        usage: Bytes::mib(100),
        resized: None,
    };
    let sample = |at, available, pod: u64| Sample {
        at: secs(at),
        available,
        working_set: Bytes::mib(pod),
        pods: vec![PodSample { pod: 0, usage: Bytes::mib(pod), working_set: Bytes::mib(pod) }],
        ..Sample::default()
    };
    History {
        scenario: "small".into(),
        seed: 1,
        digest: Digest(0),
        stop: Stop::Time,
        ended_at: secs(100),
        events: 5,
        counts: Counts { evictions: 1, restarts: 2, ..Counts::default() },
        node: NodeFacts::default(),
        entries: vec![
            Entry { at: secs(10), record: exited },
            terminated(10, "default/web", 137),
            terminated(30, "default/web", 139),
            Entry { at: secs(59), record: pressure },
            Entry { at: secs(60), record: evicted },
        ],
        passes: Vec::new(),
        series: Series {
            pods: vec!["default/web".into()],
            samples: vec![sample(0, 1000, 10), sample(50, -20, 300), sample(100, 500, 200)],
        },
        pods: vec![
            pod("default/web", PodPhase::Running, None, 2),
            pod("default/db-0", PodPhase::Failed, Some(PodReason::Evicted), 0),
        ],
        processes: vec![shell()],
        warnings: vec![],
    }
}

fn judge(check: Check) -> ExpectationResult {
    let expectation = Expectation { source: "hand".into(), line: 3, required: RequiredShare::ALL, check };
    evaluate(&[expectation], &history()).remove(0)
}

fn event(kind: &str) -> EventCheck {
    EventCheck {
        what: EventMatch { kind: kind.into(), ..EventMatch::default() },
        count: Bounds::default(),
        between: Window::default(),
        after: None,
        before: None,
    }
}

fn with(kind: &str, field: &str, test: Test) -> EventCheck {
    let mut check = event(kind);
    check.what.filters.push(Filter { field: field.into(), test });
    check
}

fn relation(kind: &str, within: u64) -> Option<Relation> {
    Some(Relation {
        other: EventMatch { kind: kind.into(), ..EventMatch::default() },
        within: Some(SimDuration::from_secs(within)),
        least: None,
    })
}

#[test]
fn events_by_kind_who_fields_count_and_time() {
    let terminated = || event("ContainerTerminated");
    let text = |s: &str| Scalar::Text(s.into());
    let pod = |check: EventCheck, pod: &str| EventCheck {
        what: EventMatch { pod: Some(pod.into()), ..check.what.clone() },
        ..check
    };
    let counted = |check: EventCheck, count| EventCheck { count, ..check };
    let between =
        |check: EventCheck, from, to| EventCheck { between: Window { from: secs(from), to: secs(to) }, ..check };
    for (number, (check, holds)) in [
        (terminated(), true),
        (counted(terminated(), Bounds::exactly(2)), true),
        (counted(terminated(), Bounds::exactly(0)), false),
        (counted(event("OomKill"), Bounds::exactly(0)), true),
        (event("OomKill"), false),
        (pod(event("Evicted"), "db-*"), true),
        (pod(event("Evicted"), "default/db-0"), true),
        (pod(event("Evicted"), "web"), false),
        (with("ContainerTerminated", "exitCode", Test::Equals(Scalar::Int(139))), true),
        (with("ContainerTerminated", "exitCode", Test::Bounds(Bounds::at_least(140))), false),
        (with("ContainerTerminated", "reason", Test::Not(text("OOMKilled"))), true),
        (with("Evicted", "message", Test::Contains(text("low on resource: memory"))), true),
        (with("Evicted", "usageSeenAt", Test::Bounds(Bounds { min: Some(45), max: Some(50) })), true),
        (with("Evicted", "usageSeen", Test::Present(false)), false),
        (with("EvictionThresholdMet", "message", Test::Present(true)), false),
        (between(terminated(), 29, 31), true),
        (between(terminated(), 31, 90), false),
        (EventCheck { after: relation("NodeCondition", 1), ..event("Evicted") }, true),
        (EventCheck { before: relation("NodeCondition", 1), ..event("Evicted") }, false),
        (EventCheck { before: relation("Evicted", 50), ..terminated() }, true),
        (EventCheck { before: relation("Evicted", 20), ..terminated() }, false),
    ]
    .into_iter()
    .enumerate()
    {
        let result = judge(Check::Event(Box::new(check)));
        assert_eq!(result.holds, holds, "{number}: {result:?}");
    }
}

#[test]
fn a_failure_says_what_came_nearest() {
    let mut check = with("ContainerTerminated", "exitCode", Test::Equals(Scalar::Int(143)));
    check.what.pod = Some("web".into());
    check.between = Window { from: secs(20), to: secs(40) };
    let result = judge(Check::Event(Box::new(check)));
    assert_eq!(
        result.expected,
        "ContainerTerminated pod web with exitCode 143, at least once, between 20.000 s and 40.000 s"
    );
    assert!(
        result.found.starts_with("nearest: ContainerTerminated default/web/app at 30.000 s: exitCode is 139, not 143;"),
        "{}",
        result.found
    );
    let result = judge(Check::Event(Box::new(event("OomKill"))));
    assert_eq!(result.found, "no OomKill at all; the run has ContainerTerminated ×2, Evicted ×1");
    let missed =
        judge(Check::Event(Box::new(EventCheck { before: relation("Evicted", 20), ..event("ContainerTerminated") })));
    assert!(missed.found.contains("the nearest Evicted after it is 30s away"), "{}", missed.found);
}

#[test]
fn final_states_curves_and_totals() {
    let pod = |name: &str| PodCheck { pod: name.into(), ..PodCheck::default() };
    let bash = |count| ProcessCheck { comm: "bash".into(), count, ..ProcessCheck::default() };
    let curve = SeriesCheck {
        curve: Curve::NodeAvailable,
        pod: None,
        between: Window::default(),
        every: Bounds::default(),
        peak: Bounds::default(),
        lowest: Bounds::default(),
    };
    let at = |s| Window { from: secs(s), to: secs(s) };
    let condition = |status| Check::Condition(ConditionCheck { r#type: NodeConditionType::MemoryPressure, status });
    let pod_curve = SeriesCheck { curve: Curve::PodWorkingSet, pod: Some("web".into()), ..curve.clone() };
    let mib = |n: i64| Bounds::exactly(n << 20);
    for (number, (check, holds)) in [
        (Check::Pod(PodCheck { phase: Some(PodPhase::Failed), reason: Some("Evicted".into()), ..pod("db-*") }), true),
        (Check::Pod(PodCheck { restarts: Bounds::exactly(3), ..pod("web") }), false),
        (Check::Pod(PodCheck { phase: Some(PodPhase::Running), ..pod("*") }), false),
        (Check::Pod(PodCheck { phase: Some(PodPhase::Running), count: Some(Bounds::exactly(1)), ..pod("*") }), true),
        (Check::Pod(PodCheck { phase: Some(PodPhase::Running), ..pod("gone") }), false),
        (Check::Pod(PodCheck { count: Some(Bounds::exactly(0)), ..pod("gone") }), true),
        (Check::Process(bash(Bounds::exactly(1))), true),
        (
            Check::Process(ProcessCheck { comm: "java".into(), count: Bounds::exactly(0), ..bash(Bounds::default()) }),
            true,
        ),
        (Check::Process(ProcessCheck { rss: Bounds::at_least(4 << 20), ..bash(Bounds::at_least(1)) }), false),
        (condition(ConditionStatus::True), true),
        (condition(ConditionStatus::False), false),
        (Check::Series(SeriesCheck { every: Bounds::at_least(-20), ..curve.clone() }), true),
        (Check::Series(SeriesCheck { every: Bounds::at_least(0), ..curve.clone() }), false),
        (Check::Series(SeriesCheck { every: Bounds::at_least(0), between: at(49), ..curve.clone() }), true),
        (Check::Series(SeriesCheck { every: Bounds::exactly(-20), between: at(50), ..curve.clone() }), true),
        (Check::Series(SeriesCheck { lowest: Bounds::exactly(-20), peak: Bounds::exactly(1000), ..curve }), true),
        (Check::Series(SeriesCheck { peak: mib(300), ..pod_curve.clone() }), true),
        (Check::Series(SeriesCheck { every: Bounds::at_least(0), pod: Some("gone".into()), ..pod_curve }), false),
        (Check::Total(TotalCheck { total: Total::Evictions, count: Bounds::exactly(1) }), true),
        (Check::Total(TotalCheck { total: Total::OomKills, count: Bounds::at_least(1) }), false),
    ]
    .into_iter()
    .enumerate()
    {
        let result = judge(check);
        assert_eq!(result.holds, holds, "{number}: {result:?}");
    }
}

#[test]
fn amounts_for_people() {
    for (bytes, text) in [
        (750 << 20, "750Mi"),
        (-(3 << 30), "-3Gi"),
        (123_456_789, "117.7Mi"),
        (512, "512"),
        (0, "0"),
        (1_292_665_618_432, "1.17Ti"),
        (40_000_000_000, "37.25Gi"),
    ] {
        assert_eq!(amount(bytes), text);
    }
}
