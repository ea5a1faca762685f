//! The rows of language runtimes beside recordings of real ones.

use oomsim_core::units::Bytes;
use oomsim_core::workload::runtime::{Around, Heap, Language, Launch, Runtime, RuntimeRow};
use serde_json::Value;

const RECORDED: &str = include_str!("../data/runtimes/runtimes.jsonl");
/// MemTotal of the machine that they were recorded on, about; no limit of the recording is near it.
const MACHINE: Bytes = Bytes::mib(24_105);

fn rows(kind: &str) -> Vec<Value> {
    let rows = RECORDED.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rows: Vec<Value> = rows.filter(|row| row["kind"] == kind).collect();
    assert!(!rows.is_empty());
    rows
}

fn runtime(row: &Value) -> Runtime {
    let texts =
        |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let env = row["env"].as_object().into_iter().flatten();
    let env = env.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    let launch = Launch { env, args: texts(&row["options"]) };
    Runtime::new(RuntimeRow::named(row["runtime"].as_str().unwrap()).unwrap(), &launch)
}

fn around(row: &Value) -> Around {
    let limit = row["limit_mib"].as_u64().map(Bytes::mib);
    let cpus = row["cpus"].as_u64().map_or(2, |cpus| cpus as u32);
    let mem_total = row["machine_bytes"].as_u64().map_or(MACHINE, Bytes::new);
    Around { limit, mem_total, cpus, cgroup_v2: row["cgroup"] == "v2", first_process: row["first"] == true }
}

#[test]
fn each_believes_what_the_real_one_did() {
    let mut wrong = Vec::new();
    for row in rows("belief") {
        let (runtime, around) = (runtime(&row), around(&row));
        // Where nothing limits its heap, .NET says what the machine has.
        let machine = (runtime.row.language == Language::DotNet).then_some(around.mem_total);
        let heap = runtime.heap_limit(&around).or(machine).map(Bytes::get);
        if heap != row["heap_bytes"].as_u64() {
            wrong.push(format!("{row}: {heap:?}"));
        }
        let collector = runtime.collector(&around).map(|collector| format!("{collector:?}"));
        if row["collector"].as_str().is_some_and(|real| collector.as_deref() != Some(real)) {
            wrong.push(format!("{row}: {collector:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_ends_as_the_real_one_did() {
    for row in rows("death") {
        let runtime = runtime(&row);
        let code = row["exit_code"].as_u64().unwrap();
        match row["what"].as_str().unwrap() {
            "heap" => {
                let ending = Heap::new(&runtime, &around(&row)).at_limit;
                let exit = ending.map_or(0, |status| status.container_exit_code() as u64);
                assert_eq!((exit, ending.is_none()), (code, row["lives_on"] == true), "{row}");
            }
            "ENOMEM" => {
                let ending =
                    Heap::new(&runtime, &around(&row)).refused.map(|status| status.container_exit_code() as u64);
                assert_eq!(ending, Some(code), "{row}");
            }
            // The kernel's doing, whatever the runtime; its heap may become larger than the cgroup.
            _ => {
                let limit = Bytes::mib(row["limit_mib"].as_u64().unwrap());
                assert_eq!(code, 137, "{row}");
                assert!(runtime.heap_limit(&around(&row)).is_none_or(|heap| heap > limit), "{row}");
            }
        }
    }
}

/// The largest heap lies within 3 % of what the rule says, and below a memory limit by what the runtime itself needs
/// (at most 10 MiB).
#[test]
fn go_holds_what_it_did() {
    for row in rows("peak") {
        let heap = Heap::new(&runtime(&row), &around(&row));
        assert_eq!(heap.language, Language::Go);
        let model = heap.held(Bytes::new(row["live_bytes"].as_u64().unwrap())).get() as f64;
        let real = row["heap_peak_bytes"].as_u64().unwrap() as f64;
        let own = if row["env"]["GOMEMLIMIT"].is_null() { 0.0 } else { f64::from(10 << 20) };
        assert!(real < model * 1.03 && real > model * 0.97 - own, "{row}: {model}");
    }
}
