//! One parser, chosen by the environment (`OOMSIM_PARSER=dmesg`), for libFuzzer: `.ci/guided` builds and runs it. With
//! `OOMSIM_SEEDS=FOLDER` the inputs that the parser accepts are written there first.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomsim_fuzz::parsers::{Parser, all};
use std::path::Path;
use std::sync::LazyLock;

static PARSER: LazyLock<Parser> = LazyLock::new(|| {
    let name = std::env::var("OOMSIM_PARSER").unwrap_or_default();
    let names: Vec<&str> = all().iter().map(|p| p.name).collect();
    let chosen = all().into_iter().find(|p| p.name == name);
    let parser = chosen.unwrap_or_else(|| panic!("OOMSIM_PARSER is {name:?}, and must be one of {}", names.join(", ")));
    if let Some(folder) = std::env::var_os("OOMSIM_SEEDS") {
        let folder = Path::new(&folder).join(parser.name);
        parser.write_seeds(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    }
    parser
});

fuzz_target!(|input: &[u8]| {
    if let Err(why) = PARSER.parse(input) {
        panic!("{why}");
    }
});
