//! The kubelet's clocks are separate: changing one of them alone changes what happens.
//!
//! Every expectation is worked out by hand from the scenario beside it. Programs grow at a constant rate on a node
//! without delays of its own. Page tables are charged in addition: 1/512 of what is touched, and some pages of the
//! pause process.

use oomsim_core::record::{ConditionStatus, Entry, History, Keep, Record};
use oomsim_core::simulate;
use oomsim_core::units::SimTime;

/// 4 GiB, of which pods get 3 GiB (the kubepods limit) and are evicted above 3072 − 500 = 2572 MiB; without delays of
/// the runtime, and figures taken exactly every interval.
const NODE: &str = r#"
duration = "200s"
[node]
memory = "4Gi"
runtime = { sandboxCreate = "0s", containerCreate = "0s", containerRemove = "0s", podTeardown = "0s" }
exit = { base = "0s", perGiB = "0s" }
[kernel]
version = "6.1"
[kubelet]
version = "1.32"
kubeReserved = { memory = "1Gi" }
evictionHard = { "memory.available" = "500Mi" }
firstPass = "0s"
[kubelet.timing]
nodeStatusJitterPermille = 0
relistPeriod = "0s"
resyncJitter = "0s"
[kubelet.timing.housekeeping]
jitterPermille = 0
"#;

fn run_seeded(pods: &str, changes: &[&str], seed: u64) -> History {
    oomsim_testkit::run_with(&format!("{NODE}{pods}"), changes, seed)
}

fn run(pods: &str, changes: &[&str]) -> History {
    run_seeded(pods, changes, 1)
}

/// Times in milliseconds of what a pattern finds.
fn times<T>(history: &History, find: impl Fn(&Record) -> Option<T>) -> Vec<(u64, T)> {
    let one = |entry: &Entry| Some((millis(entry.at), find(&entry.record)?));
    history.entries.iter().filter_map(one).collect()
}

fn millis(at: SimTime) -> u64 {
    at.as_nanos() / 1_000_000
}

/// When which pods were evicted.
fn evictions(history: &History) -> Vec<(u64, String)> {
    times(history, |record| match record {
        Record::Evicted { pod, .. } => Some(pod.trim_start_matches("default/").to_owned()),
        _ => None,
    })
}

fn evicted(at: u64, pod: &str) -> (u64, String) {
    (at, pod.to_owned())
}

/// When the kernel killed.
fn kills(history: &History) -> Vec<u64> {
    times(history, |record| matches!(record, Record::OomKill { .. }).then_some(()))
        .into_iter()
        .map(|kill| kill.0)
        .collect()
}

fn starts(history: &History) -> Vec<u64> {
    let started = |record: &Record| matches!(record, Record::ContainerStarted { .. }).then_some(());
    times(history, started).into_iter().map(|start| start.0).collect()
}

/// 100 MiB a second from 1 s on, 100.195 with page tables: above 2572 MiB at 26.67 s, at the limit of 3072 MiB at 31.66
/// s.
const LEAK: &str = r#"
[[pod]]
name = "leak"
at = "1s"
restartPolicy = "Never"
[[pod.container]]
name = "app"
onTerm = "dies"
workload.ramp = { rate = "100Mi" }
"#;

/// kubelet.go evictionMonitoringPeriod, eviction_manager.go Start: a pass every 10 s and what it takes (5 ms here).
#[test]
fn period_of_the_eviction_manager() {
    // Passes at 0, 10.005, 20.010 and 30.015 s: between the two crossings.
    let usual = run(LEAK, &[]);
    assert_eq!(evictions(&usual), [evicted(30_015, "leak")]);
    assert_eq!(kills(&usual), [0; 0]);
    // Passes at 24.010 and 36.015 s: the limit comes first.
    let rare = run(LEAK, &["kubelet.timing.monitoringPeriod=12s"]);
    assert_eq!(evictions(&rare), []);
    assert!((31_640..31_670).contains(&kills(&rare)[0]), "{:?}", kills(&rare));
}

