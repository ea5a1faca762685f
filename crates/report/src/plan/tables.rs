//! What was tried, as CSV and JSON.

use super::{PlanReport, price_text};
use oomsim_planning::recommend::{SearchResult, Trial, Unusable};
use oomsim_planning::row::field;
use oomsim_planning::stats::{Z95, wilson};
use serde_json::json;

impl PlanReport<'_> {
    /// Every setting that was tried.
    pub fn csv(&self) -> String {
        let mut text = String::from("setting");
        self.knobs().iter().for_each(|knob| text.push_str(&format!(",{knob}")));
        let priced = self.found.trials.iter().any(|t| t.price.is_some());
        text.push_str(if priced { ",price" } else { "" });
        text.push_str(",allocatable_bytes,verdict,kubelet_not_started,on_front");
        for n in 0..self.goal.targets.len() {
            text.push_str(&format!(",bad_{n},runs_{n},share_low_{n},share_high_{n}"));
        }
        text.push('\n');
        for (i, trial) in self.found.trials.iter().enumerate() {
            text.push_str(&trial.setting.to_string());
            for value in trial.values(self.plan) {
                text.push(',');
                field(&mut text, &value.text);
            }
            if priced {
                text.push_str(&format!(",{}", trial.price.map_or(String::new(), price_text)));
            }
            let verdict = if let Some(Unusable::KubeletNotStarted(_)) = &trial.unusable {
                "not_started"
            } else if trial.unusable.is_some() {
                "do_not_fit"
            } else if trial.passes() {
                "meets"
            } else if trial.fails() {
                "misses"
            } else {
                "open"
            };
            text.push_str(&format!(",{},{verdict},", trial.allocatable));
            field(&mut text, trial.unusable.as_ref().map_or("", Unusable::why));
            text.push_str(&format!(",{}", self.found.front.contains(&i)));
            for &(bad, runs) in &trial.counts {
                let i = wilson(bad, runs, Z95);
                text.push_str(&format!(",{bad},{runs},{:.6},{:.6}", i.low, i.high));
            }
            text.push('\n');
        }
        text
    }

    /// `--format json`.
    pub fn json(&self) -> serde_json::Value {
        let names = self.scenario_names();
        let trial = |t: &Trial| {
            let values: serde_json::Map<String, serde_json::Value> = self
                .knobs()
                .into_iter()
                .zip(t.values(self.plan))
                .map(|(k, v)| (k.into(), v.text.clone().into()))
                .collect();
            let targets: Vec<_> = t
                .counts
                .iter()
                .map(|&(bad, runs)| {
                    let i = wilson(bad, runs, Z95);
                    json!({ "bad": bad, "runs": runs, "share_low": i.low, "share_high": i.high })
                })
                .collect();
            json!({ "setting": values, "price": t.price, "allocatable_bytes": t.allocatable,
                "kubelet_not_started": not_started(&t.unusable), "pods_do_not_fit": do_not_fit(&t.unusable),
                "meets": t.passes(), "misses": t.fails(), "targets": targets })
        };
        let targets: Vec<String> = self.goal.targets.iter().map(|t| t.in_words(&names)).collect();
        let recommended = match &self.found.found {
            SearchResult::Setting(best) => {
                let margin = |(what, t): (_, &Trial)| json!({ "change": what, "trial": trial(t) });
                let margins: Vec<_> = self.margins(&best.trial).into_iter().map(margin).collect();
                let files = self.files.iter().map(|(name, content)| (name.clone(), content.clone().into()));
                let files: serde_json::Map<_, _> = files.collect();
                json!({
                "trial": trial(&best.trial), "fresh": trial(&best.fresh),
                "margins": margins,
                "files": files,
                })
            }
            SearchResult::Nothing { .. } => serde_json::Value::Null,
        };
        json!({
            "goal": self.goal.name, "targets": targets, "recommended": recommended,
            "as_it_is": { "allocatable_bytes": self.now.allocatable,
                "kubelet_not_started": not_started(&self.now.unusable),
                "pods_do_not_fit": do_not_fit(&self.now.unusable), "targets": self.now.counts.iter()
                .map(|(bad, runs)| json!({ "bad": bad, "runs": runs })).collect::<Vec<_>>() },
            "reserve": self.reserve.as_ref().map(|(_, json)| json),
            "trials": self.found.trials.iter().map(trial).collect::<Vec<_>>(),
            "front": self.found.front, "not_monotone": self.found.not_monotone,
        })
    }
}

/// Why the kubelet does not start.
fn not_started(unusable: &Option<Unusable>) -> Option<&str> {
    unusable.as_ref().filter(|unusable| matches!(unusable, Unusable::KubeletNotStarted(_))).map(Unusable::why)
}

/// Why the pods do not fit.
fn do_not_fit(unusable: &Option<Unusable>) -> Option<&str> {
    unusable.as_ref().filter(|unusable| matches!(unusable, Unusable::PodsDoNotFit(_))).map(Unusable::why)
}
