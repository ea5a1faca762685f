//! A lesson: its moments come, its answers are right, and what it says about the runs holds.

use super::invalid;
use crate::load::{self, Unusable};
use oomsim_core::record::expect::{ExpectationResult, RequiredShare};
use oomsim_lesson::{Claim, Lesson};
use oomsim_report::check::{AcceptedOutcome, CheckOutcome, CheckedExpectation, CheckedRuns};
use oomsim_report::escape::shell;
use oomsim_scenario::Diagnostic;
use std::path::Path;

/// Holds a lesson against its runs.
pub fn check(file: &Path) -> (CheckOutcome, Vec<Diagnostic>) {
    match claims(file) {
        Ok(claims) => (CheckOutcome::Ran(Box::new(checked(file, claims))), Vec::new()),
        Err(unusable) => (invalid(unusable.failure), unusable.problems),
    }
}

fn claims(file: &Path) -> Result<Vec<Claim>, Unusable> {
    let text = load::named_text(file)?;
    let lesson = Lesson::read(&text, &file.display().to_string()).map_err(Unusable::of)?;
    let played = lesson.play(&load::Beside::scenario(file)).map_err(Unusable::of)?;
    Ok(played.claims)
}

fn checked(file: &Path, claims: Vec<Claim>) -> CheckedRuns {
    let reproduce = format!("oomsim check {}", shell(&file.display().to_string()));
    let one = |claim: Claim| {
        let Claim { holds, what, found, line } = claim;
        let source = "the lesson".to_owned();
        let result = ExpectationResult { holds, expected: what, found, source, required: RequiredShare::ALL, line };
        CheckedExpectation {
            result,
            holding: u64::from(holds),
            of: 1,
            failing_seed: None,
            reproduce: reproduce.clone(),
        }
    };
    CheckedRuns {
        expectations: claims.into_iter().map(one).collect(),
        seed: 0,
        seeds: 1,
        digest: String::new(),
        reproduce,
        outcome: AcceptedOutcome::None,
        artifacts: None,
    }
}
