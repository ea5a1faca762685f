//! `quantity.jsonl`.

use super::input::{self, Check};
use crate::Verdict;
use oomsim_core::units::{Format, Quantity};
use serde_json::{Value, json};

/// Checks one row.
pub fn check(row: &Value) -> Verdict {
    input::verdict(match row["kind"].as_str() {
        Some("parse") => parse(row),
        Some("format") => format(row),
        Some("arith") => arith(row),
        _ => Err(format!("unknown kind {}", row["kind"])),
    })
}

fn text<'a>(row: &'a Value, name: &str) -> Result<&'a str, String> {
    row[name].as_str().ok_or_else(|| format!("{name} is missing"))
}

/// Compares every field of the row that the model computes too.
fn compare(row: &Value, got: Value) -> Check {
    let names = got.as_object().ok_or("no object")?;
    let expected: Value = names.keys().map(|k| (k.clone(), row[k].clone())).collect::<serde_json::Map<_, _>>().into();
    Ok(Verdict::compare("", &expected, &got))
}

fn parse(row: &Value) -> Check {
    let got = match Quantity::parse(text(row, "in")?) {
        Err(error) => json!({"error": error.to_string()}),
        Ok(quantity) => {
            let mut rounded = quantity.clone();
            rounded.round_up_milli();
            json!({
                "error": null,
                "value": quantity.value(),
                "milli": quantity.milli_value(),
                "sign": quantity.sign(),
                "format": quantity.format().to_string(),
                "as_int64_ok": quantity.as_int64().is_some(),
                "string": quantity.to_string(),
                "api_default_string": rounded.to_string(),
            })
        }
    };
    compare(row, got)
}

fn format(row: &Value) -> Check {
    let value = row["value"].as_i64().ok_or("value is missing")?;
    let shown = |format| Quantity::new(value, format).to_string();
    compare(row, json!({"binary_si": shown(Format::BinarySI), "decimal_si": shown(Format::DecimalSI)}))
}

fn arith(row: &Value) -> Check {
    let operand = |name| Quantity::parse(text(row, name)?).map_err(|e| e.to_string());
    let (a, b) = (operand("a")?, operand("b")?);
    let (mut sum, mut difference) = (a.clone(), a.clone());
    sum.add(&b);
    difference.sub(&b);
    let got = json!({
        "cmp": a.cmp(&b) as i32,
        "add": sum.to_string(),
        "add_value": sum.value(),
        "sub": difference.to_string(),
        "sub_value": difference.value(),
    });
    compare(row, got)
}
