//! What the recorded cases (`tests/worker_vectors.rs`) do not show: places of errors, bounds, joins, and mutated texts.

use super::*;

/// Two hosts with a few points, whatever is asked; `none` knows nothing, `away` does not answer.
struct Hosts;

impl Source for Hosts {
    fn query(&self, request: &Request) -> Result<Vec<Answer>, SourceError> {
        let keys: Vec<&str> = request.query.keys().collect();
        let one = |host: &str, values: &[f64]| Answer {
            tags: keys.iter().map(|key| ((*key).to_string(), host.to_string())).collect(),
            points: values.iter().enumerate().map(|(i, v)| (request.start + 60 * i as i64, *v)).collect(),
        };
        match request.query.metric.as_str() {
            "none" => Ok(Vec::new()),
            "away" => Err(SourceError::Away("nobody answers".to_string())),
            _ if keys.is_empty() => Ok(vec![one("", &[1.0, 2.0, 3.0])]),
            _ => Ok(vec![one("a", &[1.0, 2.0, 3.0]), one("b", &[4.0, 5.0, 9.0])]),
        }
    }

    fn tag_values(&self, _: &str) -> Result<Vec<String>, SourceError> {
        Ok(vec!["a".to_string(), "b".to_string()])
    }
}

fn evaluate(text: &str) -> Result<Results, String> {
    let expression = Expression::parse(text, &NoNames).map_err(|e| e.to_string())?;
    expression.evaluate(&Context::new(&Hosts, 1_700_000_000)).map_err(|e| e.to_string())
}

/// Groups and numbers, as text.
#[track_caller]
fn check(text: &str, want: &str) {
    let shown = |set: Results| {
        let mut all: Vec<String> = set
            .items
            .iter()
            .map(|item| match &item.value {
                Value::Series(points) => format!("{}{:?}", group_text(&item.group), points.iter().map(|(_, v)| *v).collect::<Vec<_>>()),
                value => format!("{}{}", group_text(&item.group), value.number().map_or_else(|| format!("{value:?}"), |v| v.to_string())),
            })
            .collect();
        all.sort();
        all.join(" ")
    };
    assert_eq!(evaluate(text).map(shown).unwrap_or_else(|error| error), want, "{text}");
}

#[test]
fn errors_name_line_and_column_and_what_was_expected() {
    check("1 +\n  * 2", "line 2, column 3: expected a number, a function or (, found \"*\"");
    check("1 +\n  avgg(1)", "line 2, column 3: there is no function avgg (did you mean avg?)");
    check("avg(1)", "line 1, column 5: argument 1 of avg: expected series, found scalar");
    check("q(\"sum:m\")", "line 1, column 1: q takes 3 arguments, found 1");
    check("1 2", "line 1, column 3: expected an operator or the end, found \"2\"");
    check("(1", "line 1, column 3: expected an operator or ), found the end");
    check("2**-1", "line 1, column 2: \"**-\" is no operator; signs that belong apart need a blank or brackets between them");
    check("é", "line 1, column 1: there is no function é");
    check("\"é\" + 1", "line 1, column 1: expected a number, a function or (; a text stands only as an argument");
    check("avg(q(\"sum:away\", \"1h\", \"\"))", "line 1, column 5: nobody answers");
    check("limit(avg(q(\"sum:m\", \"1h\", \"\")), -1)", "line 1, column 1: expected a number that is not negative, found -1");
    check("map(q(\"sum:m\",\"1h\",\"\"), expr(v())) + v()", "line 1, column 38: v() stands only inside expr(…) of map");
}

/// Tags are checked on either side of an operator, though the other has none, and inside arguments.
#[test]
fn tags_that_cannot_be_known_are_refused() {
    for wrong in [
        "1 > q(\"sum:m:m\",\"1h\",\"\")",
        "dropbool(q(\"sum:m\",\"1h\",\"\"), q(\"sum:m:m\",\"1h\",\"\") > 1)",
        "aggr(q(\"sum:m{host=*}\",\"1h\",\"\"), \"host,host\", \"avg\")",
        "aggr(q(\"sum:m{host=*}\",\"1h\",\"\"), \"host,\", \"avg\")",
        "aggr(q(\"sum:m{host=*}\",\"1h\",\"\"), \"h st\", \"avg\")",
    ] {
        let parsed = Expression::parse(wrong, &NoNames);
        assert!(parsed.is_err() || parsed.is_ok_and(|e| e.keys().is_err()), "{wrong}");
    }
    for sound in ["aggr(q(\"sum:m{host=*}\",\"1h\",\"\"), \" host\", \"avg\")", "aggr(q(\"sum:m{host=*}\",\"1h\",\"\"), \"\", \"avg\")"] {
        assert!(Expression::parse(sound, &NoNames).unwrap().keys().is_ok(), "{sound}");
    }
}

