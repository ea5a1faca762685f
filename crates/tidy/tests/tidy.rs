//! The rules of the house that the compiler does not know. Each test names every place that breaks its rule.

use oomsim_tidy::{Habit, Source, Sources, dependencies, functions, habits, outside, uses, wide_lines};
use std::collections::{BTreeMap, BTreeSet};

/// Folders with Rust of our own.
const FOLDERS: &[&str] = &["sim-core", "cli", "benches", "fuzz", "crates"];

/// Longest function in lines, without its doc comment.
const MOST_LINES: usize = 70;
/// Widest line in characters; texts in quotes may be wider.
const MOST_COLUMNS: usize = 120;

/// Which room of the core may use which; tests may use all. The kernel and the kubelet never see each other.
const ROOMS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("engine", &["units"]),
    ("node_api", &["units"]),
    ("runtime", &["units"]),
    ("kernel", &["units", "node_api", "engine"]),
    ("kubelet", &["units", "node_api", "engine"]),
    ("workload", &["units", "node_api", "engine"]),
    ("record", &["units", "node_api", "engine", "kubelet"]),
    ("plan", &["units", "node_api", "engine", "runtime", "kernel", "kubelet", "workload", "record"]),
    ("node", &["units", "node_api", "engine", "runtime", "kernel", "kubelet", "workload", "record", "plan"]),
    ("lib", &["node"]),
];

/// Which crate may be built with which.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("sim-core", "oomsim-core", &[]),
    ("crates/kube-api", "oomsim-kube-api", &[]),
    ("crates/scenario", "oomsim-scenario", &["core", "kube-api"]),
    ("crates/conformance", "oomsim-conformance", &["core", "scenario"]),
    ("crates/dmesg", "oomsim-dmesg", &["core", "scenario"]),
    ("crates/explain", "oomsim-explain", &["core", "scenario", "planning", "dmesg", "import"]),
    ("crates/import", "oomsim-import", &["core", "scenario", "dmesg"]),
    ("crates/lesson", "oomsim-lesson", &["core", "scenario"]),
    ("crates/lint", "oomsim-lint", &["core", "scenario"]),
    ("crates/planning", "oomsim-planning", &["core", "scenario"]),
    ("crates/store", "oomsim-store", &["core", "planning"]),
    ("crates/report", "oomsim-report", &["core", "scenario", "lint", "planning"]),
    ("crates/testkit", "oomsim-testkit", &["core", "scenario"]),
    ("crates/tidy", "oomsim-tidy", &[]),
    ("crates/lab", "oomsim-lab", &["core", "scenario", "dmesg", "explain", "lesson", "report"]),
];

/// Crates that take the whole workspace together.
const TOPS: &[&str] = &["cli", "benches"];

/// Crates that turn values into values: they run in a browser, and the same input gives the same output.
const PURE: &[&str] = &[
    "sim-core/src",
    "crates/scenario/src",
    "crates/report/src",
    "crates/planning/src",
    "crates/import/src",
    "crates/explain/src",
    "crates/lab/src",
    "crates/lesson/src",
];

/// What they do not touch.
const FORBIDDEN: &[&str] =
    &["std::fs", "std::env", "std::net", "std::process", "std::thread", "std::time::Instant", "std::time::SystemTime"];

fn at(source: &Source, line: usize, what: impl std::fmt::Display) -> String {
    format!("{}:{line}: {what}", source.path)
}

#[track_caller]
fn none(rule: &str, found: impl IntoIterator<Item = String>) {
    let found: Vec<String> = found.into_iter().collect();
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn rooms_of_the_core_use_only_what_stands_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut found = Vec::new();
    for source in Sources::of_workspace().below(&["sim-core/src"]) {
        let modules = source.modules();
        let room = modules.first().map_or("lib", String::as_str);
        let Some(rooms) = allowed.get(room) else {
            found.push(format!("{}: the room `{room}` is missing in the table", source.path));
            continue;
        };
        let is_room = |name: &str| allowed.contains_key(name);
        let wrong = uses(&source).into_iter().filter(|u| u.room != room && is_room(&u.room));
        let wrong = wrong.filter(|u| !rooms.contains(&&*u.room));
        found.extend(wrong.map(|u| at(&source, u.line, format!("`{room}` uses `{}`", u.room))));
    }
    none("a room uses another that it may not know", found);
}

