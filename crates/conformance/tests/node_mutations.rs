//! Stories of the same form that are not those that were carried: fields missing, `null`, of another type, at their
//! edges. Whatever a row says, it is read or refused with a reason; nothing panics and nothing runs for ever.

use flate2::read::GzDecoder;
use oomsim_conformance::node::story::Story;
use oomsim_conformance::node::{CARRIED, Disturbance, compare, decision, examine_row, run};
use oomsim_core::record::Keep;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};

/// Parts of a row that are for people.
const UNREAD: [&str; 6] = ["fine", "end", "kernel_log", "kubelet_log", "clock", "pods_effective"];

fn rows(wanted: &[&str]) -> Vec<Value> {
    let lines = BufReader::new(GzDecoder::new(CARRIED)).lines().map_while(Result::ok);
    let rows = lines.map(|line| serde_json::from_str::<Value>(&line).expect("carried rows are JSON"));
    let mut rows: Vec<Value> = rows.filter(|row| wanted.iter().any(|id| row["id"] == *id)).collect();
    assert_eq!(rows.len(), wanted.len());
    for fields in rows.iter_mut().filter_map(Value::as_object_mut) {
        fields.retain(|key, _| !UNREAD.contains(&key.as_str()));
    }
    rows
}

/// Reads, runs and compares a row, without the disturbances.
fn replay(row: &Value) -> Result<usize, String> {
    let story: Story = serde_json::from_value(row.clone()).map_err(|why| why.to_string())?;
    let run = run(&story, Disturbance::NONE, Keep::Series).map_err(|why| why.to_string())?;
    let recorded = decision::recorded(&story);
    compare::times(&story, &run, &recorded);
    compare::saw(&story, &run);
    compare::memory(&story, &run);
    Ok(run.decisions.len())
}

/// The paths of everything in a row, of long lists the first and the last entry.
fn paths(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let path = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                out.push(path.clone());
                paths(inner, path, out);
            }
        }
        Value::Array(list) => {
            let ends = [0, list.len().saturating_sub(1)];
            for (n, index) in ends.into_iter().enumerate().filter(|(_, i)| *i < list.len()) {
                if n == 1 && index == 0 {
                    continue;
                }
                let path = format!("{at}/{index}");
                out.push(path.clone());
                paths(&list[index], path, out);
            }
        }
        _ => {}
    }
}

fn remove(row: &mut Value, path: &str) {
    let Some((parent, key)) = path.rsplit_once('/') else { return };
    match row.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(list)) => {
            if let Ok(index) = key.parse::<usize>() {
                list.remove(index);
            }
        }
        _ => {}
    }
}

