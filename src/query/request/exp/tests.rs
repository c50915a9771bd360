//! Bodies that are refused, and why.

use super::*;
use crate::query::request::date::Clock;

fn context() -> Context {
    Context { clock: Clock { now_ms: 1_400_000_000_000, zone: jiff::tz::TimeZone::UTC }, metric_width: 3 }
}

const GOOD: &str = r#"{"time":{"start":"1356998400","end":1356999300,"aggregator":"sum","downsampler":{"interval":"2m","aggregator":"avg"}},
    "filters":[{"id":"f1","tags":[{"type":"wildcard","tagk":"host","filter":"*","groupBy":true}]}],
    "metrics":[{"id":"a","metric":"m.a","filter":"f1","fillPolicy":{"policy":"scalar","value":7.5}},{"id":"b","metric":"m.b"}],
    "expressions":[{"id":"e","expr":"a + b","join":{"operator":"INTERSECTION","useQueryTags":true}}],"outputs":[{"id":"e","alias":"x"}]}"#;

#[track_caller]
fn check(from: &str, to: &str, want: Result<(), &str>) {
    let body = GOOD.replacen(from, to, 1);
    assert!(from.is_empty() || body != GOOD, "'{from}' is not there");
    let got = read(body.as_bytes()).and_then(|request| request.plan(&context())).map(|_| ());
    assert_eq!(got.as_ref().map_err(|e| e.message.as_str()), want.as_ref().map_err(|e| *e), "{to}");
}

#[test]
fn bodies() {
    check("", "", Ok(()));
    check("\"outputs\"", "\"bar\":2,\"outputs\"", Ok(()));
    check("a + b", "b * 2", Ok(()));
    check("\"time\"", "\"tim\"", Err("missing time"));
    check("\"start\":\"1356998400\",", "", Err("Invalid time: missing or empty start"));
    check("\"aggregator\":\"sum\"", "\"aggregator\":\"foo\"", Err("Invalid time: Invalid aggregator 'foo'"));
    check("\"2m\"", "\"0all\"", Err("Invalid time: Zero or negative duration: 0all"));
    check("\"avg\"", "\"none\"", Err("cannot use the NONE aggregator for downsampling"));
    check("1356999300", "1356998300", Err("End time [1356998300000] must be greater than the start time [1356998400000]"));
    check("\"id\":\"b\"", "\"id\":\"a\"", Err("duplicated metric id: a"));
    check("\"id\":\"e\"", "\"id\":\"b\"", Err("Duplicated variable or expression id: b"));
    check("\"id\":\"b\"", "\"id\":\"b c\"", Err("Invalid metric at index 1: Invalid id (\"b c\"): illegal character:  "));
    check("\"id\":\"b\"", "\"id\":\"5\"", Err("Invalid metric at index 1: The ID cannot be an integer"));
    check("\"metric\":\"m.b\"", "\"metric\":\"\"", Err("Invalid metric at index 1: missing or empty metric"));
    check(
        "\"metric\":\"m.b\"",
        "\"metric\":\"m.b\",\"timeOffset\":\"x\"",
        Err("Invalid metric at index 1: Invalid time: x. Invalid character 'x' in x"),
    );
    check("\"filter\":\"f1\"", "\"filter\":\"f2\"", Err("unrecognized filter id f2 in metric a"));
    check("\"filters\"", "\"filter\"", Err("No filter defined: f1"));
    check("\"tags\"", "\"tag\"", Err("the filter f1 has no 'tags'"));
    check("\"id\":\"f1\"", "\"id\":null", Err("Invalid filter at index 0: Missing or empty id"));
    check("a + b", "a + zz", Err("Expression [a + zz] was missing input zz"));
    check("a + b", "1 + 1", Err("The expression didn't appear to have any variables"));
    check("a + b", "", Err("Invalid expression at index 0: missing or empty expr"));
    check("a + b", "a +", Err("Invalid expression at index 0: a value is missing at the end of 'a +'"));
    check("INTERSECTION", "cross", Err("Unable to parse the given JSON: Unrecognized set operator: cross (known are union, intersection)"));
    check("\"operator\":\"INTERSECTION\",", "", Err("The set operator cannot be null"));
    check("scalar", "foo", Err("Unable to parse the given JSON: Unrecognized fill policy: foo"));
    check("scalar", "zero", Err("Unable to parse the given JSON: The value for ZERO must be 0"));
    check("scalar", "nan", Err("Unable to parse the given JSON: The value for NONE and NAN must be NaN"));
    assert_eq!(read(b"").unwrap_err().message, "Incoming data was null or empty");
    assert_eq!(read(b"[]").unwrap_err().message, "Unable to parse the given JSON: 'the query' must be an object, not an array");
    assert_eq!(read(b"{\"time\":{}}").unwrap().plan(&context()).unwrap_err().message, "Invalid time: missing or empty start");
    let many = format!("{{\"metrics\":[{}]}}", vec!["{}"; 2_000].join(","));
    assert!(read(many.as_bytes()).is_err_and(|e| e.message.contains("EXP_PARTS_MAX")));
}

#[test]
fn mutated_bodies() {
    let parts = ["null", "[", "{}", "\"id\":\"a\"", "\"scalar\"", "NaN", "\"*\"", "e", "union", "0all", ",", "\\u0000", "-1"];
    crate::fuzz::run(|dice| {
        let body = dice.mutate_text(GOOD, &parts.map(|p| p));
        if let Ok(request) = read(body.as_bytes()) {
            let _ = request.plan(&context());
        }
    });
}
