//! `/q` as pictures, on the real binary: forms, caching, the line of those who draw, links from wikis, and everything that has
//! ever been smuggled into a graph's parameters.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use support::http::{Client, Response};
use support::server::{Engine, PATIENCE, Server, binary, run_for, write_config};

const T: i64 = 1_400_000_000;
const RANGE: &str = "start=1399999000&end=1400004000";

fn server(dir: &Path, more: &[(&str, &str)]) -> Server {
    let cache = dir.join("cache").display().to_string();
    let mut settings = vec![("tsd.core.auto_create_metrics", "true"), ("tsd.http.cachedir", cache.as_str())];
    settings.extend_from_slice(more);
    Server::start_in(dir, &Engine::Embedded, &settings, &[])
}

/// Two hosts of one metric, 60 points each; another metric; a note on each of two series, and one on none.
fn fill(client: &mut Client) {
    let mut points = Vec::new();
    for i in 0..60 {
        for (host, base) in [("web01", 10), ("web02", 30)] {
            points.push(json!({"metric": "sys.cpu", "timestamp": T + i * 60, "value": base + i % 7, "tags": {"host": host}}));
        }
        points.push(json!({"metric": "net.bytes", "timestamp": T + i * 60, "value": i * 1000, "tags": {"host": "web01"}}));
    }
    client.tell("/api/put", &json!(points));
    client.tell("/api/annotation", &json!({"startTime": T + 600, "tsuid": "000001000001000001", "description": "deploy of web01"}));
    client.tell("/api/annotation", &json!({"startTime": T + 900, "description": "everywhere"}));
}

