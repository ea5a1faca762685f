//! Every input that a search begins with is parsed as it is, without a failure.

use oomsim_fuzz::parsers::all;
use oomsim_fuzz::said;

#[test]
fn every_input_of_the_corpus_is_parsed_or_refused() {
    let mut failed = Vec::new();
    for parser in all() {
        for input in parser.corpus() {
            let parsed = std::panic::catch_unwind(|| parser.parse(input)).unwrap_or_else(|panic| Err(said(&*panic)));
            if let Err(why) = parsed {
                failed.push(format!("{}: {why}\n{}", parser.name, String::from_utf8_lossy(input)));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn every_parser_has_a_target_that_is_led_by_coverage() {
    let targets = oomsim_testkit::repository().join("fuzz/guided/targets");
    for parser in all() {
        let text = std::fs::read_to_string(targets.join(format!("{}.rs", parser.name)));
        let called = format!("parsers::{}(bytes)", parser.name);
        assert!(text.is_ok_and(|text| text.contains(&called)), "fuzz/guided/targets has none for {}", parser.name);
    }
}
