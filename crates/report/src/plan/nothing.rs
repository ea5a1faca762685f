//! What is said when no setting is recommended: why, and what could help.

use super::PlanReport;
use crate::style::{BAD, WARN, paint};
use oomsim_planning::recommend::{Trial, exhausted_knobs, missing_knobs, percent};
use oomsim_planning::stats::{TrialVerdict, Z95, runs_needed, wilson};

impl PlanReport<'_> {
    pub(super) fn nothing(&self, text: &mut String, nearest: &Trial) {
        if let Some(unusable) = &nearest.unusable {
            let said = format!("No setting meets the targets: with all of them {}.", unusable.what());
            text.push_str(&format!("\n{}\n  {}: {}\n", paint(BAD, said), self.setting(nearest), unusable.why()));
            return;
        }
        if self.not_enough_runs(text, nearest) {
            return;
        }
        let (share, i) = nearest.risk();
        text.push_str(&format!(
            "\n{}\n  nearest: {}, risk {} ({} – {})\n",
            paint(BAD, "No setting meets the targets."),
            self.setting(nearest),
            percent(share),
            percent(i.low),
            percent(i.high)
        ));
        let causes: Vec<String> = nearest.causes.iter().map(|(cause, n)| format!("{} {n}×", cause.name())).collect();
        if !causes.is_empty() {
            text.push_str(&format!("  first death in its bad runs: {}\n", causes.join(", ")));
        }
        let acts: Vec<bool> =
            (0..self.plan.axes().len()).map(|axis| self.found.acts(self.plan, axis, nearest.setting)).collect();
        let keys = self.plan.axes().iter().zip(&acts).flat_map(|(a, acts)| a.keys.iter().map(|k| (k.clone(), *acts)));
        self.idle(text, &acts, nearest);
        let keys = keys.collect::<Vec<_>>();
        self.late(text, nearest);
        let missing = missing_knobs(&nearest.causes, &keys);
        let exhausted = exhausted_knobs(&nearest.causes, &keys);
        for knob in &exhausted {
            text.push_str(&format!(
                "  {} happens at every value tried of {}: try values beyond these, or change the programs\n    {}\n",
                knob.cause.name(),
                knob.keys.join(" and "),
                knob.why
            ));
        }
        for knob in &missing {
            text.push_str(&format!(
                "  to act on {}, add a knob for {}\n    {}\n",
                knob.cause.name(),
                knob.keys.join(" or "),
                knob.why
            ));
        }
        let ends: Vec<String> = self
            .plan
            .grid_axes()
            .zip(nearest.values(self.plan))
            .zip(&acts)
            .filter(|(((_, values), value), acts)| {
                let end = [values.first(), values.last()].into_iter().flatten().any(|v| v.text == value.text);
                **acts && values.len() > 1 && end
            })
            .map(|(((axis, _), value), _)| format!("{} (now {})", axis.name, value.text))
            .collect();
        match (ends.as_slice(), missing.as_slice()) {
            ([], []) if !nearest.fails() => {
                text.push_str("  try more runs (`runs`): the nearest setting is undecided\n");
            }
            ([], []) if exhausted.is_empty() => {
                text.push_str("  none of the values is enough: try other values, or add knobs\n");
            }
            ([], _) => {}
            (ends, _) => text.push_str(&format!("  try a wider range for {}\n", ends.join(", "))),
        }
    }

    /// Says that the runs prove nothing, where no target is known to be missed at the nearest setting: then it is not
    /// the settings' fault.
    fn not_enough_runs(&self, text: &mut String, nearest: &Trial) -> bool {
        let confirmed = nearest.passes();
        let runs = if confirmed { self.goal.confirm } else { self.goal.runs };
        let open = self.goal.targets.iter().zip(&nearest.verdicts).zip(&nearest.counts);
        let open: Vec<_> = open.filter(|((_, v), _)| confirmed || **v == TrialVerdict::Undecided).collect();
        let needed = |below: f64| runs_needed(below, self.goal.alpha);
        let short = open.iter().any(|((target, _), (bad, _))| *bad > 0 || needed(target.below) > runs);
        if nearest.fails() || !short {
            return false;
        }
        text.push_str(&format!("\n{}\n", paint(WARN, "Not enough runs to tell whether a setting meets the targets.")));
        text.push_str(&format!("  nearest: {}\n", self.setting(nearest)));
        let key = if confirmed { "confirm" } else { "runs" };
        let seems_proven = open.iter().any(|((target, _), (bad, of))| wilson(*bad, *of, Z95).high < target.below);
        for ((target, _), (bad, of)) in open {
            let (event, share) = (target.event.in_words(), percent(target.below));
            let needed = needed(target.below);
            text.push_str(&match bad {
                0 => format!(
                    "  {event}: 0 of {of} runs cannot prove less than {share}: \
                     {needed} are needed (`{key}`, now {runs})\n"
                ),
                _ => format!(
                    "  {event}: {bad} of {of} runs leave open whether it is below {share}: \
                     raise `{key}` (now {runs})\n"
                ),
            });
        }
        if seems_proven && !confirmed {
            let alpha = percent(self.goal.alpha);
            text.push_str(&format!(
                "  intervals in the table are those of one look, with 95 %: a setting is looked at after every run, \
                 and may pass wrongly in {alpha} of cases at most\n"
            ));
        }
        true
    }

    /// Knobs along which nothing changed, and those along which what changed may be chance.
    fn idle(&self, text: &mut String, acts: &[bool], nearest: &Trial) {
        let idle = self.knobs().into_iter().enumerate().filter(|(axis, _)| !acts[*axis]);
        let (same, chance): (Vec<_>, Vec<_>) =
            idle.partition(|(axis, _)| self.found.same_along(self.plan, *axis, nearest.setting));
        let names = |list: Vec<(usize, &str)>| list.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(", ");
        if !same.is_empty() {
            let names = names(same);
            text.push_str(&format!("  none of the values tried made a difference for {names}\n"));
        }
        if !chance.is_empty() {
            let names = names(chance);
            text.push_str(&format!("  what differs along {names} is within what chance does: more runs would tell\n"));
        }
    }

    /// Advice for runs in which the kubelet was in time but the program kept allocating during its grace period.
    fn late(&self, text: &mut String, nearest: &Trial) {
        let bad = |t: &Trial| t.causes.values().sum::<u64>();
        let often = |t: &&Trial| t.late > 0 && t.late * 2 >= bad(t);
        // Of settings that are all lost the first is the nearest: larger thresholds come later.
        let equal = self.found.trials.iter().filter(|t| t.risk().0 <= nearest.risk().0);
        let Some(nearest) = [nearest].into_iter().chain(equal).find(often) else { return };
        let (bad, setting) = (bad(nearest), self.setting(nearest));
        let kubelet = |n| Some(self.goal.with_setting(n, nearest.setting).ok()?.scenario.kubelet.as_ref()?.profile);
        let mut profiles = (0..self.goal.scenarios.len()).filter_map(kubelet);
        let cure = match profiles.find(|p| p.hard_eviction_grace_s == 0 && p.zero_grace_override_ignored) {
            Some(profile) => format!(
                "a hard eviction in Kubernetes {} waits for the pod's whole terminationGracePeriodSeconds, in 1.31 and later \
                 one second: use a newer release, a shorter grace period, or programs that exit on SIGTERM (`onTerm`)",
                profile.version
            ),
            None => "use programs that exit on SIGTERM (`onTerm`), a shorter grace period or a larger threshold".into(),
        };
        text.push_str(&format!(
            "  with {setting}, in {} of {bad} bad runs the kubelet had already decided to evict when the kernel killed: the program \
             kept allocating during its grace period\n    {cure}\n",
            nearest.late
        ));
    }
}
