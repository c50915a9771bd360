//! Patterns against Java's own answers, refusals, and mutated patterns.

use super::*;
use crate::fuzz;

#[track_caller]
fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    let regex = compile(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    for value in yes {
        assert!(regex.is_match(value).unwrap(), "{pattern} should find {value}");
    }
    for value in no {
        assert!(!regex.is_match(value).unwrap(), "{pattern} should not find {value}");
    }
}

#[track_caller]
fn refuse(pattern: &str, word: &str) {
    let error = compile(pattern).err().unwrap_or_else(|| panic!("{pattern} should be refused"));
    assert!(error.to_string().contains(word), "{pattern}: {error}");
}

#[test]
fn as_java() {
    check("a.c", &["xabcx", "a-c"], &["ac"]);
    check("^web[0-9]+$", &["web01"], &["web", "xweb1"]);
    check(r"\Qa.b\Ec", &["a.bc"], &["aXbc"]);
    check(r"\Qa.b", &["a.b"], &["aXb"]);
    check(r"\d\D\w\W\s\S", &["1a_- x"], &["aaaaaa"]);
    check(r"^\w+$", &["abc"], &["é"]);
    check(r"\bweb\b", &["a-web-b", "éwebé"], &["aweb"]);
    check(r"^\Bb", &[], &["b"]);
    check(r"\h", &["a b", "a\u{3000}b"], &["ab"]);
    check(r"\cA", &["\u{1}"], &["A"]);
    check(r"\0101\07", &["A\u{7}"], &["101"]);
    check(r"\0477", &["'7"], &["477"]);
    check(r"\x41\u0042\x{43}", &["ABC"], &["abc"]);
    check(r"^\p{Alpha}+$", &["abc"], &["é"]);
    check(r"^\p{javaLetter}+$", &["abcé"], &["1"]);
    check(r"\p{Lu}\pL\P{L}", &["Éa1"], &["éaa"]);
    check(r"\p{IsGreek}", &["α"], &["a"]);
    check("[[:alpha:]]", &["a", ":", "h"], &["b"]); // a class in a class
    check("[[:-A]]", &[":", "?", "A"], &["9", "B"]);
    check("[a-z&&[^q]]", &["a"], &["q"]);
    check("[a-c[x-z]]", &["b", "y"], &["m"]);
    check("[^a-c[x-z]]", &["m"], &["b", "y"]);
    check("[]a]", &["]", "a"], &["b"]);
    check("[a-]", &["-", "a"], &["b"]);
    check("[-a]", &["-", "a"], &["b"]);
    check(r"[\d\-x]", &["5", "-", "x"], &["y"]);
    check(r"[\Q^]\E]", &["^", "]"], &["a"]);
    check("(?i)WEB[a-c]", &["webB", "WEBb"], &["webd", "wéb"]);
    check("(?i:W)eb", &["web", "Web"], &["wEb"]);
    check("a(?i)b(?-i)c", &["aBc", "abc"], &["aBC", "Abc"]);
    check("((?i)a)b", &["Ab"], &["aB"]);
    check("(a)(b)\\2\\1", &["abba"], &["abab"]);
    check("(a)\\11", &["aa1"], &["aa"]);
    check("(a)\\2", &[], &["aa"]);
    check("(?<x>a)\\k<x>", &["aa"], &["ab"]);
    check("(?=.*1)web", &["web1"], &["web2"]);
    check("(?<!x)web", &["web", "yweb"], &["xweb"]);
    check("(?>a+)b", &["aab"], &["aa"]);
    check("^a*+b", &["aab", "b2a"], &["ca"]);
    check("^(?:ab)++c", &["ababc"], &["abab"]);
    check("^a*+a", &[], &["aaa"]);
    check("^a{2}+b", &["aab"], &["ab"]);
    check("a{2}{3}b", &["aab"], &["ab"]); // the second count repeats nothing
    check("{2}a", &["a"], &["b"]);
    check("a{2,}?b", &["aaab"], &["ab"]);
    check("}", &["}"], &["a"]);
    check("]", &["]"], &["a"]);
    check("", &["", "a"], &[]);
    check("a|", &["b"], &[]);
    check("#", &["#"], &["a"]);
    check("~&-", &["~&-"], &["a"]);
}

