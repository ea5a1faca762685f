//! What a release changes, through files as users write them: the same file, another `--kubernetes`.

mod common;

use common::{err, oomsim_in, out};
use serde_json::Value;
use std::path::Path;

/// A folder with one file.
fn place(name: &str, text: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(place.path().join(name), text).expect("a file");
    place
}

/// Allocatable in Ki of 8 GiB, and what was complained about.
fn allocatable(folder: &Path, kubernetes: &str) -> (u64, String) {
    let node = ["node", "--capacity", "8Gi", "--config", "kc.yaml", "--format", "json", "--kubernetes", kubernetes];
    let output = oomsim_in(folder, node);
    let node: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("JSON: {}", err(&output)));
    (node["allocatable"].as_u64().expect("a number") / 1024, err(&output))
}

/// kubernetes#127577: from 1.33 on the field keeps the defaults of the signals that a map leaves out, 100Mi of memory;
/// before, the kubelet does not know it.
#[test]
fn default_thresholds_stay_where_they_are_merged() {
    let config = |map: &str| {
        let head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
        place("kc.yaml", &format!("{head}mergeDefaultEvictionSettings: true\nevictionHard: {map}\n"))
    };
    let of_disk = config(r#"{"nodefs.available": "5%"}"#);
    for (kubernetes, expected) in [("1.36", 8_286_208), ("1.33", 8_286_208), ("1.32", 8_388_608)] {
        let (found, said) = allocatable(of_disk.path(), kubernetes);
        assert_eq!(found, expected, "{kubernetes}");
        assert_eq!(said.contains("mergeDefaultEvictionSettings"), kubernetes == "1.32", "{said}");
    }
    // A signal that the map names keeps its value.
    let of_memory = config(r#"{"memory.available": "1Gi"}"#);
    assert_eq!(allocatable(of_memory.path(), "1.36").0, 8_388_608 - 1_048_576);
}

/// `failCgroupV1` came with 1.31 and is true from 1.35 on (v1beta1/defaults.go; kubernetes#134298).
#[test]
fn cgroup_v1_is_refused_from_1_35_on_unless_the_file_says_otherwise() {
    let runs = |kubernetes: &str, field: &str| {
        let text = format!(
            "name = \"v1\"\nduration = \"5s\"\n[node]\nmemory = \"1Gi\"\n[kernel]\nversion = \"6.1\"\ncgroup = \"v1\"\n\
             [kubelet]\nversion = \"{kubernetes}\"\n{field}\n[[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"app\"\n"
        );
        let place = place("v1.toml", &text);
        let output = oomsim_in(place.path(), ["run", "v1.toml"]);
        (out(&output).contains("Started container app"), err(&output))
    };
    for (kubernetes, field, starts, said) in [
        ("1.34", "", true, ""),
        ("1.35", "", false, "failCgroupV1 is true, which is the default from 1.35 on"),
        ("1.36", "failCgroupV1 = false", true, ""),
        ("1.31", "failCgroupV1 = true", false, "failCgroupV1 is true"),
        ("1.30", "failCgroupV1 = true", true, "Kubernetes 1.30 has no field `failCgroupV1`: it is ignored"),
        ("1.31", "singleProcessOOMKill = true", true, "has no field `singleProcessOOMKill`"),
    ] {
        let (started, complaint) = runs(kubernetes, field);
        assert_eq!(started, starts, "{kubernetes} {field}: {complaint}");
        assert!(complaint.contains(said), "{kubernetes} {field}: {complaint}");
    }
}

/// mm/memcontrol.c mem_cgroup_print_oom_meminfo: up to 6.12 `failcnt` is the counter's own, from 6.18 on it is `max` of
/// memory.events, which counts what happened below, too. Here a container reads 200 MiB through its limit of 64 MiB
/// before all pods together are full; the same kernel with the counter's own figure shows what of it is from below.
#[test]
fn failcnt_counts_limits_hit_below_from_6_18_on() {
    let failcnt = |kernel: &str, events: &str| {
        let text = format!(
            "name = \"f\"\nduration = \"60s\"\n[node]\nmemory = \"1Gi\"\n[kernel]\nversion = \"{kernel}\"\n{events}[kubelet]\n\
             systemReserved = {{ memory = \"600Mi\" }}\nevictionHard = {{ \"nodefs.available\" = \"5%\" }}\n[[pod]]\nname = \"a\"\n\
             [[pod.container]]\nname = \"reader\"\nresources.limits.memory = \"64Mi\"\nworkload.script = [{{ file = \"data\", read = \"200Mi\" }}]\n\
             [[pod]]\nname = \"b\"\n[[pod.container]]\nname = \"leak\"\nworkload.leak = {{ block = \"20Mi\", every = \"1s\" }}\n"
        );
        let place = place("f.toml", &text);
        let run = oomsim_in(place.path(), ["run", "f.toml", "--out", "out", "--kmsg"]);
        assert_eq!(run.status.code(), Some(0), "{}", err(&run));
        let log = std::fs::read_dir(place.path().join("out")).expect("a folder");
        let names: Vec<_> = log.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        let kmsg = names.iter().find(|name| name.contains("kmsg")).unwrap_or_else(|| panic!("a log: {names:?}"));
        let log = std::fs::read_to_string(place.path().join("out").join(kmsg)).expect("a log");
        let line = log.lines().find(|line| line.contains("memory: usage")).unwrap_or_else(|| panic!("a report: {log}"));
        assert!(line.contains("limit 434176kB") || line.contains("limit 434"), "{line}");
        line.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    let (own, events) = (failcnt("6.18", "failcnt_is_max_events = false\n"), failcnt("6.18", ""));
    // (200 − 64) MiB come in charges of at most 2 MiB, and reclaim frees up to a batch of 64 pages beyond a charge:
    // 136 MiB / 2.25 MiB.
    assert!(events >= own + 60, "{own} {events}");
    assert_eq!(failcnt("6.12", ""), failcnt("6.12", "failcnt_is_max_events = false\n"));
    assert!(failcnt("6.12", "failcnt_is_max_events = true\n") >= failcnt("6.12", "") + 60);
}

/// `memoryReservationPolicy` came with 1.36.
#[test]
fn a_field_that_a_release_does_not_have_is_told() {
    let config = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n\
                  memoryReservationPolicy: TieredReservation\n";
    let place = place("kc.yaml", config);
    for (kubernetes, unknown) in [("1.35", true), ("1.36", false), ("v1.36.4+k3s1", false)] {
        let said = allocatable(place.path(), kubernetes).1;
        assert_eq!(said.contains("has no field `memoryReservationPolicy`"), unknown, "{kubernetes}: {said}");
    }
}

/// KEP-2837: limits at pod level count from 1.34 on without a gate; before, the pod has none.
#[test]
fn limits_at_pod_level_are_limits_from_1_34_on() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  \
               resources: {requests: {memory: 1Gi}, limits: {memory: 1Gi}}\n  containers:\n  - {name: main, image: x}\n";
    let place = place("pod.yaml", pod);
    for (kubernetes, limited) in [("1.36", true), ("1.34", true), ("1.33", false)] {
        let found = out(&oomsim_in(place.path(), ["lint", "pod.yaml", "--kubernetes", kubernetes]));
        assert_eq!(found.contains("OOM014"), !limited, "{kubernetes}: {found}");
    }
}

/// kubernetes#132277: from 1.34 on the kubelet compares a pod's use with the sum of its containers and sidecars;
/// before, with the larger of the two.
#[test]
fn a_sidecars_request_counts_from_1_34_on() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers:\n  \
               - {name: proxy, image: x, restartPolicy: Always, resources: {requests: {memory: 300Mi}, limits: {memory: 300Mi}}}\n  \
               containers:\n  - {name: main, image: x, resources: {requests: {memory: 300Mi}, limits: {memory: 300Mi}}}\n";
    let place = place("pod.yaml", pod);
    for (kubernetes, summed) in [("1.37", true), ("1.34", true), ("1.33", false)] {
        let found = out(&oomsim_in(place.path(), ["lint", "pod.yaml", "--kubernetes", kubernetes]));
        assert_eq!(found.contains("OOM016"), !summed, "{kubernetes}: {found}");
    }
}

/// The same in runs: the scenario is of 1.33, where the pod with the sidecar goes first.
#[test]
fn a_run_is_asked_about_in_another_release() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/versions");
    let place = tempfile::tempdir().expect("a temporary folder");
    let page = place.path().join("report.html").display().to_string();
    let commands: [&[&str]; 3] =
        [&["why", "--all"], &["risk", "--seeds", "2", "--format", "json"], &["report", "--out", &page, "--force"]];
    for (command, option) in commands.iter().flat_map(|command| [(command, None), (command, Some("v1.34.9-eks-1"))]) {
        let file = ["sidecar-rank-1.33.toml"].into_iter();
        let version = option.iter().flat_map(|version| ["--kubernetes", version]);
        let output = oomsim_in(&folder, command.iter().copied().chain(file).chain(version));
        let found = match command[0] {
            "why" => out(&output).contains("pod/with-sidecar was evicted"),
            "risk" => {
                let json: Value = serde_json::from_str(&out(&output)).unwrap_or_else(|_| panic!("{}", err(&output)));
                let containers = json["containers"].as_array().expect("a list");
                let main = containers.iter().find(|c| c["container"] == "main").expect("the container");
                !main["deaths"].as_object().expect("deaths").is_empty()
            }
            _ => std::fs::read_to_string(&page).expect("a page").contains("pod/with-sidecar was evicted"),
        };
        assert_eq!(found, option.is_none(), "{command:?} {option:?}: {}", err(&output));
    }
}

