//! For how long the processes of recorded experiments waited for memory, how far they came and how long they stood
//! still, against what the model makes of it: the tables in `docs/ACCURACY.md`. `UPDATE_EXPECT=1` writes them anew.

use flate2::read::GzDecoder;
use oomsim_conformance::{Halt, Waited, halts, waited};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};

const KINDS: [&str; 5] = ["thrash", "psi", "high", "swap", "stall"];
const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.3"];
const BEGIN: &str = "<!-- waiting -->\n";
const END: &str = "<!-- end of waiting -->";
/// Kinds whose processes stop before they have done all.
const HALTING: [&str; 3] = ["stall", "race", "high"];
const HALTS_BEGIN: &str = "<!-- halts -->\n";
const HALTS_END: &str = "<!-- end of halts -->";

fn rows(kind: &str) -> impl Iterator<Item = Value> {
    let path = format!("{}/data/kernel2/{kind}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let lines = BufReader::new(GzDecoder::new(fs::File::open(path).expect("the recording"))).lines();
    lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"))
}

fn spread(factors: Vec<f64>) -> String {
    spread_of(factors, 1)
}

/// The middle one, and the one that 95 of 100 do not exceed.
fn spread_of(mut factors: Vec<f64>, places: usize) -> String {
    factors.sort_by(f64::total_cmp);
    let at = |share: f64| factors[((factors.len() - 1) as f64 * share).round() as usize];
    let shown = |factor: f64| if factor.is_finite() { format!("{factor:.places$}") } else { "∞".into() };
    if factors.is_empty() { "–".into() } else { format!("{} / {}", shown(at(0.5)), shown(at(0.95))) }
}

fn line(kind: &str, kernel: &str, rows: &[&Waited]) -> String {
    let some: Vec<Option<f64>> = rows.iter().map(|row| Waited::factor(row.some)).collect();
    let both: Vec<f64> = some.iter().copied().flatten().collect();
    let full: Vec<f64> = rows.iter().filter_map(|row| Waited::factor(row.full)).collect();
    let total = |of: fn(&Waited) -> f64| rows.iter().map(|row| of(row)).sum::<f64>();
    format!(
        "| {kind} | {kernel} | {} | {} of {} | {:.1} s | {:.1} s | {} | {} |\n",
        rows.len(),
        both.len(),
        rows.len(),
        total(|row| row.some.0),
        total(|row| row.some.1),
        spread(both),
        spread(full)
    )
}

fn table() -> String {
    let mut text = String::from(
        "| kind | kernel | experiments | waits or not, as recorded | `some` recorded | simulated | `some` off by a factor of (median / 95th percentile) | `full` |\n|---|---|---|---|---|---|---|---|\n",
    );
    let mut all: BTreeMap<&str, Vec<Waited>> = BTreeMap::new();
    for kind in KINDS {
        let rows: Vec<Waited> = rows(kind).map(|row| waited(&row).expect("a row")).collect();
        for kernel in KERNELS {
            let of: Vec<&Waited> = rows.iter().filter(|row| row.kernel == kernel).collect();
            if !of.is_empty() {
                text.push_str(&line(kind, kernel, &of));
            }
        }
        all.insert(kind, rows);
    }
    let every: Vec<&Waited> = all.values().flatten().collect();
    text.push_str(&line("**all**", "", &every));
    text
}

/// By which factor one figure is off.
fn factor((recorded, simulated): (f64, f64)) -> f64 {
    (recorded / simulated).max(simulated / recorded)
}

fn halts_line(kind: &str, kernel: &str, halts: &[Halt]) -> String {
    let stood: Vec<(f64, f64)> = halts.iter().filter_map(|halt| halt.stood).collect();
    let sum = |of: fn(&(f64, f64)) -> f64| match stood.is_empty() {
        true => "–".into(),
        false => format!("{:.1} s", stood.iter().map(of).sum::<f64>()),
    };
    format!(
        "| {kind} | {kernel} | {} | {} | {} | {} | {} |\n",
        halts.len(),
        spread_of(halts.iter().map(|halt| factor(halt.units)).collect(), 2),
        sum(|stood| stood.0),
        sum(|stood| stood.1),
        spread(stood.iter().copied().map(factor).collect()),
    )
}

fn halts_table() -> String {
    let mut text = String::from(
        "| kind | kernel | processes | units done off by a factor of (median / 95th percentile) | stood still, recorded | simulated | off by a factor of |\n|---|---|---|---|---|---|---|\n",
    );
    let mut every = Vec::new();
    for kind in HALTING {
        let all: Vec<Halt> = rows(kind).flat_map(|row| halts(&row).expect("a row")).collect();
        for kernel in KERNELS {
            let of: Vec<Halt> = all.iter().filter(|halt| halt.kernel == kernel).cloned().collect();
            if !of.is_empty() {
                text.push_str(&halts_line(kind, kernel, &of));
            }
        }
        every.extend(all);
    }
    text.push_str(&halts_line("**all**", "", &every));
    text
}

/// The part of the page between two marks is the table.
fn keeps(page: &str, (begin, end): (&str, &str), table: &str) -> String {
    let (before, rest) = page.split_once(begin).expect("where the table begins");
    let (old, after) = rest.split_once(end).expect("where it ends");
    if std::env::var_os("UPDATE_EXPECT").is_none() {
        assert_eq!(old, table, "`UPDATE_EXPECT=1` writes the table anew");
    }
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn the_page_has_the_models_error() {
    let path = format!("{}/../../docs/ACCURACY.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(&path).expect("the page");
    let new = keeps(&page, (BEGIN, END), &table());
    let new = keeps(&new, (HALTS_BEGIN, HALTS_END), &halts_table());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, new).expect("written");
    }
}
