//! Containers of every cause as the simulator runs them, and as monitoring would see them.

use oomsim_core::engine::{Stream, StreamFactory};
use oomsim_core::node_api::Name;
use oomsim_core::units::SimDuration;
use oomsim_explain::Run;
use oomsim_explain::diagnose::{Ailment, EventFact, MemoryCurve, Observed, observe};
use oomsim_testkit::read;
use std::fmt::Write;

/// Scrapes of each container.
const SCRAPES: u64 = 150;

/// What is drawn for one container.
struct Draw {
    random: Stream,
    scrape: u64,
    limit: u64,
}

impl Draw {
    fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.random.next_u64() % (high - low + 1)
    }

    fn seconds(&self) -> u64 {
        self.scrape * SCRAPES
    }

    /// A node with 8 GiB and a kubelet.
    fn node(&self, more_kubelet: &str, kernel: &str) -> String {
        format!(
            "duration = \"{}s\"\nsample = \"60s\"\n[node]\nmemory = \"8Gi\"\nsystem = {{ anon = \"300Mi\", kernel = \"100Mi\" }}\n\
             [kernel]\n{kernel}\n[kubelet]\nversion = \"1.32\"\nkubeReserved = {{ memory = \"700Mi\" }}\n\
             evictionHard = {{ \"memory.available\" = \"100Mi\" }}\n{more_kubelet}\n",
            self.seconds()
        )
    }
}

const CGROUP_V2: &str = "version = \"6.1\"\ncgroup = \"v2\"";

fn pod(limit: Option<u64>, request: u64, workload: &str) -> String {
    let limits = limit.map_or(String::new(), |limit| format!("limits = {{ memory = \"{limit}Mi\" }}, "));
    let requests = if request > 0 { format!("requests = {{ memory = \"{request}Mi\" }}") } else { String::new() };
    format!(
        "[[pod]]\nname = \"web\"\n[[pod.container]]\nname = \"app\"\nresources = {{ {limits}{requests} }}\n{workload}\n"
    )
}

/// A scenario with this cause; the run is looked at as the container `web/app`.
fn scenario(cause: Ailment, d: &mut Draw) -> String {
    match cause {
        Ailment::LimitTooLow | Ailment::Leak | Ailment::RuntimeSize | Ailment::Burst => of_the_program(cause, d),
        Ailment::PageCache | Ailment::Tmpfs | Ailment::Sidecar | Ailment::ChildKilled => of_the_pod(cause, d),
        _ => of_the_node(cause, d),
    }
}

/// Causes that lie in the program.
fn of_the_program(cause: Ailment, d: &mut Draw) -> String {
    let limit = d.limit;
    let piece = d.seconds() / d.within(3, 5);
    let part = |share: u64| limit * share / 100;
    match cause {
        Ailment::LimitTooLow => {
            let (quick, stays) = (piece / 12, piece * 9 / 12);
            let (level, half) = (part(97), part(d.within(35, 55)));
            let steps = format!(
                "workload.script = [ {{ anon = \"{half}Mi\" }}, {{ anon = \"{}Mi\", takes = \"{quick}s\" }}, {{ sleep = \"{stays}s\" }}, \
                 {{ anon = \"{}Mi\", takes = \"5s\" }}, {{ sleep = \"90s\" }} ]",
                level - half,
                part(10)
            );
            d.node("", CGROUP_V2) + &pod(Some(limit), limit, &steps)
        }
        Ailment::Leak => {
            let base = part(d.within(15, 35));
            let rate = ((limit - base) << 20) / piece.max(1);
            let steps = format!("workload.ramp = {{ from = \"{base}Mi\", rate = {rate} }}");
            d.node("", CGROUP_V2) + &pod(Some(limit), limit / 2, &steps)
        }
        Ailment::RuntimeSize => {
            // Towards a level, half of the way each fifth of the time; then what is outside of the heap is too much.
            let start = part(d.within(55, 70));
            let mut steps = format!("{{ anon = \"{start}Mi\" }}");
            let mut rest = part(96) - start;
            for _ in 0..5 {
                let _ = write!(steps, ", {{ anon = \"{}Mi\", takes = \"{}s\" }}", (rest * 9 / 20).max(1), piece / 6);
                rest -= rest * 9 / 20;
            }
            let _ = write!(
                steps,
                ", {{ sleep = \"{}s\" }}, {{ anon = \"{}Mi\" }}, {{ sleep = \"60s\" }}",
                piece / 8,
                part(12)
            );
            d.node("", CGROUP_V2) + &pod(Some(limit), limit, &format!("workload.script = [ {steps} ]"))
        }
        _ => {
            let base = part(d.within(15, 40));
            let steps = format!(
                "workload.script = [ {{ anon = \"{base}Mi\" }}, {{ sleep = \"{piece}s\" }}, {{ anon = \"{}Mi\", takes = \"3s\" }}, {{ sleep = \"60s\" }} ]",
                part(110)
            );
            d.node("", CGROUP_V2) + &pod(Some(limit), limit / 4, &steps)
        }
    }
}

