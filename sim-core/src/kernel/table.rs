//! The kernel's processes: found by pid, or at once by the slot that a process keeps for its life.

use super::process::Process;
use crate::units::Pid;
use std::collections::BTreeMap;
use std::ops::Index;

/// Whom a process belongs to, and how many belong to it: most have nobody, and their exit concerns nobody else.
#[derive(Clone, Copy, Debug)]
struct Kin {
    pid: Pid,
    parent: Option<Pid>,
    session: Pid,
    /// Others that have called this process their parent or the leader of their session.
    followers: u32,
}

/// Living processes. Slots of processes that are gone are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes {
    slots: Vec<Option<Process>>,
    free: Vec<u32>,
    /// Parent and session by slot, to be searched at every exit.
    kin: Vec<Option<Kin>>,
    by_pid: BTreeMap<Pid, u32>,
    /// The greatest id so far.
    greatest: Option<Pid>,
}

impl Processes {
    pub fn get(&self, pid: &Pid) -> Option<&Process> {
        self.slots[*self.by_pid.get(pid)? as usize].as_ref()
    }

    pub fn get_mut(&mut self, pid: &Pid) -> Option<&mut Process> {
        self.slots[*self.by_pid.get(pid)? as usize].as_mut()
    }

    pub fn contains_key(&self, pid: &Pid) -> bool {
        self.by_pid.contains_key(pid)
    }

    pub fn insert(&mut self, pid: Pid, process: Process) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.kin.push(None);
            self.slots.len() as u32 - 1
        });
        for leader in process.parent.into_iter().chain(Some(process.session).filter(|&s| s != pid)) {
            self.followed(leader);
        }
        // An id that may have been used before: somebody may still call it by its number.
        let follows = |kin: &Kin| kin.parent == Some(pid) || kin.session == pid;
        let again = self.greatest.is_some_and(|greatest| pid <= greatest);
        let followers = if again { self.kin.iter().flatten().filter(|k| follows(k)).count() as u32 } else { 0 };
        self.greatest = self.greatest.max(Some(pid));
        self.kin[slot as usize] = Some(Kin { pid, parent: process.parent, session: process.session, followers });
        self.slots[slot as usize] = Some(process);
        self.by_pid.insert(pid, slot);
    }

    fn followed(&mut self, leader: Pid) {
        if let Some(kin) = self.by_pid.get(&leader).and_then(|&slot| self.kin[slot as usize].as_mut()) {
            kin.followers += 1;
        }
    }

    /// Takes a process out; its children have no parent any more.
    pub fn remove(&mut self, pid: &Pid) -> Option<Process> {
        let slot = self.by_pid.remove(pid)?;
        self.free.push(slot);
        if self.kin[slot as usize].take().is_some_and(|kin| kin.followers > 0) {
            self.orphan(*pid);
        }
        self.slots[slot as usize].take()
    }

    /// By pid.
    pub fn values(&self) -> impl Iterator<Item = &Process> {
        self.by_pid.values().filter_map(|&slot| self.slots[slot as usize].as_ref())
    }

    /// In no order that means anything.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.slots.iter_mut().flatten()
    }

    /// The other processes of the session that this process leads, by pid.
    pub fn led_by(&self, session: Pid) -> Vec<Pid> {
        let leader = self.by_pid.get(&session).and_then(|&slot| self.kin[slot as usize].as_ref());
        if leader.is_none_or(|kin| kin.followers == 0 || kin.session != session) {
            return Vec::new();
        }
        let members = self.kin.iter().flatten().filter(|k| k.session == session && k.pid != session);
        let mut members: Vec<Pid> = members.map(|k| k.pid).collect();
        members.sort_unstable();
        members
    }

    fn orphan(&mut self, parent: Pid) {
        for (kin, process) in self.kin.iter_mut().zip(&mut self.slots) {
            if let Some(kin) = kin.as_mut().filter(|k| k.parent == Some(parent)) {
                kin.parent = None;
                if let Some(process) = process {
                    process.parent = None;
                }
            }
        }
    }

    /// By pid.
    pub fn keys(&self) -> impl Iterator<Item = &Pid> {
        self.by_pid.keys()
    }

    pub fn slot(&self, pid: Pid) -> Option<u32> {
        self.by_pid.get(&pid).copied()
    }

    /// The process in a slot, if it is still the one with that pid.
    pub fn at(&self, slot: u32, pid: Pid) -> Option<&Process> {
        self.slots.get(slot as usize)?.as_ref().filter(|p| p.pid == pid)
    }

    pub fn at_mut(&mut self, slot: u32, pid: Pid) -> Option<&mut Process> {
        self.slots.get_mut(slot as usize)?.as_mut().filter(|p| p.pid == pid)
    }
}

impl Index<&Pid> for Processes {
    type Output = Process;

    fn index(&self, pid: &Pid) -> &Process {
        self.get(pid).expect("a process that is there")
    }
}