#[test]
fn joins_and_defaults() {
    check("avg(q(\"sum:m{host=*}\",\"1h\",\"\"))", "{host=a}2 {host=b}6");
    check("avg(q(\"sum:m{host=*}\",\"1h\",\"\")) + avg(q(\"sum:m\",\"1h\",\"\"))", "{host=a}4 {host=b}8");
    check("avg(q(\"sum:none{host=*}\",\"1h\",\"\")) + 1", "");
    check("nv(avg(q(\"sum:none{host=*}\",\"1h\",\"\")), 7) + 1", "{}8");
    check(
        "filter(avg(q(\"sum:m{host=*}\",\"1h\",\"\")), avg(q(\"sum:m{host=*}\",\"1h\",\"\")) > 3) + avg(q(\"sum:m{host=*}\",\"1h\",\"\"))",
        "{host=a}NaN {host=b}12",
    );
    check("!(avg(q(\"sum:m{host=*}\",\"1h\",\"\")) > 3)", "{host=a}1 {host=b}0");
    check("avg(q(\"sum:m{host=*}\",\"1h\",\"\"),)", "{host=a}2 {host=b}6");
    check("addtags(avg(q(\"sum:m{host=*}\",\"1h\",\"\")), \"x=y\")", "{host=a,x=y}2 {host=b,x=y}6");
    check("rename(avg(q(\"sum:m{host=*}\",\"1h\",\"\")), \"host=h\")", "{h=a}2 {h=b}6");
    check("series(\"host=a\", 60, 1, 0, 2)", "{host=a}[2.0, 1.0]");
    check("dropna(q(\"sum:m\",\"1h\",\"\")/0)", "line 1, column 1: nothing is left of the series {}");
    check("tail(q(\"sum:m\",\"1h\",\"\"), 2)", "{}[2.0, 3.0]");
    check("sort(avg(q(\"sum:m{host=*}\",\"1h\",\"\")), \"desc\")", "{host=a}2 {host=b}6");
    check(
        "leftjoin(\"host\", \"avg,max\", avg(q(\"sum:m{host=*}\",\"1h\",\"\")), max(q(\"sum:m{host=*}\",\"1h\",\"\")))",
        "{}Table(Table { columns: [\"host\", \"avg\", \"max\"], rows: [[Some(Text(\"a\")), Some(Number(2.0)), Some(Number(3.0))], [Some(Text(\"b\")), Some(Number(6.0)), Some(Number(9.0))]] })",
    );
    check("forecastlr(q(\"sum:m\",\"1h\",\"\"), 61)", "{}0");
    check("month(0, \"start\")", "{}1698796800");
}

#[test]
fn bounds() {
    let deep = format!("{}1{}", "(".repeat(200), ")".repeat(200));
    assert!(evaluate(&deep).unwrap_err().contains("expected at most 100"));
    assert!(evaluate(&vec!["1"; 200].join("+")).unwrap_err().contains("expected at most 100"));
    assert!(evaluate(&vec!["1"; 90].join("+")).is_ok());
    assert!(evaluate(&format!("1{}", " ".repeat(TEXT_MOST))).unwrap_err().contains("at most 65536 bytes"));
    assert!(evaluate("band(\"sum:m\", \"1h\", \"1d\", 1001)").unwrap_err().contains("at most 1000 windows"));
    let expression = Expression::parse("band(\"sum:m\", \"1h\", \"1d\", 100)", &NoNames).unwrap();
    let context = Context { points_most: 100, ..Context::new(&Hosts, 1_700_000_000) };
    assert!(expression.evaluate(&context).unwrap_err().to_string().contains("more than 100 points"));
    // The longest chains in the deepest brackets.
    let row = |inner: &str| format!("({}+{inner})", vec!["1"; 40].join("+"));
    let mut nested = "1".to_string();
    for _ in 0..95 {
        nested = row(&nested);
    }
    let _ = evaluate(&nested);
    let mut left = "1".to_string();
    for _ in 0..95 {
        left = format!("({left}+{})", vec!["1"; 40].join("+"));
    }
    let _ = evaluate(&left);
}

struct Others;

impl Names for Others {
    fn alert(&self, rule: &str, _: &str) -> Result<Arc<Expression>, String> {
        let text = "avg(q(\"sum:m{host=*}\",\"1h\",\"\")) > 3";
        if rule == "high" { Expression::parse(text, &NoNames).map(Arc::new).map_err(|e| e.to_string()) } else { Err("no".to_string()) }
    }

