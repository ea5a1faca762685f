//! Figures over time become the programs of pods.

use crate::common::{err, oomsim, out};
use crate::{cluster, node_json};
use serde_json::Value;
use std::path::Path;

/// A node with 30 pods, from six files to answers, without an editor.
#[test]
fn six_files_of_a_node_with_thirty_pods_become_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().join("node1");
    let files = ["node.json", "pods.json", "configz.json", "summary.json", "wss.json", "rss.json"];
    let files = files.map(|name| cluster(name).into_os_string());
    let output =
        oomsim(["import".into()].into_iter().chain(files).chain(["--out".into(), there.as_os_str().to_owned()]));
    assert!(output.status.success(), "{}", err(&output));
    let said = out(&output);
    assert!(said.contains("allocatable, QoS classes and working sets: as in the files"), "{said}");
    let scenario = there.join("scenario.toml");
    let scenario = scenario.to_str().expect("UTF-8");
    let text = std::fs::read_to_string(scenario).expect("a scenario");
    assert_eq!(text.matches("[[pod]]").count(), 30);
    for copy in there.join("manifests").read_dir().expect("a folder") {
        let copy = std::fs::read_to_string(copy.expect("a file").path()).expect("a copy");
        assert!(!copy.contains("hunter2") && !copy.contains("registry.example"), "{copy}");
    }
    let run = oomsim(["run", scenario, "--format", "json"]);
    assert!(run.status.success(), "{}", err(&run));
    let risk = oomsim(["risk", scenario, "--seeds", "3", "--no-growth", "--format", "json"]);
    assert!(risk.status.success(), "{}", err(&risk));
    let risk: Value = serde_json::from_str(&out(&risk)).expect("JSON");
    assert_eq!(risk["containers"].as_array().map(Vec::len), Some(42), "{risk}");
    let plan = oomsim(["plan", there.join("goal.toml").to_str().expect("UTF-8"), "--format", "json"]);
    assert!(plan.status.success(), "{}{}", out(&plan), err(&plan));
}

fn mi(mi: u64) -> String {
    (mi << 20).to_string()
}

/// A pod of two containers with this status.
fn web_with(status: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: web, namespace: shop}}, spec: {{nodeName: n1, containers: \
         [{{name: app}}, {{name: proxy}}]}}{status}}}"
    )
}

