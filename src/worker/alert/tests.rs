//! The life of alerts, a line a check: seconds, verdict, and what is sent.

use super::merge::{Merging, Waiting};
use super::*;
use std::collections::BTreeMap;

/// One alert on its way. Times are seconds from the beginning of the test.
struct Alert {
    state: State,
    policy: Policy,
    silenced: bool,
    jump: i64,
    /// The clock of the test.
    base: i64,
}

const T: i64 = 1_700_000_000;

fn alert(policy: Policy) -> Alert {
    Alert { state: State::default(), policy, silenced: false, jump: 0, base: T }
}

/// As it is written in the tests: `alert critical 1`.
fn told(action: &Action) -> Option<String> {
    let Action::Notify(call) = action else { return None };
    let to = match &call.to {
        To::Level(_) => String::new(),
        To::Named(names) => format!(" to {}", names.join(",")),
    };
    Some(format!("{} {} {}{to}", call.kind.name(), call.level.name(), call.step))
}

impl Alert {
    #[track_caller]
    fn at(&mut self, at: i64, verdict: Verdict, want: &[&str]) -> &mut Alert {
        let verdict = match verdict {
            Verdict::Decided { level, value, oldest, .. } => {
                Verdict::Decided { level, value, at: self.base + at, oldest: oldest.map(|oldest| self.base + oldest) }
            }
            other => other,
        };
        let moment = Moment { now: self.base + at, jump: self.jump, silenced: self.silenced, key: "rule-group" };
        self.jump = 0;
        // As the table keeps it.
        let stored = serde_json::to_string(&self.state).unwrap();
        let (state, actions) = step(serde_json::from_str(&stored).unwrap(), &verdict, &moment, &self.policy);
        self.state = state;
        let got: Vec<String> = actions.iter().filter_map(told).collect();
        assert_eq!(got, want, "at {at}: {:?}", self.state);
        self
    }

    #[track_caller]
    fn critical(&mut self, at: i64, want: &[&str]) -> &mut Alert {
        self.at(at, Verdict::decided(Level::Critical, 9.0, 0), want)
    }

    #[track_caller]
    fn warning(&mut self, at: i64, want: &[&str]) -> &mut Alert {
        self.at(at, Verdict::decided(Level::Warning, 5.0, 0), want)
    }

    #[track_caller]
    fn normal(&mut self, at: i64, want: &[&str]) -> &mut Alert {
        self.at(at, Verdict::decided(Level::Normal, 1.0, 0), want)
    }

    fn act(&mut self, at: i64, what: Act) -> Result<Vec<Change>, ActError> {
        let mark = Mark { user: "ann".into(), at: self.base + at, message: "m".into() };
        let (state, actions) = act(self.state.clone(), what, mark, &self.policy)?;
        self.state = state;
        Ok(actions.iter().filter_map(|action| if let Action::Record { change, .. } = action { Some(*change) } else { None }).collect())
    }

    fn open(&self) -> bool {
        self.state.incident.is_some()
    }
}

#[test]
fn once_and_when_it_is_over() {
    let mut a = alert(Policy::default());
    a.normal(0, &[]).critical(60, &["alert critical 1"]).critical(120, &[]).critical(600, &[]);
    a.normal(660, &["recovery critical 1"]).normal(720, &[]);
    assert!(!a.open());
    a.critical(780, &["alert critical 1"]);
}

#[test]
fn repeats_up_to_the_step_with_the_interval_between() {
    let mut a = alert(Policy { max_step: 3, min_interval_s: 300, ..Policy::default() });
    a.critical(0, &["alert critical 1"]).critical(60, &[]).critical(299, &[]).critical(300, &["alert critical 2"]);
    a.critical(660, &["alert critical 3"]).critical(1_200, &[]).critical(9_000, &[]);
    a.normal(9_060, &["recovery critical 1"]);
    // No point is used twice: the window must begin behind the last message.
    let within = |oldest| Verdict::Decided { level: Level::Critical, value: None, at: 0, oldest: Some(oldest) };
    a.at(10_000, within(9_900), &["alert critical 1"]).at(10_400, within(9_990), &[]).at(10_460, within(10_001), &["alert critical 2"]);
}

