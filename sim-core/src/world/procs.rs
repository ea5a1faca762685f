//! The processes of a run. Each keeps its index for ever; the place of one that is gone is used again.

use super::state::{Proc, ProcIx};
use crate::kernel::make_room;
use std::ops::{Index, IndexMut};

/// No place: the process is gone.
const GONE: u32 = u32::MAX;

/// All processes that began, by index in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(super) struct Procs {
    places: Vec<u32>,
    procs: Vec<Proc>,
    free: Vec<u32>,
    /// Living processes by the slot where the kernel keeps them; `GONE`: nobody that is known here.
    by_slot: Vec<ProcIx>,
}

impl Procs {
    /// How many began.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn push(&mut self, proc: Proc) {
        let slot = proc.slot as usize;
        if proc.slot != GONE {
            if self.by_slot.len() <= slot {
                self.by_slot.resize(slot + 1, GONE);
            }
            self.by_slot[slot] = self.places.len() as ProcIx;
        }
        let place = match self.free.pop() {
            Some(place) => {
                self.procs[place as usize] = proc;
                place
            }
            None => {
                make_room(&mut self.procs);
                self.procs.push(proc);
                self.procs.len() as u32 - 1
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
    pub fn get(&self, p: ProcIx) -> Option<&Proc> {
        self.procs.get(*self.places.get(p as usize)? as usize)
    }

    /// Nobody asks for this process any more, except by [`Procs::get`].
    pub fn release(&mut self, p: ProcIx) {
        let place = std::mem::replace(&mut self.places[p as usize], GONE);
        if place != GONE {
            self.free.push(place);
        }
    }

    /// Those that are not gone.
    pub fn iter(&self) -> impl Iterator<Item = &Proc> {
        self.places.iter().filter_map(|&place| self.procs.get(place as usize))
    }
}

impl Index<usize> for Procs {
    type Output = Proc;

    fn index(&self, p: usize) -> &Proc {
        &self.procs[self.places[p] as usize]
    }
}

impl IndexMut<usize> for Procs {
    fn index_mut(&mut self, p: usize) -> &mut Proc {
        &mut self.procs[self.places[p] as usize]
    }
}
