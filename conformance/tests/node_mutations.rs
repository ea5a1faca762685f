//! Stories of the same form that are not those that were carried: fields missing, `null`, of another type, at their edges.
//! Whatever a row says, it is read or refused with a reason; nothing panics and nothing runs for ever.

use conformance::node::carried::CARRIED;
use conformance::node::import::Disturbance;
use conformance::node::story::Story;
use conformance::node::{compare, decision, examine_row, run};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sim_core::record::Keep;
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
    let run = run::run(&story, Disturbance::NONE, Keep::Series)?;
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

/// Stories nobody recorded: the model has an answer, right or not.
#[test]
fn stories_of_other_shapes() {
    let one = rows(&["s1-F06-010"]).remove(0);
    let change = |change: &dyn Fn(&mut Value)| {
        let mut row = one.clone();
        change(&mut row);
        examine_row(&row)
    };
    let family = change(&|row| row["family"] = json!(99)).expect("a family nobody knows");
    assert_eq!(family.family, 99);
    assert_eq!(conformance::node::summary(&[family]).families.len(), 1);
    for (kernel, cgroup) in [("6.1.0-50", 1), ("6.1.0-50", 2), ("6.12.117+deb12", 1)] {
        let other = change(&|row| (row["kernel"], row["cgroup_version"]) = (json!(kernel), json!(cgroup)));
        assert!(other.is_ok(), "{kernel} v{cgroup}: {:?}", other.err());
    }
    assert!(change(&|row| row["cgroup_version"] = json!(3)).is_err_and(|why| why.contains("cgroup")));
    assert!(change(&|row| row["kernel"] = json!("none")).is_err_and(|why| why.contains("none")));
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
