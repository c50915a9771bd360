//! Rows, columns and configurations of rollups.

use super::*;
use crate::codec::to_hex;

fn config(json: &str) -> Result<RollupConfig, String> {
    RollupConfig::parse(json, |name| ["sum", "count", "min", "max", "avg", "dev"].contains(&name)).map_err(|e| e.to_string())
}

/// Tables of the recorded scenarios.
const KIT: &str = r#"{"aggregationIds": {"sum": 0, "count": 1, "min": 2, "max": 3}, "intervals": [
    {"table": "kit-data", "preAggregationTable": "kit-preagg", "interval": "1m", "rowSpan": "1h", "defaultInterval": true},
    {"table": "kit-rollup-1m", "preAggregationTable": "kit-agg-1m", "interval": "10m", "rowSpan": "1d"},
    {"table": "kit-rollup-1h", "preAggregationTable": "kit-agg-1h", "interval": "1h", "rowSpan": "1n"}]}"#;

#[test]
fn places() {
    let kit = config(KIT).unwrap();
    let check = |interval: &str, function: &str, seconds: u32, flags: u8, want: (&str, &str)| {
        let (base, column) = kit.interval(interval).unwrap().place(seconds, kit.id(function).unwrap(), flags).unwrap();
        assert_eq!((to_hex(&base.to_be_bytes()).to_lowercase(), to_hex(&column).to_lowercase()), (want.0.into(), want.1.into()));
    };
    // storage/rollups
    check("1h", "SUM", 1_400_000_000, 0, ("53618e80", "001300"));
    check("1h", "max", 1_400_000_000, 0xb, ("53618e80", "03130b"));
    check("1h", "sum", 1_401_728_000, 0, ("538a6d00", "000280"));
    check("1h", "sum", 1_398_902_400, 0, ("53618e80", "000000"));
    check("10m", "sum", 1_400_000_600, 3, ("53716080", "000663"));
    check("10m", "count", 1_400_086_400, 0, ("5372b200", "010650"));
}

#[test]
fn base_times() {
    let check = |span: RowSpan, seconds: i64, want: i64| assert_eq!(span.base(seconds), want, "{span:?} {seconds}");
    let t = 1_400_000_000; // 2014-05-13 16:53:20
    check(RowSpan::Hours(1), t, t - 3_200);
    check(RowSpan::Hours(6), t, 1_399_982_400);
    check(RowSpan::Day, t, 1_399_939_200);
    check(RowSpan::Month, t, 1_398_902_400);
    check(RowSpan::Year, t, 1_388_534_400);
    check(RowSpan::Month, 1_398_902_399, 1_396_310_400);
    check(RowSpan::Year, -1, -31_536_000);
}

