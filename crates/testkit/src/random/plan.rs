//! Random plans: every field of a plan has, now and then, another value than its default.
//!
//! A plan is made from a list of numbers, so that it shrinks to a plan with defaults as the list gets shorter.

use super::program;
use oomsim_core::kernel::{CgroupVersion, Disk, Profile, SYSCTLS, Thp, VERSIONS};
use oomsim_core::kubelet::{
    CgroupDriver, ContainerSpec, KubeletConfig, KubernetesProfile, MemoryReservationPolicy, PodSpec, ResourceList,
    ResourceRequirements, RestartPolicy, TextMap, Toleration,
};
use oomsim_core::node_api::{CgroupWrite, Name, Signo};
use oomsim_core::plan::{
    Change, ContainerPlan, Controller, Earlier, HangUp, HostPlan, Injection, KubeletPlan, NodePlan, PodPlan, PreStop,
    ProbeHandler, ProbeKind, ProbePlan, ProcessPlan, Scenario, VolumePlan,
};
use oomsim_core::units::{Bytes, Quantity, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, Footprint, TermReaction};
use proptest::prelude::*;
use std::sync::Arc;

/// Numbers that decide; zeros when they have run out.
pub(crate) struct Choices(std::vec::IntoIter<u64>);

impl Choices {
    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0.next().unwrap_or(0) % n.max(1)
    }

    /// Seldom enough that most of a plan is as it is by default.
    pub fn seldom(&mut self) -> bool {
        self.below(4) == 3
    }

    pub fn boolean(&mut self) -> bool {
        self.below(2) == 1
    }

    pub fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize].clone()
    }

    pub fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.seldom() { Some(make(self)) } else { None }
    }

    /// From a byte to many GiB, round or not.
    pub fn bytes(&mut self) -> Bytes {
        let shift = self.of(&[0u32, 10, 20, 30]);
        Bytes::new((1 + self.below(1000)) << shift)
    }

    /// From a nanosecond to hours.
    pub fn duration(&mut self) -> SimDuration {
        let scale = self.of(&[1u64, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000]);
        SimDuration::from_nanos((1 + self.below(500)) * scale)
    }

    pub fn time(&mut self) -> SimTime {
        SimTime::from_nanos(self.duration().as_nanos())
    }

    /// Names that need quotes, too.
    pub fn text(&mut self) -> String {
        self.of(&["plain", "with blanks", "quo\"ted", "back\\slash", "new\nline", "ümläut…", "#", "'", "=", "a.b"])
            .into()
    }

    fn name(&mut self) -> Name {
        self.of(&["plain", "with blanks", "quo\"ted", "back\\slash", "ümläut", "#", "a.b", "]"]).into()
    }
}

/// A plan that a scenario can state.
pub fn plan() -> impl Strategy<Value = Scenario> {
    proptest::collection::vec(any::<u64>(), 0..600).prop_map(|numbers| scenario(&mut Choices(numbers.into_iter())))
}

fn scenario(c: &mut Choices) -> Scenario {
    let mut scenario = Scenario::new(&c.name(), node(c));
    scenario.description = c.some(Choices::text).unwrap_or_default();
    scenario.seed = c.some(|c| c.below(i64::MAX as u64)).unwrap_or(1);
    scenario.nodes = 1 + c.below(3) as u32;
    scenario.duration = SimDuration::from_secs(100 + c.below(10_000));
    scenario.sample_every = c.some(|c| SimDuration::from_millis(500 + c.below(5000))).unwrap_or(scenario.sample_every);
    let pods = c.below(4);
    if pods > 0 || c.boolean() {
        kubelet(c, &mut scenario);
    }
    let profile = scenario.kubelet.as_ref().map(|plan| plan.profile).unwrap_or_default();
    for n in 0..pods {
        let mut pod = pod(c, n, &scenario.node.name);
        pod.spec.set_defaults(&profile);
        scenario.pods.push(pod);
    }
    for n in 0..c.below(3) {
        let host = host(c, n, &scenario.hosts);
        scenario.hosts.push(host);
    }
    for _ in 0..c.below(5) {
        if let Some(change) = injection(c, &scenario) {
            scenario.injections.push(Injection { at: SimTime::from_nanos(c.below(1 << 36)), change });
        }
    }
    scenario.injections.sort_by_key(|injection| injection.at);
    scenario
}

