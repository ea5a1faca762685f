//! Every rule has scenarios that trigger it alone and show what goes wrong, and a section in `docs/lint.md`.

use oomsim_core::node::simulate;
use oomsim_core::record::Keep;
use oomsim_core::record::expect::evaluate;
use oomsim_lint::{Evidence, RULES, lint, rule};
use oomsim_scenario::LoadedScenario;
use oomsim_testkit::{read_file, repository, toml_files};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn scenario(file: &Path) -> LoadedScenario {
    read_file(file).into_iter().next().expect("a kind of node")
}

fn scenarios() -> Vec<PathBuf> {
    toml_files(&repository().join("scenarios/lint"))
}

fn stem(file: &Path) -> &str {
    file.file_stem().and_then(|stem| stem.to_str()).unwrap()
}

#[test]
fn each_scenario_triggers_exactly_its_rule() {
    let mut wrong = Vec::new();
    for file in scenarios() {
        let code = stem(&file).split('-').next().unwrap();
        let findings = lint(&scenario(&file), Evidence::SCENARIO);
        let codes: BTreeSet<_> = findings.iter().map(|finding| finding.code).collect();
        if codes != BTreeSet::from([code]) {
            wrong.push(format!("{}: {findings:#?}", stem(&file)));
        }
        for finding in findings {
            let at = finding.at.expect("a place in the file");
            assert!(at.source.name.ends_with(".toml") && at.line() > 1, "{}", at.file_line());
            assert!(!finding.message.ends_with('.') && !finding.help.is_empty(), "{}", finding.message);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_scenario_shows_what_goes_wrong() {
    let mut failed = Vec::new();
    for file in scenarios() {
        let scenario = scenario(&file).scenario;
        assert!(!scenario.expectations.is_empty(), "{} expects nothing", stem(&file));
        let history = simulate(&scenario, scenario.seed, Keep::Series).unwrap();
        for result in evaluate(&scenario.expectations, &history) {
            if !result.holds {
                failed.push(format!(
                    "{}:{}: expected {}, found {}",
                    stem(&file),
                    result.line,
                    result.expected,
                    result.found
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn rules_pages_and_scenarios_belong_together() {
    let page = std::fs::read_to_string(repository().join("docs/lint.md")).unwrap();
    let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## OOM")).collect();
    let expected: Vec<_> = RULES.iter().map(|rule| format!("{} {}", &rule.code[3..], rule.name)).collect();
    assert_eq!(headings, expected, "a section for every rule, in order, and no other");
    let names: Vec<_> = scenarios().iter().map(|file| stem(file).to_owned()).collect();
    for (n, section) in page.split("\n## OOM").skip(1).enumerate() {
        let code = RULES[n].code;
        for part in ["**Why.**", "**Fix.**", "**Source.**", RULES[n].level.as_str()] {
            assert!(section.contains(part), "{code}: {part} is missing");
        }
        let own: Vec<_> = names.iter().filter(|name| name.starts_with(&format!("{code}-"))).collect();
        assert!(own.iter().any(|name| **name == format!("{code}-{}", RULES[n].name)), "{code} has no scenario");
        for name in own {
            assert!(section.contains(&format!("scenarios/lint/{name}.toml")), "{code}: {name} is not mentioned");
        }
    }
    for name in &names {
        assert!(rule(name.split('-').next().unwrap()).is_some(), "{name} belongs to no rule");
    }
}

/// The pages lie in `crates/lint/pages`; `UPDATE_EXPECT=1 cargo test -p oomsim-lint` copies them to the documentation.
#[test]
fn the_documentation_is_made_of_the_pages() {
    let page = std::fs::read_to_string(repository().join("docs/lint.md")).unwrap();
    let mut made = page.split("## OOM").next().unwrap().trim_end().to_owned();
    for rule in RULES {
        made += &format!("\n\n## {} {}\n\n{}", rule.code, rule.name, rule.page());
    }
    expect_test::expect_file!["../../../docs/lint.md"].assert_eq(&format!("{made}\n"));
}

#[test]
fn codes_are_in_order_and_names_are_unique() {
    let codes: Vec<_> = RULES.iter().map(|rule| rule.code.to_owned()).collect();
    let expected: Vec<_> = (1..=RULES.len()).map(|n| format!("OOM{n:03}")).collect();
    assert_eq!(codes, expected);
    let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
    assert_eq!(rule("oom004").map(|rule| rule.name), Some("soft-below-hard"));
}
