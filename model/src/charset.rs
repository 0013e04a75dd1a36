//! Which characters a name may have.

use std::fmt;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The longest name, in bytes of UTF-8. `OpenTSDB` has no limit; ours bounds a series key.
pub const NAME_BYTES_MAX: usize = 1_024;

/// The characters that metric names, tag keys and tag values of an application may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// `A-Z a-z 0-9 - _ . /` and every Unicode letter of the basic plane (Java's `Character.isLetter`).
    #[default]
    OpenTsdb,
    /// `A-Z a-z 0-9 . -`, as OVH's IoT Lab guide says.
    IotLab,
    /// Every character but control characters. A telnet line has further limits of its own: blank, `=`
    /// and `,` cannot stand in its names.
    Any,
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameRole {
    /// A metric.
    Metric,
    /// A tag's key.
    TagKey,
    /// A tag's value, of whatever key.
    TagValue,
}

impl fmt::Display for NameRole {
    /// The words of `OpenTSDB`'s messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metric => "metric name",
            Self::TagKey => "tag name",
            Self::TagValue => "tag value",
        })
    }
}

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no character.
    #[error("empty string")]
    Empty,
    /// A character that the application's character set does not have.
    #[error("illegal character: {0}")]
    IllegalCharacter(char),
    /// More than [`NAME_BYTES_MAX`] bytes.
    #[error("longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
}

impl Charset {
    /// Checks a whole name.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn check(self, name: &str) -> Result<(), NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        match name.chars().find(|c| !self.allows(*c)) {
            Some(illegal) => Err(NameError::IllegalCharacter(illegal)),
            None => Ok(()),
        }
    }

    /// Whether a name may have this character.
    pub fn allows(self, c: char) -> bool {
        match self {
            Self::OpenTsdb => {
                c.is_ascii_alphanumeric()
                    || matches!(c, '-' | '_' | '.' | '/')
                    || is_basic_plane_letter(c)
            }
            Self::IotLab => c.is_ascii_alphanumeric() || matches!(c, '-' | '.'),
            Self::Any => !c.is_control(),
        }
    }
}

fn is_basic_plane_letter(c: char) -> bool {
    !c.is_ascii()
        && u32::from(c) <= 0xffff
        && matches!(
            c.general_category(),
            GeneralCategory::UppercaseLetter
                | GeneralCategory::LowercaseLetter
                | GeneralCategory::TitlecaseLetter
                | GeneralCategory::ModifierLetter
                | GeneralCategory::OtherLetter
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_has_its_own_characters() {
        let cases = [
            (Charset::OpenTsdb, "sys.cpu/user_1-a", Ok(())),
            (Charset::OpenTsdb, "température", Ok(())),
            (
                Charset::OpenTsdb,
                "a b",
                Err(NameError::IllegalCharacter(' ')),
            ),
            (
                Charset::OpenTsdb,
                "a:b",
                Err(NameError::IllegalCharacter(':')),
            ),
            // A combining mark and a circled letter are alphabetic, but no letters to Java.
            (
                Charset::OpenTsdb,
                "a\u{345}",
                Err(NameError::IllegalCharacter('\u{345}')),
            ),
            (
                Charset::OpenTsdb,
                "Ⓐ",
                Err(NameError::IllegalCharacter('Ⓐ')),
            ),
            // Outside the basic plane Java sees two surrogates, none of them a letter.
            (
                Charset::OpenTsdb,
                "𝔸",
                Err(NameError::IllegalCharacter('𝔸')),
            ),
            (Charset::IotLab, "cpu.temp-1", Ok(())),
            (
                Charset::IotLab,
                "cpu_temp",
                Err(NameError::IllegalCharacter('_')),
            ),
            (Charset::IotLab, "é", Err(NameError::IllegalCharacter('é'))),
            (Charset::Any, "http requests {total} :=,é𝔸", Ok(())),
            (Charset::Any, "a\nb", Err(NameError::IllegalCharacter('\n'))),
            (Charset::Any, "", Err(NameError::Empty)),
        ];
        for (charset, name, expected) in cases {
            assert_eq!(charset.check(name), expected, "{charset:?} {name}");
        }
    }

    #[test]
    fn a_name_has_at_most_1024_bytes() {
        assert_eq!(Charset::Any.check(&"a".repeat(NAME_BYTES_MAX)), Ok(()));
        assert_eq!(
            Charset::Any.check(&"a".repeat(NAME_BYTES_MAX + 1)),
            Err(NameError::TooLong)
        );
    }
}