fn node(c: &mut Choices) -> NodePlan {
    let mut node = NodePlan::new(Bytes::mib(64_000 + c.below(1000)) + Bytes::new(c.below(2)));
    node.name = c.some(|c| c.of(&["worker", "n1"]).into()).unwrap_or(node.name);
    node.nominal = c.some(|c| Bytes::gib(1 + c.below(64)));
    node.kernel.swap_total = c.some(Choices::bytes).unwrap_or_default();
    node.kernel.cpus = c.some(|c| 1 + c.below(64) as u32).unwrap_or(2);
    for amount in [
        &mut node.system_anon,
        &mut node.system_active_file,
        &mut node.system_inactive_file,
        &mut node.system_mlocked_file,
        &mut node.system_committed,
        &mut node.kernel.kernel_memory,
        &mut node.kernel.system_text,
    ] {
        *amount = c.some(|c| Bytes::kib(1 + c.below(1 << 20))).unwrap_or_default();
    }
    node.kernel.disk = c.some(|c| match c.seldom() {
        true => Disk { latency: c.duration(), bandwidth: Bytes::mib(1 + c.below(1000)), page: c.duration() },
        false => c.of(&Disk::KINDS).1,
    });
    node.pause = c.some(footprint).unwrap_or(node.pause);
    node.runtime.shares_processors = c.seldom();
    for delay in [
        &mut node.runtime.sandbox_create,
        &mut node.runtime.container_create,
        &mut node.runtime.container_remove,
        &mut node.runtime.pod_teardown,
        &mut node.exit.base,
        &mut node.exit.per_gib,
    ] {
        *delay = c.some(Choices::duration).unwrap_or(*delay);
    }
    kernel(c, &mut node);
    node
}

fn kernel(c: &mut Choices, node: &mut NodePlan) {
    let kernel = &mut node.kernel;
    if let Some(version) = c.some(|c| c.of(&VERSIONS)) {
        kernel.profile = Profile::named(version).expect("a row");
    }
    kernel.cgroup = if c.seldom() { CgroupVersion::V1 } else { CgroupVersion::V2 };
    kernel.thp = c.of(&[Thp::Never, Thp::Never, Thp::Always, Thp::Madvise]);
    for capability in Profile::capabilities() {
        if c.seldom() {
            let value = match capability.values {
                [] => (1 + c.below(1000)).to_string(),
                words => c.of(words).to_owned(),
            };
            capability.set(&mut kernel.profile, &value).expect("legal");
        }
    }
    for (name, max) in SYSCTLS {
        // The sizes of reserves and pools have to fit the machine.
        if c.seldom() && !name.ends_with("kbytes") && !name.ends_with("hugepages") {
            kernel.sysctl.set(name, c.below(*max as u64 + 1) as i64).expect("legal");
        }
    }
    if c.seldom() {
        kernel.sysctl.set("vm.overcommit_kbytes", c.below(1 << 30) as i64).expect("legal");
    }
    if c.seldom() {
        kernel.sysctl.set("vm.admin_reserve_kbytes", c.below(1 << 14) as i64).expect("legal");
        kernel.sysctl.set("vm.min_free_kbytes", 1024 + c.below(1 << 14) as i64).expect("legal");
    }
    kernel.node_oom_stall = SimDuration::from_millis(kernel.profile.node_oom_stall_ms.into());
}

