//! A cursor over JSON text: tokens as slices of the body, no value tree, no recursion.
//!
//! It takes what the reader of `OpenTSDB` takes and `serde_json` does not: `NaN`, `Infinity` and `-Infinity`
//! as numbers. And it gives a number as it was written, digit for digit.

use std::borrow::Cow;

/// The deepest nesting that is read. Only members that nobody knows can nest deeper than two.
pub(super) const DEPTH_MAX: usize = 64;

/// Why the text is no JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct SyntaxError {
    /// What was expected, or what is wrong.
    pub what: &'static str,
    /// Bytes before it in the body.
    pub at: usize,
}

/// One scalar, or the beginning of a composite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A string.
    String(RawString<'a>),
    /// The text of a number, `NaN` and the infinities included.
    Number(&'a [u8]),
    /// `true` or `false`, as text.
    Bool(&'a [u8]),
    /// `null`
    Null,
    /// `{`
    Object,
    /// `[`
    Array,
}

/// What stands between the quotes of a string whose escapes have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawString<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> RawString<'a> {
    /// The text.
    pub(super) fn text(self) -> Cow<'a, str> {
        if self.escaped {
            let text = serde_json::from_slice::<String>(&quoted(self.raw));
            Cow::Owned(text.unwrap_or_default())
        } else {
            // The body is known to be UTF-8, so this borrows.
            String::from_utf8_lossy(self.raw)
        }
    }
}

fn quoted(raw: &[u8]) -> Vec<u8> {
    [b"\"", raw, b"\""].concat()
}

/// Where a reader stands in a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) const fn new(body: &'a [u8], at: usize) -> Self {
        Self { body, at }
    }

    #[inline]
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { what, at: self.at }
    }

    /// The next byte that is no white space, which stays.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.body.get(self.at)?;
            // One comparison for nearly every byte.
            if byte > b' ' || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes the next byte if it is `wanted`.
    #[inline]
    pub(super) fn take_if(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Takes `wanted`.
    #[inline]
    pub(super) fn expect(&mut self, wanted: u8, what: &'static str) -> Result<(), SyntaxError> {
        if self.take_if(wanted) {
            Ok(())
        } else {
            Err(self.error(what))
        }
    }

    /// Checks that nothing but white space follows.
    #[inline]
    pub(super) fn end(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("unexpected text after the end")),
        }
    }

    /// Takes the next bytes if they are these; no white space is passed over.
    #[inline]
    pub(super) fn take_literal(&mut self, wanted: &[u8]) -> bool {
        let found = self
            .body
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(wanted));
        if found {
            self.at += wanted.len();
        }
        found
    }

    /// Where the text of the next string lies, if it has no escapes.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<(usize, usize)> {
        if !self.take_if(b'"') {
            return None;
        }
        let start = self.at;
        let stop = string_stop(self.body, start);
        if self.body.get(stop) != Some(&b'"') {
            return None;
        }
        self.at = stop + 1;
        Some((start, stop))
    }

    /// Where the next number lies, if it is one of JSON.
    #[inline]
    pub(super) fn plain_number(&mut self) -> Option<(usize, usize)> {
        let start = self.at;
        self.at += number_length(self.body.get(start..)?)?;
        Some((start, self.at))
    }

    /// Digits from here on, at most 18 of them, as a number.
    #[inline]
    pub(super) fn plain_digits(&mut self) -> Option<i64> {
        let mut number = 0i64;
        let start = self.at;
        while let Some(digit) = self.body.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            number = number
                .wrapping_mul(10)
                .wrapping_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        matches!(self.at - start, 1..=18).then_some(number)
    }

    /// The next token; of an object or array only its first byte.
    pub(super) fn token(&mut self) -> Result<Token<'a>, SyntaxError> {
        match self.peek() {
            Some(b'"') => self.string().map(Token::String),
            Some(b'{') => {
                self.at += 1;
                Ok(Token::Object)
            }
            Some(b'[') => {
                self.at += 1;
                Ok(Token::Array)
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            Some(_) => self.word(),
            None => Err(self.error("unexpected end")),
        }
    }

    fn word(&mut self) -> Result<Token<'a>, SyntaxError> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        let word = rest.get(..length).unwrap_or_default();
        let token = match word {
            b"null" => Token::Null,
            b"true" | b"false" => Token::Bool(word),
            b"NaN" | b"Infinity" => Token::Number(word),
            _ => return Err(self.error("expected a value")),
        };
        self.at += length;
        Ok(token)
    }

    /// The text of a number.
    #[inline]
    pub(super) fn number(&mut self) -> Result<&'a [u8], SyntaxError> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let length = number_length(rest).ok_or_else(|| self.error("malformed number"))?;
        self.at += length;
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn string(&mut self) -> Result<RawString<'a>, SyntaxError> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = string_stop(self.body, self.at);
            match self.body.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => return Err(self.error("control character in a string")),
                None => {
                    self.at = self.body.len();
                    return Err(self.error("unexpected end inside a string"));
                }
            }
        }
        let raw = self.body.get(start..self.at).unwrap_or_default();
        self.at += 1;
        if escaped && serde_json::from_slice::<String>(&quoted(raw)).is_err() {
            let what = "malformed escape in a string";
            return Err(SyntaxError { what, at: start });
        }
        Ok(RawString { raw, escaped })
    }

    /// The name of a member and its colon.
    pub(super) fn key(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a member's name in quotes"));
        }
        let key = self.string()?.text();
        self.expect(b':', "expected ':'")?;
        Ok(key)
    }

    /// Passes over whatever `token` begins, in a fixed amount of memory.
    pub(super) fn skip(&mut self, token: Token<'a>) -> Result<(), SyntaxError> {
        // One bit for each level: 1 is an object.
        let mut objects = 0u64;
        let mut depth = 0usize;
        let mut token = token;
        loop {
            let mut first = matches!(token, Token::Object | Token::Array);
            if first {
                if depth == DEPTH_MAX {
                    return Err(self.error("nested too deeply"));
                }
                depth += 1;
                objects = (objects << 1) | u64::from(token == Token::Object);
            }
            // Leave the levels that end here.
            while depth > 0 && self.take_if(if objects & 1 == 1 { b'}' } else { b']' }) {
                depth -= 1;
                objects >>= 1;
                first = false;
            }
            if depth == 0 {
                return Ok(());
            }
            if !first {
                self.expect(b',', "expected ',' or the end of an object or array")?;
            }
            if objects & 1 == 1 {
                self.key()?;
            }
            token = self.token()?;
        }
    }
}

