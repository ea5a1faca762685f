//! What a machine has beside plain memory: swap and huge pages.

use crate::build::ChosenNode;
use crate::evidence::Evidence;
use crate::kernel_log;
use crate::system::{Meminfo, unit_of};
use oomsim_core::units::Bytes;

/// An amount that a machine has, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub bytes: Bytes,
    pub from: String,
}

fn owned(bytes: Bytes, from: impl Into<String>) -> Owned {
    Owned { bytes, from: from.into() }
}

/// Swap that was seen on the machine: in an OOM report, `/proc/meminfo` or node_exporter, `free`, or
/// `status.nodeInfo.swap` of the Node (since Kubernetes 1.33). The first that says anything counts; `None`: there is
/// none, or nothing says.
pub(crate) fn swap(evidence: &Evidence, node: &ChosenNode<'_>) -> Option<Owned> {
    let logged = || {
        let machine = kernel_log::Machine::of(evidence)?;
        Some(owned(machine.swap()?, machine.from))
    };
    let meminfo = || {
        let meminfo = Meminfo::of(evidence, &node.name)?;
        Some(owned(meminfo.known("SwapTotal")?, &meminfo.from))
    };
    let free = || {
        let free = evidence.free?;
        Some(owned(free.swap_total?.bytes(unit_of(free.total, node.memory)), "free"))
    };
    let reported = || Some(owned(node.facts?.swap?, "status.nodeInfo.swap"));
    let found = logged().or_else(meminfo).or_else(free).or_else(reported)?;
    (found.bytes > Bytes::ZERO).then_some(found)
}

/// Memory in huge pages of all sizes, which the kubelet takes off allocatable memory: as the Node has it, else as
/// `/proc/meminfo`, node_exporter or an OOM report.
pub(crate) fn huge_pages(evidence: &Evidence, node: &ChosenNode<'_>) -> Option<Owned> {
    let found = match node.facts {
        Some(facts) => owned(facts.huge_pages, "status.capacity.hugepages-*"),
        None => {
            let meminfo = || {
                let meminfo = Meminfo::of(evidence, &node.name)?;
                Some(owned(meminfo.huge_pages()?, &meminfo.from))
            };
            let logged = || {
                let machine = kernel_log::Machine::of(evidence)?;
                Some(owned(machine.huge_pages(), machine.from))
            };
            meminfo().or_else(logged)?
        }
    };
    (found.bytes > Bytes::ZERO).then_some(found)
}