/// Causes that lie in the pod.
fn of_the_pod(cause: Ailment, d: &mut Draw) -> String {
    let limit = d.limit;
    let part = |share: u64| limit * share / 100;
    match cause {
        Ailment::PageCache => {
            let file = part(d.within(60, 90));
            let rate = (file << 20) / (d.seconds() * 7 / 10);
            let anon = part(d.within(10, 18));
            let steps = format!(
                "workload.pageCache = {{ anon = \"{anon}Mi\", file = \"{file}Mi\", rate = {rate}, access = \"mmap\", passes = 1 }}"
            );
            d.node("", "version = \"6.12\"\ncgroup = \"v2\"") + &pod(Some(limit), limit / 4, &steps)
        }
        Ailment::Tmpfs => {
            let anon = part(d.within(15, 25));
            let pieces = 60;
            let step = (part(80) / pieces).max(1);
            let steps = format!(
                "workload.script = [ {{ anon = \"{anon}Mi\" }}, {{ tmpfs = \"{step}Mi\", volume = \"tmp\" }}, {{ sleep = \"{}s\" }}, \
                 {{ repeatFrom = 1 }} ]",
                d.seconds() * 6 / 10 / pieces
            );
            let with = format!("{steps}\n[[pod.volume]]\nname = \"tmp\"");
            d.node("", CGROUP_V2) + &pod(Some(limit), limit / 2, &with)
        }
        Ailment::Sidecar => {
            let own = part(d.within(55, 65));
            let rate = ((limit - own) << 20) * 12 / 10 / (d.seconds() / 2);
            format!(
                "{}[[pod]]\nname = \"web\"\nresources.limits = {{ memory = \"{limit}Mi\" }}\nresources.requests = {{ memory = \"{}Mi\" }}\n\
                 [[pod.container]]\nname = \"app\"\nworkload.steady = {{ anon = \"{own}Mi\" }}\n\
                 [[pod.container]]\nname = \"proxy\"\nworkload.ramp = {{ rate = {rate}, to = \"{own}Mi\" }}\n",
                d.node("", CGROUP_V2).replace("\"1.32\"", "\"1.34\""),
                limit / 2
            )
        }
        _ => {
            let own = part(d.within(20, 40));
            let rate = ((limit - own) << 20) / (d.seconds() * d.within(4, 7) / 10);
            let steps = format!(
                "workload.steady = {{ anon = \"{own}Mi\" }}\n[[pod.container.process]]\ncomm = \"worker\"\nworkload.ramp = {{ rate = {rate} }}"
            );
            d.node("singleProcessOOMKill = true", CGROUP_V2) + &pod(Some(limit), limit / 2, &steps)
        }
    }
}

/// Causes that lie in the node, or outside.
fn of_the_node(cause: Ailment, d: &mut Draw) -> String {
    let limit = d.limit;
    let part = |share: u64| limit * share / 100;
    match cause {
        Ailment::NodePressure | Ailment::ReservationTooSmall => {
            let own = d.within(150, 400);
            let rate = (7900 << 20) / (d.seconds() * d.within(7, 9) / 10);
            let (hard, host) = match cause {
                Ailment::NodePressure => ("300Mi", "from = \"10Mi\""),
                _ => ("10Mi", "from = \"600Mi\""),
            };
            let node = d.node("", CGROUP_V2).replace("available\" = \"100Mi\"", &format!("available\" = \"{hard}\""));
            let node = if cause == Ailment::ReservationTooSmall { node.replace("700Mi", "300Mi") } else { node };
            let request = if cause == Ailment::NodePressure { own / 3 } else { 0 };
            let own = pod(None, request, &format!("workload.steady = {{ anon = \"{own}Mi\" }}"));
            format!("{node}{own}[[host]]\nname = \"daemon\"\nworkload.ramp = {{ {host}, rate = {rate} }}\n")
        }
        Ailment::NodeOvercommit => {
            let own = d.within(400, 900);
            let wait = d.seconds() * d.within(5, 8) / 10;
            let other = format!(
                "[[pod]]\nname = \"batch\"\nrestartPolicy = \"Never\"\n[[pod.container]]\nname = \"batch\"\nresources.requests = {{ memory = \"7Gi\" }}\n\
                 workload.script = [ {{ anon = \"3Gi\", takes = \"{wait}s\" }}, {{ anon = \"6Gi\", takes = \"4s\" }}, {{ sleep = \"9h\" }} ]\n"
            );
            d.node("", CGROUP_V2) + &pod(None, 0, &format!("workload.steady = {{ anon = \"{own}Mi\" }}")) + &other
        }
        Ailment::Swap => {
            let rate = ((limit * 2) << 20) / d.seconds();
            let steps = format!("workload.ramp = {{ from = \"{}Mi\", rate = {rate} }}", part(40));
            let node = d.node("failSwapOn = false\nmemorySwap = { swapBehavior = \"LimitedSwap\" }", CGROUP_V2);
            node.replace("memory = \"8Gi\"", "memory = \"8Gi\"\nswap = \"32Gi\"") + &pod(Some(limit), limit - 1, &steps)
        }
        Ailment::HighStall => {
            let rate = (limit << 20) / (d.seconds() / 3);
            let steps =
                format!("workload.ramp = {{ from = \"{}Mi\", rate = {rate}, to = \"{}Mi\" }}", part(30), part(92));
            d.node("featureGates = { MemoryQoS = true }\nmemoryThrottlingFactor = 0.8", CGROUP_V2)
                + &pod(Some(limit), limit / 4, &steps)
        }
        _ => {
            let own = part(d.within(20, 60));
            let mut text = d.node("", CGROUP_V2)
                + &pod(Some(limit), limit / 2, &format!("workload.steady = {{ anon = \"{own}Mi\" }}"));
            for n in 1..=2 {
                let _ = write!(
                    text,
                    "[[at]]\ntime = \"{}s\"\nsignal = \"SIGKILL\"\nprocess = \"app\"\n",
                    n * d.seconds() / 3
                );
            }
            text
        }
    }
}