#[test]
fn offsets_that_no_row_has() {
    let json = KIT.replace(r#""interval": "10m", "rowSpan": "1d""#, r#""interval": "290s", "rowSpan": "1h""#);
    let config = config(&json).unwrap();
    let interval = config.interval("290s").unwrap();
    assert_eq!(interval.place(3_599, 0, 0).unwrap_err(), "Offset of 12 was greater than the configured intervals 12");
    assert_eq!(interval.place(3_479, 0, 0).unwrap().1, [0, 0, 0xb0]);
}

#[test]
fn columns_back_to_points() {
    let column = RollupColumn::new(0, "sum");
    let check = |cells: &[(&[u8], &[u8], i64)], want: &[(i64, Number)]| {
        let mut points = Points::default();
        let cells = cells.iter().map(|&(qualifier, value, time)| Cell { qualifier, value, time });
        column.decode(3_600, 60, cells, &mut points);
        let got: Vec<_> = points.times.iter().copied().zip(points.values.iter().copied()).collect();
        assert_eq!(got, want);
    };
    check(
        &[(&[0, 0, 0x10], &[5], 1), (&[1, 0, 0], &[9], 1), (&[0, 0, 0x2b], &[0x3f, 0xc0, 0, 0], 1)],
        &[(3_660_000, Number::Int(5)), (3_720_000, Number::Float(1.5))],
    );
    check(&[(b"sum:\0\x10", &[5], 1), (b"count:\0\x20", &[6], 1)], &[(3_660_000, Number::Int(5))]);
    // Two widths of one interval: the newest is read.
    check(&[(&[0, 0, 0x10], &[5], 2), (&[0, 0, 0x11], &[1, 0], 1)], &[(3_660_000, Number::Int(5))]);
    check(&[(&[0, 0, 0x10], &[5], 1), (&[0, 0, 0x11], &[1, 0], 1)], &[(3_660_000, Number::Int(256))]);
    // Damaged: neither three bytes wide nor a number's length.
    check(&[(&[0, 0], &[5], 1), (&[0, 0, 0, 0], &[5], 1), (&[0, 0, 0x10], &[1, 2, 3], 1), (&[], &[1], 1)], &[]);
}

#[test]
fn the_longest_interval_that_divides() {
    let kit = config(KIT).unwrap();
    let names = |seconds| kit.dividing(seconds).iter().map(|i| i.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(7_200), ["1h", "10m", "1m"]);
    assert_eq!(names(5_400), ["10m", "1m"]);
    assert_eq!(names(90), Vec::<String>::new());
}

#[test]
fn configurations_that_are_wrong() {
    let check = |from: &str, to: &str, want: &str| {
        let json = KIT.replace(from, to);
        assert_ne!(json, KIT, "{from}");
        assert_eq!(config(&json).map(|_| ()), Err(want.to_owned()), "{from} -> {to}");
    };
    check(r#""rowSpan": "1n""#, r#""rowSpan": "1w""#, "Unrecogznied span 'w'");
    check(r#""rowSpan": "1n""#, r#""rowSpan": "2n""#, "Multipliers are only usable with the 'h' unit");
    check(r#""rowSpan": "1n""#, r#""rowSpan": "13h""#, "The multiplier must be 1 or an even value");
    check(r#""rowSpan": "1n""#, r#""rowSpan": "1ms""#, "Milliseconds are not supported");
    check(r#""rowSpan": "1n""#, r#""rowSpan": "1x""#, "Invalid units in the duration: x");
    check(r#", "rowSpan": "1n""#, "", "Duration cannot be null or empty");
    check(r#""rowSpan": "1n""#, r#""rowSpan": "1h""#, "Interval [3600] is too large for the span [h]");
    check(r#""rowSpan": "1n""#, r#""rowSpan": "4h""#, "Not enough intervals [4] for the span. Must be at least [12]");
    check(
        r#""rowSpan": "1n""#,
        r#""rowSpan": "1y""#,
        "Too many intervals [8784] in the span. Must be smaller than [7774] to fit in 14 bits",
    );
    check(r#""table": "kit-rollup-1h", "#, "", "The rollup table cannot be null or empty");
    check(r#""preAggregationTable": "kit-agg-1h", "#, "", "The pre-aggregate rollup table cannot be null or empty");
    check(r#""interval": "1h""#, r#""interval": "x""#, "Invalid duration (number): x");
    check(r#""interval": "1h""#, r#""interval": "60""#, "Invalid duration, must have an integer and unit: 60");
    check(r#""interval": "1h""#, r#""interval": "0h""#, "Zero or negative duration: 0h");
    check(r#""interval": "1h""#, r#""interval": "10m""#, "Only one interval of each type can be configured: 10m");
    check(r#""interval": "1h", "#, "", "Cannot parse null or empty duration");
    check(r#""rowSpan": "1n""#, r#""rowSpan": "1n", "delaySla": "5ms""#, "Milliseconds are not supported as the maximum delay");
    check(
        r#""rowSpan": "1n""#,
        r#""rowSpan": "1n", "defaultInterval": true"#,
        "Multiple default intervals configured. Only one is allowed: 1h",
    );
    check(r#""defaultInterval": true"#, r#""defaultInterval": false"#, "None of the rollup intervals were marked as the \"default\".");
    check(r#""max": 3"#, r#""max": 2"#, "Multiple mappings for the ID '2' are not allowed.");
    check(r#""max": 3"#, r#""max": 128"#, "ID for aggregator must be between 0 and 127: max=128");
    check(r#""max": 3"#, r#""foo": 3"#, "No such aggregator found for foo");
    check("kit-agg-1h", "kit-rollup-1m", "intervals 10m and 1h share the table kit-rollup-1m: their rows would be mixed");
    assert_eq!(config(r#"{"aggregationIds": {"sum": 0}}"#).unwrap_err(), "Rollup config given but no intervals were found.");
    assert_eq!(config(&KIT.replace("aggregationIds", "x")).unwrap_err(), "Rollup config given but no aggegation ID mappings found.");
    assert!(config("{").unwrap_err().starts_with("not valid JSON: "));
}

#[test]
fn functions_of_a_configuration() {
    let kit = config(KIT).unwrap();
    assert_eq!(kit.id("Max"), Ok(3));
    assert_eq!(kit.id("bogus").unwrap_err(), "No ID found mapping to aggregator: bogus");
    assert_eq!(kit.id("").unwrap_err(), "Aggregator cannot be null or empty.");
    assert_eq!(kit.warnings(), Vec::<String>::new());
}
