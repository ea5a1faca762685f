//! `oomsim risk`: who is at risk, by hand calculation.

mod common;

use common::{err, oomsim, out};
use serde_json::Value;

const MI: u64 = 1 << 20;

/// 8 GiB, and a pod of each class.
const NODE: &str = r#"
[node]
memory = "8Gi"
system = { anon = "500Mi" }

[kubelet]
kubeReserved = { memory = "900Mi" }

[[pod]]
name = "best-effort"
[[pod.container]]
name = "app"
workload.steady = { anon = "500Mi" }

[[pod]]
name = "burstable"
[[pod.container]]
name = "app"
resources = { requests = { memory = "100Mi" }, limits = { memory = "1Gi" } }
workload.steady = { anon = "200Mi" }

[[pod]]
name = "guaranteed"
[[pod.container]]
name = "app"
resources = { requests = { memory = "1Gi", cpu = "100m" }, limits = { memory = "1Gi", cpu = "100m" } }
workload.steady = { anon = "300Mi" }
"#;

fn risk(text: &str, more: &[&str]) -> (Value, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let json = oomsim(["risk", file, "--format", "json"].iter().chain(more));
    assert!(json.status.success(), "{}", err(&json));
    let shown = oomsim(["risk", file].iter().chain(more));
    (serde_json::from_str(&out(&json)).expect("JSON"), out(&shown))
}

#[test]
fn containers_stand_in_the_orders_of_kernel_and_kubelet() {
    let (json, text) = risk(NODE, &["--seeds", "5"]);
    let containers = json["containers"].as_array().expect("a list");
    let of = |pod: &str| {
        let found = containers.iter().find(|c| c["pod"] == format!("default/{pod}"));
        found.unwrap_or_else(|| panic!("{pod} in {json}"))
    };
    // oom_score_adj: 1000; 1000 − 1000 × 100 MiB / 8192 MiB = 988 (policy.go); −997. A thousandth of 2,097,152 pages
    // is 2,097: badness is pages in use + adj × 2,097, at least 500 MiB = 128,000 pages for the first.
    for (pod, adj, kernel, eviction) in
        [("best-effort", 1000, 1, 1), ("burstable", 988, 2, 2), ("guaranteed", -997, 0, 3)]
    {
        let c = of(pod);
        assert_eq!(c["oomScoreAdj"], adj, "{c}");
        assert_eq!(c["evictionPlace"], eviction, "{c}");
        if kernel > 0 {
            assert_eq!(c["kernelPlace"], kernel, "{c}");
        }
        assert_eq!(c["deaths"], serde_json::json!({}), "{c}");
    }
    let points = of("best-effort")["badness"].as_i64().expect("points") - 1000 * 2_097;
    assert!((128_000..129_500).contains(&points), "{points}");
    // 1 GiB less 200 MiB, less page tables and the pause process' kernel memory.
    let room = of("burstable")["room"].as_u64().expect("a number");
    assert!((822 * MI..=824 * MI).contains(&room), "{room}");
    // kubepods: 8192 − 900 − 100 MiB of threshold − about 1 GiB in use.
    let rooms = json["node"]["rooms"].as_array().expect("rooms");
    let first = rooms[0]["room"].as_u64().expect("a number");
    assert!(rooms[0]["what"].as_str().is_some_and(|what| what.contains("allocatable")), "{rooms:?}");
    assert!((6170 * MI..=6192 * MI).contains(&first), "{first}");
    assert!(text.contains("with 1 of 3 pods no container dies"), "{text}");
    // The limits end the growth: after 824 MiB and 724 MiB, less a little.
    for (pod, least, most) in [("burstable", 800, 824), ("guaranteed", 700, 724)] {
        let growth = json["growth"]["pods"].as_array().expect("a list");
        let growth = growth.iter().find(|g| g["pod"] == format!("default/{pod}")).expect("the pod");
        // The pod's limit is its only container's; the pause process counts in it, so it is reached first.
        assert_eq!(growth["firstDeath"]["by"], "pod_oom", "{growth}");
        let grown = growth["grown"].as_u64().expect("a number");
        assert!((least * MI..=most * MI).contains(&grown), "{growth}");
    }
}

#[test]
fn deaths_are_counted_by_whose_hand() {
    // 300 MiB at 10 MiB/s against a limit of 200 MiB: dies at its limit, which is its pod's, in every run.
    let text = r#"
duration = "60s"
[node]
memory = "8Gi"
[kubelet]
[[pod]]
name = "leak"
restartPolicy = "Never"
[[pod.container]]
name = "app"
resources.limits.memory = "200Mi"
workload.ramp = { rate = "10Mi", to = "300Mi" }
"#;
    let (json, text) = risk(text, &["--seeds", "7", "--no-growth"]);
    assert_eq!(json["containers"][0]["deaths"], serde_json::json!({ "pod_oom": 7 }), "{json}");
    assert!(text.contains("100 % the kernel: pod's limit"), "{text}");
    assert!(!text.contains("IF ONE POD GREW"), "{text}");
}

#[test]
fn warnings_of_a_kind_are_one_line_and_can_be_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("many.toml");
    let pod = |n: u32| format!("[[pod]]\nname = \"p{n}\"\n[[pod.container]]\nname = \"c\"\n");
    let pods: String = (0..25).map(pod).collect();
    std::fs::write(&file, format!("duration = \"30s\"\n[node]\nmemory = \"8Gi\"\n{pods}")).expect("written");
    let file = file.to_str().expect("UTF-8");
    let said = err(&oomsim(["run", file]));
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    assert!(said.contains("their containers use no memory (25 times, this is the first)"), "{said}");
    assert_eq!(err(&oomsim(["run", file, "--quiet"])), "");
}

/// The same in short, after a run in which nothing died: 500 MiB with an oom_score_adj of 1000 come first in both.
#[test]
fn a_calm_run_says_who_is_at_risk() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    std::fs::write(&file, NODE).expect("written");
    let file = file.to_str().expect("UTF-8");
    let shown = out(&oomsim(["run", file, "--until", "1m"]));
    let part = shown.split("WHO IS AT RISK").nth(1).unwrap_or_else(|| panic!("{shown}"));
    for line in ["by the kernel   default/best-effort/app (oom_score_adj 1000)", "by the kubelet  default/best-effort"]
    {
        assert!(part.contains(line), "{line} is not in\n{part}");
    }
    // 1 GiB less 300 MiB and their page tables; the other has 1 GiB less 200 MiB.
    assert!(part.contains("least room      default/guaranteed/app: 723Mi to its limit of 1Gi"), "{part}");
    let json: Value = serde_json::from_str(&out(&oomsim(["run", file, "--format", "json"]))).expect("JSON");
    assert_eq!(json["risk"]["kernelOrder"][0], "default/best-effort/app");
    assert_eq!(json["risk"]["evictionOrder"][0], "default/best-effort");
    // Where something died there is nothing in short.
    let deadly = NODE.replace("anon = \"200Mi\"", "anon = \"2Gi\"");
    let other = folder.path().join("deadly.toml");
    std::fs::write(&other, deadly).expect("written");
    let shown = out(&oomsim(["run", other.to_str().expect("UTF-8")]));
    assert!(!shown.contains("WHO IS AT RISK"), "{shown}");
}
