//! Names, times, values, tags and put lines, a line a case.

use super::*;

fn put(line: &str, rules: &Rules) -> String {
    let mut scratch = String::new();
    // Recorded lines are UTF-8 on the wire and read as ISO-8859-1.
    let text = line_text(line.as_bytes(), &mut scratch);
    let mut tags = TagBuf::new();
    match parse_put(text, &mut tags, rules) {
        Ok(point) => format!("{} {:?} {:?} {:?}", point.metric, point.time, point.value, point.tags),
        Err(error) => format!("put: {}{error}\n", error.telnet_class()),
    }
}

#[test]
fn recorded_telnet_refusals() {
    let recorded = std::fs::read_to_string("tests/golden/telnet/put_bad.jsonl").unwrap();
    let mut checked = 0;
    for line in recorded.lines().skip(1) {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let (sent, want) = (case["send"].as_str().unwrap(), case["expect"].as_str().unwrap());
        if !sent.starts_with("put") {
            continue; // a command of its own: the server's
        }
        let got = put(sent.trim_end_matches('\n'), &Rules::default());
        if want.is_empty() {
            assert!(!got.starts_with("put: "), "{}: {got}", case["id"]);
        } else {
            assert_eq!(got, want, "{}", case["id"]);
        }
        checked += 1;
    }
    assert!(checked > 40, "only {checked} cases");
}

/// Random lines, good and bad, with the answers of the real OpenTSDB 2.4.1.
#[test]
fn random_telnet_lines() {
    let recorded = std::fs::read_to_string("tests/golden/own/put_lines.jsonl").unwrap();
    for case in recorded.lines() {
        let case: serde_json::Value = serde_json::from_str(case).unwrap();
        let hex: Vec<u32> = case["line_hex"].as_str().unwrap().chars().map(|c| c.to_digit(16).unwrap()).collect();
        let line: Vec<u8> = hex.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect();
        let (mut scratch, mut tags) = (String::new(), TagBuf::new());
        let got = match parse_put(line_text(&line, &mut scratch), &mut tags, &Rules::default()) {
            Ok(_) => String::new(),
            Err(error) => format!("put: {}{error}\n", error.telnet_class()),
        };
        assert_eq!(got, case["expect"].as_str().unwrap(), "{}", line.escape_ascii());
    }
    assert_eq!(recorded.lines().count(), 800);
}

#[test]
fn telnet_lines() {
    let check = |line: &str, want: &str| assert_eq!(put(line, &Rules::default()), want, "{line}");
    // Answers of the real OpenTSDB 2.4.1.
    check("put m 1400000000 1.5 a=b ", "m Seconds(1400000000) Single(1.5) [(\"a\", \"b\")]");
    check("put m 1400000000 1.5 a=b  c=d", "m Seconds(1400000000) Single(1.5) [(\"a\", \"b\"), (\"c\", \"d\")]");
    check("put m 1400000000 1.5f a=b a=b", "m Seconds(1400000000) Single(1.5) [(\"a\", \"b\")]");
    check("put m 1400000000 1.5\t a=b", "m Seconds(1400000000) Single(1.5) [(\"a\", \"b\")]");
    check("put m 1400000000 0x1.8p3 a=b", "m Seconds(1400000000) Single(12.0) [(\"a\", \"b\")]");
    check("put m 1..5 0.1 a=b", "m Seconds(15) Double(0.1) [(\"a\", \"b\")]");
    check("put m +14000000000. -128 a=b", "m Millis(14000000000) Int(-128) [(\"a\", \"b\")]");
    check("put m 1400000000 0x1.8q3 a=b", "put: invalid value: For input string: \"0x1.8q3\"\n");
    check("put m 1400000000 1e a=b", "put: invalid value: For input string: \"1e\"\n");
    check("put m 1400000000 .e1 a=b", "put: invalid value: For input string: \".e1\"\n");
    check("put m 1400000000 1 ", "put: illegal argument: Need at least one tag (metric=m, tags={})\n");
    check("put  m 1400000000 1 a=b", "put: illegal argument: empty metric name\n");
    check("put m  1400000000 1 a=b", "put: invalid value: Empty string\n");
    check("put m . 1 a=b", "put: invalid value: Empty string\n");
    check("put m 1400000000  1 a=b", "put: illegal argument: empty value\n");
    check("put m -1.5 1 a=b", "put: illegal argument: invalid timestamp: -15\n");
    check("put m 12345678901234567890123.5 1 a=b", "put: invalid value: Value too long: 123456789012345678901235\n");
    check("put m 1400000000 1e999 a=b c=d a=e", "put: illegal argument: duplicate tag: a=e, tags={a=b, c=d}\n");
    check(
        "put m 1400000000 1 zz=1 host!=2 dc?=3",
        "put: illegal argument: Invalid tag name with value [3] (\"dc?\"): illegal character: ?\n",
    );
    check(
        "put m 14000000000000 1.5 zz=1 host=2",
        "put: illegal argument: bad timestamp=14000000000000 when trying to add value=[63, -64, 0, 0]/11 to metric=m, tags={zz=1, host=2}\n",
    );
    check("put m 1400000000 9223372036854775807 a=b", "m Seconds(1400000000) Int(9223372036854775807) [(\"a\", \"b\")]");
    check("put m 1400000000 -9223372036854775808 a=b", "m Seconds(1400000000) Int(-9223372036854775808) [(\"a\", \"b\")]");
    check("put m 1400000000 -9223372036854775809 a=b", "put: invalid value: Overflow in -9223372036854775809\n");
    check("put m 4294967295 1 a=b", "m Seconds(4294967295) Int(1) [(\"a\", \"b\")]");
    check("put m 4294967296 1 a=b", "m Millis(4294967296) Int(1) [(\"a\", \"b\")]");
}

