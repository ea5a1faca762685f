//! How often the diagnosis is right: the tables of `docs/diagnose.md` (`UPDATE_EXPECT=1` writes them anew). What is
//! counted are containers that no weight was tuned on; `DIAGNOSE=tuning` counts those that weights were tuned on, and
//! shows each that came out wrong. The temperature of the confidence is fitted on a third set.

use crate::{drawn, simulated};
use oomsim_explain::diagnose::{Ailment, Diagnosis, Observed, TEMPERATURE, diagnose, probabilities, signs};
use oomsim_testkit::repository;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

/// Seeds of the simulated containers that are counted, of each cause. Their containers were never looked at: when one
/// was, to change a sign or a weight, other seeds have to be counted.
const SIMULATED: Range<u64> = 52_000..52_012;
/// Of those that are drawn as files.
const DRAWN: Range<u64> = 52_000..52_040;
/// Seeds of the containers that signs and weights were tuned on.
const SIMULATED_TUNING: Range<u64> = 0..12;
const DRAWN_TUNING: Range<u64> = 0..40;
/// Seeds that the temperature is fitted on.
const SIMULATED_FIT: Range<u64> = 1000..1008;
const DRAWN_FIT: Range<u64> = 1000..1040;

/// A diagnosis with the true cause.
struct Outcome {
    cause: Ailment,
    diagnosis: Diagnosis,
}

impl Outcome {
    fn right(&self) -> bool {
        self.diagnosis.cause == Some(self.cause)
    }

    fn open(&self) -> bool {
        self.diagnosis.cause.is_none()
    }
}

/// The sets, and what their columns are called.
const SETS: [&str; 4] = ["simulated", "as files", "simulated, with less", "as files, with less"];

/// Containers of every cause, by set.
fn containers(of_simulated: Range<u64>, of_drawn: Range<u64>) -> [Vec<(Ailment, Observed)>; 4] {
    let all = |seeds: &Range<u64>| {
        let seeds = seeds.clone();
        Ailment::ALL.iter().flat_map(move |&cause| seeds.clone().map(move |n| (cause, n)))
    };
    let whole: Vec<_> = all(&of_simulated).map(|(cause, n)| (cause, n, simulated::case(cause, n))).collect();
    let less = whole.iter().map(|(cause, n, o)| (*cause, simulated::with_less(o.clone(), *n))).collect();
    [
        whole.into_iter().map(|(cause, _, observed)| (cause, observed)).collect(),
        all(&of_drawn).map(|(cause, n)| (cause, drawn::case(cause, n))).collect(),
        less,
        all(&of_drawn).map(|(cause, n)| (cause, drawn::hard_case(cause, n))).collect(),
    ]
}

/// Containers of seeds that are not counted: of all temperatures the one that is used gives their true causes the
/// highest probability. Each set counts as much as any other.
#[test]
fn the_temperature_fits_containers_of_other_seeds() {
    let sets = containers(SIMULATED_FIT, DRAWN_FIT)
        .map(|set| set.into_iter().map(|(cause, observed)| (cause, signs(&observed))).collect::<Vec<_>>());
    let loss = |temperature: f64| {
        let of = |(cause, seen): &(Ailment, Vec<_>)| {
            let likely = probabilities(seen, temperature);
            -likely.iter().find(|l| l.cause == *cause).map_or(0.0, |l| l.probability.max(1e-12).ln())
        };
        sets.iter().map(|set| set.iter().map(of).sum::<f64>() / set.len() as f64).sum::<f64>() / sets.len() as f64
    };
    let best = (5..=40).map(|tenth| f64::from(tenth) / 10.0).min_by(|a, b| loss(*a).total_cmp(&loss(*b)));
    let best = best.expect("a temperature");
    assert!((best - TEMPERATURE).abs() < 0.11, "{best} fits best: {} against {}", loss(best), loss(TEMPERATURE));
}

fn count(of: &[&Outcome]) -> String {
    let (right, open) = (of.iter().filter(|r| r.right()).count(), of.iter().filter(|r| r.open()).count());
    let undecided = if open == 0 { String::new() } else { format!(", {open} open") };
    format!("{right} of {}{undecided}", of.len())
}

