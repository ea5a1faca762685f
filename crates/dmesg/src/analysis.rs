//! A report with everything that can be said about it.

use crate::advice::advice;
use crate::explain::{Explanation, Known, explain};
use crate::json_writer::JsonWriter;
use crate::place::{CgroupPlace, place};
use crate::report::{LoggedOom, OomKind};
use crate::summary::Summary;
use serde::Serialize;
use std::collections::BTreeMap;

/// A report, what ran out, how the victim was chosen, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Analysis {
    /// The report as the log has it.
    pub report: LoggedOom,
    /// Parts of a whole report that are not there.
    pub missing: Vec<String>,
    /// Whose limit was hit; `Node` for the node itself.
    pub place: Option<CgroupPlace>,
    /// Whose process was chosen, when the log names its cgroup.
    pub victim_place: Option<CgroupPlace>,
    /// How the points came about and whether they explain the choice.
    pub explanation: Explanation,
    /// What to do about it.
    pub advice: Vec<String>,
}

/// Analyses the reports of one log one after the other: an earlier one may tell what a later one leaves out.
#[derive(Clone, Debug, Default)]
pub struct Analyser {
    known: Known,
    /// Swap by host in kB, as long as all reports of it agree.
    swaps: BTreeMap<Option<String>, Option<u64>>,
}

impl Analyser {
    /// Starts with what is known from elsewhere.
    pub fn new(known: Known) -> Analyser {
        Analyser { known, swaps: BTreeMap::new() }
    }

    /// Remembers what a report tells of its machine.
    pub fn learn(&mut self, report: &LoggedOom) {
        let Some(kb) = report.mem_info.as_ref().and_then(|i| i.total_swap_kb) else { return };
        let known = self.swaps.entry(report.host.clone()).or_insert(Some(kb));
        // Swap that changes is no knowledge.
        *known = known.filter(|before| *before == kb);
    }

    /// Analyses a report.
    pub fn analyse(&mut self, report: LoggedOom) -> Analysis {
        self.learn(&report);
        let learnt = self.swaps.get(&report.host).copied().flatten();
        one(report, Known { swap_total_kb: self.known.swap_total_kb.or(learnt) })
    }
}

/// Analyses the reports of one log together: one report may tell what another leaves out (the machine's swap).
pub fn analyse(reports: Vec<LoggedOom>, known: Known) -> Vec<Analysis> {
    let mut analyser = Analyser::new(known);
    reports.iter().for_each(|r| analyser.learn(r));
    reports.into_iter().map(|r| analyser.analyse(r)).collect()
}

fn one(report: LoggedOom, known: Known) -> Analysis {
    let explanation = explain(&report, known);
    let place = match report.kind {
        OomKind::Node => Some(CgroupPlace::Node),
        OomKind::Cgroup => report.oom_memcg.as_deref().map(place),
        OomKind::Unknown => None,
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
pub fn to_json(analyses: &[Analysis]) -> std::io::Result<String> {
    let mut out = Vec::new();
    let mut writer = JsonWriter::new(&mut out);
    let mut summary = Summary::default();
    for analysis in analyses {
        summary.add(analysis);
        writer.report(analysis)?;
    }
    writer.finish(&summary, None)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
