//! Values: exact integers, exact decimals, and nothing lost on the way through.
//!
//! `12.34` becomes mantissa 1234 and exponent -2. It never turns into a float on the way in: that is exact,
//! cheaper than parsing a float, and compresses better.

use std::fmt;

/// Significant digits that a decimal keeps exactly.
const EXACT_DIGITS: u32 = 18;

/// A sample's value.
///
/// Values are kept in one normal form, so equal values have equal parts: a decimal's mantissa does not end
/// in 0 (zero is mantissa 0, exponent 0), and [`Value::Double`] holds only what the other two cannot.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// Written without `.`, `e` or `E`: an integer to the last bit.
    Integer(i64),
    /// Written as floating point: `mantissa * 10^exponent`, at most 18 significant digits.
    Decimal {
        /// The digits with their sign; no multiple of 10 unless it is 0.
        mantissa: i64,
        /// The power of ten, between -400 and 400.
        exponent: i16,
    },
    /// A double that is no decimal: -0.0, and from protocols that have them NaN and the infinities.
    Double(f64),
}

/// Why a text is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing there.
    #[error("empty value")]
    Empty,
    /// Neither an integer nor a decimal number. NaN, Infinity and hexadecimal forms are none.
    #[error("not a number")]
    NotANumber,
    /// An integer outside -9223372036854775808 to 9223372036854775807.
    #[error("integer does not fit 64 bits")]
    IntegerOverflow,
    /// A floating-point number beyond the largest double, about 1.8e308.
    #[error("value is NaN or Infinite")]
    Infinite,
}

impl Value {
    /// Reads a number as `OpenTSDB` does: an integer if it has none of `.`, `e` and `E`, else floating point.
    ///
    /// Decimals of up to 18 significant digits are kept exactly; longer ones become the nearest double in
    /// its shortest form. `-0` is the integer 0, `-0.0` stays. Below the smallest double it is 0.0.
    ///
    /// # Errors
    /// See [`ValueError`].
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Self, ValueError> {
        let Some((first, after_sign)) = text.split_first() else {
            return Err(ValueError::Empty);
        };
        let negative = *first == b'-';
        let body = if negative || *first == b'+' {
            after_sign
        } else {
            text
        };
        // The common case: up to 18 digits in all, at most one dot, nothing else.
        if body.len() <= EXACT_DIGITS as usize {
            let mut mantissa = 0i64;
            let mut dot = None;
            for (at, byte) in body.iter().enumerate() {
                if byte.is_ascii_digit() {
                    mantissa = mantissa * 10 + i64::from(byte - b'0');
                } else if *byte == b'.' && dot.is_none() {
                    dot = Some(at);
                } else {
                    return parse_any(text, body, negative);
                }
            }
            match dot {
                None if !body.is_empty() => {
                    return Ok(Self::Integer(if negative { -mantissa } else { mantissa }));
                }
                Some(at) if body.len() > 1 => {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_possible_wrap,
                        reason = "at most 18"
                    )]
                    let exponent = -((body.len() - 1 - at) as i16);
                    return Ok(Self::decimal(negative, mantissa, exponent));
                }
                _ => return Err(ValueError::NotANumber),
            }
        }
        parse_any(text, body, negative)
    }

    /// The normal form of a double: a decimal wherever its shortest form is one.
    pub fn from_f64(value: f64) -> Self {
        if !value.is_finite() || (value == 0.0 && value.is_sign_negative()) {
            return Self::Double(value);
        }
        let mut buffer = ryu::Buffer::new();
        let shortest = buffer.format_finite(value).as_bytes();
        let negative = shortest.first() == Some(&b'-');
        let body = if negative {
            shortest.get(1..).unwrap_or_default()
        } else {
            shortest
        };
        match Digits::scan(body) {
            // The shortest form of a double has at most 17 digits, so it always fits.
            Some(digits) => digits.to_decimal(negative).unwrap_or(Self::Double(value)),
            None => Self::Double(value),
        }
    }

    /// The normal form of `mantissa * 10^exponent`, for decoders of stored values and rescaled arithmetic.
    pub fn from_decimal(mantissa: i64, exponent: i16) -> Self {
        let (mut mantissa, mut exponent) = (mantissa, exponent);
        if mantissa == 0 {
            return Self::Decimal {
                mantissa: 0,
                exponent: 0,
            };
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.saturating_add(1);
        }
        Self::Decimal { mantissa, exponent }
    }

    fn decimal(negative: bool, mantissa: i64, exponent: i16) -> Self {
        if negative && mantissa == 0 {
            return Self::Double(-0.0);
        }
        Self::from_decimal(if negative { -mantissa } else { mantissa }, exponent)
    }

    /// The nearest double.
    #[inline]
    pub fn to_f64(self) -> f64 {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "the nearest double is what is asked for"
            )]
            Self::Integer(integer) => integer as f64,
            Self::Decimal { mantissa, exponent } => decimal_to_f64(mantissa, exponent),
            Self::Double(double) => double,
        }
    }

    /// Whether the value came as an integer.
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::Integer(_))
    }

    /// Appends the value as text that [`Value::parse`] reads back to the same value: integers plainly,
    /// floating point always with a `.` or an exponent (`12.0`, `1e-300`).
    pub fn render(self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(integer) => {
                out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
            }
            Self::Decimal { mantissa, exponent } => render_decimal(mantissa, exponent, out),
            Self::Double(double) => {
                out.extend_from_slice(ryu::Buffer::new().format(double).as_bytes());
            }
        }
    }
}

