//! What the manifests of pods bring along.

use crate::common::{err, oomsim, out};
use crate::data;
use serde_json::Value;

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
