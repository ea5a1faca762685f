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
