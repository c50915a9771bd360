//! One line a case: values, refusals, order of sources, and that the table agrees with the recorded keys.

use super::*;
use std::path::Path;

fn settings(file: &str) -> Result<Settings, String> {
    let mut raw = Raw::default();
    raw.bytes(Path::new("t.conf"), file.as_bytes());
    raw.resolve().map_err(|error| error.to_string())
}

/// The value of a key after reading a file.
fn check(file: &str, key: &str, want: Value<'_>) {
    assert_eq!(settings(file).unwrap().get(key), Some(want), "{file:?}");
}

/// What a file is refused with.
fn refused(file: &str, want: &str) {
    assert_eq!(settings(file).map(|_| ()).unwrap_err(), want, "{file:?}");
}

#[test]
fn values() {
    check("", "tsd.network.port", Value::Int(4242));
    check("tsd.network.port = 4243", "tsd.network.port", Value::Int(4243));
    check("tsd.network.port =", "tsd.network.port", Value::Int(4242)); // as in OpenTSDB's own file
    check("tsd.network.port = 0", "tsd.network.port", Value::Int(0));
    check("tsd.network.port = 1\ntsd.network.port = 2", "tsd.network.port", Value::Int(2));
    check("tsd.core.auto_create_metrics = TRUE", "tsd.core.auto_create_metrics", Value::Bool(true));
    check("tsd.core.auto_create_metrics = yes ", "tsd.core.auto_create_metrics", Value::Bool(true));
    check("tsd.core.auto_create_tagks=0", "tsd.core.auto_create_tagks", Value::Bool(false));
    check("tsd.core.auto_create_tagks=", "tsd.core.auto_create_tagks", Value::Bool(false)); // OpenTSDB: anything else is false
    check("tsd.mode=wo", "tsd.mode", Value::Text("wo"));
    check("tsd.storage.hbase.data_table = kit-data ", "tsd.storage.hbase.data_table", Value::Text("kit-data"));
    check("tsd.storage.hbase.thrift = a:9090, [::1]:9091", "tsd.storage.hbase.thrift", Value::Text("a:9090, [::1]:9091"));
    check("tsd.storage.hbase.zk_quorum = a,b:2181", "tsd.storage.hbase.zk_quorum", Value::Text("a,b:2181"));
    check("tsd.core.timezone = Europe/Berlin", "tsd.core.timezone", Value::Text("Europe/Berlin"));
    check("tsd.storage.engine=", "tsd.storage.engine", Value::Text(""));
    check("tsd.core.authentication.enable = false", "tsd.core.authentication.enable", Value::Bool(false));
}

#[test]
fn bad_values_name_place_key_and_what_is_allowed() {
    refused("\ntsd.network.port = x", "t.conf:2: tsd.network.port = \"x\" is not valid; allowed: a whole number from 0 to 65535");
    refused("tsd.network.port = 65536", "t.conf:1: tsd.network.port = \"65536\" is not valid; allowed: a whole number from 0 to 65535");
    refused("tsd.mode = row", "t.conf:1: tsd.mode = \"row\" is not valid; allowed: rw, ro or wo (did you mean rw?)");
    refused(
        "tsd.storage.engine=hbas",
        "t.conf:1: tsd.storage.engine = \"hbas\" is not valid; allowed: empty, embedded or hbase (did you mean hbase?)",
    );
    refused("tsd.core.enable_api = on", "t.conf:1: tsd.core.enable_api = \"on\" is not valid; allowed: true or false (also 1, yes, 0, no)");
    refused(
        "tsd.core.timezone = Mars/Olympus",
        "t.conf:1: tsd.core.timezone = \"Mars/Olympus\" is not valid; allowed: a time zone such as UTC or Europe/Berlin",
    );
    for hosts in ["a:b", "a b", "a,,b", ":9090", "a:0", "a:65536", "::1", "http://a"] {
        let want =
            format!("t.conf:1: tsd.storage.hbase.thrift = {hosts:?} is not valid; allowed: host:port, several of them separated by commas");
        refused(&format!("tsd.storage.hbase.thrift={hosts}"), &want);
    }
    refused("a = \\u12", "t.conf:1: \\u must be followed by four hexadecimal digits");
}

#[test]
fn unknown_keys() {
    refused("tsd.network.prot = 1", "t.conf:1: unknown key tsd.network.prot (did you mean tsd.network.port?)");
    refused("tsd.nonsense = 1", "t.conf:1: unknown key tsd.nonsense");
    refused("tsd.query.Timeout = 1", "t.conf:1: unknown key tsd.query.Timeout (did you mean tsd.query.timeout?)");
    // Within a plug-in's prefix, but nearly a key: an open TSD where a closed one was asked for is the worst outcome.
    refused(
        "tsd.core.authentication.enabled = true",
        "t.conf:1: unknown key tsd.core.authentication.enabled (did you mean tsd.core.authentication.enable?)",
    );
    refused(
        "tsd.core.autentication.enable = true",
        "t.conf:1: unknown key tsd.core.autentication.enable (did you mean tsd.core.authentication.enable?)",
    );
    refused("x.1=1\ntsd.a=1\ntsd.b=1", "t.conf:2: unknown key tsd.a\nt.conf:3: unknown key tsd.b");
    for foreign in ["hbase.zookeeper.session.timeout = 1", "tsd.search.elasticsearch.host = a", "tsd.rtpublisher.kafka.topic=t"] {
        assert!(settings(foreign).is_ok(), "{foreign}");
    }
}

