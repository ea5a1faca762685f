//! `quantity.jsonl`: quantities as the memory requests of pods, in the words of the messages that print them.

use super::folder::{AT_ONCE, Folder, Machine};
use super::{Stop, Through};
use crate::Verdict;
use oomsim_core::record::Record;
use serde_json::{Value, json};
use std::fmt::Write;

const TIB: u64 = 1 << 40;
/// The largest node.
const NODE: u64 = 64 * TIB;
/// What is left for pods, so that less than the threshold is available and none is killed.
const MOST: u64 = 61 * TIB + TIB / 2;

/// Checks one row.
pub(super) fn check(row: &Value) -> Through {
    match row["kind"].as_str() {
        Some("parse") => parse(row),
        Some("format") => format(row),
        Some("arith") => arith(row),
        _ => Err(format!("unknown kind {}", row["kind"]).into()),
    }
}

/// A container with this request that holds this many bytes.
struct Holder<'a> {
    name: &'a str,
    request: Option<&'a str>,
    holds: u64,
}

/// A pod of these containers on a node that is short of memory.
fn folder(holders: &[Holder<'_>]) -> Folder {
    let containers = holders.iter().map(|holder| {
        let resources =
            holder.request.map_or_else(|| json!({}), |request| json!({ "requests": { "memory": request } }));
        json!({ "name": holder.name, "image": "x", "resources": resources })
    });
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "p" },
        "spec": { "containers": containers.collect::<Vec<_>>() },
    });
    let mut lines = String::new();
    for Holder { name, holds, .. } in holders {
        let _ = writeln!(lines, "[[pod.container]]\nname = \"{name}\"\nfootprint.kernel = {holds}");
    }
    // The kubelet counts no kernel memory on the node as a whole, so that something else has to be there, too.
    let _ = writeln!(lines, "[[host]]\nname = \"hog\"\nworkload.steady = {{ anon = \"2Ti\" }}");
    let machine = Machine { more: AT_ONCE.into(), ..Machine::new(NODE) };
    // A soft threshold is no part of what is set aside, so that nearly the whole node is for pods.
    let config = json!({
        "evictionHard": { "nodefs.available": "10%" },
        "evictionSoft": { "memory.available": "63Ti" },
        "evictionSoftGracePeriod": { "memory.available": "0s" },
    });
    let timing = "firstPass = \"5s\"\n[kubelet.timing.housekeeping]\nfresh = true\n";
    Folder::new(&machine, "8s").kubelet(config, timing).pod(&pod, &lines)
}

/// What a run says: the message of the eviction, or of the refusal.
enum Said {
    Evicted(String),
    Refused(String),
    Nothing,
}

fn run(folder: &Folder) -> Result<Said, Stop> {
    let entries = folder.run().map_err(|why| Stop::from(why.text()))?;
    let said = entries.iter().find_map(|entry| match &entry.record {
        Record::Evicted { message, .. } => Some(Said::Evicted(message.to_string())),
        Record::PodRejected { message, .. } => Some(Said::Refused(message.to_string())),
        _ => None,
    });
    Ok(said.unwrap_or(Said::Nothing))
}

/// The sentence about a container in a message, as `(usage, request)`.
fn sentence(message: &str, container: &str) -> Option<(String, String)> {
    let rest = message.split_once(&format!("Container {container} was using "))?.1;
    let (usage, rest) = rest.split_once(", request is ")?;
    Some((usage.to_owned(), rest.split_once(", ")?.0.to_owned()))
}

fn parse(row: &Value) -> Through {
    let text = row["in"].as_str().ok_or("no text")?;
    let sign = row["sign"].as_i64().unwrap_or(0);
    if row["error"].is_string() || sign < 0 {
        let read = folder(&[Holder { name: "c", request: Some(text), holds: 0 }]).read();
        return Ok(Verdict::compare("read", &false, &read.is_ok()));
    }
    if row["as_int64_ok"] == false && sign > 0 && row["value"].as_i64().is_some_and(|value| value <= 0) {
        return Err(Stop::NotAsFiles("an amount beyond 64 bits, of which the real value wraps"));
    }
    let value = row["value"].as_u64().ok_or("no value")?;
    let holds = if value < MOST { value + (4 << 20) } else { 0 };
    let want = row["api_default_string"].as_str().ok_or("no text of the API")?;
    match run(&folder(&[Holder { name: "c", request: Some(text), holds }]))? {
        Said::Evicted(message) => {
            let got = sentence(&message, "c").map(|(_, request)| request);
            Ok(Verdict::compare("request", &Some(want.to_owned()), &got))
        }
        Said::Refused(message) => Ok(requested(&message, value)),
        Said::Nothing => Ok(Verdict::compare("said", &want, &"nothing")),
    }
}

