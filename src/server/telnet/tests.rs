//! Telnet lines cut anywhere, their replies, and mutated input.

use super::command::Commands;
use super::session::{EachPoint, Next, Session, Sink};
use crate::config::Settings;
use crate::fuzz;
use crate::point::{Point, Rules};
use crate::server::limits::Limits;
use crate::write::{HistogramPoint, RolledUp, RollupError, WriteError};

/// Takes every point; the metric `full` is too much.
#[derive(Default)]
struct List(Vec<String>);

impl Sink for List {
    fn known(&mut self, point: &Point<'_>) -> Option<Result<(), WriteError>> {
        (point.metric == "m1").then(|| self.unknown(point))
    }
    fn unknown(&mut self, point: &Point<'_>) -> Result<(), WriteError> {
        if point.metric == "full" {
            return Err(WriteError::Overloaded("the journal is full".to_owned()));
        }
        let tags: Vec<_> = point.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        self.0.push(format!("{} {} {:?} {}", point.metric, point.time.millis(), point.value, tags.join(" ")));
        Ok(())
    }
    fn rollup(&mut self, point: &RolledUp<'_>, _: &Rules) -> Result<(), RollupError> {
        if point.metric == "full" {
            return Err(WriteError::Overloaded("the journal is full".to_owned()).into());
        }
        let show = |text: Option<&str>| text.map_or("-".to_owned(), |text| format!("<{text}>"));
        let (interval, function, group_by) = (show(point.interval), show(point.function), show(point.group_by));
        self.0.push(format!("{interval} {function} {group_by} {} {} {:?}", point.metric, point.time, point.value));
        Ok(())
    }
    fn histogram(&mut self, point: &HistogramPoint<'_>, _: &Rules) -> Result<(), WriteError> {
        match point.metric {
            "full" => Err(WriteError::Overloaded("the journal is full".to_owned())),
            "h|h" => Err(WriteError::Illegal("Invalid metric name (\"h|h\"): illegal character: |".to_owned())),
            metric => {
                self.0.push(format!("{metric} {} {} {:?}", point.time, crate::codec::to_hex(point.value), point.tags));
                Ok(())
            }
        }
    }
}

fn session(settings: &Settings) -> Session {
    Session::new(Commands::new(settings), Rules::default(), true, &Limits::new(settings))
}

/// Runs `input` cut into pieces of `cut` bytes. What needs the outside is noted among the replies.
fn run(session: &mut Session, input: &[u8], cut: usize) -> (Vec<String>, String) {
    let mut sink = List::default();
    let mut buffer = Vec::new();
    'input: for piece in input.chunks(cut) {
        buffer.extend_from_slice(piece);
        loop {
            let (n, next) = session.run(&buffer, &mut sink);
            buffer.drain(..n);
            match next {
                Next::More => break,
                Next::Flush => {}
                Next::Overloaded(_) => session.refuse_overload(),
                Next::TooLong => {
                    session.reply("[closed]");
                    break 'input;
                }
                Next::Do(command) => session.reply(&format!("[{command:?}]")),
            }
        }
    }
    (sink.0, String::from_utf8(session.replies.clone()).expect("replies are UTF-8"))
}

fn check(input: &str, points: &[&str], replies: &str) {
    for cut in [usize::MAX, 1, 2, 3, 7, 64] {
        let got = run(&mut session(&Settings::default()), input.as_bytes(), cut.min(input.len().max(1)));
        assert_eq!(
            (got.0.as_slice(), got.1.as_str()),
            (points.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>().as_slice(), replies),
            "{input:?} cut at {cut}"
        );
    }
}

