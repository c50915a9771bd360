//! One check of one group.

use super::policy::{NoData, Policy};
use super::state::{CHANGES_MAX, Incident, State};
use super::{Action, Call, Change, Kind, Level, Mark, To, Verdict};

/// When a check was made, and what surrounds it.
#[derive(Clone, Debug, Default)]
pub struct Moment<'a> {
    /// Seconds since the epoch.
    pub now: i64,
    /// How far the clock jumped since the last round, seconds; negative: back.
    pub jump: i64,
    /// The group is silenced: messages wait.
    pub silenced: bool,
    /// Identity of rule and group, for ids of incidents.
    pub key: &'a str,
}

/// The next state, and what is to be done. The state must be stored before anything is sent.
pub fn step(mut state: State, verdict: &Verdict, moment: &Moment<'_>, policy: &Policy) -> (State, Vec<Action>) {
    state.anchor(moment.now, moment.jump);
    let mut step = Step { moment, policy, actions: Vec::new() };
    state.blind = *verdict == Verdict::Blind;
    match step.decided(&state, verdict) {
        Some(decided) if policy.log_every_s.is_some() => step.log(&mut state, &decided),
        Some(decided) => {
            step.enter(&mut state, &decided);
            step.tell(&mut state, &decided);
            step.escalate(&mut state);
        }
        // Nothing was said: whoever waits for somebody to take it still waits.
        None if *verdict == Verdict::Undecided => {
            // A new group is there, though nothing can be said of it yet: its age counts from now.
            state.seen = if state.seen == 0 { moment.now } else { state.seen };
            step.escalate(&mut state);
        }
        // Who could not look does not know how long a group has been gone.
        None if matches!(verdict, Verdict::Blind | Verdict::Unevaluated) => state.seen = moment.now,
        None => {}
    }
    step.deadline(&mut state);
    (state, step.actions)
}

/// A verdict that counts.
struct Decided {
    level: Level,
    value: Option<f64>,
    at: i64,
    oldest: Option<i64>,
    /// The group is gone.
    gone: bool,
    /// No message about it.
    quiet: bool,
}

struct Step<'a> {
    moment: &'a Moment<'a>,
    policy: &'a Policy,
    actions: Vec<Action>,
}

