//! The order in which Java's `HashMap` and `HashSet` give out their keys: part of OpenTSDB's answers wherever it walks through
//! one, such as the texts of errors, or the variables of an expression, of which the first gives a joined series its tags.

use super::NULL;

/// Places of `keys` in the order in which a map holds them that was made for `capacity` keys (16 where Java's code names
/// none) and got them in this order. Keys are distinct.
pub fn order<S: AsRef<str>>(keys: &[S], capacity: usize) -> Vec<usize> {
    let mut table = capacity.max(1).next_power_of_two();
    // It doubles when it is more than three quarters full; small tables round that down.
    while keys.len() > table * 3 / 4 {
        table *= 2;
    }
    let mut places: Vec<usize> = (0..keys.len()).collect();
    // Keys of one bucket stay in the order in which they came, also when the table grows.
    places.sort_by_key(|&place| keys.get(place).map_or(0, |key| bucket(key.as_ref(), table)));
    places
}

/// The same for a map that was made without a capacity.
pub fn default_order<S: AsRef<str>>(keys: &[S]) -> Vec<usize> {
    order(keys, 16)
}

/// The same for a `HashMap` that was made as the copy of a map of these keys.
pub fn copy_order<S: AsRef<str>>(keys: &[S]) -> Vec<usize> {
    order(keys, copied(keys.len()))
}

/// The same for a `HashSet` that was made of a collection of these keys.
pub fn set_order<S: AsRef<str>>(keys: &[S]) -> Vec<usize> {
    order(keys, copied(keys.len()).max(16))
}

/// Java's own arithmetic of a copy's size (Java 8 to 18): entries / 0.75 + 1, cut.
fn copied(entries: usize) -> usize {
    (entries as f32 / 0.75 + 1.0) as usize
}

fn bucket(key: &str, table: usize) -> usize {
    if key == NULL {
        return 0;
    }
    let hash = key.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) as usize & (table - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &str, capacity: usize, want: &str) {
        let keys: Vec<&str> = keys.split(' ').collect();
        let got: Vec<&str> = order(&keys, capacity).into_iter().map(|place| keys[place]).collect();
        assert_eq!(got.join(" "), want);
    }

    /// Each as Java 17 printed it.
    #[test]
    fn orders() {
        check("b a", 2, "a b");
        check("a e", 2, "a e");
        check("e a", 2, "e a");
        check("cpu mem disk", 3, "mem cpu disk");
        check("a b c d e f g h i j k l m n o p q r s t u v w x y z", 16, "a b c d e f g h i j k l m n o p q r s t u v w x y z");
        check("in out total used free", 5, "total used free in out");
        check("e1 e2 e10 e20 zz y9", 6, "zz y9 e20 e1 e2 e10");
        check("x", 1, "x");
        check(&format!("a z {NULL}"), 16, &format!("{NULL} a z"));
    }
}
