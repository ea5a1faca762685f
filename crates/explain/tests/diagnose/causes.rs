//! What each cause does to a container, its pod and its node: other shapes and evidence than the simulator's. Each
//! comment says why the answer is the cause.

use crate::drawn::{Case, Draw};
use crate::files::{Curve, MIB, Report, cgroup, container, event, pod, status};
use oomsim_explain::diagnose::Ailment;
use serde_json::json;

const KILLED: Option<(i64, &str)> = Some((137, "OOMKilled"));
const ERROR: Option<(i64, &str)> = Some((137, "Error"));

fn leak(d: &mut Draw) -> Case {
    // It rises steadily, falls with each restart, and rises again.
    let (base, lives) = (d.share(0.15, 0.45) * d.limit as f64, d.share(2.2, 7.0));
    let wave = if d.chance(30) { d.share(0.01, 0.04) } else { 0.0 };
    let limit = d.limit as f64;
    let rises = move |x: f64| base + (limit - base) * x + limit * wave * (x * 50.0).sin();
    let mut curves = d.lives(lives, rises);
    curves.extend(d.maybe_rss(|x| rises((x * lives).fract()) * 0.97));
    let mut pod = d.pod(Some(d.limit), (lives as u64, lives as u64 + 9), KILLED);
    if d.chance(20) {
        // A heap that fits; what leaks is outside of it.
        pod["spec"]["containers"][0]["env"] =
            json!([{ "name": "JAVA_TOOL_OPTIONS", "value": "-XX:MaxRAMPercentage=60" }]);
    }
    let log = if d.chance(40) { d.kill(limit * 0.97) } else { None };
    Case { pod, curves, log, ..Case::default() }
}

fn limit_too_low(d: &mut Draw) -> Case {
    // It warms up and stays at the limit until a little more is too much.
    let (level, warm, lives) = (d.share(0.95, 0.995), d.share(0.02, 0.15), d.share(1.3, 9.0));
    let (limit, begins) = (d.limit as f64, d.share(0.4, 0.6));
    let held = move |x: f64| limit * (begins + (level - begins) * (x / warm).min(1.0));
    let mut curves = d.lives(lives, held);
    curves.extend(d.maybe_rss(|x| held((x * lives).fract()) * 0.95));
    let pod = d.pod(Some(d.limit), (lives as u64 + 1, lives as u64 + 9), KILLED);
    let log = if d.chance(40) { d.kill(limit * 0.96) } else { None };
    Case { pod, curves, log, ..Case::default() }
}

fn runtime_size(d: &mut Draw) -> Case {
    // The settings give the heap nearly the limit, or more.
    let limit = d.limit;
    let mib = |share: f64| (limit as f64 * share) as u64;
    let share = d.share(0.86, 1.3);
    let setting = match d.within(0, 6) {
        0 => {
            let percent = format!("-XX:MaxRAMPercentage={}.0", d.within(85, 95));
            json!({ "env": [{ "name": "JAVA_TOOL_OPTIONS", "value": percent }] })
        }
        1 => json!({ "command": ["java", format!("-Xmx{}m", mib(share)), "-jar", "/app.jar"] }),
        2 => json!({ "command": ["sh", "-c", format!("exec java -Xms64m -Xmx{}m -jar /app.jar", mib(share))] }),
        3 => json!({ "env": [{ "name": "NODE_OPTIONS", "value": format!("--max-old-space-size={}", mib(share)) }] }),
        4 => json!({ "args": ["node", format!("--max-old-space-size={}", mib(share)), "server.js"] }),
        5 => {
            let of = json!({ "resourceFieldRef": { "resource": "limits.memory" } });
            json!({ "env": [{ "name": "GOMEMLIMIT", "valueFrom": of }] })
        }
        _ => json!({ "env": [{ "name": "DOTNET_GCHeapHardLimitPercent", "value": "0x5F" }] }),
    };
    let lives = d.share(1.5, 7.0);
    let limit = limit as f64;
    let (start, bend) = (d.share(0.5, 0.75) * limit, d.share(2.5, 4.0));
    let held = move |x: f64| start + (limit * 0.985 - start) * (1.0 - (-bend * x).exp());
    let mut pod = d.pod(Some(d.limit), (lives as u64 + 1, lives as u64 + 5), KILLED);
    for (key, value) in setting.as_object().expect("a map") {
        pod["spec"]["containers"][0][key] = value.clone();
    }
    let mut curves = d.lives(lives, held);
    curves.extend(d.maybe_rss(|x| held((x * lives).fract()) * 0.98));
    let log = if d.chance(40) { d.kill(limit * 0.97) } else { None };
    Case { pod, curves, log, ..Case::default() }
}