fn get(client: &mut Client, path: &str) -> Response {
    client.get(path).unwrap()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Width and height of a PNG.
fn png_size(r: &Response) -> (u32, u32) {
    assert_eq!((r.status, r.header("content-type")), (200, Some("image/png")), "{}", r.text());
    assert!(r.body.starts_with(b"\x89PNG\r\n\x1a\n") && r.body.ends_with(b"IEND\xaeB`\x82"), "no whole PNG");
    let number = |at: usize| u32::from_be_bytes(r.body[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn pictures_beside_the_other_forms() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[]);
    let mut client = server.client();
    fill(&mut client);
    let q = |rest: &str| format!("/q?{RANGE}&m=sum:sys.cpu%7Bhost=*%7D{rest}");
    assert_eq!(png_size(&get(&mut client, &q("&png"))), (1024, 768));
    assert_eq!(png_size(&get(&mut client, &q("&wxh=300x200&png"))), (300, 200));
    let svg = get(&mut client, &q("&svg&ylabel=Temperatur+%C2%B0C&title=%E6%B8%A9%E5%BA%A6"));
    assert_eq!((svg.status, svg.header("content-type")), (200, Some("image/svg+xml")));
    let text = svg.text();
    for part in ["sys.cpu{host=web01}", "sys.cpu{host=web02}", "Temperatur °C", "温度", "deploy of web01", "17:00"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("everywhere"), "global notes are not asked for");
    assert!(get(&mut client, &q("&svg&global_annotations")).text().contains("everywhere"));
    assert!(!get(&mut client, &q("&svg&no_annotations")).text().contains("deploy"));
    // The zone moves the times; each instant by the rules of its own date.
    assert!(get(&mut client, &q("&svg&tz=Asia/Shanghai")).text().contains(">Asia/Shanghai<"));
    // A right axis has ticks of its own.
    let two = |o: &str| format!("/q?{RANGE}&m=sum:sys.cpu&m=sum:net.bytes&{o}&svg");
    let right = get(&mut client, &two("o=&o=axis%20x1y2")).text();
    assert!(right.contains("net.bytes{host=web01} →") && right.contains(">60k<") && right.contains(">50<"), "{right}");
    assert!(!get(&mut client, &two("o=&o=")).text().contains('→'));
    // As the picture, so the size of the empty one.
    let empty = "/q?start=1300000000&end=1300003600&m=sum:sys.cpu&svg".to_string();
    assert!(get(&mut client, &empty).text().contains(">No data<"));
    // An unknown metric is a client's mistake.
    let wrong = get(&mut client, &format!("/q?{RANGE}&m=sum:no.such&png"));
    assert_eq!((wrong.status, wrong.header("content-type")), (400, Some("text/html; charset=UTF-8")));
    let info = get(&mut client, &q("&smooth=zsort&json")).text();
    assert!(info.contains("smooth=zsort is drawn as plain lines"), "{info}");
}

#[test]
fn answers_are_kept_and_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[("tsd.http.cache.bytes_max", "1000000")]);
    let mut client = server.client();
    fill(&mut client);
    let q = format!("/q?{RANGE}&m=sum:sys.cpu");
    let summary = |client: &mut Client, rest: &str| -> Value { serde_json::from_slice(&get(client, &format!("{q}{rest}")).body).unwrap() };
    let first = summary(&mut client, "&json&wxh=400x300");
    assert_eq!(
        (&first["plotted"], &first["points"], &first["etags"], &first["cachehit"]),
        (&json!(60), &json!(120), &json!([["host"]]), &Value::Null)
    );
    let second = summary(&mut client, "&wxh=400x300&ignore=7&json");
    assert_eq!((&second["cachehit"], &second["plotted"], &second["etags"]), (&json!("disk"), &json!(60), &json!([["host"]])));
    assert_eq!(summary(&mut client, "&json&wxh=400x300&nocache")["cachehit"], Value::Null);
    // The page asks for the summary first: the picture has been drawn with it.
    let files = |ending: &str| {
        std::fs::read_dir(dir.path().join("cache")).unwrap().flatten().filter(|f| f.path().extension().is_some_and(|e| e == ending)).count()
    };
    assert_eq!((files("json"), files("png")), (1, 1));
    for form in ["png", "svg", "ascii"] {
        let path = format!("{q}&wxh=400x300&{form}");
        let one = get(&mut client, &path);
        assert_eq!(one.header("cache-control"), Some("max-age=86400"), "{form}");
        assert!(one.header("age").unwrap().parse::<u64>().unwrap() < 60);
        let tag = one.header("etag").expect(form).to_string();
        let two = get(&mut client, &path);
        assert_eq!((&two.body, two.header("etag")), (&one.body, Some(tag.as_str())), "{form}");
        let known = client.request("GET", &path, &[("If-None-Match".into(), format!("\"x\", {tag}"))], None).unwrap();
        assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, Some(tag.as_str())), "{form}");
        let other = client.request("GET", &path, &[("If-None-Match".into(), "\"x\"".into())], None).unwrap();
        assert_eq!((other.status, &other.body), (200, &one.body));
    }
    // Another parameter is another picture, and a file that somebody cut is not sent.
    let small = get(&mut client, &format!("{q}&wxh=401x300&png"));
    assert_eq!(png_size(&small), (401, 300));
    for file in std::fs::read_dir(dir.path().join("cache")).unwrap().flatten() {
        std::fs::write(file.path(), b"cut").unwrap();
    }
    assert_eq!(get(&mut client, &format!("{q}&wxh=401x300&png")).body, small.body);
    // New points of a time that is not over are seen: such answers grow old at once.
    let now = "/q?start=1h-ago&m=sum:sys.cpu&json";
    assert!(get(&mut client, now).text().contains("\"plotted\":0"));
    // The folder stays within its bound.
    for width in 300..340 {
        get(&mut client, &format!("{q}&wxh={width}x600&png"));
    }
    let bytes: u64 = std::fs::read_dir(dir.path().join("cache")).unwrap().flatten().map(|f| f.metadata().unwrap().len()).sum();
    assert!(bytes <= 1_000_000, "{bytes}");
    let stats = get(&mut client, "/api/stats").text();
    assert!(stats.contains("tsd.http.graph.requests"), "{stats}");
}