#[test]
fn switched_on_plugins_stop_the_start() {
    refused(
        "tsd.core.authentication.enable = true",
        "t.conf:1: tsd.core.authentication.enable = true cannot be honoured: there is no built-in authentication yet, and the TSD would be open to everybody",
    );
    for file in [
        "tsd.search.enable=1",
        "tsd.timeseriesfilter.enable=TRUE",
        "tsd.startup.enable=true",
        "tsd.core.meta.cache.enable=true",
        "tsd.rpc.plugins=a.B",
        "tsd.http.rpc.plugins=a.B",
    ] {
        let key = file.split('=').next().unwrap();
        assert!(settings(file).unwrap_err().starts_with(&format!("t.conf:1: {key} = ")), "{file}");
    }
    assert!(settings("tsd.search.plugin=a.B\ntsd.rpc.plugins=\ntsd.search.enable=false").is_ok());
    let mut raw = Raw::default();
    raw.bytes(Path::new("t.conf"), b"tsd.search.enable=true");
    raw.flag("--tsd.search.enable", "tsd.search.enable", "false");
    assert!(raw.resolve().is_ok(), "what counts is the last word");
}

#[test]
fn said_in_the_log() {
    let said = |file: &str| settings(file).unwrap().given.notices;
    let handler = "the journal (tsd.storage.journal.path) takes its place: it keeps points while HBase is away";
    let key = "tsd.core.storage_exception_handler.enable";
    assert_eq!(said(&format!("{key}=true")), [Notice::Info(format!("t.conf:1: {key} has no effect here: {handler}"))]);
    assert_eq!(said("tsd.rollups.enable=false\ntsd.network.port=1"), []);
    let again = "t.conf:1: tsd.network.port is set again at t.conf:2, which counts";
    assert_eq!(said("tsd.network.port=1\ntsd.network.port=2"), [Notice::Warning(again.into())]);
}

#[test]
fn later_sources_win() {
    let mut raw = Raw::default();
    raw.bytes(Path::new("t.conf"), b"tsd.network.port=1\ntsd.mode=ro\ntsd.storage.flush_interval=5");
    let variables = [("TSDB_TSD_NETWORK_PORT", "2"), ("TSDB_TSD_MODE", "wo"), ("PATH", "/bin"), ("TSDB_KIT", "x")];
    raw.variables(variables.iter().map(|(name, text)| (name.to_string(), text.to_string())));
    raw.flag("--port", "tsd.network.port", "3");
    let settings = raw.resolve().unwrap();
    assert_eq!((settings.network_port, settings.mode.as_str(), settings.storage_flush_interval), (3, "wo", 5));
    assert_eq!(settings.given.file.as_deref(), Some(Path::new("t.conf")));

    let mut raw = Raw::default();
    raw.variables([("TSDB_TSD_NETWORK_PROT".to_string(), "2".to_string())].into_iter());
    raw.flag("--port", "tsd.network.port", "x");
    let want = "environment variable TSDB_TSD_NETWORK_PROT: unknown key TSDB_TSD_NETWORK_PROT (did you mean TSDB_TSD_NETWORK_PORT?)\n\
                flag --port: tsd.network.port = \"x\" is not valid; allowed: a whole number from 0 to 65535";
    assert_eq!(raw.resolve().map(|_| ()).unwrap_err().to_string(), want);
}

#[test]
fn without_a_file_only_this_machine_can_connect() {
    let alone = Raw::default().resolve().unwrap();
    assert_eq!((alone.network_bind.as_str(), alone.query_timeout, alone.core_connections_limit), ("127.0.0.1", 60_000, 4096));
    let with_file = settings("").unwrap();
    assert_eq!((with_file.network_bind.as_str(), with_file.query_timeout, with_file.core_connections_limit), ("0.0.0.0", 0, 0));
    let mut raw = Raw::default();
    raw.flag("--bind", "tsd.network.bind", "0.0.0.0");
    assert_eq!(raw.resolve().unwrap().network_bind, "0.0.0.0");
}

#[test]
fn missing_file() {
    let mut raw = Raw::default();
    raw.file(Path::new("nosuch.conf"));
    assert_eq!(
        raw.resolve().map(|_| ()).unwrap_err().to_string(),
        "cannot read the configuration file nosuch.conf: No such file or directory"
    );
}

/// The recorded keys, each with its default (`-`: none).
fn recorded() -> Vec<(String, String)> {
    let text = include_str!("../../tests/golden/config-keys.tsv");
    text.lines().skip(1).filter_map(|line| line.split_once('\t')).map(|(key, default)| (key.into(), default.into())).collect()
}