/// What monitoring shows of it: noise of 1 to 2 %, one sample of twenty missing, and what only some users give.
fn as_seen(cause: Ailment, mut observed: Observed, d: &mut Draw) -> Observed {
    let container = &mut observed.pod.containers[0];
    match cause {
        Ailment::RuntimeSize => container.settings.push(format!("-XX:MaxRAMPercentage={}", d.within(85, 95))),
        Ailment::LivenessProbe => {
            container.liveness = true;
            let message = "Container app failed liveness probe, will be restarted".to_owned();
            let event = EventFact { reason: "Killing".into(), message, count: 2, of_node: false };
            observed.events.get_or_insert_default().push(event);
        }
        // Seldom is more of the node known than its free memory.
        Ailment::NodePressure => {
            observed.all_pods.clear();
            observed.node_system.clear();
        }
        _ => {}
    }
    if d.within(0, 2) == 0 && !matches!(cause, Ailment::NodeOvercommit | Ailment::ChildKilled | Ailment::Burst) {
        observed.kills = None;
    }
    if d.within(0, 2) == 0 && !matches!(cause, Ailment::PageCache) {
        observed.rss.clear();
    }
    if !matches!(cause, Ailment::HighStall) && d.within(0, 1) == 0 {
        observed.stalls.clear();
    }
    for curve in [&mut observed.working_set, &mut observed.rss, &mut observed.node_available] {
        disturb(curve, d);
    }
    for (_, curve) in &mut observed.others {
        disturb(curve, d);
    }
    observed
}

fn disturb(curve: &mut MemoryCurve, d: &mut Draw) {
    let noise = d.within(10, 20) as f64 / 1000.0;
    curve.retain(|_| d.within(0, 19) > 0);
    for (_, value) in curve.iter_mut() {
        let draw = d.random.next_u64() as f64 / u64::MAX as f64 * 2.0 - 1.0;
        *value *= 1.0 + noise * draw;
    }
}

/// A container of a cause, as a user would bring it.
pub fn case(cause: Ailment, number: u64) -> Observed {
    let random = StreamFactory::new(number).stream(cause.as_str());
    let mut d = Draw { random, scrape: [15, 30, 60][(number % 3) as usize], limit: 0 };
    d.limit = d.within(256, 1024);
    let text = scenario(cause, &mut d);
    let run = Run::new(read(&text).scenario, number).expect("the run comes to its end");
    let pod: Name = "default/web".into();
    let observed = observe(&run, &pod, "app", SimDuration::from_secs(d.scrape));
    as_seen(cause, observed.unwrap_or_else(|| panic!("no container\n{text}")), &mut d)
}

/// The same with less to go by: half of what was recorded, noise of 3 to 6 %, one sample of five missing, no kernel
/// log, and neither anonymous memory nor figures of the node for two of three.
pub fn with_less(mut observed: Observed, number: u64) -> Observed {
    let random = StreamFactory::new(number).stream("hard");
    let mut d = Draw { random, scrape: 0, limit: 0 };
    let from = observed.working_set.len() / 2;
    observed.working_set.drain(..from);
    observed.kills = None;
    if d.within(0, 2) > 0 {
        observed.rss.clear();
    }
    if d.within(0, 2) > 0 {
        observed.node_available.clear();
        observed.node_system.clear();
        observed.all_pods.clear();
    }
    let noise = d.within(30, 60) as f64 / 1000.0;
    observed.working_set.retain(|_| d.within(0, 4) > 0);
    for (_, value) in &mut observed.working_set {
        *value *= 1.0 + noise * (d.random.next_u64() as f64 / u64::MAX as f64 * 2.0 - 1.0);
    }
    observed
}