fn burst(d: &mut Draw) -> Case {
    // A low level, and yet OOMKilled: what it held then is between two samples. Or peaks that come back are seen.
    let (limit, base) = (d.limit as f64, d.share(0.1, 0.4));
    let seen = d.chance(40);
    let every = d.share(5.0, 14.0);
    let held = move |x: f64| if seen && (x * every).fract() < 0.06 { limit * 0.9 } else { limit * base };
    let curves = vec![d.series("container_memory_working_set_bytes", held)];
    let pod = d.pod(Some(d.limit), (1, 6), KILLED);
    let log = if d.chance(50) { d.kill(limit * 0.97) } else { None };
    Case { pod, curves, log, ..Case::default() }
}

fn page_cache(d: &mut Draw) -> Case {
    // The working set fills up to the limit and stays; anonymous memory does not grow, and nothing is killed.
    let (limit, anon, full) = (d.limit as f64, d.share(0.1, 0.25), d.share(0.2, 0.8));
    let (most, own) = (limit * d.share(0.9, 0.99), limit * anon);
    let held = move |x: f64| own + (most - own) * (x / full).min(1.0);
    let mut curves = vec![d.series("container_memory_working_set_bytes", held)];
    if d.chance(60) {
        curves.push(d.series("container_memory_rss", |_| own));
    } else {
        // Both are of one scrape.
        let usage = d.series("container_memory_usage_bytes", |x| held(x) * 1.01);
        let mut cache = usage.clone();
        cache.labels[0].1 = "container_memory_cache".into();
        cache.points.iter_mut().for_each(|(_, value)| *value = (*value - own * MIB).max(0.0));
        curves.extend([usage, cache]);
    }
    Case { pod: d.pod(Some(d.limit), (0, 0), None), curves, ..Case::default() }
}

fn tmpfs(d: &mut Draw) -> Case {
    // A memory-backed volume; restarts do not lower what is charged.
    let (limit, base, full) = (d.limit as f64, d.share(0.15, 0.3), d.share(0.5, 0.9));
    let own = limit * base;
    let held = move |x: f64| own + (limit * 0.99 - own) * (x / full).min(1.0);
    let mut pod = d.pod(Some(d.limit), (3, 40), KILLED);
    pod["spec"]["volumes"] = json!([{ "name": "scratch", "emptyDir": { "medium": "Memory" } }]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{ "name": "scratch", "mountPath": "/tmp" }]);
    let mut curves = vec![d.series("container_memory_working_set_bytes", held)];
    curves.extend(d.maybe_rss(|_| own));
    let shmem = (limit * (0.98 - base) * MIB) as u64;
    let log = if d.chance(40) { d.kill_of(own, Some(((own * MIB) as u64, shmem)), false) } else { None };
    if d.chance(15) {
        // The kubelet says it itself.
        pod["status"] = json!({ "phase": "Failed", "reason": "Evicted", "containerStatuses": [],
            "message": "Usage of EmptyDir volume \"scratch\" exceeds the limit \"256Mi\". " });
        return Case { pod, curves, ..Case::default() };
    }
    Case { pod, curves, log, ..Case::default() }
}