#[test]
fn latin_1_lines() {
    let mut scratch = String::new();
    let mut tags = TagBuf::new();
    let point = parse_put(line_text(b"put b\xaax 1 1 a=\xba", &mut scratch), &mut tags, &Rules::default()).unwrap();
    assert_eq!((point.metric, point.tags), ("bªx", &[("a", "º")][..]));
    let mut scratch = String::new();
    let mut tags = TagBuf::new();
    let error = parse_put(line_text(b"put b\xb2x 1 1 a=b", &mut scratch), &mut tags, &Rules::default()).unwrap_err();
    assert_eq!(error.to_string(), "Invalid metric name (\"b²x\"): illegal character: ²");
}

#[test]
fn many_tags() {
    let words: Vec<String> = (0..5000).map(|n| format!("k{n}=v")).collect();
    let line = format!("put m 1 1 {} k4999=v", words.join(" "));
    let (mut tags, mut more) = (TagBuf::new(), TagBuf::new());
    let error = parse_put(&line, &mut tags, &Rules::default()).unwrap_err().to_string();
    assert!(error.starts_with("Too many tags: 5000 maximum allowed: 8, tags: {"), "{error}");
    assert_eq!(parse_put(&line, &mut more, &Rules::new(5000, "")).unwrap().tags.len(), 5000);
    let line = line + " k4000=w";
    assert!(parse_put(&line, &mut TagBuf::new(), &Rules::default()).unwrap_err().to_string().starts_with("duplicate tag: k4000=w, tags={"));
}

#[test]
fn names() {
    let rules = Rules::default();
    let special = Rules::new(8, ":!é²");
    for good in ["a", "Z9-_./", "é", "температура", "温度", "ª", "ǅ", "ʰ"] {
        assert!(rules.is_legal(good), "{good}");
    }
    // Letter-like numbers, circled letters, vowel signs, other digits: alphabetic to Rust, no letters to Java.
    for bad in ["", "a b", "a:b", "²", "Ⅷ", "ⓐ", "ा", "٣", "😀", "𝐀", "a\0"] {
        assert!(!rules.is_legal(bad), "{bad}");
    }
    assert!(special.is_legal("a:b!²") && !special.is_legal("a+b"));
    let error = validate_name(&rules, "tagv", "a😀").unwrap_err().to_string();
    assert_eq!(name::surrogate_half(error.chars().last().unwrap()), Some(0xD83D));
    assert_eq!(validate_name(&rules, "metric", "").unwrap_err().to_string(), "Invalid metric: empty string");
}

#[test]
fn import_lines() {
    fn check(line: &str, want: &str) {
        let mut tags = TagBuf::new();
        let got = match import_line(line, &mut tags, &Rules::default()) {
            Ok(p) => format!("{} {:?} {:?} {:?}", p.metric, p.time, p.value, p.tags),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, want, "{line}");
    }
    check("m 1400000000 0.1 a=b  c=d", "m Seconds(1400000000) Single(0.1) [(\"a\", \"b\"), (\"c\", \"d\")]");
    check("m 1400000000.5 1 a=b", "Invalid character '.' in 1400000000.5");
    check(" 1 1 a=b", "invalid metric: ");
    check("m", "Index 1 out of bounds for length 1");
    check("m 1", "Index 2 out of bounds for length 2");
    check("m 1 2", "Need at least one tag (metric=m, tags={})");
    check("m 1  a=b", "invalid value: ");
    check("m 0 1 a=b", "invalid timestamp: 0");
    check("m 1 x a=b", "Invalid character 'x' in x");
}