/// The events of a container that starts, as each release words them (kuberuntime_container.go), and that of a preStop
/// hook that ends with its container.
#[test]
fn events_are_worded_as_the_release_does() {
    let scenario = |kubernetes: &str| {
        format!(
            "name = \"hook\"\nduration = \"20s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"{kubernetes}\"\n\
             [[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"app\"\npreStop = {{ exec = \"60s\" }}\n\
             [[at]]\ntime = \"5s\"\ndeletePod = \"a\"\n[[pod]]\nname = \"b\"\nterminationGracePeriodSeconds = 3\n\
             [[pod.container]]\nname = \"app\"\npreStop = {{ exec = \"60s\" }}\n[[at]]\ntime = \"5s\"\ndeletePod = \"b\"\n"
        )
    };
    for (kubernetes, created, started) in [
        ("1.28", "Created container app", "Started container app"),
        ("1.34", "Created container: app", "Started container app"),
        ("1.36", "Container created", "Container started"),
    ] {
        let place = place("hook.toml", &scenario(kubernetes));
        let run = oomsim_in(place.path(), ["run", "hook.toml", "--out", "out", "--objects"]);
        assert_eq!(run.status.code(), Some(0), "{}", err(&run));
        let events = std::fs::read_to_string(place.path().join("out/events.json")).expect("events.json");
        let events: Value = serde_json::from_str(&events).expect("JSON");
        let of = |pod: &str, reason: &str| {
            let found = |e: &&Value| e["involvedObject"]["name"] == pod && e["reason"] == reason;
            events["items"].as_array().into_iter().flatten().filter(found).collect::<Vec<_>>()
        };
        assert_eq!(of("a", "Created")[0]["message"], created);
        assert_eq!(of("a", "Started")[0]["message"], started);
        // The hook of `b` is cut after 3 s, and killed with the program, which ignores SIGTERM, 2 s after that.
        let failed = of("b", "FailedPreStopHook");
        assert_eq!((failed.len(), &failed[0]["message"]), (1, &Value::from("PreStopHook failed")));
        assert_eq!(failed[0]["involvedObject"]["fieldPath"], "spec.containers{app}");
        // Deleted at 5 s, so at 10 s.
        assert_eq!(failed[0]["lastTimestamp"], "2026-01-01T00:00:10Z");
        // The hook of `a` still runs.
        assert!(of("a", "FailedPreStopHook").is_empty());
    }
}

