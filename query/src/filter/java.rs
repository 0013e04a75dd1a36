//! Regular expressions as Java reads them, for the engine to read.
//!
//! `OpenTSDB`'s users write Java's, whose words the engine takes differently, or as something else:
//!
//! | Java | here |
//! |---|---|
//! | `\w` `\d` `\s`, their opposites, `\p{Alpha}` and the like | ASCII alone, not Unicode |
//! | `\h` `\v` `\R` `\Z`, `\Q..\E`, `\<` | written out |
//! | `a++` `a*+` `a?+` `a{2}+`, `(?>a)`: what does not go back | refused; the engine would take the first four for `(a+)+` |
//!
//! Everything else goes to the engine as it is, which refuses what it does not know.

use std::iter::Peekable;
use std::str::Chars;

/// Blanks that do not end a line.
const BLANKS: &str = r"[ \t\xA0\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]";
const NO_BLANKS: &str = r"[^ \t\xA0\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]";
/// What ends a line.
const LINE_ENDS: &str = r"[\n\x0B\x0C\r\x{85}\x{2028}\x{2029}]";
const NO_LINE_ENDS: &str = r"[^\n\x0B\x0C\r\x{85}\x{2028}\x{2029}]";
const ANY_LINE_END: &str = r"(?:\r\n|[\n\x0B\x0C\r\x{85}\x{2028}\x{2029}])";
const LAST_LINE_END: &str = r"(?:\r?\n)?\z";

/// Java's names of ASCII classes, and the engine's.
const CLASSES: [(&str, &str); 13] = [
    ("Lower", "lower"),
    ("Upper", "upper"),
    ("ASCII", "ascii"),
    ("Alpha", "alpha"),
    ("Digit", "digit"),
    ("Alnum", "alnum"),
    ("Punct", "punct"),
    ("Graph", "graph"),
    ("Print", "print"),
    ("Blank", "blank"),
    ("Cntrl", "cntrl"),
    ("XDigit", "xdigit"),
    ("Space", "space"),
];

const POSSESSIVE: &str = "possessive quantifiers, such as a++, are not supported";
const ATOMIC: &str = "atomic groups, (?>...), are not supported";

/// The same expression in the engine's words.
///
/// # Errors
/// What Java knows and the engine would take for something else.
pub(super) fn translate(java: &str) -> Result<String, &'static str> {
    let mut translation = Translation {
        rest: java.chars().peekable(),
        out: String::with_capacity(java.len() + 16),
        brackets: 0,
    };
    translation.run()?;
    Ok(translation.out)
}

struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// How many classes are open.
    brackets: usize,
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), &'static str> {
        // Whether the last thing was a quantifier, on which a plus sign means something of its own.
        let mut is_quantified = false;
        while let Some(char) = self.rest.next() {
            let was_quantified = std::mem::take(&mut is_quantified);
            match char {
                '\\' => {
                    self.escape();
                    continue;
                }
                '[' => self.brackets += 1,
                ']' => self.brackets = self.brackets.saturating_sub(1),
                _ if self.brackets > 0 => {}
                '+' if was_quantified => return Err(POSSESSIVE),
                '*' | '+' => is_quantified = true,
                // Behind a quantifier it makes that one lazy.
                '?' => is_quantified = !was_quantified,
                '}' => is_quantified = self.ends_count(),
                '(' if self.follows("?>") => return Err(ATOMIC),
                _ => {}
            }
            self.out.push(char);
            if char == '(' && self.rest.next_if_eq(&'?').is_some() {
                // No quantifier: how the group is meant.
                self.out.push('?');
            }
        }
        Ok(())
    }

    fn follows(&self, text: &str) -> bool {
        let mut rest = self.rest.clone();
        text.chars().all(|char| rest.next() == Some(char))
    }

    /// Whether the brace that comes now closes `{2}`, `{2,}` or `{2,3}`.
    fn ends_count(&self) -> bool {
        let Some((before, count)) = self.out.rsplit_once('{') else {
            return false;
        };
        let is_escaped = [r"\", r"\p", r"\P", r"\x"]
            .iter()
            .any(|end| before.ends_with(end));
        let is_count = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == ',');
        !is_escaped && !count.is_empty() && is_count(count)
    }

    /// What a backslash and the next character mean.
    fn escape(&mut self) {
        let Some(char) = self.rest.next() else {
            self.out.push('\\');
            return;
        };
        let is_outside = self.brackets == 0;
        let words = match char {
            'w' => "[[:word:]]",
            'W' => "[[:^word:]]",
            'd' => "[[:digit:]]",
            'D' => "[[:^digit:]]",
            's' => "[[:space:]]",
            'S' => "[[:^space:]]",
            'h' => BLANKS,
            'H' => NO_BLANKS,
            'v' => LINE_ENDS,
            'V' => NO_LINE_ENDS,
            'R' if is_outside => ANY_LINE_END,
            'Z' if is_outside => LAST_LINE_END,
            '<' => "<",
            '>' => ">",
            'Q' => return self.quoted(),
            'p' | 'P' => return self.property(char == 'P'),
            other => {
                self.out.push('\\');
                self.out.push(other);
                return;
            }
        };
        self.out.push_str(words);
    }

    /// Everything up to `\E` as it is.
    fn quoted(&mut self) {
        let rest: String = self.rest.clone().collect();
        let quoted = rest.split(r"\E").next().unwrap_or_default();
        self.out.push_str(&regex::escape(quoted));
        let taken = quoted.chars().count() + 2;
        self.rest.by_ref().take(taken).for_each(drop);
    }

    /// `\p{Name}`: the ASCII classes are Java's own, the others both know.
    fn property(&mut self, is_negated: bool) {
        let rest: String = self.rest.clone().take(16).collect();
        let name = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let class = name.and_then(|(name, _)| CLASSES.iter().find(|(java, _)| *java == name));
        if let Some((java, ours)) = class {
            let not = if is_negated { "^" } else { "" };
            self.out.extend(["[[:", not, ours, ":]]"]);
            self.rest.by_ref().take(java.len() + 2).for_each(drop);
        } else {
            self.out.push_str(if is_negated { r"\P" } else { r"\p" });
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn matches(java: &str, value: &str) -> bool {
        Regex::new(&translate(java).unwrap())
            .unwrap()
            .is_match(value)
    }

    #[test]
    fn what_java_takes_for_ascii_is_ascii() {
        for (java, taken, not) in [
            (r"^\w+$", "a_9", "é1"),
            (r"^[\w.-]{1,63}$", "web-1.a", "web:1"),
            (r"^[\w-.]+$", "a-b.c", "a+b"),
            (r"^[^\w]$", "é", "e"),
            (r"^\W$", "é", "e"),
            (r"^\d{80}$", &"7".repeat(80), "٣"),
            (r"^\s\S$", " x", "\u{a0}x"),
            (r"^\p{Lower}\P{Upper}$", "az", "éz"),
            (r"^[\p{Alnum}_]+$", "aZ9_", "é"),
            (r"^\p{XDigit}+$", "beef", "beeg"),
            (r"^\p{Lu}$", "É", "é"),
            (r"^\h\H$", "\u{a0}x", "xx"),
        ] {
            assert!(matches(java, taken), "{java} {taken}");
            assert!(!matches(java, not), "{java} {not}");
        }
    }

    #[test]
    fn what_is_quoted_is_literal() {
        assert!(matches(r"^\Qa.b+\E.$", "a.b+c"));
        assert!(!matches(r"^\Qa.b\E$", "axb"));
        assert!(matches(r"\Q[x", "a[x]"));
        assert!(matches(r"^\<a\>\Z", "<a>"));
        assert!(matches(r"^a\Rb$", "a\r\nb"));
    }

    #[test]
    fn quantifiers_that_do_not_go_back_are_refused() {
        for java in [
            "a++", "a*+", "a?+", "a{2}+", "a{2,}+b", "x{2}+", "(a)++", r"\w++",
        ] {
            assert_eq!(translate(java), Err(POSSESSIVE), "{java}");
        }
        assert_eq!(translate("(?>a)b"), Err(ATOMIC));
        for java in [
            "a+?", "a??", "a{2}?", "a+", "[++]", r"\++", r"a\}+", "(?i)a+", "(?:a)+", "(?<n>a)+",
            r"\x{61}+", r"\p{L}+", "x(?:y)?",
        ] {
            let translated = translate(java).unwrap();
            assert!(
                Regex::new(&translated).is_ok(),
                "{java} became {translated}"
            );
        }
    }
}
