//! A key that is absent has the default that its table says: the reader makes the same of both.

use super::rendered;
use crate::reference;
use crate::tables::{CONFIGURATION, SCENARIO, WhenAbsent};
use crate::{NoFiles, load};
use oomsim_core::plan::Scenario;

/// A pod for each workload; every table of the list below is here, or can be.
const BASE: &str = r#"
node.memory = "8Gi"
node.disk = { latency = "1ms", bandwidth = "100Mi" }
node.earlyoom = {}
node.systemdOomd = {}
node.talosOom = {}
[kubelet]
[[host]]
name = "h"
hangsUpWith = { process = "g" }
workload.steady = { anon = "1Mi" }
[[host]]
name = "g"
[[pod]]
name = "a"
container = [{ name = "c", process = [{ comm = "p" }], livenessProbe = {}, preStop = { exec = "1s" } }]
[[pod]]
name = "leak"
container = [{ name = "c", workload.leak = { block = "1Mi", every = "1s", jitter = { spread = "100ms" } } }]
[[pod]]
name = "dotnet"
container = [{ name = "c", workload.dotnet = { block = "1Mi", every = "1s" } }]
[[pod]]
name = "vpa"
recommender = {}
container = [{ name = "c" }]
[[pod]]
name = "jvm"
container = [{ name = "c", runtime = { name = "jvm-17" } }]
[[pod]]
name = "ramp"
container = [{ name = "c", workload.ramp = { rate = "1Mi", to = "10Mi" } }]
[[pod]]
name = "sawtooth"
container = [{ name = "c", workload.sawtooth = { high = "2Mi", rise = "1s" } }]
[[pod]]
name = "cache"
container = [{ name = "c", workload.pageCache = { file = "1Mi", rate = "1Mi" } }]
[[pod]]
name = "burst"
container = [{ name = "c", workload.burst = { burst = "1Mi", every = "10s", hold = "1s" } }]
[[pod]]
name = "trace"
container = [{ name = "c", workload.trace = { points = [["1s", "1Mi"], ["2s", "2Mi"]] } }]
"#;

/// Where each table is, as for `--set`.
const PATHS: &[(&str, &str)] = &[
    ("the scenario", ""),
    ("[node]", "node."),
    ("[node.system]", "node.system."),
    ("[node.exit]", "node.exit."),
    ("[node.disk]", "node.disk."),
    ("[node.earlyoom]", "node.earlyoom."),
    ("[node.systemdOomd]", "node.systemdOomd."),
    ("[node.talosOom]", "node.talosOom."),
    ("preStop", "pod.a.container.c.preStop."),
    ("a probe", "pod.a.container.c.livenessProbe."),
    ("[node.runtime]", "node.runtime."),
    ("[kernel]", "kernel."),
    ("[kubelet]", "kubelet."),
    ("[kubelet.timing]", "kubelet.timing."),
    ("[kubelet.timing.housekeeping]", "kubelet.timing.housekeeping."),
    ("[[host]]", "host.g."),
    ("hangsUpWith", "host.h.hangsUpWith."),
    ("workload.steady", "host.h.workload.steady."),
    ("[[pod]]", "pod.a."),
    ("[[pod.container]]", "pod.a.container.c."),
    ("[[pod.container.process]]", "pod.a.container.c.process.0."),
    ("footprint", "pod.a.container.c.footprint."),
    ("workload.leak", "pod.leak.container.c.workload.leak."),
    ("jitter", "pod.leak.container.c.workload.leak.jitter."),
    ("workload.dotnet", "pod.dotnet.container.c.workload.dotnet."),
    ("recommender", "pod.vpa.recommender."),
    ("runtime", "pod.jvm.container.c.runtime."),
    ("workload.ramp", "pod.ramp.container.c.workload.ramp."),
    ("workload.sawtooth", "pod.sawtooth.container.c.workload.sawtooth."),
    ("workload.pageCache", "pod.cache.container.c.workload.pageCache."),
    ("workload.burst", "pod.burst.container.c.workload.burst."),
    ("workload.trace", "pod.trace.container.c.workload.trace."),
];

/// Tables with the same keys as one of those, and what is no part of the plan of one node.
const LEFT_OUT: [&str; 3] = ["[[node]]", "[[pod.initContainer]]", "[[expect]]"];

fn read(set: &[String]) -> Result<Scenario, String> {
    let loaded = load(BASE, "base.toml", &NoFiles, set).map_err(|list| rendered(&list))?;
    Ok((*loaded.scenario).clone())
}

#[test]
fn what_is_absent_is_what_the_table_says() {
    let base = read(&[]).unwrap_or_else(|why| panic!("{why}"));
    let mut wrong = Vec::new();
    let tables = reference::tables(&[&SCENARIO, &CONFIGURATION]);
    for table in tables.into_iter().filter(|table| !LEFT_OUT.contains(&table.name)) {
        let defaults = table.keys().filter_map(|key| match key.default {
            WhenAbsent::Is(value) => Some((key, value)),
            _ => None,
        });
        for (key, value) in defaults {
            let Some((_, path)) = PATHS.iter().find(|(name, _)| *name == table.name) else {
                wrong.push(format!("{} is in no list of this test", table.name));
                continue;
            };
            let set = format!("{path}{}={value}", key.name);
            match read(std::slice::from_ref(&set)) {
                Ok(read) if read == base => {}
                Ok(_) => wrong.push(format!("{set} changes the plan")),
                Err(why) => wrong.push(why),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
