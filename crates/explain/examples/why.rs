//! Explains everything that has a cause in the run of a scenario: `cargo run -p oomsim-explain --example why -- FILE`.

use oomsim_explain::{Run, Unhappened, explain, explain_not, text};
use oomsim_testkit::read_file;
use std::path::Path;
use std::sync::Arc;

fn main() {
    for file in std::env::args().skip(1) {
        for kind in read_file(Path::new(&file)) {
            let run = Run::new(Arc::clone(&kind.scenario), kind.scenario.seed).expect("the run comes to its end");
            println!("{file}\n{}", text::listing(&run));
            for (at, happening) in run.happenings().iter().enumerate() {
                println!("{}", text::explanation(&explain(&run, at + 1, happening)));
            }
            for what in [Unhappened::Evicted, Unhappened::Killed] {
                let links = explain_not(&run, what, None);
                if !links.is_empty() {
                    println!("{}", text::not_happened(what, None, &links));
                }
            }
        }
    }
}
