//! Containers of every cause as files, drawn by formulas: scrapes, gaps, restarts, labels and formats.

use crate::causes::drawn;
use crate::distract;
use crate::files::{Curve, MIB, Report, cgroup, container, csv, pod, prometheus, status};
use oomsim_core::engine::{Stream, StreamFactory};
use oomsim_explain::diagnose::{Ailment, Given, Observed};
use oomsim_scenario::Source;
use oomsim_scenario::reading::Problems;
use serde_json::{Value, json};
use std::sync::Arc;

/// Files of one case, as they are drawn.
#[derive(Default)]
pub struct Case {
    pub pod: Value,
    pub curves: Vec<Curve>,
    pub events: Vec<Value>,
    pub log: Option<String>,
    pub node: Option<Value>,
}

pub struct Draw {
    random: Stream,
    /// Less to go by.
    pub hard: bool,
    step: f64,
    samples: u64,
    noise: f64,
    /// MiB.
    pub limit: u64,
    pub name: String,
}

/// A container and its pod are named so.
const NAMES: [&str; 6] = ["cart", "search", "orders", "render", "ledger", "geo"];

impl Draw {
    fn new(cause: Ailment, number: u64, hard: bool) -> Draw {
        let mut d = Draw {
            random: StreamFactory::new(number).stream(cause.as_str()),
            hard,
            step: [15.0, 30.0, 60.0][(number % 3) as usize],
            samples: 0,
            noise: 0.0,
            limit: 0,
            name: NAMES[(number % 6) as usize].to_owned(),
        };
        d.samples = d.within(120, 700);
        d.noise = if hard { d.share(0.03, 0.06) } else { d.share(0.002, 0.02) };
        d.limit = d.within(4, 64) * 64;
        d
    }

    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.random.next_u64() % (high - low + 1)
    }

    pub fn share(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.random.next_u64() as f64 / u64::MAX as f64)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.within(1, 100) <= percent
    }

    pub fn pod_name(&self) -> String {
        format!("{}-7d9c5b6f4-x2k8p", self.name)
    }

    pub fn seconds(&self) -> f64 {
        self.samples as f64 * self.step
    }

    /// Samples of a formula of the time from 0 to 1: noise, gaps, now and then an outage; a half of it with less to
    /// go by.
    pub fn sampled(&mut self, of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let missing = if self.hard { 20 } else { 5 };
        let outage = self.share(0.0, 3.0);
        let mut points = Vec::new();
        let from = if self.hard { self.samples / 2 } else { 0 };
        for n in from..self.samples {
            let x = n as f64 / self.samples as f64;
            let noise = 1.0 + self.noise * self.share(-1.0, 1.0);
            if !self.chance(missing) && !(outage..outage + 0.02).contains(&x) {
                points.push((n as f64 * self.step, (of(x) * noise * MIB).max(0.0)));
            }
        }
        points
    }

    /// A counter: no noise.
    pub fn counter(&mut self, of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let noise = std::mem::replace(&mut self.noise, 0.0);
        let points = self.sampled(|x| of(x) / MIB);
        self.noise = noise;
        points
    }

    pub fn series(&mut self, metric: &str, of: impl Fn(f64) -> f64) -> Curve {
        let (pod, name) = (self.pod_name(), self.name.clone());
        let points = self.sampled(of);
        Curve::new(
            metric,
            &[("namespace", "shop"), ("pod", &pod), ("container", &name), ("instance", "n1:10250")],
            points,
        )
    }

    /// The working set in lives of this many; each life has a cgroup, and with it a series, of its own where cAdvisor's
    /// labels are kept.
    pub fn lives(&mut self, lives: f64, of: impl Fn(f64) -> f64) -> Vec<Curve> {
        let whole = self.series("container_memory_working_set_bytes", |x| of((x * lives).fract()));
        if !self.chance(40) {
            return vec![whole];
        }
        let of_life = |t: f64| (t / self.seconds() * lives) as u64;
        let last = lives.ceil() as u64;
        let part = |life: u64| {
            let mut part = whole.clone();
            part.points.retain(|(t, _)| of_life(*t) == life);
            part.labels.push(("id", format!("{}/cri-containerd-{life:064}.scope", cgroup(false))));
            part
        };
        (0..last).map(part).filter(|curve| !curve.points.is_empty()).collect()
    }

    /// Anonymous memory beside it, mostly.
    pub fn maybe_rss(&mut self, of: impl Fn(f64) -> f64) -> Vec<Curve> {
        if self.chance(if self.hard { 33 } else { 60 }) {
            return vec![self.series("container_memory_rss", of)];
        }
        Vec::new()
    }

    pub fn node_memory(&mut self, of: impl Fn(f64) -> f64) -> Vec<Curve> {
        let points = self.sampled(of);
        let total = self.counter(|_| 8.0 * 1024.0 * MIB);
        let on = [("instance", "n1")];
        vec![
            Curve::new("node_memory_MemAvailable_bytes", &on, points),
            Curve::new("node_memory_MemTotal_bytes", &on, total),
        ]
    }

    /// A pod with one container, or with a quiet sidecar beside it.
    pub fn pod(&mut self, limit: Option<u64>, restarts: (u64, u64), end: Option<(i64, &str)>) -> Value {
        let restarts = self.within(restarts.0, restarts.1);
        let (name, request) = (self.name.clone(), limit.map_or(0, |limit| limit / 2));
        let request = (request > 0 && self.chance(80)).then_some(request);
        let mut containers = vec![container(&name, limit, request)];
        let mut statuses = vec![status(&name, restarts, end)];
        if self.chance(25) {
            containers.push(container("istio-proxy", Some(256), Some(64)));
            statuses.push(status("istio-proxy", 0, None));
        }
        pod(&self.pod_name(), containers, statuses)
    }

    pub fn kill(&mut self, anon: f64) -> Option<String> {
        let short = self.chance(50);
        self.kill_of(anon, None, short)
    }

    pub fn kill_of(&mut self, anon: f64, anon_shmem: Option<(u64, u64)>, short: bool) -> Option<String> {
        let (path, name) = (cgroup(true), self.name.clone());
        let pages = (anon * 256.0) as u64;
        let limit_kib = self.limit * 1024;
        let report = Report { cgroup: &path, limit_kib, anon_shmem, tasks: vec![(4711, pages, 984, &name)], short };
        (!self.hard).then(|| report.text(799_219.0))
    }
}

