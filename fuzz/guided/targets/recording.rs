#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oomsim_fuzz::parsers::recording(bytes).unwrap());