fn sidecar(d: &mut Draw) -> Case {
    let (name, pod_name) = (d.name.clone(), d.pod_name());
    let limit = d.limit;
    let own = d.share(0.3, 0.6) * limit as f64;
    let mut curves = vec![d.series("container_memory_working_set_bytes", |_| own)];
    let on = [("namespace", "shop"), ("pod", pod_name.as_str()), ("container", "istio-proxy")];
    let pod = match d.within(0, 2) {
        0 => {
            // The proxy has no limit and takes what the pod's limit leaves; the program is killed.
            let rest = limit as f64 - own;
            let lives = d.share(1.5, 3.0);
            let points = d.sampled(|x| 30.0 + (rest - 30.0) * (x * lives).fract());
            curves.push(Curve::new("container_memory_working_set_bytes", &on, points));
            let mut pod = pod(
                &pod_name,
                vec![container(&name, None, Some(limit / 2)), container("istio-proxy", None, None)],
                vec![status(&name, lives as u64, KILLED), status("istio-proxy", 0, None)],
            );
            pod["spec"]["resources"] = json!({ "limits": { "memory": format!("{limit}Mi") } });
            pod
        }
        1 => {
            // The proxy is killed at its own small limit; the program is well.
            let points = d.sampled(|_| 63.0);
            curves.push(Curve::new("container_memory_working_set_bytes", &on, points));
            pod(
                &pod_name,
                vec![container(&name, Some(limit), Some(limit / 2)), container("istio-proxy", Some(64), Some(64))],
                vec![status(&name, 0, None), status("istio-proxy", d.within(2, 9), KILLED)],
            )
        }
        _ => {
            // An init container is killed before the program runs.
            curves.clear();
            let mut pod = pod(&pod_name, vec![container(&name, Some(limit), None)], Vec::new());
            pod["spec"]["initContainers"] = json!([container("migrate", Some(64), Some(64))]);
            pod["status"] = json!({ "phase": "Pending", "initContainerStatuses": [{
                "name": "migrate", "restartCount": 5, "ready": false,
                "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } } }],
                "containerStatuses": [{ "name": name, "restartCount": 0, "ready": false,
                "state": { "waiting": { "reason": "PodInitializing" } }, "lastState": {} }] });
            pod
        }
    };
    Case { pod, curves, ..Case::default() }
}

fn child_killed(d: &mut Draw) -> Case {
    // Memory falls, the kernel has killed in the container, and it was not restarted.
    let (limit, base, times) = (d.limit as f64, d.share(0.2, 0.4), d.share(1.3, 3.6));
    let held = move |x: f64| limit * (base + (0.99 - base) * (x * times).fract());
    let mut curves = vec![d.series("container_memory_working_set_bytes", held)];
    let log = if d.chance(60) {
        let (path, pages) = (cgroup(true), (limit * 200.0) as u64);
        let tasks = vec![(5123, pages, 984, "worker"), (4711, 9000, 984, "python3")];
        let report = Report { cgroup: &path, limit_kib: d.limit * 1024, anon_shmem: None, tasks, short: false };
        (!d.hard).then(|| report.text(99_000.0))
    } else {
        None
    };
    if log.is_none() || d.chance(30) {
        let points = d.counter(|x| (x * times).floor());
        let (pod, name) = (d.pod_name(), d.name.clone());
        let on = [("namespace", "shop"), ("pod", pod.as_str()), ("container", name.as_str())];
        curves.push(Curve::new("container_oom_events_total", &on, points));
    }
    Case { pod: d.pod(Some(d.limit), (0, 0), None), curves, log, ..Case::default() }
}

/// Level, whatever happens around it.
fn level(d: &mut Draw, of: f64) -> Vec<Curve> {
    let held = d.limit as f64 * of;
    let mut curves = d.lives(1.0, |_| held);
    curves.extend(d.maybe_rss(|_| held * 0.9));
    curves
}

fn node_pressure(d: &mut Draw) -> Case {
    // Evicted for memory, while its own stays as it is.
    let own = d.share(0.2, 0.5);
    let mut curves = level(d, own);
    let limit = d.chance(50).then_some(d.limit);
    let mut pod = d.pod(limit, (0, 0), None);
    let used = (d.limit as f64 * own * 1024.0) as u64;
    pod["status"] = json!({ "phase": "Failed", "reason": "Evicted", "containerStatuses": [], "message": format!(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: {}Ki. Container {} was using {used}Ki, \
         request is 0, has larger consumption of memory. ", d.within(40_000, 102_000), d.name) });
    if d.chance(if d.hard { 33 } else { 70 }) {
        curves.extend(d.node_memory(|x| 3000.0 * (1.0 - x) + 60.0));
    }
    if d.chance(40) {
        let points = d.sampled(|x| 400.0 + 5000.0 * x);
        let on = [("namespace", "batch"), ("pod", "etl-nightly-1"), ("container", "etl")];
        curves.push(Curve::new("container_memory_working_set_bytes", &on, points));
    }
    let mut events = Vec::new();
    if d.chance(50) {
        events.push(event(
            "NodeHasInsufficientMemory",
            "Node n1 status is now: NodeHasInsufficientMemory",
            "Node",
            "n1",
        ));
        events.push(event("Evicted", "The node was low on resource: memory.", "Pod", &d.pod_name()));
    }
    Case { pod, curves, events, ..Case::default() }
}

fn node_overcommit(d: &mut Draw) -> Case {
    // Killed at the limit of all pods: the log says so; or it has no limit, the node has room, and all pods together
    // are at what is allocatable.
    let own = d.share(0.2, 0.4);
    let mut curves = level(d, own);
    let pod = d.pod(None, (1, 3), KILLED);
    let mut node = None;
    let mut log = None;
    if !d.hard && d.chance(60) {
        let name = d.name.clone();
        let pages = (d.limit as f64 * own * 256.0) as u64;
        let tasks = vec![(4711, pages, 1000, name.as_str()), (99, 3_000, 984, "batch")];
        let report = Report { cgroup: "/kubepods.slice", limit_kib: 7_000_000, anon_shmem: None, tasks, short: false };
        log = Some(report.text(5_000.0));
    } else {
        let points = d.sampled(|x| (4000.0 + 3400.0 * x).min(7100.0));
        curves.push(Curve::new("container_memory_working_set_bytes", &[("id", "/kubepods.slice")], points));
        curves.extend(d.node_memory(|x| 4000.0 - 1400.0 * x));
        node = Some(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n1" }, "status": {
            "capacity": { "memory": "8388608Ki" }, "allocatable": { "memory": "7168Mi" } } }));
    }
    Case { pod, curves, log, node, ..Case::default() }
}

fn reservation_too_small(d: &mut Draw) -> Case {
    // The node itself was out of memory, and what runs outside of pods holds more than is reserved for it.
    let own = d.share(0.2, 0.4);
    let mut curves = level(d, own);
    let limit = d.chance(50).then_some(d.limit);
    let end = if d.chance(50) { KILLED } else { ERROR };
    let pod = d.pod(limit, (1, 3), end);
    let system_oom = || event("SystemOOM", "System OOM encountered, victim process: cart, pid: 4711", "Node", "n1");
    let events = if d.hard || d.chance(60) { vec![system_oom()] } else { Vec::new() };
    let mut log = None;
    if !d.hard && d.chance(50) {
        let name = d.name.clone();
        let pages = (d.limit as f64 * own * 256.0) as u64;
        let tasks = vec![
            (4711, pages, 984, name.as_str()),
            (811, 500_000, 0, "node-agent"),
            (640, 30_000, -999, "containerd"),
            (700, 31_000, -999, "kubelet"),
        ];
        let report = Report { cgroup: "", limit_kib: 0, anon_shmem: None, tasks, short: false };
        log = Some(report.text(5_000.0));
    }
    let mut node = None;
    if (log.is_none() && events.is_empty()) || d.chance(50) {
        let points = d.sampled(|x| 600.0 + 1500.0 * x);
        curves.push(Curve::new("container_memory_working_set_bytes", &[("id", "/system.slice")], points));
        curves.extend(d.node_memory(|x| 2600.0 * (1.0 - x) + 30.0));
        node = Some(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n1" }, "status": {
            "capacity": { "memory": "8Gi" }, "allocatable": { "memory": "7700Mi" } } }));
    }
    Case { pod, curves, events, log, node }
}