#[test]
fn lines_however_cut() {
    check("put m1 1 2 a=b\n", &["m1 1000 Int(2) a=b"], "");
    check("put m1 1 2 a=b\r\nput m2 1400000000123 1.5 a=b c=d\n", &["m1 1000 Int(2) a=b", "m2 1400000000123 Single(1.5) a=b c=d"], "");
    check("put m1 1 2 a=b", &[], ""); // not ended
    check("help\nput m1 1 2 a=b \nfoo\n", &["m1 1000 Int(2) a=b"], "[Help]unknown command: foo.  Try `help'.\n");
    check("\n", &[], "unknown command: .  Try `help'.\n");
    check("\r\n", &[], "unknown command: .  Try `help'.\n");
    check("\t\n", &[], "unknown command: \t.  Try `help'.\n");
    check("HELP\n", &[], "unknown command: HELP.  Try `help'.\n");
    check("version extra\n", &[], "[Version]");
    check("put\n", &[], "put: illegal argument: not enough arguments (need least 4, got 0)\n");
    check("put m1 1400000000 x host=a\n", &[], "put: invalid value: Invalid character 'x' in x\n");
    check("rollup\n", &[], "rollup: illegal argument: not enough arguments (need least 7, got 0)\n");
    check("rollup 1h-sum m1 1400000000 1\n", &[], "rollup: illegal argument: not enough arguments (need least 7, got 4)\n");
    check("rollup 1h-sum m1 1400000000 1 a=b\n", &["<1h> <sum> - m1 1400000000 Int(1)"], "");
    check("rollup 1h-sum:max m1 1 1 a=b\n", &["<1h> <sum> <max> m1 1 Int(1)"], "");
    check("rollup 1h-sum: m1 1 1 a=b\n", &["<1h> <sum> - m1 1 Int(1)"], ""); // rollup_on/t15
    check("rollup 1h-sum-x m1 1 1 a=b\n", &["<1h> <sum-x> - m1 1 Int(1)"], ""); // rollup_on/t13
    check("rollup 1h m1 1 1.5 a=b\n", &["- <1h> <1h> m1 1 Single(1.5)"], ""); // rollup_on/t03
    check("rollup :sum m1 1 1 a=b\n", &["- <sum> <sum> m1 1 Int(1)"], "");
    check("rollup 1h:sum:x m1 1 1 a=b\n", &["- <sum> <sum> m1 1 Int(1)"], "");
    check("rollup -sum m1 1 1 a=b\n", &["<> <sum> - m1 1 Int(1)"], "");
    check("rollup  m1 1 1 a=b\n", &[], "rollup: illegal argument: Missing interval or aggregator\n");
    check("rollup : m1 1 1 a=b\n", &[], "rollup: illegal argument: Missing interval or aggregator\n");
    check("rollup sum full 1 1 a=b\n", &[], "rollup: Please throttle writes: the journal is full\n");
    check("rollup 1h-sum m1 x 1 a=b\n", &[], "rollup: invalid value: Invalid character 'x' in x\n");
    check("put full 1 2 a=b\nput m1 1 2 a=b\n", &["m1 1000 Int(2) a=b"], "put: Please throttle writes: the journal is full\n");
}

/// A line that waits for room is offered again every few milliseconds.
#[test]
fn a_line_counts_once_however_often_it_is_offered() {
    let (mut session, stats) = (session(&Settings::default()), crate::stats::Stats::default());
    let input = b"put full 1 2 a=b\nput m1 1 2 a=b\n";
    for _ in 0..10 {
        assert!(matches!(session.run(input, &mut List::default()), (0, Next::Overloaded(_))));
    }
    session.refuse_overload();
    assert_eq!(session.run(input, &mut List::default()), (input.len(), Next::More));
    session.count(&stats);
    let counts = [&stats.server.telnet_lines, &stats.put.received, &stats.put.points_telnet, &stats.put.store_errors];
    assert_eq!(counts.map(|counter| counter.get()), [2, 2, 1, 1]);
}

/// What is told in advance: the first new series and the puts behind it, up to another command, in their order.
#[test]
fn new_names_are_foreseen_once() {
    #[derive(Default)]
    struct Names(Vec<String>, usize);
    impl Sink for Names {
        fn known(&mut self, _: &Point<'_>) -> Option<Result<(), WriteError>> {
            None
        }
        fn foresee(&mut self, points: &mut EachPoint<'_>) {
            self.0.push(String::new());
            points(&mut |point| self.0.last_mut().unwrap().push_str(point.metric));
        }
        fn unknown(&mut self, _: &Point<'_>) -> Result<(), WriteError> {
            self.1 += 1;
            Ok(())
        }
        fn rollup(&mut self, _: &RolledUp<'_>, _: &Rules) -> Result<(), RollupError> {
            Ok(())
        }
        fn histogram(&mut self, _: &HistogramPoint<'_>, _: &Rules) -> Result<(), WriteError> {
            Ok(())
        }
    }
    let check = |input: &str, want: &[&str], points: usize| {
        let (mut session, mut sink, mut done) = (session(&Settings::default()), Names::default(), 0);
        while let (n @ 1.., next) = session.run(&input.as_bytes()[done..], &mut sink) {
            done += n;
            if next == Next::More {
                break;
            }
        }
        assert_eq!((sink.0.as_slice(), sink.1), (want.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>().as_slice(), points), "{input:?}");
    };
    check("put a 1 2 t=v\nput b 1 2 t=v\r\nput c 1 x t=v\nput d 1 2 t=v\nput e 1 2 t=v", &["abd"], 3);
    check("put a 1 2 t=v\nversion\nput b 1 2 t=v\nput c 1 2 t=v\n", &["a", "bc"], 3);
    check("put a 1 2 t=v\n", &[], 1);
    check("put a 1 2 t=v\nput b", &[], 1);
}

#[test]
fn bytes_are_latin_1() {
    // put_bad/t45: the bytes of an emoji read one by one
    check(
        "put 😀 1400000000 1 a=b\n",
        &[],
        "put: illegal argument: Invalid metric name (\"ð\u{9f}\u{98}\u{80}\"): illegal character: \u{9f}\n",
    );
    check("é\n", &[], "unknown command: Ã©.  Try `help'.\n");
}