/// A cause's files with their names.
pub fn files(cause: Ailment, number: u64, hard: bool) -> Vec<(String, String)> {
    let mut d = Draw::new(cause, number, hard);
    let mut case = drawn(cause, &mut d);
    distract::distract(cause, &mut case, &mut d);
    if hard {
        distract::take_away(cause, &mut case, &mut d);
    }
    if d.chance(25) {
        // What is charged to the pause process is nothing's memory.
        let points = d.sampled(|_| 0.5);
        let pod = d.pod_name();
        let on = [("namespace", "shop"), ("pod", pod.as_str()), ("container", "POD")];
        case.curves.push(Curve::new("container_memory_working_set_bytes", &on, points));
    }
    let plain = |curve: &Curve| curve.labels.iter().all(|(name, _)| *name != "id");
    let mut files = Vec::new();
    if !case.pod.is_null() {
        files.push(("pod.json".to_owned(), case.pod.to_string()));
    }
    if !case.curves.is_empty() && case.curves.iter().all(plain) && d.chance(25) {
        files.push(("series.csv".into(), csv(&case.curves)));
    } else if !case.curves.is_empty() {
        files.push(("series.json".into(), prometheus(&case.curves)));
    }
    if !case.events.is_empty() {
        files.push((
            "events.json".into(),
            json!({ "kind": "List", "apiVersion": "v1", "items": case.events }).to_string(),
        ));
    }
    files.extend(case.node.map(|node| ("node.json".to_owned(), node.to_string())));
    files.extend(case.log.map(|log| ("kernel.log".to_owned(), log)));
    files
}

/// What `oomsim diagnose` makes of files: the container that it names first.
pub fn observed(files: Vec<(String, String)>) -> Observed {
    all_observed(files).swap_remove(0)
}

/// Every container that files tell of.
pub fn all_observed(files: Vec<(String, String)>) -> Vec<Observed> {
    let (mut given, problems) = (Given::default(), Problems::default());
    for (name, text) in files {
        given.read(&problems, Arc::new(Source::new(name, text)));
    }
    let wrong = problems.into_sorted();
    assert!(wrong.is_empty(), "{}", oomsim_testkit::rendered(&wrong));
    given.observed().expect("files that can be read")
}

pub fn case(cause: Ailment, number: u64) -> Observed {
    observed(files(cause, number, false))
}

pub fn hard_case(cause: Ailment, number: u64) -> Observed {
    observed(files(cause, number, true))
}