fn kubelet(c: &mut Choices, scenario: &mut Scenario) {
    let mut profile = c.of(&KubernetesProfile::ALL);
    for fact in KubernetesProfile::FACTS {
        if c.seldom() {
            let values = [
                "true",
                "false",
                "0",
                "1",
                "-7",
                "ExceedsRequest",
                "PodRequests",
                "Expiry",
                "Nameless",
                "NoSwap",
                "LimitedSwap",
            ];
            // One that does not fit is refused, and the capability stays.
            let _ = profile.set(fact.name, c.of(&values));
        }
    }
    let config = configuration(c);
    let sysctl = &mut scenario.node.kernel.sysctl;
    // What a kubelet sets when nothing else is said.
    sysctl.overcommit_memory = c.some(|c| c.below(3) as u8).unwrap_or(1);
    let mut plan = KubeletPlan::new(config, profile, &scenario.node);
    match c.below(4) {
        0 => plan.passes = [c.time()].into(),
        _ => plan.first_pass = c.some(Choices::time),
    }
    plan.first_relist = c.some(Choices::time);
    plan.just_started = c.below(4) == 0;
    // The clocks of the back-off follow the configuration.
    let limits = oomsim_core::kubelet::backoff::BackoffLimits::of(&plan.config, &profile);
    (plan.timing.backoff_base, plan.timing.backoff_max) = (limits.base, limits.max);
    let timing = &mut plan.timing;
    for clock in [
        &mut timing.monitoring_period,
        &mut timing.synchronize,
        &mut timing.cleanup_timeout,
        &mut timing.cleanup_poll,
        &mut timing.kill_timeout_least,
        &mut timing.relist_period,
        &mut timing.resync_period,
        &mut timing.resync_jitter,
        &mut timing.housekeeping.interval,
        &mut timing.housekeeping.max_interval,
        &mut timing.backoff_base,
        &mut timing.backoff_first,
        &mut timing.backoff_max,
    ] {
        *clock = c.some(Choices::duration).unwrap_or(*clock);
    }
    timing.node_status_jitter_permille = c.some(|c| c.below(1001)).unwrap_or(timing.node_status_jitter_permille);
    timing.housekeeping.jitter_permille = c.some(|c| c.below(10_001)).unwrap_or(timing.housekeeping.jitter_permille);
    timing.housekeeping.fresh = c.seldom();
    timing.random_lead = c.seldom();
    timing.slow = c.some(|c| oomsim_core::kubelet::SlowKubelet { below: c.bytes(), takes: c.duration() });
    scenario.kubelet = Some(plan);
}

fn configuration(c: &mut Choices) -> KubeletConfig {
    let map = |pairs: &[(&str, String)]| -> TextMap {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    };
    let amount = |c: &mut Choices| c.of(&["100Mi", "1.5Gi", "5%", "12.25%", "1024"]).to_owned();
    let reserved = |c: &mut Choices| map(&[("memory", format!("{}Mi", c.below(2000))), ("cpu", "100m".into())]);
    let soft = c.seldom();
    KubeletConfig {
        kube_reserved: c.some(reserved).unwrap_or_default(),
        system_reserved: c.some(reserved).unwrap_or_default(),
        kube_reserved_cgroup: c.some(|_| "/kube.slice".to_owned()).unwrap_or_default(),
        system_reserved_cgroup: c.some(|_| "/system.slice".to_owned()).unwrap_or_default(),
        eviction_hard: c.some(|c| map(&[("memory.available", amount(c)), ("nodefs.available", "10%".into())])),
        merge_default_eviction_settings: c.some(Choices::boolean),
        eviction_soft: if soft { map(&[("memory.available", amount(c))]) } else { TextMap::new() },
        eviction_soft_grace_period: if soft { map(&[("memory.available", "1m30s".into())]) } else { TextMap::new() },
        eviction_minimum_reclaim: c.some(|c| map(&[("memory.available", amount(c))])).unwrap_or_default(),
        eviction_pressure_transition_period: c.some(Choices::duration),
        eviction_max_pod_grace_period: c.some(|c| c.below(100) as i64 - 50).unwrap_or_default(),
        enforce_node_allocatable: c.some(|c| if c.boolean() { vec!["pods".into()] } else { Vec::new() }),
        cgroup_driver: if c.seldom() { CgroupDriver::Systemd } else { CgroupDriver::Cgroupfs },
        cgroup_root: c.some(|c| c.of(&["/kubelet", "/"]).to_owned()).unwrap_or_default(),
        cgroups_per_qos: c.some(Choices::boolean),
        node_status_update_frequency: c.some(Choices::duration),
        memory_throttling_factor: c.some(|c| c.of(&[0.9, 0.5, 1.0, 0.123_456])),
        memory_reservation_policy: c.some(|c| match c.boolean() {
            true => MemoryReservationPolicy::TieredReservation,
            false => MemoryReservationPolicy::None,
        }),
        memory_swap: oomsim_core::kubelet::MemorySwap {
            swap_behavior: c.some(|c| c.of(&["NoSwap", "LimitedSwap"]).to_owned()).unwrap_or_default(),
        },
        fail_swap_on: c.some(Choices::boolean),
        single_process_oom_kill: c.some(Choices::boolean),
        fail_cgroup_v1: c.some(Choices::boolean),
        oom_score_adj: c.some(|c| c.below(2001) as i64 - 1000),
        max_container_restart_period: c.some(|c| SimDuration::from_secs(1 + c.below(300))),
        qos_reserved: c.some(|_| map(&[("memory", "50%".into())])).unwrap_or_default(),
        kernel_memcg_notification: c.seldom(),
        protect_kernel_defaults: c.seldom(),
        max_pods: c.some(|c| 1 + c.below(250) as i64),
    }
}

