//! Stories of a whole real node – kubelet 1.36, containerd, runc, kernel 6.12 –, run as simulations: who is killed and
//! evicted, when, and what the API shows of each pod at the end.

mod compare;
mod scenario;
mod story;

use crate::node::StoryError;
use crate::{RecordingKind, Verdict};
use oomsim_core::node::Simulation;
use oomsim_core::record::{History, Keep};
use oomsim_scenario::{NoFiles, load};
use serde_json::Value;
use story::Story;

/// The kind of recording.
pub const KINDS: &[RecordingKind] = &[RecordingKind {
    stem: "realnode",
    what: "a whole real node: who is killed and evicted, when, and what the API shows of the pods",
    id: |row| row["id"].as_str().unwrap_or_default().to_owned(),
    check,
    replay: None,
    sizes: None,
}];

fn check(row: &Value) -> Verdict {
    let story = match crate::kernel::parse::<Story>(row) {
        Ok(story) => story,
        Err(why) => return Verdict::unreadable(why),
    };
    if let Some(what) = story.not_modelled() {
        return Verdict::Undecided(format!("the model has no {what}"));
    }
    match simulate(&story) {
        Ok(history) => compare::verdict(&story, &history),
        Err(why) => Verdict::unreadable(why),
    }
}

fn simulate(story: &Story) -> Result<History, StoryError> {
    let text = scenario::text(story)?;
    let loaded = load(&text, &format!("{}.toml", story.id), &NoFiles, &[])?;
    let seed = loaded.scenario.seed;
    let mut simulation = Simulation::new(loaded.scenario, seed, Keep::Events);
    simulation.run_until(oomsim_core::units::SimTime::MAX)?;
    Ok(simulation.finish())
}
