//! What a monitoring system makes of a run's samples.

use oomsim_core::record::{PodSample, Sample};
use oomsim_core::units::{SimDuration, SimTime};
use std::collections::BTreeMap;

/// Between two scrapes.
pub const SCRAPE: SimDuration = SimDuration::from_secs(30);
/// A series that stops keeps its last value this long.
pub const STALENESS: SimDuration = SimDuration::from_secs(300);

/// Turns the run into what a monitoring system draws: values of the last scrape, and pods that are gone counted with
/// their last value until it is stale (Prometheus: 30 s scrapes, 5 min lookback; cAdvisor's samples carry their own
/// time, so no staleness marker ends them earlier).
#[derive(Debug, Default)]
pub struct Scraper {
    next: SimTime,
    /// The sample before the one that comes next.
    before: Option<Sample>,
    seen: BTreeMap<u32, (SimTime, PodSample)>,
    scraped: Option<Sample>,
}

impl Scraper {
    /// The next sample; `give` sees the scrapes before it.
    pub fn take(&mut self, sample: &Sample, mut give: impl FnMut(&Sample)) {
        while self.before.is_some() && self.next < sample.at {
            self.scrape(&mut give);
        }
        match &mut self.before {
            Some(before) => before.clone_from(sample),
            None => self.before = Some(sample.clone()),
        }
    }

    /// The scrapes up to the last sample; the last one is shown up to there.
    pub fn finish(mut self, mut give: impl FnMut(&Sample)) {
        let Some(end) = self.before.as_ref().map(|last| last.at) else { return };
        while self.next <= end {
            self.scrape(&mut give);
        }
        if let Some(held) = self.scraped.filter(|held| held.at < end) {
            give(&Sample { at: end, ..held });
        }
    }

    fn scrape(&mut self, give: &mut impl FnMut(&Sample)) {
        let Some(sample) = &self.before else { return };
        let at = self.next;
        self.seen.extend(sample.pods.iter().map(|pod| (pod.pod, (at, *pod))));
        self.seen.retain(|_, (seen, _)| at.since(*seen) < STALENESS);
        let pods: Vec<_> = self.seen.values().map(|(_, pod)| *pod).collect();
        let kubepods_working_set = pods.iter().map(|pod| pod.working_set).sum();
        // No exporter tells of single processes.
        let scraped = Sample { at, pods, kubepods_working_set, processes: Vec::new(), ..sample.clone() };
        give(&scraped);
        self.scraped = Some(scraped);
        self.next += SCRAPE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A figure of P4 (docs/SOURCES.md): the node's curve drops at once, the pods' stays flat for five minutes.
    #[test]
    fn monitoring_keeps_a_gone_pod_for_five_minutes() {
        let (mut scraper, mut seen) = (Scraper::default(), Vec::new());
        for sample in &crate::testdata::oom2().series.samples {
            scraper.take(sample, |scraped| seen.push(scraped.clone()));
        }
        scraper.finish(|scraped| seen.push(scraped.clone()));
        let at = |seconds: f64| {
            let found = seen.iter().rev().find(|s| s.at.as_secs_f64() <= seconds);
            found.map(|s| (s.kubepods_working_set.get() >> 20, s.available >> 20)).unwrap_or_default()
        };
        // Evicted at 268.3 s; the last scrape before is at 240 s, so the value is shown up to the scrape at 510 s.
        assert!(at(245.0).0 > 4000 && at(245.0).1 < 2300);
        assert!(at(275.0).0 > 4000 && at(275.0).1 > 6000);
        assert!(at(539.0).0 > 4000);
        assert!(at(541.0).0 < 200);
    }
}
