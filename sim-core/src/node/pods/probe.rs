//! Probes of containers whose processes wait for memory (pkg/kubelet/prober). As long as a container's first process
//! waits for nothing, its probes succeed and are not followed one by one.

use super::{Lent, PodState, Pods};
use crate::engine::Phase;
use crate::kubelet::{DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS, KubernetesProfile, container_grace};
use crate::node::Event;
use crate::node::ids::ContainerRef;
use crate::plan::{ProbeKind, ProbePlan};
use crate::record::{DeathCause, Record};
use crate::units::{SimDuration, SimTime};

/// How much of the process's time an answer takes (an assumption: a health check of a program that runs).
const ANSWER: SimDuration = SimDuration::from_millis(5);

/// A probe that is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probing {
    container: ContainerRef,
    /// Index into the container's probes.
    probe: u32,
    /// Of this run of the container.
    run: u32,
    /// When the probe under way began, and for how long the process had waited then.
    began: (SimTime, SimDuration),
    /// Failures in a row.
    failures: u32,
    /// Successes in a row since it failed.
    successes: u32,
    /// It counts as failed.
    failed: bool,
}

impl Pods {
    fn probe_plan(&self, c: ContainerRef, probe: u32, lent: &Lent<'_>) -> Option<ProbePlan> {
        let plan = &lent.machine.scenario.pods[self[c.pod as usize].plan as usize];
        plan.containers.get(c.index as usize)?.probes.get(probe as usize).cloned()
    }

    /// For how long the first process of a container has waited for memory; `None`: it does not run, or not in this
    /// run.
    fn waited(&self, c: ContainerRef, run: u32, lent: &Lent<'_>) -> Option<SimDuration> {
        let of = lent.runtime.get(c).filter(|of| of.running && of.run == run)?;
        Some(lent.machine.programs.get(of.pid1?)?.waited_until(lent.cx.now))
    }

    /// A process of a container begins to wait for memory: its probes are followed from now on.
    pub(super) fn follow_probes(&mut self, c: ContainerRef, lent: &mut Lent<'_>) {
        let Some(of) = lent.runtime.get(c).filter(|of| of.running) else { return };
        let (run, started) = (of.run, of.started);
        let plan = &lent.machine.scenario.pods[self[c.pod as usize].plan as usize].containers[c.index as usize];
        for (probe, plan) in (0..).zip(&plan.probes) {
            // A startup probe has succeeded before anything can wait.
            let known = |p: &Probing| p.container == c && p.probe == probe && p.run == run;
            if plan.kind == ProbeKind::Startup || self.probing.iter().any(known) {
                continue;
            }
            self.probing.retain(|p| p.container != c || p.probe != probe);
            let begin = (SimTime::ZERO, SimDuration::ZERO);
            let (failures, successes, failed) = (0, 0, false);
            self.probing.push(Probing { container: c, probe, run, began: begin, failures, successes, failed });
            let first = started + plan.initial_delay;
            let period = plan.period.as_nanos().max(1);
            let passed = lent.cx.now.since(first).as_nanos().div_ceil(period).saturating_mul(period);
            let next = first.saturating_add(SimDuration::from_nanos(passed)).max(lent.cx.now);
            lent.cx.queue.at(next, Phase::Kubelet, c.pod, Event::ProbeBegins { container: c, probe, run });
        }
    }

    fn probing(&mut self, c: ContainerRef, probe: u32, run: u32) -> Option<&mut Probing> {
        self.probing.iter_mut().find(|p| p.container == c && p.probe == probe && p.run == run)
    }

    /// The container is asked.
    pub fn probe_begins(&mut self, c: ContainerRef, probe: u32, run: u32, lent: &mut Lent<'_>) {
        let (waited, now) = (self.waited(c, run, lent), lent.cx.now);
        let plan = self.probe_plan(c, probe, lent);
        let (Some(waited), Some(plan), false) = (waited, plan, lent.kubelet_is_down()) else {
            self.probing.retain(|p| p.container != c || p.probe != probe);
            return;
        };
        if let Some(probing) = self.probing(c, probe, run) {
            probing.began = (now, waited);
            lent.cx.queue.after(plan.timeout, Phase::Kubelet, c.pod, Event::ProbeEnds { container: c, probe, run });
        }
    }

