//! What a whole real node does (kubelet 1.36.2, containerd 2.1, kernel 6.12: `crates/conformance/data/realnode`), shown
//! by scenarios: a container that runc cannot start, a kubelet that is down, the runtime's memory for each pod.

use oomsim_core::node::simulate;
use oomsim_core::record::{History, Keep, Record};
use oomsim_scenario::{NoFiles, load};

fn run(text: &str) -> History {
    let loaded = load(text, "scenario.toml", &NoFiles, &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
    simulate(&loaded.scenario, 1, Keep::Series).expect("within the engine's limits")
}

/// Seconds at which something was recorded.
fn times(history: &History, wanted: impl Fn(&Record) -> bool) -> Vec<f64> {
    let found = history.entries.iter().filter(|entry| wanted(&entry.record));
    found.map(|entry| entry.at.as_secs_f64()).collect()
}

/// Story A14: a memory volume fills the pod's limit. The first death is the program's, the others are runc's own.
#[test]
fn a_full_memory_volume_keeps_a_container_from_starting() {
    let history =
        run("duration = \"60s\"\n[node]\nmemory = \"2Gi\"\n[kubelet]\nversion = \"1.36\"\n[[pod]]\nname = \"a\"\n\
         [[pod.volume]]\nname = \"mem\"\n[[pod.container]]\nname = \"app\"\nresources.limits = { memory = \"64Mi\" }\n\
         workload.script = [{ tmpfs = \"70Mi\", volume = \"mem\" }]\n");
    let ends: Vec<(String, i32)> = history
        .entries
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::ContainerTerminated { reason, exit_code, .. } => Some((reason.to_string(), *exit_code)),
            _ => None,
        })
        .collect();
    assert_eq!(ends[0], ("OOMKilled".into(), 137));
    assert!(ends.len() > 2 && ends[1..].iter().all(|end| *end == ("StartError".into(), 128)), "{ends:?}");
    let victims: Vec<String> = history
        .entries
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::OomKill { report, .. } => report.chosen().map(|task| task.comm.to_string()),
            _ => None,
        })
        .collect();
    assert!(victims[1..].iter().all(|comm| comm == "runc:[2:INIT]"), "{victims:?}");
    assert_eq!(history.pods[0].status.to_string(), "RunContainerError");
    // Nothing has been started a second time.
    assert_eq!(times(&history, |record| matches!(record, Record::ContainerStarted { .. })).len(), 1);
}

/// Story B24: below the threshold from 12 s on. While the kubelet is down nothing is evicted; its first pass finds no
/// pods, the one after it evicts.
#[test]
fn a_kubelet_that_is_down_evicts_nothing_and_its_first_pass_finds_no_pods() {
    let history = run(
        "duration = \"60s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"1.36\"\nfirstPass = \"1s\"\n\
         [[pod]]\nname = \"leak\"\n[[pod.container]]\nname = \"app\"\nworkload.ramp = { rate = \"80Mi\", to = \"950Mi\" }\n\
         [[at]]\ntime = \"5s\"\nkubeletProcess = \"stops\"\n[[at]]\ntime = \"25s\"\nkubeletProcess = \"starts\"\n",
    );
    let met = times(&history, |record| matches!(record, Record::EvictionThresholdMet { .. }));
    let evicted = times(&history, |record| matches!(record, Record::Evicted { .. }));
    // 25 s + 0.42 s, and a period later.
    assert!((25.4..25.5).contains(&met[0]), "{met:?}");
    assert!(evicted.len() == 1 && (35.4..35.6).contains(&evicted[0]), "{evicted:?}");
}

/// A container that ends while the kubelet is down is started again when it is back.
#[test]
fn what_ends_while_the_kubelet_is_down_is_started_again_later() {
    let history =
        run("duration = \"40s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"1.36\"\n[[pod]]\nname = \"a\"\n\
         [[pod.container]]\nname = \"app\"\nworkload.script = [{ until = \"10s\" }, { exit = 1 }]\n\
         [[at]]\ntime = \"5s\"\nkubeletProcess = \"stops\"\n[[at]]\ntime = \"20s\"\nkubeletProcess = \"starts\"\n");
    let started = times(&history, |record| matches!(record, Record::ContainerStarted { .. }));
    assert!(started.len() > 1 && (21.3..23.0).contains(&started[1]), "{started:?}");
}

