//! Rules on series, one line a case; messages as recorded.

use super::*;
use crate::point::json;
use crate::tree::definition::Definition;

fn tree(rules: &[&str], strict: bool) -> Builder {
    let mut tree = Tree {
        id: TreeId::new(1).unwrap(),
        definition: Definition { strict_match: strict, ..Definition::default() },
        rules: BTreeMap::new(),
    };
    for text in rules {
        let mut rule = Rule::from_json(json::parse(text.as_bytes()).unwrap()).unwrap();
        rule.place.tree = 1;
        tree.rules.entry(rule.place.level).or_default().insert(rule.place.order, rule);
    }
    Builder::new(&tree)
}

fn named(text: &str) -> Named {
    let (name, custom) = text.split_once('/').unwrap_or((text, ""));
    let custom = custom.split_once(':').map(|(k, v)| (k.to_owned(), (v != "null").then(|| v.to_owned())));
    Named { name: name.to_owned(), custom: custom.into_iter().collect() }
}

/// `metric k=v k=v`; `/field:value` behind a name is a custom field of it.
fn series(text: &str) -> Series {
    let mut words = text.split(' ');
    let metric = named(words.next().unwrap());
    let tags = words.map(|pair| pair.split_once('=').unwrap()).map(|(k, v)| (named(k), named(v))).collect();
    Series { tsuid: "00".into(), metric, tags }
}

/// Branches and leaf joined by ` > `; nothing without a leaf.
#[track_caller]
fn check(rules: &[&str], text: &str, want: &str) {
    let built = tree(rules, false).build(&series(text)).unwrap();
    let names: Vec<&str> = built.branches.iter().chain(&built.leaf).map(String::as_str).collect();
    assert_eq!(names.join(" > "), want, "{text}: {:#?}", built.messages);
}

#[track_caller]
fn refuse(rules: &[&str], text: &str, want: &str) {
    assert_eq!(tree(rules, false).build(&series(text)).unwrap_err().to_string(), want);
}

const DC: &str = r#"{"type":"TAGK","field":"dc"}"#;
const HOST: &str = r#"{"type":"TAGK","field":"host","level":1}"#;
const METRIC: &str = r#"{"type":"METRIC","level":2}"#;

