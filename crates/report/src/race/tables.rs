//! The points of a race as CSV and JSON.

use super::{RaceReport, ThresholdRow, share};
use oomsim_planning::axis::AxisValue;
use oomsim_planning::race::Point;
use oomsim_planning::stats::Distribution;
use serde_json::{Value, json};

impl RaceReport<'_> {
    /// Every point, those of the grid first.
    pub fn csv(&self) -> String {
        let mut text = String::from(
            "threshold_bytes,rate_bytes_per_s,runs,kernel_first,share,share_low,share_high,closed_form,limit,window_s,\
             overshoot_mean_bytes,overshoot_p90_bytes,latency_mean_s,latency_p90_s,undecided\n",
        );
        let number = |v: &AxisValue| v.number.unwrap_or_default();
        for p in self.rows.iter().flat_map(|row| row.grid).chain(self.rows.iter().flat_map(|row| row.band)) {
            let show = |x: Option<f64>, scale: f64| x.map_or(String::new(), |x| format!("{:.6}", x * scale));
            let p90 = |d: &Distribution| d.quantile(900).map(|q| q as f64);
            text.push_str(&format!(
                "{:.0},{:.0},{},{},{:.6},{:.6},{:.6},{:.6},{},{:.6},{},{},{},{},{}\n",
                number(&p.threshold),
                number(&p.rate),
                p.runs,
                p.lost,
                share(p),
                p.interval.low,
                p.interval.high,
                p.odds.kernel_first,
                p.odds.limit.name(),
                p.odds.window,
                show(p.overshoot.mean(), 1.0),
                show(p90(&p.overshoot), 1.0),
                show(p.latency.mean(), 1e-9),
                show(p90(&p.latency), 1e-9),
                p.undecided,
            ));
        }
        text
    }

    /// `--format json`.
    pub fn json(&self) -> Value {
        let point = |p: &Point| {
            json!({
                "rate": p.rate.text, "runs": p.runs, "kernel_first": p.lost,
                "share_low": p.interval.low, "share_high": p.interval.high, "closed_form": p.odds.kernel_first,
                "limit": p.odds.limit.name(), "killer": p.killer.map(|k| k.name()),
                "overshoot_mean_bytes": p.overshoot.mean(), "latency_mean_s": p.latency.mean().map(|ns| ns / 1e9),
                "undecided": p.undecided,
            })
        };
        let line = |l: &ThresholdRow<'_>| {
            json!({
                "threshold": l.threshold.text,
                "points": l.grid.iter().map(point).collect::<Vec<_>>(),
                "band_percent": self.share,
                "band": l.band.iter().map(point).collect::<Vec<_>>(),
                "sentence": l.sentence(),
            })
        };
        json!({ "notes": self.notes(), "thresholds": self.rows.iter().map(line).collect::<Vec<_>>() })
    }
}
