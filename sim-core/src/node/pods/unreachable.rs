//! A node that no longer reports, and what the control plane makes of it (pkg/controller/nodelifecycle,
//! pkg/controller/tainteviction). The node is NotReady after a while, gets a taint, and its pods are marked for
//! deletion when they have tolerated that long enough. On the node nothing happens until its kubelet is back.

use super::{Lent, Pods};
use crate::engine::Phase;
use crate::node::Event;
use crate::node::ids::PodIx;
use crate::node_api::{ConditionStatus, NodeConditionType};
use crate::plan::Controller;
use crate::record::Record;
use crate::units::{SimDuration, SimTime};

/// Taint of a node whose condition Ready is Unknown.
pub(in crate::node) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// How often a kubelet renews its lease, which is what the controller looks at: a quarter of 40 s
/// (pkg/kubelet/kubelet.go nodeLeaseRenewIntervalFraction). Leases are no events here: every multiple of this.
pub(in crate::node) const LEASE: SimDuration = SimDuration::from_secs(10);
/// How often the node controller looks (`--node-monitor-period`).
const MONITOR_PERIOD: SimDuration = SimDuration::from_secs(5);
/// What a pod tolerates that says nothing of it (plugin/pkg/admission/defaulttolerationseconds).
const DEFAULT_TOLERATION: SimDuration = SimDuration::from_secs(300);

/// What the control plane knows of the node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reports {
    /// When it last heard of it, if it may not hear of it for long.
    silent_since: Option<SimTime>,
    /// The node is unreachable.
    unreachable: bool,
    /// Counts how often it became that.
    turn: u32,
}

impl Pods {
    /// The kubelet has reported the node's status.
    #[inline]
    pub fn node_reports(&mut self, lent: &mut Lent<'_>) {
        self.reports.silent_since = None;
        if self.reports.unreachable {
            self.node_is_back(lent);
        }
    }

    /// The kubelet does not renew its lease for a while: the node controller will look.
    pub fn watch_node(&mut self, lent: &mut Lent<'_>) {
        let Some(grace) = lent.kubelet.as_deref().map(|kubelet| kubelet.plan().timing.node_monitor_grace) else {
            return;
        };
        let renewed = lent.cx.now.as_nanos() / LEASE.as_nanos() * LEASE.as_nanos();
        let since = *self.reports.silent_since.get_or_insert(SimTime::from_nanos(renewed));
        let due = since.saturating_add(grace).max(lent.cx.now);
        let period = MONITOR_PERIOD.as_nanos();
        let looks = SimTime::from_nanos(due.as_nanos().div_ceil(period).saturating_mul(period));
        lent.cx.queue.at(looks, Phase::Kubelet, 0, Event::NodeMonitor);
    }

    /// The node controller looks at the node.
    pub fn node_is_looked_at(&mut self, lent: &mut Lent<'_>) {
        let Some(grace) = lent.kubelet.as_deref().map(|kubelet| kubelet.plan().timing.node_monitor_grace) else {
            return;
        };
        let silent = self.reports.silent_since.is_some_and(|since| lent.cx.now.since(since) >= grace);
        if self.reports.unreachable || !silent {
            return;
        }
        self.reports.unreachable = true;
        self.reports.turn += 1;
        lent.record(Record::NodeCondition { r#type: NodeConditionType::Ready, status: ConditionStatus::Unknown });
        lent.record(Record::NodeTaint { key: UNREACHABLE.into(), present: true });
        for pod in self.live().to_vec() {
            if let Some(after) = self.tolerates_unreachable(pod, lent) {
                let marks = Event::TaintEviction { pod, turn: self.reports.turn };
                lent.cx.queue.after(after, Phase::Kubelet, pod, marks);
            }
        }
    }

    /// For how long a pod stays on an unreachable node; `None`: for ever.
    fn tolerates_unreachable(&self, pod: PodIx, lent: &Lent<'_>) -> Option<SimDuration> {
        let plan = &lent.machine.scenario.pods[self[pod as usize].plan as usize];
        if plan.controller == Controller::DaemonSet {
            return None; // Its pods get a toleration without end.
        }
        let spec = &self.template(pod).spec;
        let mut tolerating = spec.tolerations.iter().filter(|t| t.tolerates(UNREACHABLE, "", "NoExecute")).peekable();
        if tolerating.peek().is_none() {
            return Some(DEFAULT_TOLERATION);
        }
        let seconds = tolerating.filter_map(|t| t.toleration_seconds).min()?;
        Some(SimDuration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }

    /// A pod has tolerated the taint long enough: it is marked for deletion, which its kubelet does not hear of.
    pub fn taint_evicts(&mut self, pod: PodIx, turn: u32, lent: &mut Lent<'_>) {
        let current = self.reports.unreachable && self.reports.turn == turn;
        if !current || self.live().binary_search(&pod).is_err() || self[pod as usize].deleted {
            return;
        }
        self[pod as usize].deleted = true;
        self.marked.push(pod);
        let name = self[pod as usize].name.clone();
        lent.record(Record::MarkedForDeletion { pod: name });
    }

    /// The kubelet is heard of again, and hears which of its pods are to go. Their replacements are on other nodes.
    fn node_is_back(&mut self, lent: &mut Lent<'_>) {
        self.reports.unreachable = false;
        lent.record(Record::NodeCondition { r#type: NodeConditionType::Ready, status: ConditionStatus::True });
        lent.record(Record::NodeTaint { key: UNREACHABLE.into(), present: false });
        for pod in std::mem::take(&mut self.marked) {
            if self.live().binary_search(&pod).is_ok() {
                self.stop_gracefully(pod, None, lent);
            }
        }
    }

    /// The taint keeps new pods away.
    pub(super) fn is_unreachable(&self) -> bool {
        self.reports.unreachable
    }
}