#[test]
fn levels() {
    check(&[DC, HOST, METRIC], "cpu dc=lga host=web01", "lga > web01 > cpu");
    check(&[DC, HOST, METRIC], "cpu host=web01", "web01 > cpu");
    check(&[DC, HOST, METRIC], "cpu dc=lga", "lga > cpu");
    check(&[DC, HOST, METRIC], "cpu x=y", "cpu");
    check(&[DC, HOST], "cpu x=y", "");
    check(&[DC, HOST], "cpu dc=lga", "lga");
    check(&[DC, HOST], "web dc=web host=web", "web > web");
    check(&[DC, HOST, METRIC], "web dc=web host=web", "web > web");
    check(&[DC, r#"{"type":"METRIC","level":7}"#], "cpu dc=lga", "lga > cpu"); // levels between are not there
    check(&[], "cpu dc=lga", "");
}

#[test]
fn rules_of_a_level_are_tried_in_order() {
    let rules = [r#"{"type":"TAGK","field":"owner","order":3}"#, r#"{"type":"TAGK","field":"dc","order":1}"#, HOST];
    check(&rules, "cpu dc=lga owner=bob host=h", "lga > h");
    check(&rules, "cpu owner=bob host=h", "bob > h");
    check(&[r#"{"type":"METRIC","regex":"^x(.*)"}"#, r#"{"type":"METRIC","order":1}"#, HOST], "cpu host=h", "cpu > h");
}

#[test]
fn patterns() {
    let regex = |pattern: &str, group: i32| format!(r#"{{"type":"METRIC","regex":"{pattern}","regexGroupIdx":{group}}}"#);
    let check = |pattern: &str, group: i32, want: &str| check(&[&regex(pattern, group), HOST], "sys.cpu host=h", want);
    check("^(s)(y)", 0, "s > h");
    check("^(s)(y)", 1, "y > h");
    check("^(s)(y)", 2, "h");
    check("(x)?sys", 0, "h");
    check("()sys", 0, "h");
    check("sys", 0, "h");
    check("nothing", 0, "h");
    check("cpu$|(s)", 0, "s > h");
    check("\\\\.(?<name>.*)", 0, "cpu > h");
}

#[test]
fn separators() {
    let split = |separator: &str| format!(r#"{{"type":"METRIC","separator":"{separator}","level":2}}"#);
    check(&[HOST, &split("\\\\.")], "sys.cpu.user host=h", "h > sys > cpu > user");
    check(&[HOST, &split("\\\\.")], "sys host=h", "h > sys");
    check(&[HOST, &split("\\\\.")], "sys..user host=h", "h > sys > user");
    check(&[HOST, &split("\\\\.")], ".sys. host=h", "h > sys");
    check(&[HOST, &split(".")], "sys host=h", "h");
    check(&[&split("-"), r#"{"type":"TAGK","field":"host","level":3}"#], "a-b host=h", "a > b > h");
    check(&[&split("[._]")], "a.b_c host=h", "a > b > c");
    // A rule of the same level steps in for an empty part.
    check(&[&split("-"), r#"{"type":"TAGK","field":"host","level":2,"order":1}"#], "a--b host=h", "a > h > b");
    // The pattern goes before the separator.
    check(&[r#"{"type":"METRIC","regex":"^(.)","separator":"-"}"#, HOST], "a-b host=h", "a > h");
    let bad = r#"{"type":"METRIC","separator":"("}"#;
    refuse(&[bad], "a host=h", "the separator of rule [1:0:0:METRIC] is no regular expression: Unclosed group near index 1\n(");
    refuse(
        &[r#"{"type":"METRIC","separator":"."}"#, r#"{"type":"METRIC","separator":"x","order":1}"#],
        "a host=h",
        "rule [1:0:1:METRIC] has nothing to split: another rule of its level has used up the parts",
    );
    refuse(
        &[&split("")[..], r#"{"type":"METRIC_CUSTOM","field":"x","customField":"c","separator":"-"}"#],
        "m/c: host=h",
        "Value was empty for rule: [1:0:0:METRIC_CUSTOM]",
    );
}

#[test]
fn too_many_levels() {
    let deep = "a".repeat(NAMES_MAX + 1);
    let got = tree(&[r#"{"type":"METRIC","separator":""}"#], false).build(&series(&format!("{deep} h=h"))).unwrap();
    assert_eq!(got.leaf.as_deref(), Some(deep.as_str()), "no separator: nothing is split");
    let got = tree(&[r#"{"type":"METRIC","separator":"(?=a)"}"#], false).build(&series(&format!("{deep} h=h")));
    assert!(got.unwrap_err().to_string().ends_with("more than 1000 levels (NAMES_MAX)"));
}

#[test]
fn custom_fields() {
    let metric = r#"{"type":"METRIC_CUSTOM","field":"ignored","customField":"dept"}"#;
    let tagk = r#"{"type":"TAGK_CUSTOM","field":"host","customField":"kind","level":1}"#;
    let tagv = r#"{"type":"TAGV_CUSTOM","field":"web01","customField":"rack","separator":"-","level":2}"#;
    let all = [metric, tagk, tagv, r#"{"type":"METRIC","level":3}"#];
    check(&all, "cpu/dept:ops host/kind:server=web01/rack:r1-u7", "ops > server > r1 > u7 > cpu"); // tree_custom/test
    check(&all, "cpu host=web01", "cpu");
    refuse(&all, "cpu/dept:null host=web01", "Value for custom metric field [dept] was null");
    check(&all, "cpu/dept:ops host/kind:server=web02", "ops > server > cpu");
}

#[test]
fn formats() {
    let with = |kind: &str, format: &str| format!(r#"{{{kind},"displayFormat":"{format}","regex":"(..)"}}"#);
    check(&[&with(r#""type":"TAGK","field":"dc""#, "{ovalue}:{value} {tag_name} {tsuid}"), HOST], "cpu dc=lga host=h", "lga:lg dc 00 > h");
    check(&[&with(r#""type":"METRIC_CUSTOM","field":"x","customField":"c""#, "{tag_name}={value}"), HOST], "m/c:abc host=h", "c=ab > h");
    check(&[&with(r#""type":"METRIC""#, "{tag_name}."), HOST], "cpu host=h", ". > h");
    check(&[&with(r#""type":"METRIC""#, "fixed"), HOST], "cpu host=h", "fixed > h");
    check(&[&with(r#""type":"TAGK","field":"dc""#, "{ovalue}"), HOST], "cpu dc={value} host=h", "{v > h"); // later steps see it
}

/// `/api/tree/test` of the recorded scenarios.
#[test]
fn messages() {
    let rules = [
        DC,
        r#"{"type":"TAGK","field":"host","regex":"^([a-z]+)[0-9]+$","level":1}"#,
        r#"{"type":"TAGK","field":"host","level":2}"#,
        r#"{"type":"METRIC","separator":"\\.","level":3}"#,
    ];
    let said = |text: &str, strict: bool| tree(&rules, strict).build(&series(text)).unwrap().messages;
    let matched = said("sys.cpu.user dc=lga host=web01", true); // tree_build/test1
    assert_eq!(
        matched[..4],
        [
            "Processing rule: [1:0:0:TAGK]",
            "Matched tagk [dc] for rule: [1:0:0:TAGK]",
            "Processing rule: [1:1:0:TAGK]",
            "Matched tagk [host] for rule: [1:1:0:TAGK]"
        ]
    );
    assert_eq!(
        matched[9..],
        [
            "Depth [7] Adding leaf [name: user tsuid: 00] to parent branch [Name: [cpu]]",
            "Depth [6] Adding branch: Name: [cpu] to parent: Name: [sys]",
            "Depth [5] Adding branch: Name: [sys] to parent: Name: [web01]",
            "Depth [4] Adding branch: Name: [web01] to parent: Name: [web]",
            "Depth [3] Adding branch: Name: [web] to parent: Name: [lga]",
        ]
    );
    let bare = said("app owner=bob", true); // tree_build/test_post, and the word on strict trees
    assert_eq!(bare[1], "No match on tagk [dc] for rule: [1:0:0:TAGK]");
    assert_eq!(
        bare[7..],
        [
            "Depth [5] Parent branch was empty, rolling back",
            "Depth [4] Parent branch was empty, rolling back",
            "Depth [3] Parent branch was empty, rolling back",
            "Depth [2] Adding leaf [name: app tsuid: 00] to parent branch [ID: [0001] Name: [ROOT]]",
            "TSUID failed to match one or more rule levels, will not add: 00",
        ]
    );
}

#[test]
fn not_matched() {
    let built = tree(&[DC, HOST, METRIC], true).build(&series("cpu x=y")).unwrap();
    assert_eq!(built.not_matched.as_deref(), Some("[1:0:0:TAGK] [1:1:0:TAGK]"));
    let built = tree(&[DC, METRIC], true).build(&series("cpu dc=y")).unwrap();
    assert_eq!(built.not_matched, None);
    assert_eq!(built.chain(TreeId::new(1).unwrap()).len(), 1);
}
