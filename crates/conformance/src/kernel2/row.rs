//! A row: configuration, steps, and what was observed after each.

use super::op::Op;
use super::steps::FULL;
use crate::kernel::{MOST, RecordedOom, nullable};
use oomsim_core::kernel::Profile;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub struct Experiment {
    pub kernel: String,
    pub smp: u32,
    pub mem_total_kib: u64,
    pub swap_total_kib: u64,
    pub swap_device: String,
    #[serde(default, deserialize_with = "nullable")]
    pub mount_options: String,
    #[serde(default, deserialize_with = "nullable")]
    pub sysctl: BTreeMap<String, i64>,
    pub cgroups: Vec<Group>,
    pub procs: Vec<Process>,
    pub node_before: BTreeMap<String, Value>,
    pub steps: Vec<Step>,
    #[serde(default, deserialize_with = "nullable")]
    pub oom_reports: Vec<RecordedOom>,
    #[serde(default, deserialize_with = "nullable")]
    pub kills: Vec<Kill>,
    #[serde(default, deserialize_with = "nullable")]
    pub progress: BTreeMap<String, Vec<[f64; 2]>>,
}

/// A cgroup; sizes in pages.
#[derive(Deserialize)]
pub struct Group {
    pub path: String,
    pub max: Option<u64>,
    pub high: Option<u64>,
    pub low: Option<u64>,
    pub min: Option<u64>,
    pub swap_max: Option<u64>,
    pub oom_group: Option<u8>,
}

#[derive(Deserialize)]
pub struct Process {
    pub name: String,
    pub cgroup: String,
    pub adj: i16,
    #[serde(default)]
    pub uid: u32,
}

#[derive(Deserialize)]
pub struct Kill {
    pub pid: u32,
    pub comm: String,
}

/// One step: done by a process, a write to a cgroup file, a time of observation, or the end.
#[derive(Deserialize)]
pub struct Step {
    #[serde(rename = "do")]
    pub op: Op,
    #[serde(default, deserialize_with = "nullable")]
    pub who: String,
    #[serde(default, deserialize_with = "nullable")]
    pub args: Vec<Value>,
    pub result: Option<String>,
    pub errno: Option<i32>,
    #[serde(default, deserialize_with = "nullable")]
    pub cgroup: String,
    #[serde(default, deserialize_with = "nullable")]
    pub file: String,
    pub value: Option<Value>,
    #[serde(default)]
    pub t: f64,
    #[serde(default, deserialize_with = "nullable")]
    pub after: BTreeMap<String, State>,
    #[serde(default, deserialize_with = "nullable")]
    pub answers: Vec<Answer>,
    /// Of a `sample`: milliseconds between two looks at the cgroups, and how many there are at most.
    #[serde(default)]
    pub every_ms: f64,
    #[serde(default)]
    pub at_most: f64,
    /// What was seen of each cgroup.
    #[serde(default, deserialize_with = "nullable")]
    pub series: BTreeMap<String, Vec<State>>,
}

#[derive(Deserialize)]
pub struct Answer {
    pub who: String,
}

/// A cgroup after a step, in pages.
#[derive(Deserialize)]
pub struct State {
    /// Milliseconds; only looks at it while something runs need it.
    #[serde(default)]
    pub t: f64,
    #[serde(default)]
    pub current: u64,
    #[serde(default)]
    pub swap: u64,
    #[serde(default, deserialize_with = "nullable")]
    pub stat: BTreeMap<String, u64>,
    #[serde(default, deserialize_with = "nullable")]
    pub psi_us: Pressure,
}

/// Totals of `memory.pressure`, microseconds.
#[derive(Clone, Copy, Default, Deserialize)]
pub struct Pressure {
    #[serde(default)]
    pub some: u64,
    #[serde(default)]
    pub full: u64,
}

/// Pages that the processors' batches hold back from a list, 31 each.
const IN_BATCHES: u64 = 64;

impl State {
    /// Pages in the swap cache. 5.10 does not list them: they are on the LRU lists and not mapped.
    pub fn swap_cached(&self) -> u64 {
        let stat = |name: &str| self.stat.get(name).copied().unwrap_or(0);
        if self.swap == 0 || stat("kernel") > 0 {
            return stat("swapcached");
        }
        let listed = stat("inactive_anon") + stat("active_anon") + stat("unevictable");
        stat("swapcached").max(listed.saturating_sub(stat("anon") + stat("shmem"))).min(self.swap)
    }

    /// A process that was killed is still giving its memory back.
    pub fn is_amid_exit(&self) -> bool {
        has_unowned(|name| self.stat.get(name).copied().unwrap_or(0))
    }
}

/// Pages are charged that are neither mapped, nor shared, nor in the swap cache. The counters before 5.13 run behind
/// too far to tell.
fn has_unowned(stat: impl Fn(&str) -> u64) -> bool {
    let listed = stat("inactive_anon") + stat("active_anon");
    stat("kernel") > 0 && listed > stat("anon") + stat("shmem") + stat("swapcached") + IN_BATCHES
}

impl Step {
    /// The last look at each cgroup.
    pub fn last_looks(&self) -> impl Iterator<Item = (&String, &State)> {
        self.series.iter().filter_map(|(path, looks)| Some((path, looks.last()?)))
    }

    /// When the last look at all cgroups began.
    pub fn last_look_at(&self) -> f64 {
        self.last_looks().map(|(_, state)| state.t).min_by(f64::total_cmp).unwrap_or(self.t)
    }

