//! The processes of a run. Each keeps its index for ever; the place of one that is gone is used again.

use super::RunningProgram;
use crate::kernel::make_room;
use crate::node::ids::ProcIx;
use crate::workload::Resume;
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Index, IndexMut};

/// No place: the process is gone.
const GONE: u32 = u32::MAX;

/// All processes that began, by index in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct ProgramTable {
    places: Vec<u32>,
    programs: Vec<RunningProgram>,
    free: Vec<u32>,
    /// Living processes by the slot where the kernel keeps them; `GONE`: none that is known here.
    by_slot: Vec<ProcIx>,
    /// Those that ended in the event being handled.
    dead: Vec<ProcIx>,
    /// Those whose allocation waits for memory to come free, in the order in which they began to wait.
    pub waiting: VecDeque<ProcIx>,
    /// Those that wait are going to try again.
    pub retry_scheduled: bool,
    /// Living host processes by their index in the scenario.
    pub hosts: BTreeMap<u32, ProcIx>,
    /// Where host processes go on that their recordings ended.
    pub host_resumes: BTreeMap<u32, Box<Resume>>,
}

impl ProgramTable {
    /// How many began.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn push(&mut self, proc: RunningProgram) {
        let slot = proc.slot as usize;
        if proc.slot != GONE {
            if self.by_slot.len() <= slot {
                self.by_slot.resize(slot + 1, GONE);
            }
            self.by_slot[slot] = self.places.len() as ProcIx;
        }
        let place = match self.free.pop() {
            Some(place) => {
                self.programs[place as usize] = proc;
                place
            }
            None => {
                make_room(&mut self.programs);
                self.programs.push(proc);
                self.programs.len() as u32 - 1
            }
        };
        self.places.push(place);
    }

    /// The living process that the kernel keeps in this slot.
    pub fn at_slot(&self, slot: u32) -> Option<ProcIx> {
        self.by_slot.get(slot as usize).copied().filter(|&p| p != GONE)
    }

    /// The process is no longer alive.
    pub fn unbind(&mut self, p: ProcIx) {
        let slot = self[p as usize].slot;
        if let Some(place) = self.by_slot.get_mut(slot as usize) {
            *place = GONE;
        }
    }

    /// `None` when the process is gone.
    pub fn get(&self, p: ProcIx) -> Option<&RunningProgram> {
        self.programs.get(*self.places.get(p as usize)? as usize)
    }

    /// Nothing refers to this process any more, except through [`ProgramTable::get`].
    fn release(&mut self, p: ProcIx) {
        let place = std::mem::replace(&mut self.places[p as usize], GONE);
        if place != GONE {
            self.free.push(place);
        }
    }

    /// Nothing refers to this process after the event being handled, except pending events, which look.
    pub fn ended(&mut self, p: ProcIx) {
        self.dead.push(p);
    }

    /// The places of those that ended in the event being handled may be used again.
    #[inline]
    pub fn forget_dead(&mut self) {
        if self.dead.is_empty() {
            return;
        }
        let mut dead = std::mem::take(&mut self.dead);
        dead.drain(..).for_each(|p| self.release(p));
        self.dead = dead;
    }

    /// Those that are not gone.
    pub fn iter(&self) -> impl Iterator<Item = &RunningProgram> {
        self.places.iter().filter_map(|&place| self.programs.get(place as usize))
    }
}

impl Index<usize> for ProgramTable {
    type Output = RunningProgram;

    fn index(&self, p: usize) -> &RunningProgram {
        &self.programs[self.places[p] as usize]
    }
}

impl IndexMut<usize> for ProgramTable {
    fn index_mut(&mut self, p: usize) -> &mut RunningProgram {
        &mut self.programs[self.places[p] as usize]
    }
}
