//! Recorded whole-node stories, run as simulations: a real kernel with the real eviction manager on one side, the model
//! on the other.

mod carried;
pub mod compare;
pub mod decision;
mod disturbance;
mod error;
mod import;
mod program;
mod run;
mod script;
pub mod story;
mod summary;

pub use carried::{CARRIED, find, pick, unknown};
pub use disturbance::{Disturbance, Of};
pub use error::StoryError;
pub use import::{scenario, t0};
pub use program::ProgramError;
pub use run::{StoryRun, run};
pub use summary::{Family, Summary, summary};

use crate::{RecordingKind, Verdict};
use compare::{Memory, Saw, Times};
use decision::Decision;
use oomsim_core::record::Keep;
use serde_json::Value;
use story::Story;

/// The stem of the stories' file.
pub const STEM: &str = "stories";

/// The kind of recording.
pub const KINDS: &[RecordingKind] = &[RecordingKind {
    stem: STEM,
    what: "whole-node stories: who dies, in which order, by whom",
    id: |row| row["id"].as_str().unwrap_or_default().to_owned(),
    check: |row| examine_row(row).map_or_else(Verdict::unreadable, |e| e.verdict()),
    replay: None,
    sizes: None,
}];

/// A story held against its simulation.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The story.
    pub id: String,
    /// Its family.
    pub family: u32,
    /// The first disturbance that changes the simulated verdict, and to what.
    pub flip: Option<(Disturbance, Vec<Decision>)>,
    /// What was recorded.
    pub recorded: Vec<Decision>,
    /// What was simulated.
    pub simulated: Vec<Decision>,
    /// Both are the same.
    pub same: bool,
    /// Which decisions are in time.
    pub times: Times,
    /// What the manager saw.
    pub saw: Saw,
    /// Memory.
    pub memory: Memory,
}

impl Examination {
    /// The row's verdict.
    pub fn verdict(&self) -> Verdict {
        let simulated = decision::text(&self.simulated);
        match &self.flip {
            Some((disturbance, other)) => {
                Verdict::Undecided(format!("{disturbance}: [{simulated}] becomes [{}]", decision::text(other)))
            }
            None if self.same => Verdict::Matched,
            None => Verdict::Mismatched { expected: decision::text(&self.recorded), got: simulated },
        }
    }
}

/// Reads a row and examines it.
///
/// # Errors
/// What of the row is not understood.
pub fn examine_row(row: &Value) -> Result<Examination, StoryError> {
    let not_a_story = |why| StoryError::NotAStory { id: String::new(), why };
    let story: Story = serde_json::from_value(row.clone()).map_err(not_a_story)?;
    examine(&story)
}

/// Runs a story, undisturbed and disturbed, and compares. Whether it is decided is settled before its outcome is read.
///
/// # Errors
/// What of the story is not understood, or the limit that a run exceeded.
pub fn examine(story: &Story) -> Result<Examination, StoryError> {
    examine_run(story).map(|(examination, _)| examination)
}

/// As [`examine`], with the undisturbed run.
///
/// # Errors
/// As [`examine`].
pub fn examine_run(story: &Story) -> Result<(Examination, StoryRun), StoryError> {
    let run = run::run(story, Disturbance::NONE, Keep::Series)?;
    let flip = run::flip(story, &run)?;
    let recorded = decision::recorded(story);
    let examination = Examination {
        id: story.id.clone(),
        family: story.family,
        flip,
        same: decision::same_verdict(&recorded, &run.decisions),
        times: compare::times(story, &run, &recorded),
        saw: compare::saw(story, &run),
        memory: compare::memory(story, &run),
        recorded,
        simulated: run.decisions.clone(),
    };
    Ok((examination, run))
}