    /// It has answered by now, or the probe has failed.
    pub fn probe_ends(&mut self, c: ContainerRef, probe: u32, run: u32, lent: &mut Lent<'_>) {
        let (waited, plan) = (self.waited(c, run, lent), self.probe_plan(c, probe, lent));
        let (Some(waited), Some(plan), Some(probing)) = (waited, plan, self.probing(c, probe, run)) else {
            self.probing.retain(|p| p.container != c || p.probe != probe);
            return;
        };
        let (began, before) = probing.began;
        let answered = lent.cx.now.since(began).saturating_sub(waited.saturating_sub(before)) >= ANSWER;
        if answered {
            (probing.failures, probing.successes) = (0, probing.successes + 1);
        } else {
            (probing.failures, probing.successes) = (probing.failures + 1, 0);
        }
        let fails = !probing.failed && probing.failures >= plan.failure_threshold;
        let recovers = probing.failed && probing.successes >= plan.success_threshold;
        if fails || recovers {
            probing.failed = fails;
        }
        let over = answered && !probing.failed;
        let (pod, container) = (self[c.pod as usize].name.clone(), self.container(c).name.clone());
        if !answered {
            // Pods have no addresses here: one of a cluster's usual range stands for it.
            let message = plan.timed_out(&format!("10.244.0.{}", 2 + c.pod % 250)).into();
            lent.record(Record::Unhealthy { pod: pod.clone(), container: container.clone(), message });
        }
        match plan.kind {
            ProbeKind::Readiness if fails || recovers => {
                lent.record(Record::ContainerReady { pod, container, ready: recovers });
            }
            ProbeKind::Liveness | ProbeKind::Startup if fails => {
                self.probing.retain(|p| p.container != c);
                return self.kill_unhealthy(c, &plan, lent);
            }
            _ => {}
        }
        if over {
            self.probing.retain(|p| p.container != c || p.probe != probe);
            return;
        }
        let next = began.saturating_add(plan.period).max(lent.cx.now);
        lent.cx.queue.at(next, Phase::Kubelet, c.pod, Event::ProbeBegins { container: c, probe, run });
    }

    /// The kubelet kills a container, to start it anew: SIGTERM, after its grace period SIGKILL.
    fn kill_unhealthy(&mut self, c: ContainerRef, plan: &ProbePlan, lent: &mut Lent<'_>) {
        if self[c.pod as usize].state != PodState::Active {
            return;
        }
        let (pod, container) = (self[c.pod as usize].name.clone(), self.container(c).name.clone());
        let word = plan.kind.word().to_lowercase();
        let message = format!("Container {container} failed {word} probe, will be restarted").into();
        lent.record(Record::Killing { pod, container, message });
        let own = self.template(c.pod).spec.termination_grace_period_seconds;
        let seconds = plan.grace_seconds.or(own).unwrap_or(DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS);
        let profile = lent.kubelet.as_ref().map_or_else(KubernetesProfile::default, |kubelet| *kubelet.profile());
        let (_, grace) = container_grace(seconds, None, &profile);
        let run = lent.runtime.get(c).map_or(0, |of| of.run);
        lent.terminate(c.pod, &[c.index], DeathCause::FailedProbe);
        lent.cx.queue.after(grace, Phase::Runtime, c.pod, Event::ProbeGraceOver { container: c, run });
        self.route(lent);
    }

    /// The grace period of a container that failed its probe is over.
    pub fn probe_grace_over(&mut self, c: ContainerRef, run: u32, lent: &mut Lent<'_>) {
        if lent.runtime.get(c).is_some_and(|of| of.running && of.run == run) {
            self.settle(lent);
            lent.kill(c.pod, |index| index == c.index, DeathCause::FailedProbe);
            self.route(lent);
        }
    }
}
