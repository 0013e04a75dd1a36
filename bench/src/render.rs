//! Points as text: telnet lines and JSON bodies. Appends to the caller's buffer and allocates nothing else.

use crate::dataset::{Decimal, Point, Portion};

/// Appends `put` lines until the buffer holds `bytes` or the portion is through; gives their number.
pub(crate) fn telnet_lines(portion: &mut Portion, bytes: usize, buffer: &mut Vec<u8>) -> u64 {
    let mut count = 0;
    while buffer.len() < bytes {
        let Some(point) = portion.next_point() else {
            break;
        };
        telnet_line(&point, buffer);
        count += 1;
    }
    count
}

/// Appends an array of at most `points` points; nothing at all when the portion is through.
pub(crate) fn json_body(portion: &mut Portion, points: u64, buffer: &mut Vec<u8>) -> u64 {
    let mut count = 0;
    while count < points {
        let Some(point) = portion.next_point() else {
            break;
        };
        buffer.push(if count == 0 { b'[' } else { b',' });
        json_point(&point, buffer);
        count += 1;
    }
    if count > 0 {
        buffer.push(b']');
    }
    count
}

fn telnet_line(point: &Point<'_>, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(b"put ");
    buffer.extend_from_slice(point.metric.as_bytes());
    buffer.push(b' ');
    integer(point.seconds, buffer);
    buffer.push(b' ');
    decimal(point.value, buffer);
    buffer.push(b' ');
    buffer.extend_from_slice(point.tags.telnet.as_bytes());
    buffer.push(b'\n');
}

fn json_point(point: &Point<'_>, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(br#"{"metric":""#);
    buffer.extend_from_slice(point.metric.as_bytes());
    buffer.extend_from_slice(br#"","timestamp":"#);
    integer(point.seconds, buffer);
    buffer.extend_from_slice(br#","value":"#);
    decimal(point.value, buffer);
    buffer.extend_from_slice(br#","tags":"#);
    buffer.extend_from_slice(point.tags.json.as_bytes());
    buffer.push(b'}');
}

fn integer(number: u64, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Mantissas here are never negative.
fn decimal(value: Decimal, buffer: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(value.mantissa).as_bytes();
    let missing = (value.decimals + 1).saturating_sub(digits.len());
    let start = buffer.len();
    buffer.resize(start + missing, b'0');
    buffer.extend_from_slice(digits);
    if value.decimals > 0 {
        buffer.insert(buffer.len() - value.decimals, b'.');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Order, Shape};
    use std::num::NonZeroU32;

    fn portion() -> Portion {
        let series = NonZeroU32::new(10_000).unwrap();
        let shape = Shape {
            seed: 1,
            series,
            order: Order::Fixed,
            first_step: 0,
            steps: 1,
        };
        Portion::new(shape, 0, NonZeroU32::MIN)
    }

    #[test]
    fn decimals_keep_their_leading_zeros() {
        let text = |mantissa, decimals| {
            let mut buffer = Vec::new();
            decimal(Decimal { mantissa, decimals }, &mut buffer);
            String::from_utf8(buffer).unwrap()
        };
        assert_eq!(text(1234, 2), "12.34");
        assert_eq!(text(5, 2), "0.05");
        assert_eq!(text(0, 3), "0.000");
        assert_eq!(text(42, 0), "42");
    }

    /// The bars were measured with 117 bytes a line and 175 a JSON point: keep near them.
    #[test]
    fn points_are_about_as_long_as_those_of_the_bars() {
        let mut lines = Vec::new();
        let count = telnet_lines(&mut portion(), usize::MAX, &mut lines);
        assert_eq!(count, 10_000);
        assert!(
            (112..122).contains(&(lines.len() / 10_000)),
            "{}",
            lines.len() / 10_000
        );
        let mut body = Vec::new();
        assert_eq!(json_body(&mut portion(), u64::MAX, &mut body), 10_000);
        assert!(
            (165..182).contains(&(body.len() / 10_000)),
            "{}",
            body.len() / 10_000
        );
    }
}
