//! What would have prevented something, as changes that a course can be opened with.

use serde::Serialize;

/// A change that would have prevented it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Cure {
    /// What is changed, from what to what.
    pub what: String,
    /// In how many runs it helps, and what it does to the others.
    pub effect: String,
    /// Settings of the course with it.
    pub settings: Vec<String>,
    /// Tables that are added to its scenario.
    pub tables: Vec<String>,
}

impl Cure {
    /// A cure that was found.
    pub fn of(cure: &oomsim_explain::prevent::Cure) -> Cure {
        let change = &cure.to.change;
        Cure {
            what: oomsim_explain::prevent::what(cure),
            effect: oomsim_explain::prevent::effect(cure),
            settings: change.set.iter().map(|(key, value)| format!("{key}={value}")).collect(),
            tables: change.at.iter().cloned().collect(),
        }
    }
}
