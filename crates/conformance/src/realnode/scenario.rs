//! A story as a scenario: what a user with these pods and this configuration would write.

use super::story::{Action, Story};
use crate::node::import::quoted;
use serde_json::Value;
use std::fmt::Write;

/// What containerd's shim, containerd and the kubelet take for each pod: 8 to 12 MiB (stories E01, B23, A03).
const RUNTIME_PER_POD: i64 = 10 << 20;
/// Seconds in which a process touches a GiB: with one processor, and with `-cpu max` on two.
const TOUCH: [f64; 2] = [0.5, 3.0];
/// What an idle `wl` holds besides its blocks: text of the image, and kernel memory.
const WORKER: &str = "{ file = 700000, kernel = 40960 }";
/// Settings of the kubelet that a scenario takes as they are.
const SETTINGS: [&str; 14] = [
    "evictionHard",
    "evictionSoft",
    "evictionSoftGracePeriod",
    "evictionMinimumReclaim",
    "evictionMaxPodGracePeriod",
    "evictionPressureTransitionPeriod",
    "systemReserved",
    "kubeReserved",
    "featureGates",
    "memorySwap",
    "failSwapOn",
    "singleProcessOOMKill",
    "memoryThrottlingFactor",
    "memoryReservationPolicy",
];

/// The scenario.
pub fn text(story: &Story) -> Result<String, String> {
    let t0 = story.t0();
    let mut out = String::new();
    let o = &mut out;
    let _ = writeln!(o, "name = {}\ndescription = {}", quoted(&story.id.to_lowercase()), quoted(&story.note));
    let _ = writeln!(o, "duration = {}\n", seconds(t0 + story.inputs.duration));
    node(o, story)?;
    kubelet(o, story, t0)?;
    for action in &story.inputs.actions {
        match action.what.as_str() {
            "pod" | "static" => pod(o, story, action, t0)?,
            "delete" => {
                let _ =
                    writeln!(o, "[[at]]\ntime = {}\ndeletePod = {}\n", seconds(t0 + action.t), quoted(&action.name));
            }
            "host" => {
                let _ =
                    writeln!(o, "[[host]]\nname = {}\nstartAfter = {}", quoted(&action.name), seconds(t0 + action.t));
                let _ = writeln!(o, "oomScoreAdj = {}", action.adj.unwrap_or(0));
                let args = action.args.clone().unwrap_or_default();
                program(o, story, &args.iter().map(String::as_str).collect::<Vec<_>>(), t0, "", &[])?;
            }
            other => return Err(format!("an action {other:?}")),
        }
    }
    Ok(out)
}

fn node(o: &mut String, story: &Story) -> Result<(), String> {
    let first_pod = story.inputs.actions.iter().map(|a| a.t).fold(f64::INFINITY, f64::min);
    let number = |row: &[Value], n: usize| row.get(n).and_then(Value::as_f64).unwrap_or(0.0);
    let before = story.series.iter().rfind(|row| number(row, 0) < first_pod).or(story.series.first());
    let row = before.ok_or("the story has no series")?;
    let working_set = story.node.mem_total - number(row, 1) as i64;
    let kernel = (story.node.mem_total - number(row, 2) as i64 - working_set).max(0);
    let pods = story.inputs.actions.iter().filter(|a| !a.pod.is_null()).count() as i64;
    let anon = (working_set + pods * RUNTIME_PER_POD).max(0);
    let _ = writeln!(o, "[node]\nmemory = {}\ncpus = {}", story.node.mem_total, story.vm.smp);
    let _ = writeln!(o, "system = {{ anon = {anon}, kernel = {kernel} }}");
    let _ = writeln!(
        o,
        "runtime = {{ sandboxCreate = \"270ms\", containerCreate = \"140ms\", containerRemove = \"220ms\" }}\n"
    );
    let kernel = story.versions.get("kernel").map_or("6.12", String::as_str);
    let _ = writeln!(o, "[kernel]\nversion = {}\nthp = \"always\"\n", quoted(kernel));
    Ok(())
}

fn kubelet(o: &mut String, story: &Story, t0: f64) -> Result<(), String> {
    let version = story.versions.get("kubelet").map_or("1.36", String::as_str);
    let version = version.split(' ').next().unwrap_or_default().trim_start_matches('v');
    let version: Vec<&str> = version.split('.').take(2).collect();
    let _ = writeln!(o, "[kubelet]\nversion = {}", quoted(&version.join(".")));
    if let Some(first) = story.passes.first() {
        let _ = writeln!(o, "firstPass = {}", seconds((t0 + first).max(0.0)));
    }
    for name in SETTINGS {
        if let Some(value) = story.kubelet_config.get(name) {
            let _ = writeln!(o, "{name} = {}", toml(value)?);
        }
    }
    o.push('\n');
    Ok(())
}