#[test]
fn every_recorded_key_is_there_with_its_default() {
    // Set by whoever starts the real TSD, or different on purpose (docs/COMPATIBILITY.md).
    let shown_anyway = ["tsd.network.port", "tsd.http.cachedir", "tsd.http.staticroot"];
    let different =
        ["tsd.http.show_stack_trace", "tsd.http.request.enable_chunked", "tsd.http.request.max_chunk", "tsd.storage.hbase.zk_quorum"];
    for (name, default) in recorded() {
        let key = find(&name).unwrap_or_else(|| panic!("{name} is missing"));
        let want = match (default.as_str(), key.default) {
            ("-", _) if !shown_anyway.contains(&name.as_str()) => Origin::JavaUnset,
            ("", value) if value != Value::Text("") => Origin::JavaEmpty,
            _ => Origin::Java,
        };
        assert_eq!(key.origin, want, "{name}");
        if want == Origin::Java && default != "-" && !different.contains(&name.as_str()) {
            assert_eq!(key.default.to_string(), default, "{name}");
        }
    }
    let recorded = recorded();
    for key in KEYS.iter().filter(|key| key.origin != Origin::Ours) {
        assert!(recorded.iter().any(|(name, _)| name == key.name), "{} is no key of OpenTSDB", key.name);
    }
}

#[test]
fn the_table_is_sound() {
    for key in KEYS {
        let name = key.name.strip_prefix("tsd.").unwrap().replace('.', "_");
        let snake: String = name.chars().map(|c| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.into() }).collect();
        assert_eq!(key.field, snake, "{}", key.name);
        assert!(key.help.len() > 10 && key.help.trim_end().ends_with('.'), "{}", key.name);
        let default = key.default.to_string();
        assert_eq!(key.kind.read(&default, key.default), Ok(key.default), "the default of {} is not allowed", key.name);
        assert_eq!(KEYS.iter().filter(|other| variable(other.name) == variable(key.name)).count(), 1, "{}", key.name);
    }
    for (key, text) in WITHOUT_FILE {
        assert!(find(key).unwrap().kind.read(text, Value::Int(0)).is_ok(), "{key}");
    }
}

#[test]
fn api_config_shows_the_recorded_keys() {
    let file = "tsd.core.auto_create_metrics=true\ntsd.storage.salt.width = 1\ntsd.storage.cells=packed\nhbase.x = y\n";
    let mut raw = Raw::default();
    raw.bytes(Path::new("t.conf"), file.as_bytes());
    raw.flag("--tsd.log.level", "tsd.log.level", "debug");
    let all = raw.resolve().unwrap().all();
    let mut want: Vec<String> = recorded().into_iter().filter(|(_, default)| default != "-").map(|(key, _)| key).collect();
    for key in ["tsd.network.port", "tsd.http.cachedir", "tsd.http.staticroot", "tsd.storage.salt.width", "tsd.storage.cells", "hbase.x"] {
        want.push(key.into());
    }
    want.sort();
    assert_eq!(all.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), want);
    let text = |key: &str| all.iter().find(|(name, _)| name == key).unwrap().1.as_str();
    assert_eq!(text("tsd.core.auto_create_metrics"), "true");
    assert_eq!(text("tsd.network.worker_threads"), "");
    assert_eq!(text("tsd.storage.salt.width"), "1");
    assert_eq!(text("hbase.x"), "y");

    let changed = Settings { storage_flush_interval: 50, ..settings("tsd.storage.flush_interval = 7").unwrap() };
    assert!(changed.all().contains(&("tsd.storage.flush_interval".into(), "50".into())));
}

#[test]
fn near_names() {
    let near = |word| error::did_you_mean(word, ["alpha", "alphabet", "tsd.mode"].into_iter());
    assert_eq!(near("alhpa"), " (did you mean alpha?)");
    assert_eq!(near("ALPHABE"), " (did you mean alphabet?)");
    assert_eq!(near("nothing like it"), "");
    assert_eq!(near(""), "");
    assert_eq!(near(&"x".repeat(10_000)), "");
}

#[test]
fn the_page_in_docs_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CONFIGURATION.md");
    let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        on_disk == docs::markdown(),
        "docs/CONFIGURATION.md differs from src/config/table.rs: cargo run -- docs configuration > docs/CONFIGURATION.md"
    );
}

/// A key that is said to work must be read by somebody.
#[test]
fn keys_that_work_are_read() {
    fn sources(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() && !entry.ends_with("config") {
                sources(&entry, all);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&std::fs::read_to_string(&entry).unwrap());
            }
        }
    }
    let mut all = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let read = |field: &str| {
        all.match_indices(&format!(".{field}"))
            .any(|(at, found)| !all[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let unread: Vec<&str> = KEYS.iter().filter(|key| key.state == State::Works && !read(key.field)).map(|key| key.name).collect();
    assert!(unread.is_empty(), "nobody reads {unread:?}: they do not work");
}

#[test]
fn misspelt_keys_of_the_packages_file_have_no_effect() {
    for name in ["tsd.network.tcpnodelay", "tsd.network.keepalive", "tsd.network.reuseaddress"] {
        assert!(matches!(find(name).map(|key| key.state), Some(State::Ignored(_))), "{name}");
    }
}
