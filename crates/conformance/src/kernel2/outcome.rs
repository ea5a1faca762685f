//! What decides an experiment: the reports, the dead, the steps that ended dead, and who is stuck.

use super::op::Op;
use super::row::Experiment;
use std::collections::BTreeSet;
use std::fmt;

/// One decision of the OOM killer: whose limit, who was chosen, which group died with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub limit: Option<String>,
    pub chosen: String,
    pub group: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExperimentOutcome {
    /// In order; real logs leave some out when many come at once.
    pub decisions: Vec<Decision>,
    /// Names of the killed, sorted, each process once.
    pub killed: Vec<String>,
    /// Step by step, what a process was asked to do while it was waited for: true when it died of it.
    pub dead_steps: Vec<usize>,
    /// Who neither finished nor died, at its limit.
    pub stuck: BTreeSet<String>,
}

/// How far an outcome is compared.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The log may lack reports (the kernel prints ten in five seconds).
    reports_may_lack: bool,
}

impl Window {
    pub fn of(row: &Experiment) -> Window {
        Window { reports_may_lack: row.oom_reports.len() < row.kills.len() }
    }
}

impl ExperimentOutcome {
    pub fn recorded(row: &Experiment) -> ExperimentOutcome {
        let mut seen = BTreeSet::new();
        let mut killed: Vec<String> = row.kills.iter().filter(|k| seen.insert(k.pid)).map(|k| k.comm.clone()).collect();
        killed.sort_unstable();
        let decision = |r: &crate::kernel::RecordedOom| {
            r.chosen_comm.clone().map(|chosen| Decision {
                limit: r.oom_memcg.clone(),
                chosen,
                group: r.oom_group_cg.clone(),
            })
        };
        let ended = |word: &'static str| {
            let of = move |(n, s): (usize, &super::row::Step)| {
                let ends = s.result.as_deref().is_some_and(|r| r.starts_with(word));
                (ends && !s.op.runs_on()).then_some(n)
            };
            row.steps.iter().enumerate().filter_map(of)
        };
        let mut stuck: BTreeSet<String> = ended("timeout").map(|n| row.steps[n].who.clone()).collect();
        let answered: BTreeSet<&str> = row.steps.iter().flat_map(|s| &s.answers).map(|a| a.who.as_str()).collect();
        let end = row.steps.last();
        for start in row.starts().filter(|s| !answered.contains(s.who.as_str())) {
            // One that was still on its way when the recording ended is not stuck.
            let full = row.limits_of(&start.who).any(|g| {
                let now = end.and_then(|e| e.after.get(&g.path)).map_or(0, |s| s.current);
                now + super::steps::FULL > g.max.or(g.high).unwrap_or(u64::MAX)
            });
            let units = row.progress.get(&start.who).and_then(|p| p.last()).map_or(0.0, |p| p[0]);
            let nearly = matches!(start.op, Op::StartGrow | Op::StartGrowPaced)
                && units + super::steps::FULL as f64 > start.number(0) as f64;
            if full && !nearly && start.op.grows() {
                stuck.insert(start.who.clone());
            }
        }
        ExperimentOutcome {
            decisions: row.oom_reports.iter().filter_map(decision).collect(),
            killed,
            dead_steps: ended("dead").collect(),
            stuck,
        }
    }

    /// True when a simulated outcome is what was recorded.
    pub fn agrees(&self, got: &ExperimentOutcome, window: Window) -> bool {
        self.agrees_on_deaths(got, window) && self.stuck == got.stuck
    }

    /// The same without who stands still.
    pub fn agrees_on_deaths(&self, got: &ExperimentOutcome, window: Window) -> bool {
        let reports = match window.reports_may_lack {
            true => self.decisions.iter().all(|d| got.decisions.contains(d)),
            false => self.decisions == got.decisions,
        };
        reports && self.killed == got.killed && self.dead_steps == got.dead_steps
    }
}

impl fmt::Display for ExperimentOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for d in &self.decisions {
            write!(f, "{} at {}", d.chosen, d.limit.as_deref().unwrap_or("the node"))?;
            match &d.group {
                Some(group) => write!(f, " with {group}, ")?,
                None => f.write_str(", ")?,
            }
        }
        let mut last: Option<(&str, usize)> = None;
        f.write_str("killed [")?;
        for name in self.killed.iter().map(String::as_str).chain(Some("")) {
            match &mut last {
                Some((same, n)) if *same == name => *n += 1,
                _ => {
                    if let Some((same, n)) = last {
                        write!(f, "{same}{} ", if n > 1 { format!(" ×{n}") } else { String::new() })?;
                    }
                    last = Some((name, 1));
                }
            }
        }
        write!(f, "], dead at steps {:?}", self.dead_steps)?;
        if !self.stuck.is_empty() {
            write!(f, ", stuck {:?}", self.stuck)?;
        }
        Ok(())
    }
}
