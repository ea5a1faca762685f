//! Killers in user space: earlyoom, systemd-oomd and Talos' controller look at the node now and then, and kill.

use super::Event;
use super::ids::ProcIx;
use super::machine::Machine;
use super::memory::{Scope, Settled};
use super::observe::Cx;
use super::programs::ProcessOwner;
use crate::engine::{Phase, RunsBehind};
use crate::node_api::{MemInfo, Name, Signo};
use crate::plan::{Earlyoom, SystemdOomd, TalosOom, UserspaceKiller};
use crate::record::{DeathCause, LimitScope, Record};
use crate::units::{Bytes, CgroupId, SimDuration, SimTime};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// earlyoom expects memory and swap to fill no faster than this, bytes per second (main.c sleep_time_ms), and looks
/// again when they could be full, but at least once a second and at most ten times.
const FILL: (u64, u64) = (6000 << 20, 800 << 20);
const EARLYOOM_SLEEP: (SimDuration, SimDuration) = (SimDuration::from_millis(100), SimDuration::from_millis(1000));
/// It waits this long for a process that it has signalled (kill.c kill_wait).
const EARLYOOM_WAIT: SimDuration = SimDuration::from_secs(10);
/// Points that `--prefer` adds and `--avoid` takes off (kill.c).
const EARLYOOM_POINTS: i64 = 300;
/// systemd-oomd looks at pressure once a second (oomd-manager.h MEM_PRESSURE_INTERVAL_USEC) …
const OOMD_PERIOD: SimDuration = SimDuration::from_secs(1);
/// … and rests after a kill (POST_ACTION_DELAY_USEC).
const OOMD_PAUSE: SimDuration = SimDuration::from_secs(15);
/// For swap it kills only what holds more than this part of all swap, percent (THRESHOLD_SWAP_USED_PERCENT).
const OOMD_SWAP_SHARE: u64 = 5;
/// Talos evaluates its trigger this often (`sampleInterval`).
const TALOS_PERIOD: SimDuration = SimDuration::from_millis(100);

/// What a killer remembers.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct KillerState {
    /// It does nothing until then.
    rests_until: SimTime,
    /// Since when the pressure of each watched cgroup has been above the limit.
    above: Vec<Option<SimTime>>,
    /// `full avg10` of the node when it last looked.
    avg10: u32,
    /// Whom it has signalled.
    signalled: Option<ProcIx>,
}

impl Machine {
    /// The killers begin to look.
    pub(in crate::node) fn start_killers(&mut self, cx: &mut Cx<'_>) {
        self.killers = vec![KillerState::default(); self.scenario.node.killers.len()];
        for killer in 0..self.killers.len() as u32 {
            cx.queue.after(OOMD_PERIOD, Phase::Workload, killer, Event::KillerLooks(killer));
        }
    }

    /// A killer looks at the node.
    pub(in crate::node) fn killer_looks(&mut self, killer: u32, cx: &mut Cx<'_>) {
        let scenario = Arc::clone(&self.scenario);
        self.take_due(Scope::Node, cx);
        let next = match &scenario.node.killers[killer as usize] {
            UserspaceKiller::Earlyoom(plan) => self.earlyoom(killer, plan, cx),
            UserspaceKiller::SystemdOomd(plan) => self.systemd_oomd(killer, plan, cx),
            UserspaceKiller::Talos(plan) => self.talos(killer, plan, cx),
        };
        cx.queue.after(next, Phase::Workload, killer, Event::KillerLooks(killer));
    }

    fn info(&mut self, cx: &mut Cx<'_>) -> MemInfo {
        self.settled(Scope::Node, cx).mem_info()
    }

