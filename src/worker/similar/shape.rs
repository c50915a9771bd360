//! A series as words: the shape description alphabet.
//!
//! Values are scaled to whole numbers from 0 to 25; each step between neighbours becomes a word, and steps of at most one
//! are left out. Vectors: kit `oculus/fingerprint`.

/// Values are scaled to this.
const STEPS: f64 = 25.0;

/// A step between two neighbours. In the order of the tests: their bounds touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Word {
    /// Falls by 4 or more.
    SteepDown,
    /// Falls by 1 to 4.
    Down,
    /// Rises by 2 to 4.
    Up,
    /// Rises by more than 4.
    SteepUp,
}

impl Word {
    /// How many words there are.
    pub const COUNT: usize = 4;

    /// As Oculus writes it.
    pub fn name(self) -> &'static str {
        match self {
            Word::SteepDown => "sdec",
            Word::Down => "dec",
            Word::Up => "inc",
            Word::SteepUp => "sinc",
        }
    }

    /// The word of a step from a value to the next, if it is large enough for one. Not symmetric: a fall of 1 is a word,
    /// a rise of 1 is none; a fall of 4 is steep, a rise of 4 is not.
    fn of(fall: i64) -> Option<Word> {
        match fall {
            4.. => Some(Word::SteepDown),
            1..=3 => Some(Word::Down),
            -1..=0 => None,
            -4..=-2 => Some(Word::Up),
            ..=-5 => Some(Word::SteepUp),
        }
    }
}

/// Smallest and largest of the values; NaN is passed over.
pub(super) fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

/// Each value as a whole number from 0 (the smallest) to 25 (the largest); 26 by rounding. All 0 for a flat series.
pub fn scaled(values: &[f64]) -> impl Iterator<Item = i64> + '_ {
    let (low, high) = range(values);
    // The factor is rounded before it is used: the largest value may come out a little above 25, and is then rounded up.
    let factor = STEPS / (high - low);
    values.iter().filter(|v| !v.is_nan()).map(move |v| {
        let at = factor * (v - low);
        if at.is_nan() { 0 } else { at.ceil() as i64 }
    })
}

/// The words of a series; none for a flat one.
pub fn words(values: &[f64]) -> impl Iterator<Item = Word> + '_ {
    scaled(values).zip(scaled(values).skip(1)).filter_map(|(from, to)| Word::of(from.saturating_sub(to)))
}

/// The words with blanks between them, as Oculus stores them.
pub fn fingerprint(values: &[f64]) -> String {
    words(values).map(Word::name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_not_symmetric() {
        let check = |fall, name: &str| assert_eq!(Word::of(fall).map_or("s", Word::name), name, "{fall}");
        for (fall, name) in [(25, "sdec"), (4, "sdec"), (3, "dec"), (1, "dec"), (0, "s"), (-1, "s"), (-2, "inc"), (-4, "inc"), (-5, "sinc")]
        {
            check(fall, name);
        }
    }

    #[test]
    fn odd_values() {
        assert_eq!(fingerprint(&[]), "");
        assert_eq!(fingerprint(&[1.0, f64::NAN, 2.0]), "sinc");
        assert_eq!(fingerprint(&[f64::NAN]), "");
        assert_eq!(fingerprint(&[0.0, f64::INFINITY]), "");
        assert_eq!(fingerprint(&[0.0, 5e-324]), "sinc");
    }
}
