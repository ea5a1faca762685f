//! The recommended setting, and what lies beside it.

use super::{PlanReport, price_text};
use crate::picture::memory_text;
use crate::style::{DIM, HEADING, paint};
use oomsim_planning::recommend::{Confirmed, Trial, percent};

impl PlanReport<'_> {
    pub(super) fn recommended(&self, text: &mut String, best: &Confirmed) {
        let heading = paint(HEADING, format!("Recommended: {}", self.setting(&best.trial)));
        let price = best.trial.price.map_or(String::new(), |price| format!("  price {}\n", price_text(price)));
        let allocatable = memory_text(best.trial.allocatable as f64);
        text.push_str(&format!("\n{heading}\n{price}  allocatable {allocatable}\n"));
        text.push_str("  on fresh seeds:\n");
        self.target_lines(text, 4, &best.fresh.counts);
        text.push_str("  margins:\n");
        for (name, trial) in self.margins(&best.trial) {
            if let Some(why) = &trial.unusable {
                text.push_str(&format!("    {name}: {why}\n"));
                continue;
            }
            let (share, i) = trial.risk();
            let (low, high) = (percent(i.low), percent(i.high));
            let gain = trial.allocatable - best.trial.allocatable;
            let gain = match gain {
                0 => String::new(),
                _ => format!(", allocatable {}{}", if gain > 0 { "+" } else { "" }, memory_text(gain as f64)),
            };
            text.push_str(&format!("    {name}: risk {} ({low} – {high}){gain}\n", percent(share)));
        }
        for (name, content) in &self.files {
            text.push_str(&format!("\n{}\n{content}", paint(DIM, format!("# {name}"))));
        }
    }

    /// The settings one step away, by what differs.
    pub(super) fn margins(&self, best: &Trial) -> Vec<(String, &Trial)> {
        let mine = best.values(self.plan);
        let differs = |trial: &Trial| -> Option<String> {
            let theirs = trial.values(self.plan);
            let mut other = self.plan.grid_axes().zip(mine.iter().zip(theirs)).filter(|(_, (a, b))| a.text != b.text);
            let ((axis, values), (a, b)) = other.next()?;
            let place = |v: &str| values.iter().position(|w| w.text == v);
            let near = place(&a.text)?.abs_diff(place(&b.text)?) == 1;
            (near && other.next().is_none()).then(|| format!("{} = {}", axis.name, b.text))
        };
        self.found.trials.iter().filter_map(|trial| Some((differs(trial)?, trial))).collect()
    }
}