fn footprint(c: &mut Choices) -> Footprint {
    let mut footprint = Footprint::default();
    for amount in [
        &mut footprint.anon,
        &mut footprint.file,
        &mut footprint.page_tables,
        &mut footprint.virtual_size,
        &mut footprint.kernel,
    ] {
        *amount = c.some(Choices::bytes).unwrap_or_default();
    }
    footprint
}

fn resources(c: &mut Choices) -> ResourceRequirements {
    resources_of(c, &["64Mi", "100M", "1.5Gi", "12345"], &["2Gi", "3G", "4000Mi"], "1500m")
}

/// More than all containers together have.
fn pod_resources(c: &mut Choices) -> ResourceRequirements {
    resources_of(c, &["30Gi", "40G"], &["50Gi", "64G"], "64")
}

fn resources_of(c: &mut Choices, requests: &[&str], limits: &[&str], cpu: &str) -> ResourceRequirements {
    let quantity = |text: &str| Quantity::parse(text).expect("a quantity");
    let mut resources = ResourceRequirements::default();
    if c.boolean() {
        resources.requests = ResourceList::from([("memory".to_owned(), quantity(c.of(requests)))]);
    }
    if c.boolean() {
        let memory = quantity(c.of(limits));
        resources.limits = ResourceList::from([("memory".into(), memory), ("cpu".into(), quantity(cpu))]);
    }
    resources
}