/// Story B25: a kubelet that starts has forgotten the back-off and starts the container 1.3 s later; when that ends,
/// the wait is 10 s again. It ends 2 s after each start.
#[test]
fn a_kubelet_that_starts_has_forgotten_the_back_off_and_begins_a_new_one() {
    for restarts in [
        "[[at]]\ntime = \"7s\"\nkubeletProcess = \"stops\"\n[[at]]\ntime = \"9s\"\nkubeletProcess = \"starts\"\n",
        "[[at]]\ntime = \"9s\"\nkubelet.evictionHard = { \"memory.available\" = \"50Mi\" }\n",
    ] {
        let history = run(&format!(
            "duration = \"40s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"1.36\"\n[[pod]]\nname = \"a\"\n\
             [[pod.container]]\nname = \"app\"\nworkload.script = [{{ sleep = \"2s\" }}, {{ exit = 1 }}]\n{restarts}"
        ));
        let started = times(&history, |record| matches!(record, Record::ContainerStarted { .. }));
        // The first restart waits for nothing but the relist; the second would wait until 15 s.
        assert!((3.0..4.6).contains(&started[1]), "{started:?}");
        assert!((10.3..10.4).contains(&started[2]), "{restarts}: {started:?}");
        // Not at once, but 10 to 15 s after the end (and 0.5 s for the container).
        assert!((22.3..28.0).contains(&started[3]), "{restarts}: {started:?}");
    }
}

/// Stories E01, B23, A03: each pod costs the node 8 to 12 MiB outside kubepods, until it is gone.
#[test]
fn the_runtime_holds_memory_for_each_pod_outside_kubepods() {
    let text = |per_pod: &str| {
        format!(
            "duration = \"30s\"\n[node]\nmemory = \"2Gi\"\nruntime = {{ perPod = \"{per_pod}\" }}\n[kubelet]\nversion = \"1.36\"\n\
             [[pod]]\nname = \"a\"\nreplicas = 3\n[[pod.container]]\nname = \"app\"\nonTerm = \"dies\"\n\
             [[at]]\ntime = \"20s\"\ndeletePod = \"a-0\"\n"
        )
    };
    let held = |per_pod: &str, at: f64| {
        let history = run(&text(per_pod));
        let sample = history.series.samples.iter().rfind(|sample| sample.at.as_secs_f64() <= at).expect("a sample");
        sample.working_set.get()
    };
    assert_eq!(held("10Mi", 10.0) - held("0", 10.0), 30 << 20);
    assert_eq!(held("10Mi", 29.0) - held("0", 29.0), 20 << 20);
}

/// `kubectl delete pod`: when everything is gone, the API has the pod no longer (story E01).
#[test]
fn a_deleted_pod_is_not_among_the_pods_at_the_end() {
    let history = run(
        "duration = \"30s\"\n[node]\nmemory = \"2Gi\"\n[kubelet]\nversion = \"1.36\"\n[[pod]]\nname = \"a\"\n\
         [[pod.container]]\nname = \"app\"\nonTerm = \"dies\"\n[[pod]]\nname = \"b\"\n[[pod.container]]\nname = \"app\"\n\
         [[at]]\ntime = \"10s\"\ndeletePod = \"a\"\n",
    );
    let names: Vec<&str> = history.pods.iter().map(|pod| &*pod.pod).collect();
    assert_eq!(names, ["default/b"]);
}

/// noderesources/fit.go fitsRequest and lifecycle/predicate.go: the pod beyond `maxPods` is refused; a critical one
/// takes the place of another.
#[test]
fn a_pod_too_many_is_refused_unless_it_is_critical() {
    let text = "duration = \"60s\"\n[node]\nmemory = \"4Gi\"\n[kubelet]\nversion = \"1.32\"\nmaxPods = 2\n[[pod]]\n\
                name = \"web\"\nreplicas = 3\n[[pod.container]]\nname = \"app\"\nonTerm = \"dies\"\n[[pod]]\n\
                name = \"agent\"\nat = \"10s\"\npriority = 2000000000\n[[pod.container]]\nname = \"app\"\n";
    let history = run(text);
    let refused = history.entries.iter().filter_map(|entry| match &entry.record {
        Record::PodRejected { reason, message, .. } => Some((reason.to_string(), message.to_string())),
        _ => None,
    });
    let message = "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2";
    assert_eq!(refused.collect::<Vec<_>>(), [("OutOfpods".to_owned(), message.to_owned())]);
    let phase = |name: &str| history.pods.iter().find(|pod| &*pod.pod == name).map(|pod| pod.phase.to_string());
    assert_eq!(phase("default/agent").as_deref(), Some("Running"));
    assert_eq!(history.pods.iter().filter(|pod| pod.phase.to_string() == "Failed").count(), 2);
}

/// A StatefulSet's pod that comes back bears the name of the one before: its curve goes on.
#[test]
fn a_pod_that_comes_back_under_its_name_has_one_curve() {
    let history =
        run("duration = \"60s\"\n[node]\nmemory = \"4Gi\"\n[kubelet]\nversion = \"1.32\"\n[[pod]]\nname = \"db-0\"\n\
         controller = \"StatefulSet\"\nrestartPolicy = \"Never\"\n[[pod.container]]\nname = \"db\"\nworkload.script = \
         [{ anon = \"50Mi\" }, { sleep = \"10s\" }, { exit = 1 }]\n[[pod]]\nname = \"other\"\nat = \"15s\"\n\
         [[pod.container]]\nname = \"app\"\nworkload.steady = { anon = \"20Mi\" }\n");
    let names: Vec<&str> = history.series.pods.iter().map(|name| &**name).collect();
    assert_eq!(names, ["default/db-0", "default/other"]);
    let usage = |curve: u32, from: f64, to: f64| {
        let samples = history.series.samples.iter().filter(|s| (from..to).contains(&s.at.as_secs_f64()));
        samples.flat_map(|s| &s.pods).filter(|pod| pod.pod == curve).map(|pod| pod.usage.get()).max().unwrap_or(0)
    };
    // Each of them holds 50 MiB for 10 s, and another comes some seconds later.
    assert!(usage(0, 0.0, 12.0) >= 50 << 20 && usage(0, 12.0, 30.0) >= 50 << 20 && usage(0, 30.0, 59.0) >= 50 << 20);
    assert!((20 << 20..22 << 20).contains(&usage(1, 20.0, 59.0)));
}

