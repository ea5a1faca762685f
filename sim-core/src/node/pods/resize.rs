//! A running container's requests and limits change in place.

use super::start::write_cgroup;
use super::{Lent, Pods, Template};
use crate::engine::RunsBehind;
use crate::kubelet::ResourceRequirements;
use crate::node::changes::ChangeError;
use crate::node::ids::{ContainerRef, PodIx};
use crate::node::kubelet::Kubelet;
use crate::node::memory::Scope;
use crate::node_api::Name;
use crate::record::{DeathCause, Record};
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
        let after = self.with_resources(ix, container, resources, lent);
        if after.qos != before.qos {
            return Err(ChangeError::OtherQosClass(pod.clone()));
        }
        let c = ContainerRef { pod: ix, index };
        let restarts =
            lent.machine.scenario.pods[self[ix as usize].plan as usize].containers[index as usize].restarts_on_resize;
        lent.record(record());
        if let Err(refused) = self.may_resize(c, &after, restarts, lent) {
            let message = format!("{pod}/{container}: the resize is refused: {refused}");
            lent.record(Record::NodeChanged { message: message.into() });
            return Ok(());
        }
        let grows = after.cgroup.max.unwrap_or(Bytes::MAX) >= before.cgroup.max.unwrap_or(Bytes::MAX);
        self.set_template(ix, after);
        if grows {
            self.write_pod(ix, lent);
        }
        match restarts {
            // It is stopped, and starts with the new limit.
            true => lent.kill(ix, |of| of == index, DeathCause::ContainerStop),
            false => self.write_container(c, lent),
        }
        if !grows {
            self.write_pod(ix, lent);
        }
        self.update_qos_cgroups(lent);
        self.route(lent);
        Ok(())
    }

    /// What a pod is made from when one of its containers has these resources.
    pub(super) fn with_resources(
        &self,
        pod: PodIx,
        container: &Name,
        resources: &ResourceRequirements,
        lent: &Lent<'_>,
    ) -> Arc<Template> {
        let before = self.template(pod);
        let mut plan = lent.machine.scenario.pods[self[pod as usize].plan as usize].clone();
        plan.spec.containers = Arc::clone(&before.spec.containers);
        plan.spec.init_containers.clone_from(&before.spec.init_containers);
        for spec in Arc::make_mut(&mut plan.spec.containers).iter_mut().chain(&mut plan.spec.init_containers) {
            if spec.name == *container {
                spec.resources = resources.clone();
            }
        }
        Template::new(&plan, lent.kubelet.as_deref(), lent.machine)
    }

    /// Whether API and kubelet of this release make the change; the text is theirs.
    fn may_resize(&self, c: ContainerRef, after: &Template, restarts: bool, lent: &mut Lent<'_>) -> Result<(), String> {
        let Some(profile) = lent.kubelet.as_deref().map(Kubelet::profile).copied() else { return Ok(()) };
        if !profile.in_place_resize {
            return Err(format!("Kubernetes {} has no in-place resize unless its gate is on", profile.version));
        }
        let of = lent.runtime.get(c).filter(|_| !restarts);
        let (Some(cgroup), Some(limit)) = (
            of.and_then(|run| run.cgroup),
            after.containers[c.index as usize].cgroup.as_ref().and_then(|write| write.max),
        ) else {
            return Ok(());
        };
        if of.and_then(|run| run.limit).is_some_and(|before| before <= limit) {
            return Ok(());
        }
        if !profile.memory_limit_decrease_in_place {
            return Err("memory limits cannot be decreased unless resizePolicy is RestartContainer".into());
        }
        let usage = lent.machine.settled(Scope::Node, &mut lent.cx).usage(cgroup);
        if usage < limit {
            return Ok(());
        }
        let (name, limit, usage) = (&self.container(c).name, limit.get(), usage.get());
        Err(format!("attempting to set container \"{name}\" memory limit ({limit}) below current usage ({usage})"))
    }

    pub(super) fn write_pod(&self, pod: PodIx, lent: &mut Lent<'_>) {
        if let Some(cgroup) = self[pod as usize].cgroup {
            write_cgroup(cgroup, &self.template(pod).cgroup, lent);
        }
    }

    pub(super) fn write_container(&self, c: ContainerRef, lent: &mut Lent<'_>) {
        let write = self.template(c.pod).containers[c.index as usize].cgroup.as_ref();
        let cgroup = lent.runtime.get(c).and_then(|container| container.cgroup);
        if let (Some(write), Some(cgroup)) = (write, cgroup) {
            let limit = write_cgroup(cgroup, write, lent);
            lent.runtime.set_limit(c, limit);
        }
    }
}