#[test]
fn phase_of_the_eviction_manager() {
    // Passes at 5, 15.005, 25.010 s (2401 MiB, not enough) and 35.015 s (too late).
    let other = run(LEAK, &["kubelet.firstPass=5s"]);
    assert_eq!(evictions(&other), []);
    assert_eq!(kills(&other).len(), 1);
    // Without firstPass it is drawn within one period: passes between 26.67 and 31.66 s are half of all phases.
    let free = LEAK.replace("[[pod]]", "# by seed\n[[pod]]");
    let node = NODE.replace("firstPass = \"0s\"\n", "");
    let won = (1..=100).filter(|&seed| {
        let scenario = oomsim_testkit::read(&format!("{node}{free}")).scenario;
        !evictions(&simulate(&scenario, seed, Keep::Events).expect("it runs")).is_empty()
    });
    // 50 of 100, three standard deviations of 5 either way.
    let won = won.count();
    assert!((35..=65).contains(&won), "{won}");
}

/// The period is counted from the end of a pass (eviction_manager.go Start).
#[test]
fn duration_of_a_pass() {
    // Passes at 0, 13, 26 s (2500 MiB) and 39 s.
    let long = run(LEAK, &["kubelet.timing.synchronize=3s"]);
    assert_eq!(evictions(&long), []);
    assert_eq!(kills(&long).len(), 1);
}

/// `main` uses 1500 MiB and requests 1000; `leak` grows by 100 MiB a second from 3 s on and requests nothing. Together
/// above 2572 MiB at 13.72 s, at the limit at 18.72 s; the pass is at 17.005 s, when `leak` has 1400 MiB.
const TWO: &str = r#"
[[pod]]
name = "main"
[[pod.container]]
name = "app"
onTerm = "dies"
resources.requests.memory = "1000Mi"
workload.steady = { anon = "1500Mi" }
[[pod]]
name = "leak"
at = "3s"
[[pod.container]]
name = "app"
onTerm = "dies"
workload.ramp = { rate = "100Mi" }
"#;

/// cAdvisor 0.51 container.go housekeeping: pods' figures are as old as cAdvisor's last look, 10 s and more apart.
#[test]
fn age_of_the_pods_figures() {
    // Figures of `leak` at 3 s (0) and 13 s (1000 MiB above its request): more than the 500 MiB of `main`.
    let usual = run(TWO, &["kubelet.firstPass=7s"]);
    assert_eq!(evictions(&usual)[0], evicted(17_005, "leak"));
    // Every 16 s: `main` is seen at 16 s, `leak` not before 19 s. The innocent pod goes.
    let slow = [
        "kubelet.firstPass=7s",
        "kubelet.timing.housekeeping.interval=16s",
        "kubelet.timing.housekeeping.maxInterval=16s",
    ];
    assert_eq!(evictions(&run(TWO, &slow))[0], evicted(17_005, "main"));
    // With figures of the moment it would not.
    let fresh = [&slow[..], &["kubelet.timing.housekeeping.fresh=true"]].concat();
    assert_eq!(evictions(&run(TWO, &fresh))[0], evicted(17_005, "leak"));
}

/// cAdvisor 0.51 container.go, wait.Jitter: the jitter is up to the whole interval.
#[test]
fn jitter_of_the_pods_figures() {
    let victims = |permille: u32| -> usize {
        let jitter = format!("kubelet.timing.housekeeping.jitterPermille={permille}");
        let changes = ["kubelet.firstPass=7s", &*jitter];
        (1..=100).filter(|&seed| evictions(&run_seeded(TWO, &changes, seed))[0].1 == "main").count()
    };
    assert_eq!(victims(0), 0);
    // `main` is seen by 17 s with probability 0.7, `leak` (which has begun at 3 s) not with 0.6: 42 of 100, three
    // standard deviations of 4.9 either way.
    let main = victims(1000);
    assert!((27..=57).contains(&main), "{main}");
}