/// Where from `at` on the next quote, backslash or control character stands; the end if there is none.
#[inline]
fn string_stop(body: &[u8], at: usize) -> usize {
    let mut at = at;
    // Sixteen bytes at a time without a branch between them: most names are shorter.
    while let Some(chunk) = body.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let word = u128::from_le_bytes(*chunk);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are meant")]
        let (low, high) = (word as u64, (word >> 64) as u64);
        let stops = u128::from(special_bytes(low)) | u128::from(special_bytes(high)) << 64;
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += 16;
    }
    while let Some(byte) = body.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..=0x1f) {
            break;
        }
        at += 1;
    }
    at
}

/// The top bit of each byte that is a quote, a backslash or a control character. A wrong one can only stand above
/// a right one, and the lowest is the one that counts.
#[inline]
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // Flipping the second bit makes a quote a blank and leaves control characters among themselves: both are then
    // below 0x21, and nothing else is.
    let quotes_and_controls = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslashes = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (quotes_and_controls | backslashes) & !word & TOPS
}

/// How many bytes of `text` are a number; `None` if it does not begin with one or breaks off inside.
#[inline]
fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let sign = usize::from(text.first() == Some(&b'-'));
    let whole = digits(sign);
    if whole == 0 {
        let infinite = text.get(sign..)?.starts_with(b"Infinity");
        return infinite.then_some(sign + "Infinity".len());
    }
    if whole > 1 && text.get(sign) == Some(&b'0') {
        return None;
    }
    let mut length = sign + whole;
    if text.get(length) == Some(&b'.') {
        let fraction = digits(length + 1);
        if fraction == 0 {
            return None;
        }
        length += 1 + fraction;
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + signed);
        if exponent == 0 {
            return None;
        }
        length += 1 + signed + exponent;
    }
    Some(length)
}

#[cfg(test)]
mod tests;
