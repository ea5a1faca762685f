//! `restart.jsonl`: a container that is killed after each recorded length of run, and how an exit is reported.

use super::folder::{AT_ONCE, Folder, Machine};
use super::{Stop, Through};
use crate::Verdict;
use oomsim_core::record::Record;
use oomsim_core::units::SimDuration;
use serde_json::{Value, json};
use std::fmt::Write;

/// Checks one row.
pub(super) fn check(row: &Value) -> Through {
    match row["kind"].as_str() {
        Some("backoff") => backoff(row),
        Some("exit_status") => exit_status(row),
        _ => Err(format!("unknown kind {}", row["kind"]).into()),
    }
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "web" },
        "spec": { "containers": [{ "name": "app", "image": "x" }] },
    })
}

/// A container restarts as soon as its back-off is over, so that each run begins when the one before it says; the
/// recorded lengths of the runs are kept.
const NO_DELAYS: &str =
    "firstPass = \"10000h\"\n[kubelet.timing]\nresyncPeriod = \"0s\"\nresyncJitter = \"0s\"\nrelistPeriod = \"0s\"\n";

fn backoff(row: &Value) -> Through {
    let runs = row["sequence"].as_array().ok_or("no sequence")?;
    let number = |value: &Value, what: &str| value.as_f64().ok_or_else(|| format!("{what} is not a number"));
    let (mut at, mut kills, mut expected) = (0.0, String::new(), Vec::new());
    for run in runs {
        let length = number(&run["finished"], "finished")? - number(&run["start"], "start")?;
        at += length;
        let _ = writeln!(kills, "[[at]]\ntime = \"{:.3}s\"\nsignal = \"SIGKILL\"\nprocess = \"app\"", at);
        // What the container waited for is the back-off of the attempts that did not start it.
        let waited = run["attempts"].as_array().ok_or("no attempts")?.iter().find(|a| a["in_backoff"] == true);
        let wait = waited.map_or(Ok(0.0), |attempt| number(&attempt["backoff_s"], "backoff_s"))?;
        expected.push(wait);
        at += wait;
    }
    let gate = row["gate_KubeletCrashLoopBackOffMax"].as_bool().unwrap_or(false);
    let max = number(&row["max_s"], "max_s")?;
    let mut config = json!({ "featureGates": { "KubeletCrashLoopBackOffMax": gate } });
    if gate {
        config["crashLoopBackOff"] = json!({ "maxContainerRestartPeriod": format!("{max}s") });
    }
    let machine = Machine { more: AT_ONCE.to_owned() + "exit = { base = \"0s\" }\n", ..Machine::new(4 << 30) };
    let folder = Folder::new(&machine, &format!("{:.0}s", at + 60.0)).kubelet(config, NO_DELAYS);
    let folder = folder.pod(&pod(), "").with(&kills).with("\n");
    let entries = folder.run().map_err(|why| Stop::from(why.text()))?;
    let mut got: Vec<f64> = Vec::new();
    for entry in &entries {
        match &entry.record {
            Record::ContainerTerminated { .. } => got.push(0.0),
            Record::BackOff { delay, .. } => {
                if let Some(last) = got.last_mut() {
                    *last = seconds(*delay);
                }
            }
            _ => {}
        }
    }
    Ok(Verdict::compare("back-off of each restart", &expected, &got))
}

fn seconds(length: SimDuration) -> f64 {
    length.as_nanos() as f64 / 1e9
}

fn exit_status(row: &Value) -> Through {
    let (reason, code) = (row["cri_reason"].as_str().unwrap_or_default(), row["cri_exit_code"].as_i64().unwrap_or(0));
    if row["state"] != "exited" {
        return Err(Stop::NotAsFiles("a container that is lost or not started yet"));
    }
    let lines = match (reason, code) {
        ("OOMKilled", 137) => "[[pod.container]]\nname = \"app\"\nresources.limits = { memory = \"20Mi\" }\n\
                               workload.steady = { anon = \"30Mi\" }\n"
            .to_owned(),
        ("Error" | "Completed", code) if code != 137 => {
            format!(
                "[[pod.container]]\nname = \"app\"\nworkload.script = [{{ sleep = \"1s\" }}, {{ exit = {code} }}]\n"
            )
        }
        _ => return Err(Stop::NotAsFiles("a reason that the runtime gives for something that is not modelled")),
    };
    let folder = Folder::new(&Machine::new(4 << 30), "20s").kubelet(json!({}), "").pod(&pod(), &lines);
    let entries = folder.run().map_err(|why| Stop::from(why.text()))?;
    let got = entries.iter().find_map(|entry| match &entry.record {
        Record::ContainerTerminated { reason, exit_code, .. } => Some((reason.to_string(), i64::from(*exit_code))),
        _ => None,
    });
    let want = (row["kubelet_reason"].as_str().unwrap_or_default().to_owned(), row["kubelet_exit_code"].as_i64());
    Ok(Verdict::compare("status", &(Some(want.0), want.1), &(got.clone().map(|g| g.0), got.map(|g| g.1))))
}
