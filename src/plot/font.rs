//! The built-in fonts: DejaVu Sans for most scripts, Droid Sans Fallback for Chinese and Japanese, NanumSquare for Korean, Noto
//! Emoji for what these lack. No font of the machine is ever read, so a picture looks the same everywhere.
//!
//! They lie compressed in the binary (licences beside them in `fonts/`) and are unpacked when the first text needs them: 0.8 MB
//! of memory for the first, 4 MB more for the second, 0.7 MB for the third, 0.7 MB for the last. There is no shaping but that of
//! [`super::direction`]: an emoji that is made of several is drawn as these, without the tone of its skin.

use super::direction::visual;
use ab_glyph::{Font, FontVec, Glyph, GlyphId, OutlinedGlyph, PxScale, point};
use std::sync::LazyLock;

/// Largest unpacked font, in bytes.
const FONT_BYTES_MAX: usize = 8 << 20;

static LATIN: LazyLock<Option<FontVec>> = LazyLock::new(|| unpack(include_bytes!("fonts/DejaVuSans.ttf.zst")));
static CJK: LazyLock<Option<FontVec>> = LazyLock::new(|| unpack(include_bytes!("fonts/DroidSansFallbackFull.ttf.zst")));
static HANGUL: LazyLock<Option<FontVec>> = LazyLock::new(|| unpack(include_bytes!("fonts/NanumSquareR.ttf.zst")));
static EMOJI: LazyLock<Option<FontVec>> = LazyLock::new(|| unpack(include_bytes!("fonts/NotoEmoji-subset.ttf.zst")));

fn unpack(packed: &[u8]) -> Option<FontVec> {
    FontVec::try_from_vec(zstd::bulk::decompress(packed, FONT_BYTES_MAX).ok()?).ok()
}

/// Which font a letter is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    /// DejaVu Sans.
    Latin,
    /// Droid Sans Fallback.
    Cjk,
    /// NanumSquare.
    Hangul,
    /// Noto Emoji.
    Emoji,
}

impl Face {
    fn font(self) -> Option<&'static FontVec> {
        match self {
            Face::Latin => LATIN.as_ref(),
            Face::Cjk => CJK.as_ref(),
            Face::Hangul => HANGUL.as_ref(),
            Face::Emoji => EMOJI.as_ref(),
        }
    }
}

/// A letter at its place: pixels to the right of the text's beginning.
#[derive(Clone, Copy, Debug)]
pub struct Letter {
    /// Its font.
    pub face: Face,
    /// Its glyph in that font.
    pub id: GlyphId,
    /// Where it begins.
    pub x: f32,
}

/// The letters of a line of text at a size in pixels (of the em square), and its width.
pub fn line(text: &str, size: f32) -> (Vec<Letter>, f32) {
    let mut x = 0.0;
    let mut letters = Vec::with_capacity(text.len());
    for c in visual(text).chars().filter_map(shown) {
        let (face, id) = glyph(c);
        letters.push(Letter { face, id, x });
        x += advance(face, id, size);
    }
    (letters, x)
}

/// Width of a line of text, in pixels.
pub fn width(text: &str, size: f32) -> f32 {
    visual(text).chars().filter_map(shown).map(glyph).map(|(face, id)| advance(face, id, size)).sum()
}

/// The text, with `…` in its middle where it would be wider than `most`: names differ at both ends.
pub fn fit(text: &str, size: f32, most: f32) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let (mut low, mut high) = (0, letters.len());
    let cut = |keep: usize| -> String {
        let (head, tail) = (keep.div_ceil(2), keep / 2);
        let head = letters.iter().take(head);
        head.chain(['…'].iter()).chain(letters.iter().skip(letters.len() - tail)).collect()
    };
    while low + 1 < high {
        let middle = (low + high) / 2;
        if width(&cut(middle), size) <= most { low = middle } else { high = middle }
    }
    cut(low)
}

/// The outline of a letter with its baseline at y = 0 and its beginning at x = `shift`.
pub fn outline(face: Face, id: GlyphId, size: f32, shift: f32) -> Option<OutlinedGlyph> {
    let font = face.font()?;
    let glyph = Glyph { id, scale: scale(font, size), position: point(shift, 0.0) };
    font.outline_glyph(glyph)
}