/// `main` exceeds its request by 300 MiB. `burst` holds 100 MiB for 31 s, then grows by 150 MiB a second. Together
/// above 2572 MiB at 35.5 s, at the limit at 38.8 s; the pass is at 37.015 s.
const IDLE: &str = r#"
[[pod]]
name = "main"
[[pod.container]]
name = "app"
onTerm = "dies"
resources.requests.memory = "1500Mi"
workload.steady = { anon = "1800Mi" }
[[pod]]
name = "burst"
[[pod.container]]
name = "app"
onTerm = "dies"
workload.steady = { anon = "100Mi" }
[[pod.container.process]]
comm = "child"
startAfter = "31s"
workload.ramp = { rate = "150Mi" }
"#;

/// cAdvisor 0.51 container.go nextHousekeepingInterval: while figures do not change, the interval doubles up to 15 s.
#[test]
fn idle_pods_are_looked_at_less_often() {
    // Looks at 0, 10, 20 s (unchanged: 15 s more) and 35 s, when `burst` has 700 MiB.
    assert_eq!(evictions(&run(IDLE, &["kubelet.firstPass=7s"]))[0], evicted(37_015, "burst"));
    // Up to 40 s: 20 s more after 20 s. `burst` is still seen with 100 MiB, less than the 300 MiB above `main`'s
    // request.
    let rare = ["kubelet.firstPass=7s", "kubelet.timing.housekeeping.maxInterval=40s"];
    assert_eq!(evictions(&run(IDLE, &rare))[0], evicted(37_015, "main"));
}

/// eviction_manager.go synchronize, provider.Get(updateStats): `/` and kubepods are refreshed at each pass; pods are
/// not.
#[test]
fn figures_of_the_node_are_fresh() {
    let history = run(LEAK, &[]);
    let passes = times(&history, |record| match record {
        Record::EvictionPass { pods_working_set, .. } => Some(pods_working_set.get() >> 20),
        _ => None,
    });
    // 29.015 s of 100.195 MiB.
    assert_eq!(passes[0], (30_015, 2907));
    let seen = times(&history, |record| match record {
        Record::Evicted { usage_seen, usage_seen_at, usage_now, .. } => Some((
            usage_seen.expect("a figure").get() >> 20,
            millis(usage_seen_at.expect("a time")),
            usage_now.get() >> 20,
        )),
        _ => None,
    });
    // Looks at 1, 11 and 21 s: 20 s of 100.195 MiB.
    assert_eq!(seen, [(30_015, (2003, 21_000, 2907))]);
}

/// Runs 2 s and fails. The first restart is at once, then back-offs of 10, 20, 40 s, from the container's end.
const CRASH: &str = r#"
[[pod]]
name = "crash"
[[pod.container]]
name = "app"
workload.ramp = { rate = "10Mi", to = "20Mi", then = { exit = 3 } }
"#;

/// pod_workers.go completeWork: the back-off is checked when the pod worker comes by, 10 s and up to 5 s after each
/// failed try.
#[test]
fn resync_of_pod_workers() {
    let first = |changes: &[&str]| starts(&run(CRASH, changes))[..5].to_vec();
    // Ends at 2, 4, 16, 38 s. Tries at 14; 26, 36; 48, 58, 68, 78 s.
    assert_eq!(first(&[]), [0, 2_000, 14_000, 36_000, 78_000]);
    // Every 7 s: tries at 11, 18; 27, 34, 41; 50, 57, 64, 71, 78, 85 s.
    assert_eq!(first(&["kubelet.timing.resyncPeriod=7s"]), [0, 2_000, 18_000, 41_000, 85_000]);
    // Just when the back-off is over.
    assert_eq!(first(&["kubelet.timing.resyncPeriod=0s"]), [0, 2_000, 14_000, 36_000, 78_000]);
    assert_eq!(run(CRASH, &["duration=80s"]).counts.restarts, 4);
    assert_eq!(run(CRASH, &["duration=80s", "kubelet.timing.resyncPeriod=7s"]).counts.restarts, 3);
}

