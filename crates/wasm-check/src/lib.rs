//! The model as WebAssembly, for `check.mjs`: it hands over the files of `scenarios/`, has every scenario run, and
//! holds events and digests against `scenarios/digests.txt`, which the native program writes. wasm32 has 32-bit
//! pointers, so that a digest which depends on the width of `usize` differs here.
//!
//! The page's side writes bytes into [`input`], calls a function, and reads what lies at [`output`].

// Exported names are the interface to JavaScript: there is no other way in without a generator of bindings.
#![allow(unsafe_code)]

mod files;
mod runs;

use files::Stored;
use std::cell::RefCell;

#[derive(Default)]
struct State {
    input: Vec<u8>,
    output: Vec<u8>,
    files: Stored,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

fn with<T>(work: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(work)
}

/// Where to write the next `length` bytes of input.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    with(|state| {
        state.input = vec![0; length];
        state.input.as_mut_ptr()
    })
}

/// Where the output of the last call begins.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    with(|state| state.output.as_ptr())
}

/// Keeps a file: the first `name` bytes of the input are its path, the others its text.
#[unsafe(no_mangle)]
pub extern "C" fn add_file(name: usize) {
    with(|state| {
        let (path, text) = state.input.split_at(name.min(state.input.len()));
        let [path, text] = [path, text].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        state.files.add(path, text);
    });
}

/// Runs the scenario whose path is the input with the seeds from 1 to `seeds`. The output is a line for each kind of
/// node and seed, as in `digests.txt`; its length is returned.
#[unsafe(no_mangle)]
pub extern "C" fn run(seeds: u64) -> usize {
    with(|state| {
        let path = String::from_utf8_lossy(&state.input).into_owned();
        let lines = runs::lines(&state.files, &path, seeds);
        state.output = lines.unwrap_or_else(|why| format!("{path}: {why}\n")).into_bytes();
        state.output.len()
    })
}
