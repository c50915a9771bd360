//! Does a text have all words of a phrase, nearly in its order? Lucene's sloppy phrase, over an alphabet of four words.
//!
//! Each word of the phrase is put on a place of the text where that word stands, repeated words on different places. How
//! far each has moved is its place in the text less its place in the phrase; the text matches when the largest and the
//! smallest move are at most `slop` apart. Lucene does not try all ways to put them but walks forward: it takes the word
//! that has moved least, moves it to its next place (of two that meet on a place the one that has moved less goes on),
//! and ends when a word has no next place. This walk is followed here, its queue included, so that the same texts match:
//! all of 3 million pairs of random phrases and texts as Lucene 4.3 has them, each text in an index of its own. (In an index
//! of many texts Lucene begins the queue in an order that hangs on the texts before: 2 pairs of 100,000 come out otherwise.)

use super::shape::Word;

/// How often each word occurs.
pub(super) type Counts = [u32; Word::COUNT];

pub(super) fn counts(words: &[Word]) -> Counts {
    let mut counts = Counts::default();
    for word in words {
        if let Some(count) = counts.get_mut(*word as usize) {
            *count += 1;
        }
    }
    counts
}

/// A word of the phrase, on a place of the text.
#[derive(Clone, Copy, Debug)]
struct Slot {
    word: Word,
    /// Which of the places of its word in the text it stands on.
    at: usize,
    /// How far it has moved.
    moved: i32,
    /// How many slots before it have the same word.
    rank: usize,
    /// Have others the same word?
    repeated: bool,
}

/// A phrase to look for, with its buffers. One a thread.
pub(super) struct Phrase {
    words: Vec<Word>,
    counts: Counts,
    slop: i32,
    slots: Vec<Slot>,
    /// Of each word: its places in the text.
    places: [Vec<i32>; Word::COUNT],
    /// A binary heap of slots: what has moved least is first, then what is earlier in the phrase. Slots may move while
    /// they are in it, and are put right by [`Phrase::queue_again`].
    queue: Vec<usize>,
    /// Ranks of slots that have moved while they were in the queue.
    marks: Vec<usize>,
    stack: Vec<usize>,
    /// The largest move.
    end: i32,
}

impl Phrase {
    pub(super) fn new(words: &[Word], slop: u32) -> Phrase {
        let slop = i32::try_from(slop).unwrap_or(i32::MAX);
        let (words, counts) = (words.to_vec(), counts(words));
        let (slots, places, queue, marks, stack) = Default::default();
        Phrase { words, counts, slop, slots, places, queue, marks, stack, end: 0 }
    }

    /// Does a text with so many of each word have enough of all? An empty phrase matches nothing.
    pub(super) fn may_match(&self, counts: &Counts) -> bool {
        !self.words.is_empty() && self.counts.iter().zip(counts).all(|(want, has)| want <= has)
    }

    /// Does the text match?
    pub(super) fn matches(&mut self, text: &[Word]) -> bool {
        match self.words.as_slice() {
            [] => false,
            // A phrase of one word is that word, anywhere.
            [word] => text.contains(word),
            words if self.slop == 0 => text.windows(words.len()).any(|part| part == words),
            _ => self.begin(text) && self.walk(),
        }
    }

    /// Puts every word on its first place, repeated words on the places after it. No, if there are not enough places.
    fn begin(&mut self, text: &[Word]) -> bool {
        self.places.iter_mut().for_each(Vec::clear);
        for (place, word) in text.iter().enumerate() {
            if let Some(places) = self.places.get_mut(*word as usize) {
                places.push(place as i32);
            }
        }
        self.slots.clear();
        self.queue.clear();
        self.end = i32::MIN;
        let mut taken = [0; Word::COUNT];
        for offset in 0..self.words.len() {
            let Some(&word) = self.words.get(offset) else { return false };
            let Some(at) = taken.get_mut(word as usize) else { return false };
            let Some(place) = self.places.get(word as usize).and_then(|p| p.get(*at)) else { return false };
            let moved = place - offset as i32;
            let repeated = self.counts.get(word as usize).is_some_and(|count| *count > 1);
            self.slots.push(Slot { word, at: *at, moved, rank: *at, repeated });
            self.push(offset);
            self.end = self.end.max(moved);
            *at += 1;
        }
        true
    }

    fn walk(&mut self) -> bool {
        let Some(mut slot) = self.pop() else { return false };
        let (mut length, mut next) = (self.length(slot), self.least());
        while self.advance(slot) && self.part(slot) {
            if self.moved(slot) > next {
                if length <= self.slop {
                    return true;
                }
                self.push(slot);
                let Some(least) = self.pop() else { return false };
                slot = least;
                (length, next) = (self.length(slot), self.least());
            } else {
                length = length.min(self.length(slot));
            }
        }
        length <= self.slop
    }

    fn moved(&self, slot: usize) -> i32 {
        self.slots.get(slot).map_or(i32::MAX, |s| s.moved)
    }

