//! The same facts in the forms in which people have them.

use crate::common::{err, oomsim, out};
use crate::{data, import, import_changed};
use serde_json::Value;
use std::path::Path;

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

/// The kubelet takes huge pages of all sizes off allocatable memory (KEP-1539, node_status capacity `hugepages-*`);
/// they are neither the kernel's memory nor the daemons'. By hand: 7934456Ki − 2621440Ki of huge pages − 574Mi − 100Mi
/// is 4622840Ki; /proc/meminfo leaves 7934456 − 500000 − 3000000 − 2001000 − 1048576 = 1384880 kB to the kernel.
#[test]
fn huge_pages_and_swap_of_the_machine_come_in() {
    let node = |text: &str| {
        let pages = "\"hugepages-2Mi\": \"0\"";
        let changed = text.replacen(pages, "\"hugepages-1Gi\": \"2Gi\", \"hugepages-2Mi\": \"512Mi\"", 1);
        let changed = changed.replacen("\"memory\": \"7244280Ki\"", "\"memory\": \"4622840Ki\"", 1);
        changed.replacen("\"nodeInfo\": {", "\"nodeInfo\": { \"swap\": {\"capacity\": 2147483648},", 1)
    };
    let (output, there) = import_changed("node.json", node, &["pods.json"]);
    assert!(output.status.success(), "{}", err(&output));
    let text = std::fs::read_to_string(there.join("scenario.toml")).expect("a scenario");
    // 2.5 GiB in pages of 2 MiB; what is reserved is what EKS reserves.
    assert!(text.contains("\"vm.nr_hugepages\" = 1280") && text.contains("memory = \"574Mi\""), "{text}");
    assert!(text.contains("system = { anon = \"574Mi\" }"), "{text}");
    assert!(text.contains("swap = \"2048Mi\"") && text.contains("failSwapOn = false"), "{text}");
    assert!(out(&output).contains("allocatable and QoS classes: as in the files"), "{}", out(&output));
    // What is there for pods is what is promised: 4622840Ki.
    assert!(out(&output).contains("4.41Gi promised (allocatable), 4.41Gi there"), "{}", out(&output));

    let lines = "MemTotal: 7934456 kB\nMemFree: 500000 kB\nBuffers: 1000 kB\nCached: 2000000 kB\nSwapCached: 0 kB\n\
                 AnonPages: 3000000 kB\nActive(file): 900000 kB\nInactive(file): 900000 kB\nSwapTotal: 4194304 kB\n";
    let usual = "HugePages_Total: 512\nHugepagesize: 2048 kB\n";
    let exported = |lines: &str| -> String {
        let metric = |line: &str| {
            let (name, rest) = line.split_once(':').expect("a line");
            let name = name.replace('(', "_").replace(')', "");
            let number: u64 = rest.trim().trim_end_matches(" kB").parse().expect("a number");
            match rest.ends_with("kB") {
                true => format!("node_memory_{name}_bytes {}\n", number * 1024),
                false => format!("node_memory_{name} {number}\n"),
            }
        };
        lines.lines().map(metric).collect()
    };
    for (what, text) in [
        ("of the usual size", format!("{lines}{usual}")),
        (
            "of all sizes, one of 1 GiB",
            format!("{lines}HugePages_Total: 1\nHugepagesize: 1048576 kB\nHugetlb: 1048576 kB\n"),
        ),
        ("node_exporter", exported(&format!("{lines}{usual}"))),
    ] {
        let (output, there) = import_changed("meminfo", |_| text.clone(), &[]);
        assert!(output.status.success(), "{what}: {}", err(&output));
        let text = std::fs::read_to_string(there.join("scenario.toml")).expect("a scenario");
        assert!(
            text.contains("\"vm.nr_hugepages\" = 512") && text.contains("kernel = \"1384880Ki\""),
            "{what}: {text}"
        );
        assert!(text.contains("swap = \"4096Mi\"") && text.contains("failSwapOn = false"), "{what}: {text}");
    }
    let free = "               total        used        free      shared  buff/cache   available\n\
                Mem:           7.6Gi       3.1Gi       488Mi        12Mi       4.0Gi       4.2Gi\n\
                Swap:          4.0Gi          0B       4.0Gi\n";
    let (output, there) = import_changed("free.txt", |_| free.into(), &[]);
    assert!(output.status.success(), "{}", err(&output));
    let text = std::fs::read_to_string(there.join("scenario.toml")).expect("a scenario");
    assert!(text.contains("swap = \"4096Mi\""), "{text}");
}

