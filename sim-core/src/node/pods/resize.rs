//! A running container's requests and limits change in place.

use super::start::write_cgroup;
use super::{Lent, Pods, Template};
use crate::kubelet::ResourceRequirements;
use crate::node::changes::ChangeError;
use crate::node::ids::{ContainerRef, PodIx};
use crate::node_api::Name;
use crate::record::Record;
use crate::units::Bytes;
use std::sync::Arc;

impl Pods {
    /// The container gets these resources. Its pod's cgroup is written first if that grows, else last, so that the pod
    /// is never too small for its containers (kuberuntime_manager.go doPodResizeAction).
    pub fn resize(
        &mut self,
        (pod, container): (&Name, &Name),
        resources: &ResourceRequirements,
        record: impl FnOnce() -> Record,
        lent: &mut Lent<'_>,
    ) -> Result<(), ChangeError> {
        let ix = self.named(pod).ok_or_else(|| ChangeError::NoSuchPod(pod.clone()))?;
        let place = self[ix as usize].containers.iter().position(|c| c.name == *container);
        let index = place.ok_or_else(|| ChangeError::NoSuchContainer(container.clone()))? as u32;
        let before = Arc::clone(self.template(ix));
        let mut plan = lent.machine.scenario.pods[self[ix as usize].plan as usize].clone();
        plan.spec.containers = Arc::clone(&before.spec.containers);
        plan.spec.init_containers.clone_from(&before.spec.init_containers);
        for spec in Arc::make_mut(&mut plan.spec.containers).iter_mut().chain(&mut plan.spec.init_containers) {
            if spec.name == *container {
                spec.resources = resources.clone();
            }
        }
        let after = Template::new(&plan, lent.kubelet.as_deref(), lent.machine);
        if after.qos != before.qos {
            return Err(ChangeError::OtherQosClass(pod.clone()));
        }
        let grows = after.cgroup.max.unwrap_or(Bytes::MAX) >= before.cgroup.max.unwrap_or(Bytes::MAX);
        lent.record(record());
        self[ix as usize].template = after;
        if grows {
            self.write_pod(ix, lent);
        }
        self.write_container(ContainerRef { pod: ix, index }, lent);
        if !grows {
            self.write_pod(ix, lent);
        }
        self.update_qos_cgroups(lent);
        self.route(lent);
        Ok(())
    }

    fn write_pod(&self, pod: PodIx, lent: &mut Lent<'_>) {
        if let Some(cgroup) = self[pod as usize].cgroup {
            write_cgroup(cgroup, &self.template(pod).cgroup, lent);
        }
    }

    fn write_container(&self, c: ContainerRef, lent: &mut Lent<'_>) {
        let write = self.template(c.pod).containers[c.index as usize].cgroup.as_ref();
        let cgroup = lent.runtime.get(c).and_then(|container| container.cgroup);
        if let (Some(write), Some(cgroup)) = (write, cgroup) {
            let limit = write_cgroup(cgroup, write, lent);
            lent.runtime.set_limit(c, limit);
        }
    }
}
