//! The table of `docs/ACCURACY.md` says what the stories' run says. `UPDATE_EXPECT=1` writes it anew.

use flate2::read::GzDecoder;
use oomsim_conformance::node::{Family, Summary};
use oomsim_conformance::run_file;
use std::fs::{self, File};
use std::io::BufReader;

const NAMES: [&str; 10] = [
    "container limit",
    "slow leak over allocatable",
    "fast leak",
    "phase of the check decides",
    "host leak",
    "several pods, stale figures",
    "page cache",
    "soft thresholds, minimum reclaim",
    "tmpfs",
    "two things at once",
];

#[test]
fn the_page_has_the_figures_of_the_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let stories = File::open(format!("{root}/crates/conformance/data/node/stories.jsonl.gz")).expect("carried");
    let report = run_file("node/stories.jsonl", BufReader::new(GzDecoder::new(stories)));
    let expected = table(report.stories.as_ref().expect("whole-node stories have a summary"));

    let path = format!("{root}/docs/ACCURACY.md");
    let page = fs::read_to_string(&path).expect("the page is there");
    let begin = page.find("| family |").expect("the page has the table");
    let end = page[begin..].find("\n\n").map_or(page.len(), |n| begin + n);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{}{expected}{}", &page[..begin], &page[end..])).expect("can be written");
        return;
    }
    assert_eq!(&page[begin..end], expected, "UPDATE_EXPECT=1 writes the table anew");
    let named = |word: &str| report.rows.mismatches.iter().all(|m| word.contains(&m.row));
    assert!(named(&page), "the page explains every story that does not match");
    let late = &report.stories.as_ref().expect("summary").late;
    for id in late.iter().filter_map(|l| l.split(':').next()) {
        assert!(page.contains(id), "{id} is not in time, and the page does not say why");
    }
}

fn table(summary: &Summary) -> String {
    let mut out = String::from(
        "| family | stories | undecided | matched | mismatched | all in time | decisions in time | same thresholds | same conditions | same messages \
         | kubepods usage % | node available % |\n|---|---|---|---|---|---|---|---|---|---|---|---|",
    );
    for (number, family) in &summary.families {
        let name = NAMES.get(*number as usize - 1).copied().unwrap_or("");
        out.push_str(&row(&format!("{number} {name}"), family, ""));
    }
    out.push_str(&row("**all**", &summary.all, "**"));
    out
}

fn row(name: &str, f: &Family, bold: &str) -> String {
    let of = |a: usize, b: usize| if b == 0 { "–".to_owned() } else { format!("{a}/{b}") };
    let both = |[a, b]: [f64; 2]| format!("{a:.2} / {b:.2}");
    let cells = [
        f.stories.to_string(),
        f.undecided.to_string(),
        f.matched.to_string(),
        f.mismatched.to_string(),
        f.in_time.to_string(),
        of(f.decisions_in_time, f.decisions),
        of(f.same_thresholds, f.passes),
        of(f.same_conditions, f.passes),
        of(f.same_messages, f.evictions),
        both(f.kubepods),
        both(f.available),
    ];
    let cells: Vec<String> = cells.iter().map(|c| format!("{bold}{c}{bold}")).collect();
    format!("\n| {name} | {} |", cells.join(" | "))
}