fn swap(d: &mut Draw) -> Case {
    // At the limit, swapped out more and more, never killed.
    let (limit, begins, full) = (d.limit as f64, d.share(0.4, 0.7), d.share(0.1, 0.5));
    let held = move |x: f64| limit * (begins + (0.98 - begins) * (x / full).min(1.0));
    let swapped = move |x: f64| limit * 0.8 * (x - full).max(0.0);
    let mut curves = vec![d.series("container_memory_working_set_bytes", held)];
    curves.extend(d.maybe_rss(|x| held(x) * 0.98));
    if d.chance(70) {
        curves.push(d.series("container_memory_swap", swapped));
    } else {
        let (on, total) = ([("instance", "n1")], 4.0 * limit);
        let free = d.sampled(|x| total - swapped(x));
        let all = d.counter(|_| total * MIB);
        curves.push(Curve::new("node_memory_SwapFree_bytes", &on, free));
        curves.push(Curve::new("node_memory_SwapTotal_bytes", &on, all));
    }
    Case { pod: d.pod(Some(d.limit), (0, 0), None), curves, ..Case::default() }
}

fn high_stall(d: &mut Draw) -> Case {
    // Level below the limit, not killed, and it waits for memory much of the time.
    let (limit, begins, full) = (d.limit as f64, d.share(0.3, 0.6), d.share(0.05, 0.4));
    let high = limit * d.share(0.8, 0.95);
    let held = move |x: f64| limit * begins + (high - limit * begins) * (x / full).min(1.0);
    let (share, seconds) = (d.share(0.12, 0.9), d.seconds());
    let mut curves = vec![d.series("container_memory_working_set_bytes", held)];
    let points = d.counter(|x| (x - full).max(0.0) * seconds * share);
    let (pod, name) = (d.pod_name(), d.name.clone());
    let on = [("namespace", "shop"), ("pod", pod.as_str()), ("container", name.as_str())];
    curves.push(Curve::new("container_pressure_memory_waiting_seconds_total", &on, points));
    curves.extend(d.maybe_rss(|x| held(x) * 0.97));
    Case { pod: d.pod(Some(d.limit), (0, 0), None), curves, ..Case::default() }
}