/// Series of a container that is another one from 90 s on.
fn of_proxy(metric: &str, more: u64) -> String {
    let labels = |id: &str| {
        format!(r#"{{"__name__":"{metric}","namespace":"shop","pod":"web","container":"proxy","name":"{id}"}}"#)
    };
    let values = |values: &[(u64, u64)]| {
        let each = values.iter().map(|(at, held)| format!(r#"[{},"{}"]"#, 1_764_100_000 + at, mi(held + more)));
        each.collect::<Vec<_>>().join(",")
    };
    let old = values(&[(0, 10), (30, 20), (60, 30), (90, 30), (120, 30)]);
    let new = values(&[(90, 5), (120, 6)]);
    format!(r#"{{"metric":{},"values":[{old}]}},{{"metric":{},"values":[{new}]}}"#, labels("0a"), labels("1b"))
}

/// A container whose memory falls from 900 MiB to 110 MiB between 60 s and 90 s (100 MiB was the lowest), and of which
/// nothing was recorded from 150 s to 300 s; another whose id becomes a new one between 60 s and 90 s, while Prometheus
/// shows the old series on.
#[test]
fn recordings_with_gaps_and_restarts_come_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.into_os_string()
    };
    let bare = write("pod.yaml", &web_with(""));
    let known = write(
        "known.yaml",
        &web_with(
            ", status: {startTime: \"2025-11-22T00:00:00Z\", containerStatuses: [{name: proxy, restartCount: 7}, \
             {name: app, restartCount: 0, state: {running: {startedAt: \"2025-11-22T00:00:00Z\"}}}]}",
        ),
    );
    let samples = [(0, 100), (30, 400), (60, 900), (90, 110), (120, 200), (150, 300), (300, 400), (330, 410)];
    let rows = samples.map(|(at, held)| format!("{},shop,web,app,{}\n", 1_764_100_000 + at, mi(held)));
    let nothing = "1764100200,shop,web,app,NaN\n";
    let rows = [&rows[..6], &[nothing.to_owned()], &rows[6..]].concat().concat();
    let app = write("app-wss.csv", &format!("time,namespace,pod,container,value\n{rows}"));
    let (rss, set) = (of_proxy("container_memory_rss", 0), of_proxy("container_memory_working_set_bytes", 2));
    let answer = format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{rss},{set}]}}}}"#);
    let proxy = write("proxy.json", &answer);
    let stat =
        write("kubepods.memory.stat", "anon 4096000\nfile 3072000\nactive_file 1024000\ninactive_file 2048000\n");
    let import = |pod: &std::ffi::OsString, out: &str| {
        let there = folder.path().join(out).into_os_string();
        let memory = ["--memory".into(), "8Gi".into(), "--out".into(), there.clone()];
        let files = [pod, &app, &proxy, &stat].map(Clone::clone);
        let output = oomsim(["import".into()].into_iter().chain(files).chain(memory));
        assert!(output.status.success(), "{}", err(&output));
        let text = std::fs::read_to_string(Path::new(&there).join("scenario.toml")).expect("a scenario");
        (self::out(&output), text)
    };
    let (said, text) = import(&bare, "a");
    let app = r#"["1m0s", "900Mi"], ["1m15s", "restart"], ["1m30s", "110Mi"], ["2m0s", "200Mi"], ["2m30s", "300Mi"], ["2m30s", "gap"], ["5m0s", "400Mi"]"#;
    assert!(text.contains(app), "{text}");
    // 1024000 of 5120000 bytes are page cache in use.
    assert!(text.contains(r#"activeFile = "20.0%", gaps = "hold""#), "{text}");
    let proxy = r#"["0s", "10Mi", "2Mi"], ["30s", "20Mi", "2Mi"], ["1m0s", "30Mi", "2Mi"], ["1m15s", "restart"], ["1m30s", "5Mi", "2Mi"], ["2m0s", "6Mi", "2Mi"]"#;
    assert!(text.contains(proxy), "{text}");
    let by = "shop/web/app: 1 restart (by memory falls to less than a third, and to the lowest so far: assumed)";
    assert!(said.contains(by), "{said}");
    assert!(said.contains("shop/web/proxy: 1 restart (by another container id)"), "{said}");
    // The other ends at 120 s: nothing was recorded of it to the end.
    assert!(said.contains("2 gaps in the recordings of 2 containers: the run holds what was last recorded"), "{said}");
    let scenario = folder.path().join("a/scenario.toml");
    let run = oomsim(["run", scenario.to_str().expect("UTF-8")]);
    assert!(run.status.success(), "{}", err(&run));
    assert!(out(&run).contains("app: restarted in the recording: app ends here"), "{}", out(&run));
    let (said, text) = import(&known, "b");
    assert!(
        !said.contains("shop/web/app: 1 restart") && !text.contains(app),
        "its status says that it was not: {said}"
    );
    // 1764100000 is 2025-11-25T19:46:40Z, 91 h 46 min 40 s after its start.
    assert!(text.contains("age = \"91h46m40s\"\nrestartCount = { proxy = 7 }"), "{text}");
    let scenario = folder.path().join("b/scenario.toml");
    let run = oomsim(["run", scenario.to_str().expect("UTF-8")]);
    assert!(run.status.success(), "{}", err(&run));
    assert!(out(&run).contains("at the start: 1 pod running, the oldest for 3d19h"), "{}", out(&run));
    assert!(out(&run).contains("has been running for 3d19h, 7 restarts"), "{}", out(&run));
}

/// Of two containers only the pod's memory is known: 3/4 and 1/4 of it, as their requests are.
#[test]
fn what_only_the_pod_holds_is_divided() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.into_os_string()
    };
    let pod = write(
        "pod.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop}, spec: {nodeName: n1, containers: [\
         {name: app, resources: {requests: {memory: 300Mi}}}, {name: proxy, resources: {requests: {memory: 100Mi}}}]}}",
    );
    let top =
        write("top.txt", "NAMESPACE   NAME    CPU(cores)   MEMORY(bytes)\nshop        web-1   2m           800Mi\n");
    // Half of what all pods hold is anonymous.
    let stat = write("kubepods.memory.stat", "anon 1000\nfile 3000\nactive_file 1000\ninactive_file 2000\n");
    let import = |files: &[&std::ffi::OsString], out: &str| {
        let there = folder.path().join(out);
        let files = files.iter().map(|file| (*file).clone());
        let more = ["--memory", "8Gi", "--node", "n1", "--out"].map(std::ffi::OsString::from);
        let output =
            oomsim(["import".into()].into_iter().chain(files).chain(more).chain([there.clone().into_os_string()]));
        assert!(output.status.success(), "{}", err(&output));
        std::fs::read_to_string(there.join("scenario.toml")).expect("a scenario")
    };
    let text = import(&[&pod, &top], "a");
    assert!(text.contains("anon = \"600Mi\"") && text.contains("anon = \"200Mi\""), "{text}");
    let text = import(&[&pod, &top, &stat], "b");
    assert!(text.contains("50 % of the working set is anonymous memory, as in "), "{text}");
    assert!(text.contains(r#"steady = { anon = "300Mi", activeFile = "300Mi" }"#), "{text}");
    // A legend of a graph, and a container that was started again: its samples come from two series.
    let csv = write("rss.csv", "\"Time\",\"web-1/app\"\n1764100000,50 MiB\n1764100060,60 MiB\n1764100120,null\n");
    let two = write(
        "wss.json",
        r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"container_memory_working_set_bytes","namespace":"shop","pod":"web-1","container":"proxy","id":"/a"},
         "values":[[1764100000,"10485760"]]},
        {"metric":{"__name__":"container_memory_working_set_bytes","namespace":"shop","pod":"web-1","container":"proxy","id":"/b"},
         "values":[[1764100060,"20971520"]]},
        {"metric":{"__name__":"container_memory_working_set_bytes","namespace":"shop","pod":"gone","container":"x"},
         "values":[[1764100060,"20971520"]]}]}}"#,
    );
    let text = import(&[&pod, &csv, &two], "c");
    assert!(text.contains("[\"0s\", \"50Mi\"], [\"1m0s\", \"60Mi\"]"), "{text}");
    let restarted = "[\"0s\", \"10Mi\"], [\"30s\", \"restart\"], [\"1m0s\", \"20Mi\"]";
    assert!(text.contains(restarted), "in the middle between the two: {text}");
}

