//! Every kind of condition over series in memory.

use super::*;
use crate::worker::house::{OwnNote, OwnPoint, Seen, Series};
use crate::worker::rule::expression::{Answer, Request};
use crate::worker::rule::file::{self, SourceFile};

const NOW: i64 = 1_700_000_000;

/// Series of one metric: host and values, the newest at [`NOW`], 60 s apart.
struct Memory {
    series: Vec<(&'static str, Vec<f64>)>,
    newest: i64,
    away: bool,
}

impl Memory {
    fn found(&self, range: (i64, i64)) -> Result<Vec<Found>, SourceError> {
        if self.away {
            return Err(SourceError::Away("nobody answers".into()));
        }
        let one = |(host, values): &(&str, Vec<f64>)| {
            let first = self.newest - 60 * (values.len() as i64 - 1);
            let points = values.iter().enumerate().map(|(n, value)| (first + 60 * n as i64, *value));
            let points = points.filter(|(time, _)| (range.0..=range.1).contains(time)).collect();
            Found { metric: "m".into(), tags: [("host".to_string(), host.to_string())].into(), tsuids: Vec::new(), points }
        };
        Ok(self.series.iter().map(one).filter(|found| !found.points.is_empty()).collect())
    }
}

impl Source for Memory {
    fn query(&self, request: &Request) -> Result<Vec<Answer>, SourceError> {
        if request.query.metric == "broken" {
            return Err(SourceError::Refused("No such name for 'metrics': 'broken'".into()));
        }
        let mut found = self.found((request.start, request.end))?;
        let literal = request.query.filters.iter().find(|filter| filter.kind == "literal_or");
        found.retain(|found| literal.is_none_or(|filter| filter.filter.split('|').any(|host| found.tags["host"] == host)));
        Ok(found.into_iter().map(|found| Answer { tags: found.tags, points: found.points }).collect())
    }
}

impl House for Memory {
    fn answer(&self, ask: &Ask<'_>) -> Result<Vec<Found>, SourceError> {
        self.found(ask.range)
    }
    fn metrics(&self, _: &dyn Fn(&str) -> bool) -> Result<Vec<String>, SourceError> {
        Ok(vec!["m".into()])
    }
    fn windows(&self, _: &str, _: &[u32], _: (i64, i64), _: &mut dyn FnMut(&Seen<'_>) -> bool) -> Result<(), SourceError> {
        Ok(())
    }
    fn name(&self, _: Series<'_>) -> Result<(String, Tags), SourceError> {
        Err(SourceError::Refused("no ids here".into()))
    }
    fn note(&self, note: &OwnNote) -> Result<i64, SourceError> {
        Ok(note.start)
    }
    fn put(&self, _: &[OwnPoint]) -> Result<(), SourceError> {
        Ok(())
    }
    fn describe(&self) -> String {
        "memory".into()
    }
}

fn memory(series: &[(&'static str, Vec<f64>)]) -> Memory {
    Memory { series: series.to_vec(), newest: NOW, away: false }
}

/// `host level` of each group, or the trouble.
#[track_caller]
fn check(house: &Memory, text: &str, want: &[&str]) {
    let rule = format!("[rule.r]\nquery = \"sum:m{{host=*}}\"\n{text}\n");
    expect(house, &rule, want);
}

#[track_caller]
fn expect(house: &Memory, text: &str, want: &[&str]) {
    let set = file::load(&[SourceFile { name: "r".into(), text: text.to_string(), channels: true }]);
    assert_eq!(set.faults, [], "{text}");
    let habits = Habits::default();
    let check = Check { house, set: &set, skyline: &Settings::default(), habits: &habits, alerts: None, now: NOW };
    let got = match check.run(&set.rules["r"]) {
        Ok(judged) => judged
            .iter()
            .map(|one| {
                let level = match &one.verdict {
                    Verdict::Decided { level, .. } => level.name(),
                    Verdict::Undecided => "undecided",
                    Verdict::Unevaluated => "unevaluated",
                    other => panic!("{other:?}"),
                };
                format!("{} {level}", one.tags.get("host").map_or("", String::as_str))
            })
            .collect(),
        Err(trouble) => vec![trouble.to_string()],
    };
    assert_eq!(got, want, "{text}");
}

#[test]
fn judges_and_expressions() {
    let house = memory(&[("a", vec![95.0, 96.0, 97.0]), ("b", vec![80.0, 80.0, 80.0]), ("c", vec![99.0]), ("d", vec![f64::NAN; 3])]);
    check(
        &house,
        "judge = { critical = \"all(#3) > 90\", warning = \"all(#3) > 70\" }",
        &["a critical", "b warning", "c undecided", "d normal"],
    );
    check(&house, "judge.warning = \"all(#1) > 98\"", &["a normal", "b normal", "c warning", "d normal"]);
    let expression = "[rule.r]\nexpression = { critical = 'avg(q(\"sum:m{host=*}\", \"1h\", \"\")) > 90', warning = 'avg(q(\"sum:m{host=*}\", \"1h\", \"\")) > 70' }\n";
    // NaN is not zero.
    expect(&house, expression, &["a critical", "b warning", "c critical", "d critical"]);
    expect(&Memory { away: true, ..memory(&[]) }, "[rule.r]\nquery = \"sum:m\"\njudge.critical = \"all(#1) > 0\"\n", &["nobody answers"]);
    check(&memory(&[]), "judge.critical = \"all(#1) > 0\"", &[]);
}

/// A group whose points are all older than the window: as a TSD answers it, with no points.
#[test]
fn a_group_without_points_is_gone() {
    struct Old(Memory);
    impl Source for Old {
        fn query(&self, request: &Request) -> Result<Vec<Answer>, SourceError> {
            self.0.query(request)
        }
    }
    impl House for Old {
        fn answer(&self, ask: &Ask<'_>) -> Result<Vec<Found>, SourceError> {
            let mut found = self.0.answer(ask)?;
            found.push(Found { metric: "m".into(), tags: [("host".to_string(), "old".to_string())].into(), ..Found::default() });
            Ok(found)
        }
        fn metrics(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, SourceError> {
            self.0.metrics(wanted)
        }
        fn windows(&self, m: &str, p: &[u32], r: (i64, i64), v: &mut dyn FnMut(&Seen<'_>) -> bool) -> Result<(), SourceError> {
            self.0.windows(m, p, r, v)
        }
        fn name(&self, series: Series<'_>) -> Result<(String, Tags), SourceError> {
            self.0.name(series)
        }
        fn note(&self, note: &OwnNote) -> Result<i64, SourceError> {
            self.0.note(note)
        }
        fn put(&self, points: &[OwnPoint]) -> Result<(), SourceError> {
            self.0.put(points)
        }
        fn describe(&self) -> String {
            self.0.describe()
        }
    }
    let text = "[rule.r]\nquery = \"sum:m{host=*}\"\njudge.critical = \"all(#1) > 90\"\n";
    let set = file::load(&[SourceFile { name: "r".into(), text: text.into(), channels: true }]);
    let house = Old(memory(&[("new", vec![1.0])]));
    let check = Check { house: &house, set: &set, skyline: &Settings::default(), habits: &Habits::default(), alerts: None, now: NOW };
    let judged = check.run(&set.rules["r"]).unwrap();
    assert_eq!(judged.iter().map(|one| one.tags["host"].as_str()).collect::<Vec<_>>(), ["new"]);
}

#[test]
fn what_is_left_out() {
    let house = memory(&[("web1", vec![95.0]), ("web2", vec![95.0]), ("db1", vec![95.0])]);
    let rule = "judge.critical = \"all(#1) > 90\"\n";
    check(&house, &format!("{rule}squelch = {{ host = \"web2\" }}"), &["web1 critical", "db1 critical"]);
    check(&house, &format!("{rule}match = {{ host = \"web*\" }}"), &["web1 critical", "web2 critical"]);
    let depends = "depends = 'avg(q(\"sum:m{host=web1}\", \"1h\", \"\")) > 90'";
    check(&house, &format!("{rule}{depends}"), &["web1 unevaluated", "web2 critical", "db1 critical"]);
    let broken = "depends = 'avg(q(\"sum:broken\", \"1h\", \"\")) > 90'";
    let set = format!("{rule}{broken}");
    check(&house, &set, &["line 1, column 5: No such name for 'metrics': 'broken'"]);
}

#[test]
fn ages_and_changes() {
    let fresh = memory(&[("a", vec![1.0; 5])]);
    check(&fresh, "window = \"1h\"\nnodata.after = \"5m\"", &["a normal"]);
    let old = Memory { newest: NOW - 600, ..memory(&[("a", vec![1.0; 5])]) };
    check(&old, "window = \"1h\"\nnodata = { after = \"5m\", level = \"critical\" }", &["a critical"]);
    let mut leap = vec![10.0, 11.0, 10.0, 9.0, 10.0, 11.0, 10.0, 9.0, 10.0, 10.0, 11.0, 10.0];
    leap.extend([90.0, 91.0, 92.0]);
    let fall: Vec<f64> = leap.iter().map(|value| 100.0 - value).collect();
    let house = memory(&[("up", leap), ("down", fall), ("few", vec![1.0, 2.0])]);
    check(&house, "window = \"1h\"\nrise.level = \"warning\"", &["up warning", "down normal", "few undecided"]);
    check(&house, "window = \"1h\"\nfall.level = \"critical\"", &["up normal", "down critical", "few undecided"]);
    let filling: Vec<f64> = (0..60).map(|n| 40.0 + f64::from(n) * 0.5).collect();
    let house = memory(&[("disk", filling), ("still", vec![40.0; 60])]);
    check(&house, "window = \"1h\"\nforecast = { limit = 100, critical = \"2h\" }", &["disk critical", "still normal"]);
    check(&house, "window = \"1h\"\nforecast = { limit = 100, critical = \"10m\", warning = \"2h\" }", &["disk warning", "still normal"]);
}

#[test]
fn detectors() {
    let calm: Vec<f64> = (0..1_440).map(|n| 100.0 + f64::from(n * 7 % 5)).collect();
    let mut wild = calm.clone();
    wild.splice(1_437.., [500.0, 510.0, 520.0]);
    let house = memory(&[("calm", calm), ("wild", wild), ("flat", vec![1.0; 200])]);
    check(&house, "skyline.consensus = 6", &["calm normal", "wild warning", "flat undecided"]);
    check(
        &house,
        "skyline = { consensus = 2, algorithms = [\"grubbs\", \"histogram_bins\"], level = \"critical\" }",
        &["calm normal", "wild critical", "flat undecided"],
    );
}

#[test]
fn numbers_for_people() {
    for (value, want) in
        [(95.0, "95"), (0.1, "0.1"), (-2.5, "-2.5"), (1.0 / 3.0, "0.333333"), (0.0, "0"), (1e20, "1e20"), (1.5e-7, "1.5e-7")]
    {
        assert_eq!(number(value), want);
    }
}

#[test]
fn who_triggers_by_habit_is_no_news() {
    let mut wild: Vec<f64> = (0..1_440).map(|n| 100.0 + f64::from(n * 7 % 5)).collect();
    wild.splice(1_437.., [500.0, 510.0, 520.0]);
    let house = memory(&[("wild", wild)]);
    let levels = |second_order: &str, default: bool| -> Vec<Level> {
        let text = format!("[rule.r]\nquery = \"sum:m{{host=*}}\"\nskyline = {{ consensus = 6{second_order} }}\n");
        let set = file::load(&[SourceFile { name: "r".into(), text, channels: true }]);
        assert_eq!(set.faults, []);
        let (habits, skyline) = (Habits::default(), Settings { enable_second_order: default, ..Settings::default() });
        let level = |ago: i64| {
            let check = Check { house: &house, set: &set, skyline: &skyline, habits: &habits, alerts: None, now: NOW - ago };
            match &check.run(&set.rules["r"]).unwrap()[0].verdict {
                Verdict::Decided { level, .. } => *level,
                other => panic!("{other:?}"),
            }
        };
        // The same value within five minutes is the same trigger.
        [2, 1, 0].map(level).to_vec()
    };
    let (bad, well) = (Level::Warning, Level::Normal);
    assert_eq!(levels("", false), [bad, bad, bad]);
    assert_eq!(levels(", second_order = true", false), [bad, well, well]);
    assert_eq!(levels("", true), [bad, well, well]);
    assert_eq!(levels(", second_order = false", true), [bad, bad, bad]);
}

/// An empty window, one point, nothing but NaN, infinities among numbers, one value all the time: every condition says
/// something or that it cannot, and none takes a lack of numbers for trouble.
#[test]
fn bad_input_of_every_condition() {
    let conditions = [
        "judge.critical = \"all(#3) > 90\"",
        "judge.critical = \"stddev(#5) = 3\"",
        "judge.critical = \"pdiff(#2) > 10\"",
        "judge = { critical = \"diff(#1) > 10\", type = \"counter\" }",
        "skyline.consensus = 6",
        "seasonal = { period = \"10m\", width = \"1m\" }",
        "rise = {}",
        "fall = {}",
        "forecast = { limit = 100, critical = \"1h\" }",
        "nodata.after = \"5m\"",
    ];
    let infinite = |n: usize| if n.is_multiple_of(7) { f64::INFINITY } else { 5.0 + (n % 3) as f64 };
    let inputs: [(&'static str, Vec<f64>); 5] = [
        ("one", vec![5.0]),
        ("nan", vec![f64::NAN; 60]),
        ("gaps", (0..60).map(|n| if n % 2 == 0 { f64::NAN } else { 5.0 + f64::from(n % 4) / 100.0 }).collect()),
        ("infinite", (0..60).map(infinite).collect()),
        ("same", vec![5.0; 60]),
    ];
    for condition in conditions {
        let text = format!("[rule.r]\nquery = \"sum:m{{host=*}}\"\nwindow = \"2h\"\n{condition}\n");
        let set = file::load(&[SourceFile { name: "r".into(), text, channels: true }]);
        assert_eq!(set.faults, [], "{condition}");
        let (habits, skyline) = (Habits::default(), Settings::default());
        let run = |house: &Memory| {
            let check = Check { house, set: &set, skyline: &skyline, habits: &habits, alerts: None, now: NOW };
            check.run(&set.rules["r"]).unwrap()
        };
        assert_eq!(run(&memory(&[])), [], "{condition}: no series");
        let judged = run(&memory(&inputs));
        assert_eq!(judged.len(), inputs.len(), "{condition}");
        for one in &judged {
            let host = &one.tags["host"];
            let well = matches!(one.verdict, Verdict::Undecided | Verdict::Decided { level: Level::Normal, .. });
            // Infinity is above every number.
            assert!(well || host == "infinite", "{condition}: {host} {:?} {}", one.verdict, one.text);
        }
    }
}
