//! What a user brings, as text: `kubectl get -o json`, Prometheus answers, CSV, a kernel log.

use serde_json::{Value, json};
use std::fmt::Write;

pub const MIB: f64 = 1_048_576.0;
/// The pod's uid.
pub const UID: &str = "0c3b5a7e-1f2d-4c6b-9a8e-7d6f5e4c3b2a";

/// One recorded curve: labels with the metric's name, seconds and bytes.
#[derive(Clone, Default)]
pub struct Curve {
    pub labels: Vec<(&'static str, String)>,
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    pub fn new(metric: &str, labels: &[(&'static str, &str)], points: Vec<(f64, f64)>) -> Curve {
        let mut all = vec![("__name__", metric.to_owned())];
        all.extend(labels.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Curve { labels: all, points }
    }

    fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value)
    }
}

/// When recordings begin.
const BEGIN: f64 = 1_764_100_000.0;

/// An answer of `query_range`.
pub fn prometheus(curves: &[Curve]) -> String {
    let one = |curve: &Curve| {
        let labels: serde_json::Map<String, Value> =
            curve.labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let values: Vec<Value> = curve.points.iter().map(|(t, v)| json!([BEGIN + t, format!("{v:.0}")])).collect();
        json!({ "metric": labels, "values": values })
    };
    let result: Vec<Value> = curves.iter().map(one).collect();
    json!({ "status": "success", "data": { "resultType": "matrix", "result": result } }).to_string()
}

/// Rows of `time,metric,namespace,pod,container,value`, the value with a unit.
pub fn csv(curves: &[Curve]) -> String {
    let mut text = String::from("time,metric,namespace,pod,container,value\n");
    for curve in curves {
        let [metric, namespace, pod, container] = ["__name__", "namespace", "pod", "container"].map(|n| curve.label(n));
        for (t, v) in &curve.points {
            let value = if metric.ends_with("_total") { format!("{v:.0}") } else { format!("{:.3} MiB", v / MIB) };
            let _ = writeln!(text, "{:.0},{metric},{namespace},{pod},{container},{value}", BEGIN + t);
        }
    }
    text
}

/// A report of an OOM in a cgroup, or of the node where `cgroup` is empty: tasks with pid, pages, `oom_score_adj` and
/// name, of which the first is killed.
pub struct Report<'a> {
    pub cgroup: &'a str,
    pub limit_kib: u64,
    /// Bytes of anonymous memory and of tmpfs in the cgroup.
    pub anon_shmem: Option<(u64, u64)>,
    pub tasks: Vec<(u32, u64, i32, &'a str)>,
    /// Nothing but the last line.
    pub short: bool,
}

impl Report<'_> {
    pub fn text(&self, at: f64) -> String {
        let (pid, pages, adj, comm) = self.tasks[0];
        let mut lines =
            vec![format!("{comm} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj={adj}")];
        if !self.cgroup.is_empty() {
            let limit = self.limit_kib;
            lines.push(format!("memory: usage {limit}kB, limit {limit}kB, failcnt 71"));
            lines.push(format!("Memory cgroup stats for {}:", self.cgroup));
            let (anon, shmem) = self.anon_shmem.unwrap_or((limit * 1000, 0));
            lines.push(format!("anon {anon}\nfile {shmem}\nshmem {shmem}").replace('\n', &format!("\n[{at:.6}] ")));
        }
        lines.push("Tasks state (memory values in pages):".into());
        lines.push("[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name".into());
        for (pid, pages, adj, comm) in &self.tasks {
            lines.push(format!("[{pid:7}]     0 {pid:5} {:8} {pages:8}   233472        0 {adj:13} {comm}", pages * 2));
        }
        let (constraint, of, what) = match self.cgroup {
            "" => ("CONSTRAINT_NONE", "global_oom".to_owned(), "Out of memory"),
            path => ("CONSTRAINT_MEMCG", format!("oom_memcg={path}"), "Memory cgroup out of memory"),
        };
        let task = format!("task_memcg=/kubepods.slice/kubepods-burstable.slice/x.scope,task={comm},pid={pid},uid=0");
        lines.push(format!("oom-kill:constraint={constraint},nodemask=(null),cpuset=/,mems_allowed=0,{of},{task}"));
        let killed = format!(
            "{what}: Killed process {pid} ({comm}) total-vm:{}kB, anon-rss:{}kB, file-rss:5000kB, shmem-rss:0kB, \
             UID:0 pgtables:2300kB oom_score_adj:{adj}",
            pages * 8,
            pages * 4
        );
        if self.short {
            lines.clear();
        }
        lines.push(killed);
        lines.iter().fold(String::new(), |text, line| text + &format!("[{at:.6}] {line}\n"))
    }
}

/// The cgroup of the pod, or of its container.
pub fn cgroup(container: bool) -> String {
    let pod = format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice", UID.replace('-', "_"));
    match container {
        true => format!("{pod}/cri-containerd-{}.scope", "4f".repeat(32)),
        false => pod,
    }
}

/// A container of a pod's spec.
pub fn container(name: &str, limit: Option<u64>, request: Option<u64>) -> Value {
    let mut resources = json!({});
    if let Some(limit) = limit {
        resources["limits"] = json!({ "memory": format!("{limit}Mi"), "cpu": "1" });
    }
    if let Some(request) = request {
        resources["requests"] = json!({ "memory": format!("{request}Mi") });
    }
    json!({ "name": name, "image": format!("registry.example/{name}:1"), "resources": resources, "env": [] })
}

/// The status of a container that runs, with its restarts and how it ended before that.
pub fn status(name: &str, restarts: u64, end: Option<(i64, &str)>) -> Value {
    let mut status = json!({
        "name": name, "restartCount": restarts, "ready": true,
        "state": { "running": { "startedAt": "2026-11-25T20:00:00Z" } }, "lastState": {}
    });
    if let Some((code, reason)) = end {
        status["lastState"]["terminated"] = json!({
            "exitCode": code, "reason": reason,
            "startedAt": "2026-11-25T18:41:09Z", "finishedAt": "2026-11-25T19:59:58Z"
        });
    }
    status
}

pub fn pod(name: &str, containers: Vec<Value>, statuses: Vec<Value>) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "shop", "uid": UID },
        "spec": { "nodeName": "n1", "containers": containers },
        "status": { "phase": "Running", "containerStatuses": statuses }
    })
}

pub fn event(reason: &str, message: &str, kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "reason": reason, "message": message, "count": 3,
        "involvedObject": { "kind": kind, "name": name }
    })
}
