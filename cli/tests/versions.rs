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
        ("5.14.0-427.el9", "rhel takes changes from later kernels"),
        ("8.1", "it is newer than all rows: 7.3 is used"),
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