#[test]
fn mute_says_nothing_also_not_about_the_end() {
    let mut a = alert(Policy { max_step: 0, ..Policy::default() });
    a.critical(0, &[]).critical(900, &[]).normal(960, &[]);
    assert!(!a.open());
}

#[test]
fn worse_is_told_better_is_not() {
    let mut a = alert(Policy::default());
    a.warning(0, &["alert warning 1"]).critical(60, &["alert critical 1"]).warning(120, &[]).critical(180, &[]);
    a.normal(240, &["recovery critical 1"]);
}

#[test]
fn an_incident_that_a_person_must_close() {
    let bosun = Policy { auto_close: false, recovery: false, ..Policy::default() };
    let mut a = alert(bosun.clone());
    a.warning(0, &["alert warning 1"]).normal(60, &[]).warning(120, &[]).normal(180, &[]);
    assert!(a.open());
    assert_eq!(a.act(200, Act::Close { within_s: None }), Ok(vec![Change::Closed]));
    a.warning(240, &["alert warning 1"]);
    // With recovery messages people must hear of it again.
    let mut b = alert(Policy { recovery: true, ..bosun });
    b.warning(0, &["alert warning 1"]).normal(60, &["recovery warning 1"]).normal(120, &[]).warning(180, &["alert warning 1"]);
    assert_eq!(b.state.incident.as_ref().unwrap().id, format!("rule-group-{T:x}"));
}

#[test]
fn acknowledged_is_quiet_until_it_is_worse() {
    let policy = Policy {
        max_step: 9,
        min_interval_s: 60,
        escalations: vec![Escalation { after_s: 600, to: vec!["boss".into()] }, Escalation { after_s: 1_200, to: vec!["ceo".into()] }],
        ..Policy::default()
    };
    let mut a = alert(policy);
    a.warning(0, &["alert warning 1"]).warning(60, &["alert warning 2"]);
    assert_eq!(a.act(70, Act::Ack), Ok(vec![Change::Acknowledged]));
    assert_eq!(a.act(71, Act::Ack), Err(ActError::Acknowledged("ann".into())));
    a.warning(700, &[]).warning(1_300, &[]).critical(1_360, &["alert critical 1"]).critical(1_959, &["alert critical 2"]);
    a.critical(1_960, &["escalation critical 1 to boss"]);
    a.critical(2_570, &["alert critical 3", "escalation critical 2 to ceo"]).critical(2_571, &[]);
    a.normal(2_580, &["recovery critical 1"]);
}

#[test]
fn after_a_long_absence_the_furthest_hear_of_it() {
    let to = |after_s, name: &str| Escalation { after_s, to: vec![name.into()] };
    let mut a = alert(Policy { escalations: vec![to(60, "a"), to(120, "b"), to(999, "c")], ..Policy::default() });
    a.critical(0, &["alert critical 1"]).critical(500, &["escalation critical 2 to b"]).at(560, Verdict::Undecided, &[]);
    a.at(999, Verdict::Undecided, &["escalation critical 3 to c"]);
}

#[test]
fn closing() {
    let mut a = alert(Policy { auto_close: false, ..Policy::default() });
    assert_eq!(a.act(0, Act::Close { within_s: None }), Err(ActError::NotOpen));
    a.critical(0, &["alert critical 1"]);
    assert_eq!(a.act(10, Act::CancelClose), Err(ActError::NoClose));
    assert_eq!(a.act(10, Act::Close { within_s: Some(600) }), Ok(vec![Change::CloseAsked]));
    a.critical(60, &[]).normal(120, &["recovery critical 1"]);
    assert!(!a.open());
    a.critical(180, &["alert critical 1"]);
    assert_eq!(a.act(190, Act::Close { within_s: None }), Ok(vec![Change::CloseAsked]));
    a.critical(300, &[]);
    assert!(a.open());
    a.critical(310, &[]); // two checks later whatever the level is
    assert!(!a.open());
    a.warning(370, &["alert warning 1"]);
    assert_eq!(a.act(380, Act::Close { within_s: Some(60) }), Ok(vec![Change::CloseAsked]));
    a.critical(400, &["alert critical 1"]).critical(460, &[]);
    assert!(a.open(), "a worse level cancels it");
    assert_eq!(a.act(470, Act::Note), Ok(vec![Change::Noted]));
    assert_eq!(a.state.incident.as_ref().unwrap().notes.len(), 2);
    assert_eq!(a.act(470, Act::Forget), Err(ActError::NotUnknown("critical")));
    assert_eq!(a.act(470, Act::ForceClose), Ok(vec![Change::Closed]));
}

