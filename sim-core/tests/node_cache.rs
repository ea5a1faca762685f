//! What a node holds before the first pod: file cache counts as the scenario says, whatever the kernel's LRU.

use sim_core::record::Keep;
use sim_core::scenario::{NoFiles, load};
use sim_core::units::SimTime;
use sim_core::world::Simulation;
use std::sync::Arc;

/// The kubelet's working set is usage less inactive file (cAdvisor `container_memory_working_set_bytes`): active cache is
/// part of it.
#[test]
fn active_cache_is_in_the_working_set_with_both_lrus() {
    let available = |lru: &str, cache: &str| {
        let text = format!(
            "name = \"cache\"\nduration = \"5s\"\n[node]\nmemory = \"1Gi\"\nsystem = {{ anon = \"100Mi\", {cache} = \"64Mi\" }}\n\
             [kernel]\nversion = \"6.12\"\nlru = \"{lru}\"\n"
        );
        let scenario = load(&text, "cache.toml", &NoFiles, &[]).expect("is legal");
        let mut simulation = Simulation::new(Arc::new(scenario), 1, Keep::Series);
        simulation.run_until(SimTime::from_nanos(1_000_000_000)).expect("runs");
        simulation.sample().available >> 20
    };
    for lru in ["classic", "mglru"] {
        assert_eq!(available(lru, "inactiveFile") - available(lru, "activeFile"), 64, "{lru}");
    }
}