#[test]
fn links_from_wikis_and_tickets() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[]);
    let mut client = server.client();
    fill(&mut client);
    // They end in `.png` so that wikis take them for pictures.
    let wiki = format!("/q?{RANGE}&m=avg:1h-avg:sys.cpu%7Bhost=web01%7D&nokey&wxh=300x120&bgcolor=xFFFFFF&fgcolor=x666666&png&.png");
    assert_eq!(png_size(&get(&mut client, &wiki)), (300, 120));
    let two =
        format!("/q?{RANGE}&ignore=67&m=sum:sys.cpu&o=axis%20x1y2&m=sum:rate:net.bytes&o=&yrange=[0:2.5]&y2range=[0:120]&wxh=1660x666&png");
    assert_eq!(png_size(&get(&mut client, &two)), (1660, 666));
    let log = format!("/q?{RANGE}&m=sum:10m-avg:rate:net.bytes&o=&m=sum:sys.cpu&o=axis+x1y2&yrange=[1:]&y2range=[1:]&ylog&y2log&png");
    assert_eq!(png_size(&get(&mut client, &log)), (1024, 768));
    for rest in [
        "&key=top left horiz box&style=points",
        "&key=out%20bottom%20center&wxh=400x300",
        "&nokey&smooth=csplines&wxh=1420x640",
        "&ylabel=ms&yformat=%25.1s%25c",
    ] {
        let r = get(&mut client, &format!("/q?{RANGE}&m=sum:sys.cpu&o=&png{}", rest.replace(' ', "%20")));
        png_size(&r);
    }
    let to_page = get(&mut client, "/q?start=1d-ago&m=sum:x");
    assert_eq!(to_page.header("location"), Some("/#start=1d-ago&m=sum:x"));
    let ascii = get(&mut client, "/q?start=2014/05/13-16:00:00&end=2014/05/13-18:00:00&m=sum:net.bytes&ascii");
    assert_eq!((ascii.status, ascii.header("cache-control")), (200, Some("max-age=86400")));
    assert_eq!(ascii.text().lines().count(), 60);
}

/// What attacks on OpenTSDB's graphs have carried (CVE-2018-12972, 2018-12973, 2018-13003, 2020-35476, 2023-25826,
/// 2023-25827, 2023-36812), and their relatives.
const PAYLOADS: [&str; 26] = [
    "`touch {canary}`",
    "[33:system('touch {canary}')]",
    "[0:`touch {canary}`]",
    "[0:system(\"touch {canary}\")]",
    "1%0asystem(\"touch {canary}\")",
    "out\nsystem(\"touch {canary}\")\n",
    "out right top box\nsystem 'touch {canary}'",
    "axis x1y2; system('touch {canary}')",
    "x\"; system(\"touch {canary}\"); set title \"",
    "'; !touch {canary}; '",
    "$(touch {canary})",
    "| touch {canary}",
    "&& touch {canary}",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "../../../../../../{canary}",
    "/etc/passwd\0.png",
    "a\r\nSet-Cookie: evil=1",
    "\u{2028}system('touch {canary}')",
    "\u{0}",
    "%n%n%n%s",
    "{{7*7}}${7*7}",
    "\u{202e}txt.exe",
    "9999999999999999999999999999999999999999",
    "-1x-1",
    "set output \"{canary}\"",
];
/// Everything that `/q` reads.
const PARAMETERS: [&str; 33] = [
    "start",
    "end",
    "m",
    "tsuid",
    "o",
    "yrange",
    "y2range",
    "ylabel",
    "y2label",
    "title",
    "yformat",
    "y2format",
    "xformat",
    "ylog",
    "y2log",
    "key",
    "nokey",
    "bgcolor",
    "fgcolor",
    "style",
    "smooth",
    "wxh",
    "tz",
    "no_annotations",
    "global_annotations",
    "nocache",
    "ignore",
    "padding",
    "xlabel",
    "json",
    "jsonp",
    "png",
    ".png",
];

/// All files below a folder but those of the store, and the processes that a process has begun.
fn footprint(dir: &Path, pid: u32) -> (Vec<String>, String) {
    let mut files: Vec<String> = std::fs::read_dir(dir).unwrap().flatten().map(|f| f.file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok()).collect::<String>();
    (files, children)
}

