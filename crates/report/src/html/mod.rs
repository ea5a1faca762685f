//! `oomsim report`: one HTML file with everything about a run, which loads nothing from anywhere.
//!
//! The page itself is made by `web/` and stands here ready; the data of the runs are put into it.

mod compared;
mod data;
mod instant;
mod risk;
mod seeds;
mod study;

pub use compared::Compared;
pub use data::{Page, Run, Why};
pub use instant::{Instant, Room, instants};
pub use risk::Risk;
pub use seeds::Seeds;
pub use study::StudyPage;

use crate::escape::acts;

/// The page without data; `npm run build` in `web/` writes it.
const TEMPLATE: &str = include_str!("template.html");

/// The whole file.
pub fn render(page: &Page) -> String {
    let title = match page.runs.as_slice() {
        [only] => only.scenario.clone(),
        [] => match page.studies.as_slice() {
            [only] => only.name().to_owned(),
            studies => format!("{} studies", studies.len()),
        },
        runs => format!("{} runs", runs.len()),
    };
    let data = serde_json::to_string(page).unwrap_or_default();
    // `<` would end the script element that holds the data, or open a comment in it.
    let data = inert(&data).replace('<', "\\u003c");
    TEMPLATE.replacen("@TITLE@", &escaped(&inert(&title)), 1).replacen("@DATA@", &data, 1)
}

/// Without characters that change the order in which others are shown; JSON has escaped its control characters.
fn inert(text: &str) -> String {
    text.chars().map(|c| if acts(c) { '\u{fffd}' } else { c }).collect()
}

/// A text as the content of an element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_can_leave_its_element() {
        let report = crate::testdata::report(crate::testdata::oom4());
        let mut run = Run::new(&report, Vec::new(), Vec::new(), "# </script><script>alert(1)</script>\n");
        run.scenario = "<b>&\u{202e}".into();
        let html = render(&Page { runs: vec![run], ..Page::default() });
        assert!(!html.contains('\u{202e}'));
        assert!(!html.contains("<script>alert") && html.contains("\\u003c/script>"));
        assert!(html.contains("<title>&lt;b&gt;&amp;\u{fffd}</title>"));
        assert!(!html.contains("@DATA@"));
        // Names of XML languages look like addresses; there is no other.
        let rest = html.replace("http://www.w3.org/", "");
        assert!(!rest.contains("http://") && !rest.contains("https://"));
    }
}
