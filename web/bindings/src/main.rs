//! `oomsim-web-bindings MODULE.wasm FOLDER`: the JavaScript bindings of the lab's engine, for a page that loads the module itself.

use anyhow::Context;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let module = args.next().context("expected a WebAssembly module")?;
    let folder = args.next().context("expected the folder to write to")?;
    Bindgen::new().input_path(module).web(true)?.typescript(true).out_name("oomsim_lab").generate(folder)
}