fn pod(c: &mut Choices, n: u64, node: &Name) -> PodPlan {
    let mut pod = PodPlan::new(&format!("pod-{n}"));
    pod.namespace = c.some(|_| "shop".into()).unwrap_or(pod.namespace);
    pod.node_name = c.some(|_| node.clone());
    pod.labels = Arc::new(c.some(|_| ("app.kubernetes.io/name".to_owned(), "web".to_owned())).into_iter().collect());
    pod.at = c.some(|c| SimTime::from_secs(c.below(100))).unwrap_or_default();
    pod.at_spread = c.some(Choices::duration).unwrap_or_default();
    pod.controller = c.of(&[
        Controller::None,
        Controller::None,
        Controller::Deployment,
        Controller::DaemonSet,
        Controller::StatefulSet,
        Controller::Job,
    ]);
    pod.backoff_limit = c.some(|c| c.below(9) as u32).unwrap_or(pod.backoff_limit);
    pod.admitted = c.seldom();
    if (pod.at, pod.at_spread) == (SimTime::ZERO, SimDuration::ZERO) && c.seldom() {
        pod.earlier = Some(Earlier { age: c.duration(), restarts: Default::default() });
    }
    pod.recreate_after = c.some(Choices::duration).unwrap_or(pod.recreate_after);
    pod.replicas = c.some(|c| c.below(4) as u32).unwrap_or(1);
    pod.restart_policy = c.of(&[RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never]);
    pod.housekeeping = c.some(|c| [c.time()].into()).unwrap_or(pod.housekeeping);
    pod.restart_jitter_permille = c.some(|c| [c.below(1001) as u16].into()).unwrap_or(pod.restart_jitter_permille);
    pod.volumes = vec![VolumePlan { name: "cache".into(), size_limit: c.some(Choices::bytes) }];
    pod.spec = PodSpec {
        namespace: pod.namespace.clone(),
        uid: c.some(|c| c.of(&["5f3d2447", "u 1"]).into()).unwrap_or_default(),
        priority: c.some(|c| c.below(2_000_001) as i32 - 1_000_000),
        priority_class_name: c.some(|_| "gold".to_owned()).unwrap_or_default(),
        resources: c.some(pod_resources),
        overhead: c.some(|_| ResourceList::from([("memory".into(), Quantity::parse("1Mi").expect("a quantity"))])),
        termination_grace_period_seconds: c.some(|c| c.below(100) as i64),
        tolerations: Arc::new(c.some(toleration).into_iter().collect()),
        ..pod.spec
    };
    for n in 0..1 + c.below(3) {
        let spec = ContainerSpec { resources: resources(c), ..ContainerSpec::new(&format!("c{n}")) };
        pod.containers.push(container(c, &spec.name));
        Arc::make_mut(&mut pod.spec.containers).push(spec);
    }
    if c.seldom() {
        let spec = ContainerSpec { restart_policy: Some(RestartPolicy::Always), ..ContainerSpec::new("sidecar") };
        pod.containers.push(container(c, &spec.name));
        pod.spec.init_containers.push(spec);
    }
    if c.seldom() {
        let spec = ContainerSpec { resources: resources(c), ..ContainerSpec::new("migrate") };
        let mut migrate = container(c, &spec.name);
        if let [only] = migrate.processes.as_mut_slice()
            && only.behavior.is_idle()
        {
            only.behavior = Arc::new(Behavior::ends_at_once());
        }
        pod.containers.push(migrate);
        pod.spec.init_containers.push(spec);
    }
    pod
}

fn toleration(c: &mut Choices) -> Toleration {
    Toleration {
        key: c.some(Choices::text).unwrap_or_default(),
        operator: c.of(&["", "Equal", "Exists"]).into(),
        value: c.some(Choices::text).unwrap_or_default(),
        effect: c.of(&["", "NoSchedule", "NoExecute"]).into(),
        toleration_seconds: c.some(|c| c.below(1000) as i64),
    }
}

fn container(c: &mut Choices, name: &Name) -> ContainerPlan {
    let pid_namespace = !c.seldom();
    let mut first = ProcessPlan::pid1(name);
    if !pid_namespace {
        first.term = TermReaction::Default;
    }
    let mut processes = vec![process(c, first)];
    let behavior = Behavior::clone(&processes[0].behavior);
    processes[0].behavior = Arc::new(program::restarted(c, behavior));
    for n in 0..c.below(2) {
        processes.push(process(c, ProcessPlan::idle(&format!("other-{n}").into())));
    }
    let (takes, restarts_on_resize) = (c.some(Choices::duration), c.seldom());
    let pre_stop = takes.map(|takes| match c.seldom() {
        true => PreStop::Exec { takes, code: c.below(3) as u8 },
        false => PreStop::Sleep(takes),
    });
    let mut probes = Vec::new();
    for kind in ProbeKind::ALL {
        if c.seldom() {
            probes.push(probe(c, kind));
        }
    }
    ContainerPlan { name: name.clone(), processes, pid_namespace, pre_stop, probes, restarts_on_resize }
}

