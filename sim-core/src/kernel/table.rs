//! The kernel's processes: found by pid, or at once by the slot that a process keeps for its life.

use super::process::Process;
use crate::units::Pid;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Index;

/// Spreads process ids, which come one after the other.
#[derive(Clone, Debug, Default)]
struct PidHasher(u64);

impl Hasher for PidHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u32(u32::from(b)));
    }

    fn write_u32(&mut self, n: u32) {
        self.0 = (self.0 ^ u64::from(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

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
    /// Slot by id. It is only asked, never gone through: its order means nothing.
    slot_of: HashMap<Pid, u32, BuildHasherDefault<PidHasher>>,
    /// The greatest id so far.
    greatest: Option<Pid>,
}

impl Processes {
    pub fn get(&self, pid: &Pid) -> Option<&Process> {
        self.slots[*self.slot_of.get(pid)? as usize].as_ref()
    }

    pub fn get_mut(&mut self, pid: &Pid) -> Option<&mut Process> {
        self.slots[*self.slot_of.get(pid)? as usize].as_mut()
    }

    pub fn contains_key(&self, pid: &Pid) -> bool {
        self.slot_of.contains_key(pid)
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
        self.slot_of.insert(pid, slot);
    }

    fn followed(&mut self, leader: Pid) {
        if let Some(kin) = self.slot_of.get(&leader).and_then(|&slot| self.kin[slot as usize].as_mut()) {
            kin.followers += 1;
        }
    }

    /// Takes a process out; its children have no parent any more.
    pub fn remove(&mut self, pid: &Pid) -> Option<Process> {
        let slot = self.slot_of.remove(pid)?;
        self.free.push(slot);
        if self.kin[slot as usize].take().is_some_and(|kin| kin.followers > 0) {
            self.orphan(*pid);
        }
        self.slots[slot as usize].take()
    }

    /// In the order of their ids.
    pub fn by_pid(&self) -> Vec<&Process> {
        let mut all: Vec<&Process> = self.values().collect();
        all.sort_unstable_by_key(|p| p.pid);
        all
    }

    /// In no order that means anything.
    pub fn values(&self) -> impl Iterator<Item = &Process> {
        self.slots.iter().flatten()
    }

    /// In no order that means anything.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.slots.iter_mut().flatten()
    }

    /// The other processes of the session that this process leads, by pid.
    pub fn led_by(&self, session: Pid) -> Vec<Pid> {
        let leader = self.slot_of.get(&session).and_then(|&slot| self.kin[slot as usize].as_ref());
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

    pub fn slot(&self, pid: Pid) -> Option<u32> {
        self.slot_of.get(&pid).copied()
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
