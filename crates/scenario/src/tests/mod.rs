//! Scenarios as texts: what is read, and what is said about wrong ones.

mod defaults;
mod files;
mod kinds;
mod reading;
mod reference;

use super::{Diagnostic, LoadedScenario, NoFiles, load};

/// A scenario that has to be right.
fn right(text: &str) -> LoadedScenario {
    load(text, "test.toml", &NoFiles, &[]).unwrap_or_else(|problems| panic!("{}", rendered(&problems)))
}

/// What is said about a wrong scenario.
fn wrong(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    match load(text, "test.toml", &NoFiles, &overrides) {
        Ok(_) => panic!("was read without complaint"),
        Err(problems) => rendered(&problems),
    }
}

fn rendered(problems: &[Diagnostic]) -> String {
    problems.iter().map(Diagnostic::render).collect()
}
