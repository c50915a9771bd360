//! What `check` asks and answers.

use super::*;

const NOW: i64 = 1_400_000_600;

fn args() -> Args {
    Args {
        host: "localhost".into(),
        port: 4242,
        metric: "sys.cpu".into(),
        tags: vec!["host=a|b".into()],
        duration: 600,
        downsample: "none".into(),
        window: 60,
        fill: "none".into(),
        aggregator: "sum".into(),
        method: Method::Gt,
        rate: false,
        warning: 50.0,
        critical: 100.0,
        verbose: false,
        timeout: 10,
        no_result_ok: false,
        ignore_recent: 0,
        percent_over: 0.0,
        now: Some(NOW),
        ssl: false,
        ca_file: None,
    }
}

/// Values a minute apart, the last of them now minus ten seconds.
fn check(change: impl FnOnce(&mut Args), values: &[f64], want: (u8, &str)) {
    let mut args = args();
    change(&mut args);
    let count = values.len() as i64;
    let point = |(at, value): (usize, &f64)| Point {
        time: NOW - 10 - (count - 1 - at as i64) * 60,
        value: *value,
        text: if value.fract() == 0.0 { format!("{value}") } else { python(*value) },
    };
    let (code, text) = judge(&args, &[values.iter().enumerate().map(point).collect()], NOW);
    assert_eq!((code, text.split(" @ ").next().unwrap_or_default()), want);
}

#[test]
fn thresholds() {
    check(|_| {}, &[1.0, 2.5], (0, "OK: sys.cpu{host=a:b}: 2 values OK, last=2.5 | cpu=2;50.0;100.0;0;100.0"));
    check(|_| {}, &[1.0, 60.0, 70.5], (1, "WARNING: sys.cpu{host=a:b} gt 50.0: 2/3 bad values (66.7%) worst: 70.5"));
    check(|_| {}, &[1.0, 60.0, 101.0], (2, "CRITICAL: sys.cpu{host=a:b} gt 100.0: 1/3 bad values (33.3%) worst: 101"));
    check(|a| a.percent_over = 40.0, &[1.0, 60.0, 101.0], (1, "WARNING: sys.cpu{host=a:b} gt 50.0: 2/3 bad values (66.7%) worst: 101"));
    check(|a| a.percent_over = 70.0, &[1.0, 60.0, 101.0], (0, "OK: sys.cpu{host=a:b}: 3 values OK, last=101 | cpu=3;50.0;100.0;0;100.0"));
    check(
        |a| (a.method, a.warning, a.critical) = (Method::Lt, 5.0, 2.0),
        &[9.0, 1.0, 0.5],
        (2, "CRITICAL: sys.cpu{host=a:b} lt 2.0: 2/3 bad values (66.7%) worst: 0.5"),
    );
    check(
        |a| (a.method, a.warning, a.critical) = (Method::Ne, 7.0, 7.0),
        &[7.0, 7.0],
        (0, "OK: sys.cpu{host=a:b}: 2 values OK, last=7 | cpu=2;7.0;7.0;0;7.0"),
    );
}

#[test]
fn points_that_do_not_count() {
    check(|_| {}, &[], (2, "CRITICAL: query did not return any data point"));
    check(|a| a.no_result_ok = true, &[], (0, "OK: query did not return any data point (--no-result-ok)"));
    check(|a| a.ignore_recent = 30, &[1.0, 500.0], (0, "OK: sys.cpu{host=a:b}: 1 values OK, last=1 | cpu=1;50.0;100.0;0;100.0"));
    check(|a| a.duration = 30, &[500.0, 1.0], (0, "OK: sys.cpu{host=a:b}: 1 values OK, last=1 | cpu=1;50.0;100.0;0;100.0"));
}

#[test]
fn requests() {
    let check = |change: fn(&mut Args), want: &str| {
        let mut args = args();
        change(&mut args);
        assert_eq!(path(&args), want);
    };
    assert_eq!(url(&args(), "/x"), "http://localhost:4242/x");
    assert_eq!(url(&Args { host: "::1".into(), ssl: true, ..args() }, "/x"), "https://[::1]:4242/x");
    check(|_| {}, "/api/query?start=1400000000&m=sum:sys.cpu%7Bhost%3Da%7Cb%7D");
    check(|a| (a.now, a.tags) = (None, vec![]), "/api/query?start=600s-ago&m=sum:sys.cpu");
    check(
        |a| (a.downsample, a.rate) = ("avg".into(), true),
        "/api/query?start=1400000000&m=sum:60s-avg-none:rate:sys.cpu%7Bhost%3Da%7Cb%7D",
    );
}

#[test]
fn floats_as_python_prints_them() {
    for (value, want) in [(50.0, "50.0"), (0.1, "0.1"), (1e16, "1e+16"), (1.5e-7, "1.5e-07"), (-2.0, "-2.0"), (f64::NAN, "nan")] {
        assert_eq!(python(value), want);
    }
}
