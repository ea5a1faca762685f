//! The HTTP client.

use super::Range;
use crate::exit::Failure;
use std::path::Path;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Longest answer that is read.
const MAX_ANSWER: u64 = 256 << 20;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(120);

/// A Prometheus.
pub(super) struct Server {
    agent: Agent,
    url: String,
    authorization: Option<String>,
}

impl Server {
    /// The Prometheus at an address, with a path in front of `/api/v1` if there is one.
    pub fn new(url: &str, authorization: Option<String>, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = ca_file {
            tls = tls.root_certs(authorities(path)?);
        }
        let config = Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .tls_config(tls.build())
            // A token goes to the host that was named, and to no other.
            .max_redirects(0)
            .http_status_as_error(false)
            .build();
        let url = format!("{}/api/v1/query_range", url.trim_end_matches('/'));
        Ok(Server { agent: config.into(), url, authorization })
    }

    /// The answer to a question.
    pub fn range(&self, range: &Range) -> Result<String, Failure> {
        let form = [
            ("query", range.query.clone()),
            ("start", range.start.to_string()),
            ("end", range.end.to_string()),
            ("step", range.step.to_string()),
        ];
        let bad = |why: String| Failure::bad_input(format!("{}: {why}", self.url));
        let mut post = self.agent.post(&self.url);
        if let Some(authorization) = &self.authorization {
            post = post.header("Authorization", authorization);
        }
        let mut response = post.send_form(form).map_err(|why| bad(unreachable(&why)))?;
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or("another address");
            return Err(bad(format!("redirects to {to:?}, which is not followed: give that address if you trust it")));
        }
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let text = body.map_err(|why| bad(format!("the answer cannot be read: {}", unreachable(&why))))?;
        match serde_json::from_str(&text) {
            Ok(Answer { status: Some(word), .. }) if word == "success" => Ok(text),
            // Prometheus says what is wrong with a query.
            Ok(Answer { error: Some(why), .. }) => {
                Err(bad(format!("answered {status}: {}", oomsim_report::escape::line(&why))))
            }
            Err(why) if status.is_success() && text.trim_start().starts_with('{') => {
                Err(bad(format!("the answer is no whole JSON: {why}")))
            }
            // Anything else is a proxy's.
            _ => Err(bad(format!("answered {status}, {}", of_no_prometheus(status.as_u16())))),
        }
    }
}

/// What every answer of Prometheus has.
#[derive(serde::Deserialize)]
struct Answer {
    status: Option<String>,
    error: Option<String>,
}

fn of_no_prometheus(status: u16) -> &'static str {
    match status {
        401 | 403 => "and wants to know who asks: is a token needed (--token-file), or another one?",
        404 => "it has no /api/v1/query_range: is there a path in front of it, as in http://host/prometheus?",
        500.. => "it is out of order, or what stands in front of it is",
        _ => "and not what Prometheus answers: is this a Prometheus, and is a token needed (--token-file)?",
    }
}

/// Why there is no answer, and what to do about it.
fn unreachable(why: &ureq::Error) -> String {
    let text = why.to_string();
    let text = text.strip_prefix("io: ").unwrap_or(&text);
    let text = text.split(" (os error").next().unwrap_or(text);
    match why {
        ureq::Error::Timeout(ureq::Timeout::Connect) => format!("no connection within {} s", CONNECT.as_secs()),
        ureq::Error::Timeout(_) => format!("no whole answer within {} s: ask for less with --since", ANSWER.as_secs()),
        ureq::Error::BodyExceedsLimit(_) => {
            format!("it is larger than {} MiB: ask for less with --since, or a larger --step", MAX_ANSWER >> 20)
        }
        _ if text.contains("certificate") => {
            format!("{text}: give the certificate of its authority with --ca-file, if you trust it")
        }
        _ => text.to_owned(),
    }
}

/// The certificates of a file.
fn authorities(path: &Path) -> Result<RootCerts, Failure> {
    let text = super::read(path)?;
    let items: Result<Vec<_>, _> = parse_pem(text.as_bytes()).collect();
    let items = items.map_err(|why| Failure::bad_input(format!("{} is no PEM file: {why}", path.display())))?;
    let certificates = items.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        return Err(Failure::bad_input(format!("{} has no certificate (-----BEGIN CERTIFICATE-----)", path.display())));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