#[test]
fn refused() {
    refuse("k(", "Unclosed group near index 2");
    refuse("k)", "Unmatched closing ')'");
    refuse("[a", "Unclosed character class");
    refuse("*a", "Dangling meta character '*'");
    refuse("a**", "Dangling meta character '*'");
    refuse("a|*", "Dangling meta character '*'");
    refuse("a{,2}", "Illegal repetition");
    refuse("a{x}", "Illegal repetition");
    refuse("x{2", "Unclosed counted closure");
    refuse("x{3,2}", "Illegal repetition range");
    refuse("x{1001}", "REGEX_REPEAT_MAX");
    refuse("[z-a]", "Illegal character range");
    refuse(r"[a-\d]", "Illegal character range");
    refuse(r"\y", "Illegal/unsupported escape sequence");
    refuse("\\", "backslash");
    refuse(r"\p{Nope}", "character property");
    refuse(r"\p{InGreek}", "character property");
    refuse("(?x)a b", "flag 'x'");
    refuse(r"\G", "Illegal/unsupported");
    refuse(&"(".repeat(40), "REGEX_DEPTH_MAX");
    refuse(&"[".repeat(40), "REGEX_DEPTH_MAX");
    refuse(&"a".repeat(5000), "REGEX_CHARS_MAX");
    refuse("((a{1000}){1000}){1000}", "not supported");
}

/// No pattern may panic or take long to compile or to try.
#[test]
fn mutated_patterns() {
    const SOUND: [&str; 8] = [
        r"^web[0-9]+$",
        r"(?i)\Qa.b\E|[a-z&&[^q]]",
        r"(a+)+\1$",
        r"\p{L}{1,9}\b",
        "(?<n>a)(?=b)[[:alpha:]]{2,}",
        r"\0377\x{41}\cA",
        "(?>a*)b??",
        "[]a-]",
    ];
    const PARTS: [&str; 26] = [
        "\\", "(", ")", "[", "]", "{", "}", "*", "+", "?", "|", "^", "$", ".", "-", "&&", ",", "9", "1", "a", "\\Q", "\\E", "é", "<",
        "(a|aa)+", "{99}",
    ];
    fuzz::run(|dice| {
        let sound = dice.pick(&SOUND);
        if let Ok(regex) = compile(&dice.mutate_text(sound, &PARTS)) {
            let _ = regex.is_match(&"a".repeat(64));
        }
    });
}

/// Random patterns that Java itself compiled and tried: never another answer; few refusals of what Java takes.
#[test]
fn as_java_recorded() {
    let mut lines = include_str!("recorded.tsv").lines().filter(|l| !l.starts_with("# ") && !l.starts_with("# which"));
    let values = lines.next().unwrap().trim_start_matches('\t').replace("\\t", "\t");
    let values: Vec<&str> = values.split('\u{1f}').collect();
    let (mut same, mut refused) = (0, Vec::new());
    for line in lines {
        let (pattern, java) = line.split_once('\t').unwrap();
        match compile(pattern) {
            Err(_) if java == "E" => same += 1,
            Err(e) => refused.push(e),
            Ok(_) if java == "E" => assert!(pattern.contains("(?<"), "{pattern} is an error in Java"),
            Ok(regex) => {
                let found: String = values.iter().map(|v| if regex.is_match(v).unwrap() { '1' } else { '0' }).collect();
                assert_eq!(found, java, "{pattern}");
                same += 1;
            }
        }
    }
    assert!(same > 500 && refused.len() < 30, "same {same}, refused here only {refused:#?}");
}

#[test]
fn parts() {
    #[track_caller]
    fn check(pattern: &str, text: &str, want: &[&str]) {
        assert_eq!(split(&compile(pattern).unwrap(), text).unwrap(), want, "{text} at {pattern}");
    }
    // Each by Java's own answer.
    check(r"\.", "sys.cpu.user", &["sys", "cpu", "user"]);
    check(r"\.", "sys..user", &["sys", "", "user"]);
    check(r"\.", ".sys.", &["", "sys"]);
    check(r"\.", "...", &[]);
    check(r"\.", "sys", &["sys"]);
    check(".", "sys", &[]);
    check("", "abc", &["a", "b", "c"]);
    check("x*", "axb", &["a", "", "b"]);
    check("[._]", "a.b_c", &["a", "b", "c"]);
    check("(?=b)", "abab", &["a", "ba", "b"]);
    check("é", "aéb", &["a", "b"]);
}
