//! The face that JavaScript sees: everything goes in and comes out as JSON.

use crate::lab::{Lab, Variation};
use crate::problem::Problem;
use crate::race::Pieces;
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

/// The lab, for JavaScript.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Engine {
    lab: Lab,
}

/// Either what was asked for, or what went wrong.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Answer<T, E> {
    Ok(T),
    Error(E),
}

fn json<T: Serialize, E: Serialize>(result: Result<T, E>) -> String {
    let answer = match result {
        Ok(value) => Answer::Ok(value),
        Err(why) => Answer::Error(why),
    };
    serde_json::to_string(&answer).unwrap_or_else(|why| format!("{{\"error\":\"{why}\"}}"))
}

fn variation(text: &str) -> Result<Variation, Vec<Problem>> {
    serde_json::from_str(text).map_err(|why| vec![Problem::plain(format!("the variation cannot be read: {why}"))])
}

#[wasm_bindgen]
impl Engine {
    /// An empty lab.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Engine {
        Engine::default()
    }

    /// See [`Lab::add_file`].
    #[wasm_bindgen(js_name = addFile)]
    pub fn add_file(&mut self, path: &str, text: &str) {
        self.lab.add_file(path, text);
    }

    /// See [`Lab::check`]: a list of problems.
    pub fn check(&self, path: &str, text: &str) -> String {
        json::<_, ()>(Ok(self.lab.check(path, text)))
    }

    /// See [`Lab::open`].
    pub fn open(&mut self, path: &str, text: &str, how: &str) -> String {
        json(variation(how).and_then(|how| self.lab.open(path, text, how)))
    }

    /// See [`Lab::close`].
    pub fn close(&mut self, number: u32) {
        self.lab.close(number);
    }

    /// See [`Lab::seek`].
    pub fn seek(&mut self, number: u32, at: f64) -> String {
        json(self.lab.seek(number, at).map_err(|why| why.to_string()))
    }

    /// See [`Lab::step`].
    pub fn step(&mut self, number: u32) -> String {
        json(self.lab.step(number).map_err(|why| why.to_string()))
    }

    /// See [`Lab::questions`].
    pub fn questions(&mut self, number: u32, at: f64) -> String {
        json(self.lab.questions(number, at).map_err(|why| why.to_string()))
    }

    /// See [`Lab::schema`].
    pub fn schema(&self) -> String {
        json::<_, ()>(Ok(self.lab.schema()))
    }

    /// See [`Lab::cures`].
    pub fn cures(&self, path: &str, text: &str, how: &str, happening: u32) -> String {
        json(variation(how).and_then(|how| self.lab.cures(path, text, &how, happening)))
    }

    /// See [`Lab::log`].
    pub fn log(&self, text: &str) -> String {
        json(self.lab.log(text).map_err(|why| why.to_string()))
    }

    /// See [`Lab::lesson`].
    pub fn lesson(&self, path: &str, text: &str) -> String {
        json(self.lab.lesson(path, text))
    }

    /// See [`Lab::race`].
    pub fn race(&self, path: &str, text: &str, how: &str, first: u32, step: u32, of: u32) -> String {
        json(variation(how).and_then(|how| self.lab.race(path, text, &how, Pieces { first, step, of })))
    }

    /// See [`Lab::digests`].
    pub fn digests(&self, path: &str, seeds: u32) -> String {
        json(self.lab.digests(path, u64::from(seeds)).map_err(|why| why.to_string()))
    }
}