/// Objects of a run of this file.
fn pod_of(text: &str) -> Value {
    let place = place("objects.toml", text);
    let run = oomsim_in(place.path(), ["run", "objects.toml", "--out", "out", "--objects"]);
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    let pods = std::fs::read_to_string(place.path().join("out/pods.json")).expect("pods.json");
    let pods: Value = serde_json::from_str(&pods).expect("JSON");
    pods["items"][0].clone()
}

/// kubernetes#133066 (1.35): a container that waits for its restart shows how it ended, not that it waits. Ends at 2
/// and 4 to 5 s (start 1 s, run 1 s, relist), then waits for 10 s.
#[test]
fn a_container_in_back_off_shows_its_end_from_1_35_on() {
    let status = |kubernetes: &str| {
        let text = format!(
            "name = \"crash\"\nduration = \"8s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"{kubernetes}\"\n\
             [[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"app\"\n\
             workload.script = [{{ sleep = \"1s\" }}, {{ exit = 3 }}]\n"
        );
        pod_of(&text)["status"]["containerStatuses"][0].clone()
    };
    let waits = status("1.34");
    assert_eq!(waits["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(waits["lastState"]["terminated"]["exitCode"], 3);
    let ended = status("1.35");
    assert_eq!(ended["state"]["terminated"]["exitCode"], 3);
    assert_eq!(ended["state"]["terminated"]["reason"], "Error");
    assert_eq!((&ended["restartCount"], &ended["lastState"]["terminated"]["exitCode"]), (&1.into(), &3.into()));
}

/// Story H01: a limit below what is in use is not written; the API has the new one, and says why it is not made.
#[test]
fn a_resize_that_cannot_be_made_is_in_the_pods_conditions() {
    let pod = pod_of(
        "name = \"resize\"\nduration = \"2m\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"1.36\"\n[[pod]]\nname = \"a\"\n\
         [[pod.container]]\nname = \"app\"\nresources = { requests = { memory = \"64Mi\" }, limits = { memory = \"160Mi\" } }\n\
         footprint.anon = \"100Mi\"\n[[at]]\ntime = \"60s\"\npod = \"a\"\ncontainer = \"app\"\n\
         resources = { requests = { memory = \"40Mi\" }, limits = { memory = \"80Mi\" } }\n",
    );
    assert_eq!(pod["spec"]["containers"][0]["resources"]["limits"]["memory"], "80Mi");
    let condition = &pod["status"]["conditions"][0];
    assert_eq!((&condition["type"], &condition["reason"]), (&"PodResizeInProgress".into(), &"Error".into()));
    let message = condition["message"].as_str().expect("a text");
    assert!(message.starts_with("cannot decrease memory limits: ["), "{message}");
    assert!(
        message.contains("attempting to set container \"app\" memory limit (83886080) below current usage"),
        "{message}"
    );
}

/// KEP-3329: an evicted pod has the condition DisruptionTarget, also where it ended with 0 (stories B11, B12 of 1.36.2:
/// no other trace of the eviction is left in its status).
#[test]
fn an_evicted_pod_is_a_disruption_target_from_1_26_on() {
    let of = |kubernetes: &str| {
        pod_of(&format!(
            "name = \"evicted\"\nduration = \"60s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"{kubernetes}\"\n\
             evictionHard = {{ \"memory.available\" = \"300Mi\" }}\n[[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"app\"\n\
             footprint.anon = \"800Mi\"\nonTerm = {{ exitsAfter = \"0s\", exitCode = 0 }}\n"
        ))
    };
    let pod = of("1.36");
    let condition = &pod["status"]["conditions"][0];
    assert_eq!((&pod["status"]["phase"], &pod["status"]["reason"]), (&"Succeeded".into(), &Value::Null));
    assert_eq!(
        (&condition["type"], &condition["reason"]),
        (&"DisruptionTarget".into(), &"TerminationByKubelet".into())
    );
    assert!(condition["message"].as_str().expect("a text").starts_with("The node was low on resource: memory. "));
    assert!(of("1.25")["status"]["conditions"].is_null());
}

/// eviction/helpers.go: the event names the containers above their request, from 1.32 on sidecars, too
/// (kubernetes#124947), and from 1.34 on the pod where it requests something itself (KEP-2837).
#[test]
fn an_evictions_annotations_name_whom_its_message_names() {
    let annotations = |kubernetes: &str| {
        let text = format!(
            "name = \"evicted\"\nduration = \"60s\"\n[node]\nmemory = \"1Gi\"\n[kubelet]\nversion = \"{kubernetes}\"\n\
             evictionHard = {{ \"memory.available\" = \"300Mi\" }}\n[[pod]]\nname = \"a\"\nresources.requests = {{ memory = \"100Mi\" }}\n\
             [[pod.initContainer]]\nname = \"proxy\"\nrestartPolicy = \"Always\"\nfootprint.anon = \"300Mi\"\n\
             [[pod.container]]\nname = \"app\"\nfootprint.anon = \"500Mi\"\n"
        );
        let place = place("evicted.toml", &text);
        let run = oomsim_in(place.path(), ["run", "evicted.toml", "--out", "out", "--objects"]);
        assert_eq!(run.status.code(), Some(0), "{}", err(&run));
        let events = std::fs::read_to_string(place.path().join("out/events.json")).expect("events.json");
        let events: Value = serde_json::from_str(&events).expect("JSON");
        let evicted = events["items"].as_array().into_iter().flatten().find(|e| e["reason"] == "Evicted");
        evicted.expect("an eviction")["metadata"]["annotations"].clone()
    };
    for (kubernetes, containers, pod) in
        [("1.31", "app", false), ("1.33", "app,proxy", false), ("1.36", "app,proxy", true)]
    {
        let found = annotations(kubernetes);
        let mut named: Vec<&str> = found["offending_containers"].as_str().expect("names").split(',').collect();
        named.sort_unstable();
        assert_eq!(named.join(","), containers, "{kubernetes}");
        assert_eq!(
            (&found["starved_resource"], found["offending_pod"] == "a"),
            (&"memory".into(), pod),
            "{kubernetes}"
        );
    }
}

/// KEP-2570: without the gate, which is on from 1.37, neither field does anything; what a kubelet prints of itself has
/// their defaults.
#[test]
fn settings_of_memory_qos_without_its_gate_have_no_effect() {
    let config = |fields: &str| {
        let head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
        place("kc.yaml", &format!("{head}{fields}\n"))
    };
    for (fields, kubernetes, said) in [
        ("memoryThrottlingFactor: 0.5", "1.36", "`memoryThrottlingFactor` has no effect"),
        ("memoryThrottlingFactor: 0.5", "1.37", ""),
        ("memoryThrottlingFactor: 0.9\nmemoryReservationPolicy: None", "1.36", ""),
        ("memoryReservationPolicy: TieredReservation", "1.36", "`memoryReservationPolicy` has no effect"),
        ("memoryReservationPolicy: TieredReservation\nfeatureGates: {MemoryQoS: true}", "1.36", ""),
    ] {
        let found = allocatable(config(fields).path(), kubernetes).1;
        let expected = if said.is_empty() { !found.contains("no effect") } else { found.contains(said) };
        assert!(expected, "{fields} {kubernetes}: {found}");
    }
}

/// Gates as their enhancements brought and locked them: KEP-2837 (1.32, stable 1.37), KEP-753 (1.28, stable 1.33),
/// kubernetes#122890 (1.32, locked off in 1.35). A kubelet starts with none that it does not have.
#[test]
fn a_gate_that_a_release_does_not_have_or_has_locked_is_said() {
    let config = |gate: &str| {
        let head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
        place("kc.yaml", &format!("{head}featureGates: {{ {gate} }}\n"))
    };
    for (gate, kubernetes, said) in [
        ("PodLevelResources: true", "1.31", "Kubernetes 1.31 has no feature gate `PodLevelResources`"),
        ("PodLevelResources: true", "1.32", ""),
        ("PodLevelResources: false", "1.36", ""),
        ("PodLevelResources: false", "1.37", "has locked the feature gate `PodLevelResources` to true"),
        ("SidecarContainers: false", "1.33", "has locked the feature gate `SidecarContainers` to true"),
        ("SidecarContainers: false", "1.32", ""),
        ("AllowOverwriteTerminationGracePeriodSeconds: true", "1.34", ""),
        ("AllowOverwriteTerminationGracePeriodSeconds: true", "1.35", "to false"),
        ("KubeletCrashLoopBackOffMax: true", "v1.31.9-eks-0a1b2c3", "has no feature gate"),
        ("RotateKubeletServerCertificate: true", "1.37", ""),
    ] {
        let found = allocatable(config(gate).path(), kubernetes).1;
        assert!(
            found.contains(said) && found.contains("feature gate") != said.is_empty(),
            "{gate} {kubernetes}: {found}"
        );
    }
}

/// Changes whose commits are known hold for the kernels between two rows: per-CPU counters from 6.2 (f1a7941243c1),
/// memory.reclaim from 5.19 (94968384dde1), partial walks from 6.10.
#[test]
fn a_kernel_between_two_rows_has_what_is_known_of_it() {
    let facts = |capability: &str| {
        let found = oomsim_in(Path::new("."), ["kernels", capability, "--format", "json"]);
        let facts: Value = serde_json::from_slice(&found.stdout).expect("JSON");
        facts["capabilities"][0]["rows"].as_array().expect("rows").clone()
    };
    for (capability, since, value) in [
        ("rss_counters_batched", "6.2", "true"),
        ("memory_reclaim", "5.19", "true"),
        ("sibling_reclaim", "6.10", "first-large-enough"),
        ("badness_floor", "5.9", "signed"),
        ("root_bonus", "4.17", "false"),
    ] {
        let rows = facts(capability);
        let first = rows.iter().find(|row| row["value"] == value).expect("a version");
        assert_eq!(first["version"], since, "{capability}");
    }
    for (release, said) in [
        ("6.5.0-1020-aws", "kernel 6.5 has no row: 6.1 is used, with what is known to have changed up to 6.5"),
        (
            "6.5.0-1020-aws",
            "it may differ whether and when the kernel kills: when these changed is not known: swap_writeback,",
        ),
        ("5.11", "no verdict is known to differ"),
        ("5.14.0-427.el9", "Red Hat's kernels (rhel) have changes of later ones"),
        ("8.1", "kernel 8.1 is newer than every row: 7.3 is used"),
        ("7.9", "whom the kernel kills, and when, may differ"),
    ] {
        let text = format!(
            "name = \"k\"\nduration = \"1s\"\n[node]\nmemory = \"1Gi\"\n[kernel]\nversion = \"{release}\"\n[[host]]\nname = \"a\"\n"
        );
        let place = place("k.toml", &text);
        let found = err(&oomsim_in(place.path(), ["run", "k.toml"]));
        assert!(found.contains(said), "{release}: {found}");
    }
}

/// GKE's documentation from 1.37 on: at most 15 MiB a pod and a base that is not published; by its tiers 16 GiB reserve
/// 2623 MiB, more than 110 × 15 = 1650.
#[test]
fn gke_from_1_37_on_may_reserve_less() {
    let node = ["node", "--preset", "gke", "--capacity", "16Gi", "--sku-memory", "16Gi", "--kubernetes"];
    let said = |version: &str| err(&oomsim_in(Path::new("."), node.into_iter().chain([version]).collect::<Vec<_>>()));
    assert!(said("v1.37.1-gke.1002000").contains("at most 1650 MiB by `maxPods`"), "{}", said("1.37"));
    assert_eq!(said("v1.36.4-gke.1002000"), "");
}

/// What must be given because of another field is shown at that field (pkg/kubelet/apis/config/validation).
#[test]
fn a_missing_field_is_shown_where_it_is_asked_for() {
    let head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
    let config = format!("{head}enforceNodeAllocatable: [pods, system-reserved]\nsystemReserved: {{memory: 1Gi}}\n");
    let (_, said) = allocatable(place("kc.yaml", &config).path(), "1.32");
    assert!(said.contains("systemReservedCgroup must be given") && said.contains("--> kc.yaml:3:"), "{said}");
}

/// cm/qos_container_manager_linux.go: the limits of the classes are set behind the gate, which is off in every release.
#[test]
fn qos_reserved_without_its_gate_is_named() {
    let said = |gates: &str| {
        let head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
        let config = format!("{head}qosReserved: {{memory: 50%}}\nfeatureGates: {{{gates}}}\n");
        allocatable(place("kc.yaml", &config).path(), "1.32").1
    };
    assert!(said("").contains("`qosReserved` has no effect: the feature gate QOSReserved is off"), "{}", said(""));
    assert_eq!(said("QOSReserved: true"), "");
}

/// kubernetes#138127 is behind the gate HugepageAwareEviction, which is new and on in 1.37; AllBeta and AllAlpha set
/// the gates of their stage that are not named (component-base/featuregate); a kubelet does not start with a gate that
/// it does not know.
#[test]
fn gates_are_taken_by_name_and_by_stage() {
    // 512 huge pages on 4 GiB: without them memory.available is 1 GiB less, so that with a threshold of some hundred
    // MiB the leak is evicted before the node is out of memory (kubernetes#137984).
    let ends = |kubernetes: &str, gates: &str| {
        let text = format!(
            "duration = \"14m\"\n[node]\nmemory = \"4Gi\"\n\
             system = {{ anon = \"300Mi\", activeFile = \"50Mi\", inactiveFile = \"100Mi\", kernel = \"150Mi\" }}\n\
             [kernel]\nversion = \"6.12\"\nsysctl = {{ \"vm.nr_hugepages\" = 512 }}\n\
             [kubelet]\nversion = \"{kubernetes}\"\nfeatureGates = {{ {gates} }}\n\
             evictionHard = {{ \"memory.available\" = \"400Mi\" }}\n\
             [[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"main\"\nfootprint = {{ anon = \"50Mi\" }}\n\
             resources.requests = {{ memory = \"500Mi\" }}\nworkload.leak = {{ block = \"5Mi\", every = \"1s\" }}\n"
        );
        let place = place("huge.toml", &text);
        let output = oomsim_in(place.path(), ["run", "huge.toml"]);
        (out(&output).contains(" Evicted "), err(&output))
    };
    for (kubernetes, gates, evicted, said) in [
        ("1.37", "", true, ""),
        ("1.37", "HugepageAwareEviction = false", false, ""),
        ("1.37", "AllBeta = false", false, ""),
        ("1.37", "AllBeta = false, HugepageAwareEviction = true", true, ""),
        ("1.37", "AllAlpha = false", true, ""),
        ("1.36", "HugepageAwareEviction = true", false, "1.36 has no feature gate `HugepageAwareEviction`"),
        ("1.37", "HugePageAwareEvictions = false", true, "did you mean `HugepageAwareEviction`?"),
    ] {
        let (found, complaint) = ends(kubernetes, gates);
        assert_eq!(found, evicted, "{kubernetes} {gates}: {complaint}");
        assert!(complaint.contains(said), "{kubernetes} {gates}: {complaint}");
    }
    // A gate of its own, however alike: kube_features.go has both.
    let (_, complaint) = ends("1.37", "InPlacePodLevelResourcesVerticalScaling = false");
    assert!(!complaint.contains("feature gate"), "{complaint}");
}
