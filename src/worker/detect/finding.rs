//! What one algorithm says of one series, and the numbers it looked at.

/// What an algorithm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The end of the series is strange.
    Anomalous,
    /// It is not.
    Normal,
    /// Neither was said: counts as not normal where consensus is counted (Skyline's `median_absolute_deviation`).
    Unsure,
    /// It could not be computed, and why. One failure makes the whole ensemble say nothing.
    Failed(&'static str),
}

impl Verdict {
    /// Anomalous or normal.
    pub fn from_bool(anomalous: bool) -> Verdict {
        if anomalous { Verdict::Anomalous } else { Verdict::Normal }
    }

    /// True, false, or nothing, as Skyline's functions return; nothing for a failure too.
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Verdict::Anomalous => Some(true),
            Verdict::Normal => Some(false),
            Verdict::Unsure | Verdict::Failed(_) => None,
        }
    }
}

/// Most numbers that a finding shows.
const NUMBERS_MAX: usize = 8;

/// Named numbers behind a verdict, in the order in which a person wants to read them. Without allocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    items: [(&'static str, f64); NUMBERS_MAX],
    len: usize,
}

impl Numbers {
    /// The first [`NUMBERS_MAX`] of `items`.
    pub fn of(items: &[(&'static str, f64)]) -> Numbers {
        let mut numbers = Numbers::default();
        for &(name, value) in items {
            numbers.push(name, value);
        }
        numbers
    }

    /// Adds one, if there is room.
    pub fn push(&mut self, name: &'static str, value: f64) {
        if let Some(slot) = self.items.get_mut(self.len) {
            *slot = (name, value);
            self.len += 1;
        }
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.items.iter().take(self.len).copied()
    }

    /// The number of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }
}

/// A verdict and its numbers.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// What is said.
    pub verdict: Verdict,
    /// Why: mean, standard deviation, threshold and so on.
    pub numbers: Numbers,
}

impl Finding {
    /// Anomalous or normal, with numbers.
    pub fn new(anomalous: bool, numbers: &[(&'static str, f64)]) -> Finding {
        Finding { verdict: Verdict::from_bool(anomalous), numbers: Numbers::of(numbers) }
    }

    /// A verdict with numbers.
    pub fn with(verdict: Verdict, numbers: &[(&'static str, f64)]) -> Finding {
        Finding { verdict, numbers: Numbers::of(numbers) }
    }

    /// It could not be computed.
    pub fn failed(why: &'static str) -> Finding {
        Finding { verdict: Verdict::Failed(why), numbers: Numbers::default() }
    }
}
