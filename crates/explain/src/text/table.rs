//! Tables of candidates.

use super::amount;
use super::facts::who;
use crate::candidates::{Candidates, KernelCandidate, KernelTable, PodCandidate};
use crate::fact::short_pod;
use std::fmt::Write;

/// Most rows of a table; the rest is counted.
const MOST_ROWS: usize = 12;

pub(super) fn candidates(candidates: &Candidates) -> String {
    match candidates {
        Candidates::Kernel(table) => kernel(table),
        Candidates::Kubelet { pods } => kubelet(pods),
    }
}

/// Columns as wide as their widest cell; the first is left-aligned.
fn aligned(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let mut out = format!("  {:<w$}", cells[0], w = widths[0]);
        for (cell, w) in cells.iter().zip(&widths).skip(1) {
            let _ = write!(out, "  {cell:>w$}");
        }
        format!("{}\n", out.trim_end())
    };
    let mut text = line(heads.to_vec());
    rows.iter().for_each(|row| text.push_str(&line(row.iter().map(String::as_str).collect())));
    text
}

fn more(left_out: usize) -> String {
    if left_out == 0 { String::new() } else { format!("  … and {left_out} more with fewer points\n") }
}

fn kernel(table: &KernelTable) -> String {
    let mut rows: Vec<&KernelCandidate> = table.processes.iter().collect();
    rows.sort_by_key(|p| (!p.chosen, !p.killed, std::cmp::Reverse(p.points.unwrap_or(i64::MIN))));
    let left_out = rows.len().saturating_sub(MOST_ROWS);
    let cells = |p: &&KernelCandidate| {
        let points = match p.points {
            None => "never killed".into(),
            Some(points) if points != p.sum => format!("{} → {points}", p.sum),
            Some(points) => points.to_string(),
        };
        let fate = match (p.chosen, p.killed) {
            (true, true) => "killed",
            (false, true) => "killed too",
            (true, false) => "chosen",
            (false, false) => "",
        };
        vec![
            who(&p.who),
            p.rss.get().to_string(),
            p.swapents.get().to_string(),
            p.page_tables.get().to_string(),
            format!("{} × {} = {}", p.oom_score_adj, table.step, p.adj_points),
            points,
            fate.to_owned(),
        ]
    };
    let root = table.processes.iter().any(|p| p.root_bonus != 0);
    let rows: Vec<Vec<String>> = rows.iter().take(MOST_ROWS).map(cells).collect();
    let heads = ["PROCESS", "RSS", "SWAP", "PAGE TABLES", "ADJ × TOTAL/1000", "POINTS", ""];
    let floored = table.processes.iter().any(|p| p.points.is_some_and(|points| points != p.sum));
    let mut text = format!(
        "  points = RSS + SWAP + PAGE TABLES + ADJ × (TOTAL / 1000), in pages of 4 KiB\n  ADJ is oom_score_adj; TOTAL, what the \
         processes here may use, is {}, so one step of ADJ is worth {}\n",
        table.total_pages.get(),
        table.step
    );
    if floored {
        text.push_str("  this kernel counts points below 1 as 1 (→ 1)\n");
    }
    if root {
        text.push_str("  points of host administrators are 3 % of their memory less\n");
    }
    text.push_str(&aligned(&heads, &rows));
    text + &more(left_out)
}

fn kubelet(pods: &[PodCandidate]) -> String {
    if pods.is_empty() {
        return String::new();
    }
    let cells = |p: &PodCandidate| {
        let seen = match (p.seen, p.age_s) {
            (Some(seen), Some(age)) => format!("{} ({age:.0} s old)", amount(seen)),
            _ => "none yet".into(),
        };
        let excess = match p.seen {
            None => "-".into(),
            Some(_) => super::signed(p.excess),
        };
        let fate = match (p.evicted, p.critical) {
            (true, _) => "evicted",
            (_, true) => "critical: never",
            _ => "",
        };
        vec![
            short_pod(&p.pod).to_owned(),
            p.qos.map_or_else(|| "?".to_owned(), |qos| qos.to_string()),
            amount(p.request),
            seen,
            p.now.map_or_else(|| "-".to_owned(), amount),
            if p.exceeds_request { "yes" } else { "no" }.to_owned(),
            p.priority.to_string(),
            excess,
            fate.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = pods.iter().take(MOST_ROWS).map(cells).collect();
    let heads = ["POD", "QOS", "REQUEST", "SEEN", "REALLY", "ABOVE REQUEST", "PRIORITY", "BY", ""];
    let left_out = pods.len().saturating_sub(MOST_ROWS);
    let rest = if left_out == 0 { String::new() } else { format!("  … and {left_out} more behind them\n") };
    format!("  in the order in which they would go\n{}{rest}", aligned(&heads, &rows))
}
