//! Whose limit it was, in every command, wherever the kubelet keeps its cgroups and whatever they are called.

mod common;

use common::{err, oomsim, out};
use serde_json::Value;
use std::path::Path;

const ROOTS: [&str; 4] = ["", "/", "/kubelet", "/a/b-c"];
const DRIVERS: [&str; 2] = ["cgroupfs", "systemd"];
const HIERARCHIES: [&str; 2] = ["v1", "v2"];
const KUBERNETES: [&str; 5] = ["1.21", "1.24", "1.28", "1.30", "1.32"];

/// Where a node keeps its pods' cgroups.
#[derive(Clone, Copy, Debug)]
struct Layout {
    root: &'static str,
    driver: &'static str,
    hierarchy: &'static str,
    kubernetes: &'static str,
}

impl Layout {
    /// Every layout with the oldest and the newest Kubernetes; with the others, kind's.
    fn all() -> Vec<Layout> {
        let mut all = Vec::new();
        for kubernetes in KUBERNETES {
            for root in ROOTS {
                for (driver, hierarchy) in DRIVERS.into_iter().flat_map(|d| HIERARCHIES.map(|h| (d, h))) {
                    if ["1.21", "1.32"].contains(&kubernetes) || (root, driver) == ("/kubelet", "systemd") {
                        all.push(Layout { root, driver, hierarchy, kubernetes });
                    }
                }
            }
        }
        all
    }

    /// Path of a cgroup whose parts the kubelet knows by these names (cm/cgroup_manager_linux.go ToSystemd,
    /// ToCgroupfs).
    fn path(self, parts: &[&str]) -> String {
        let names: Vec<&str> =
            self.root.split('/').filter(|part| !part.is_empty()).chain(parts.iter().copied()).collect();
        if self.driver == "cgroupfs" {
            return format!("/{}", names.join("/"));
        }
        let escaped: Vec<String> = names.iter().map(|name| name.replace('-', "_")).collect();
        (1..=escaped.len()).map(|n| format!("/{}.slice", escaped[..n].join("-"))).collect()
    }

    /// A node on which every kind of limit is hit, one after the other.
    fn scenario(self) -> String {
        let Layout { root, driver, hierarchy, kubernetes } = self;
        let (pod, class) = (self.path(&["kubepods", "burstable", "pod11-22"]), self.path(&["kubepods", "burstable"]));
        format!(
            r#"
            duration = "70s"
            [node]
            memory = "4Gi"
            system = {{ anon = "100Mi", kernel = "100Mi" }}
            [kernel]
            version = "5.4"
            cgroup = "{hierarchy}"
            [kubelet]
            version = "{kubernetes}"
            cgroupDriver = "{driver}"
            cgroupRoot = "{root}"
            systemReserved = {{ memory = "1Gi" }}
            firstPass = "69s"
            [[pod]]
            name = "in-container"
            restartPolicy = "Never"
            container = [{{ name = "c", resources.limits = {{ memory = "100Mi" }}, resources.requests = {{ memory = "1Mi" }}, workload.leak = {{ block = "20Mi", every = "200ms", firstAfter = "5s" }} }}, {{ name = "other", resources.limits = {{ memory = "50Mi" }}, workload.steady = {{ anon = "1Mi" }} }}]
            [[pod]]
            name = "in-pod"
            uid = "11-22"
            restartPolicy = "Never"
            container = [{{ name = "c", resources.requests = {{ memory = "1Mi" }}, workload.leak = {{ block = "20Mi", every = "200ms", firstAfter = "15s" }} }}]
            [[pod]]
            name = "in-class"
            restartPolicy = "Never"
            container = [{{ name = "c", resources.requests = {{ memory = "1Mi" }}, workload.leak = {{ block = "20Mi", every = "200ms", firstAfter = "25s" }} }}]
            [[pod]]
            name = "among-pods"
            restartPolicy = "Never"
            container = [{{ name = "c", workload.leak = {{ block = "200Mi", every = "200ms", firstAfter = "45s" }} }}]
            [[host]]
            name = "service"
            cgroup = "/system.slice/some.service"
            workload.leak = {{ block = "20Mi", every = "200ms", firstAfter = "35s" }}
            [[host]]
            name = "hog"
            oomScoreAdj = 1000
            workload.leak = {{ block = "200Mi", every = "200ms", firstAfter = "55s" }}
            [[at]]
            time = "12s"
            cgroup = "{pod}"
            limit = "100Mi"
            [[at]]
            time = "22s"
            cgroup = "{class}"
            limit = "200Mi"
            [[at]]
            time = "32s"
            cgroup = "/system.slice/some.service"
            limit = "100Mi"
            "#
        )
    }
}

