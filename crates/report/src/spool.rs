//! Samples of a run that wait in a file until it is over: tables and pictures can be begun only when it is known which
//! pods there were. Nothing but this module reads the file, and it does not outlive the process.

use crate::varint::{folded, put, take, unfolded};
use oomsim_core::record::{PodSample, ProcessSample, Sample};
use oomsim_core::units::{Bytes, Pid, SimDuration, SimTime};
use std::io::{self, ErrorKind, Read, Write};

/// Bytes of samples that are written and read at once.
const BLOCK: usize = 1 << 18;

/// Takes samples down, in blocks of whole samples, each behind its length. A block of nothing is the last.
#[derive(Debug)]
pub struct Spool<F> {
    file: F,
    /// Samples that are not in the file yet.
    block: Vec<u8>,
}

impl<F: Write> Spool<F> {
    /// Of samples that go to this file.
    pub fn new(file: F) -> Self {
        Spool { file, block: Vec::new() }
    }

    /// The next sample.
    ///
    /// # Errors
    /// When writing fails.
    pub fn take(&mut self, sample: &Sample) -> io::Result<()> {
        put_sample(&mut self.block, sample);
        if self.block.len() >= BLOCK { self.write() } else { Ok(()) }
    }

    /// There are no more. Returns the file.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<F> {
        if !self.block.is_empty() {
            self.write()?;
        }
        self.write()?;
        Ok(self.file)
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&(self.block.len() as u64).to_le_bytes())?;
        self.file.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }
}

/// Reads samples that a [`Spool`] has taken down, in order.
#[derive(Debug)]
pub struct Replay<F> {
    file: F,
    block: Vec<u8>,
    samples: Vec<Sample>,
}

impl<F: Read> Replay<F> {
    /// From the beginning of this file.
    pub fn new(file: F) -> Self {
        Replay { file, block: Vec::new(), samples: Vec::new() }
    }

    /// The next ones, some at a time; `None`: that was all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_block(&mut self) -> io::Result<Option<&[Sample]>> {
        let mut length = [0; 8];
        self.file.read_exact(&mut length)?;
        self.block.resize(usize::try_from(u64::from_le_bytes(length)).unwrap_or(0), 0);
        if self.block.is_empty() {
            return Ok(None);
        }
        self.file.read_exact(&mut self.block)?;
        let (mut rest, mut count) = (&self.block[..], 0);
        while !rest.is_empty() {
            if self.samples.len() == count {
                self.samples.push(Sample::default());
            }
            let changed = || io::Error::new(ErrorKind::InvalidData, "what was put aside has changed");
            take_sample(&mut rest, &mut self.samples[count]).ok_or_else(changed)?;
            count += 1;
        }
        Ok(Some(&self.samples[..count]))
    }
}

/// An amount of memory is mostly one of whole pages: its lowest bits, which are then zero, go to the front.
fn rolled(bytes: Bytes) -> u64 {
    bytes.get().rotate_right(12)
}

fn unrolled(number: u64) -> Bytes {
    Bytes::new(number.rotate_left(12))
}

fn put_sample(block: &mut Vec<u8>, s: &Sample) {
    put(block, s.at.as_nanos());
    put(block, folded(s.available));
    let amounts = [
        s.working_set,
        s.mem_available,
        s.mem_free,
        s.swap_used,
        s.committed_as,
        s.kubepods_usage,
        s.kubepods_working_set,
    ];
    amounts.into_iter().for_each(|amount| put(block, rolled(amount)));
    put(block, s.waited.as_nanos());
    put(block, s.pods.len() as u64);
    let mut before = 0;
    for pod in &s.pods {
        // In order: the next one is near.
        put(block, u64::from(pod.pod.wrapping_sub(before)));
        put(block, rolled(pod.usage));
        // The working set is what is not inactive cache, of which there is mostly none.
        put(block, rolled(pod.usage).wrapping_sub(rolled(pod.working_set)));
        before = pod.pod;
    }
    put(block, s.processes.len() as u64);
    for process in &s.processes {
        put(block, u64::from(process.pid.0));
        put(block, rolled(process.rss));
    }
}

fn take_sample(rest: &mut &[u8], s: &mut Sample) -> Option<()> {
    s.at = SimTime::from_nanos(take(rest)?);
    s.available = unfolded(take(rest)?);
    let amounts = [
        &mut s.working_set,
        &mut s.mem_available,
        &mut s.mem_free,
        &mut s.swap_used,
        &mut s.committed_as,
        &mut s.kubepods_usage,
        &mut s.kubepods_working_set,
    ];
    for amount in amounts {
        *amount = unrolled(take(rest)?);
    }
    s.waited = SimDuration::from_nanos(take(rest)?);
    s.pods.clear();
    let mut before = 0_u32;
    for _ in 0..take(rest)? {
        let pod = before.wrapping_add(take(rest)? as u32);
        let usage = take(rest)?;
        let working_set = unrolled(usage.wrapping_sub(take(rest)?));
        s.pods.push(PodSample { pod, usage: unrolled(usage), working_set });
        before = pod;
    }
    s.processes.clear();
    for _ in 0..take(rest)? {
        let pid = Pid(take(rest)? as u32);
        s.processes.push(ProcessSample { pid, rss: unrolled(take(rest)?) });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(file: &[u8]) -> io::Result<Vec<Sample>> {
        let (mut samples, mut replay) = (Vec::new(), Replay::new(file));
        while let Some(some) = replay.next_block()? {
            samples.extend_from_slice(some);
        }
        Ok(samples)
    }

    #[test]
    fn samples_come_back() {
        let mut samples = crate::testdata::oom2().series.samples;
        // Amounts that are no whole pages, or as large as they can be.
        samples[1].available = i64::MIN;
        samples[1].working_set = Bytes::new(u64::MAX);
        samples[1].waited = SimDuration::from_nanos(1_000_000_007);
        samples[1].processes = vec![ProcessSample { pid: Pid(u32::MAX), rss: Bytes::new(4097) }];
        samples[1].pods.push(PodSample { pod: u32::MAX, usage: Bytes::ZERO, working_set: Bytes::new(1) });
        // More than a block.
        let samples: Vec<Sample> = std::iter::repeat_n(samples, 60).flatten().collect();
        let mut spool = Spool::new(Vec::new());
        samples.iter().for_each(|sample| spool.take(sample).unwrap());
        let file = spool.finish().unwrap();
        assert!(file.len() > BLOCK, "{}", file.len());
        assert!(replayed(&file).unwrap() == samples);
        assert!(replayed(&file[..file.len() - 1]).is_err(), "the end is missing");
    }

    #[test]
    fn a_run_without_samples_has_none() {
        let file = Spool::new(Vec::new()).finish().unwrap();
        assert_eq!(replayed(&file).unwrap(), []);
    }
}
