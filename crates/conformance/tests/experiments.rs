//! Experiments on 5.10, 6.1, 6.12, 6.18 and 7.3, carried in `data/kernel2`. The table of `docs/fidelity-kernel.md`
//! has what came out, and the page names every row that does not match; `OOMSIM_BLESS=1` writes the table anew.

use flate2::read::GzDecoder;
use oomsim_conformance::{FileReport, Tally, kinds, run_file, single_sizes};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};

const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.3"];
const HEADING: &str = "| experiment | rows |";
/// The kind of experiment that is described with the others, and of which there is no recording here.
const NOT_CARRIED: &str = "lock";

fn run(stem: &str) -> FileReport {
    let path = format!("{}/data/kernel2/{stem}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let file = File::open(&path).expect("carried in the repository");
    run_file(&format!("kernel2/{stem}.jsonl"), BufReader::new(GzDecoder::new(file)))
}

/// Single sizes.
#[derive(Default)]
struct Single {
    within: usize,
    all: usize,
    /// Of those that are up to chance, the share of runs that have less than was recorded.
    ranks: Vec<f64>,
    /// Rows in which some seeds have other deaths.
    other_outcomes: Vec<String>,
}

impl Single {
    fn add(&mut self, more: &Single) {
        self.within += more.within;
        self.all += more.all;
        self.ranks.extend(&more.ranks);
    }

    /// Those that lie in the middle half of the runs, and those below or above all of them.
    fn middle(&self) -> String {
        let count = |inside: fn(f64) -> bool| self.ranks.iter().filter(|rank| inside(**rank)).count();
        let (middle, ends) = (count(|rank| (0.25..=0.75).contains(&rank)), count(|rank| rank <= 0.0 || rank >= 1.0));
        match self.ranks.len() {
            0 => "–".into(),
            all => format!("{middle} of {all} ({ends} at the ends)"),
        }
    }
}

/// The sizes of a kind's rows. Those that are not as recorded are printed.
fn single(stem: &str) -> Single {
    let path = format!("{}/data/kernel2/{stem}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let lines = BufReader::new(GzDecoder::new(File::open(&path).expect("carried in the repository"))).lines();
    let mut single = Single::default();
    for line in lines {
        let row: serde_json::Value = serde_json::from_str(&line.expect("text")).expect("a row");
        let Some(sizes) = single_sizes(&row) else { continue };
        let name = format!("{stem} {}@{}", row["case"], row["kernel"]);
        for off in &sizes.off {
            println!("{name}: {off}");
        }
        single.within += sizes.compared - sizes.off.len();
        single.all += sizes.compared;
        let Some(drawn) = &sizes.drawn else { continue };
        for off in &drawn.off {
            println!("{name}, beyond chance: {off}");
        }
        if !drawn.ranks.is_empty() {
            let all = Single { ranks: drawn.ranks.clone(), ..Single::default() };
            println!("{name}, up to chance: {}", all.middle());
            single.ranks.extend(&drawn.ranks);
        }
        if let (1.., of) = drawn.other_outcomes {
            println!("{name}: another outcome in {} of {of} runs", drawn.other_outcomes.0);
            single.other_outcomes.push(row["case"].as_str().unwrap_or_default().to_owned());
        }
    }
    single
}

fn percent(single: &Single) -> String {
    format!("{:.1} %", 100.0 * single.within as f64 / single.all.max(1) as f64)
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

/// Tallies of a kind's rows.
struct Kind<'a> {
    rows: &'a Tally,
    by_kernel: &'a BTreeMap<String, Tally>,
    sizes: &'a Tally,
    within_draws: &'a Tally,
    single: &'a Single,
}

fn line(name: &str, kind: &Kind<'_>) -> String {
    let of = |kernel: &str| {
        let prefix = format!("{kernel}.");
        cell(kind.by_kernel.iter().find(|(release, _)| release.starts_with(&prefix)).map(|(_, tally)| tally))
    };
    let kernels: Vec<String> = KERNELS.iter().map(|k| of(k)).collect();
    let sizes = [kind.sizes, kind.within_draws].map(|tally| cell(Some(tally))).join(" | ");
    let single = [percent(kind.single), kind.single.middle()].join(" | ");
    format!("\n| {name} | {} | {} | {sizes} | {single} |", kind.rows.total, kernels.join(" | "))
}

#[test]
fn the_page_has_what_the_experiments_give() {
    let mut table = format!(
        "{HEADING} {} | all sizes | within the draws | single sizes | drawn ones in the middle half |\n|{}",
        KERNELS.join(" | "),
        "---|".repeat(KERNELS.len() + 6)
    );
    let mut all_single = Single::default();
    let (mut all, mut all_kernels) = (Tally::default(), BTreeMap::new());
    let (mut all_sizes, mut all_within) = (Tally::default(), Tally::default());
    let mut unmatched = Vec::new();
    for kind in kinds().filter(|kind| kind.sizes.is_some() && kind.stem != NOT_CARRIED) {
        let report = run(kind.stem);
        assert_eq!(report.error, None);
        show(kind.stem, &report.rows);
        let sizes = report.sizes.clone().unwrap_or_default();
        show(&format!("{} sizes", kind.stem), &sizes);
        let within_draws = report.sizes_within_draws.clone().unwrap_or_default();
        show(&format!("{} sizes within draws", kind.stem), &within_draws);
        let single = single(kind.stem);
        all_single.add(&single);
        let (rows, by_kernel) = (&report.rows, &report.by_kernel);
        let of_kind = Kind { rows, by_kernel, sizes: &sizes, within_draws: &within_draws, single: &single };
        table.push_str(&line(kind.stem, &of_kind));
        add(&mut all, &report.rows);
        add(&mut all_sizes, &sizes);
        add(&mut all_within, &within_draws);
        unmatched.extend(single.other_outcomes);
        for (release, tally) in &report.by_kernel {
            add(all_kernels.entry(release.clone()).or_default(), tally);
        }
        unmatched.extend(report.rows.mismatches.into_iter().map(|m| m.row));
    }
    let (rows, by_kernel, sizes, within_draws) = (&all, &all_kernels, &all_sizes, &all_within);
    let every_kind = Kind { rows, by_kernel, sizes, within_draws, single: &all_single };
    table.push_str(&line("**all**", &every_kind));
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
    assert_eq!(
        unnamed.collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "the page says why a row does not match, or not always"
    );
}