#[test]
fn nothing_gets_out_of_a_parameter() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[]);
    let mut client = server.client();
    fill(&mut client);
    let canary = dir.path().join("canary").display().to_string();
    get(&mut client, &format!("/q?{RANGE}&m=sum:sys.cpu&png&wxh=100x100")); // the folder of the cache is there
    let before = footprint(dir.path(), server.pid());
    let forms = ["png", "json", "svg"];
    for (at, name) in PARAMETERS.into_iter().enumerate() {
        for (n, payload) in PAYLOADS.into_iter().enumerate() {
            let form = forms[(at + n) % forms.len()];
            let text = encoded(&payload.replace("{canary}", &canary));
            // The last of several counts: the payload comes last.
            let path = format!("/q?{RANGE}&m=sum:sys.cpu&wxh=100x100&{form}&{name}={text}");
            let r = get(&mut client, &path);
            check_harmless(&r, &format!("{name}={payload:?} as {form}"));
        }
    }
    let after = footprint(dir.path(), server.pid());
    assert_eq!(before, after, "no new file beside the cache, no process");
    assert!(!Path::new(&canary).exists());
    let odd: Vec<String> = std::fs::read_dir(dir.path().join("cache"))
        .unwrap()
        .flatten()
        .map(|f| f.file_name().to_string_lossy().into_owned())
        .filter(|n| n.len() < 68 || !n.is_char_boundary(64) || !n[..64].bytes().all(|b| b.is_ascii_hexdigit()))
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert_eq!(get(&mut client, "/api/version").status, 200);
}

fn check_harmless(r: &Response, what: &str) {
    assert!([200, 400].contains(&r.status), "{what}: {} {}", r.status, r.text());
    assert!(r.header("set-cookie").is_none(), "{what}");
    let kind = r.header("content-type").unwrap_or_default().to_string();
    let text = r.text();
    if kind == "image/png" {
        png_size(r);
    } else if kind == "image/svg+xml" || kind.starts_with("text/html") {
        assert!(!text.contains("<script") && !text.contains("<img src=x"), "{what}: {text}");
    } else {
        assert!(kind.starts_with("application/json") || kind == "text/plain", "{what}: {kind}");
    }
    if r.status == 400 {
        assert!(!text.is_empty() && !text.contains("panicked"), "{what}");
    }
}

#[test]
fn what_breaks_out_of_quotes_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[]);
    let mut client = server.client();
    fill(&mut client);
    for name in ["key", "o", "title", "yrange", "y2range", "style", "smooth", "wxh", "bgcolor", "fgcolor", "yformat", "xformat"] {
        for text in ["a\"b", "a'b", "a;b", "a`b", "a\nb", "right\n", "[0:1]\n", "x\u{0}"] {
            let r = get(&mut client, &format!("/q?{RANGE}&m=sum:sys.cpu&{name}={}&json", encoded(text)));
            assert_eq!(r.status, 400, "{name}={text:?}: {}", r.text());
            let said: Value = serde_json::from_slice(&r.body).unwrap();
            assert!(said["err"].as_str().unwrap().contains(name), "{name}={text:?}: {said}");
        }
    }
}

#[test]
fn sizes_that_are_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[]);
    let mut client = server.client();
    fill(&mut client);
    let q = |wxh: &str| format!("/q?{RANGE}&m=sum:sys.cpu&png&wxh={wxh}");
    for wxh in ["32767x32767", "32768x100", "99x100", "4000x2001", "0x0", "99999999999999999999x1", "100", "x", "100x100x100"] {
        let r = get(&mut client, &q(wxh));
        assert_eq!(r.status, 400, "{wxh}");
        assert!(r.text().contains("wxh"), "{wxh}: {}", r.text());
    }
    for (wxh, size) in [("100x100", (100, 100)), ("4000x2000", (4000, 2000)), ("32767x200", (32767, 200))] {
        assert_eq!(png_size(&get(&mut client, &q(wxh))), size);
    }
}

#[test]
fn ten_thousand_series() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[]);
    let mut client = server.client();
    for part in 0..50 {
        let point = |n: i64| json!({"metric": "many", "timestamp": T + n % 50 * 60, "value": n, "tags": {"host": format!("h{n:05}")}});
        let points: Vec<Value> = (part * 200..part * 200 + 200).map(point).collect();
        client.tell("/api/put", &json!(points));
    }
    let begun = Instant::now();
    let r = get(&mut client, &format!("/q?{RANGE}&m=sum:many%7Bhost=*%7D&png"));
    assert_eq!(png_size(&r), (1024, 768));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let svg = get(&mut client, &format!("/q?{RANGE}&m=sum:many%7Bhost=*%7D&svg&key=out right top").replace(' ', "%20"));
    assert!(svg.text().contains(" more<"), "names that have no room are counted");
}

