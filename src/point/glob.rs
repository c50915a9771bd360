//! Patterns with `*` and `?` over whole texts.

/// Whether a pattern fits a whole text: `*` stands for any run of letters, `?` for one. A letter is whatever the slices
/// hold: characters, or bytes. Goes back to the last star only, so the time is at most the product of both lengths.
pub fn glob<T: PartialEq + From<u8>>(pattern: &[T], text: &[T]) -> bool {
    let (any, one) = (T::from(b'*'), T::from(b'?'));
    // Where the last star was, and from where in the text what follows it is tried.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(c) if *c == any => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == one || Some(c) == text.get(t) => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == any)
}
