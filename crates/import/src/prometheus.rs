//! Answers of Prometheus' HTTP API: `query_range` (matrix) and `query` (vector), as JSON.

use crate::series::{Metric, Points, Series};
use crate::text::TextProblem;
use serde::de::{IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// The answer as the API sends it (prometheus: web/api/v1).
#[derive(Deserialize)]
struct Response {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: serde_json::Value,
}

/// What `/api/v1/labels`, `/series` and their like answer.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "data")]
    _data: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Curve {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, Written)>,
    value: Option<(f64, Written)>,
}

/// A value as the API sends it, a text; programs that write the answer again may make it a number, or `null` where
/// nothing was measured.
#[derive(Debug)]
struct Written(String);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyNumber)
    }
}

struct AnyNumber;

impl Visitor<'_> for AnyNumber {
    type Value = Written;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number, as a text or as it is")
    }

    fn visit_str<E>(self, text: &str) -> Result<Written, E> {
        Ok(Written(text.to_owned()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Written, E> {
        Ok(Written(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Written, E> {
        Ok(Written(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Written, E> {
        Ok(Written(number.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Written, E> {
        Ok(Written(f64::NAN.to_string()))
    }
}

/// A line of what VictoriaMetrics exports (`/api/v1/export`): times in milliseconds, in an array of their own.
#[derive(Deserialize)]
struct Exported {
    metric: BTreeMap<String, String>,
    values: Vec<Option<f64>>,
    timestamps: Vec<i64>,
}

/// Most samples of one file: a day of 1,000 containers at 15 s, and some room.
const MAX_SAMPLES: usize = 10_000_000;

/// Reads an answer. `file` names what is measured where the answer does not.
///
/// # Errors
/// Everything that is wrong with it, sample by sample.
pub fn read(file: &str, text: &str) -> Result<Vec<Series>, Vec<TextProblem>> {
    if serde_json::from_str::<Listed>(text).is_ok() {
        let message = "this answer lists names or series, not values: ask /api/v1/query_range or /api/v1/query";
        return Err(vec![TextProblem::whole(message.into())]);
    }
    let response: Response = serde_json::from_str(text).map_err(|why| vec![TextProblem::json(text, &why)])?;
    if response.status != "success" {
        let why = response.error.unwrap_or_else(|| format!("status {:?}", response.status));
        return Err(vec![TextProblem::whole(format!("Prometheus answered with an error: {why}"))]);
    }
    let Some(data) = response.data else {
        return Err(vec![TextProblem::whole("the answer has no `data`".into())]);
    };
    of_data(file, data)
}

/// Reads the `data` of an answer, as `jq .data` prints it.
///
/// # Errors
/// As [`read`].
pub fn read_data(file: &str, text: &str) -> Result<Vec<Series>, Vec<TextProblem>> {
    of_data(file, serde_json::from_str(text).map_err(|why| vec![TextProblem::json(text, &why)])?)
}

/// Reads the `data.result` of an answer, as `jq .data.result` prints it.
///
/// # Errors
/// As [`read`].
pub fn read_result(file: &str, text: &str) -> Result<Vec<Series>, Vec<TextProblem>> {
    if text.lines().next().is_some_and(|line| line.contains("\"timestamps\":")) {
        let lines: Vec<Exported> = serde_json::from_str(text).map_err(|why| vec![TextProblem::json(text, &why)])?;
        return of_curves(file, lines.into_iter().map(exported).collect::<Result<_, _>>()?);
    }
    of_curves(file, serde_json::from_str(text).map_err(|why| vec![TextProblem::json(text, &why)])?)
}

fn exported(line: Exported) -> Result<Curve, Vec<TextProblem>> {
    let (times, values) = (line.timestamps.len(), line.values.len());
    if times != values {
        let message = format!("{} has {values} values and {times} timestamps", shown(&line.metric));
        return Err(vec![TextProblem::whole(message)]);
    }
    let pairs = line.timestamps.iter().zip(line.values);
    // What is not a number is exported as null: nothing was measured.
    let values =
        pairs.map(|(ms, value)| (*ms as f64 / 1000.0, Written(value.unwrap_or(f64::NAN).to_string()))).collect();
    Ok(Curve { metric: line.metric, values, value: None })
}

/// True for a list of curves.
pub fn looks_like_result(text: &str) -> bool {
    let head: String = text.chars().filter(|c| !c.is_whitespace()).take(12).collect();
    head.starts_with("[{\"metric\":")
}

fn of_data(file: &str, data: Data) -> Result<Vec<Series>, Vec<TextProblem>> {
    if !matches!(data.result_type.as_str(), "matrix" | "vector") {
        let message =
            format!("the result is a {}; expected a matrix (query_range) or a vector (query)", data.result_type);
        return Err(vec![TextProblem::whole(message)]);
    }
    let curves: Vec<Curve> = serde_json::from_value(data.result)
        .map_err(|why| vec![TextProblem::whole(format!("`data.result` is not what the API sends: {why}"))])?;
    of_curves(file, curves)
}

fn of_curves(file: &str, curves: Vec<Curve>) -> Result<Vec<Series>, Vec<TextProblem>> {
    let samples: usize = curves.iter().map(|curve| curve.values.len() + usize::from(curve.value.is_some())).sum();
    if samples > MAX_SAMPLES {
        let message = format!("{samples} samples; at most {MAX_SAMPLES} are read: ask for a larger step or fewer pods");
        return Err(vec![TextProblem::whole(message)]);
    }
    let mut problems = Vec::new();
    let series = curves.into_iter().map(|curve| series(file, curve, &mut problems)).collect();
    if problems.is_empty() { Ok(series) } else { Err(problems) }
}

fn series(file: &str, mut curve: Curve, problems: &mut Vec<TextProblem>) -> Series {
    let name = curve.metric.remove("__name__");
    let metric = name.as_deref().map(Metric::named).or_else(|| Metric::by_file_name(file));
    let mut points = Points::default();
    for (number, (at, value)) in curve.values.iter().chain(&curve.value).enumerate() {
        let value = &value.0;
        let pushed = value.parse::<f64>().map_err(|_| "is not a number".to_string());
        if let Err(why) = pushed.and_then(|value| points.push(*at, value).map_err(|bad| bad.to_string())) {
            let message = format!("sample {} (at {at}, {value:?}) of {} {why}", number + 1, shown(&curve.metric));
            problems.push(TextProblem::whole(message));
        }
    }
    points.finish(metric, curve.metric)
}

/// Labels as Prometheus writes them.
pub(crate) fn shown(labels: &BTreeMap<String, String>) -> String {
    let list: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Sample;

    fn answer(result: &str) -> String {
        format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{result}]}}}}")
    }

    #[test]
    fn ranges_and_instants_are_read() {
        let range = r#"{"metric":{"__name__":"container_memory_rss","pod":"a"},"values":[[1,"10"],[31.5,"2e1"]]}"#;
        let read = read("x.json", &answer(range)).expect("an answer");
        assert_eq!(read[0].metric, Some(Metric::Rss));
        assert_eq!(read[0].points, [Sample { at_ms: 1000, bytes: 10 }, Sample { at_ms: 31_500, bytes: 20 }]);
        let instant = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[5,"7"]}]}}"#;
        let read = super::read("out/wss.json", instant).expect("an answer");
        assert_eq!((read[0].metric.clone(), read[0].points[0].bytes), (Some(Metric::WorkingSet), 7));
    }

    /// The form of VictoriaMetrics' documentation.
    #[test]
    fn exports_in_lines_are_read() {
        let export = |times: &str| {
            format!(
                "[{{\"metric\":{{\"__name__\":\"container_memory_rss\",\"pod\":\"a\"}},\"values\":[10,null,20.0],\"timestamps\":{times}}}]"
            )
        };
        let read = read_result("x.jsonl", &export("[1000,2000,31500]")).expect("an export");
        assert_eq!(read[0].metric, Some(Metric::Rss));
        assert_eq!(read[0].points, [Sample { at_ms: 1000, bytes: 10 }, Sample { at_ms: 31_500, bytes: 20 }]);
        let short = read_result("x.jsonl", &export("[1000]")).expect_err("too few");
        assert!(short[0].message.contains("3 values and 1 timestamps"), "{short:?}");
    }

    #[test]
    fn every_bad_sample_is_named() {
        let bad = r#"{"metric":{"pod":"a"},"values":[[1,"NaN"],[2,"5"],[1,"6"],[3,"-1"],[4,"x"]]}"#;
        let problems = read("x.json", &answer(bad)).expect_err("bad samples");
        assert_eq!(problems.len(), 3, "NaN is no problem: {problems:?}");
        assert!(problems[0].message.contains("sample 3 (at 1, \"6\") of {pod=\"a\"} is earlier"), "{problems:?}");
    }

    #[test]
    fn errors_of_prometheus_are_passed_on() {
        let error = r#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}"#;
        assert!(read("x.json", error).expect_err("an error")[0].message.contains("parse error"));
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#;
        assert!(read("x.json", scalar).expect_err("a scalar")[0].message.contains("expected a matrix"));
        let labels = r#"{"status":"success","data":["__name__"]}"#;
        assert!(read("x.json", labels).expect_err("labels")[0].message.contains("lists names"));
        assert!(read("x.json", "{\"status\":").expect_err("cut")[0].at.start > 0);
    }
}