/// SOURCES OOM1 (a real node): ends of about 2 s runs at 5, 22, 47, 93 and 183 s, so waits of about 15, 23, 44 and 88
/// s.
#[test]
fn jitter_of_pod_workers() {
    let waits = |seed| {
        let starts = starts(&run_seeded(CRASH, &["kubelet.timing.resyncJitter=5s"], seed));
        starts[1..5].windows(2).map(|pair| pair[1] - pair[0] - 2_000).collect::<Vec<_>>()
    };
    let all: Vec<_> = (1..=50).map(waits).collect();
    // One try of 10 to 15 s; two (20 to 30 s); three or four that reach 40 s: at most 40 + 15 s.
    for (n, range) in [(0, 10_000..=15_000), (1, 20_000..=30_000), (2, 40_000..=55_000)] {
        assert!(all.iter().all(|waits| range.contains(&waits[n])), "{n}: {all:?}");
        assert!(all.iter().any(|waits| waits[n] > range.start() + 3_000), "{n}: no jitter");
    }
}

/// kubelet.go backOffPeriod, MaxContainerBackOff: 10 s, doubled up to 300 s.
#[test]
fn restart_back_off() {
    let first = |change: &str| starts(&run(CRASH, &["kubelet.timing.resyncPeriod=0s", change]))[..5].to_vec();
    assert_eq!(first("kubelet.timing.backOffBase=5s"), [0, 2_000, 9_000, 21_000, 43_000]);
    assert_eq!(first("kubelet.timing.backOffMax=20s"), [0, 2_000, 14_000, 36_000, 58_000]);
    assert_eq!(first("kubelet.timing.backOffFirst=3s"), [0, 5_000, 17_000, 39_000, 81_000]);
    // The configuration's own field, behind its gate: the base is never above the maximum (kubelet.go, 1.32).
    let most = "kubelet.crashLoopBackOff={ maxContainerRestartPeriod = \"5s\" }";
    let gate = "kubelet.featureGates={ KubeletCrashLoopBackOffMax = true }";
    let starts = starts(&run(CRASH, &["kubelet.timing.resyncPeriod=0s", most, gate]))[..5].to_vec();
    assert_eq!(starts, [0, 2_000, 9_000, 16_000, 23_000]);
}

/// kubelet.go genericPlegRelistPeriod: the kubelet lists containers every second (PLEG); nothing tells it sooner.
#[test]
fn relist_of_containers() {
    let seen = |period: &str| -> Vec<u64> {
        let change = format!("kubelet.timing.relistPeriod={period}");
        (1..=30).map(|seed| starts(&run_seeded(CRASH, &[&change], seed))[1] - 2_000).collect()
    };
    assert!(seen("0s").iter().all(|&delay| delay == 0));
    let usual = seen("1s");
    assert!(usual.iter().all(|&delay| delay <= 1_000) && usual.iter().any(|&delay| delay > 500), "{usual:?}");
    let slow = seen("5s");
    assert!(slow.iter().all(|&delay| delay <= 5_000) && slow.iter().any(|&delay| delay > 1_000), "{slow:?}");
}

/// 3000 MiB of 2572; `big` ranks first. PID 1 ignores SIGTERM, and a process that dies holds its memory for long.
const STUCK: &str = r#"
[[pod]]
name = "big"
terminationGracePeriodSeconds = 60
[[pod.container]]
name = "app"
workload.steady = { anon = "1600Mi" }
[[pod]]
name = "small"
[[pod.container]]
name = "app"
workload.steady = { anon = "1400Mi" }
"#;

