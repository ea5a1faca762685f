//! `oomsim import` as planners use it: the files of a cluster in, a scenario that runs out.

#[path = "../common/mod.rs"]
mod common;
mod forms;
mod kernel_log;
mod measured;
mod pods;
mod refused;
mod settings;

use common::{err, oomsim, out};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(name)
}

fn cluster(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../studies/imported-node").join(name)
}

fn import(files: &[&str], out: &Path) -> std::process::Output {
    let files = files.iter().map(|name| data(name).into_os_string());
    oomsim(["import".into()].into_iter().chain(files).chain(["--out".into(), out.as_os_str().to_owned()]))
}

/// Imports a changed copy of one of the files, with others as they are.
fn import_changed(name: &str, change: impl Fn(&str) -> String, others: &[&str]) -> (std::process::Output, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let changed = folder.join(name);
    let text = std::fs::read_to_string(data(name)).unwrap_or_default();
    let text = change(&text);
    std::fs::write(&changed, text).expect("written");
    let files = others.iter().map(|name| data(name).into_os_string()).chain([changed.into_os_string()]);
    let out = folder.join("out");
    (oomsim(["import".into()].into_iter().chain(files).chain(["--out".into(), out.clone().into_os_string()])), out)
}

fn node_json(args: &[&str]) -> Value {
    let output = oomsim(["node"].iter().chain(args).chain(&["--format", "json"]));
    assert!(output.status.success(), "{}", err(&output));
    serde_json::from_str(&out(&output)).expect("JSON")
}

#[test]
fn a_node_comes_in_and_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().join("node1");
    let output = import(&["node.json", "pods.json", "configz.json", "wss.json"], &there);
    assert!(output.status.success(), "{}", err(&output));
    let said = out(&output);
    // status.allocatable of the node: 7244280Ki = 7934456Ki − 574Mi − 100Mi (EKS: 11 × 29 + 255 MiB).
    assert!(said.contains("allocatable, QoS classes and working sets: as in the files"), "{said}");
    assert!(said.contains("2 pods finished (Succeeded or Failed): left out"), "{said}");
    let scenario = there.join("scenario.toml");
    let run = oomsim(["run", scenario.to_str().expect("UTF-8"), "--format", "json"]);
    assert!(run.status.success(), "{}", err(&run));
    let node = node_json(&[scenario.to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], 7_244_280_u64 * 1024, "{node}");
    assert!(!there.join("manifests/shop_nightly-report-29384756-zz9kk.yaml").exists());
    assert!(there.join("traces/shop_cart-7c9f6d5b4-xk2lp_cart.csv").exists());
}

#[test]
fn what_is_secret_stays_where_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = oomsim([
        "import".as_ref(),
        data("export.yaml").as_os_str(),
        "--memory".as_ref(),
        "8Gi".as_ref(),
        "--out".as_ref(),
        folder.path().as_os_str(),
    ]);
    assert!(output.status.success(), "{}", err(&output));
    let copy = std::fs::read_to_string(folder.path().join("manifests/shop_cart.yaml")).expect("a copy");
    assert!(copy.contains("MaxRAMPercentage=75") && copy.contains("512Mi"), "{copy}");
    assert!(!copy.contains("registry.example"), "{copy}");
    // The probe comes along; what it tells the container by its headers and query does not.
    assert!(!copy.contains("httpHeaders") && !copy.contains('?'), "{copy}");
}

/// What a run writes of its node is what `kubectl get` and the metrics endpoints would: it comes in again.
#[test]
fn the_objects_of_a_run_come_in_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (run, there) = (folder.path().join("run"), folder.path().join("node1"));
    let scenario = common::repository().join("scenarios/oom2-allocatable-slow.toml");
    let scenario = scenario.to_str().expect("UTF-8");
    // Before anything dies: 12 minutes later a pod is evicted, and evicted pods are left out.
    let args = ["--until", "1m", "--metrics", "--objects", "--out", run.to_str().expect("UTF-8")];
    let ran = oomsim(["run", scenario].iter().chain(&args));
    assert!(ran.status.success(), "{}", err(&ran));
    let files = ["node.json", "pods.json", "metrics.om"].map(|name| run.join(name).into_os_string());
    let imported = oomsim(["import".into()].into_iter().chain(files).chain(["--out".into(), there.clone().into()]));
    assert!(imported.status.success(), "{}", err(&imported));
    assert!(!out(&imported).contains("NOT MODELLED"), "{}", out(&imported));
    let again = there.join("scenario.toml");
    let (before, after) = (node_json(&[scenario]), node_json(&[again.to_str().expect("UTF-8")]));
    assert_eq!(before["allocatable"], after["allocatable"]);
    let pods = |args: &[&str]| -> Vec<(Value, Value)> {
        let ran = oomsim(["run"].iter().chain(args).chain(&["--until", "1m", "--format", "json"]));
        let json: Value = serde_json::from_str(&out(&ran)).expect("JSON");
        let pods = json["pods"].as_array().cloned().unwrap_or_default();
        pods.into_iter().map(|pod| (pod["pod"].clone(), pod["qosClass"].clone())).collect()
    };
    let of_run = pods(&[scenario]);
    assert!(!of_run.is_empty());
    assert_eq!(of_run, pods(&[again.to_str().expect("UTF-8")]));
    let last = std::fs::read_to_string(run.join("metrics.prom")).expect("metrics");
    assert!(last.contains("# TYPE container_memory_working_set_bytes gauge\n"), "{last}");
    let events = std::fs::read_to_string(run.join("events.json")).expect("events");
    let events: Value = serde_json::from_str(&events).expect("JSON");
    let started = events["items"].as_array().into_iter().flatten().filter(|event| event["reason"] == "Started");
    assert!(started.count() >= of_run.len());
}
