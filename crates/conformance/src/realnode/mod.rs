//! Stories of a whole real node – kubelet 1.36, containerd, runc, kernel 6.12 –, run as simulations: who is killed and
//! evicted, when, what the API shows of each pod over time, events, and the node's condition.

mod compare;
mod draws;
mod events;
mod scenario;
mod shown;
mod story;

pub use compare::{Compared, Decision, DecisionKind, Difference, recorded, simulated};
pub use story::Story;

use crate::node::StoryError;
use crate::{RecordingKind, Verdict};
use oomsim_core::node::Simulation;
use oomsim_core::record::{History, Keep};
use oomsim_core::units::SimTime;
use oomsim_scenario::{NoFiles, load};
use scenario::Clocks;
use serde::Deserialize;
use serde_json::Value;

/// Stem of the file's name.
pub const STEM: &str = "realnode";

/// The kind of recording.
pub const KINDS: &[RecordingKind] = &[RecordingKind {
    stem: STEM,
    what: "a whole real node: who is killed and evicted, when, and what the API shows of the pods",
    id: |row| row["id"].as_str().unwrap_or_default().to_owned(),
    check: |row| match examine_row(row) {
        Ok(examined) => examined.verdict(),
        Err(why) => Verdict::unreadable(why),
    },
    replay: None,
    sizes: None,
}];

/// The model draws what a recording has drawn once: phases of the relist and of cAdvisor's clocks. A story matches when
/// one of this many draws comes out as recorded.
pub const DRAWS: u64 = 32;
/// Up to this one the relists have the phase that they had at one time of the recording, …
const RELISTS_RECORDED: u64 = 8;
/// … and up to this one that of the kubelet's start, with which all of its clocks begin; then any.
const CLOCKS_BEGIN_TOGETHER: u64 = 24;

/// The recorded stories that come with the program: `realnode.jsonl`, compressed with gzip.
pub const CARRIED: &[u8] = include_bytes!("../../data/realnode/realnode.jsonl.gz");

/// A story and what its runs came to.
pub struct Examined {
    /// The recording.
    pub story: Story,
    /// What came of it.
    pub run: Run,
    /// What the draws that do not come out as recorded differ in first, the most frequent first.
    pub others: Vec<OtherDraws>,
}

/// Draws that differ in the same part first.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherDraws {
    /// The part's name.
    pub part: &'static str,
    /// How many draws.
    pub draws: u64,
    /// What differs in the first of them, recorded and simulated.
    pub example: (String, String),
}

/// The run of a story that agrees best, the first of those that agree alike.
pub struct Run {
    /// The run.
    pub history: History,
    /// What differs in it.
    pub compared: Compared,
    /// How many of the draws come out as recorded.
    pub matching: u64,
}

impl Examined {
    /// What became of the story.
    pub fn verdict(&self) -> Verdict {
        match self.run.compared.difference() {
            None => Verdict::Matched,
            Some((part, (expected, got))) => {
                Verdict::Mismatched { expected: format!("{part}: {expected}"), got: format!("{part}: {got}") }
            }
        }
    }
}

/// Reads a story and runs it.
///
/// # Errors
/// What of the story is not understood.
pub fn examine_row(row: &Value) -> Result<Examined, StoryError> {
    let why = |why| StoryError::NotAStory { id: String::new(), why };
    examine(Story::deserialize(row).map_err(why)?)
}

/// Runs a story.
///
/// # Errors
/// What of the story is not understood.
pub fn examine(story: Story) -> Result<Examined, StoryError> {
    let story = match story.root_full() {
        Some(full) => story.until(full),
        None => story,
    };
    let mut best = run(&story, 0)?;
    let mut others = Vec::new();
    count_other(&mut others, &best.compared);
    for draw in 1..DRAWS {
        let next = run(&story, draw)?;
        count_other(&mut others, &next.compared);
        best.matching += next.matching;
        if next.compared.agreeing() > best.compared.agreeing() {
            best = Run { matching: best.matching, ..next };
        }
    }
    others.sort_by_key(|other| std::cmp::Reverse(other.draws));
    Ok(Examined { story, run: best, others })
}

/// Counts a draw that differs from the recording by the part that differs first.
fn count_other(others: &mut Vec<OtherDraws>, compared: &Compared) {
    let Some((part, example)) = compared.difference() else { return };
    match others.iter_mut().find(|other| other.part == part) {
        Some(other) => other.draws += 1,
        None => others.push(OtherDraws { part, draws: 1, example: example.clone() }),
    }
}

fn run(story: &Story, draw: u64) -> Result<Run, StoryError> {
    let history = simulate(story, draw)?;
    let compared = Compared::of(story, &history)?;
    let matching = u64::from(compared.difference().is_none());
    Ok(Run { history, compared, matching })
}

/// The story's scenario as a user would write it.
///
/// # Errors
/// What of the story is not understood.
pub fn scenario_text(story: &Story) -> Result<String, StoryError> {
    scenario::text(story)
}

/// One run of the story, with the model's draws of this number.
fn simulate(story: &Story, draw: u64) -> Result<History, StoryError> {
    let clocks = match draw {
        0..RELISTS_RECORDED => Clocks::Recorded,
        RELISTS_RECORDED..CLOCKS_BEGIN_TOGETHER => Clocks::BeganTogether,
        _ => Clocks::Any,
    };
    let text = scenario::text_with(story, clocks)?;
    let loaded = load(&text, &format!("{}.toml", story.id), &NoFiles, &[])?;
    let seed = loaded.scenario.seed + draw;
    let mut simulation = Simulation::new(loaded.scenario, seed, Keep::Series);
    simulation.run_until(SimTime::MAX)?;
    Ok(simulation.finish())
}