    fn lookup(&self, table: &str) -> Option<Arc<Lookup>> {
        let pattern = |text: &str| crate::worker::rule::scope::Pattern::parse(text).unwrap();
        let entry = |host: &str, limit: &str| LookupEntry {
            tags: vec![("host".to_string(), pattern(host))],
            values: BTreeMap::from([("limit".to_string(), limit.to_string())]),
        };
        (table == "t").then(|| Arc::new(Lookup { keys: vec!["host".to_string()], entries: vec![entry("a", "1.5"), entry("c*", "x")] }))
    }
}

struct Unknown;

impl AlertStates for Unknown {
    fn unknown_and_unevaluated(&self, _: &str) -> (Vec<Tags>, Vec<Tags>) {
        let host = |name: &str| Tags::from([("host".to_string(), name.to_string())]);
        (vec![host("c"), host("b")], vec![host("a")])
    }
}

#[test]
fn other_rules_and_tables() {
    let run = |text: &str, alerts: Option<&dyn AlertStates>| {
        let expression = Expression::parse(text, &Others).unwrap();
        let found = expression.evaluate(&Context { alerts, ..Context::new(&Hosts, 1_700_000_000) }).unwrap();
        found.items.iter().map(|i| format!("{}{}", group_text(&i.group), i.value.number().unwrap())).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(run("alert(\"high\", \"crit\")", None), "{host=a}0 {host=b}1");
    assert_eq!(run("alert(\"high\", \"crit\")", Some(&Unknown)), "{host=a}1 {host=b}1 {host=c}1");
    assert_eq!(run("lookup(\"t\", \"limit\")", None), "{host=a}1.5");
    // Rows without a group are no matter; a group without a row is NaN, as in the original.
    assert_eq!(
        run("avg(q(\"sum:m{host=*}\",\"1h\",\"\")) > lookupSeries(q(\"sum:m{host=*}\",\"1h\",\"\"), \"t\", \"limit\")", None),
        "{host=a}1 {host=b}NaN"
    );
    assert!(Expression::parse("alert(\"low\", \"crit\")", &Others).is_err());
    assert!(Expression::parse("lookup(\"u\", \"limit\")", &Others).is_err());
}

#[test]
fn squelched_series_are_not_seen() {
    let expression = Expression::parse("avg(q(\"sum:m{host=*}\",\"1h\",\"\"))", &NoNames).unwrap();
    let squelched = |tags: &Tags| tags.get("host").is_some_and(|h| h == "a");
    let context = Context { squelched: Some(&squelched), ..Context::new(&Hosts, 1_700_000_000) };
    assert_eq!(expression.evaluate(&context).unwrap().items.len(), 1);
}

#[test]
fn mutated_texts_are_refused_or_evaluated() {
    let sound = [
        "avg(q(\"avg:1m-avg:sys.cpu{host=*}\", \"1h\", \"\")) > 90 && max(q(\"sum:m{host=*}\", \"30m\", \"5m\")) < 1e3",
        "sum(t(filter(avg(q(\"sum:m{host=*,dc=*}\",\"1h\",\"\")) > 3, 1), \"dc\")) / len(band(\"sum:m{dc=*}\",\"1h\",\"1d\",7))",
        "map(series(\"a=b\",0,1,60,2), expr(v()*2+1)) - des(over(\"sum:m\",\"1h\",\"1d\",2), 0.5, 0.5) % shift(q(\"sum:m\",\"1h\",\"\"), \"1d\")",
        "sort(limit(nv(aggr(q(\"sum:m{host=*}\",\"1h\",\"\"),\"host\",\"p.5\"),1),3),\"asc\") ** forecastlr(q(\"sum:m\",\"1h\",\"\"), 0) + month(-5,\"end\")",
    ];
    let parts: Vec<&str> = vec![
        "(", ")", "\"", "'''", ",", "-", "**", "!", "expr(", "v()", "0x", "1e999", "\\u", "avg(", "q(", "[\"x\"]", "é", "t(", "\"1h\"",
        "\"\"", "merge(",
    ];
    crate::fuzz::run(|dice| {
        let sound = sound[dice.below(sound.len())];
        let text = dice.mutate_text(sound, &parts);
        if let Ok(expression) = Expression::parse(&text, &NoNames) {
            let _ = expression.faults();
            let context = Context { points_most: 100_000, ..Context::new(&Hosts, 1_700_000_000) };
            let _ = expression.evaluate(&context);
        }
    });
}
