//! `oomsim import` as planners use it: the files of a cluster in, a scenario that runs out.

mod common;

use common::{err, oomsim, out};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(name)
}

fn import(files: &[&str], out: &Path) -> std::process::Output {
    let files = files.iter().map(|name| data(name).into_os_string());
    oomsim(["import".into()].into_iter().chain(files).chain(["--out".into(), out.as_os_str().to_owned()]))
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
fn reservations_are_inferred_without_a_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = import(&["pods.json", "node.json"], folder.path());
    assert!(output.status.success(), "{}", err(&output));
    let node = node_json(&[folder.path().join("scenario.toml").to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], 7_244_280_u64 * 1024, "{node}");
    assert!(out(&output).contains("no configuration was given (EKS node)"), "{}", out(&output));
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

/// What each wrapper says, by hand from the file.
#[test]
fn wrappers_of_providers_are_kubelet_settings() {
    const MI: u64 = 1 << 20;
    // karpenter: 1355Mi + 100Mi reserved, hard 100Mi; k3s: 500Mi + 250Mi, 512Mi; OpenShift: 2Gi, 500Mi.
    for (file, reserved, hard) in [("karpenter.yaml", 1455, 100), ("k3s.yaml", 750, 512), ("openshift.yaml", 2048, 500)]
    {
        let path = data(file);
        let node = node_json(&["--capacity", "16Gi", "--config", path.to_str().expect("UTF-8")]);
        assert_eq!(node["allocatable"], (16 * 1024 - reserved - hard) * MI, "{file}: {node}");
    }
}

/// Files as providers and installers write them, in shapes that need more than a look at `kind`; by hand from the file:
/// reserved and evictionHard in MiB, of 16 GiB.
#[test]
fn user_data_lists_and_command_lines_are_read() {
    const MI: u64 = 1 << 20;
    for (file, taken) in [
        ("talos.yaml", 512 + 256 + 200),
        // A MIME message around a NodeConfig: 1Gi and a flag of 200Mi, evictionHard 300Mi.
        ("nodeadm-user-data.txt", 1024 + 200 + 300),
        ("aks-linux-kubelet-config.json", 100),
        // A KubeletConfiguration of 300Mi beside flags that reserve 500Mi.
        ("kubeadm.yaml", 500 + 300),
        ("kops.yaml", 500 + 300),
        ("eksctl.yaml", 300 + 300 + 200),
        ("kubeadm-flags.env", 500 + 100),
        ("openshift-auto.yaml", 500),
        ("gke.yaml", 100),
    ] {
        let path = data("providers").join(file);
        let node = node_json(&["--capacity", "16Gi", "--config", path.to_str().expect("UTF-8")]);
        assert_eq!(node["allocatable"], (16 * 1024 - taken) * MI, "{file}: {node}");
    }
    // Thresholds in percent: 1355Mi and 5 % of 16 GiB; 300Mi and 15 %.
    for (file, reserved, percent) in [("karpenter-list.yaml", 1355, 5), ("bottlerocket.toml", 300, 15)] {
        let path = data("providers").join(file);
        let node = node_json(&["--capacity", "16Gi", "--config", path.to_str().expect("UTF-8")]);
        let expected = (16 * 1024 - reserved) * MI - 16 * 1024 * MI * percent / 100;
        let got = node["allocatable"].as_u64().expect("a number");
        assert!(got.abs_diff(expected) < 4096, "{file}: {got} {expected}");
    }
}

/// One node in the files of every provider and installer that is known, in several shapes each: 1Gi and 256Mi are
/// reserved, and evictionHard is 5 % of 16 GiB.
#[test]
fn every_wrapper_makes_the_same_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = (16 * 1024 - 1024 - 256) * (1 << 20) - 16 * 1024 * (1 << 20) * 5 / 100;
    let is_right = |node: &Value, file: &Path| {
        let got = node["allocatable"].as_u64().expect("a number");
        assert!(got.abs_diff(expected) < 4096, "{}: {got}, not {expected}", file.display());
    };
    let mut count = 0;
    for file in data("providers/same").read_dir().expect("a folder").map(|file| file.expect("a file").path()) {
        let name = file.to_str().expect("UTF-8");
        is_right(&node_json(&["--capacity", "16Gi", "--config", name]), &file);
        // It comes in as well, and what stands there needs the file no more.
        let there = folder.path().join(count.to_string());
        let there = there.to_str().expect("UTF-8");
        let output = oomsim(["import", name, "--memory", "16Gi", "--out", there]);
        assert!(output.status.success(), "{name}: {}", err(&output));
        is_right(&node_json(&[&format!("{there}/scenario.toml")]), &file);
        // Nothing else takes it, and says so.
        let output = oomsim(["run", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(err(&output).contains("oomsim node --config"), "{name}: {}", err(&output));
        let output = oomsim(["lint", name]);
        assert_ne!(output.status.code(), Some(2), "{name}: {}", err(&output));
        count += 1;
    }
    assert!(count >= 40, "{count}");
}

/// k3s and RKE2 replace the map of thresholds: without a word about memory nothing is evicted for it. A drop-in adds.
#[test]
fn k3s_evicts_only_where_it_is_asked_to() {
    const MI: u64 = 1 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let config = write("config.yaml", "cluster-init: true\nkubelet-arg: [kube-reserved=memory=500Mi]\n");
    let node = node_json(&["--capacity", "16Gi", "--config", &config]);
    assert_eq!((&node["allocatable"], &node["evictionHard"]), (&((16 * 1024 - 500) * MI).into(), &Value::Null));
    let more = write("config.yaml.d/10.yaml", "kubelet-arg+: [\"eviction-hard=memory.available<300Mi\"]\n");
    let there = folder.path().join("out");
    let output = oomsim(["import", &more, &config, "--memory", "16Gi", "--out", there.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", err(&output));
    let node = node_json(&[there.join("scenario.toml").to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], (16 * 1024 - 500 - 300) * MI, "{node}");
}

/// What the provider's node adds by itself is not silently nothing.
#[test]
fn settings_that_leave_the_reservation_to_the_node_say_so() {
    for (name, preset) in
        [("aks-linux-kubelet-config.json", "aks-1.29"), ("openshift-auto.yaml", "openshift"), ("gke.yaml", "gke")]
    {
        let path = data("providers").join(name);
        let path = path.to_str().expect("UTF-8");
        let output = oomsim(["node", "--capacity", "16Gi", "--config", path]);
        assert!(err(&output).contains(&format!("--preset {preset}")), "{name}: {}", err(&output));
        let output = oomsim(["node", "--capacity", "16Gi", "--max-pods", "30", "--preset", "eks", "--config", path]);
        assert!(!err(&output).contains("a rule of their own"), "{name}: {}", err(&output));
    }
}

/// The API server's own lists name no kinds of their items, and metrics.k8s.io has what `kubectl top` prints.
#[test]
fn lists_and_metrics_of_the_api_server_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let parsed = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(data(name)).expect("a file")).expect("JSON")
    };
    let bare = |mut object: Value| {
        let fields = object.as_object_mut().expect("an object");
        fields.retain(|key, _| key != "kind" && key != "apiVersion");
        object
    };
    let (node, pods) = (parsed("node.json"), parsed("pods.json"));
    let pods: Vec<Value> = pods["items"].as_array().expect("pods").iter().cloned().map(bare).collect();
    let metrics = serde_json::json!({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": [
        {"metadata": {"name": "cart-7c9f6d5b4-xk2lp", "namespace": "shop"},
         "containers": [{"name": "cart", "usage": {"cpu": "1m", "memory": "123Mi"}}]}]});
    let files = [
        serde_json::json!({"kind": "PodList", "apiVersion": "v1", "items": pods}),
        serde_json::json!({"kind": "NodeList", "apiVersion": "v1", "items": [bare(node)]}),
        metrics,
    ];
    let mut args: Vec<std::ffi::OsString> = vec!["import".into()];
    for (number, file) in files.iter().enumerate() {
        let path = folder.path().join(format!("{number}.json"));
        // As PowerShell writes it.
        let text: Vec<u8> = format!("\u{feff}{file}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(&path, text).expect("written");
        args.push(path.into_os_string());
    }
    let there = folder.path().join("out");
    args.extend(["--out".into(), there.clone().into_os_string()]);
    let output = oomsim(args);
    assert!(output.status.success(), "{}", err(&output));
    let text = std::fs::read_to_string(there.join("scenario.toml")).expect("a scenario");
    assert!(text.contains("steady = { anon = \"123Mi\" }") && text.contains("kubectl top in "), "{text}");
}

/// What `head` leaves of /proc/meminfo, or a scrape of a few metrics, tells how much is used, not by whom.
#[test]
fn a_short_meminfo_makes_no_kernel_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "MemTotal: 8388608 kB\nMemFree: 1048576 kB\nMemAvailable: 6291456 kB\n";
    let scrape = "node_memory_MemTotal_bytes 8589934592\nnode_memory_MemAvailable_bytes 6442450944\n";
    for (name, text) in [("meminfo", lines), ("metrics", scrape)] {
        let (path, there) = (folder.path().join(name), folder.path().join(format!("{name}-out")));
        std::fs::write(&path, text).expect("written");
        let output = oomsim(["import".as_ref(), path.as_os_str(), "--out".as_ref(), there.as_os_str()]);
        assert!(output.status.success(), "{name}: {}", err(&output));
        let text = std::fs::read_to_string(there.join("scenario.toml")).expect("a scenario");
        assert!(text.contains("system = { anon = \"2Gi\" }") || text.contains("anon = \"2048Mi\""), "{text}");
    }
}

