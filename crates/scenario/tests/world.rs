//! Whole nodes in small: what they hold at first, and containers whose processes end one by one.

use oomsim_core::node::Simulation;
use oomsim_core::record::{Keep, Record};
use oomsim_core::units::SimTime;

fn simulation(text: &str) -> Simulation {
    Simulation::new(oomsim_testkit::read(text).scenario, 1, Keep::Series)
}

/// The kubelet's working set is usage less inactive file (cAdvisor `container_memory_working_set_bytes`): active cache
/// is part of it.
#[test]
fn active_cache_is_in_the_working_set_with_both_lrus() {
    let available = |lru: &str, cache: &str| {
        let mut node = simulation(&format!(
            "name = \"cache\"\nduration = \"5s\"\n[node]\nmemory = \"1Gi\"\nsystem = {{ anon = \"100Mi\", {cache} = \"64Mi\" }}\n\
             [kernel]\nversion = \"6.12\"\nlru = \"{lru}\"\n"
        ));
        node.run_until(SimTime::from_secs(1)).expect("runs");
        node.sample().available >> 20
    };
    for lru in ["classic", "mglru"] {
        assert_eq!(available(lru, "inactiveFile") - available(lru, "activeFile"), 64, "{lru}");
    }
}

/// SIGTERM goes to a container's first process. Without a PID namespace that one may be gone while the others live:
/// they get SIGKILL when the grace period is over (docs: kubelet killContainer; here 2 s, the container's least).
#[test]
fn a_container_is_stopped_after_its_first_process_is_gone() {
    let mut node = simulation(
        "name = \"two\"\nduration = \"60s\"\n[node]\nmemory = \"1Gi\"\nsystem = { anon = \"100Mi\" }\n\
         [kubelet]\nevictionHard = { \"memory.available\" = \"600Mi\" }\n[[pod]]\nname = \"two\"\n[[pod.container]]\nname = \"c\"\n\
         pidNamespace = false\ncomm = \"first\"\nworkload.script = [{ anon = \"1Mi\" }, { sleep = \"2s\" }, { exit = 0 }]\n\
         [[pod.container.process]]\ncomm = \"second\"\nworkload.script = [{ anon = \"500Mi\", takes = \"40s\" }]\n",
    );
    node.run_until(SimTime::MAX).expect("runs");
    let history = node.finish();
    let at = |wanted: fn(&Record) -> bool| {
        history.entries.iter().find(|e| wanted(&e.record)).expect("happens").at.as_secs_f64()
    };
    let first = at(|r| matches!(r, Record::ProcessExited { comm, .. } if &**comm == "first"));
    let evicted = at(|r| matches!(r, Record::Evicted { .. }));
    let second = at(|r| matches!(r, Record::ProcessExited { comm, .. } if &**comm == "second"));
    assert!(first < evicted && (2.0..2.1).contains(&(second - evicted)), "{first} {evicted} {second}");
}