/// pod_workers.go killPodNow: the kill call gives up after max(10, 1.5 × grace) s, and the manager waits 30 s more. The
/// pod that is still dying is then chosen again (GetActivePods keeps it until its containers are known to be
/// terminated).
#[test]
fn kill_timeout() {
    let twice = |changes: &[&str]| {
        let changes = [&["kubelet.firstPass=20s", "node.exit.base=300s"], changes].concat();
        evictions(&run(STUCK, &changes))[..2].to_vec()
    };
    // 20 + 10 + 30 s.
    assert_eq!(twice(&[]), [evicted(20_000, "big"), evicted(60_000, "big")]);
    assert_eq!(twice(&["kubelet.timing.killTimeout=25s"]), [evicted(20_000, "big"), evicted(75_000, "big")]);
    // A soft threshold that has been met for 1 s, at the second pass; 30.005 + 1.5 × 60 + 30 s, or 1.5 × 20 s.
    let soft = |most: &str| {
        let most = format!("kubelet.evictionMaxPodGracePeriod={most}");
        twice(&[
            "kubelet.evictionHard={ \"nodefs.available\" = \"10%\" }",
            "kubelet.evictionSoft={ \"memory.available\" = \"1500Mi\" }",
            "kubelet.evictionSoftGracePeriod={ \"memory.available\" = \"1s\" }",
            &most,
        ])
    };
    assert_eq!(soft("60"), [evicted(30_005, "big"), evicted(150_005, "big")]);
    assert_eq!(soft("20"), [evicted(30_005, "big"), evicted(90_005, "big")]);
}

/// 3000 MiB: `first` exceeds its request, `second` does not, and is alone still above 2572 MiB.
const CLEAN_UP: &str = r#"
[[pod]]
name = "first"
[[pod.container]]
name = "app"
onTerm = "dies"
workload.steady = { anon = "300Mi" }
[[pod]]
name = "second"
admitted = true
[[pod.container]]
name = "app"
onTerm = "dies"
resources.requests.memory = "2700Mi"
workload.steady = { anon = "2700Mi" }
"#;

/// eviction_manager.go waitForPodsCleanup: after an eviction the manager waits up to 30 s for the pod's clean-up, looks
/// every second, and then begins the next pass at once.
#[test]
fn wait_for_clean_up() {
    let second = |changes: &[&str]| {
        let evictions = evictions(&run(CLEAN_UP, &[&["kubelet.firstPass=20s"], changes].concat()));
        assert_eq!(evictions[0], evicted(20_000, "first"));
        assert_eq!(evictions[1].1, "second");
        evictions[1].0
    };
    // Gone at once, seen at the first look.
    assert_eq!(second(&[]), 21_000);
    assert_eq!(second(&["kubelet.timing.cleanupPoll=4s"]), 24_000);
    // Never gone within the wait.
    assert_eq!(second(&["node.runtime.podTeardown=100s"]), 50_000);
    assert_eq!(second(&["node.runtime.podTeardown=100s", "kubelet.timing.cleanupTimeout=5s"]), 25_000);
}

/// kuberuntime_container.go killContainer: a hard eviction asks for 1 s, which killContainer raises to 2 s.
#[test]
fn grace_of_an_evicted_container() {
    let ends = |own: &str, changes: &[&str]| {
        let pods = LEAK.replace("onTerm = \"dies\"", &format!("onTerm = {{ exitsAfter = \"{own}\" }}"));
        // Slower, so that it does not reach the limit while it stops: 2572 MiB at 59.3 s, the pass is at 60.030 s.
        let pods = pods.replace("100Mi", "44Mi");
        let history = run(&pods, changes);
        times(&history, |record| match record {
            Record::ContainerTerminated { exit_code, .. } => Some(*exit_code),
            _ => None,
        })[0]
    };
    assert_eq!(ends("1500ms", &[]), (61_530, 143));
    assert_eq!(ends("2500ms", &[]), (62_030, 137));
    // As if it were not raised, and as if a hard eviction asked for 3 s.
    assert_eq!(ends("1500ms", &["kubelet.minimum_container_grace_s=1"]), (61_030, 137));
    assert_eq!(ends("2500ms", &["kubelet.hard_eviction_grace_s=3"]), (62_530, 143));
}