/// Known, though nothing reads it.
#[test]
fn what_people_paste_instead_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, what) in [
        ("Name:               n1\nRoles:              <none>\nLabels:             a=b\n", "`kubectl describe`"),
        ("NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          5d\n", "`kubectl get`"),
        ("LAST SEEN   TYPE      REASON\n5m          Warning   Evicted\n", "`kubectl get`"),
        ("<!DOCTYPE html><html></html>\n", "a web page"),
    ] {
        let path = folder.path().join("given");
        std::fs::write(&path, text).expect("written");
        let path = path.to_str().expect("UTF-8");
        for args in
            [vec!["run", path], vec!["lint", path], vec!["node", path], vec!["import", path, "--out", "/nowhere/x"]]
        {
            let output = oomsim(&args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            assert!(err(&output).contains(what), "{args:?}: {}", err(&output));
        }
    }
}

/// A provider's file has tokens and keys beside the kubelet's settings, and often leaves reservations to the node.
#[test]
fn of_a_providers_file_only_the_settings_are_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let rke2 = data("providers/rke2.yaml");
    let out_args = ["--memory", "16Gi", "--out"].map(std::ffi::OsString::from);
    let args = ["import".into(), rke2.into_os_string()].into_iter().chain(out_args);
    let output = oomsim(args.chain([folder.path().as_os_str().to_owned()]));
    assert!(output.status.success(), "{}", err(&output));
    let scenario = std::fs::read_to_string(folder.path().join("scenario.toml")).expect("a scenario");
    assert!(scenario.contains("--kube-reserved=memory=512Mi") && !scenario.contains("token"), "{scenario}");
    assert!(!folder.path().join("kubelet.yaml").exists());

    // AKS' custom node configuration reserves nothing: 16007392Ki − 14990560Ki − 100Mi is what the node does.
    let node = cluster("node.json");
    let aks = data("providers/aks-linux-kubelet-config.json");
    let output = oomsim([
        "import".as_ref(),
        node.as_os_str(),
        aks.as_os_str(),
        "--out".as_ref(),
        folder.path().as_os_str(),
        "--force".as_ref(),
    ]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(out(&output).contains("kubelet.kubeReserved: 893Mi assumed"), "{}", out(&output));
    let node = node_json(&[folder.path().join("scenario.toml").to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], 14_990_560_u64 * 1024, "{node}");
}

