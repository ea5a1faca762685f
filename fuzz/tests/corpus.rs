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
