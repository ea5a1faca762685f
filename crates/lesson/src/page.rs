//! A lesson as a page shows it.

use crate::question::Question;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use serde::Serialize;

/// A lesson for a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Page {
    /// The heading.
    pub title: String,
    /// Its parts, in their order.
    pub parts: Vec<PagePart>,
}

/// A part of a lesson for a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PagePart {
    /// Text.
    Prose {
        /// HTML without anything that acts: no tags of the lesson's own, no scripts, no pictures.
        html: String,
    },
    /// A moment of a run.
    Moment {
        /// The scenario, relative to the lesson.
        scenario: String,
        /// Settings, as after `--set`.
        settings: Vec<String>,
        /// The seed, if not the scenario's.
        seed: Option<u32>,
        /// The instant, in seconds.
        at: f64,
    },
    /// A question, whose answer the run has decided.
    Question {
        /// The question.
        question: Question,
    },
}

/// Markdown as HTML that is safe in a page: tags in the text are shown as text, links lead to the web, to a place in
/// the page or to another lesson, and pictures are their descriptions.
pub(crate) fn safe_html(markdown: &str) -> String {
    let mut pictures = 0;
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(move |event| match event {
        Event::Html(text) | Event::InlineHtml(text) => {
            let comment = text.trim_start().starts_with("<!--");
            (!comment).then_some(Event::Text(text))
        }
        Event::Start(Tag::Image { .. }) => {
            pictures += 1;
            None
        }
        Event::End(TagEnd::Image) => {
            pictures -= 1;
            None
        }
        _ if pictures > 0 && !matches!(event, Event::Text(_)) => None,
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if leads_nowhere_bad(&dest_url) { dest_url } else { CowStr::Borrowed("#") };
            Some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        event => Some(event),
    });
    let mut page = String::new();
    html::push_html(&mut page, events);
    page
}

fn leads_nowhere_bad(address: &str) -> bool {
    let scheme = address.split(['/', '?', '#']).next().and_then(|head| head.split_once(':')).map(|(scheme, _)| scheme);
    scheme.is_none_or(|scheme| ["http", "https"].iter().any(|fine| scheme.eq_ignore_ascii_case(fine)))
}

#[cfg(test)]
mod tests {
    use super::safe_html;

    #[test]
    fn nothing_in_a_lesson_acts() {
        let hostile = "<script>alert(1)</script>\n\nA <b onclick=x>b</b> [l](javascript:alert(1)) [m](JavaScript:x) \
                       ![p](https://example.org/p.png \"t\") [ok](02-next.md#a) [web](https://example.org)\n";
        let html = safe_html(hostile);
        for bad in ["<script", "<b ", "javascript:", "JavaScript:", "<img", "p.png"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        assert!(html.contains("<a href=\"02-next.md#a\">ok</a>"), "{html}");
        assert!(html.contains("<a href=\"https://example.org\">web</a>"), "{html}");
    }
}