/// A container whose limit has no room for its program's text. What one fault reads is locked until it is there
/// (mm/filemap.c do_sync_mmap_readahead): from 6.18 on that is all of 4 MiB (recordings swap and race of 6.18.15 and
/// 7.3.4: killed while text was being read), up to 6.12 no more than 128 KiB, and what was read before makes room.
#[test]
fn a_limit_below_the_text_kills_where_the_text_is_read_at_once() {
    for (kernel, kills) in [("6.12", false), ("6.18", true), ("7.3", true)] {
        let history = run(&format!(
            "duration = \"5s\"\n[node]\nmemory = \"2Gi\"\n[kernel]\nversion = \"{kernel}\"\n[kubelet]\n\
             version = \"1.36\"\n[[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"app\"\n\
             resources.limits = {{ memory = \"2Mi\" }}\nfootprint = {{ text = \"4Mi\" }}\n"
        ));
        let killed = history.entries.iter().any(|entry| matches!(&entry.record, Record::OomKill { .. }));
        assert_eq!(killed, kills, "{kernel}");
    }
}

/// The clocks of a kubelet's process begin together (18 stories): lists of containers 0.08 s before the first pass, the
/// report of the node's status 0.1 s after it.
#[test]
fn the_clocks_of_a_kubelet_that_has_just_started_begin_with_its_first_pass() {
    let history =
        run("duration = \"20s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"1.36\"\nfirstPass = \"3s\"\n\
         justStarted = true\n[[pod]]\nname = \"leak\"\n[[pod.container]]\nname = \"app\"\n\
         workload.ramp = { rate = \"2Gi\", to = \"950Mi\" }\n\
         [[pod]]\nname = \"ends\"\nrestartPolicy = \"Never\"\n[[pod.container]]\nname = \"app\"\n\
         workload.script = [{ until = \"10s\" }, { exit = 1 }]\n");
    let near = |times: &[f64], at: f64| times.iter().any(|time| (time - at).abs() < 0.005);
    let pressure = times(&history, |record| matches!(record, Record::NodeCondition { .. }));
    assert!(near(&pressure[..1], 3.1), "{pressure:?}");
    let ended = |record: &Record| matches!(record, Record::ContainerTerminated { pod, .. } if &**pod == "default/ends");
    let ended = times(&history, ended);
    assert!(near(&ended, 10.92), "{ended:?}");
}

/// `kubectl delete --grace-period`.
#[test]
fn a_deletion_may_have_a_grace_period_of_its_own() {
    let ended = |grace: &str| {
        let history = run(&format!(
            "duration = \"60s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"1.36\"\n[[pod]]\nname = \"a\"\n\
             [[pod.container]]\nname = \"app\"\nonTerm = \"ignores\"\n\
             [[at]]\ntime = \"10s\"\ndeletePod = \"a\"\n{grace}"
        ));
        times(&history, |record| matches!(record, Record::ContainerTerminated { .. }))[0]
    };
    assert!((40.0..40.5).contains(&ended("")));
    assert!((13.0..13.5).contains(&ended("gracePeriodSeconds = 3\n")));
    // The runtime gives 2 s at least.
    assert!((12.0..12.5).contains(&ended("gracePeriodSeconds = 1\n")));
}

/// A grace period can only get shorter (pod_workers.go calculateEffectiveGracePeriod): a hard eviction gives 1 s, of
/// which the runtime makes 2 s, where a deletion has begun with 30 s.
#[test]
fn a_pod_that_is_being_deleted_when_it_is_evicted_goes_at_once() {
    let history =
        run("duration = \"60s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"1.36\"\nfirstPass = \"8s\"\n\
         [[pod]]\nname = \"leak\"\n[[pod.container]]\nname = \"app\"\nonTerm = \"ignores\"\n\
         workload.ramp = { rate = \"2Gi\", to = \"950Mi\" }\n[[at]]\ntime = \"5s\"\ndeletePod = \"leak\"\n");
    assert_eq!(times(&history, |record| matches!(record, Record::Evicted { .. })), [8.0]);
    let ended = times(&history, |record| matches!(record, Record::ContainerTerminated { .. }));
    assert!((10.0..10.5).contains(&ended[0]), "{ended:?}");
}