/// The system containers of the summary hold 160 and 420 MiB, the node without its pods 900 MiB, of 893 MiB reserved.
#[test]
fn the_reserve_is_held_against_what_was_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = ["node.json", "pods.json", "configz.json", "summary.json"].map(|name| cluster(name).into_os_string());
    let more = ["--out".into(), folder.path().as_os_str().to_owned()];
    let output = oomsim(["import".into()].into_iter().chain(files).chain(more));
    assert!(output.status.success(), "{}", err(&output));
    let said = out(&output);
    assert!(said.contains("893Mi in kubeReserved and systemReserved"), "{said}");
    let goal = folder.path().join("goal.toml");
    let summary = cluster("summary.json");
    let args = [
        "plan".as_ref(),
        goal.as_os_str(),
        "--kube-daemons".as_ref(),
        summary.as_os_str(),
        "--system-daemons".as_ref(),
    ];
    let args = args.into_iter().chain(["700Mi", "--preset", "gke", "--format", "json"].map(std::ffi::OsStr::new));
    let plan = oomsim(args);
    let plan: Value = serde_json::from_str(&out(&plan)).unwrap_or_else(|why| panic!("{why}: {}", err(&plan)));
    let reserve = &plan["reserve"];
    const MI: u64 = 1 << 20;
    assert_eq!(reserve["used_bytes"], (160 + 420 + 700) * MI, "{reserve}");
    assert_eq!(reserve["short_bytes"], (160 + 420 + 700 - 893) * MI, "{reserve}");
    // 1280 MiB and a tenth in steps of 64 MiB.
    assert_eq!(reserve["advice_bytes"], 1408 * MI, "{reserve}");
    // Beside it, what `oomsim node --preset gke` shows, whose formula has tests of its own.
    let gke = node_json(&["--capacity", "16007392Ki", "--preset", "gke"]);
    let gke = gke["kubeReserved"].as_u64().zip(gke["systemReserved"].as_u64()).map(|(kube, system)| kube + system);
    assert_eq!(reserve["formula"]["reserved_bytes"].as_u64(), gke, "{reserve}");
    assert!(gke > Some(2000 * MI), "{gke:?}");
    let lint = oomsim([
        "lint".as_ref(),
        cluster("configz.json").as_os_str(),
        "--capacity".as_ref(),
        "16007392Ki".as_ref(),
        "--system-daemons".as_ref(),
        "2500Mi".as_ref(),
    ]);
    let said = out(&lint);
    assert!(said.contains("reserved 893Mi, the measured daemons hold 2500Mi: 1607Mi more are promised"), "{said}");
}
