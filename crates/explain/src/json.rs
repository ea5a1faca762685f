//! Explanations as JSON: the typed chain, with the sentence of each link and the text and source of each rule.

use crate::fact::Link;
use crate::rule::Rule;
use crate::run::Run;
use crate::text;
use crate::why::{Explanation, Unhappened};
use oomsim_core::node_api::Name;
use serde::Serialize;
use serde_json::{Map, Value, json};

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

fn links(links: &[Link]) -> Value {
    let one = |link: &Link| {
        let mut object = value(link);
        if let Value::Object(fields) = &mut object {
            fields.insert("text".into(), text::sentence(&link.fact).into());
        }
        object
    };
    links.iter().map(one).collect()
}

fn rules<'a>(of: impl Iterator<Item = &'a Link>) -> Value {
    let mut named: Vec<Rule> = of.filter_map(|link| link.rule).collect();
    named.sort();
    named.dedup();
    let rule = |rule: Rule| (rule.id().to_owned(), json!({ "says": rule.says(), "source": rule.source() }));
    Value::Object(named.into_iter().map(rule).collect::<Map<_, _>>())
}

/// One explanation as an object.
pub fn explanation(why: &Explanation) -> Value {
    let mut object = value(why);
    if let Value::Object(fields) = &mut object {
        fields.insert("title".into(), text::title(why).into());
        fields.insert("because".into(), text::because(why).into());
        fields.insert("chain".into(), links(&why.chain));
        fields.insert("choosing".into(), links(&why.choosing));
        fields.insert("after".into(), links(&why.after));
        fields.insert("rules".into(), rules([&why.chain, &why.choosing, &why.after].into_iter().flatten()));
    }
    object
}

/// Why something did not happen, as an object.
pub fn not_happened(what: Unhappened, pod: Option<&Name>, chain: &[Link]) -> Value {
    json!({ "not": what, "pod": pod, "chain": links(chain), "rules": rules(chain.iter()) })
}

/// Everything that has a cause, as a list.
pub fn listing(run: &Run) -> Value {
    let one = |(index, h): (usize, &oomsim_core::record::Happening)| {
        let who = crate::why::who(&run.history().entries[h.entry].record);
        json!({ "number": index + 1, "t": h.at.as_secs_f64(), "cause": h.cause, "choice": h.choice, "who": who })
    };
    run.happenings().iter().enumerate().map(one).collect()
}