/// nodestatus/setters.go MemoryPressureCondition: conditions are reported by another loop, every 10 s and up to 4 %
/// more.
#[test]
fn updates_of_the_node_status() {
    let pods = CLEAN_UP.replacen("name = \"first\"", "name = \"first\"\ncontroller = \"Deployment\"", 1);
    let run = |changes: &[&str], seed| {
        // Only the first pod goes: the second fits.
        let changes =
            [&["kubelet.firstPass=21s", "pod.second.container.app.workload.steady.anon=2300Mi"], changes].concat();
        run_seeded(&pods, &changes, seed)
    };
    let reported = |history: &History| {
        times(history, |record| match record {
            Record::NodeCondition { status, .. } => (*status == ConditionStatus::True).then_some(()),
            _ => None,
        })
        .first()
        .map(|(at, ())| *at)
    };
    let rejected = |history: &History| times(history, |r| matches!(r, Record::PodRejected { .. }).then_some(())).len();
    // 2600 MiB are too much at 21 s; the next report is at 30 s. The replacement of 22 s is scheduled in between, and
    // the kubelet rejects it.
    let usual = run(&[], 1);
    assert_eq!((reported(&usual), evictions(&usual)[0].0), (Some(30_000), 21_000));
    assert!(rejected(&usual) > 0);
    // Reported at once, the taint keeps the replacement away.
    let quick = run(&["kubelet.nodeStatusUpdateFrequency=1s"], 1);
    assert_eq!((reported(&quick), rejected(&quick)), (Some(21_000), 0));
    assert_eq!(reported(&run(&["kubelet.nodeStatusUpdateFrequency=45s"], 1)), Some(45_000));
    // Three periods of 10.0 to 10.4 s.
    let jitter: Vec<_> =
        (1..=20).filter_map(|seed| reported(&run(&["kubelet.timing.nodeStatusJitterPermille=40"], seed))).collect();
    assert!(jitter.len() == 20 && jitter.iter().all(|at| (30_000..=31_200).contains(at)), "{jitter:?}");
    assert!(jitter.iter().any(|&at| at > 30_300), "{jitter:?}");
}

/// eviction_manager.go, nodeConditionsObservedSince: a condition stays for the transition period after it was last
/// observed.
#[test]
fn transition_period_of_the_condition() {
    let cleared = |changes: &[&str]| {
        times(&run(LEAK, changes), |record| match record {
            Record::NodeCondition { status, .. } => (*status == ConditionStatus::False).then_some(()),
            _ => None,
        })
        .first()
        .map(|(at, ())| *at)
    };
    // 5 minutes: not within the 200 s of the run.
    assert_eq!(cleared(&[]), None);
    // Observed at 30.015 s, passes at 31.015 (after the clean-up), 41.020, 51.025 s; at 51.025 s 20 s have passed. The
    // next report is at 60 s.
    assert_eq!(cleared(&["kubelet.evictionPressureTransitionPeriod=20s"]), Some(60_000));
}

/// SOURCES OOM3: nothing in the kubelet's log for 30 s and longer while memory is nearly gone. An assumption: off
/// unless asked for.
#[test]
fn slow_kubelet() {
    // MemAvailable is below 3 GiB at 20.010 s: the next pass is 20 s later than at 30.015 s, and too late.
    let slow = ["kubelet.timing.slow={ below = \"3Gi\", takes = \"20s\" }"];
    assert_eq!(evictions(&run(LEAK, &slow)), []);
    assert_eq!(kills(&run(LEAK, &slow)).len(), 1);
    // Never below 1 GiB.
    let off = ["kubelet.timing.slow={ below = \"1Gi\", takes = \"20s\" }"];
    assert_eq!(evictions(&run(LEAK, &off)), evictions(&run(LEAK, &[])));
}