/// What a pod that does not fit asked for.
fn requested(message: &str, value: u64) -> Verdict {
    let got = message.split_once("requested: ").and_then(|(_, rest)| rest.split_once(',')).map(|(number, _)| number);
    Verdict::compare("requested", &Some(value.to_string()), &got.map(str::to_owned))
}

fn format(row: &Value) -> Through {
    let value = row["value"].as_i64().ok_or("no value")?;
    let Ok(value) = u64::try_from(value) else {
        return Err(Stop::NotAsFiles("a negative amount is no request and no use"));
    };
    let request = value.to_string();
    if value > MOST / 3 {
        let holds = if value < MOST { value + (4 << 20) } else { 0 };
        return match run(&folder(&[Holder { name: "c", request: Some(&request), holds }]))? {
            Said::Refused(message) => Ok(requested(&message, value)),
            Said::Evicted(message) => {
                let got = sentence(&message, "c").map(|(_, request)| request);
                Ok(Verdict::compare("decimal_si", &row["decimal_si"], &json!(got)))
            }
            Said::Nothing => Ok(Verdict::compare("said", &"an eviction or a refusal", &"nothing")),
        };
    }
    // A container that uses this much and requested nothing, and one that requested this much and uses more.
    let whole = value / 4096 * 4096;
    let holders = [
        Holder { name: "u", request: None, holds: whole },
        Holder { name: "r", request: Some(&request), holds: value + (4 << 20) },
    ];
    let Said::Evicted(message) = run(&folder(&holders))? else {
        return Ok(Verdict::compare("said", &"an eviction", &"none"));
    };
    let (used, requested) = (sentence(&message, "u").map(|s| s.0), sentence(&message, "r").map(|s| s.1));
    let verdict = Verdict::compare("decimal_si", &row["decimal_si"], &json!(requested));
    if whole != value || value == 0 {
        return Ok(verdict);
    }
    Ok(verdict.and(|| Verdict::compare("binary_si", &row["binary_si"], &json!(used))))
}

/// A sum is seen where a pod of two containers does not fit, an order where a limit is below its request.
fn arith(row: &Value) -> Through {
    let text = |name: &str| row[name].as_str().ok_or_else(|| format!("{name} is missing"));
    let (a, b) = (text("a")?, text("b")?);
    if a.starts_with('-') || b.starts_with('-') {
        return Err(Stop::NotAsFiles("a negative amount is no request and no use"));
    }
    let limited = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "p" },
        "spec": { "containers": [{ "name": "c", "image": "x", "resources": { "requests": { "memory": a }, "limits": { "memory": b } } }] },
    });
    let read = Folder::new(&Machine::new(NODE), "1s").kubelet(json!({}), "").pod(&limited, "").read();
    let ordered = row["cmp"].as_i64().ok_or("no order")? <= 0;
    let verdict = Verdict::compare("a request within its limit", &ordered, &read.is_ok());
    let value = row["add_value"].as_u64().ok_or("no sum")?;
    let small = Machine::new(32 << 20);
    let container = |name: &str, request: &str| json!({ "name": name, "image": "x", "resources": { "requests": { "memory": request } } });
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "p" },
        "spec": { "containers": [container("a", a), container("b", b)] },
    });
    let config = json!({ "evictionHard": { "nodefs.available": "10%" } });
    let folder = Folder::new(&small, "5s").kubelet(config, "").pod(&pod, "");
    match run(&folder)? {
        Said::Refused(message) => Ok(verdict.and(|| requested(&message, value))),
        _ => Ok(verdict.and(|| Verdict::compare("admitted", &(value <= 32 << 20), &true))),
    }
}