    /// How long until it looks again.
    fn earlyoom(&mut self, killer: u32, plan: &Earlyoom, cx: &mut Cx<'_>) -> SimDuration {
        let info = self.info(cx);
        let user = info.available + info.anon;
        let below = |(memory, swap): (u32, u32)| {
            share(info.available, user) <= u64::from(memory) * 100
                && share(info.swap_free, info.swap_total) <= u64::from(swap) * 100
        };
        let signal = if below((plan.memory.1, plan.swap.1)) {
            Signo::Kill
        } else if below((plan.memory.0, plan.swap.0)) {
            Signo::Term
        } else {
            let room = |free: Bytes, of: Bytes, percent: u32| {
                u128::from(free.get()).saturating_sub(u128::from(of.get()) * u128::from(percent) / 100)
            };
            let memory = room(info.available, user, plan.memory.0) * 1000 / u128::from(FILL.0);
            let swap = room(info.swap_free, info.swap_total, plan.swap.0) * 1000 / u128::from(FILL.1);
            let ms = SimDuration::from_millis(u64::try_from(memory + swap).unwrap_or(1000).min(1000));
            return ms.clamp(EARLYOOM_SLEEP.0, EARLYOOM_SLEEP.1);
        };
        let state = &self.killers[killer as usize];
        let dying = state.signalled.filter(|&p| self.programs.get(p).is_some());
        if signal == Signo::Term && dying.is_some() && cx.now < state.rests_until {
            return EARLYOOM_SLEEP.0;
        }
        let again = dying.filter(|_| signal == Signo::Kill);
        let Some(victim) = again.or_else(|| earlyoom_victim(self.settled(Scope::Node, cx), plan)) else {
            return EARLYOOM_SLEEP.1; // It sleeps a second when there is nothing to kill.
        };
        let message = format!(
            "low memory! at or below SIG{} limits: mem {}, swap {}",
            if signal == Signo::Kill { "KILL" } else { "TERM" },
            percent(share(info.available, user)),
            percent(share(info.swap_free, info.swap_total))
        );
        let state = &mut self.killers[killer as usize];
        (state.signalled, state.rests_until) = (Some(victim), cx.now.saturating_add(EARLYOOM_WAIT));
        self.userspace_kill("earlyoom", &[victim], signal, &message, cx);
        EARLYOOM_SLEEP.0
    }

    fn systemd_oomd(&mut self, killer: u32, plan: &SystemdOomd, cx: &mut Cx<'_>) -> SimDuration {
        self.killers[killer as usize].above.resize(plan.pressure.len(), None);
        if cx.now < self.killers[killer as usize].rests_until {
            return OOMD_PERIOD;
        }
        let info = self.info(cx);
        let limit = u64::from(plan.swap_used_limit) * 100;
        let used = |free: Bytes, total: Bytes| share(total.saturating_sub(free), total);
        if info.swap_total > Bytes::ZERO
            && used(info.available, info.total) > limit
            && used(info.swap_free, info.swap_total) > limit
            && let Some(victim) = most_of(self.settled(Scope::Node, cx), &plan.swap, |settled, cg| {
                let swap = settled.kernel().stat(cg).swap;
                if share(swap, info.swap_total) > OOMD_SWAP_SHARE * 100 { swap.get() } else { 0 }
            })
        {
            let message = format!(
                "due to memory used ({}) / total ({}) and swap used ({}) / total ({}) being more than {}",
                info.total.saturating_sub(info.available).get(),
                info.total.get(),
                info.swap_total.saturating_sub(info.swap_free).get(),
                info.swap_total.get(),
                percent(limit)
            );
            self.oomd_kills(killer, victim, &message, cx);
            return OOMD_PERIOD;
        }
        for (n, path) in plan.pressure.iter().enumerate() {
            let Some(cgroup) = self.memory.find(path) else { continue };
            let avg10 = self.memory.pressure(cgroup, cx.now).full.avg10;
            let above = &mut self.killers[killer as usize].above[n];
            if u64::from(avg10) <= u64::from(plan.pressure_limit) * 100 {
                *above = None;
                continue;
            }
            let since = *above.get_or_insert(cx.now);
            if cx.now.since(since) < plan.pressure_duration {
                continue;
            }
            let now = cx.now;
            let waited = |settled: Settled<'_>, cg| settled.get().memory.pressure(cg, now).some.total.as_nanos();
            let settled = self.settled(Scope::Node, cx);
            let Some(victim) = most_of(settled, std::slice::from_ref(path), waited) else { continue };
            let message = format!(
                "due to memory pressure for {path} being {} > {} for > {}s with reclaim activity",
                percent(avg10.into()),
                percent(u64::from(plan.pressure_limit) * 100),
                plan.pressure_duration.as_secs()
            );
            self.killers[killer as usize].above[n] = None;
            self.oomd_kills(killer, victim, &message, cx);
            break;
        }
        OOMD_PERIOD
    }

    fn oomd_kills(&mut self, killer: u32, victim: CgroupId, message: &str, cx: &mut Cx<'_>) {
        self.killers[killer as usize].rests_until = cx.now.saturating_add(OOMD_PAUSE);
        let message = format!("Killed {} {message}", self.settled(Scope::Node, cx).kernel().path(victim));
        self.kill_cgroup("systemd-oomd", victim, &message, cx);
    }

