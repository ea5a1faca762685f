//! For how long the processes of recorded experiments waited for memory, against what the model makes of it: the table
//! in `docs/ACCURACY.md`. `UPDATE_EXPECT=1` writes it anew.

use flate2::read::GzDecoder;
use oomsim_conformance::{Waited, waited};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};

const KINDS: [&str; 5] = ["thrash", "psi", "high", "swap", "stall"];
const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.3"];
const BEGIN: &str = "<!-- waiting -->\n";
const END: &str = "<!-- end of waiting -->";

fn rows(kind: &str) -> Vec<Waited> {
    let path = format!("{}/data/kernel2/{kind}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let lines = BufReader::new(GzDecoder::new(fs::File::open(path).expect("the recording"))).lines();
    let row = |line: String| waited(&serde_json::from_str::<Value>(&line).expect("JSON")).expect("a row");
    lines.map(|line| row(line.expect("a line"))).collect()
}

/// The middle one, and the one that 95 of 100 do not exceed.
fn spread(mut factors: Vec<f64>) -> String {
    factors.sort_by(f64::total_cmp);
    let at = |share: f64| factors[((factors.len() - 1) as f64 * share).round() as usize];
    if factors.is_empty() { "–".into() } else { format!("{:.1} / {:.1}", at(0.5), at(0.95)) }
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
        let rows = rows(kind);
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

#[test]
fn the_page_has_the_models_error() {
    let path = format!("{}/../../docs/ACCURACY.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (old, after) = rest.split_once(END).expect("where it ends");
    let new = table();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{new}{END}{after}")).expect("written");
    } else {
        assert_eq!(old, new, "`UPDATE_EXPECT=1` writes the table anew");
    }
}