#[test]
fn silence_holds_and_is_heard_of_later() {
    let mut a = alert(Policy::default());
    a.silenced = true;
    a.critical(0, &[]).normal(60, &[]);
    assert!(!a.open(), "began and ended in silence");
    a.critical(120, &[]);
    a.silenced = false;
    a.critical(180, &["alert critical 1"]);
    a.silenced = true;
    a.normal(240, &[]).normal(300, &[]);
    a.silenced = false;
    a.normal(360, &["recovery critical 1"]);
    assert!(!a.open());
    // Who took it in silence does not hear of it after.
    a.silenced = true;
    a.critical(420, &[]);
    a.act(430, Act::Ack).unwrap();
    a.silenced = false;
    a.critical(480, &[]).normal(540, &["recovery critical 1"]);
}

#[test]
fn flapping_is_said_once() {
    let mut a = alert(Policy { flap: Some(Flap { changes: 4, within_s: 600, quiet_s: 600 }), ..Policy::default() });
    a.critical(0, &["alert critical 1"]).normal(60, &["recovery critical 1"]).critical(120, &["alert critical 1"]);
    a.normal(180, &[]).critical(240, &["flapping critical 1"]).normal(300, &[]).critical(360, &[]).normal(420, &[]);
    a.normal(960, &[]).normal(1_020, &["recovery critical 1"]);
    assert!(!a.open() && !a.state.flapping);
    // It settles on the bad side: people hear of it as of something new.
    let mut b = alert(Policy { flap: Some(Flap { changes: 3, within_s: 300, quiet_s: 200 }), ..Policy::default() });
    b.critical(0, &["alert critical 1"]).normal(60, &["recovery critical 1"]).critical(120, &["flapping critical 1"]);
    b.critical(300, &[]).critical(400, &["alert critical 1"]).normal(700, &["recovery critical 1"]);
}

#[test]
fn it_must_hold() {
    let mut a = alert(Policy { hold_s: 120, escalations: vec![Escalation { after_s: 60, to: vec!["b".into()] }], ..Policy::default() });
    a.critical(0, &[]).critical(60, &[]).normal(110, &[]);
    assert!(!a.open());
    a.warning(180, &[]).critical(240, &[]).warning(300, &["alert warning 1"]).warning(360, &["escalation warning 1 to b"]);
    a.normal(420, &["recovery warning 1"]);
}

#[test]
fn gone_groups() {
    let policy = |no_data| Policy { unknown_after_s: 120, no_data, ..Policy::default() };
    let mut a = alert(policy(NoData::Level(Level::Unknown)));
    a.normal(0, &[]).at(60, Verdict::Gone, &[]).at(120, Verdict::Gone, &["unknown unknown 1"]).at(180, Verdict::Gone, &[]);
    a.normal(240, &["recovery unknown 1"]);
    // Unknown is worse than critical.
    a.critical(300, &["alert critical 1"]).at(420, Verdict::Gone, &["unknown unknown 1"]);
    assert_eq!(a.act(430, Act::Forget), Ok(vec![Change::Forgotten]));
    assert!(!a.state.is_worth_keeping());
    // A level of its own.
    let mut b = alert(policy(NoData::Level(Level::Critical)));
    b.normal(0, &[]).at(180, Verdict::Gone, &["unknown critical 1"]).normal(240, &["recovery critical 1"]);
    let mut c = alert(policy(NoData::Normal));
    c.critical(0, &["alert critical 1"]).at(180, Verdict::Gone, &["recovery critical 1"]);
    let mut d = alert(policy(NoData::Silent));
    d.normal(0, &[]).at(180, Verdict::Gone, &[]);
    assert_eq!((d.state.level, d.open()), (Level::Unknown, false));
    assert_eq!(d.act(190, Act::Forget), Ok(vec![]));
    let mut e = alert(policy(NoData::Keep));
    e.critical(0, &["alert critical 1"]).at(9_999, Verdict::Gone, &[]);
    assert!(e.open());
}