/// Objects that make pods, as `kubectl get deploy,rs,cronjob,job -o yaml` prints them: what one of them makes counts
/// once, and what rests not at all.
#[test]
fn a_workload_and_what_it_made_count_once() {
    let template =
        "template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Always, containers: [{name: c, image: x}]}}";
    let of = |kind: &str, name: &str, owner: &str, spec: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: {name}{owner}}}, spec: {{{spec}selector: {{matchLabels: {{a: b}}}}, {template}}}}}\n---\n"
        )
    };
    let owner = ", ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}]";
    let objects = [
        of("Deployment", "web", "", "replicas: 2, "),
        of("ReplicaSet", "web-1", owner, "replicas: 2, "),
        of("ReplicaSet", "web-0", owner, "replicas: 0, "),
        of("Deployment", "idle", "", "replicas: 0, "),
        of("ReplicaSet", "alone", "", "replicas: 1, "),
        of("Rollout", "new", "", "replicas: 2, "),
    ];
    let (output, there) = import_changed("all.yaml", |_| objects.concat(), &["node.json"]);
    assert!(output.status.success(), "{}", err(&output));
    let manifests = std::fs::read_dir(there.join("manifests")).expect("a folder");
    let names = manifests.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let names: std::collections::BTreeSet<String> = names.filter(|name| name.ends_with(".yaml")).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["default_alone.yaml", "default_web.yaml"]);
    let said = out(&output);
    assert!(said.contains("1 workload object without pods (ended, suspended, no replicas): left out"), "{said}");
    assert!(said.contains("1 Rollout: not read, its pods are missing"), "{said}");
}

/// Answers as programs write them again: numbers as numbers, labels as Prometheus renames them without `honor_labels`;
/// and another unit, which no figure of a process in bytes can be.
#[test]
fn answers_that_were_written_again_are_read() {
    let plain = import_changed("wss.json", str::to_string, &["node.json", "pods.json"]).1;
    let trace = |folder: &Path| {
        std::fs::read_to_string(folder.join("traces/shop_cart-7c9f6d5b4-xk2lp_cart.csv")).expect("a trace")
    };
    let every = |text: &str, change: &dyn Fn(&mut Value)| -> String {
        let mut answer: Value = serde_json::from_str(text).expect("JSON");
        answer["data"]["result"].as_array_mut().expect("series").iter_mut().for_each(change);
        answer.to_string()
    };
    let numbers = |series: &mut Value| {
        for sample in series["values"].as_array_mut().expect("samples") {
            sample[1] = sample[1].as_str().and_then(|text| text.parse::<f64>().ok()).expect("a number").into();
        }
    };
    let renamed = |series: &mut Value| {
        let labels = series["metric"].as_object_mut().expect("labels");
        for name in ["namespace", "pod", "container"] {
            let own = labels.insert(name.into(), "kube-state-metrics".into()).expect("a label");
            labels.insert(format!("exported_{name}"), own);
        }
    };
    for change in [&numbers as &dyn Fn(&mut Value), &renamed] {
        let (output, there) = import_changed("wss.json", |text| every(text, change), &["node.json", "pods.json"]);
        assert!(output.status.success(), "{}", err(&output));
        assert_eq!(trace(&there), trace(&plain));
    }
    let in_mib = |series: &mut Value| {
        for sample in series["values"].as_array_mut().expect("samples") {
            let bytes: f64 = sample[1].as_str().and_then(|text| text.parse().ok()).expect("a number");
            sample[1] = (bytes / 1_048_576.0).to_string().into();
        }
    };
    let (output, _) = import_changed("wss.json", |text| every(text, &in_mib), &["node.json", "pods.json"]);
    assert!(out(&output).contains("are these bytes?"), "{}", out(&output));
}
