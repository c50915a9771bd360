//! Mutated input for the tests of everything that reads foreign bytes.
//!
//! Each round draws from a seed of its own number, so a run is the same on every machine as far as it comes. A run lasts
//! a second, or `TSDB_FUZZ_SECONDS`; a failure names its round, and `TSDB_FUZZ_ROUND` runs that one alone.
//! What is sound input, and what must hold for mutated input, stands in the readers' own tests.

use std::time::{Duration, Instant};

/// No round may take longer: a reader that does can be kept busy by whoever sends it bytes.
const ROUND_MOST: Duration = Duration::from_secs(30);

/// Runs rounds until the time is over.
pub fn run(mut round: impl FnMut(&mut Dice)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    let until = Instant::now() + Duration::from_secs(number("TSDB_FUZZ_SECONDS").unwrap_or(1));
    let alone = number("TSDB_FUZZ_ROUND");
    let mut at = Named(alone.unwrap_or(0));
    loop {
        let begun = Instant::now();
        round(&mut Dice::new(at.0));
        assert!(begun.elapsed() < ROUND_MOST, "the round took {:?}", begun.elapsed());
        if alone.is_some() || Instant::now() > until {
            return;
        }
        at.0 += 1;
    }
}

/// Says its round when a test ends in it.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was TSDB_FUZZ_ROUND={}", self.0);
        }
    }
}

/// Marsaglia's xorshift: small, and the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 up to, not including, `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Up to `most` random bytes.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    /// Up to five mutations, perhaps none; `parts` are what matters to the reader.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>, parts: &[&[u8]]) {
        for _ in 0..self.below(6) {
            let at = self.below(bytes.len() + 1);
            let end = (at + 1 + self.below(8)).min(bytes.len());
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] = self.next() as u8,
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..end)),
                3 => bytes.truncate(at.max(1)),
                4 => bytes.extend_from_within(at..end),
                5 => bytes.insert(at, self.next() as u8),
                _ if parts.is_empty() => {}
                _ => drop(bytes.splice(at..at, self.pick(parts).iter().copied())),
            }
        }
    }

    /// The same for text: it stays text.
    pub fn mutate_text(&mut self, text: &str, parts: &[&str]) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..self.below(6) {
            let at = self.below(chars.len() + 1);
            let end = (at + 1 + self.below(8)).min(chars.len());
            match self.below(6) {
                0 if at < chars.len() => chars[at] = char::from(self.next() as u8),
                1 => drop(chars.drain(at..end)),
                2 => chars.truncate(at.max(1)),
                3 => chars.extend_from_within(at..end),
                _ => drop(chars.splice(at..at, self.pick(parts).chars())),
            }
        }
        chars.into_iter().collect()
    }
}