    /// How far the moves lie apart when `slot` has moved least.
    fn length(&self, slot: usize) -> i32 {
        self.end.saturating_sub(self.moved(slot))
    }

    /// How far the slot has moved that is taken next.
    fn least(&self) -> i32 {
        self.queue.first().map_or(i32::MAX, |slot| self.moved(*slot))
    }

    /// Is the slot at one place of the queue less than that at another? No, where there is none.
    fn less(&self, a: usize, b: usize) -> bool {
        let key = |at: usize| self.queue.get(at).map(|slot| (self.moved(*slot), *slot));
        key(a).zip(key(b)).is_some_and(|(a, b)| a < b)
    }

    /// Puts a slot into the queue.
    fn push(&mut self, slot: usize) {
        self.queue.push(slot);
        let mut at = self.queue.len() - 1;
        while at > 0 && self.less(at, (at - 1) / 2) {
            self.queue.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    /// Takes the first slot of the queue.
    fn pop(&mut self) -> Option<usize> {
        if self.queue.is_empty() {
            return None;
        }
        let slot = self.queue.swap_remove(0);
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let child = if self.less(right, left) { right } else { left };
            if !self.less(child, at) {
                return Some(slot);
            }
            self.queue.swap(at, child);
            at = child;
        }
    }

    /// Moves a slot to the next place of its word, if there is one.
    fn advance(&mut self, offset: usize) -> bool {
        let Some(slot) = self.slots.get_mut(offset) else { return false };
        let Some(place) = self.places.get(slot.word as usize).and_then(|p| p.get(slot.at + 1)) else { return false };
        slot.at += 1;
        slot.moved = place - offset as i32;
        self.end = self.end.max(slot.moved);
        true
    }

    /// Parts slots that stand on the same place, after `first` (which is not in the queue) has moved there.
    fn part(&mut self, first: usize) -> bool {
        let mut slot = first;
        self.marks.clear();
        while let Some(other) = self.same_place(slot) {
            if (self.moved(other), other) < (self.moved(slot), slot) {
                slot = other;
            }
            if !self.advance(slot) {
                return false;
            }
            if let Some(rank) = self.slots.get(other).map(|s| s.rank).filter(|rank| other != first && !self.marks.contains(rank)) {
                self.marks.push(rank);
            }
        }
        self.queue_again();
        true
    }

    /// Takes slots out of the queue until all ranks that are marked have been seen, and puts them back. As in Lucene a
    /// slot of another repeated word with that rank counts as seen too: what has moved may stay in the queue where it is.
    fn queue_again(&mut self) {
        while !self.marks.is_empty()
            && let Some(slot) = self.pop()
        {
            if let Some(seen) = self.slots.get(slot).filter(|s| s.repeated) {
                self.marks.retain(|rank| *rank != seen.rank);
            }
            self.stack.push(slot);
        }
        while let Some(slot) = self.stack.pop() {
            self.push(slot);
        }
    }

    /// Another slot on the place of this one: the first in the order of the phrase.
    fn same_place(&self, slot: usize) -> Option<usize> {
        let this = self.slots.get(slot)?;
        if !this.repeated {
            return None;
        }
        self.slots.iter().enumerate().position(|(i, s)| i != slot && s.word == this.word && s.at == this.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Word::{Down as D, SteepDown as S, SteepUp as R, Up as U};

    #[track_caller]
    fn check(phrase: &[Word], text: &[Word], least_slop: Option<u32>) {
        let matches = |slop| Phrase::new(phrase, slop).matches(text);
        assert_eq!((0..200).find(|slop| matches(*slop)), least_slop);
    }

    #[test]
    fn one_word_and_none() {
        check(&[], &[U, D], None);
        check(&[U], &[D, U], Some(0));
        check(&[U], &[D], None);
        check(&[U], &[], None);
    }

    #[test]
    fn moves() {
        check(&[U, D], &[U, D], Some(0));
        check(&[U, D], &[R, R, U, D, R], Some(0));
        check(&[U, D], &[U, R, D], Some(1));
        // The two in the other order cost two moves.
        check(&[U, D], &[D, U], Some(2));
        check(&[U, D], &[D, R, U], Some(3));
        check(&[U, D, R], &[U, S, D, S, S, R], Some(3));
        check(&[U, D], &[U, R, R, R, R, U, D], Some(0));
    }

    #[test]
    fn repeated_words_take_places_of_their_own() {
        check(&[U, U], &[U], None);
        check(&[U, U], &[U, D], None);
        check(&[U, U], &[U, U], Some(0));
        check(&[U, U], &[U, D, D, U], Some(2));
        check(&[U, D, U], &[U, D, U], Some(0));
        check(&[U, D, U, D], &[D, U, D, U], Some(2));
        check(&[S, R, S, R, S, R], &[S, R, S, S, R, S, R, R], Some(1));
    }
}
