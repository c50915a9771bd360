//! Does a text have all words of a phrase, nearly in its order? Lucene's sloppy phrase, over an alphabet of four words.
//!
//! Each word of the phrase is put on a place of the text where that word stands, repeated words on different places. How
//! far each has moved is its place in the text less its place in the phrase; the text matches when the largest and the
//! smallest move are at most `slop` apart. Lucene does not try all ways to put them but walks forward: it takes the word
//! that has moved least, moves it to its next place (of two that meet on a place the one that has moved less goes on),
//! and ends when a word has no next place. This walk is followed here, so that the same texts match.

use super::shape::Word;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
}

/// A phrase to look for, with its buffers. One a thread.
pub(super) struct Phrase {
    words: Vec<Word>,
    counts: Counts,
    slop: i32,
    slots: Vec<Slot>,
    /// Of each word: its places in the text.
    places: [Vec<i32>; Word::COUNT],
    /// Slots by how far they have moved, then by their order; entries whose slot has moved since are passed over.
    queue: BinaryHeap<Reverse<(i32, usize)>>,
    end: i32,
}

impl Phrase {
    pub(super) fn new(words: &[Word], slop: u32) -> Phrase {
        let slop = i32::try_from(slop).unwrap_or(i32::MAX);
        let (words, counts) = (words.to_vec(), counts(words));
        Phrase { words, counts, slop, slots: Vec::new(), places: Default::default(), queue: BinaryHeap::new(), end: 0 }
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
        for (offset, &word) in self.words.iter().enumerate() {
            let Some(at) = taken.get_mut(word as usize) else { return false };
            let Some(place) = self.places.get(word as usize).and_then(|p| p.get(*at)) else { return false };
            let moved = place - offset as i32;
            self.slots.push(Slot { word, at: *at, moved });
            self.queue.push(Reverse((moved, offset)));
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
                self.queue.push(Reverse((self.moved(slot), slot)));
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

    /// Takes the slot that has moved least.
    fn pop(&mut self) -> Option<usize> {
        loop {
            let Reverse((moved, slot)) = self.queue.pop()?;
            if self.moved(slot) == moved {
                return Some(slot);
            }
        }
    }

    /// How far the slot has moved that is taken next.
    fn least(&mut self) -> i32 {
        loop {
            match self.queue.peek() {
                None => return i32::MAX,
                Some(Reverse((moved, slot))) if self.moved(*slot) == *moved => return *moved,
                Some(_) => drop(self.queue.pop()),
            }
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
        while let Some(other) = self.same_place(slot) {
            if (self.moved(other), other) < (self.moved(slot), slot) {
                slot = other;
            }
            if !self.advance(slot) {
                return false;
            }
            if slot != first {
                self.queue.push(Reverse((self.moved(slot), slot)));
            }
        }
        true
    }

    /// Another slot on the place of this one: the first in the order of the phrase.
    fn same_place(&self, slot: usize) -> Option<usize> {
        let this = self.slots.get(slot)?;
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
