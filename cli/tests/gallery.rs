//! `docs/gallery.md` shows every scenario, and what its pictures say is what a run gives today.

use oomsim_core::record::Keep;
use oomsim_report::picture::description;
use oomsim_scenario::load_kinds;
use oomsim_testkit::{Beside, repository};
use std::collections::BTreeSet;
use std::fs;

/// What a picture says in words.
fn words(svg: &str) -> &str {
    let (_, rest) = svg.split_once("<desc id=\"desc\">").expect("a description");
    rest.split_once("</desc>").expect("its end").0
}

/// The pictures themselves depend on fonts and colours; `.ci/gallery target/release/oomsim` draws them anew.
#[test]
fn the_gallery_shows_every_scenario_as_it_is_today() {
    let (scenarios, images) = (repository().join("scenarios"), repository().join("docs/images/gallery"));
    let page = fs::read_to_string(repository().join("docs/gallery.md")).expect("the gallery");
    let (mut expected, mut stale) = (BTreeSet::new(), Vec::new());
    for entry in fs::read_dir(&scenarios).expect("scenarios") {
        let path = entry.expect("an entry").path();
        let Some(stem) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".toml"))
        else {
            continue;
        };
        let text = fs::read_to_string(&path).expect("a scenario");
        let kinds = load_kinds(&text, stem, &Beside(scenarios.clone()), &["nodes=1".into()]);
        for kind in kinds.unwrap_or_else(|why| panic!("{stem}: {why:?}")) {
            let node = &kind.scenario.node.name;
            let name = if text.contains("[[node]]") { format!("{stem}-{node}.svg") } else { format!("{stem}.svg") };
            let run = oomsim_core::simulate(&kind.scenario, kind.scenario.seed, Keep::Events).expect("a run");
            let drawn = fs::read_to_string(images.join(&name)).unwrap_or_default();
            let today = description(&run).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            if drawn.is_empty() || words(&drawn) != today || !page.contains(&format!("](images/gallery/{name})")) {
                stale.push(format!("{name}: {today}"));
            }
            expected.insert(name);
        }
    }
    let there = fs::read_dir(&images).expect("pictures").map(|entry| entry.expect("an entry").file_name());
    let there: BTreeSet<String> = there.filter_map(|name| name.into_string().ok()).collect();
    assert_eq!(there, expected, "pictures and scenarios");
    assert!(stale.is_empty(), "stale, see .ci/gallery:\n{}", stale.join("\n"));
}