#[test]
fn who_cannot_look_says_nothing_and_counts_nothing() {
    let policy = Policy {
        unknown_after_s: 120,
        no_data: NoData::Level(Level::Unknown),
        escalations: vec![Escalation { after_s: 300, to: vec!["boss".into()] }],
        ..Policy::default()
    };
    let mut a = alert(policy);
    a.normal(0, &[]);
    for at in 1..=20 {
        a.at(at * 60, Verdict::Blind, &[]);
        assert!(a.state.blind);
    }
    // The store is back, the collectors are not yet: the age begins now.
    a.at(1_260, Verdict::Gone, &[]).at(1_300, Verdict::Gone, &[]).normal(1_320, &[]);
    assert!(!a.state.blind);
    a.critical(1_380, &["alert critical 1"]).at(1_740, Verdict::Unevaluated, &[]).at(1_800, Verdict::Blind, &[]);
    a.critical(1_860, &["escalation critical 1 to boss"]);
}

#[test]
fn clocks_that_jump() {
    let policy = Policy {
        max_step: 9,
        min_interval_s: 300,
        unknown_after_s: 300,
        no_data: NoData::Level(Level::Unknown),
        escalations: vec![Escalation { after_s: 600, to: vec!["boss".into()] }],
        ..Policy::default()
    };
    let mut a = alert(policy.clone());
    a.critical(0, &["alert critical 1"]).critical(60, &[]);
    // A day forward, seen by the runner: no timer fires.
    a.base += 86_400;
    a.jump = 86_400;
    a.critical(120, &[])
        .at(180, Verdict::Gone, &[])
        .critical(300, &["alert critical 2"])
        .critical(600, &["alert critical 3", "escalation critical 1 to boss"]);
    // Back again.
    a.base -= 86_400;
    a.jump = -86_400;
    a.critical(660, &[]).critical(900, &["alert critical 4"]);
    // Back without the runner having seen it (it was started anew): nothing waits for a day.
    let mut b = alert(policy);
    b.base += 86_400;
    b.critical(0, &["alert critical 1"]);
    b.base -= 86_400;
    b.critical(60, &[]).critical(360, &["alert critical 2"]).critical(660, &["alert critical 3", "escalation critical 1 to boss"]);
}

#[test]
fn a_rule_that_logs() {
    let mut a = alert(Policy { log_every_s: Some(120), ..Policy::default() });
    a.critical(0, &["alert critical 1"]).critical(60, &[]).warning(120, &["alert warning 1"]).normal(180, &[]).warning(200, &[]);
    a.warning(240, &["alert warning 1"]);
    assert!(!a.open());
}

#[test]
fn every_message_has_an_id_of_its_own_and_keeps_it() {
    let policy = Policy { max_step: 5, min_interval_s: 60, ..Policy::default() };
    let ids = |states: &[(i64, Level)]| {
        let mut state = State::default();
        let mut ids = Vec::new();
        for (at, level) in states {
            let moment = Moment { now: T + at, key: "k", ..Moment::default() };
            let (next, actions) = step(state, &Verdict::decided(*level, 1.0, T + at), &moment, &policy);
            state = next;
            ids.extend(actions.into_iter().filter_map(|action| if let Action::Notify(call) = action { Some(call.id) } else { None }));
        }
        ids
    };
    use Level::{Critical, Normal, Warning};
    let checks = [(0, Warning), (60, Warning), (120, Critical), (180, Normal), (240, Warning), (300, Normal)];
    let first = ids(&checks);
    assert_eq!(first.len(), 6);
    assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
    assert_eq!(first, ids(&checks));
}