impl Step<'_> {
    fn decided(&self, state: &State, verdict: &Verdict) -> Option<Decided> {
        let now = self.moment.now;
        match verdict {
            Verdict::Decided { level, value, at, oldest } => {
                Some(Decided { level: *level, value: *value, at: *at, oldest: *oldest, gone: false, quiet: false })
            }
            Verdict::Undecided | Verdict::Unevaluated | Verdict::Blind => None,
            Verdict::Gone => {
                let after = self.policy.unknown_after_s;
                if after <= 0 || now - state.seen < after {
                    return None;
                }
                let gone = |level, quiet| Some(Decided { level, value: None, at: now, oldest: None, gone: true, quiet });
                match self.policy.no_data {
                    NoData::Keep => None,
                    NoData::Normal => gone(Level::Normal, false),
                    NoData::Level(level) => gone(level, false),
                    NoData::Silent => gone(Level::Unknown, true),
                }
            }
        }
    }

    /// A rule that only logs.
    fn log(&mut self, state: &mut State, decided: &Decided) {
        let now = self.moment.now;
        self.level(state, decided);
        let due = state.logged.is_none_or(|last| now - last >= self.policy.log_every_s.unwrap_or(0));
        if decided.level > Level::Normal && due && !self.moment.silenced {
            state.logged = Some(now);
            let id = format!("{}-{now:x}.1", self.moment.key);
            self.notify(id, kind_of(decided.level), decided, 1, To::Level(decided.level));
        }
    }

    fn level(&self, state: &mut State, decided: &Decided) {
        if state.level != decided.level || state.since == 0 {
            state.since = self.moment.now;
        }
        (state.level, state.value) = (decided.level, decided.value);
        if !decided.gone {
            state.seen = self.moment.now;
        }
    }

    /// The level and the incident follow the verdict.
    fn enter(&mut self, state: &mut State, decided: &Decided) {
        let (now, before) = (self.moment.now, state.level);
        self.level(state, decided);
        if (before == Level::Normal) != (decided.level == Level::Normal) {
            state.changes.push(now);
        }
        self.damp(state);
        if decided.level == Level::Normal {
            return self.normal(state, before);
        }
        if decided.quiet {
            return;
        }
        let silenced = self.moment.silenced;
        let need_ack = self.policy.need_ack || !self.policy.escalations.is_empty();
        let Some(incident) = &mut state.incident else {
            let id = format!("{}-{now:x}", self.moment.key);
            let (worst, last) = (decided.level, decided.level);
            let incident = Incident { id, start: now, worst, worst_since: now, last, need_ack, silenced, ..Incident::default() };
            self.record(Change::Opened, &incident, decided.level, None);
            state.incident = Some(incident);
            return;
        };
        let last = std::mem::replace(&mut incident.last, decided.level);
        if decided.level > incident.worst {
            incident.worst = decided.level;
            incident.worst_since = now;
            // It is another trouble now: nobody has taken that, and nobody wanted to close that.
            incident.acknowledged = None;
            incident.closing = None;
            (incident.step, incident.escalated, incident.need_ack) = (0, 0, need_ack);
            let incident = incident.clone();
            self.record(Change::Worse, &incident, decided.level, None);
        } else if decided.level < last && before != Level::Normal {
            let incident = incident.clone();
            self.record(Change::Better, &incident, decided.level, None);
        }
    }

    fn normal(&mut self, state: &mut State, before: Level) {
        let Some(incident) = &state.incident else { return };
        if before != Level::Normal {
            let incident = incident.clone();
            self.record(Change::Normal, &incident, Level::Normal, None);
        }
    }

    /// Whether it comes and goes.
    fn damp(&self, state: &mut State) {
        let Some(flap) = self.policy.flap else {
            state.changes.clear();
            state.flapping = false;
            return;
        };
        let now = self.moment.now;
        let kept = flap.within_s.max(flap.quiet_s);
        state.changes.retain(|at| now - at < kept);
        let surplus = state.changes.len().saturating_sub(CHANGES_MAX);
        state.changes.drain(..surplus);
        let within = state.changes.iter().filter(|at| now - **at < flap.within_s).count();
        let quiet = state.changes.last().is_none_or(|last| now - last >= flap.quiet_s);
        state.flapping = if state.flapping { !quiet } else { within >= flap.changes.max(2) };
    }

    /// Messages: what people were last told against what is so.
    fn tell(&mut self, state: &mut State, decided: &Decided) {
        let held = self.moment.silenced || state.flapping && state.incident.as_ref().is_none_or(|incident| incident.told_flapping);
        let Some(incident) = &mut state.incident else { return };
        let mute = self.policy.max_step == 0 || decided.quiet;
        if decided.level == Level::Normal {
            return self.over(state, decided, mute);
        }
        if mute || held || incident.told.is_none() && self.moment.now - incident.start < self.policy.hold_s {
            return;
        }
        let first = incident.told.is_none_or(|told| told < incident.worst);
        if first {
            incident.worst_since = self.moment.now;
        }
        if state.flapping {
            (incident.told_flapping, incident.silenced, incident.told) = (true, false, Some(incident.worst));
            incident.last_message = Some(decided.at);
            let id = incident.next_id();
            return self.notify(id, Kind::Flapping, decided, 1, To::Level(decided.level));
        }
        let fresh = incident.step == 0 || std::mem::take(&mut incident.told_flapping) || incident.told == Some(Level::Normal);
        if !fresh && !self.is_due(incident, decided) {
            return;
        }
        incident.step = if fresh { 1 } else { incident.step + 1 };
        (incident.silenced, incident.told) = (false, Some(incident.worst));
        incident.last_message = Some(decided.at);
        let (id, step) = (incident.next_id(), incident.step);
        self.notify(id, kind_of(decided.level), decided, step, To::Level(decided.level));
    }

    /// Whether the same trouble is told once more.
    fn is_due(&self, incident: &Incident, decided: &Decided) -> bool {
        incident.step < self.policy.max_step
            && incident.acknowledged.is_none()
            && incident.last_message.is_none_or(|last| self.moment.now - last >= self.policy.min_interval_s)
            && decided.oldest.zip(incident.last_message).is_none_or(|(oldest, last)| oldest > last)
    }

    /// The trouble is over: that is told to those who heard of it, and the incident ends if nobody has to close it.
    fn over(&mut self, state: &mut State, decided: &Decided, mute: bool) {
        let Some(incident) = &mut state.incident else { return };
        if state.flapping {
            return; // Until it settles.
        }
        let told = incident.told.is_some_and(|level| level > Level::Normal);
        if told && self.policy.recovery && !mute {
            if self.moment.silenced {
                return; // It is told when the silence ends.
            }
            (incident.told, incident.told_flapping) = (Some(Level::Normal), false);
            let (id, level, to) = (incident.next_id(), incident.last, To::Level(incident.worst));
            self.call(Call { id, kind: Kind::Recovery, level, step: 1, value: decided.value, at: decided.at, to });
        }
        if incident.closing.is_some() || self.policy.auto_close || incident.silenced {
            let mark = incident.closing.take().map(|closing| closing.mark);
            self.close(state, mark);
        }
    }

    /// Nobody took it in time.
    fn escalate(&mut self, state: &mut State) {
        let Some(incident) = &mut state.incident else { return };
        let waits = incident.need_ack && incident.acknowledged.is_none() && state.level > Level::Normal && !state.flapping;
        if !waits || incident.told.is_none() || self.moment.silenced || self.policy.max_step == 0 {
            return;
        }
        let passed = self.moment.now - incident.worst_since;
        let mut due = self.policy.escalations.iter().skip(incident.escalated).take_while(|next| next.after_s <= passed).peekable();
        while let Some(next) = due.next() {
            incident.escalated += 1;
            // After a long absence several are due: the furthest receivers hear of it, the others would hear the same.
            if due.peek().is_some() {
                continue;
            }
            let (id, step) = (incident.next_id(), u32::try_from(incident.escalated).unwrap_or(u32::MAX));
            let (level, value, at) = (state.level, state.value, self.moment.now);
            self.actions.push(Action::Notify(Call { id, kind: Kind::Escalation, level, step, value, at, to: To::Named(next.to.clone()) }));
        }
    }

    /// A close that waited long enough.
    fn deadline(&mut self, state: &mut State) {
        let due =
            state.incident.as_ref().and_then(|incident| incident.closing.clone()).filter(|closing| closing.deadline <= self.moment.now);
        if let Some(closing) = due {
            self.close(state, Some(closing.mark));
        }
    }

    fn close(&mut self, state: &mut State, mark: Option<Mark>) {
        if let Some(incident) = state.incident.take() {
            self.record(Change::Closed, &incident, state.level, mark);
        }
    }

    fn notify(&mut self, id: String, kind: Kind, decided: &Decided, step: u32, to: To) {
        let kind = if kind == Kind::Alert && decided.gone { Kind::Unknown } else { kind };
        self.call(Call { id, kind, level: decided.level, step, value: decided.value, at: decided.at, to });
    }

    fn call(&mut self, call: Call) {
        self.actions.push(Action::Notify(call));
    }

    fn record(&mut self, change: Change, incident: &Incident, level: Level, mark: Option<Mark>) {
        let (id, start) = (incident.id.clone(), incident.start);
        self.actions.push(Action::Record { change, incident: id, level, at: self.moment.now, mark, start });
    }
}

fn kind_of(level: Level) -> Kind {
    if level == Level::Unknown { Kind::Unknown } else { Kind::Alert }
}
