//! A recommender that raises a container's memory after an OOM kill.

use super::{Lent, PodState, Pods};
use crate::engine::Phase;
use crate::kubelet::{MEMORY, ResourceRequirements};
use crate::node::Event;
use crate::node::ids::ContainerRef;
use crate::node_api::Name;
use crate::plan::Recommender;
use crate::record::Record;
use crate::units::{Bytes, Quantity};

impl Recommender {
    /// The amounts after a container with these was killed at its limit; `None`: they stay. The limit keeps its
    /// proportion to the request.
    fn raise(&self, before: &ResourceRequirements) -> Option<ResourceRequirements> {
        let amount = |list: &crate::kubelet::ResourceList| {
            list.get(MEMORY).and_then(|q| u64::try_from(q.value()).ok()).filter(|bytes| *bytes > 0)
        };
        let limit = amount(&before.limits)?;
        let request = amount(&before.requests).unwrap_or(limit);
        let bumped = u128::from(limit) * u128::from(self.bump_percent) / 100;
        let bumped = u64::try_from(bumped).ok()?.max(limit.saturating_add(self.least_bump.get()));
        let raised = bumped.min(self.max_allowed.map_or(u64::MAX, Bytes::get));
        let new_limit = u64::try_from(u128::from(raised) * u128::from(limit) / u128::from(request)).ok()?;
        if raised <= request && new_limit <= limit {
            return None;
        }
        let quantity = |bytes: u64| Quantity::bytes(i64::try_from(bytes).unwrap_or(i64::MAX));
        let mut after = before.clone();
        after.requests.insert(MEMORY.to_owned(), quantity(raised));
        after.limits.insert(MEMORY.to_owned(), quantity(new_limit));
        Some(after)
    }
}

impl Pods {
    /// A container ended with an OOM kill: what watches it will raise its memory.
    pub(super) fn oom_was_seen(&mut self, c: ContainerRef, lent: &mut Lent<'_>) {
        let plan = &lent.machine.scenario.pods[self[c.pod as usize].plan as usize];
        let Some(recommender) = plan.recommender else { return };
        let killed_at = self.memory_limit(c, lent);
        let event = Event::Recommends { container: c, killed_at };
        lent.cx.queue.after(recommender.after, Phase::Inject, c.pod, event);
    }

    /// The memory limit of a container by its specification, bytes; 0: none.
    fn memory_limit(&self, c: ContainerRef, lent: &Lent<'_>) -> i64 {
        let plan = &lent.machine.scenario.pods[self[c.pod as usize].plan as usize];
        let name = &plan.containers[c.index as usize].name;
        let spec = self.template(c.pod).spec.all_containers().find(|spec| spec.name == *name);
        spec.and_then(|spec| spec.resources.limits.get(MEMORY)).map_or(0, Quantity::value)
    }

    /// New amounts for a container that is still there, in place or for its next start.
    pub fn recommends(&mut self, c: ContainerRef, killed_at: i64, lent: &mut Lent<'_>) {
        // Of several kills at one limit the first counts.
        if self[c.pod as usize].state != PodState::Active || self.memory_limit(c, lent) != killed_at {
            return;
        }
        self.settle(lent);
        let plan = &lent.machine.scenario.pods[self[c.pod as usize].plan as usize];
        let name = plan.containers[c.index as usize].name.clone();
        let spec = self.template(c.pod).spec.all_containers().find(|spec| spec.name == name);
        let Some((recommender, spec)) = plan.recommender.zip(spec) else { return };
        let Some(raised) = recommender.raise(&spec.resources) else { return };
        let after = self.with_resources(c.pod, &name, &raised, lent);
        let shown =
            |list: &crate::kubelet::ResourceList| list.get(MEMORY).map_or_else(String::new, Quantity::to_string);
        let (request, limit) = (shown(&raised.requests), shown(&raised.limits));
        let pod = &self[c.pod as usize].name;
        let message: Name =
            format!("{pod}/{name}: the recommender raises the memory request to {request}, the limit to {limit}")
                .into();
        lent.record(Record::NodeChanged { message });
        self.set_template(c.pod, after);
        self.write_pod(c.pod, lent);
        self.write_container(c, lent);
        self.update_qos_cgroups(lent);
        self.route(lent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::ResourceList;

    fn amounts(request: u64, limit: u64) -> ResourceRequirements {
        let list = |mib: u64| ResourceList::from([(MEMORY.to_owned(), Quantity::bytes((mib << 20) as i64))]);
        ResourceRequirements { requests: list(request), limits: list(limit) }
    }

    /// autoscaler, VPA flags: the larger of 120 % and 100 MiB more; the limit in proportion. By hand: 1000 → 1200,
    /// 200 → 300; with request 500 of 1000 the limit becomes 2400; capped at 1100.
    #[test]
    fn a_fifth_more_but_at_least_100_mib() {
        let plain = Recommender::default();
        assert_eq!(plain.raise(&amounts(1000, 1000)), Some(amounts(1200, 1200)));
        assert_eq!(plain.raise(&amounts(200, 200)), Some(amounts(300, 300)));
        assert_eq!(plain.raise(&amounts(500, 1000)), Some(amounts(1200, 2400)));
        let capped = Recommender { max_allowed: Some(Bytes::mib(1100)), ..plain };
        assert_eq!(capped.raise(&amounts(1000, 1000)), Some(amounts(1100, 1100)));
        assert_eq!(capped.raise(&amounts(1100, 1100)), None);
    }
}
