//! Exports of log services.

use super::{Log, json, pretty, stamped, time};

/// Exports of log services.
pub fn exported(log: &Log) -> Vec<(&'static str, String)> {
    let gcp = |us: u64, t: &str| {
        format!(
            "{{\"jsonPayload\":{{\"MESSAGE\":{},\"_HOSTNAME\":\"n1\",\"_TRANSPORT\":\"kernel\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\"{us}\"}},\"labels\":[{{\"k\":\"v\"}}],\"resource\":{{\"type\":\"k8s_node\",\"labels\":{{\"node_name\":\"n1\"}}}},\"timestamp\":\"{}\"}}",
            json(t),
            time(us)
        )
    };
    let row = |us: u64, t: &str| format!("[\"{}\",\"n1\",\"kern\",\"warning\",{}]", time(us), json(t));
    let value = |us: u64, t: &str| format!("[\"17672257{:012}\",{}]", us, json(t));
    let hit = |us: u64, t: &str| {
        format!(
            "{{\"_index\":\"k\",\"_source\":{{\"@timestamp\":\"{}\",\"host\":{{\"name\":\"n1\"}},\"message\":{},\"event\":{{\"original\":{}}}}}}}",
            time(us),
            json(t),
            json(&stamped(us, t))
        )
    };
    let event = |us: u64, t: &str| {
        format!("{{\"timestamp\":1767225700000,\"message\":{},\"logStreamName\":\"n1\"}}", json(&stamped(us, t)))
    };
    let more = vec![
        ("GCP lines", log.each(gcp)),
        ("GCP, newest first", pretty(&format!("[{}]", log.newest_first(gcp)))),
        ("CloudWatch", pretty(&format!("{{\"events\":[{}],\"nextToken\":\"f\"}}", log.newest_first(event)))),
        (
            "Loki",
            pretty(&format!(
                "{{\"data\":{{\"result\":[{{\"stream\":{{\"host\":\"n1\"}},\"values\":[{}]}}]}}}}",
                log.newest_first(value)
            )),
        ),
        (
            "Loki in a line",
            format!(
                "{{\"data\":{{\"result\":[{{\"stream\":{{\"host\":\"n1\"}},\"values\":[{}]}}]}}}}",
                log.newest_first(value).replace('\n', "")
            ),
        ),
        (
            "Azure",
            pretty(&format!(
                "{{\"tables\":[{{\"columns\":[{{\"name\":\"TimeGenerated\"}}],\"rows\":[{}]}}]}}",
                log.newest_first(row)
            )),
        ),
        ("Elastic", pretty(&format!("{{\"hits\":{{\"hits\":[{}]}}}}", log.newest_first(hit)))),
    ];
    in_records(log).into_iter().chain(more).collect()
}

/// Records as JSON, one a line or in one list.
fn in_records(log: &Log) -> Vec<(&'static str, String)> {
    vec![
        (
            "docker json-file",
            log.each(|us, t| {
                format!(
                    "{{\"log\":{},\"stream\":\"stdout\",\"time\":\"{}\"}}",
                    json(&(stamped(us, t) + "\n")),
                    time(us)
                )
            }),
        ),
        (
            "JSON behind a prefix",
            log.each(|us, t| format!("{} stdout F {{\"MESSAGE\":{},\"_TRANSPORT\":\"kernel\"}}", time(us), json(t))),
        ),
        (
            "Splunk",
            log.each(|us, t| {
                format!("{{\"preview\":false,\"result\":{{\"_raw\":{},\"host\":\"n1\"}}}}", json(&stamped(us, t)))
            }),
        ),
        (
            "dmesg --json",
            pretty(&format!(
                "{{\"dmesg\":[{}]}}",
                log.lines()
                    .iter()
                    .map(|(us, t)| format!(
                        "{{\"pri\":4,\"time\":{}.{:06},\"msg\":{}}}",
                        us / 1_000_000,
                        us % 1_000_000,
                        json(t)
                    ))
                    .collect::<Vec<_>>()
                    .join(",")
            )),
        ),
        ("one JSON text", format!("{{\"body\":{}}}", json(&log.plain()))),
        (
            "a console's text",
            format!("{{\"InstanceId\":\"i-0\",\"Output\":{}}}", json(&log.plain().replace('\n', "\r\n"))),
        ),
        (
            "a list of lines",
            format!("[{}]", log.lines().iter().map(|(us, t)| json(&stamped(*us, t))).collect::<Vec<_>>().join(",")),
        ),
        (
            "Loki with metadata",
            format!(
                "{{\"data\":{{\"result\":[{{\"stream\":{{}},\"values\":[{}]}}]}}}}",
                log.newest_first(|us, t| format!("[\"17672257{us:012}\",{},{{\"trace\":\"0\"}}]", json(t)))
            ),
        ),
        (
            "CloudWatch Logs Insights",
            pretty(&format!(
                "{{\"results\":[{}],\"status\":\"Complete\"}}",
                log.newest_first(|us, t| format!(
                    "[{{\"field\":\"@timestamp\",\"value\":\"{}\"}},{{\"field\":\"@message\",\"value\":{}}}]",
                    time(us),
                    json(t)
                ))
            )),
        ),
    ]
}
