//! Text in the order in which it is drawn: what runs from right to left is turned round, and Arabic letters are joined.
//!
//! The order is that of Unicode's bidirectional algorithm in a line that begins at the left, as a viewer draws the same text of an
//! SVG. A joined letter is the character that Unicode keeps for that form of it ("presentation forms"), which the built-in
//! font has for Arabic and Persian; other letters that join are drawn one by one.

use std::borrow::Cow;
use unicode_bidi::{BidiInfo, Level};

/// Letters one after the other with their first form, each form following the one before: how many forms each has. One: it
/// joins nothing; two (isolated, final): it joins the letter before; four (initial, medial): the one after, too.
const FORMS: [(char, u32, &str); 13] = [
    ('\u{621}', 0xfe80, "12222424244444222244444444"),
    ('\u{641}', 0xfed1, "4444444224"),
    ('\u{679}', 0xfb66, "4"),
    ('\u{67e}', 0xfb56, "4"),
    ('\u{686}', 0xfb7a, "4"),
    ('\u{688}', 0xfb88, "2"),
    ('\u{691}', 0xfb8c, "2"),
    ('\u{698}', 0xfb8a, "2"),
    ('\u{6a9}', 0xfb8e, "4"),
    ('\u{6af}', 0xfb92, "4"),
    ('\u{6ba}', 0xfb9e, "2"),
    ('\u{6be}', 0xfbaa, "4"),
    ('\u{6cc}', 0xfbfc, "4"),
];

const LAM: char = '\u{644}';
/// Forms of a lam with an alef after it, isolated and final.
const LAM_ALEF: [(char, u32); 4] = [('\u{622}', 0xfef5), ('\u{623}', 0xfef7), ('\u{625}', 0xfef9), ('\u{627}', 0xfefb)];

/// The text as it is drawn from left to right.
pub fn visual(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_turned) {
        return Cow::Borrowed(text);
    }
    let joined = joined(text);
    let lines = BidiInfo::new(&joined, Some(Level::ltr()));
    let mut out = String::with_capacity(joined.len());
    for line in &lines.paragraphs {
        let (levels, runs) = lines.visual_runs(line, line.range.clone());
        for run in runs {
            let part = joined.get(run.clone()).unwrap_or_default();
            if levels.get(run.start).is_some_and(Level::is_rtl) {
                out.extend(part.chars().rev().map(mirrored));
            } else {
                out.push_str(part);
            }
        }
    }
    out.retain(|c| !is_unseen(c));
    Cow::Owned(out)
}

/// Letters of scripts that run from right to left, and the marks that turn text round.
fn is_turned(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
        || matches!(c, '\u{200f}' | '\u{202b}' | '\u{202e}' | '\u{2067}')
}

/// Marks that order and join other letters, and have no look of their own.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Signs that stand above or below a letter do not come between it and the next.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}')
}

fn mirrored(c: char) -> char {
    const PAIRS: [(char, char); 6] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>'), ('«', '»'), ('≤', '≥')];
    let other = |(a, b): &(char, char)| if *a == c { Some(*b) } else { (*b == c).then_some(*a) };
    PAIRS.iter().find_map(other).unwrap_or(c)
}

/// First form of a letter, and how many it has.
fn forms(c: char) -> Option<(u32, u32)> {
    let found = FORMS.iter().find_map(|(start, form, counts)| {
        let nth = u32::from(c).checked_sub(u32::from(*start))? as usize;
        let count = |b: &u8| u32::from(b - b'0');
        let before: u32 = counts.as_bytes().get(..nth)?.iter().map(count).sum();
        Some((form + before, counts.as_bytes().get(nth).map(count)?))
    });
    // The line between letters is joined on both sides and has one look.
    found.or_else(|| (c == '\u{640}').then_some((0x640, 5)))
}

/// Arabic letters in the forms that they have beside each other; still in the order in which they are read.
fn joined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut joins_next = false;
    while let Some(c) = letters.next() {
        let Some((first, count)) = forms(c) else {
            joins_next &= is_mark(c);
            out.push(c);
            continue;
        };
        let before = u32::from(joins_next && count > 1);
        if let Some((alef, form)) = LAM_ALEF.iter().find(|(alef, _)| c == LAM && letters.peek() == Some(alef)) {
            letters.next_if_eq(alef);
            out.extend(char::from_u32(form + before));
            joins_next = false;
            continue;
        }
        let next = letters.clone().find(|c| !is_mark(*c)).and_then(forms);
        joins_next = count >= 4;
        let after = u32::from(joins_next && next.is_some_and(|(_, count)| count > 1));
        out.extend(char::from_u32(if count > 4 { first } else { first + before + 2 * after }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(visual(text), want, "{text}");
    }

    #[test]
    fn what_runs_to_the_right_stays() {
        assert!(matches!(visual("sys.cpu{host=wéb01}"), Cow::Borrowed(_)));
        check("温度 서울", "温度 서울");
    }

    #[test]
    fn hebrew_is_turned_round() {
        check("שלום", "םולש");
        check("a.שלום.b", "a.םולש.b");
        check("שלום (אב) 12", "12 (בא) םולש");
        // Marks that turn text round are obeyed, and not drawn.
        check("\u{202e}abc\u{202c}", "cba");
    }

    #[test]
    fn arabic_is_joined() {
        // Initial, medial, final; an alef joins no letter after it.
        check("بيت", "\u{fe96}\u{fef4}\u{fe91}");
        check("باب", "\u{fe8f}\u{fe8e}\u{fe91}");
        check("ب", "\u{fe8f}");
        // A lam and an alef are one letter.
        check("سلام", "\u{fee1}\u{fefc}\u{feb3}");
        check("لا", "\u{fefb}");
        // Signs above a letter do not part it from the next; the line between letters joins both.
        check("بَت", "\u{fe96}\u{64e}\u{fe91}");
        check("بـت", "\u{fe96}\u{640}\u{fe91}");
        check("پیچ", "\u{fb7b}\u{fbff}\u{fb58}");
        check("cpu.حرارة", "cpu.\u{fe93}\u{fead}\u{fe8d}\u{feae}\u{fea3}");
    }

    #[test]
    fn the_font_has_every_form() {
        for (start, form, counts) in FORMS {
            let forms: u32 = counts.bytes().map(|b| u32::from(b - b'0')).sum();
            for code in (u32::from(start)..u32::from(start) + counts.len() as u32).chain(form..form + forms) {
                assert!(super::super::font::has(char::from_u32(code).unwrap()), "{code:x}");
            }
        }
        for code in 0xfef5..=0xfefc {
            assert!(super::super::font::has(char::from_u32(code).unwrap()), "{code:x}");
        }
    }
}