#[test]
fn a_changed_row_is_read_or_refused_with_a_reason() {
    let strange = [
        json!(null),
        json!(-1),
        json!(1.5e300),
        json!(9_223_372_036_854_775_807_i64),
        json!("\"\\\n\u{0}ü"),
        json!([]),
    ];
    let (mut read, mut refused) = (0, 0);
    for row in rows(&["s1-F09-003"]) {
        let mut all = Vec::new();
        paths(&row, String::new(), &mut all);
        for path in &all {
            let mut variants = vec![row.clone()];
            remove(&mut variants[0], path);
            for value in &strange {
                let mut changed = row.clone();
                if let Some(place) = changed.pointer_mut(path) {
                    *place = value.clone();
                }
                variants.push(changed);
            }
            for changed in variants {
                match replay(&changed) {
                    Ok(_) => read += 1,
                    Err(why) => {
                        assert!(!why.trim().is_empty(), "{path}: no reason");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
}

/// What a recorder may leave out or write as `null`: the story is the same.
#[test]
fn fields_that_need_not_be_there() {
    for row in rows(&["s1-F06-010", "s2-F08-005"]) {
        let deaths = replay(&row).expect("as it was recorded");
        for path in ["/host", "/pods/0/priority", "/pods/0/memory_volumes", "/pods/0/containers/0/limits"] {
            for absent in [true, false] {
                let mut changed = row.clone();
                match changed.pointer_mut(path) {
                    Some(_) if absent => remove(&mut changed, path),
                    Some(place) => *place = Value::Null,
                    None => continue,
                }
                assert!(replay(&changed).is_ok(), "{} without {path}: {:?}", row["id"], replay(&changed));
            }
        }
        for path in [
            "/kubelet/evictionMaxPodGracePeriod",
            "/kubelet/evictionPressureTransitionPeriod_s",
            "/agent_text_mlocked",
            "/note",
        ] {
            let mut changed = row.clone();
            *changed.pointer_mut(path).expect("recorded") = Value::Null;
            assert!(replay(&changed).is_ok(), "{path}");
        }
        let mut more = row.clone();
        more["unheardOf"] = json!({ "a": [1, 2] });
        more["pods"][0]["unheardOf"] = json!("x");
        more["node"]["unheardOf"] = json!(1.5);
        assert_eq!(replay(&more), Ok(deaths));
    }
}

/// Stories that were never recorded: the model must have an answer, right or not.
#[test]
fn stories_of_other_shapes() {
    let one = rows(&["s1-F06-010"]).remove(0);
    let change = |change: &dyn Fn(&mut Value)| {
        let mut row = one.clone();
        change(&mut row);
        examine_row(&row)
    };
    let family = change(&|row| row["family"] = json!(99)).expect("an unknown family");
    assert_eq!(family.family, 99);
    assert_eq!(oomsim_conformance::node::summary(&[family]).families.len(), 1);
    for (kernel, cgroup) in [("6.1.0-50", 1), ("6.1.0-50", 2), ("6.12.117+deb12", 1)] {
        let other = change(&|row| (row["kernel"], row["cgroup_version"]) = (json!(kernel), json!(cgroup)));
        assert!(other.is_ok(), "{kernel} v{cgroup}: {:?}", other.err());
    }
    assert!(change(&|row| row["cgroup_version"] = json!(3)).is_err_and(|why| why.to_string().contains("cgroup")));
    assert!(change(&|row| row["kernel"] = json!("none")).is_err_and(|why| why.to_string().contains("none")));
    assert!(change(&|row| row["pods"] = json!([])).expect("an empty node").simulated.is_empty());
    // Twenty more pods that only hold what they have.
    let many = change(&|row| {
        for n in 0..20 {
            let mut pod = row["pods"][0].clone();
            (pod["name"], pod["uid"]) = (json!(format!("more{n}")), json!(format!("uid-{n}")));
            pod["containers"][0]["procs"] =
                json!([{ "name": format!("m{n}"), "ops": "anon:4096:0:100:1048576 go hold" }]);
            row["pods"].as_array_mut().expect("a list").push(pod);
        }
    });
    assert!(many.is_ok(), "{:?}", many.err());
    // No pause, no part, no block.
    for ops in ["anon:4096:0:0:8388608 go hold", "go anon:1:0:100:4096 hold", "free:3 unlink:/v/x go free:0 exit:3", ""]
    {
        let other = change(&|row| {
            row["pods"][0]["containers"][0]["procs"][0]["ops"] = json!(ops);
            row["alloc_curves"] = Value::Null;
        });
        assert!(other.is_ok(), "{ops:?}: {:?}", other.err());
    }
    assert!(change(&|row| row["pods"][0]["containers"][0]["procs"][0]["ops"] = json!("anon:0:1:1:1")).is_err());
}

fn all_rows() -> impl Iterator<Item = Value> {
    let lines = BufReader::new(GzDecoder::new(CARRIED)).lines().map_while(Result::ok);
    lines.map(|line| serde_json::from_str(&line).expect("carried rows are JSON"))
}

fn each<'a>(row: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    row.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

fn containers(row: &mut Value) -> impl Iterator<Item = &mut Value> {
    each(row, "pods").flat_map(|pod| each(pod, "containers"))
}

/// What is changed, and how.
type Variation = (&'static str, fn(&mut Value));

/// What other stories of the same families may say.
const VARIATIONS: [Variation; 12] = [
    ("other cgroup version", |row| row["cgroup_version"] = json!(3 - row["cgroup_version"].as_u64().unwrap_or(1))),
    ("other LRU", |row| {
        let mglru = row["node"]["lru_gen"] == "0x0007";
        row["node"]["lru_gen"] = json!(if mglru { "0x0000" } else { "0x0007" });
    }),
    ("newer kernel", |row| row["kernel"] = json!("6.17.3")),
    ("eight processors, no huge pages", |row| {
        row["vm"]["smp"] = json!(8);
        row["node"]["thp"] = json!("always madvise [never]");
        row["node"]["min_free_kbytes"] = json!(3900);
    }),
    ("one process or the group", |row| {
        let single = row["kubelet"]["singleProcessOOMKill"] == true;
        row["kubelet"]["singleProcessOOMKill"] = json!(!single);
    }),
    ("soft threshold in percent", |row| {
        row["kubelet"]["evictionSoft"] = json!({"memory.available": "30%"});
        row["kubelet"]["evictionSoftGracePeriod"] = json!({"memory.available": "1m30s"});
        row["kubelet"]["evictionMinimumReclaim"] = json!({"memory.available": "5%"});
        row["kubelet"]["evictionMaxPodGracePeriod"] = json!(10);
    }),
    ("no thresholds", |row| row["kubelet"]["evictionHard"] = json!({})),
    ("two processes a container", |row| {
        for container in containers(row) {
            let mut second = container["procs"][0].clone();
            second["name"] = json!("second");
            container["procs"].as_array_mut().expect("a list").push(second);
        }
    }),
    ("Guaranteed", |row| {
        for container in containers(row) {
            container["requests"] = json!({"memory": "300Mi", "cpu": "100m"});
            container["limits"] = container["requests"].clone();
        }
    }),
    ("priorities, and every program ignores SIGTERM", |row| {
        for (n, pod) in each(row, "pods").enumerate() {
            pod["priority"] = json!([2_000_001_000_i64, -1000, 0][n % 3]);
        }
        for container in containers(row) {
            each(container, "procs").for_each(|proc| proc["term"] = json!("ignore"));
        }
    }),
    ("files of every kind", |row| {
        let ops = "anon:4194304:0:50:10485760 go wr:1048576:10:104857600:/data/f rd:65536:1:52428800:1048576:3:/data/f \
                   mapf:104857600:0:/data/f unlink:/data/f free:1 free:0 until:30000 sleep:10 exit:3";
        let container = containers(row).next();
        container.into_iter().for_each(|c| c["procs"][0]["ops"] = json!(ops));
        row["alloc_curves"] = json!([]);
    }),
    ("nothing but inputs", |row| {
        for list in ["passes", "events", "verdict", "alloc_curves"] {
            row[list] = json!([]);
        }
    }),
];

#[test]
fn varied_stories_run_and_stay_within_the_node() {
    for row in all_rows().step_by(3) {
        for (what, vary) in VARIATIONS {
            let mut varied = row.clone();
            vary(&mut varied);
            let story: Story = serde_json::from_value(varied).expect("a story");
            let run = run(&story, Disturbance::NONE, Keep::Series);
            let run = run.unwrap_or_else(|why| panic!("{}, {what}: {why}", story.id));
            let most = story.pods.len() + story.host.len();
            assert!(run.decisions.len() <= 4 * (most + 1), "{}, {what}: {} deaths", story.id, run.decisions.len());
            for sample in &run.at_rows {
                let (total, free) = (story.node.mem_total, sample.mem_free.get());
                let within = sample.kubepods_usage.get() <= total && free <= total && sample.available <= total as i64;
                assert!(within, "{}, {what}: {sample:?}", story.id);
            }
        }
    }
}

/// The curves that were recorded after T0 say when blocks were allocated, not what came of it: without them, with every
/// program at its own pace, nearly all stories end as recorded.
#[test]
fn verdicts_do_not_hang_on_recorded_curves() {
    let mut other = Vec::new();
    for row in all_rows() {
        let mut story: Story = serde_json::from_value(row).expect("a story");
        for curve in &mut story.alloc_curves {
            curve.pts.retain(|p| p.0 < 0.0);
        }
        let run = run(&story, Disturbance::NONE, Keep::Events).expect("runs");
        if !decision::same_verdict(&decision::recorded(&story), &run.decisions) {
            other.push(story.id);
        }
    }
    println!("another verdict: {other:?}");
    assert!(other.len() * 10 <= 117, "{} stories: {other:?}", other.len());
}