/// The matrix: right answers of each set, and what the others were taken for.
fn matrix(sets: &[Vec<Outcome>; 4]) -> String {
    let mut text = format!("| cause | {} | taken for |\n|---|---|---|---|---|---|\n", SETS.join(" | "));
    for &cause in Ailment::ALL {
        let of = |set: &Vec<Outcome>| count(&set.iter().filter(|r| r.cause == cause).collect::<Vec<_>>());
        let mut wrong: BTreeMap<Ailment, usize> = BTreeMap::new();
        let mistaken = sets.iter().flatten().filter(|r| r.cause == cause && !r.right());
        mistaken.filter_map(|r| r.diagnosis.cause).for_each(|c| *wrong.entry(c).or_default() += 1);
        let wrong: Vec<String> = wrong.iter().map(|(cause, n)| format!("{cause} {n}")).collect();
        let cells: Vec<String> = sets.iter().map(of).collect();
        let _ = writeln!(text, "| {cause} | {} | {} |", cells.join(" | "), wrong.join(", "));
    }
    let totals: Vec<String> = sets.iter().map(|set| count(&set.iter().collect::<Vec<_>>())).collect();
    let _ = writeln!(text, "| all | {} | |", totals.join(" | "));
    text
}

/// Stated confidence by bins.
const BINS: [(f64, f64); 5] = [(0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.97), (0.97, 1.01)];

/// Of one bin: answers, mean confidence in percent, right ones in percent.
fn reliability(sets: &[Vec<Outcome>; 4], (low, high): (f64, f64)) -> (usize, f64, f64) {
    let within = |r: &&Outcome| !r.open() && (low..high).contains(&r.diagnosis.confidence);
    let of: Vec<&Outcome> = sets.iter().flatten().filter(within).collect();
    let share = |sum: f64| sum * 100.0 / of.len().max(1) as f64;
    let right = of.iter().filter(|r| r.right()).count() as f64;
    (of.len(), share(of.iter().map(|r| r.diagnosis.confidence).sum()), share(right))
}

fn tables(sets: &[Vec<Outcome>; 4]) -> String {
    let mut text = matrix(sets);
    text.push_str("\n| stated confidence | answers | on average | of them right |\n|---|---|---|---|\n");
    for (low, high) in BINS {
        let (answers, stated, right) = reliability(sets, (low, high));
        let bin = format!("{:.0} to {:.0} %", low * 100.0, high.min(1.0) * 100.0);
        let _ = writeln!(text, "| {bin} | {answers} | {stated:.0} % | {right:.0} % |");
    }
    text
}

#[test]
fn causes_are_told_apart_as_the_page_says() {
    if std::env::var("DIAGNOSE").is_ok_and(|what| what == "tuning") {
        return show_tuning();
    }
    let sets = outcomes(SIMULATED, DRAWN);
    let table = tables(&sets);
    for (name, set) in SETS.iter().zip(&sets) {
        let answered = set.iter().filter(|r| !r.open()).count();
        let right = set.iter().filter(|r| r.right()).count();
        let wrong = || {
            let all = set.iter().filter(|r| !r.right());
            all.map(|r| format!("{}: {:?}\n", r.cause, r.diagnosis)).collect::<String>()
        };
        assert!(right * 10 >= answered * 9, "{name}: {right} of {answered} answers are right\n{table}\n{}", wrong());
        assert!(answered * 10 >= set.len() * 9, "{name}: {answered} answers\n{table}\n{}", wrong());
    }
    for bin in BINS {
        let (answers, stated, right) = reliability(&sets, bin);
        // Of fewer answers the share says little.
        assert!(answers < 40 || (right - stated).abs() < 6.0, "{bin:?}: {right} % of {answers} are right\n{table}");
    }
    on_the_page(&table);
}

fn outcomes(of_simulated: Range<u64>, of_drawn: Range<u64>) -> [Vec<Outcome>; 4] {
    containers(of_simulated, of_drawn).map(|set| {
        let outcome = |(cause, observed): (Ailment, Observed)| Outcome { cause, diagnosis: diagnose(&observed) };
        set.into_iter().map(outcome).collect()
    })
}

/// The tables of the containers that weights were tuned on, and what was wrong with each that came out wrong.
fn show_tuning() {
    let sets = outcomes(SIMULATED_TUNING, DRAWN_TUNING);
    println!("{}", tables(&sets));
    for (name, set) in SETS.iter().zip(&sets) {
        set.iter().filter(|r| !r.right()).for_each(|r| println!("{name}: {}: {:?}", r.cause, r.diagnosis));
    }
}

fn on_the_page(table: &str) {
    let path = repository().join("docs/diagnose.md");
    let page = std::fs::read_to_string(&path).expect("docs/diagnose.md");
    let (begin, end) = ("<!-- measured -->\n", "<!-- end -->");
    let from = page.find(begin).expect("the table begins") + begin.len();
    let to = page.find(end).expect("the table ends");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let new = format!("{}{table}{}", &page[..from], &page[to..]);
        std::fs::write(&path, new).expect("docs/diagnose.md can be written");
    } else {
        assert_eq!(&page[from..to], table, "UPDATE_EXPECT=1 cargo test -p oomsim-explain --test diagnose");
    }
}