    /// A number among the arguments.
    pub fn number(&self, index: usize) -> u64 {
        self.args.get(index).and_then(Value::as_u64).unwrap_or(0)
    }

    /// The file among the arguments.
    pub fn path(&self) -> &str {
        self.args.first().and_then(Value::as_str).unwrap_or_default()
    }
}

/// Most rounds in which what was swapped out is used again: each is a pass of reclaim, and the recordings have 400.
const MOST_ROUNDS: u64 = 10_000;

impl Experiment {
    /// Reads a row.
    ///
    /// # Errors
    /// Why it cannot be read, or would take too long.
    pub fn read(row: &Value) -> Result<Experiment, String> {
        let row: Experiment = crate::kernel::parse(row)?;
        let pages = |step: &Step| (0..step.args.len()).any(|index| step.number(index) > MOST);
        let rounds = |step: &Step| step.op == Op::TouchAgain && step.number(1) > MOST_ROUNDS;
        match row.steps.iter().position(|step| pages(step) || rounds(step)) {
            Some(step) => Err(format!("step {step} has more than {MOST} pages or {MOST_ROUNDS} rounds")),
            None => Ok(row),
        }
    }

    /// Pages of a figure of the node before the case.
    pub fn before(&self, name: &str) -> u64 {
        self.node_before.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Most pages that a report has in the swap cache; where there is swap, at least what was recorded of most.
    pub fn swap_cached(&self) -> i64 {
        if self.swap_total_kib == 0 {
            return 0;
        }
        let of =
            |r: &RecordedOom| r.memcg_stats.as_ref().and_then(|s| s.get("swapcached")).copied().unwrap_or(0) / 4096;
        i64::try_from(self.oom_reports.iter().map(of).max().unwrap_or(0).min(650)).unwrap_or(0)
    }

    /// A report after the first shows pages that a killed process has yet to give back.
    pub fn kills_amid_exit(&self) -> bool {
        let pages =
            |r: &RecordedOom, name: &str| r.memcg_stats.as_ref().and_then(|s| s.get(name)).map_or(0, |b| b / 4096);
        self.oom_reports.iter().skip(1).any(|report| has_unowned(|name| pages(report, name)))
    }

    /// Milliseconds that the slowest grower took over a chunk beyond its pause, in the middle of all its chunks.
    pub fn chunk_beside_pause(&self) -> f64 {
        let middle = |step: &Step| {
            let chunk = step.number(1).max(1) as f64;
            let known = self.progress.get(&step.who)?.windows(2);
            let mut took: Vec<f64> =
                known.map(|p| (p[1][1] - p[0][1]) * chunk / (p[1][0] - p[0][0]).max(chunk)).collect();
            took.sort_by(f64::total_cmp);
            Some(took.get(took.len() / 2)? - step.number(2) as f64 / 1000.0)
        };
        self.starts().filter(|s| s.op == Op::StartGrowPaced).filter_map(middle).fold(0.0, f64::max)
    }

    /// A process had not answered when the recording ended, and was on its way: it grew, and its next piece was done
    /// shortly before the last look or it had not come to a limit; or it used the same memory in rounds. How fast it
    /// was is known up to the last look.
    pub fn ends_on_the_way(&self) -> bool {
        let answered = |who: &str| self.steps.iter().flat_map(|s| &s.answers).any(|a| a.who == who);
        let killed = |who: &str| self.kills.iter().any(|kill| kill.comm == who);
        let end = self.steps.last();
        let usage = |path: &str| end.and_then(|e| e.after.get(path)).map_or(0, |state| state.current);
        let has_room =
            |who: &str| self.limits_of(who).all(|g| usage(&g.path) + FULL <= g.max.or(g.high).unwrap_or(u64::MAX));
        let look = self.steps.iter().rfind(|s| s.op == Op::Sample).map_or(f64::MAX, |s| s.last_look_at() - s.every_ms);
        let went_on = |who: &str| self.progress.get(who).and_then(|p| p.last()).is_some_and(|p| p[1] >= look);
        let on_the_way = |s: &Step| match s.op {
            Op::StartTouchAgain | Op::StartReadLoop | Op::StartMapLoop => !killed(&s.who),
            op => op.grows() && (has_room(&s.who) || went_on(&s.who)),
        };
        self.starts().any(|s| !answered(&s.who) && on_the_way(s))
    }

    /// All processes of a cgroup were killed.
    pub fn is_deserted(&self, cgroup: &str) -> bool {
        let mut processes = self.procs.iter().filter(|p| p.cgroup == cgroup).peekable();
        processes.peek().is_some() && processes.all(|p| self.kills.iter().any(|kill| kill.comm == p.name))
    }

    /// What a process still grows and reads at the same time as others.
    pub fn starts(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| s.op.runs_on())
    }

    /// The cgroups with a limit on the way from a process's cgroup to the root.
    pub fn limits_of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Group> {
        let cgroup = self.procs.iter().find(|p| p.name == name).map_or("", |p| p.cgroup.as_str()).to_owned();
        self.groups_above(cgroup).filter(|g| g.max.or(g.high).is_some())
    }

    fn groups_above(&self, cgroup: String) -> impl Iterator<Item = &Group> {
        self.cgroups.iter().filter(move |g| {
            cgroup.strip_prefix(g.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The kernel's capabilities.
    pub fn profile(&self) -> Result<Profile, String> {
        crate::kernel::profile(&self.kernel)
    }
}
