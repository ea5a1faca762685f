//! Logs with the newest line first, as many log services export them.

use crate::assemble::{Event, Message, Origin};
use crate::line::LogLine;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Most messages that are held back: a report of this length is put in order, whatever follows.
const MOST_HELD: usize = 200_000;
/// Other lines after which the messages held back are given.
const MOST_OTHERS: u64 = 10_000;
/// Hosts whose latest line is remembered.
const MOST_HOSTS: usize = 10_000;
/// Steps back in time, or parts of a report in the wrong order, that are no chance: fewer are a race of two
/// processors, a reboot, or two reports in the same second.
const STEPS: u32 = 4;

/// Holds messages back while they may be in falling order, and gives them in rising order.
#[derive(Debug, Default)]
pub(crate) struct Order {
    held: Vec<Message>,
    /// The latest line of each host: its stamp, and its place in a report.
    last: BTreeMap<Option<String>, (Origin, Option<u8>)>,
    /// Lines of no interest since the first message held.
    others: u64,
    /// Steps back in time among those held.
    falling: u32,
    /// Parts of a report that stand before, and behind, the part that the kernel prints first.
    against: u32,
    along: u32,
    /// Some have been given already.
    given: bool,
}

impl Order {
    /// Takes what a line says, and gives what is certain.
    pub fn take(&mut self, event: Event, emit: &mut impl FnMut(Event)) {
        let message = match event {
            Event::Message(message) => *message,
            Event::Pause => {
                self.give(emit);
                return emit(Event::Pause);
            }
            Event::Others(n) if self.held.is_empty() => return emit(Event::Others(n)),
            Event::Others(n) => {
                self.others += n;
                if self.others > MOST_OTHERS {
                    self.give(emit);
                }
                return;
            }
        };
        let mut place = rank(&message.parsed.line);
        if let Some((stamp, before)) = self.last.get(&message.origin.host) {
            match before.zip(place) {
                // One report ends and another begins, in whichever order.
                Some((0, 5..) | (5.., 0)) => {}
                Some((a, b)) if a < b => self.along += 1,
                Some((a, b)) if a > b => self.against += 1,
                _ => {}
            }
            place = place.or(*before);
            match compare(stamp, &message.origin) {
                Some(Ordering::Less) => self.falling += 1,
                Some(Ordering::Greater) => self.give(emit),
                // Without stamps the parts of a report tell.
                None if self.along > self.against => self.give(emit),
                Some(Ordering::Equal) | None => {}
            }
        }
        if self.last.len() >= MOST_HOSTS {
            self.last.clear();
        }
        self.last.insert(message.origin.host.clone(), (message.origin.clone(), place));
        self.held.push(message);
        if self.held.len() >= MOST_HELD {
            self.give(emit);
        }
    }

    /// The input is over: a log of a few lines, of which none is younger than the one before, is in falling order, too.
    pub fn finish(&mut self, emit: &mut impl FnMut(Event)) {
        if !self.given && self.falling > 0 && self.against > 0 && self.along == 0 {
            self.falling = STEPS;
        }
        self.give(emit);
    }

    /// Gives everything that is held.
    pub fn give(&mut self, emit: &mut impl FnMut(Event)) {
        let mut held = std::mem::take(&mut self.held);
        self.given |= !held.is_empty();
        if self.falling >= STEPS || (self.against >= STEPS && self.against > 2 * self.along) {
            // Lines of one record stand in their own order also there.
            held.reverse();
            for record in held.chunk_by_mut(|a, b| a.origin.record == b.origin.record) {
                record.reverse();
            }
        }
        held.into_iter().for_each(|m| emit(Event::Message(Box::new(m))));
        if self.others > 0 {
            emit(Event::Others(self.others));
        }
        (self.others, self.falling, self.against, self.along) = (0, 0, 0, 0);
    }
}

/// How `b` lies in time to `a`; `None`: their stamps do not tell.
fn compare(a: &Origin, b: &Origin) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.uptime_us, b.uptime_us) {
        return Some(b.cmp(&a));
    }
    let (a, b) = (a.wall.as_deref()?, b.wall.as_deref()?);
    let word = |w: &str| w.find(|c: char| c.is_ascii_digit()).unwrap_or(w.len());
    (a.len() == b.len() && a[..word(a)] == b[..word(b)]).then(|| b.cmp(a))
}

/// Place of a line in a report.
fn rank(line: &LogLine) -> Option<u8> {
    Some(match line {
        LogLine::Invoked(_) => 0,
        LogLine::Cpu { .. } => 1,
        LogLine::Counter(..) | LogLine::MemInfo | LogLine::MemPages(_) | LogLine::Zone(_) => 2,
        LogLine::Columns(_) => 3,
        LogLine::Row(_) => 4,
        LogLine::Summary(_) => 5,
        LogLine::Killed { .. } => 6,
        _ => return None,
    })
}
