//! What a search finds.

use super::knobs::Position;
use super::outcome::{Fate, Target};
use super::seeds::Helped;
use serde::Serialize;

/// How thoroughly is searched.
#[derive(Clone, Copy, Debug)]
pub struct PreventionSettings {
    /// Most runs in all.
    pub runs: u64,
    /// Seeds that each cure is tried with.
    pub seeds: u64,
}

impl Default for PreventionSettings {
    fn default() -> Self {
        PreventionSettings { runs: 2000, seeds: 20 }
    }
}

/// A change that prevents it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cure {
    /// What is changed.
    pub knob: String,
    /// Where it stood; empty for actions.
    pub from: String,
    /// Where it has to be put.
    pub to: Position,
    /// One step less, which does not help; `None` for a choice, where one step less is the scenario as it is, and where
    /// the scenario refuses one step less.
    pub one_step_less: Option<Position>,
    /// How much it asks for: doublings of an amount; a choice counts as one.
    pub asks: f64,
    /// The same happens later than the scenario lasts: in a run three times as long, then.
    pub only_later: Option<Fate>,
    /// Who is saved in addition.
    pub saves: Vec<Target>,
    /// Who comes to harm instead.
    pub harms: Vec<(Target, Fate)>,
    /// With other seeds and phases of the kubelet's check.
    pub helped: Helped,
}

/// A change that makes no difference to the outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoDifference {
    /// What was changed.
    pub knob: String,
    /// Where it stood.
    pub from: String,
    /// How far it was turned, and what happened there.
    pub tried: Vec<(String, Fate)>,
}

/// A change that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotTried {
    /// What would have been changed.
    pub knob: String,
    /// What is in the way.
    pub why: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prevention {
    /// Who is to be saved.
    pub target: Target,
    /// What happens to it as things are.
    pub fate: Fate,
    /// In how many of the runs with other seeds it happens as things are.
    pub as_it_is: Helped,
    /// What prevents it, by how little it asks for.
    pub cures: Vec<Cure>,
    /// What makes no difference.
    pub no_difference: Vec<NoDifference>,
    /// What could not be tried.
    pub not_tried: Vec<NotTried>,
    /// How many runs it took.
    pub runs: u64,
    /// The search ended because it had used all its runs.
    pub broken_off: bool,
}