fn pod(o: &mut String, story: &Story, action: &Action, t0: f64) -> Result<(), String> {
    let spec = &action.pod["spec"];
    let _ = writeln!(o, "[[pod]]\nname = {}\nat = {}", quoted(&action.name), seconds(t0 + action.t));
    if let Some(uid) = action.pod["metadata"]["uid"].as_str() {
        let _ = writeln!(o, "uid = {}", quoted(uid));
    }
    for key in ["priority", "restartPolicy", "terminationGracePeriodSeconds", "resources"] {
        match &spec[key] {
            Value::Null => {}
            Value::Object(map) if map.is_empty() => {}
            value => {
                let _ = writeln!(o, "{key} = {}", toml(value)?);
            }
        }
    }
    if action.what == "static" {
        let _ = writeln!(o, "annotations = {{ \"kubernetes.io/config.source\" = \"file\" }}");
    }
    for toleration in spec["tolerations"].as_array().into_iter().flatten() {
        let _ = writeln!(o, "[[pod.toleration]]");
        for (key, value) in toleration.as_object().into_iter().flatten() {
            let _ = writeln!(o, "{key} = {}", toml(value)?);
        }
    }
    for volume in spec["volumes"].as_array().into_iter().flatten().filter(|v| v["emptyDir"]["medium"] == "Memory") {
        let _ = writeln!(o, "[[pod.volume]]\nname = {}", toml(&volume["name"])?);
        if let Some(limit) = volume["emptyDir"].get("sizeLimit") {
            let _ = writeln!(o, "sizeLimit = {}", toml(limit)?);
        }
    }
    for container in spec["containers"].as_array().into_iter().flatten() {
        let _ = writeln!(o, "[[pod.container]]\nname = {}", toml(&container["name"])?);
        if container["resources"].as_object().is_some_and(|r| !r.is_empty()) {
            let _ = writeln!(o, "resources = {}", toml(&container["resources"])?);
        }
        let args: Vec<&str> = container["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mounts: Vec<(&str, &str)> = container["volumeMounts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|m| Some((m["mountPath"].as_str()?, m["name"].as_str()?)))
            .collect();
        program(o, story, &args, t0, "", &mounts)?;
    }
    Ok(())
}

/// The keys of a process that runs these instructions, and its child.
fn program(
    o: &mut String,
    story: &Story,
    args: &[&str],
    t0: f64,
    comm: &str,
    mounts: &[(&str, &str)],
) -> Result<(), String> {
    let (mut script, mut term, mut child, mut name) = (Vec::new(), None, None, comm.to_owned());
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let parts: Vec<&str> = arg.split(':').collect();
        let number = |n: usize| parts.get(n).and_then(|p| p.parse::<u64>().ok()).ok_or(format!("{arg:?}"));
        match parts[0] {
            "anon" => blocks(&mut script, story, [number(1)?, number(2)?, number(3)?], None),
            "shm" => {
                let path = parts.get(4).copied().unwrap_or_default();
                let volume = mounts.iter().find(|(at, _)| path.starts_with(at)).map_or(path, |(_, name)| name);
                blocks(&mut script, story, [number(1)?, number(2)?, number(3)?], Some(volume));
            }
            "until" => script.push(format!("{{ until = {} }}", seconds(t0 + number(1)? as f64 / 1000.0))),
            "sleep" => script.push(format!("{{ sleep = \"{}ms\" }}", number(1)?)),
            "exit" => script.push(format!("{{ exit = {} }}", number(1)?)),
            "name" => name = parts.get(1).copied().unwrap_or_default().to_owned(),
            "term" if parts.get(1) == Some(&"exit") => term = Some((0, number(2)?)),
            "term" => term = Some((number(2)?, number(3)?)),
            "child{" => child = Some(rest.by_ref().take_while(|a| **a != "}child").copied().collect::<Vec<_>>()),
            "hold" | "reap" => break,
            _ => return Err(format!("an instruction {arg:?}")),
        }
    }
    if !name.is_empty() {
        let _ = writeln!(o, "comm = {}", quoted(&name));
    }
    let _ = writeln!(o, "footprint = {WORKER}");
    if let Some((after, code)) = term {
        let _ = writeln!(o, "onTerm = {{ exitsAfter = \"{after}ms\", exitCode = {code} }}");
    }
    if !script.is_empty() {
        let _ = writeln!(o, "workload.script = [\n  {},\n]", script.join(",\n  "));
    }
    if let Some(child) = child {
        let _ = writeln!(o, "[[pod.container.process]]");
        program(o, story, &child, t0, "child", mounts)?;
    }
    o.push('\n');
    Ok(())
}

/// Blocks up to a total, 0: for ever, with a pause after each.
fn blocks(script: &mut Vec<String>, story: &Story, [block, pause, total]: [u64; 3], volume: Option<&str>) {
    let rate = TOUCH[usize::from(story.vm.smp > 1)] / f64::from(1 << 30);
    let grow = |bytes: u64| match volume {
        Some(volume) => format!("{{ tmpfs = {bytes}, volume = {} }}", quoted(volume)),
        None => format!("{{ anon = {bytes}, takes = {} }}", seconds(bytes as f64 * rate)),
    };
    if pause == 0 && total > 0 {
        script.push(grow(total));
        return;
    }
    let first = script.len();
    script.push(grow(block));
    script.push(format!("{{ sleep = \"{}ms\" }}", pause.max(1)));
    let times = if total == 0 { String::new() } else { format!(", times = {}", (total / block.max(1)).max(1)) };
    script.push(format!("{{ repeatFrom = {first}{times} }}"));
}

fn seconds(s: f64) -> String {
    format!("\"{}us\"", (s.max(0.0) * 1e6).round() as u64)
}

/// A JSON value as TOML writes it.
fn toml(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Object(map) => {
            let inner: Result<Vec<String>, String> =
                map.iter().map(|(key, value)| Ok(format!("{} = {}", quoted(key), toml(value)?))).collect();
            format!("{{ {} }}", inner?.join(", "))
        }
        Value::Array(list) => {
            let inner: Result<Vec<String>, String> = list.iter().map(toml).collect();
            format!("[{}]", inner?.join(", "))
        }
        Value::Null => return Err("a null".into()),
    })
}
