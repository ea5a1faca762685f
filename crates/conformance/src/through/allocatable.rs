//! `allocatable.jsonl`: a KubeletConfiguration on a machine of the recorded size.

use super::folder::{Folder, Machine};
use super::{Stop, Through};
use crate::Verdict;
use serde_json::{Map, Value, json};

/// Error fields of a row: one that is not empty keeps the kubelet from starting.
const ERRORS: [&str; 7] = [
    "validation_error",
    "kube_reserved_error",
    "system_reserved_error",
    "hard_threshold_error",
    "threshold_error",
    "startup_error",
    "enforce_error",
];

/// Checks one row.
pub(super) fn check(row: &Value) -> Through {
    let number = |name: &str| row[name].as_u64().ok_or_else(|| format!("{name} is missing"));
    let machine = Machine {
        cgroup_v2: row["config"]["cgroup_v2"].as_bool().ok_or("no cgroup version")?,
        kernel: "6.1",
        sysctl: vec![("vm.nr_hugepages", number("hugepages_2Mi_pages")?)],
        more: format!("cpus = {}\n", number("capacity_cpu_milli")? / 1000),
        ..Machine::new(number("capacity_memory")?)
    };
    let extra = row["config"]["extra"].as_object().into_iter().flatten();
    if extra.filter_map(|(_, value)| value.as_str()).any(|text| text.starts_with('-')) {
        return Err(Stop::NotAsFiles("a negative duration, which the reader refuses"));
    }
    let folder = Folder::new(&machine, "1s").kubelet(config(&row["config"])?, "");
    let recorded = ERRORS.iter().filter_map(|field| row[field].as_str()).filter(|text| !text.is_empty());
    let recorded: Vec<&str> = recorded.collect();
    let run = match folder.start() {
        Ok(run) => run,
        Err(_) if !recorded.is_empty() => return Ok(Verdict::Matched),
        Err(why) => {
            return Ok(Verdict::Mismatched { expected: "a configuration that is read".into(), got: why.text() });
        }
    };
    let view = run.view();
    let node = run.finish().node;
    let refused = node.kubelet_not_started.as_ref().map(ToString::to_string);
    if refused.is_some() || !recorded.is_empty() {
        return Ok(Verdict::compare("starts", &recorded.is_empty(), &refused.is_none()).and(|| Verdict::Matched));
    }
    let mut verdict = Verdict::compare(
        "allocatable_memory",
        &row["allocatable_memory"].as_i64().map(|bytes| bytes.max(0)),
        &i64::try_from(node.allocatable.get()).ok(),
    );
    for op in row["cgroup_ops"].as_array().into_iter().flatten() {
        let path = op["path"].as_str().ok_or("an operation without a path")?;
        let Some(cgroup) = view.cgroup(path) else {
            return Ok(verdict.and(|| Verdict::compare("cgroup", &path, &"none")));
        };
        if let Some(memory) = op["memory"].as_u64() {
            let want = Some(memory / 4096 * 4096);
            let got = cgroup.settings.max.map(|max| max.get());
            verdict = verdict.and(|| Verdict::compare(&format!("memory.max of {path}"), &want, &got));
        }
    }
    Ok(verdict)
}

/// The configuration with the row's further fields put where they belong.
fn config(recorded: &Value) -> Result<Value, String> {
    let mut fields: Map<String, Value> = recorded.as_object().ok_or("no config")?.clone();
    fields.remove("cgroup_v2");
    let extra = fields.remove("extra");
    for (name, value) in extra.as_ref().and_then(Value::as_object).into_iter().flatten() {
        match name.split_once('.') {
            Some((outer, inner)) => fields.insert(outer.to_owned(), json!({ inner: value })),
            None => fields.insert(name.clone(), value.clone()),
        };
    }
    Ok(fields.into())
}