#[test]
fn crates_are_built_with_only_what_stands_below_them() {
    let folders: Vec<&str> = CRATES.iter().map(|(folder, ..)| *folder).collect();
    let workspace = Sources::of_workspace();
    let actual = dependencies(&workspace, &folders);
    let mut found = Vec::new();
    for (_, name, allowed) in CRATES {
        let allowed: BTreeSet<String> = allowed.iter().map(|name| format!("oomsim-{name}")).collect();
        let more = actual[*name].difference(&allowed).map(|other| format!("{name} is built with {other}"));
        found.extend(more);
    }
    for entry in std::fs::read_dir(workspace.top().join("crates")).expect("crates/") {
        let folder = format!("crates/{}", entry.expect("readable").file_name().to_string_lossy());
        if !folders.contains(&&*folder) && !TOPS.contains(&&*folder) {
            found.push(format!("{folder} is missing in the table"));
        }
    }
    none("a crate is built with another that it may not know", found);
}

#[test]
fn pure_crates_touch_no_file_no_clock_no_thread_and_no_environment() {
    let all = Sources::of_workspace().below(PURE);
    let paths = |source: &Source| {
        let found = outside(source, FORBIDDEN);
        found.into_iter().map(|(path, line)| at(source, line, path)).collect::<Vec<_>>()
    };
    none("these crates run in a browser", all.iter().flat_map(paths));
}

/// Paths between backticks that begin at the top of the repository.
fn paths_of_page(page: &str) -> impl Iterator<Item = &str> {
    const TOPS: [&str; 10] =
        ["sim-core/", "crates/", "cli/", "benches/", "docs/", "scenarios/", "studies/", "contrib/", "web/", "fuzz/"];
    let words = page.split('`').skip(1).step_by(2);
    words.filter(|word| TOPS.iter().any(|top| word.starts_with(top)) && !word.contains(['*', '…', ' ', 'N']))
}

#[test]
fn the_map_names_only_what_exists() {
    let top = Sources::of_workspace().top().to_owned();
    let page = std::fs::read_to_string(top.join("docs/ARCHITECTURE.md")).expect("the page");
    assert!(paths_of_page(&page).count() > 50, "the page names many places");
    let absent = paths_of_page(&page).filter(|path| !top.join(path).exists());
    none("docs/ARCHITECTURE.md names what does not exist", absent.map(str::to_owned));
}

#[test]
fn functions_fit_on_a_screen() {
    let all = Sources::of_workspace().below(FOLDERS);
    let long = |source: &Source| {
        let long = functions(source).into_iter().filter(|f| f.lines > MOST_LINES);
        long.map(|f| at(source, f.line, format!("`{}` has {} lines", f.name, f.lines))).collect::<Vec<_>>()
    };
    none(&format!("functions have at most {MOST_LINES} lines"), all.iter().flat_map(long));
}

#[test]
fn lines_fit_beside_each_other() {
    let all = Sources::of_workspace().below(FOLDERS);
    let wide = |source: &Source| {
        let wide = wide_lines(source, MOST_COLUMNS).into_iter();
        wide.map(|(line, width)| at(source, line, format!("{width} characters"))).collect::<Vec<_>>()
    };
    none(&format!("lines have at most {MOST_COLUMNS} characters"), all.iter().flat_map(wide));
}

#[test]
fn no_bad_habits() {
    let all = Sources::of_workspace().below(FOLDERS);
    let bad = |source: &Source| {
        let of = |(habit, line)| {
            at(
                source,
                line,
                match habit {
                    Habit::ParseOrDefault => "what cannot be read becomes a default without a word",
                    Habit::Unfinished => "unfinished",
                    Habit::IgnoredTest => "a test that does not run",
                    Habit::HashedUsize => "`usize` is hashed: the digest depends on the width of pointers",
                },
            )
        };
        let relevant =
            |(habit, _): &(Habit, usize)| *habit != Habit::HashedUsize || source.path.starts_with("sim-core/src");
        habits(source).into_iter().filter(relevant).map(of).collect::<Vec<_>>()
    };
    none("habits that the house does not have", all.iter().flat_map(bad));
}