#[test]
fn silences() {
    let tags: BTreeMap<&str, &str> = [("host", "web01"), ("dc", "lga")].into();
    let check = |rule: &str, wanted: &[(&str, &str)], want: bool| {
        let tagged = wanted.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let silence = Silence { start: 0, end: 10, rule: rule.into(), tags: tagged, ..Silence::default() }.with_id().unwrap();
        assert_eq!(silence.covers("cpu.high", |key| tags.get(key).copied()), want, "{rule} {wanted:?}");
    };
    check("", &[], true);
    check("cpu.high", &[], true);
    check("cpu.*", &[("host", "web*")], true);
    check("mem*|cpu*", &[("host", "db*|web0?"), ("dc", "lga")], true);
    check("mem*", &[], false);
    check("", &[("host", "db*")], false);
    check("", &[("rack", "*")], false);
    let daily = Silence { start: 1_000, end: 2_000, every: 86_400, ..Silence::default() };
    let until = |now| daily.until(now);
    assert_eq!((until(999), until(1_000), until(1_999), until(2_000)), (None, Some(2_000), Some(2_000), None));
    assert_eq!((until(87_500), daily.is_past(1 << 40)), (Some(88_400), false));
    assert!(Silence { start: 5, end: 5, ..Silence::default() }.with_id().is_err());
    assert!(Silence { start: 0, end: 50, every: 10, ..Silence::default() }.with_id().is_err());
    let two = [Silence { id: "short".into(), end: 10, ..Silence::default() }, Silence { id: "long".into(), end: 99, ..Silence::default() }];
    assert_eq!(silence::longest(&two, 5, "r", |_| None).unwrap().id, "long");
    assert!(silence::longest(&two, 99, "r", |_| None).is_none());
}

fn waiting(kind: Kind, wait: i64, subject: &str, host: &str, since: i64) -> Waiting<()> {
    let tags = [("host".to_string(), host.to_string())].into();
    Waiting { kind, receiver: "ops".into(), priority: 4, subject: subject.into(), tags, since, wait, item: () }
}

#[test]
fn low_messages_go_together() {
    let mut queue: Vec<_> = (0..5).map(|n| waiting(Kind::Alert, 60, "cpu", &format!("h{n}"), n)).collect();
    queue.push(waiting(Kind::Recovery, 60, "cpu", "h9", 3));
    queue.push(waiting(Kind::Alert, 60, "mem", "h9", 5));
    queue.push(waiting(Kind::Alert, 0, "disk", "h1", 9));
    queue.push(waiting(Kind::Escalation, 0, "disk", "h2", 9));
    let merging = Merging::default();
    let sizes = |batches: Vec<merge::Batch<()>>| batches.iter().map(|b| (b.about.clone(), b.messages.len())).collect::<Vec<_>>();
    assert_eq!(sizes(merging.take(&mut queue, 10)), [("disk".into(), 1), ("disk".into(), 1)]);
    assert_eq!(queue.len(), 7);
    assert_eq!(sizes(merging.take(&mut queue, 60)), [("cpu".into(), 5)]);
    assert_eq!(sizes(merging.take(&mut queue, 200)), [("mem".into(), 1), ("cpu".into(), 1)]);
    assert!(queue.is_empty());
}

#[test]
fn gone_groups_are_told_by_what_they_share() {
    let mut queue: Vec<_> = (0..20).map(|n| waiting(Kind::Unknown, 120, &format!("m{n}"), "web01", 0)).collect();
    queue.extend((0..9).map(|n| waiting(Kind::Unknown, 120, "x", &format!("h{n}"), 1)));
    let merging = Merging::default();
    assert_eq!(merging.take(&mut queue, 60), []);
    let batches = merging.take(&mut queue, 120);
    let sizes: Vec<_> = batches.iter().map(|b| (b.about.as_str(), b.messages.len())).collect();
    assert_eq!(sizes, [("host=web01", 20), ("x", 1), ("x", 1), ("x", 1), ("6 groups", 6)]);
}

#[test]
fn globs() {
    for (pattern, text, want) in [
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("a*c", "abbbc", true),
        ("a*c", "abbb", false),
        ("*a*b*", "xxaxxbxx", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("sys.*.user", "sys.cpu.user", true),
        ("*ab", "aab", true),
    ] {
        assert_eq!(silence::glob(pattern, text), want, "{pattern} {text}");
    }
    // No way to make it slow.
    assert!(!silence::glob(&"*a".repeat(500), &"a".repeat(400)));
}
