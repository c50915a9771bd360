//! One request to several servers, of which the first is the real OpenTSDB: do all answer the same?

use super::http::{Client, Response};
use super::kit;
use serde_json::Value;

/// A request.
pub struct Asked {
    method: &'static str,
    path: String,
    body: Option<Value>,
    any_order: bool,
}

impl Asked {
    pub fn new(method: &'static str, path: impl Into<String>, body: Option<Value>) -> Asked {
        Asked { method, path: path.into(), body, any_order: false }
    }

    /// Whether it changes nothing, so that it can be asked again.
    fn reads(&self) -> bool {
        self.path.starts_with("/api/query")
            || self.path.starts_with("/api/annotation") && self.method == "GET" && !self.path.contains("method_override")
    }

    /// Series of the answer may come in any order.
    pub fn in_any_order(self) -> Asked {
        Asked { any_order: true, ..self }
    }

    fn send(&self, client: &mut Client) -> Response {
        let headers = [("Content-Type".to_string(), "application/json".to_string())];
        let body = self.body.as_ref().map(Value::to_string);
        let headers = if body.is_some() { &headers[..] } else { &[] };
        client.request(self.method, &self.path, headers, body.as_deref().map(str::as_bytes)).unwrap_or_else(|e| panic!("{self}: {e}"))
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        write!(f, "{} {} {body}", self.method, self.path)
    }
}

/// How often reads are asked again while answers differ: the original shows what it has taken a little later, and how long that
/// is depends on the machine.
const AGAIN: usize = 20;

/// Asks all of them; the differences from the first.
pub fn alike(clients: &mut [Client], asked: &Asked, number: usize) -> Vec<String> {
    let mut out = compared(clients, asked, number);
    for _ in 0..if asked.reads() { AGAIN } else { 0 } {
        if out.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        out = compared(clients, asked, number);
    }
    out
}

fn compared(clients: &mut [Client], asked: &Asked, number: usize) -> Vec<String> {
    let (real, ours) = clients.split_first_mut().expect("a server");
    let want = asked.send(real);
    let mut out = Vec::new();
    for (at, client) in ours.iter_mut().enumerate() {
        let got = asked.send(client);
        let differences = differences(&want, &got, asked.any_order);
        if !differences.is_empty() {
            let text = |r: &Response| format!("{} {}", r.status, r.text().chars().take(600).collect::<String>());
            out.push(format!(
                "{number}, server {at}: {asked}\n    {}\n    wanted {}\n    got    {}",
                differences[..differences.len().min(3)].join("; "),
                text(&want),
                text(&got)
            ));
        }
    }
    out
}

/// A client's mistake that is a 500 there is a 400 here. Messages of Java's libraries are not compared.
fn differences(want: &Response, got: &Response, any_order: bool) -> Vec<String> {
    if want.status >= 400 && want.status == got.status || want.status == 500 && got.status == 400 {
        let message = |r: &Response| super::json::parse(&r.text()).map(|v| v["error"]["message"].as_str().unwrap_or_default().to_string());
        let (a, b) = (message(want).unwrap_or_default(), message(got).unwrap_or_default());
        let is_javas =
            want.status == 500 || ["com.fasterxml.", "java.", "Index ", "Unable to parse the given JSON"].iter().any(|s| a.starts_with(s));
        return if is_javas && !b.is_empty() || a == b { Vec::new() } else { vec![format!("message {b:?}, expected {a:?}")] };
    }
    if want.status != got.status {
        return vec![format!("status {}, expected {}", got.status, want.status)];
    }
    let parsed = |r: &Response| super::json::parse(&r.text()).unwrap_or_else(|_| Value::String(r.text()));
    kit::compare_bodies(&parsed(want), &parsed(got), if any_order { "series-unordered" } else { "json" }, &[])
}