#[test]
fn more_pictures_than_cores_can_draw() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[("tsd.query.concurrent", "400"), ("tsd.http.cache.bytes_max", "0")]);
    fill(&mut server.client());
    let cores = std::thread::available_parallelism().unwrap().get();
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let ask = |n: usize| {
            let addr = server.addr.clone();
            scope.spawn(move || get(&mut Client::new(&addr), &format!("/q?{RANGE}&m=sum:sys.cpu&png&wxh=4000x{}", 1800 + n % 100)))
        };
        let all: Vec<_> = (0..cores * 21 + 60).map(ask).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (drawn, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|r| r.status == 200);
    assert!(!drawn.is_empty() && !refused.is_empty(), "{} drawn, {} refused", drawn.len(), refused.len());
    for r in refused {
        assert_eq!((r.status, r.header("retry-after")), (503, Some("1")), "{}", r.text());
        assert!(r.text().contains("Too many"), "{}", r.text());
    }
    assert_eq!(png_size(&get(&mut server.client(), &format!("/q?{RANGE}&m=sum:sys.cpu&png"))), (1024, 768));
}

#[test]
fn histograms_are_a_heat_map() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &[("tsd.core.histograms.config", r#"{"net.opentsdb.core.SimpleHistogramDecoder": 42}"#)]);
    let mut client = server.client();
    let one = |i: i64| json!({"metric": "lat", "timestamp": T + i * 60, "buckets": {"0,10": i, "10,20": 60 - i, "20,40": 3}, "tags": {"host": "a"}});
    client.tell("/api/histogram", &json!((0..60).map(one).collect::<Vec<_>>()));
    let text = get(&mut client, &format!("/q?{RANGE}&m=sum:show-histogram-buckets:lat&svg")).text();
    let cells = text.matches("<rect").count();
    assert!(cells > 150, "{cells} cells: {text}");
    let lines = get(&mut client, &format!("/q?{RANGE}&m=sum:percentiles%5B50,99%5D:lat&svg")).text();
    assert!(lines.contains("lat_pct_99.0"), "{lines}");
}

#[test]
fn the_command_line_draws() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [("tsd.core.auto_create_metrics", "true")];
    let mut server = Server::start_in(dir.path(), &Engine::Embedded, &settings, &[]);
    fill(&mut server.client());
    server.stop();
    let conf = write_config(dir.path(), &Engine::Embedded, &settings);
    let config = format!("--config={}", conf.display());
    let run = |words: &[&str]| {
        let mut all = vec!["query", config.as_str()];
        all.extend_from_slice(words);
        let ended = run_for(PATIENCE, &all, dir.path());
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        ended.stdout
    };
    assert!(Path::new(binary()).exists());
    assert_eq!(run(&["--graph=out", "1399999000", "1400004000", "+wxh=320x200", "+title=x", "sum", "sys.cpu", "host=*"]), "");
    assert!(std::fs::read(dir.path().join("out.png")).unwrap().starts_with(b"\x89PNG"));
    run(&["--graph=two.svg", "1399999000", "1400004000", "sum", "sys.cpu", "axis x1y1", "sum", "net.bytes", "axis x1y2"]);
    let svg = std::fs::read_to_string(dir.path().join("two.svg")).unwrap();
    assert!(svg.contains("net.bytes{host=web01} →"), "{svg}");
    let text = run(&["--plot", "1399999000", "1400004000", "sum", "sys.cpu", "host=web01"]);
    assert!(text.contains("sys.cpu{host=web01}  min 10") && text.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "{text}");
    let all = vec!["query", config.as_str(), "--graph=bad", "1399999000", "+wxh=1x1", "sum", "sys.cpu"];
    let refused = run_for(PATIENCE, &all, dir.path());
    assert!(refused.code == Some(2) && refused.stderr.contains("wxh"), "{}", refused.stderr);
}