#[test]
fn long_lines() {
    let x = |n: usize| "x".repeat(n);
    for n in [1000, 1024, 1025, 3000] {
        let got = run(&mut session(&Settings::default()), format!("{}\n", x(n)).as_bytes(), usize::MAX);
        assert_eq!(got.1, format!("unknown command: {}.  Try `help'.\n", x(n)));
    }
    let cut = |n: usize| run(&mut session(&Settings::default()), x(n).as_bytes(), 512).1;
    assert_eq!((cut(1024).as_str(), cut(1025).as_str(), cut(3000).as_str()), ("", "[closed]", "[closed]"));
}

#[test]
fn modes() {
    let read_only = Settings { mode: "ro".to_owned(), ..Settings::default() };
    let mut connection = session(&read_only);
    assert_eq!(connection.help(), "available commands: stats dropcaches version exit help diediedie \n"); // mode_ro/t02
    assert_eq!(run(&mut connection, b"put m1 1 1 a=b\n", 99), (vec![], "unknown command: put.  Try `help'.\n".to_owned()));
    let all = session(&Settings::default());
    assert_eq!(all.help(), "available commands: stats dropcaches version exit help put rollup histogram diediedie \n");
}

/// As the real one answers: `histogram_on`, and lines that it does not hold.
#[test]
fn histograms() {
    let decoders = Some(crate::codec::Decoders { simple: Some(42) });
    let check = |line: &str, taken: &[&str], reply: &str| {
        let mut connection = session(&Settings::default()).with_histograms(decoders);
        let got = run(&mut connection, format!("{line}\n").as_bytes(), 7);
        assert_eq!(got, (taken.iter().map(|t| (*t).to_owned()).collect(), reply.to_owned()), "{line}");
    };
    let one = r#"m 1400000000 2A00013F80000040000000050102 [("host", "a")]"#;
    check("histogram m 1400000000 1.0,2.0=5:u=1:o=2 host=a", &[one], "");
    check("histogram m 1400000000 +42 AAE/gAAAQAAAAAUBAg==  host=a", &[one], "");
    check("histogram m 1400000000 1,2=x host=a", &[], "");
    check("histogram m 1400000000 AAAA host=a", &[], "");
    check("histogram m 1400000000 7 AAAA host=a", &[], "histogram: HBase error: No codec found mapped to ID 7\n");
    check(
        "histogram m 1400000000 42 1.0,2.0=5 host=a",
        &[],
        "histogram: HBase error: Byte array shorter than 6 bytes detected: \"\\xD7M\\xB4\"\n",
    );
    check("histogram m 1400000000 42 AAEAAAAAP4AAAAUA host=a", &[], "histogram: HBase error: Buffer underflow.\n");
    check("histogram h|h 1400000000 1,2=1 host=a", &[], "histogram: HBase error: Invalid metric name (\"h|h\"): illegal character: |\n");
    check("histogram full 1400000000 1,2=1 host=a", &[], "histogram: Please throttle writes: the journal is full\n");
    check("histogram", &[], "histogram: illegal argument: not enough arguments (need least 5, got 0)\n");
    check("histogram a b c d", &[], "histogram: invalid value: Invalid character 'b' in b\n");
    check("histogram  1400000000 1,2=1 host=a", &[], "histogram: illegal argument: empty metric name\n");
    check("histogram m 0 1,2=1 host=a", &[], "histogram: illegal argument: invalid timestamp: 0\n");
    check("histogram m 1400000000 42  host=a", &[], "histogram: illegal argument: empty histogram value\n");
    check("histogram m 1400000000 9999999999 AAAA host=a", &[], "histogram: illegal argument: invalid tag: AAAA\n");
    check("histogram m 1400000000 1,2=1 host=a host=b", &[], "histogram: illegal argument: duplicate tag: host=b, tags={host=a}\n");
}

#[test]
fn replies_are_bounded() {
    let mut connection = session(&Settings::default());
    let input = "\n".repeat(100_000);
    let (done, next) = connection.run(input.as_bytes(), &mut List::default());
    assert_eq!(next, Next::Flush);
    assert!(done < input.len() && connection.replies.len() < 64 * 1024 + 100);
}

#[test]
fn mutated_lines() {
    const SOUND: [&str; 6] = [
        "put m1 1400000000 1 host=a\n",
        "put sys.cpu.user 1400000000.123 -1.5e10 host=web01 cpu=0\r\n",
        "rollup 1h-sum:sum m1 1400000000 1 host=a\n",
        "histogram m1 1400000000 42 AAAA host=a\n",
        "version\nhelp\nstats\n",
        "put  m1 1400000000 99999999999999999999 a=b=c  d=e\n",
    ];
    const PARTS: [&[u8]; 12] = [b" ", b"\n", b"\r", b"=", b".", b"-", b":", b"\xff", b"\0", b"e", b"put ", b"\xc3\xa9"];
    fuzz::run(|dice| {
        let mut input = dice.pick(&SOUND).as_bytes().to_vec();
        dice.mutate(&mut input, &PARTS);
        let whole = run(&mut session(&Settings::default()), &input, usize::MAX);
        let cut = run(&mut session(&Settings::default()), &input, 1 + dice.below(9));
        assert_eq!(whole, cut, "{:?}", String::from_utf8_lossy(&input));
    });
}
