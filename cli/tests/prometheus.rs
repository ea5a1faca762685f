//! `oomsim import --prometheus`, against a server on loopback that answers like one.

#![cfg(feature = "prometheus")]

mod common;

use common::{err, oomsim, out};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop}, spec: {nodeName: n1, \
                   containers: [{name: app}]}}";

/// A server that gives these answers, one to a connection, and returns what it was asked.
fn server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let answer = |answer: String| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut text = String::new();
            let mut buffer = [0; 4096];
            // The head says how long the form is.
            loop {
                let n = stream.read(&mut buffer).expect("a request");
                text.push_str(&String::from_utf8_lossy(&buffer[..n]));
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = |l: &str| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
                let length = head.lines().find_map(length);
                if n == 0 || body.len() >= length.unwrap_or(0) {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).expect("an answer");
            text
        };
        answers.into_iter().map(answer).collect()
    });
    (address, asked)
}

fn http(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n{body}", body.len())
}

fn matrix(series: &str) -> String {
    http("200 OK", "", &format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}"#))
}

fn import(folder: &Path, more: &[&str]) -> std::process::Output {
    let pod = folder.join("pod.yaml");
    std::fs::write(&pod, POD).expect("written");
    let there = folder.join("out");
    let fixed = ["import", pod.to_str().expect("UTF-8"), "--memory", "8Gi", "--node", "n1", "--out"];
    oomsim(fixed.iter().chain(&[there.to_str().expect("UTF-8")]).chain(more))
}

#[test]
fn series_come_from_the_server_with_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret\n").expect("written");
    let series = |metric: &str, first: u64| {
        let labels = r#""namespace":"shop","pod":"web-1","container":"app""#;
        format!(
            r#"{{"metric":{{"__name__":"{metric}",{labels}}},"values":[[1764100000,"{first}"],[1764100060,"{}"]]}}"#,
            first + (10 << 20)
        )
    };
    let answers = vec![
        matrix(&series("container_memory_working_set_bytes", 60 << 20)),
        matrix(&series("container_memory_rss", 50 << 20)),
        matrix(""),
    ];
    let (address, asked) = server(answers);
    let output = import(
        folder.path(),
        &["--prometheus", &address, "--token-file", token.to_str().expect("UTF-8"), "--since", "1h", "--step", "30s"],
    );
    assert!(output.status.success(), "{}", err(&output));
    let asked = asked.join().expect("three questions");
    assert!(asked.iter().all(|request| request.contains("Bearer s3cret")), "{asked:?}");
    assert!(asked[0].starts_with("POST /api/v1/query_range ") && asked[0].contains("web-1"), "{asked:?}");
    assert!(asked[2].contains("node_memory_"), "{asked:?}");
    let text = std::fs::read_to_string(folder.path().join("out/scenario.toml")).expect("a scenario");
    // Anonymous memory is what `rss` says, the rest of the working set is cache in use: 60 less 50, 70 less 60.
    assert!(text.contains("[\"0s\", \"50Mi\", \"10Mi\"], [\"1m0s\", \"60Mi\", \"10Mi\"]"), "{text}");
    assert!(!out(&output).contains("s3cret") && !text.contains("s3cret"), "{text}");
}

#[test]
fn a_server_that_is_none_is_one_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = http("400 Bad Request", "", r#"{"status":"error","errorType":"bad_data","error":"parse error: x"}"#);
    let page = http("502 Bad Gateway", "", "<html>no</html>");
    let login = http("401 Unauthorized", "Content-Type: application/json\r\n", r#"{"message":"Unauthorized"}"#);
    let cut = http("200 OK", "", r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":"#);
    let broken = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{\"status\"".to_owned();
    let away = http("302 Found", "Location: http://192.0.2.1/login\r\n", "");
    let odd = http("200 OK", "", "hello");
    for (answers, expected) in [
        (vec![error], "answered 400 Bad Request: parse error"),
        (vec![page], "answered 502"),
        (vec![login], "is a token needed"),
        (vec![cut], "no whole JSON"),
        (vec![broken], "the answer cannot be read"),
        (vec![away], "not followed"),
        (vec![odd], "is this a Prometheus"),
        (vec![matrix("")], "it has no container_memory_working_set_bytes of these pods"),
    ] {
        let (address, asked) = server(answers);
        let output = import(folder.path(), &["--prometheus", &address]);
        assert_eq!(output.status.code(), Some(2), "{expected}: {}", out(&output));
        assert!(err(&output).contains(expected), "{expected}: {}", err(&output));
        assert!(!folder.path().join("out").exists(), "nothing is written");
        asked.join().expect("a server");
    }
    for (address, expected) in [
        ("ftp://x", "expected an address"),
        ("http://127.0.0.1:1", "127.0.0.1:1"),
        ("nonsense", "expected an address"),
        ("http://user:secret@127.0.0.1:1", "expected an address"),
    ] {
        let output = import(folder.path(), &["--prometheus", address]);
        assert_eq!(output.status.code(), Some(2), "{address}");
        assert!(err(&output).contains(expected), "{address}: {}", err(&output));
    }
}

#[test]
fn flags_of_the_question_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (empty, words) = (folder.path().join("empty"), folder.path().join("words"));
    std::fs::write(&empty, "\n").expect("written");
    std::fs::write(&words, "two words").expect("written");
    let (empty, words) = (empty.to_str().expect("UTF-8"), words.to_str().expect("UTF-8"));
    for (flags, expected) in [
        (["--token-file", empty], "has no token on one line"),
        (["--token-file", words], "has no token on one line"),
        (["--token-file", "/nowhere"], "cannot be read"),
        (["--ca-file", words], "has no certificate"),
        (["--since", "400d"], "choose a larger --step"),
        (["--step", "0s"], "choose a larger --step"),
        (["--until", "yesterday"], "expected a time such as"),
    ] {
        let output = import(folder.path(), &[["--prometheus", "http://127.0.0.1:1"].as_slice(), &flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(err(&output).contains(expected), "{flags:?}: {}", err(&output));
    }
}
