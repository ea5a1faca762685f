//! `why = "cause"`: how often something has a cause.

use super::matching::brief;
use super::state::Judged;
use super::{Bounds, Pattern, WhyCheck};
use crate::record::view::{self, Subject};
use crate::record::{Happening, History, happenings};

pub(super) fn why(check: &WhyCheck, history: &History) -> Judged {
    let all = happenings(history);
    let fits = |h: &&Happening| check.fits(h, view::subject(&history.entries[h.entry].record));
    let fitting: Vec<&Happening> = all.iter().filter(fits).collect();
    let count = i64::try_from(fitting.len()).unwrap_or(i64::MAX);
    let shown = |list: &[&Happening]| {
        let one = |h: &&Happening| match h.choice {
            Some(choice) => format!("{} ({}, {choice})", brief(&history.entries[h.entry]), h.cause),
            None => format!("{} ({})", brief(&history.entries[h.entry]), h.cause),
        };
        let more = if list.len() > 4 { format!(", … and {} more", list.len() - 4) } else { String::new() };
        format!("{}{more}", list.iter().take(4).map(one).collect::<Vec<_>>().join(", "))
    };
    let others: Vec<&Happening> = all.iter().collect();
    let found = match (fitting.is_empty(), others.is_empty()) {
        (false, _) => shown(&fitting),
        (true, false) => format!("none; there is {}", shown(&others)),
        (true, true) => "nothing happened that has a cause".into(),
    };
    Judged { holds: check.count.holds(count), expected: check.describe(), found }
}

impl WhyCheck {
    fn fits(&self, happening: &Happening, subject: Subject<'_>) -> bool {
        let is = |pattern: &Option<Pattern>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|p| text.is_some_and(|t| p.matches(t)))
        };
        happening.cause == self.cause
            && self.choice.is_none_or(|choice| happening.choice == Some(choice))
            && self.pod.as_ref().is_none_or(|pod| subject.pod.is_some_and(|name| pod.matches_pod(name)))
            && is(&self.container, subject.container)
            && is(&self.comm, subject.comm)
    }

    fn describe(&self) -> String {
        let mut text = format!("why {}", self.cause);
        if let Some(choice) = self.choice {
            text.push_str(&format!(" by {choice}"));
        }
        for (what, name) in [("pod", &self.pod), ("container", &self.container), ("comm", &self.comm)] {
            if let Some(name) = name {
                text.push_str(&format!(" {what} {name}"));
            }
        }
        let often = match self.count {
            Bounds { max: Some(0), .. } => "never".into(),
            Bounds { min: Some(1), max: None } => "at least once".into(),
            count => format!("{} times", count.describe(|n| n.to_string())),
        };
        format!("{text}, {often}")
    }
}