impl PartialEq for Value {
    /// Equal to the last bit and of the same kind: the integer 1 is not the decimal 1.0, NaN equals itself.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (
                Self::Decimal {
                    mantissa: a,
                    exponent: ae,
                },
                Self::Decimal {
                    mantissa: b,
                    exponent: be,
                },
            ) => a == b && ae == be,
            (Self::Double(a), Self::Double(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

impl Eq for Value {}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.render(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Digits of a decimal text: all that stands before an exponent, without leading and trailing zeros.
struct Digits {
    mantissa: i64,
    significant: u32,
    exponent: i64,
}

impl Digits {
    /// Takes `digits [. digits] [(e|E) [sign] digits]` with a digit on at least one side of the dot.
    fn scan(body: &[u8]) -> Option<Self> {
        let exponent_at = body
            .iter()
            .position(|b| matches!(b, b'e' | b'E'))
            .unwrap_or(body.len());
        let (number, suffix) = body.split_at_checked(exponent_at)?;
        let mut digits = Self {
            mantissa: 0,
            significant: 0,
            exponent: scan_exponent(suffix)?,
        };
        let (mut seen_dot, mut any, mut zeros) = (false, false, 0i64);
        for byte in number {
            match byte {
                b'.' if !seen_dot => seen_dot = true,
                b'0'..=b'9' => {
                    any = true;
                    if seen_dot {
                        digits.exponent -= 1;
                    }
                    if *byte == b'0' {
                        // Counts only if another digit follows; leading ones never do.
                        zeros += i64::from(digits.significant > 0);
                    } else {
                        digits.push(zeros, i64::from(byte - b'0'));
                        zeros = 0;
                    }
                }
                _ => return None,
            }
        }
        digits.exponent += zeros;
        any.then_some(digits)
    }

    fn push(&mut self, zeros: i64, digit: i64) {
        let more = u32::try_from(zeros).unwrap_or(u32::MAX).saturating_add(1);
        self.significant = self.significant.saturating_add(more);
        if self.significant <= EXACT_DIGITS {
            self.mantissa = self.mantissa * 10i64.pow(more) + digit;
        }
    }

    /// The exact decimal, if the digits suffice and the result is a finite, normal number of doubles' range.
    fn to_decimal(&self, negative: bool) -> Option<Value> {
        if self.significant == 0 {
            return Some(Value::decimal(negative, 0, 0));
        }
        let scientific = self.exponent + i64::from(self.significant) - 1;
        if self.significant > EXACT_DIGITS || !(-330..=308).contains(&scientific) {
            return None;
        }
        let exponent = i16::try_from(self.exponent).ok()?;
        Some(Value::decimal(negative, self.mantissa, exponent))
    }
}

/// The number after `e`; 0 for no exponent at all. Held at ±1,000,000: beyond that nothing changes.
fn scan_exponent(suffix: &[u8]) -> Option<i64> {
    let Some((_, after_e)) = suffix.split_first() else {
        return Some(0);
    };
    let (sign, digits) = match after_e.split_first() {
        Some((b'-', rest)) => (-1, rest),
        Some((b'+', rest)) => (1, rest),
        _ => (1, after_e),
    };
    if digits.is_empty() {
        return None;
    }
    let mut exponent = 0i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        exponent = (exponent * 10 + i64::from(digit - b'0')).min(1_000_000);
    }
    Some(sign * exponent)
}

/// The complete path: integers of 19 digits, exponents, long decimals.
#[cold]
fn parse_any(text: &[u8], body: &[u8], negative: bool) -> Result<Value, ValueError> {
    if !body.iter().any(|b| matches!(b, b'.' | b'e' | b'E')) {
        return parse_integer(body, negative);
    }
    let digits = Digits::scan(body).ok_or(ValueError::NotANumber)?;
    let text = std::str::from_utf8(text).map_err(|_| ValueError::NotANumber)?;
    let double: f64 = text.parse().map_err(|_| ValueError::NotANumber)?;
    if double.is_infinite() {
        return Err(ValueError::Infinite);
    }
    if double == 0.0 {
        return Ok(Value::decimal(negative, 0, 0));
    }
    Ok(digits
        .to_decimal(negative)
        .unwrap_or_else(|| Value::from_f64(double)))
}

fn parse_integer(body: &[u8], negative: bool) -> Result<Value, ValueError> {
    if body.is_empty() || !body.iter().all(u8::is_ascii_digit) {
        return Err(ValueError::NotANumber);
    }
    let mut magnitude = 0u64;
    for digit in body {
        magnitude = magnitude
            .checked_mul(10)
            .and_then(|m| m.checked_add(u64::from(digit - b'0')))
            .ok_or(ValueError::IntegerOverflow)?;
    }
    let integer = if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    };
    integer
        .map(Value::Integer)
        .ok_or(ValueError::IntegerOverflow)
}

#[inline]
fn decimal_to_f64(mantissa: i64, exponent: i16) -> f64 {
    // Both factors exact: one correctly rounded operation.
    const EXACT_POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    if mantissa.unsigned_abs() < 1 << 53
        && let Some(power) = EXACT_POWERS.get(usize::from(exponent.unsigned_abs()))
    {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let mantissa = mantissa as f64;
        return if exponent < 0 {
            mantissa / power
        } else {
            mantissa * power
        };
    }
    decimal_text_to_f64(mantissa, exponent)
}

/// The complete path: by way of text, which std rounds correctly.
#[cold]
fn decimal_text_to_f64(mantissa: i64, exponent: i16) -> f64 {
    let mut text = Vec::with_capacity(32);
    text.extend_from_slice(itoa::Buffer::new().format(mantissa).as_bytes());
    text.push(b'e');
    text.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
    std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(f64::NAN)
}

fn render_decimal(mantissa: i64, exponent: i16, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(mantissa.unsigned_abs()).as_bytes();
    if mantissa < 0 {
        out.push(b'-');
    }
    let length = i64::try_from(digits.len()).unwrap_or(0);
    let exponent = i64::from(exponent);
    // Where the dot stands, counted from the first digit.
    let dot = length + exponent;
    let zeros = |count: i64| std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or(0));
    if exponent >= 0 && dot <= 21 {
        out.extend_from_slice(digits);
        out.extend(zeros(exponent));
        out.extend_from_slice(b".0");
    } else if (1..=21).contains(&dot) {
        let (whole, fraction) = digits
            .split_at_checked(usize::try_from(dot).unwrap_or(0))
            .unwrap_or((digits, b"0"));
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else if (-6..=0).contains(&dot) {
        out.extend_from_slice(b"0.");
        out.extend(zeros(-dot));
        out.extend_from_slice(digits);
    } else {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, b""));
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        out.push(b'e');
        out.extend_from_slice(itoa::Buffer::new().format(dot - 1).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[expect(clippy::unnecessary_wraps, reason = "reads as the expected answer")]
    fn decimal(mantissa: i64, exponent: i16) -> Result<Value, ValueError> {
        Ok(Value::Decimal { mantissa, exponent })
    }

    #[test]
    fn numbers_are_read_as_opentsdb_reads_them() {
        let cases: &[(&str, Result<Value, ValueError>)] = &[
            ("42", Ok(Value::Integer(42))),
            ("007", Ok(Value::Integer(7))),
            ("+5", Ok(Value::Integer(5))),
            ("-0", Ok(Value::Integer(0))),
            ("9223372036854775807", Ok(Value::Integer(i64::MAX))),
            ("-9223372036854775808", Ok(Value::Integer(i64::MIN))),
            ("9223372036854775808", Err(ValueError::IntegerOverflow)),
            ("99999999999999999999999", Err(ValueError::IntegerOverflow)),
            ("12.340", decimal(1234, -2)),
            (".5", decimal(5, -1)),
            ("5.", decimal(5, 0)),
            ("100.0", decimal(1, 2)),
            ("1e3", decimal(1, 3)),
            ("1E-3", decimal(1, -3)),
            ("-4.2e10", decimal(-42, 9)),
            ("1e-300", decimal(1, -300)),
            ("0.0", decimal(0, 0)),
            ("0e5", decimal(0, 0)),
            ("-0.0", Ok(Value::Double(-0.0))),
            ("-0e7", Ok(Value::Double(-0.0))),
            ("123456789.012345678", decimal(123_456_789_012_345_678, -9)),
            ("1e-500", decimal(0, 0)),
            ("5e-324", decimal(5, -324)),
            (
                "1.7976931348623157e308",
                decimal(17_976_931_348_623_157, 292),
            ),
            ("1e400", Err(ValueError::Infinite)),
            ("-1e99999999999999999999", Err(ValueError::Infinite)),
            ("", Err(ValueError::Empty)),
            ("-", Err(ValueError::NotANumber)),
            (".", Err(ValueError::NotANumber)),
            ("-.", Err(ValueError::NotANumber)),
            ("e5", Err(ValueError::NotANumber)),
            ("1e", Err(ValueError::NotANumber)),
            ("1e+", Err(ValueError::NotANumber)),
            ("1.2.3", Err(ValueError::NotANumber)),
            ("NaN", Err(ValueError::NotANumber)),
            ("Infinity", Err(ValueError::NotANumber)),
            ("0x10", Err(ValueError::NotANumber)),
            (" 5", Err(ValueError::NotANumber)),
            ("true", Err(ValueError::NotANumber)),
            ("--1", Err(ValueError::NotANumber)),
            ("1_000", Err(ValueError::NotANumber)),
        ];
        for (text, expected) in cases {
            assert_eq!(Value::parse(text.as_bytes()), *expected, "{text}");
        }
    }

    #[test]
    fn twenty_digit_decimals_become_the_nearest_double_in_its_shortest_form() {
        let value = Value::parse(b"0.12345678901234567890").unwrap();
        assert_eq!(value.to_string(), "0.12345678901234568");
        assert_eq!(
            value.to_f64().to_bits(),
            0.123_456_789_012_345_68_f64.to_bits()
        );
    }

    #[test]
    fn values_are_printed_so_that_their_kind_can_be_told() {
        for (text, printed) in [
            ("12.340", "12.34"),
            ("12.0", "12.0"),
            ("1e3", "1000.0"),
            ("-0.0", "-0.0"),
            ("-0", "0"),
            ("1e-300", "1e-300"),
            ("1.5e-7", "0.00000015"),
            ("1.5e-8", "1.5e-8"),
            ("1e20", "100000000000000000000.0"),
            ("1e22", "1e22"),
            ("-123.456e30", "-1.23456e32"),
            ("0.001", "0.001"),
        ] {
            assert_eq!(
                Value::parse(text.as_bytes()).unwrap().to_string(),
                printed,
                "{text}"
            );
        }
    }

    fn number_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<i64>().prop_map(|i| i.to_string()),
            any::<f64>()
                .prop_filter("finite", |f| f.is_finite())
                .prop_map(|f| format!("{f:e}")),
            "[-+]?[0-9]{0,20}[.]?[0-9]{0,20}([eE][-+]?[0-9]{1,3})?",
        ]
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(text in number_text()) {
            if let Ok(value) = Value::parse(text.as_bytes()) {
                prop_assert_eq!(Value::parse(value.to_string().as_bytes()), Ok(value));
            }
        }

        #[test]
        fn floating_point_agrees_with_the_standard_library(text in number_text()) {
            if let (Ok(value), Ok(double)) = (Value::parse(text.as_bytes()), text.parse::<f64>()) {
                prop_assert_eq!(value.to_f64().to_bits(), if value.is_integer() && double == 0.0 { 0.0f64.to_bits() } else { double.to_bits() });
            }
        }

        #[test]
        fn a_double_keeps_its_bits(double in any::<f64>()) {
            prop_assert_eq!(Value::from_f64(double).to_f64().to_bits(), double.to_bits());
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = Value::parse(&bytes) {
                prop_assert!(!value.to_string().is_empty());
            }
        }
    }
}