fn write(place: &Path, name: &str, text: &str) -> String {
    let file = place.join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn json(args: &[&str]) -> Value {
    let output = oomsim(args);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{args:?}: {why}: {}", err(&output)))
}

/// What `run` says of each kill, in its order.
const RUN: [(&str, &str); 6] = [
    ("container", "container's limit of 100Mi"),
    ("pod", "pod's limit of 100Mi"),
    ("qos", "QoS cgroup's limit of 200Mi"),
    ("cgroup", "cgroup's limit of 100Mi"),
    ("kubepods", "kubepods limit of 3Gi"),
    ("node", "node out of memory"),
];

#[test]
fn run_names_the_owner_of_every_limit_in_every_layout() {
    let place = tempfile::tempdir().unwrap();
    for layout in Layout::all() {
        let file = write(place.path(), "scopes.toml", &layout.scenario());
        let run = json(&["run", &file, "--format", "json"]);
        let kills = run["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "OomKill");
        let scopes: Vec<&str> = kills.map(|kill| kill["scope"].as_str().unwrap()).collect();
        assert_eq!(scopes, RUN.map(|(scope, _)| scope), "{layout:?}");
        let text = out(&oomsim(["run", &file]));
        let said: Vec<&str> = text.split("WHO DIED").nth(1).unwrap_or_default().lines().collect();
        for (victim, words) in ["in-container", "in-pod", "in-class", "service", "among-pods", "hog"].iter().zip(RUN) {
            let named = said.iter().any(|line| line.contains(victim) && line.contains(words.1));
            assert!(named, "{layout:?}: {victim}: {}\n{text}", words.1);
        }
    }
}

/// A pod that grows past the limit of kubepods between two passes of the eviction manager.
const GROWING: &str = r#"
duration = "9s"
[node]
memory = "4Gi"
[kernel]
version = "5.4"
[kubelet]
version = "1.32"
cgroupRoot = ""
cgroupDriver = "cgroupfs"
systemReserved = { memory = "1Gi" }
evictionHard = { "memory.available" = "100Mi" }
firstPass = "8s"
[[pod]]
name = "leak"
restartPolicy = "Never"
container = [{ name = "c", workload.leak = { block = "200Mi", every = "100ms" } }]
"#;

#[test]
fn sweep_says_kubepods_in_every_layout() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "growing.toml", GROWING);
    let axis = |name: &str, key: &str, values: &[&str]| {
        format!("[[axis]]\nname = \"{name}\"\nkey = \"{key}\"\nvalues = {values:?}\n")
    };
    let study = [
        "scenario = \"growing.toml\"\nrepetitions = 1\n".to_string(),
        axis("root", "kubelet.cgroupRoot", &ROOTS),
        axis("driver", "kubelet.cgroupDriver", &DRIVERS),
        axis("hierarchy", "kernel.cgroup", &HIERARCHIES),
        axis("kubernetes", "kubelet.version", &KUBERNETES),
    ];
    let study = write(place.path(), "study.toml", &study.concat());
    let results =
        json(&["sweep", &study, "--out", &place.path().join("out").display().to_string(), "--format", "json"]);
    let cells = results["cells"].as_array().unwrap();
    assert_eq!(cells.len(), ROOTS.len() * DRIVERS.len() * HIERARCHIES.len() * KUBERNETES.len());
    for cell in cells {
        assert_eq!(cell["outcome"]["kubepods_oom"]["count"], 1, "{cell}");
    }
}

#[test]
fn race_and_plan_say_kubepods_in_every_layout() {
    let place = tempfile::tempdir().unwrap();
    let node = GROWING.split("[[pod]]").next().unwrap();
    let node = write(place.path(), "node.toml", node);
    for (root, driver) in ROOTS.into_iter().flat_map(|root| DRIVERS.map(|driver| (root, driver))) {
        let set = [format!("kubelet.cgroupRoot={root:?}"), format!("kubelet.cgroupDriver={driver}")];
        let race = json(&[
            "race",
            &node,
            "--set",
            &set[0],
            "--set",
            &set[1],
            "--threshold",
            "100Mi",
            "--rate",
            "512Mi",
            "--runs",
            "20",
            "--format",
            "json",
        ]);
        assert_eq!(race["thresholds"][0]["points"][0]["killer"], "kubepods_oom", "{root:?} {driver}: {race}");
        let growing = GROWING.replace("cgroupRoot = \"\"", &format!("cgroupRoot = {root:?}"));
        write(place.path(), "growing.toml", &growing.replace("\"cgroupfs\"", &format!("{driver:?}")));
        let goal = "runs = 64\n[[scenario]]\nname = \"growing\"\nfile = \"growing.toml\"\n\
             [[target]]\nevent = \"kubepodsOom\"\nbelow = \"50%\"\n\
             [[knob]]\nname = \"hard\"\nkey = \"kubelet.evictionHard.memory.available\"\nvalues = [\"100Mi\", \"200Mi\"]\n";
        let goal = write(place.path(), "goal.toml", goal);
        let plan = json(&["plan", &goal, "--format", "json"]);
        let target = &plan["as_it_is"]["targets"][0];
        assert!(target["bad"].as_u64() > Some(0) && target["bad"] == target["runs"], "{root:?} {driver}: {target}");
    }
}