fn probe(c: &mut Choices, kind: ProbeKind) -> ProbePlan {
    let (port, path) = (c.of(&["80", "http"]).into(), c.of(&["/", "/healthz"]).into());
    let handler = match c.below(4) {
        0 => ProbeHandler::Exec("cat /tmp/healthy".into()),
        1 => ProbeHandler::Tcp(port),
        2 => ProbeHandler::Grpc(port),
        _ => ProbeHandler::Http { port, path },
    };
    let period = SimDuration::from_secs(1 + c.below(30));
    let grace_seconds = c.some(|c| 1 + c.below(100) as i64);
    ProbePlan { period, failure_threshold: 1 + c.below(5) as u32, grace_seconds, ..ProbePlan::new(kind, handler) }
}

fn process(c: &mut Choices, base: ProcessPlan) -> ProcessPlan {
    let launch = c.some(program::launch).unwrap_or_default();
    let runtime = c.some(|c| Arc::new(program::runtime(c, &launch)));
    ProcessPlan {
        launch,
        runtime,
        uid: c.some(|c| c.below(1 << 32) as u32).unwrap_or_default(),
        at: c.some(|c| SimDuration::from_secs(c.below(50))).unwrap_or_default(),
        pid: c.some(|c| 2 + c.below(4_000_000) as u32),
        behavior: Arc::new(program::behavior(c)),
        footprint: c.some(footprint).unwrap_or_default(),
        term: c
            .some(|c| match c.below(3) {
                0 => TermReaction::Default,
                1 => TermReaction::Ignore,
                _ => TermReaction::Exits { after: c.duration(), code: c.below(256) as u8 },
            })
            .unwrap_or(base.term),
        oom_score_adj: c.some(|c| c.below(2001) as i16 - 1000),
        waits_for_children: c.seldom(),
        comm: c.some(|c| c.of(&["sh", "a b", "q\"", "ü"]).into()).unwrap_or(base.comm),
    }
}

fn host(c: &mut Choices, n: u64, others: &[HostPlan]) -> HostPlan {
    let mut host = HostPlan::new(&format!("host {n} of a long name"), program::behavior(c));
    host.process = process(c, host.process);
    host.cgroup = c.some(|c| c.of(&["/", "/user.slice", "/system.slice/a b"]).into()).unwrap_or(host.cgroup);
    host.session_of = others.first().filter(|_| c.seldom()).map(|leader| leader.name.clone());
    host.hangs_up_with = c.some(|c| HangUp { process: c.name(), after: c.some(Choices::duration).unwrap_or_default() });
    host
}

/// Files of a cgroup, at least one of them.
fn cgroup_write(c: &mut Choices) -> CgroupWrite {
    let at_most = |c: &mut Choices| if c.boolean() { Bytes::MAX } else { c.bytes() };
    CgroupWrite {
        max: Some(at_most(c)),
        high: c.some(at_most),
        low: c.some(Choices::bytes),
        min: c.some(Choices::bytes),
        swap_max: c.some(at_most),
        oom_group: c.some(Choices::boolean),
        swappiness: c.some(|c| c.below(101) as u8),
    }
}

fn injection(c: &mut Choices, scenario: &Scenario) -> Option<Change> {
    let process = scenario.hosts.first().map(|host| host.process.comm.clone());
    Some(match c.below(5) {
        0 => Change::Sysctl { name: "vm.swappiness".into(), value: c.below(200) },
        1 => Change::Cgroup { cgroup: "/a b/c".into(), write: cgroup_write(c) },
        2 => {
            let signals = [Signo::Hup, Signo::Abrt, Signo::Kill, Signo::Segv, Signo::Term];
            Change::Signal { process: process?, signal: c.of(&signals) }
        }
        3 => Change::Fork { process: process? },
        _ => {
            let pod = scenario.pods.first()?.full_name().into();
            Change::DeletePod { pod, grace_seconds: c.some(|c| 1 + c.below(60) as u32) }
        }
    })
}
