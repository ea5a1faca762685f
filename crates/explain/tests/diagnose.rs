//! Diagnoses of simulated containers of every cause, with noise, gaps and different scrape intervals. The confusion
//! matrix and the reliability curve are in `docs/diagnose.md`; `UPDATE_EXPECT=1` writes them anew. The temperature of
//! the confidence is fitted on containers of other seeds than those that are counted.

use oomsim_core::engine::{Stream, StreamFactory};
use oomsim_core::node_api::Name;
use oomsim_core::units::{Bytes, SimDuration};
use oomsim_explain::Run;
use oomsim_explain::diagnose::{
    Ailment, Diagnosis, EventFact, MemoryCurve, Observed, TEMPERATURE, diagnose, observe, probabilities, signs,
};
use oomsim_testkit::{read, repository};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Containers of each cause.
const EACH: u64 = 12;
/// Seeds of the containers that the temperature is fitted on.
const CALIBRATION: std::ops::Range<u64> = 1000..1008;
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
            observed.events.push(EventFact { reason: "Killing".into(), message, count: 2 });
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
fn case(cause: Ailment, number: u64) -> Observed {
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
fn hard_case(cause: Ailment, number: u64) -> Observed {
    let mut observed = case(cause, number);
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

/// How the diagnoses of all causes come out.
struct Outcome {
    cause: Ailment,
    diagnosis: Diagnosis,
}

fn all(case: fn(Ailment, u64) -> Observed) -> Vec<Outcome> {
    let of = |&cause: &Ailment| (0..EACH).map(move |n| Outcome { cause, diagnosis: diagnose(&case(cause, n)) });
    Ailment::ALL.iter().flat_map(of).collect()
}

/// Containers with little noise and with much, of seeds that are not counted: of all temperatures the one that is used
/// gives their true causes the highest probability.
#[test]
fn the_temperature_fits_containers_of_other_seeds() {
    let cases = Ailment::ALL.iter().flat_map(|&cause| {
        CALIBRATION.flat_map(move |n| [case(cause, n), hard_case(cause, n)].map(|o| (cause, signs(&o))))
    });
    let cases: Vec<_> = cases.collect();
    let loss = |temperature: f64| {
        let of = |(cause, seen): &(Ailment, Vec<_>)| {
            let likely = probabilities(seen, temperature);
            -likely.iter().find(|l| l.cause == *cause).map_or(0.0, |l| l.probability.max(1e-12).ln())
        };
        cases.iter().map(of).sum::<f64>() / cases.len() as f64
    };
    let best = (5..=40).map(|tenth| f64::from(tenth) / 10.0).min_by(|a, b| loss(*a).total_cmp(&loss(*b)));
    let best = best.expect("a temperature");
    assert!((best - TEMPERATURE).abs() < 0.11, "{best} fits best: {} against {}", loss(best), loss(TEMPERATURE));
}

/// The matrix, and the curve with the harder containers among them, as the page has them.
fn tables(results: &[Outcome], hard: &[Outcome]) -> String {
    let mut text = String::from("| cause | right | not decided | taken for |\n|---|---|---|---|\n");
    for &cause in Ailment::ALL {
        let of: Vec<&Outcome> = results.iter().filter(|r| r.cause == cause).collect();
        let right = of.iter().filter(|r| r.diagnosis.cause == Some(cause)).count();
        let open = of.iter().filter(|r| r.diagnosis.cause.is_none()).count();
        let mut wrong: BTreeMap<Ailment, usize> = BTreeMap::new();
        of.iter()
            .filter_map(|r| r.diagnosis.cause)
            .filter(|c| *c != cause)
            .for_each(|c| *wrong.entry(c).or_default() += 1);
        let wrong: Vec<String> = wrong.iter().map(|(cause, n)| format!("{cause} {n}")).collect();
        let _ = writeln!(text, "| {cause} | {right} of {} | {open} | {} |", of.len(), wrong.join(", "));
    }
    let open = hard.iter().filter(|r| r.diagnosis.cause.is_none()).count();
    let right = hard.iter().filter(|r| r.diagnosis.cause == Some(r.cause)).count();
    let wrong = hard.len() - open - right;
    let _ = writeln!(
        text,
        "| all causes, with less to go by | {right} of {} | {open} | another cause {wrong} |",
        hard.len()
    );
    text.push_str("\n| stated confidence | answers | of them right |\n|---|---|---|\n");
    for (low, high) in [(0.6, 0.8), (0.8, 0.95), (0.95, 0.99), (0.99, 1.01)] {
        let within = |r: &&Outcome| r.diagnosis.cause.is_some() && (low..high).contains(&r.diagnosis.confidence);
        let of: Vec<&Outcome> = results.iter().chain(hard).filter(within).collect();
        let right = of.iter().filter(|r| r.diagnosis.cause == Some(r.cause)).count();
        let share =
            if of.is_empty() { "-".to_owned() } else { format!("{:.0} %", right as f64 * 100.0 / of.len() as f64) };
        let _ = writeln!(text, "| {:.0} to {:.0} % | {} | {share} |", low * 100.0, high.min(1.0) * 100.0, of.len());
    }
    text
}

#[test]
fn causes_are_told_apart_as_the_page_says() {
    let (results, hard) = (all(case), all(hard_case));
    let answered: Vec<&Outcome> = results.iter().filter(|r| r.diagnosis.cause.is_some()).collect();
    let right = answered.iter().filter(|r| r.diagnosis.cause == Some(r.cause)).count();
    let table = tables(&results, &hard);
    let wrong = || {
        let all = results.iter().filter(|r| r.diagnosis.cause != Some(r.cause));
        all.map(|r| format!("{}: {:?}\n", r.cause, r.diagnosis)).collect::<String>()
    };
    assert!(right * 10 >= answered.len() * 9, "{right} of {} answers are right\n{table}\n{}", answered.len(), wrong());
    assert!(
        answered.len() * 10 >= results.len() * 9,
        "{} of {} are answered\n{table}\n{}",
        answered.len(),
        results.len(),
        wrong()
    );
    let path = repository().join("docs/diagnose.md");
    let page = std::fs::read_to_string(&path).expect("docs/diagnose.md");
    let (begin, end) = ("<!-- measured -->\n", "<!-- end -->");
    let from = page.find(begin).expect("the table begins") + begin.len();
    let to = page.find(end).expect("the table ends");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let new = format!("{}{table}{}", &page[..from], &page[to..]);
        std::fs::write(&path, new).expect("docs/diagnose.md can be written");
    } else {
        assert_eq!(&page[from..to], table, "UPDATE_EXPECT=1 cargo test -p oomsim-explain --test diagnose");
    }
}

/// Lesson, exercise 3, and its flashcards: what the text describes, as signs.
#[test]
fn the_exercises_of_the_lesson() {
    // 1. A web app is OOMKilled every 3 days, memory grows linearly. 200 to 800 Mi in 8 h: 2 Gi take 24 to 32 h.
    let mut leak = lesson(800);
    leak.working_set = curve(|x| 200.0 + 600.0 * (x * 3.0).fract(), 3.0 * 8.0 * 3600.0);
    let found = diagnose(&leak);
    assert_eq!(found.cause, Some(Ailment::Leak));
    // By hand: 600 Mi in 8 hours are 75 Mi an hour; from 200 to 800 Mi 8 hours, to 1600 Mi 18.7.
    assert!(found.advice.fix.contains("doubling the limit makes that 18"), "{}", found.advice.fix);
    // 2. Dies in the daily peaks, is fine overnight.
    let mut peaks = lesson(1024);
    peaks.working_set = curve(|x| if (x * 6.0).fract() < 0.12 { 1000.0 } else { 420.0 }, 6.0 * 86_400.0);
    assert_eq!(diagnose(&peaks).cause, Some(Ailment::Burst));
    // 3. File transcoding: 200 MB of heap, the rest of memory is files.
    let mut files = lesson(1024);
    files.pod.containers[0].ended = None;
    files.pod.containers[0].restarts = 0;
    files.working_set = curve(|x| 200.0 + 700.0 * (x * 1.4).min(1.0), 7200.0);
    files.rss = curve(|_| 200.0, 7200.0);
    assert_eq!(diagnose(&files).cause, Some(Ailment::PageCache));
    // 4. Pods die although they are well within their limits: the node.
    let mut node = lesson(1024);
    node.pod.containers[0].ended = None;
    node.pod.reason = "Evicted".into();
    node.working_set = curve(|_| 300.0, 7200.0);
    node.node_available = curve(|x| 4000.0 * (1.0 - x) + 60.0, 7200.0);
    assert_eq!(diagnose(&node).cause, Some(Ailment::NodePressure));
    // 5. -Xmx4g in a container of 4Gi dies at startup.
    let mut heap = lesson(4096);
    heap.pod.containers[0].settings.push("-Xmx4g".into());
    let found = diagnose(&heap);
    assert_eq!(found.cause, Some(Ailment::RuntimeSize), "{found:?}");
    assert!(found.advice.fix.contains("100 % of the limit"), "{}", found.advice.fix);
}

/// A container with a limit in MiB that was OOMKilled four times.
fn lesson(limit: u64) -> Observed {
    use oomsim_explain::diagnose::{ContainerFacts, End};
    let mut observed = Observed { container: "app".into(), ..Observed::default() };
    observed.pod.name = "web".into();
    observed.pod.containers.push(ContainerFacts {
        name: "app".into(),
        limit: Some(Bytes::mib(limit)),
        restarts: 4,
        running: true,
        ended: Some(End { exit_code: 137, reason: "OOMKilled".into() }),
        ..ContainerFacts::default()
    });
    observed
}

/// 200 samples of a formula in MiB.
fn curve(of: impl Fn(f64) -> f64, seconds: f64) -> MemoryCurve {
    (0..200).map(|n| (n as f64 / 200.0 * seconds, of(n as f64 / 200.0) * 1_048_576.0)).collect()
}

/// What users bring: a pod, a Prometheus answer, events, a kernel log; the causes are known by construction.
#[test]
fn containers_with_known_causes() {
    let cases = [
        ("01", Ailment::Leak),
        ("02", Ailment::LimitTooLow),
        ("03", Ailment::RuntimeSize),
        ("04", Ailment::Burst),
        ("05", Ailment::NodePressure),
        ("06", Ailment::LivenessProbe),
        ("07", Ailment::PageCache),
        ("08", Ailment::Tmpfs),
    ];
    for (number, cause) in cases {
        let found = diagnose(&given(number));
        assert_eq!(found.cause, Some(cause), "{number}: {found:#?}");
        assert!(!found.advice.confirm.is_empty() && !found.advice.fix.is_empty() && !found.evidence_for.is_empty());
    }
}

/// The files of a case.
fn given(number: &str) -> Observed {
    use oomsim_explain::diagnose::{read_events, read_kernel_log, read_pod, read_series};
    use oomsim_scenario::Source;
    use oomsim_scenario::reading::{Problems, parse_documents};
    use std::sync::Arc;
    let folder = repository().join("crates/explain/tests/cases").join(number);
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let source = |name: &str| Some(Arc::new(Source { name: name.into(), text: text(name)? }));
    let document = |name: &str| parse_documents(&source(name)?).ok()?.pop();
    let pod = read_pod(&document("pod.json").expect("pod.json")).remove(0);
    let container = pod.containers[0].name.clone();
    let mut observed = Observed { container: container.clone(), ..Observed::default() };
    observed.events = document("events.json").map_or_else(Vec::new, |events| read_events(&events, &pod.name));
    observed.kills = text("kernel.log").map(|log| read_kernel_log(&log, &pod, &container).expect("a log"));
    observed.pod = pod;
    let problems = Problems::default();
    let evidence = oomsim_import::Evidence::read(&problems, &[source("series.json").expect("series.json")]);
    let series: Vec<_> = evidence.series.into_iter().map(|(_, series)| series).collect();
    assert!(!series.is_empty(), "{number}: {:?}", problems.into_sorted());
    read_series(&series, &mut observed);
    observed
}

/// Where nothing decides it says so, and what to measure.
#[test]
fn too_little_is_too_little() {
    let found = diagnose(&lesson(512));
    assert_eq!(found.cause, None, "{found:?}");
    assert!(found.advice.measure_next.iter().any(|what| what.contains("container_memory_working_set_bytes")));
    assert!(found.advice.fix.is_empty());
}
