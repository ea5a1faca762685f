//! A report with everything that can be said about it.

use crate::advice::advice;
use crate::explain::{Explanation, Known, explain};
use crate::place::{Place, place};
use crate::report::{Kind, Report};
use serde::Serialize;

/// A report, what ran out, how the victim was chosen, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Analysis {
    /// The report as the log has it.
    pub report: Report,
    /// Parts of a whole report that are not there.
    pub missing: Vec<String>,
    /// Whose limit was hit; `Node` for the node itself.
    pub place: Option<Place>,
    /// Whose process was chosen, when the log names its cgroup.
    pub victim_place: Option<Place>,
    /// How the points came about and whether they explain the choice.
    pub explanation: Explanation,
    /// What to do about it.
    pub advice: Vec<String>,
}

/// Analyses the reports of one log together: one report may tell what another leaves out (the machine's swap).
pub fn analyse(reports: Vec<Report>, known: Known) -> Vec<Analysis> {
    let mut swaps = reports.iter().filter_map(|r| Some((r.host.clone(), r.mem_info.as_ref()?.total_swap_kb?)));
    let first = swaps.next();
    let same = first.clone().filter(|f| swaps.all(|s| s == *f));
    reports
        .into_iter()
        .map(|report| {
            let learnt = same.as_ref().filter(|(host, _)| *host == report.host).map(|(_, kb)| *kb);
            let known = Known { swap_total_kb: known.swap_total_kb.or(learnt) };
            one(report, known)
        })
        .collect()
}

fn one(report: Report, known: Known) -> Analysis {
    let explanation = explain(&report, known);
    let place = match report.kind {
        Kind::Node => Some(Place::Node),
        Kind::Cgroup => report.oom_memcg.as_deref().map(place),
        Kind::Unknown => None,
    };
    let advice = advice(&report, place.as_ref(), &explanation);
    Analysis {
        missing: report.missing(),
        place,
        victim_place: report.task_memcg.as_deref().map(crate::place::place),
        explanation,
        advice,
        report,
    }
}

/// The JSON object of the command: `{"reports": […]}`.
///
/// # Errors
/// Never for values of these types; the error type is the writer's.
pub fn to_json(analyses: &[Analysis]) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Document<'a> {
        reports: &'a [Analysis],
    }
    serde_json::to_string_pretty(&Document { reports: analyses })
}