fn cluster(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../studies/imported-node").join(name)
}

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

#[test]
fn bad_files_are_refused_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    for (name, text, expected) in [
        ("empty.json", "", "this is an empty file"),
        ("cut.json", "{\"kind\": \"Node\", \"metadata\": {", "not valid YAML"),
        ("what.json", "{\"hello\": 1}", "it is not known what this is"),
        (
            "node.json",
            "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"a\"}}",
            "status.capacity.memory",
        ),
        (
            "wss.json",
            "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"pod\":\"a\"},\
             \"values\":[[2,\"1\"],[1,\"1\"],[3,\"-5\"]]}]}}",
            "is earlier than the sample before it",
        ),
        // A name that leads out of the folder is no name of Kubernetes.
        (
            "nodes.yaml",
            "{apiVersion: v1, kind: Node, metadata: {name: node-1}, status: {capacity: {memory: 8Gi}}}\n---\n\
             {apiVersion: v1, kind: Pod, metadata: {name: x, namespace: ../../x}, spec: {nodeName: node-1, \
             containers: [{name: c}]}}\n",
            "expected a Kubernetes name",
        ),
        ("kernel.log", "[1.0] x invoked oom-killer: gfp_mask=0x0\n", "how much memory the node has"),
    ] {
        let there = folder.path().join("out");
        let output = oomsim(["import".as_ref(), bad(name, text).as_os_str(), "--out".as_ref(), there.as_os_str()]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(err(&output).contains(expected), "{name}: {}", err(&output));
        assert!(
            ["nodes.yaml", "kernel.log"].contains(&name) || err(&output).contains(name),
            "{name}: {}",
            err(&output)
        );
        assert!(!there.exists(), "{name}: nothing is written");
    }
}

