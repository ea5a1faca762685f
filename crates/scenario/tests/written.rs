//! What is written is read as the same plan: every scenario of the repository, and random ones.

use oomsim_core::plan::Scenario;
use oomsim_scenario::{LoadedScenario, NoFiles, load, to_toml};
use oomsim_testkit::random::{config, plan};
use oomsim_testkit::{read_file, rendered, repository, toml_files};
use proptest::prelude::*;

/// A plan without what belongs to its text.
fn plain(loaded: &LoadedScenario) -> Scenario {
    let mut plan = Scenario::clone(&loaded.scenario);
    plan.warnings.clear();
    plan.expectations.iter_mut().for_each(|expectation| expectation.line = 0);
    plan
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn random_plans(plan in plan()) {
        let text = to_toml(&plan);
        let read = load(&text, "written.toml", &NoFiles, &[])
            .unwrap_or_else(|problems| panic!("{text}\n{}", rendered(&problems)));
        let again = plain(&read);
        prop_assert!(again == plan, "{text}\nwas: {plan:#?}\nis: {again:#?}");
    }
}

/// Writes a scenario and reads it again.
fn check(name: &str, loaded: &LoadedScenario) {
    let text = to_toml(&loaded.scenario);
    let again = load(&text, "written.toml", &NoFiles, &[])
        .unwrap_or_else(|problems| panic!("{name}:\n{text}\n{}", rendered(&problems)));
    let (before, after) = (plain(loaded), plain(&again));
    assert_eq!(format!("{before:#?}"), format!("{after:#?}"), "{name}:\n{text}");
    assert!(before == after, "{name}: equal in Debug, and not in themselves");
    assert_eq!(to_toml(&again.scenario), text, "{name}");
}

#[test]
fn every_scenario_of_the_repository() {
    let files = toml_files(&repository().join("scenarios"));
    let mut kinds = 0;
    for file in &files {
        for kind in &read_file(file) {
            check(&file.display().to_string(), kind);
            kinds += 1;
        }
    }
    assert!(kinds >= 60, "only {kinds} in {} files", files.len());
}
