//! The real OpenTSDB 2.4.1 and our binary on both engines, each on empty tables of its own with the same settings.

use super::http::{Client, Response};
use super::kit::{self, Context};
use super::real::{RealTsd, create_tables};
use super::server::{Engine, Server};
use serde_json::{Value, json};

/// The three of them.
pub struct Trio {
    pub real: RealTsd,
    pub embedded: Server,
    pub hbase: Server,
}

impl Trio {
    /// Starts them; the names of the tables begin with `what`.
    pub fn start(what: &str, settings: &[(&str, &str)]) -> Trio {
        let Engine::Hbase { prefix } = Engine::fresh_hbase(&format!("{what}real")) else { unreachable!() };
        create_tables(&prefix);
        Trio {
            real: RealTsd::start(&prefix, settings),
            embedded: Server::start(&Engine::Embedded, settings),
            hbase: Server::start(&Engine::fresh_hbase(&format!("{what}ours")), settings),
        }
    }

    /// Ours.
    pub fn ours(&self) -> [&Server; 2] {
        [&self.embedded, &self.hbase]
    }

    /// A client of each, the real one's first.
    pub fn clients(&self) -> [Client; 3] {
        [self.real.client(), self.embedded.client(), self.hbase.client()]
    }

    /// Creates names in one order everywhere, then puts the points: all metrics, and these tags with their values.
    pub fn fill(&self, tags: &[(&str, &[&str])], points: &[Value]) {
        self.clients().iter_mut().for_each(|client| fill(client, tags, points));
    }
}

fn fill(client: &mut Client, tags: &[(&str, &[&str])], points: &[Value]) {
    let mut assign = |kind: &str, name: &str| drop(client.post("/api/uid/assign", &json!({kind: [name]}).to_string()));
    for (key, values) in tags {
        assign("tagk", key);
        values.iter().for_each(|value| assign("tagv", value));
    }
    let metrics: std::collections::BTreeSet<&str> = points.iter().filter_map(|p| p["metric"].as_str()).collect();
    metrics.into_iter().for_each(|metric| assign("metric", metric));
    for chunk in points.chunks(50) {
        let r = client.post("/api/put?sync&details", &serde_json::to_string(chunk).unwrap()).unwrap();
        assert_eq!(r.status, 200, "{}", r.text());
    }
}

/// How our answer differs from the real one's, in a mode of the recorded cases; at most three.
pub fn differences(real: &Response, ours: Result<Response, String>, mode: &str) -> Vec<String> {
    let mut body = super::json::parse(&real.text()).unwrap_or_default();
    if real.status != 200 {
        body = super::json::drop_trace(body);
    }
    let case = json!({
        "compare": mode,
        "response": {"status": real.status, "content_type": real.header("content-type"), "body": body},
    });
    let mut found = match ours {
        Ok(answer) => kit::compare(&case, &answer, &Context::default()),
        Err(e) => vec![e],
    };
    found.truncate(3);
    found
}
