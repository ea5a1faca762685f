//! What comes from outside: host processes and the scenario's changes.

use super::Event;
use super::pods::{PodState, SpawnContext};
use super::programs::ProcessOwner;
use super::state::Node;
use crate::engine::{Phase, Scheduler, StreamName};
use crate::node_api::CgroupWrite;
use crate::plan::InjectionKind;
use crate::record::{DeathCause, Record};
use crate::units::SimDuration;
use std::sync::Arc;

impl Node {
    pub(in crate::node) fn inject(&mut self, n: u32, queue: &mut Scheduler<Event>) {
        self.settle_for_change(queue);
        let scenario = Arc::clone(&self.scenario);
        match &scenario.injections[n as usize].kind {
            InjectionKind::Sysctl { name, value } => match self.memory.set_sysctl(name, *value as i64) {
                Ok(()) => self.record(Record::SysctlSet { name: name.clone(), value: *value }),
                Err(problem) => self.warn(format!("{name} = {value}: {problem}")),
            },
            InjectionKind::CgroupLimit { cgroup, limit } => match self.memory.find(cgroup) {
                Some(id) => {
                    let write = CgroupWrite { max: Some(*limit), ..CgroupWrite::default() };
                    if self.memory.write(self.now, id, &write).is_err() {
                        self.record(Record::CgroupWriteRefused { cgroup: cgroup.clone(), limit: *limit });
                    }
                }
                None => self.warn(format!("there is no cgroup {cgroup} at {}", self.now)),
            },
            InjectionKind::Signal { process, signal } => match self.find_process(process) {
                Some(p) => {
                    let (pid, comm) = (self.programs[p as usize].pid, self.programs[p as usize].comm.clone());
                    self.record(Record::SignalSent { pid, comm, signal: *signal });
                    self.send(p, *signal, DeathCause::Injected, queue);
                }
                None => self.warn(format!("there is no process {process} at {}", self.now)),
            },
            InjectionKind::DeletePod { pod } => {
                let found = self
                    .pods
                    .all()
                    .iter()
                    .position(|p| p.name == *pod && matches!(p.state, PodState::Creating | PodState::Active));
                match found {
                    Some(ix) => {
                        let seconds = self.pods.template(ix as u32).spec.termination_grace_period_seconds;
                        let grace = SimDuration::from_secs(seconds.unwrap_or(30).max(0) as u64);
                        self.stop_pod(ix as u32, grace, DeathCause::ContainerStop, queue);
                    }
                    None => self.warn(format!("there is no pod {pod} at {}", self.now)),
                }
            }
            InjectionKind::Fork { process } => match self.find_process(process) {
                Some(p) => self.fork(p, queue),
                None => self.warn(format!("there is no process {process} at {}", self.now)),
            },
        }
        self.drain_signals(queue);
    }

    fn warn(&mut self, message: String) {
        self.record(Record::Warning { message: message.as_str().into() });
        self.recorder.warn(message);
    }

    pub(in crate::node) fn host_starts(&mut self, n: u32, queue: &mut Scheduler<Event>) {
        self.settle(queue);
        let scenario = Arc::clone(&self.scenario);
        let plan = &scenario.hosts[n as usize];
        let cgroup = self.memory.mkdir_all(&plan.cgroup);
        let leader = plan.session_of.as_ref().and_then(|name| {
            let ix = scenario.hosts.iter().position(|h| h.name == *name)?;
            self.programs.hosts.get(&(ix as u32)).copied()
        });
        let leader = leader.map(|p| self.programs[p as usize].pid);
        let birth = SpawnContext {
            cgroup,
            owner: ProcessOwner::Host(plan.name.clone()),
            parent: leader,
            session: leader,
            oom_score_adj: plan.process.oom_score_adj.unwrap_or(0),
            container_limit: None,
            on_host: true,
        };
        let next = self.programs.len() as u32;
        let stream = || StreamName::from("host/").number(n).then("/").then(&plan.name);
        self.spawn_plan(&plan.process, birth, stream, queue);
        if self.programs.len() as u32 > next {
            self.programs.hosts.insert(n, next);
        }
    }

    /// A process has ended: whoever was connected to it hangs up.
    pub(in crate::node) fn hang_up(&mut self, comm: &str, queue: &mut Scheduler<Event>) {
        for (n, plan) in self.scenario.hosts.iter().enumerate() {
            if let Some(peer) = plan.hangs_up_with.as_ref().filter(|peer| *peer.process == *comm) {
                queue.after(peer.after, Phase::Workload, n as u32, Event::HangUp(n as u32));
            }
        }
    }

    pub(in crate::node) fn hangs_up(&mut self, n: u32, queue: &mut Scheduler<Event>) {
        let Some(p) = self.programs.hosts.remove(&n) else { return };
        self.settle_all(queue);
        self.memory.exit(self.now, self.programs[p as usize].pid, 255);
        self.drain_signals(queue);
    }
}