#[test]
fn http_points() {
    fn check(time: i64, value: &str, want: &str) {
        let mut tags = TagBuf::new();
        tags.set("khost", Some("kw00"));
        tags.set("khost", Some("kw01"));
        let got = match admit_http(Some("kit.put.a"), time, Some(value), &tags, &Rules::default()) {
            Ok(p) => format!("{:?} {:?}", p.time, p.value),
            Err(error) => error.http_text().to_string(),
        };
        assert_eq!(got, want, "{time} {value}");
    }
    let bad = PointError::HTTP_INVALID_VALUE;
    check(1, "1.5d", "Seconds(1) Double(1.5)");
    check(1, " 1.5 ", "Seconds(1) Double(1.5)");
    for value in [" 1", "1 ", "1L", "1f", "0x10", "0x1p3", "NaN", "true", "+", "-", "abc", "9223372036854775808", "1e", "e", "1.5x"] {
        check(1, value, bad);
    }
    check(1, "+5", "Seconds(1) Int(5)");
    check(1, "007", "Seconds(1) Int(7)");
    check(1, "-0", "Seconds(1) Int(0)");
    check(1, "1e3", "Seconds(1) Double(1000.0)");
    check(1, ".5", "Seconds(1) Double(0.5)");
    check(1, "5.", "Seconds(1) Double(5.0)");
    check(1, "1e-400", "Seconds(1) Double(0.0)");
    check(1, "1e400", "value is NaN or Infinite: Infinity for metric=kit.put.a timestamp=1");
    check(0, "1", "Invalid timestamp");
    check(1, "", "Empty value");
    check(13569984001230, "1", "bad timestamp=13569984001230 when trying to add value=[1]/0 to metric=kit.put.a, tags={khost=kw01}");
    let none = TagBuf::new();
    let refused = |m, t: &TagBuf| admit_http(m, 1, Some("1"), t, &Rules::default()).unwrap_err().to_string();
    assert_eq!(refused(Some(""), &none), "Metric name was empty");
    assert_eq!(refused(Some("m"), &none), "Missing tags");
    let mut null = TagBuf::new();
    null.set("host", None);
    assert_eq!(refused(Some("m"), &null), "Invalid tag value with key [host]: null");
    null.set("a!", None);
    assert_eq!(refused(Some("m"), &null), "Invalid tag name with value [null] (\"a!\"): illegal character: !");
    let late = admit_http(Some("m"), 1 << 62, Some("1"), &null, &Rules::default()).unwrap_err().to_string();
    assert!(late.ends_with("to metric=m, tags={a!=null, host=null}"), "{late}");
    assert_eq!(http_timestamp_text("1356998400.75"), None);
    assert_eq!(http_timestamp_text(" 1356998400"), Some(1356998400));
    assert_eq!(http_timestamp_number(1356998400.75), Some(1356998400));
    assert_eq!(http_timestamp_number(1e19), None);
}

#[test]
fn java_doubles() {
    fn check(text: &str, want: f64) {
        assert_eq!(number::parse_double(text).map(f64::to_bits), Ok(want.to_bits()), "{text}");
    }
    check("0x1p-1074", f64::from_bits(1));
    check("0x1p-1075", 0.0);
    check("0x1.0000000000001p-1075", f64::from_bits(1));
    check("-0x.8p1", -1.0);
    check("0x1.fffffffffffff8p1023", f64::INFINITY);
    check("0x1.fffffffffffffp1023", f64::MAX);
    check("0x10.p-4d", 1.0);
    check("0x1.00000000000008p0", 1.0);
    check("0x1.000000000000080000000001p0", 1.0 + f64::EPSILON);
    check("0x1p99999999999999", f64::INFINITY);
    check("1e2147483648", f64::INFINITY);
    check("\u{1}4.9e-324D\n", f64::from_bits(1));
    assert_eq!(number::parse_single("16777217.0000001").unwrap(), 16777218.0);
    for bad in ["", " ", ".", "+", "1ee", "1e+", "0x.p1", "0xp1", "1.5dd", "NaNs", "é.1"] {
        assert!(number::parse_double(bad).is_err(), "{bad}");
    }
}

#[test]
fn java_text() {
    fn double(value: f64, want: &str) {
        let mut out = Vec::new();
        write_f64(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
    double(1.0, "1.0");
    double(-0.0, "-0.0");
    double(0.001, "0.001");
    double(0.0001, "1.0E-4");
    double(0.00999, "0.00999");
    double(9999999.0, "9999999.0");
    double(1e7, "1.0E7");
    double(1e10, "1.0E10");
    double(123456.789, "123456.789");
    double(1.2345678912345679e8, "1.2345678912345679E8");
    double(100.0, "100.0");
    double(f64::MAX, "1.7976931348623157E308");
    double(f64::from_bits(1), "4.9E-324");
    double(f64::MIN_POSITIVE, "2.2250738585072014E-308");
    double(2e-323, "2.0E-323");
    double(f64::NAN, "NaN");
    double(f64::NEG_INFINITY, "-Infinity");
    fn single(value: f32, want: &str) {
        let mut out = Vec::new();
        write_f32(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
    single(0.1, "0.1");
    single(3.4028235e38, "3.4028235E38");
    single(1.25e-7, "1.25E-7");
    single(f32::from_bits(1), "1.4E-45");
    single(16777216.0, "1.6777216E7");
    let mut out = Vec::new();
    for v in [0, 7, -1, i64::MAX, i64::MIN] {
        write_number(&mut out, Number::Int(v));
        out.push(b' ');
    }
    assert_eq!(String::from_utf8(out).unwrap(), "0 7 -1 9223372036854775807 -9223372036854775808 ");
}
