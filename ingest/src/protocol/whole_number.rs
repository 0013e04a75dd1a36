//! Whole numbers in bodies, as `OpenTSDB`'s reader of JSON takes them: a fraction is cut off (1.2 of the specification).

/// The part before the point, if digits alone follow it; else the text as it is.
pub(super) fn cut_fraction(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        _ => text,
    }
}
