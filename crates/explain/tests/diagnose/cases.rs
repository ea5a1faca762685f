//! Descriptions and files whose causes are known otherwise: the exercises of the Lesson, and files that are not drawn
//! here.

use crate::drawn::observed;
use oomsim_core::units::Bytes;
use oomsim_explain::diagnose::{Ailment, MemoryCurve, Observed, diagnose};
use oomsim_testkit::repository;

/// Lesson, exercise 3, and its flashcards: what the text describes, as signs.
#[test]
fn the_exercises_of_the_lesson() {
    // 1. A web app is OOMKilled every 3 days, memory grows linearly. 200 to 800 Mi in 8 h: 2 Gi take 24 to 32 h.
    let mut leak = lesson(800);
    leak.working_set = curve(|x| 200.0 + 600.0 * (x * 3.0).fract(), 3.0 * 8.0 * 3600.0);
    let found = diagnose(&leak);
    assert_eq!(found.cause, Some(Ailment::Leak));
    // By hand: 600 Mi in 8 hours are 75 Mi an hour; from 200 to 800 Mi 8 hours, to 1600 Mi 18.7.
    assert!(found.advice.fix.contains("doubling the limit makes that 18"), "{}", found.advice.fix);
    // 2. Dies in the daily peaks, is fine overnight.
    let mut peaks = lesson(1024);
    peaks.working_set = curve(|x| if (x * 6.0).fract() < 0.12 { 1000.0 } else { 420.0 }, 6.0 * 86_400.0);
    assert_eq!(diagnose(&peaks).cause, Some(Ailment::Burst));
    // 3. File transcoding: 200 MB of heap, the rest of memory is files.
    let mut files = lesson(1024);
    files.pod.containers[0].ended = None;
    files.pod.containers[0].restarts = 0;
    files.working_set = curve(|x| 200.0 + 700.0 * (x * 1.4).min(1.0), 7200.0);
    files.rss = curve(|_| 200.0, 7200.0);
    assert_eq!(diagnose(&files).cause, Some(Ailment::PageCache));
    // 4. Pods die although they are well within their limits: the node.
    let mut node = lesson(1024);
    node.pod.containers[0].ended = None;
    node.pod.reason = "Evicted".into();
    node.working_set = curve(|_| 300.0, 7200.0);
    node.node_available = curve(|x| 4000.0 * (1.0 - x) + 60.0, 7200.0);
    assert_eq!(diagnose(&node).cause, Some(Ailment::NodePressure));
    // 5. -Xmx4g in a container of 4Gi dies at startup.
    let mut heap = lesson(4096);
    heap.pod.containers[0].settings.push("-Xmx4g".into());
    let found = diagnose(&heap);
    assert_eq!(found.cause, Some(Ailment::RuntimeSize), "{found:?}");
    assert!(found.advice.fix.contains("100 % of the limit"), "{}", found.advice.fix);
}

/// Pods that the kubelet ends for other reasons than memory say so in their status (pkg/kubelet: eviction, preemption,
/// nodeshutdown, active_deadline); the name of a container is no resource.
#[test]
fn what_ends_a_pod_for_another_reason_is_not_memory() {
    let disk = "The node was low on resource: ephemeral-storage. Threshold quantity: 8Gi, available: 7Gi. Container memory-cache was \
                using 5Gi, request is 0, has larger consumption of ephemeral-storage. ";
    let memory = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 81240Ki. ";
    for (reason, message, cause) in [
        ("Evicted", disk, Ailment::KilledByOther),
        ("Preempting", "Preempted in order to admit critical pod", Ailment::KilledByOther),
        ("Terminated", "Pod was terminated in response to imminent node shutdown.", Ailment::KilledByOther),
        ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline", Ailment::KilledByOther),
        ("Evicted", memory, Ailment::NodePressure),
    ] {
        let mut pod = lesson(1024);
        pod.pod.containers[0].ended = None;
        pod.pod.containers[0].restarts = 0;
        pod.pod.reason = reason.into();
        pod.pod.message = message.into();
        pod.working_set = curve(|_| 300.0, 7200.0);
        assert_eq!(diagnose(&pod).cause, Some(cause), "{reason}: {message}");
    }
}

