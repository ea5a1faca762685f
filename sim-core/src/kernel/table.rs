//! The kernel's processes: found by pid, or at once by the slot that a process keeps for its life.

use super::process::Process;
use crate::units::Pid;
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

/// Living processes. Slots of processes that are gone are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes {
    slots: Vec<Option<Process>>,
    free: Vec<u32>,
    /// Slot by id.
    #[expect(clippy::disallowed_types, reason = "it is only asked, never gone through, and hashes alike everywhere")]
    slot_of: std::collections::HashMap<Pid, u32, BuildHasherDefault<PidHasher>>,
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

    pub fn insert(&mut self, pid: Pid, mut process: Process) {
        for leader in process.parent.into_iter().chain(Some(process.session).filter(|&s| s != pid)) {
            if let Some(leader) = self.get_mut(&leader) {
                leader.followers += 1;
            }
        }
        // An id that may have been used before: a process may still refer to it by its number.
        let follows = |p: &&Process| p.parent == Some(pid) || p.session == pid;
        let again = self.greatest.is_some_and(|greatest| pid <= greatest);
        process.followers = if again { self.values().filter(follows).count() as u32 } else { 0 };
        self.greatest = self.greatest.max(Some(pid));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(process);
                slot
            }
            None => {
                make_room(&mut self.slots);
                self.slots.push(Some(process));
                self.slots.len() as u32 - 1
            }
        };
        self.slot_of.insert(pid, slot);
    }

    /// Takes a process out; its children have no parent any more.
    pub fn remove(&mut self, pid: &Pid) -> Option<Process> {
        let slot = self.slot_of.remove(pid)?;
        self.free.push(slot);
        if self.slots[slot as usize].as_ref().is_some_and(|p| p.followers > 0) {
            self.values_mut().filter(|p| p.parent == Some(*pid)).for_each(|p| p.parent = None);
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
        if self.get(&session).is_none_or(|leader| leader.followers == 0 || leader.session != session) {
            return Vec::new();
        }
        let members = self.values().filter(|p| p.session == session && p.pid != session);
        let mut members: Vec<Pid> = members.map(|p| p.pid).collect();
        members.sort_unstable();
        members
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

/// Makes room for another one, and for few more: the processes, cgroups and pods of a node are most of what it needs.
/// A node of a hundred pods moves them a few times only.
pub(crate) fn make_room<T>(places: &mut Vec<T>) {
    if places.len() == places.capacity() {
        places.reserve_exact(places.len() / 16 + 32);
    }
}

impl Index<&Pid> for Processes {
    type Output = Process;

    fn index(&self, pid: &Pid) -> &Process {
        self.get(pid).expect("a process that is there")
    }
}
