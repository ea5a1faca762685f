//! What differs between two runs, as the page shows it.

use crate::compare::{Comparison, FirstDifference, OutcomeRow, Side, SideDeath};
use serde::Serialize;

/// What differs between the first two runs of the page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Compared {
    rows: Vec<ComparedRow>,
    deaths: [Vec<ComparedDeath>; 2],
    first_at: Option<f64>,
    first: [String; 2],
    cause: String,
    shares: Vec<[String; 4]>,
}

/// A line of the table of outcomes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ComparedRow {
    name: String,
    a: String,
    b: String,
}

/// Who died, when and why.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ComparedDeath {
    at: f64,
    what: String,
    why: String,
}

impl From<&Comparison> for Compared {
    fn from(of: &Comparison) -> Compared {
        let row = |row: OutcomeRow| ComparedRow { name: row.name, a: row.a, b: row.b };
        let death =
            |death: &SideDeath| ComparedDeath { at: death.at, what: death.what.clone(), why: death.why.clone() };
        let deaths = |side: &Side| side.deaths.iter().map(death).collect();
        let event = |event: &Option<crate::compare::SideEvent>| {
            event.as_ref().map_or("nothing more happens".to_owned(), |event| event.brief.clone())
        };
        let first = of.first.as_ref();
        let share = |row: &crate::compare::ShareRow, of: u64| {
            let percent = |share: f64| format!("{:.0}", share * 100.0);
            let side = |(hits, interval): (u64, oomsim_planning::stats::Interval)| {
                format!("{hits} of {of} ({}–{} %)", percent(interval.low), percent(interval.high))
            };
            let difference = format!("{} to {} points", percent(row.difference.low), percent(row.difference.high));
            [row.outcome.name().to_owned(), side(row.a), side(row.b), difference]
        };
        let shares = of.shares.iter().flat_map(|s| s.rows.iter().map(|row| share(row, s.seeds))).collect();
        Compared {
            rows: of.outcomes().into_iter().map(row).collect(),
            deaths: [deaths(&of.a), deaths(&of.b)],
            first_at: first.map(|first| first.at),
            first: first.map_or_else(Default::default, |first| [event(&first.a), event(&first.b)]),
            cause: first.map_or_else(String::new, FirstDifference::cause),
            shares,
        }
    }
}
