//! The processes of a run. Each keeps its index for ever; the place of one that is gone is used again.

use super::state::{Proc, ProcIx};
use std::ops::{Index, IndexMut};

/// No place: the process is gone.
const GONE: u32 = u32::MAX;

/// All processes that began, by index in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(super) struct Procs {
    places: Vec<u32>,
    procs: Vec<Proc>,
    free: Vec<u32>,
}

impl Procs {
    /// How many began.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn push(&mut self, proc: Proc) {
        let place = match self.free.pop() {
            Some(place) => {
                self.procs[place as usize] = proc;
                place
            }
            None => {
                self.procs.push(proc);
                self.procs.len() as u32 - 1
            }
        };
        self.places.push(place);
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
