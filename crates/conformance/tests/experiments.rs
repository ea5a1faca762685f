//! Experiments on 5.10, 6.1, 6.12, 6.18 and 7.3, carried in `data/kernel2`. The table of `docs/fidelity-kernel.md`
//! has what came out, and the page names every row that does not match; `OOMSIM_BLESS=1` writes the table anew.

use flate2::read::GzDecoder;
use oomsim_conformance::{FileReport, Tally, kinds, run_file, single_sizes};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};

const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.3"];
const HEADING: &str = "| experiment | rows |";

fn run(stem: &str) -> FileReport {
    let path = format!("{}/data/kernel2/{stem}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let file = File::open(&path).expect("carried in the repository");
    run_file(&format!("kernel2/{stem}.jsonl"), BufReader::new(GzDecoder::new(file)))
}

/// Single sizes within bounds, and all of them. Those that are not are printed.
fn single(stem: &str) -> (usize, usize) {
    let path = format!("{}/data/kernel2/{stem}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let lines = BufReader::new(GzDecoder::new(File::open(&path).expect("carried in the repository"))).lines();
    let (mut within, mut all) = (0, 0);
    for line in lines {
        let row: serde_json::Value = serde_json::from_str(&line.expect("text")).expect("a row");
        let Some(sizes) = single_sizes(&row) else { continue };
        for off in &sizes.off {
            println!("{stem} {}@{}: {off}", row["case"], row["kernel"]);
        }
        within += sizes.compared - sizes.off.len();
        all += sizes.compared;
    }
    (within, all)
}

fn percent((within, all): (usize, usize)) -> String {
    format!("{:.1} %", 100.0 * within as f64 / all.max(1) as f64)
}

fn show(name: &str, tally: &Tally) {
    for m in &tally.mismatches {
        println!("{name} {}: expected {}\n    got {}", m.row, m.expected, m.got);
    }
    for open in &tally.open {
        println!("{name} {} undecided: {}", open.row, open.why);
    }
}

/// `7 of 8`, with what is undecided.
fn cell(tally: Option<&Tally>) -> String {
    let Some(t) = tally else { return "–".into() };
    let open = if t.undecided > 0 { format!(" ({} undecided)", t.undecided) } else { String::new() };
    format!("{} of {}{open}", t.matched, t.total)
}

fn add(sum: &mut Tally, more: &Tally) {
    sum.total += more.total;
    sum.matched += more.matched;
    sum.undecided += more.undecided;
    sum.mismatched += more.mismatched;
}

fn line(
    name: &str,
    rows: &Tally,
    by_kernel: &BTreeMap<String, Tally>,
    sizes: &Tally,
    single: (usize, usize),
) -> String {
    let of = |kernel: &str| {
        let prefix = format!("{kernel}.");
        cell(by_kernel.iter().find(|(release, _)| release.starts_with(&prefix)).map(|(_, tally)| tally))
    };
    let kernels: Vec<String> = KERNELS.iter().map(|k| of(k)).collect();
    format!("\n| {name} | {} | {} | {} | {} |", rows.total, kernels.join(" | "), cell(Some(sizes)), percent(single))
}

#[test]
fn the_page_has_what_the_experiments_give() {
    let mut table = format!(
        "{HEADING} {} | all sizes | single sizes |\n|---|---|---|---|---|---|---|---|---|",
        KERNELS.join(" | ")
    );
    let mut all_single = (0, 0);
    let (mut all, mut all_kernels, mut all_sizes) = (Tally::default(), BTreeMap::new(), Tally::default());
    let mut unmatched = Vec::new();
    for kind in kinds().filter(|kind| kind.sizes.is_some()) {
        let report = run(kind.stem);
        assert_eq!(report.error, None);
        show(kind.stem, &report.rows);
        let sizes = report.sizes.clone().unwrap_or_default();
        show(&format!("{} sizes", kind.stem), &sizes);
        let of_kind = single(kind.stem);
        all_single = (all_single.0 + of_kind.0, all_single.1 + of_kind.1);
        table.push_str(&line(kind.stem, &report.rows, &report.by_kernel, &sizes, of_kind));
        add(&mut all, &report.rows);
        add(&mut all_sizes, &sizes);
        for (release, tally) in &report.by_kernel {
            add(all_kernels.entry(release.clone()).or_default(), tally);
        }
        unmatched.extend(report.rows.mismatches.into_iter().map(|m| m.row));
    }
    table.push_str(&line("**all**", &all, &all_kernels, &all_sizes, all_single));
    println!("{table}");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fidelity-kernel.md");
    let page = fs::read_to_string(path).expect("the page is there");
    let begin = page.find(HEADING).expect("the page has the table");
    let end = page[begin..].find("\n\n").map_or(page.len(), |n| begin + n);
    if std::env::var_os("OOMSIM_BLESS").is_some() {
        fs::write(path, format!("{}{table}{}", &page[..begin], &page[end..])).expect("can be written");
    } else {
        assert_eq!(&page[begin..end], table, "OOMSIM_BLESS=1 writes the table anew");
    }
    // `race_3040_1_own@6.12.117+deb12` is named as `race_3040_1_own`, with its kernel.
    let unnamed = unmatched.iter().filter(|row| !page.contains(row.split('@').next().unwrap_or_default()));
    assert_eq!(unnamed.collect::<Vec<_>>(), Vec::<&String>::new(), "the page says why a row does not match");
}
