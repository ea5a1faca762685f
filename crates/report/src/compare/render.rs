//! A comparison as text and JSON.

use super::{Comparison, FirstDifference, ShareRow, Side, SideEvent};
use crate::style::{BAD, DIM, HEADING, paint};
use crate::table::Table;
use crate::text::heading;
use anstyle::Style;
use oomsim_planning::stats::Interval;
use serde_json::{Value, json};
use std::fmt::Write;

/// Maximum number of rows in a table.
const MOST_ROWS: usize = 40;

/// `--format text`.
pub fn text(of: &Comparison) -> String {
    let mut text = String::new();
    for (name, side) in [("A", &of.a), ("B", &of.b)] {
        let _ = writeln!(text, "{}  {}  {}", paint(HEADING, name), side.label, paint(DIM, &side.reproduce));
    }
    outcomes(&mut text, of);
    deaths(&mut text, of);
    match &of.first {
        Some(first) => difference(&mut text, first),
        None => {
            heading(&mut text, "FIRST DIFFERENCE");
            text.push_str("none: the same things happened at the same times\n");
        }
    }
    if let Some(shares) = &of.shares {
        heading(&mut text, &format!("FIRST DEATH ON {} SEEDS", shares.seeds));
        let mut table = Table::new(&["OUTCOME", "A", "B", "B − A"]);
        for row in &shares.rows {
            let outcome = row.outcome.name().to_owned();
            let cells =
                vec![outcome, share(row.a, shares.seeds), share(row.b, shares.seeds), points(row, shares.seeds)];
            let clear = row.difference.low > 0.0 || row.difference.high < 0.0;
            table.row(cells, if clear { BAD } else { Style::new() });
        }
        text.push_str(&table.render(0));
        text.push_str("95 % intervals: Wilson's for shares, Newcombe's for differences\n");
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}

fn share((hits, interval): (u64, Interval), of: u64) -> String {
    let whole = percent(hits as f64 / (of as f64).max(1.0));
    format!("{hits} of {of}: {whole} % ({}–{})", percent(interval.low), percent(interval.high))
}

fn points(row: &ShareRow, of: u64) -> String {
    let difference = (row.b.0 as f64 - row.a.0 as f64) / (of as f64).max(1.0) * 100.0;
    let Interval { low, high } = row.difference;
    format!("{difference:+.0} points ({:+.0} to {:+.0})", low * 100.0, high * 100.0)
}

fn outcomes(text: &mut String, of: &Comparison) {
    heading(text, "OUTCOME");
    let rows = of.outcomes();
    let mut table = Table::new(&["", "A", "B"]);
    for row in rows.iter().take(MOST_ROWS) {
        let style = if row.a == row.b { Style::new() } else { BAD };
        table.row(vec![row.name.clone(), row.a.clone(), row.b.clone()], style);
    }
    text.push_str(&table.render(0));
    if rows.len() > MOST_ROWS {
        let _ = writeln!(text, "… and {} more pods", rows.len() - MOST_ROWS);
    }
}

fn deaths(text: &mut String, of: &Comparison) {
    heading(text, "WHO DIED");
    let count = of.a.deaths.len().max(of.b.deaths.len());
    if count == 0 {
        text.push_str("no process died\n");
        return;
    }
    let mut table = Table::new(&["", "TIME", "PROCESS", "WHY"]);
    for n in 0..count.min(MOST_ROWS) {
        let (a, b) = (of.a.deaths.get(n), of.b.deaths.get(n));
        if a == b {
            table.row(death("=", a), Style::new());
        } else {
            [("A", a), ("B", b)]
                .into_iter()
                .filter(|(_, d)| d.is_some())
                .for_each(|(s, d)| table.row(death(s, d), BAD));
        }
    }
    text.push_str(&table.render(0));
    if count > MOST_ROWS {
        let _ = writeln!(text, "… and {} more", count - MOST_ROWS);
    }
}

fn death(side: &str, death: Option<&super::SideDeath>) -> Vec<String> {
    let Some(death) = death else { return vec![side.to_owned()] };
    vec![side.to_owned(), format!("{:.3}s", death.at), death.what.clone(), death.why.clone()]
}

fn difference(text: &mut String, first: &FirstDifference) {
    heading(text, "FIRST DIFFERENCE");
    let _ = writeln!(text, "at {:.3} s", first.at);
    let line = |event: &Option<SideEvent>| match event {
        Some(event) => format!("{:.3}s  {}", event.at, event.brief),
        None => "nothing more happens".into(),
    };
    let _ = writeln!(text, "A  {}\nB  {}", line(&first.a), line(&first.b));
    let _ = writeln!(text, "{}", first.cause());
}

/// `--format json`.
pub fn json_text(of: &Comparison) -> String {
    let event = |event: &Option<SideEvent>| event.as_ref().map(|event| Value::Object(event.fields.clone()));
    let first = of
        .first
        .as_ref()
        .map(|first| json!({ "t": first.at, "a": event(&first.a), "b": event(&first.b), "causes": first.causes }));
    let interval = |interval: Interval| json!([interval.low, interval.high]);
    let shares = of.shares.as_ref().map(|shares| {
        let row = |row: &ShareRow| {
            json!({
                "outcome": row.outcome.name(),
                "a": { "count": row.a.0, "share": interval(row.a.1) },
                "b": { "count": row.b.0, "share": interval(row.b.1) },
                "difference": interval(row.difference),
            })
        };
        json!({ "seeds": shares.seeds, "outcomes": shares.rows.iter().map(row).collect::<Vec<_>>() })
    });
    let object = json!({
        "a": side(&of.a), "b": side(&of.b), "same": of.first.is_none(), "first_difference": first, "shares": shares,
    });
    format!("{}\n", serde_json::to_string_pretty(&object).unwrap_or_default())
}

fn side(side: &Side) -> Value {
    let pairs = |list: &[(String, String)]| {
        list.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect::<serde_json::Map<_, Value>>()
    };
    json!({
        "label": side.label, "reproduce": side.reproduce, "digest": side.digest, "facts": pairs(&side.facts),
        "counts": side.counts.iter().map(|(n, c)| (n.clone(), (*c).into())).collect::<serde_json::Map<_, Value>>(),
        "deaths": side.deaths.iter().map(|d| json!({ "t": d.at, "process": d.what, "why": d.why })).collect::<Vec<_>>(),
        "pods": pairs(&side.pods), "failed": side.failed,
    })
}