#[test]
fn other_commands_say_what_such_a_file_is() {
    for command in ["run", "node", "check", "race", "plan", "sweep", "risk"] {
        let output = oomsim([command.as_ref(), data("node.json").as_os_str()]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = out(&output) + &err(&output);
        assert!(said.contains("is a Kubernetes Node"), "{command}: {said}");
        assert!(said.contains("oomsim import"), "{command}: {said}");
    }
}

/// Nothing that was asked for is passed over in silence, and nothing looked at is not green.
#[test]
fn lint_says_what_it_did_not_look_at() {
    let node = data("node.json");
    let output = oomsim(["lint".as_ref(), node.as_os_str()]);
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    assert!(err(&output).contains("not looked at") && err(&output).contains("a Kubernetes Node"), "{}", err(&output));
    let output = oomsim(["lint".as_ref(), node.as_os_str(), data("configz.json").as_os_str()]);
    assert_ne!(output.status.code(), Some(2), "{}", err(&output));
    assert!(err(&output).contains("not looked at"), "{}", err(&output));
    let output = oomsim(["lint".as_ref(), data("wss.json").as_os_str()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("is an answer of Prometheus"), "{}", err(&output));
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

/// A Deployment has no priority of its own: the API server takes it from the class when it admits a pod.
#[test]
fn priorities_come_from_their_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("deploy.yaml");
    let text = "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: gold}, value: 1000}\n---\n\
                {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {a: b}}, \
                template: {metadata: {labels: {a: b}}, spec: {priorityClassName: gold, containers: [{name: c}]}}}}\n";
    std::fs::write(&file, text).expect("written");
    let there = folder.path().join("out");
    let args =
        ["import".as_ref(), file.as_os_str(), "--memory".as_ref(), "8Gi".as_ref(), "--out".as_ref(), there.as_os_str()];
    let output = oomsim(args);
    assert!(output.status.success(), "{}", err(&output));
    let copy = std::fs::read_to_string(there.join("manifests/default_web.yaml")).expect("a copy");
    assert!(copy.contains("priority: 1000"), "{copy}");
}

/// What decides how many pods a Job has, how long they take to stop, whether they answer, and what is requested.
#[test]
fn what_makes_pods_and_ends_them_comes_along() {
    let objects = r#"
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: { name: kata }
handler: kata
overhead: { podFixed: { memory: 120Mi } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: once, namespace: shop }
spec:
  parallelism: 2
  completions: 5
  backoffLimit: 1
  template:
    spec: { restartPolicy: Never, containers: [ { name: j, resources: { limits: { memory: 200Mi } } } ] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: shop }
spec:
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      runtimeClassName: kata
      containers:
      - name: db
        resources: { requests: { memory: 1Gi } }
        resizePolicy: [ { resourceName: memory, restartPolicy: RestartContainer } ]
        lifecycle:
          preStop: { exec: { command: [ /bin/sh, -c, sleep 5 ] } }
          postStart: { exec: { command: [ /bin/register, --token=hunter2 ] } }
        livenessProbe:
          periodSeconds: 7
          httpGet: { path: "/live?token=hunter2", port: 8080, httpHeaders: [ { name: Authorization, value: hunter2 } ] }
"#;
    let folder = tempfile::tempdir().expect("a folder");
    let (file, there) = (folder.path().join("objects.yaml"), folder.path().join("out"));
    std::fs::write(&file, objects).expect("written");
    let node = data("node.json");
    let output = oomsim(["import".as_ref(), node.as_os_str(), file.as_os_str(), "--out".as_ref(), there.as_os_str()]);
    assert!(output.status.success(), "{}", err(&output));
    let copy = std::fs::read_to_string(there.join("manifests/shop_db.yaml")).expect("a copy");
    for kept in ["periodSeconds: 7", "path: /live", "sleep 5", "/bin/register", "RestartContainer"] {
        assert!(copy.contains(kept), "{kept}: {copy}");
    }
    assert!(!copy.contains("hunter2"), "{copy}");
    let scenario = there.join("scenario.toml");
    let run = oomsim(["run".as_ref(), scenario.as_os_str()]);
    assert!(out(&run).contains("shop/once-0") && out(&run).contains("shop/once-1"), "{}", out(&run));
    assert!(err(&run).contains("postStart hook"), "{}", err(&run));
    // By hand: 2 × 200 MiB of the Job, 1 GiB and 120 MiB of overhead of the pod.
    let risk = oomsim(["risk", scenario.to_str().expect("UTF-8"), "--seeds", "1", "--no-growth", "--format", "json"]);
    let risk: Value = serde_json::from_str(&out(&risk)).expect("JSON");
    assert_eq!(risk["node"]["requests"], 1544_u64 << 20, "{risk}");
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

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let to = |from: &'static str, to: &'static str| {
        move |text: &str| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        }
    };
    type Change = Box<dyn Fn(&str) -> String>;
    let node = ["pods.json"];
    let pods = ["node.json"];
    let other = ["node.json", "pods.json"];
    let text = |text: &'static str| -> Change { Box::new(move |_| text.to_string()) };
    let cases: [(&str, &[&str], Change, &str); 9] = [
        (
            "node.json",
            &node,
            Box::new(to("7244280Ki", "16Gi")),
            "16Gi are allocatable, but the Node's capacity is 7934456Ki",
        ),
        ("node.json", &node, Box::new(to(r#""linux""#, r#""windows""#)), "runs windows: only Linux nodes are modelled"),
        ("pods.json", &pods, text(r#"{"kind": "PodList", "items": {}}"#), "expected a list of objects"),
        (
            "pods.json",
            &pods,
            text(r#"{"kind": "Status", "status": "Failure", "message": "Unauthorized", "code": 401}"#),
            "the API server answered with an error: Unauthorized",
        ),
        (
            "pods.json",
            &pods,
            text("{kind: Pod, metadata: {name: a}, spec: {containers: {name: x}}}"),
            "expected a list of containers",
        ),
        (
            "pods.json",
            &pods,
            text("{kind: Pod, metadata: {name: a}, spec: {containers: [{name: x, resources: [1]}]}}"),
            "expected a table of amounts",
        ),
        ("meminfo", &other, text("MemTotal: 7934456 kB\n"), "there is no line MemFree"),
        ("answer.json", &other, text("<html>403</html>"), "this is a web page"),
        ("configz.json", &other, Box::new(to(r#""574Mi""#, "601882624")), "expected a string, found a number"),
    ];
    for (name, others, change, expected) in cases {
        let (output, out_folder) = import_changed(name, change, others);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(2), "{expected}: {}", out(&output));
        assert!(said.contains(expected), "{expected}: {said}");
        // The file that was given, not one that would have been made of it.
        assert!(said.contains(&format!("/{name}:")), "{expected}: {said}");
        assert!(!out_folder.exists(), "{expected}: nothing is written");
    }
}

#[test]
fn the_same_in_other_clothes() {
    let plain = import_changed("wss.json", str::to_string, &["node.json", "pods.json", "configz.json"]).1;
    // Comments name the files.
    let settings = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("scenario.toml")).expect("a scenario");
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = settings(&plain);
    let pods = std::fs::read_to_string(data("pods.json")).expect("pods");
    let parsed: Value = serde_json::from_str(&pods).expect("JSON");
    let wss = std::fs::read_to_string(data("wss.json")).expect("series");
    let series: Value = serde_json::from_str(&wss).expect("JSON");
    let bare = parsed["items"].to_string();
    let (data_alone, result) = (series["data"].to_string(), series["data"]["result"].to_string());
    for (name, text, others) in [
        // jq .items, jq .data, jq .data.result
        ("pods.json", bare, ["node.json", "configz.json", "wss.json"]),
        ("wss.json", data_alone, ["node.json", "pods.json", "configz.json"]),
        ("wss.json", result, ["node.json", "pods.json", "configz.json"]),
    ] {
        let (output, there) = import_changed(name, |_| text.clone(), &others);
        assert!(output.status.success(), "{name}: {}", err(&output));
        assert_eq!(settings(&there), expected, "{name}");
    }
}

#[test]
fn what_overlaps_counts_once_and_what_says_nothing_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = import(&["node.json", "pods.json", "pods.json", "node.json"], &folder.path().join("a"));
    assert!(output.status.success(), "{}", err(&output));
    let none = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    let (output, _) = import_changed("empty.json", |_| none.to_string(), &["node.json", "pods.json"]);
    assert!(out(&output).contains("empty.json: no samples in it: nothing fitted the query"), "{}", out(&output));
    let up = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up"},"value":[1764100000,"1"]}]}}"#;
    let (output, _) = import_changed("up.json", |_| up.to_string(), &["node.json", "pods.json"]);
    assert!(out(&output).contains("1 series that name no pod, or are of no memory: left out"), "{}", out(&output));
}

/// A report about the whole node, and one about the limit of a pod of the files. By hand: (262144 − 6144) pages are
/// 1000 MiB; kubelet and sshd hold 20,000 + 5,600 pages = 100 MiB; slab and page tables 3,200 pages = 12.5 MiB; the
/// process with oom_score_adj 1000 is of a pod. The pod held 60 MiB of anonymous and 4 MiB of shared memory.
const KERNEL_LOG: &str = "\
Nov 02 10:00:00 w1 kernel: web invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=987
Nov 02 10:00:00 w1 kernel: CPU: 0 PID: 70 Comm: web Not tainted 6.1.0-50-cloud-amd64 #1
Nov 02 10:00:00 w1 kernel: memory: usage 65536kB, limit 65536kB, failcnt 81
Nov 02 10:00:00 w1 kernel: Memory cgroup stats for /kubepods/burstable/pod11111111-2222-3333-4444-555555555555:
Nov 02 10:00:00 w1 kernel: anon 62914560
Nov 02 10:00:00 w1 kernel: shmem 4194304
Nov 02 10:00:00 w1 kernel: active_file 0
Nov 02 10:00:00 w1 kernel: Memory cgroup out of memory: Killed process 70 (web) total-vm:80000kB, anon-rss:61440kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:987
Nov 02 11:00:00 w1 kernel: leak invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=1000
Nov 02 11:00:00 w1 kernel: CPU: 0 PID: 90 Comm: leak Not tainted 6.1.0-50-cloud-amd64 #1
Nov 02 11:00:00 w1 kernel: Mem-Info:
Nov 02 11:00:00 w1 kernel: active_anon:200000 inactive_anon:1000 isolated_anon:0
Nov 02 11:00:00 w1 kernel:  active_file:256 inactive_file:512 isolated_file:0
Nov 02 11:00:00 w1 kernel:  slab_reclaimable:1000 slab_unreclaimable:2000
Nov 02 11:00:00 w1 kernel:  mapped:100 shmem:500 pagetables:200 bounce:0
Nov 02 11:00:00 w1 kernel:  free:12000 free_pcp:0 free_cma:0
Nov 02 11:00:00 w1 kernel: Free swap  = 0kB
Nov 02 11:00:00 w1 kernel: Total swap = 0kB
Nov 02 11:00:00 w1 kernel: 262144 pages RAM
Nov 02 11:00:00 w1 kernel: 6144 pages reserved
Nov 02 11:00:00 w1 kernel: [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
Nov 02 11:00:00 w1 kernel: [     20]     0    20    90000    20000   409600        0          -999 kubelet
Nov 02 11:00:00 w1 kernel: [     30]     0    30     9000     5600    40960        0         -1000 sshd
Nov 02 11:00:00 w1 kernel: [     90]     0    90   200000   180000   409600        0          1000 leak
Nov 02 11:00:00 w1 kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/kubepods/besteffort/pod2/c,task=leak,pid=90,uid=0
Nov 02 11:00:00 w1 kernel: Out of memory: Killed process 90 (leak) total-vm:800000kB, anon-rss:720000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:400kB oom_score_adj:1000
";

const POD_OF_THE_LOG: &str = "\
kind: Pod
metadata: {name: web, namespace: shop, uid: 11111111-2222-3333-4444-555555555555}
spec: {nodeName: w1, containers: [{name: app, resources: {limits: {memory: 64Mi}, requests: {memory: 16Mi}}}]}
";

#[test]
fn a_kernel_log_tells_of_its_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.into_os_string()
    };
    let there = folder.path().join("w1");
    let (log, pod) = (file("kern.log", KERNEL_LOG), file("pod.yaml", POD_OF_THE_LOG));
    let output = oomsim(["import".into(), log, pod, "--out".into(), there.clone().into_os_string()]);
    assert!(output.status.success(), "{}", err(&output));
    let text = std::fs::read_to_string(there.join("scenario.toml")).expect("a scenario");
    for part in [
        "memory = \"1000Mi\"",
        "version = \"6.1.0-50-cloud-amd64\"",
        "anon = \"100Mi\", activeFile = \"1Mi\", inactiveFile = \"2Mi\", kernel = \"12800Ki\"",
        "2 processes outside of pods",
        "steady = { anon = \"64Mi\" }",
        "when the limit was reached, in",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // Without the pods: what the log has of them is said, and the node runs without them.
    let alone = folder.path().join("alone");
    let log = folder.path().join("kern.log").into_os_string();
    let output = oomsim(["import".into(), log, "--out".into(), alone.into_os_string()]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(out(&output).contains("1 process with 720000Ki in pods that no file names"), "{}", out(&output));
    // A log in which nothing says how large the machine is.
    let short: String = KERNEL_LOG.lines().take(8).map(|line| format!("{line}\n")).collect();
    let output = oomsim(["import".into(), file("short.log", &short), "--out".into(), folder.path().join("x").into()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("a kernel log says it in reports about the whole node"), "{}", err(&output));
}

/// The same files with one object a line give the same scenario.
#[test]
fn objects_one_a_line_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let parsed = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(data(name)).expect("a file")).expect("JSON")
    };
    let lines =
        |list: &Value| -> String { list.as_array().expect("a list").iter().map(|v| format!("{v}\n")).collect() };
    let files = [
        ("node.json", parsed("node.json").to_string()),
        ("pods.json", lines(&parsed("pods.json")["items"])),
        ("configz.json", parsed("configz.json").to_string()),
        ("wss.json", lines(&parsed("wss.json")["data"]["result"])),
    ];
    let there = folder.path().join("lines");
    let mut args: Vec<std::ffi::OsString> = vec!["import".into()];
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        args.push(path.into_os_string());
    }
    args.extend(["--out".into(), there.clone().into_os_string()]);
    let output = oomsim(args);
    assert!(output.status.success(), "{}", err(&output));
    let plain = folder.path().join("plain");
    assert!(import(&["node.json", "pods.json", "configz.json", "wss.json"], &plain).status.success());
    let text = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("scenario.toml")).expect("a scenario");
        text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect::<String>()
    };
    assert_eq!(text(&there), text(&plain));
    // A line that is cut is named.
    let cut = folder.path().join("cut.json");
    std::fs::write(&cut, "{\"kind\": \"Node\"}\n{\"kind\": \"Pod\", ").expect("written");
    let output = oomsim(["import".as_ref(), cut.as_os_str(), "--out".as_ref(), folder.path().join("x").as_os_str()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("but not this one"), "{}", err(&output));
}