    fn talos(&mut self, killer: u32, plan: &TalosOom, cx: &mut Cx<'_>) -> SimDuration {
        let avg10 = self.memory.pressure(self.memory.root(), cx.now).full.avg10;
        let state = &mut self.killers[killer as usize];
        let rises = avg10 > std::mem::replace(&mut state.avg10, avg10);
        if avg10 <= plan.full_avg10 * 100 || !rises || cx.now < state.rests_until {
            return TALOS_PERIOD;
        }
        let rank = |settled: Settled<'_>, cg: CgroupId| {
            let weight = if settled.kernel().limit(cg).is_none() { class_weight(settled, cg) } else { 0 };
            settled.usage(cg).get() / 2 * weight
        };
        if let Some(victim) = most_of(self.settled(Scope::Node, cx), &["/".into()], rank) {
            self.killers[killer as usize].rests_until = cx.now.saturating_add(plan.pause);
            let message = format!(
                "Triggered OOM: memory_full_avg10 {} > {}, killing {}",
                percent(avg10.into()),
                percent(u64::from(plan.full_avg10) * 100),
                self.settled(Scope::Node, cx).kernel().path(victim)
            );
            self.kill_cgroup("talos", victim, &message, cx);
        }
        TALOS_PERIOD
    }

    /// Every process of a cgroup is killed.
    fn kill_cgroup(&mut self, killer: &'static str, cgroup: CgroupId, message: &str, cx: &mut Cx<'_>) {
        let all: Vec<ProcIx> = self.living().filter(|&p| self.programs[p as usize].cgroup == cgroup).collect();
        self.userspace_kill(killer, &all, Signo::Kill, message, cx);
    }

    fn userspace_kill(
        &mut self,
        killer: &'static str,
        victims: &[ProcIx],
        signal: Signo,
        message: &str,
        cx: &mut Cx<'_>,
    ) {
        for &p in victims {
            let program = &self.programs[p as usize];
            let (pid, comm, owner) = (program.pid, program.comm.clone(), program.shown.clone());
            cx.record(Record::UserspaceKill { killer, pid, comm, owner, signal, message: message.into() });
            self.send(p, signal, DeathCause::UserspaceKiller, cx);
        }
    }
}

/// The process with the highest `oom_score`, then with the most resident memory.
fn earlyoom_victim(settled: Settled<'_>, plan: &Earlyoom) -> Option<ProcIx> {
    let machine = settled.get();
    let part = |name: &Option<Name>, comm: &str| name.as_ref().is_some_and(|name| comm.contains(&**name));
    let scored = machine.living().filter_map(|p| {
        let program = &machine.programs[p as usize];
        let process = settled.process(program.pid).filter(|process| process.is_running())?;
        let mut score = settled.kernel().oom_score(program.pid)?;
        score += if part(&plan.prefer, &program.comm) { EARLYOOM_POINTS } else { 0 };
        score -= if part(&plan.avoid, &program.comm) { EARLYOOM_POINTS } else { 0 };
        let rss = process.rss();
        (process.oom_score_adj > -1000 && !rss.is_zero()).then_some((score, rss, Reverse(p)))
    });
    scored.max().map(|(.., Reverse(p))| p)
}

/// Talos' weight of a container's class, in halves: BestEffort 1, Burstable 0.5, others 0.
fn class_weight(settled: Settled<'_>, cgroup: CgroupId) -> u64 {
    let machine = settled.get();
    if !matches!(machine.memory.scope_of(cgroup), LimitScope::Container { .. }) {
        return 0;
    }
    let of = machine.living().map(|p| &machine.programs[p as usize]).find(|program| program.cgroup == cgroup);
    match of.and_then(|program| settled.process(program.pid)).map(|process| process.oom_score_adj) {
        Some(1000) => 2,
        Some(2..1000) => 1,
        _ => 0,
    }
}

/// The cgroup with processes below one of these paths that has most of something; `None`: none has any.
fn most_of<'s>(settled: Settled<'s>, below: &[Name], value: impl Fn(Settled<'s>, CgroupId) -> u64) -> Option<CgroupId> {
    let (machine, kernel) = (settled.get(), settled.kernel());
    let tops: Vec<CgroupId> = below.iter().filter_map(|path| kernel.find(path)).collect();
    let programs = machine.living().map(|p| &machine.programs[p as usize]);
    let leaves = programs.filter(|program| !matches!(program.owner, ProcessOwner::Pause(_))).map(|of| of.cgroup);
    let leaves: BTreeSet<CgroupId> = leaves.filter(|&cg| tops.iter().any(|&top| kernel.is_below(cg, top))).collect();
    let ranked = leaves.into_iter().map(|cg| (value(settled, cg), Reverse(cg)));
    ranked.filter(|(value, _)| *value > 0).max().map(|(_, Reverse(cg))| cg)
}

/// A part in hundredths of a percent; of nothing 0.
fn share(part: Bytes, of: Bytes) -> u64 {
    let wide = u128::from(part.get()) * 10_000 / u128::from(of.get().max(1));
    u64::try_from(wide).unwrap_or(u64::MAX)
}

fn percent(hundredths: u64) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}
