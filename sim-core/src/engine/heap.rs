//! A 4-ary min-heap of packed keys, whose root can be replaced in one go.
//!
//! Most handlers take one event and schedule one. [`Heap::pop`] therefore leaves the root's place vacant, and a push
//! that follows fills it and sinks from there: one pass instead of two. The keys lie apart from the events, four
//! siblings to a cache line, so that a level costs one line and three comparisons without a branch.

/// No key of an event: sorts after all of them. Marks places without an event.
const NONE: u128 = u128::MAX;

/// Index of the root. With the root here the children of index `i` are the four from `4 (i - 2)`, which is quad
/// `i - 2`: siblings never straddle quads.
const ROOT: usize = 3;

/// Four siblings.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Quad([u128; 4]);

impl Quad {
    /// The least key and its place.
    #[inline]
    fn min(&self) -> (usize, u128) {
        let [a, b, c, d] = self.0;
        let (i, left) = if b < a { (1, b) } else { (0, a) };
        let (j, right) = if d < c { (3, d) } else { (2, c) };
        if right < left { (j, right) } else { (i, left) }
    }
}

/// Events by key; keys are distinct and less than `u128::MAX`.
#[derive(Clone, Debug)]
pub(super) struct Heap<E> {
    /// Index `i` is place `i % 4` of quad `i / 4`; the first quad holds nothing but the root.
    keys: Vec<Quad>,
    /// By the same index.
    events: Vec<Option<E>>,
    /// One past the last index in use; at least `ROOT`.
    end: usize,
    /// The root has been taken and its place not been filled.
    vacant: bool,
}

impl<E> Default for Heap<E> {
    fn default() -> Self {
        let events = std::iter::repeat_with(|| None).take(ROOT).collect();
        Heap { keys: vec![Quad([NONE; 4])], events, end: ROOT, vacant: false }
    }
}

impl<E> Heap<E> {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.end - ROOT - usize::from(self.vacant)
    }

    /// The least key.
    #[inline]
    pub fn peek(&self) -> Option<u128> {
        let key = if self.vacant { self.keys.get(1).map_or(NONE, |q| q.min().1) } else { self.keys[0].0[ROOT] };
        (key != NONE).then_some(key)
    }

    /// Takes the event with the least key.
    #[inline]
    pub fn pop(&mut self) -> Option<(u128, E)> {
        if self.vacant {
            self.fill();
        }
        let event = self.events.get_mut(ROOT)?.take()?;
        self.vacant = true;
        Some((self.keys[0].0[ROOT], event))
    }

    /// Adds an event.
    #[inline]
    pub fn push(&mut self, key: u128, event: E) {
        if self.vacant {
            self.vacant = false;
            self.sink(key, event);
        } else {
            self.append(key, event);
        }
    }

    /// Takes everything out, in no particular order.
    pub fn drain(&mut self) -> impl Iterator<Item = (u128, E)> {
        let Heap { keys, events, .. } = std::mem::take(self);
        let keys = keys.into_iter().flat_map(|q| q.0);
        keys.zip(events).filter_map(|(key, event)| Some((key, event?)))
    }

    /// Fills the vacant root with the last event.
    fn fill(&mut self) {
        self.vacant = false;
        self.end -= 1;
        let event = self.events.pop().flatten();
        let (quad, place) = (self.end / 4, self.end % 4);
        let key = std::mem::replace(&mut self.keys[quad].0[place], NONE);
        if place == 0 {
            self.keys.pop();
        }
        // Without an event the last one was the root itself: nothing is left.
        if let Some(event) = event {
            self.sink(key, event);
        }
    }

    /// Puts an event where it belongs below the root's place, which is free.
    #[inline]
    fn sink(&mut self, key: u128, event: E) {
        let mut at = ROOT;
        while let Some(children) = self.keys.get(at - 2) {
            let (place, least) = children.min();
            if key < least {
                break;
            }
            let child = 4 * (at - 2) + place;
            self.keys[at / 4].0[at % 4] = least;
            self.events[at] = self.events[child].take();
            at = child;
        }
        self.keys[at / 4].0[at % 4] = key;
        self.events[at] = Some(event);
    }

    /// Puts an event at the end and lets it rise.
    fn append(&mut self, key: u128, event: E) {
        let mut at = self.end;
        self.end += 1;
        self.events.push(None);
        if at.is_multiple_of(4) {
            self.keys.push(Quad([NONE; 4]));
        }
        while at != ROOT {
            let parent = at / 4 + 2;
            let above = self.keys[parent / 4].0[parent % 4];
            if above < key {
                break;
            }
            self.keys[at / 4].0[at % 4] = above;
            self.events[at] = self.events[parent].take();
            at = parent;
        }
        self.keys[at / 4].0[at % 4] = key;
        self.events[at] = Some(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Any mix of pushes and pops gives what an ordered map gives.
        #[test]
        fn agrees_with_an_ordered_map(steps in prop::collection::vec((0u8..5, 0u64..1000), 0..400)) {
            let (mut heap, mut map) = (Heap::default(), BTreeMap::new());
            for (n, (kind, k)) in steps.into_iter().enumerate() {
                if kind < 3 {
                    let key = u128::from(k) << 64 | n as u128;
                    heap.push(key, n);
                    map.insert(key, n);
                } else {
                    prop_assert_eq!(heap.pop(), map.pop_first());
                }
                prop_assert_eq!(heap.len(), map.len());
                prop_assert_eq!(heap.peek(), map.keys().next().copied());
            }
            let mut rest: Vec<_> = heap.clone().drain().collect();
            rest.sort();
            prop_assert_eq!(rest, map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(std::iter::from_fn(|| heap.pop()).collect::<Vec<_>>(), map.into_iter().collect::<Vec<_>>());
        }
    }
}