fn killed_by_other(d: &mut Draw) -> Case {
    // SIGKILL, and no report of the kernel; nothing of memory points to anything.
    let own = d.share(0.15, 0.6);
    let curves = level(d, own);
    let mut pod = d.pod(Some(d.limit), (1, 4), ERROR);
    let mut events = Vec::new();
    if d.chance(30) {
        pod["spec"]["containers"][0]["livenessProbe"] = json!({ "httpGet": { "path": "/healthz", "port": 8080 } });
        let stopping = format!("Stopping container {}", d.name);
        events.push(event("Killing", &stopping, "Pod", &d.pod_name()));
    }
    let log = match d.within(0, 2) {
        _ if d.hard => None,
        0 => Some(
            "[  812.000001] systemd[1]: Started Daily apt download activities.\n[  999.100000] eth0: link up\n".into(),
        ),
        1 => Some(format!(
            "Nov 26 06:00:01 n1 systemd-oomd[801]: Killed {} due to memory pressure for /kubepods.slice being 68.24% > 60.00% for > 30s with reclaim activity\n",
            cgroup(true)
        )),
        _ => None,
    };
    Case { pod, curves, events, log, ..Case::default() }
}

fn liveness_probe(d: &mut Draw) -> Case {
    // Events say that the probe failed and that the container is restarted for it.
    let own = d.share(0.15, 0.7);
    let curves = level(d, own);
    let end = if d.chance(70) { ERROR } else { Some((143, "Error")) };
    let mut pod = d.pod(Some(d.limit), (1, 9), end);
    let (field, word) = if d.chance(80) { ("livenessProbe", "Liveness") } else { ("startupProbe", "Startup") };
    pod["spec"]["containers"][0][field] = json!({ "httpGet": { "path": "/", "port": 80 }, "timeoutSeconds": 1 });
    let of = d.pod_name();
    let failed = format!("{word} probe failed: Get \"http://10.0.0.7:80/\": context deadline exceeded");
    let killing = format!("Container {} failed {} probe, will be restarted", d.name, word.to_lowercase());
    let mut events = vec![event("Unhealthy", &failed, "Pod", &of)];
    if d.chance(60) {
        events.push(event("Killing", &killing, "Pod", &of));
    }
    Case { pod, curves, events, ..Case::default() }
}

/// A case of a cause.
pub fn drawn(cause: Ailment, d: &mut Draw) -> Case {
    match cause {
        Ailment::LimitTooLow => limit_too_low(d),
        Ailment::Leak => leak(d),
        Ailment::RuntimeSize => runtime_size(d),
        Ailment::Burst => burst(d),
        Ailment::PageCache => page_cache(d),
        Ailment::Tmpfs => tmpfs(d),
        Ailment::Sidecar => sidecar(d),
        Ailment::ChildKilled => child_killed(d),
        Ailment::NodePressure => node_pressure(d),
        Ailment::NodeOvercommit => node_overcommit(d),
        Ailment::ReservationTooSmall => reservation_too_small(d),
        Ailment::Swap => swap(d),
        Ailment::HighStall => high_stall(d),
        Ailment::KilledByOther => killed_by_other(d),
        Ailment::LivenessProbe => liveness_probe(d),
    }
}