/// What is drawn of a letter of a text: nothing of what only says how its neighbours look or join.
fn shown(c: char) -> Option<char> {
    match c {
        '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    }
}

fn glyph(c: char) -> (Face, GlyphId) {
    let look = |face: Face| face.font().map(|font| font.glyph_id(c)).filter(|id| id.0 != 0).map(|id| (face, id));
    let korean = matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}');
    let other = if korean { Face::Hangul } else { Face::Cjk };
    look(Face::Latin).or_else(|| look(other)).or_else(|| look(Face::Emoji)).unwrap_or((Face::Latin, GlyphId(0)))
}

/// Has the first font this letter?
#[cfg(test)]
pub(super) fn has(c: char) -> bool {
    glyph(c).0 == Face::Latin && glyph(c).1.0 != 0
}

/// ab_glyph measures sizes from the highest to the lowest point of all letters, not by the em square.
fn scale(font: &FontVec, size: f32) -> PxScale {
    PxScale::from(size * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0))
}

fn advance(face: Face, id: GlyphId, size: f32) -> f32 {
    let Some(font) = face.font() else { return 0.0 };
    font.h_advance_unscaled(id) * size / font.units_per_em().unwrap_or(1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_has_letters() {
        for text in ["Ag%0", "äöüß", "Ωμλ", "Жд", "温度", "東京カタカナひらがな", "서울 온도", "→≤∞…"] {
            for c in text.chars().filter(|c| *c != ' ') {
                let (face, id) = glyph(c);
                assert!(id.0 != 0 && outline(face, id, 12.0, 0.0).is_some(), "{c}");
            }
        }
        assert_eq!(glyph('a').0, Face::Latin);
        assert_eq!((glyph('温').0, glyph('한').0), (Face::Cjk, Face::Hangul));
    }

    #[test]
    fn no_common_emoji_is_a_box() {
        let common = "😀😂🤣😊😍😘😜🤔🙄😢😭😡😱🥺🤯🤖👻💀👽💩😺🙈👀👍👎👌✌️🤞🙏👏💪🤝👋🧠❤️🧡💛💚💙💜🖤💔💥💯💤💬🔥✨⭐🌟⚡☀️🌙☁️🌧️❄️\
            🌈🌊💧🌍🌱🌲🍀🌹🍎🍕🍔🍺☕🎉🎂🎁🎈🏆⚽🎮🎵🎬📷🚀✈️🚗🚌🚲🚢🏠🏢🏥🏭⏰⏳⌚📅📈📉📊📌📎📧📞💻🖥️🖨️💾💿📱🔋🔌💡🔧🔨🔩⚙️🧰🧪🔬🔭\
            🔑🔒🔓🔔🔕🔍🔗🛑⛔🚫❌✅☑️✔️❗❓⚠️🚨🚧♻️🆘🆗🆕🔴🟠🟡🟢🔵🟣⚫⚪🟥🟩🟦🔺🔻▶️⏸️⏹️🔄⬆️⬇️➡️⬅️🐛🐞🐍🐙🐳🦀🐘🐧🦊🐱🐶🐎🦄🐢🐌👤👥👨👩🧑👶🕵️💰💸📦🗑️📝📚🗂️🛒🇩🇪🥇🧹🪣🪲🫠🩺🧯";
        for c in common.chars().filter_map(shown) {
            let (face, id) = glyph(c);
            assert!(id.0 != 0 && outline(face, id, 12.0, 0.0).is_some(), "{c} {:04x}", u32::from(c));
        }
        assert_eq!(glyph('🚀').0, Face::Emoji);
        // How a letter before is drawn takes no room.
        assert_eq!((width("👍🏽", 12.0), width("❤️", 12.0)), (width("👍", 12.0), width("❤", 12.0)));
    }

    #[test]
    fn widths() {
        let (letters, whole) = line("web01", 12.0);
        assert_eq!(letters.len(), 5);
        assert!((30.0..45.0).contains(&whole), "{whole}");
        assert!((width("web01", 24.0) - 2.0 * whole).abs() < 0.1);
        assert!((width("温度", 10.0) - 20.0).abs() < 0.5);
    }

    #[test]
    fn long_names_are_cut_in_the_middle() {
        assert_eq!(fit("short", 12.0, 100.0), "short");
        let cut = fit("sys.cpu.user{host=web01.example.com, dc=lga}", 12.0, 100.0);
        assert!(cut.starts_with("sys") && cut.ends_with("a}") && cut.contains('…') && width(&cut, 12.0) <= 100.0, "{cut}");
        assert_eq!(fit("abc", 12.0, 0.0), "…");
    }
}
