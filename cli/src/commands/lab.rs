//! `oomsim lab`: the page on which runs can be played, stepped, changed and asked, served on loopback.
//!
//! The page is one file that needs no server; serving it is only the shortest way to a browser with a scenario in it.

use crate::exit::{Exit, Failure};
use std::path::PathBuf;

/// Arguments of `oomsim lab`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The page is served on 127.0.0.1 only, and it loads nothing else. It is one file: `--out lab.html` writes it, for any \
web server, a mail or a folder.

Examples:
  oomsim lab
  oomsim lab scenarios/oom4-allocatable-fast.toml
  oomsim lab --out lab.html")]
pub struct Args {
    /// Scenario to start with; files that it names are not passed on
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    /// Port on 127.0.0.1; 0: any that is free
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Write the page to this file instead of serving it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: crate::flags::Force,
}

/// Runs `oomsim lab`.
///
/// # Errors
/// When the scenario cannot be read, the port is taken, or the page is not built in.
#[cfg(feature = "lab")]
pub fn run(args: Args) -> Result<Exit, Failure> {
    const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../web/dist-lab/lab.html"));
    let scenario = args.scenario.as_deref().map(crate::load::named_text).transpose()?;
    let page = scenario.map_or_else(|| PAGE.to_owned(), |text| with_scenario(PAGE, &text));
    match &args.out {
        Some(out) => {
            let written = crate::output::write_file(out, args.force, page.as_bytes())?;
            crate::output::print(&format!("written to {}\n", written.display()))?;
            Ok(Exit::Holds)
        }
        None => serve::serve(args.port, &page),
    }
}

/// Runs `oomsim lab` of a program that has none.
///
/// # Errors
/// Always.
#[cfg(not(feature = "lab"))]
pub fn run(_: Args) -> Result<Exit, Failure> {
    Err(Failure::bad_input(
        "this oomsim was built without the lab. Releases have it; web/README.md says how to build it in",
    ))
}

/// Where the page keeps the scenario that it begins with.
#[cfg(any(test, feature = "lab"))]
const PLACE: &str = "<script type=\"application/json\" id=\"scenario\">null</script>";

/// The page with a scenario in it.
#[cfg(any(test, feature = "lab"))]
fn with_scenario(page: &str, scenario: &str) -> String {
    // `<` would end the script element that holds the text, or open a comment in it.
    let text = serde_json::Value::from(scenario).to_string().replace('<', "\\u003c");
    page.replacen(PLACE, &PLACE.replace("null", &text), 1)
}

#[cfg(feature = "lab")]
mod serve {
    use crate::exit::{Exit, Failure};
    use crate::output;
    use tiny_http::{Header, Method, Request, Response, Server};

    /// Serves the page until the program is interrupted.
    pub fn serve(port: u16, page: &str) -> Result<Exit, Failure> {
        let server = Server::http(("127.0.0.1", port))
            .map_err(|why| Failure::bad_input(format!("127.0.0.1:{port} cannot be used: {why}")))?;
        let port = server.server_addr().to_ip().map_or(port, |address| address.port());
        output::print(&format!("http://127.0.0.1:{port}/   (end with Ctrl-C)\n"))?;
        for request in server.incoming_requests() {
            answer(request, port, page);
        }
        Ok(Exit::Holds)
    }

    /// The page for its own address, and nothing else.
    fn answer(request: Request, port: u16, page: &str) {
        // A page of another site may have this name resolve to loopback; it must not see what is served here.
        let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let host = request.headers().iter().find(|header| header.field.equiv("Host"));
        let ours = host.is_some_and(|host| ours.iter().any(|name| name == host.value.as_str()));
        let reads = matches!(request.method(), Method::Get | Method::Head);
        let status = match request.url() {
            _ if !ours => 403,
            _ if !reads => 405,
            "/" | "/index.html" => 200,
            _ => 404,
        };
        let body = if status == 200 { page } else { "" };
        let mut response = Response::from_string(body).with_status_code(status);
        for (name, value) in [("Content-Type", "text/html; charset=utf-8"), ("X-Content-Type-Options", "nosniff")] {
            if let Ok(header) = Header::from_bytes(name, value) {
                response.add_header(header);
            }
        }
        // A browser that went away needs no answer.
        let _ = request.respond(response);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_cannot_leave_its_element() {
        let page = format!("<body>{PLACE}</body>");
        let with = with_scenario(&page, "# </script><script>alert(1)</script>\n");
        assert!(!with.contains("<script>alert"));
        assert!(with.contains("# \\u003c/script>"));
    }
}
