//! W3: many nodes in one process; node `n` uses seed 1 + n, and all states are alive from beginning to end.

use crate::node_day::{AloneNode, HeapNode, Outcome, TICK};
use crate::ramp::RampNode;

/// A node that can be advanced.
trait Node {
    fn advance(&mut self, until: u64);
    fn outcome(&self, at: u64) -> Outcome;
}

impl Node for HeapNode {
    fn advance(&mut self, until: u64) {
        HeapNode::advance(self, until);
    }
    fn outcome(&self, _: u64) -> Outcome {
        HeapNode::outcome(self)
    }
}

impl Node for AloneNode {
    fn advance(&mut self, until: u64) {
        AloneNode::advance(self, until);
    }
    fn outcome(&self, _: u64) -> Outcome {
        AloneNode::outcome(self)
    }
}

impl Node for RampNode {
    fn advance(&mut self, until: u64) {
        RampNode::advance(self, until);
    }
    fn outcome(&self, at: u64) -> Outcome {
        RampNode::outcome(self, at)
    }
}

/// In which order the nodes are advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each to the end before the next.
    InTurn,
    /// All of them by 10 s, again and again.
    LockStep,
}

fn fleet<N: Node>(mut nodes: Vec<N>, horizon: u64, order: Order) -> Outcome {
    match order {
        Order::InTurn => nodes.iter_mut().for_each(|n| n.advance(horizon)),
        Order::LockStep => {
            let mut until = 0;
            while until < horizon {
                until = (until + TICK).min(horizon);
                nodes.iter_mut().for_each(|n| n.advance(until));
            }
        }
    }
    nodes.iter().fold(Outcome::default(), |mut sum, n| {
        sum.add(&n.outcome(horizon));
        sum
    })
}

/// A heap per node.
pub fn heap_per_node(nodes: u64, horizon: u64, order: Order) -> Outcome {
    fleet((1..=nodes).map(HeapNode::new).collect(), horizon, order)
}

/// No queue.
pub fn alone(nodes: u64, horizon: u64, order: Order) -> Outcome {
    fleet((1..=nodes).map(AloneNode::new).collect(), horizon, order)
}

/// Ramps, visiting only checks that evict.
pub fn ramps(nodes: u64, horizon: u64, order: Order) -> Outcome {
    fleet((1..=nodes).map(|seed| RampNode::new(seed, true)).collect(), horizon, order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::S;

    #[test]
    fn order_and_engine_change_nothing() {
        let hour = 3_600 * S;
        let expected = heap_per_node(3, hour, Order::InTurn);
        assert_eq!(heap_per_node(3, hour, Order::LockStep), expected);
        assert_eq!(alone(3, hour, Order::InTurn), expected);
        assert_eq!(alone(3, hour, Order::LockStep), expected);
        assert_eq!(ramps(3, hour, Order::LockStep), ramps(3, hour, Order::InTurn));
    }
}