/// A container with a limit in MiB that was OOMKilled four times.
fn lesson(limit: u64) -> Observed {
    use oomsim_explain::diagnose::{ContainerFacts, End};
    let mut observed = Observed { container: "app".into(), ..Observed::default() };
    observed.pod.name = "web".into();
    observed.pod.containers.push(ContainerFacts {
        name: "app".into(),
        spec_known: true,
        status_known: true,
        limit: Some(Bytes::mib(limit)),
        restarts: 4,
        running: true,
        ended: Some(End { exit_code: 137, reason: "OOMKilled".into(), lived_s: None }),
        ..ContainerFacts::default()
    });
    observed
}

/// 200 samples of a formula in MiB.
fn curve(of: impl Fn(f64) -> f64, seconds: f64) -> MemoryCurve {
    (0..200).map(|n| (n as f64 / 200.0 * seconds, of(n as f64 / 200.0) * 1_048_576.0)).collect()
}

/// What users bring: a pod, a Prometheus answer, events, a kernel log; the causes are known by construction. From 09 on
/// in odd forms: Grafana's CSV, names of old cAdvisors, YAML, CSV with columns of labels, a kernel log of cgroup v1 and
/// one of the journal, a scrape a minute, NaN, no limit, several containers and pods.
#[test]
fn containers_with_known_causes() {
    let cases = [
        ("01", Ailment::Leak),
        ("02", Ailment::LimitTooLow),
        ("03", Ailment::RuntimeSize),
        ("04", Ailment::Burst),
        ("05", Ailment::NodePressure),
        ("06", Ailment::LivenessProbe),
        ("07", Ailment::PageCache),
        ("08", Ailment::Tmpfs),
        ("09", Ailment::Leak),
        ("10", Ailment::Leak),
        ("11", Ailment::LimitTooLow),
        ("12", Ailment::NodePressure),
        ("13", Ailment::NodeOvercommit),
        ("14", Ailment::ReservationTooSmall),
        ("15", Ailment::KilledByOther),
        ("16", Ailment::LivenessProbe),
        ("17", Ailment::RuntimeSize),
        ("18", Ailment::RuntimeSize),
        ("19", Ailment::Burst),
        ("20", Ailment::PageCache),
        ("21", Ailment::Tmpfs),
        ("22", Ailment::Sidecar),
        ("23", Ailment::Sidecar),
        ("24", Ailment::ChildKilled),
        ("25", Ailment::Swap),
        ("26", Ailment::HighStall),
        ("28", Ailment::Leak),
    ];
    for (number, cause) in cases {
        let found = diagnose(&given(number));
        assert_eq!(found.cause, Some(cause), "{number}: {found:#?}");
        assert!(!found.advice.confirm.is_empty() && !found.advice.fix.is_empty() && !found.evidence_for.is_empty());
    }
}

/// The files of a case.
fn given(number: &str) -> Observed {
    let folder = repository().join("crates/explain/tests/cases").join(number);
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        (path.display().to_string(), std::fs::read_to_string(path).expect("a text"))
    };
    observed(std::fs::read_dir(folder).expect("a folder").map(read).collect())
}

/// A status alone decides nothing, and a container that is well has no cause: it stays level far below its limit beside
/// one that reads many files.
#[test]
fn what_does_not_decide_and_what_is_well() {
    assert_eq!(diagnose(&given("27")).cause, None);
    let folder = repository().join("crates/explain/tests/cases/20");
    let read = |name: &str| (name.to_owned(), std::fs::read_to_string(folder.join(name)).expect("a text"));
    let all = crate::drawn::all_observed(vec![read("pod.json"), read("ws.json")]);
    let beside = all.iter().find(|o| o.container == "log-agent").expect("it is there");
    assert_eq!(diagnose(beside).cause, None, "{:#?}", diagnose(beside));
}

/// Where nothing decides it says so, and what to measure.
#[test]
fn too_little_is_too_little() {
    let found = diagnose(&lesson(512));
    assert_eq!(found.cause, None, "{found:?}");
    assert!(found.advice.measure_next.iter().any(|what| what.contains("container_memory_working_set_bytes")));
    assert!(found.advice.fix.is_empty());
}
