use penstock_model::Timestamp;
use proptest::prelude::*;

use super::*;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (any::<i64>(), any::<i64>(), any::<i16>(), 0..3_u8).prop_map(
        |(time, bits, exponent, kind)| {
            let kind = ValueKind::from_number(kind).unwrap();
            let exponent = if kind == ValueKind::Decimal {
                exponent
            } else {
                0
            };
            Row {
                time,
                bits,
                series: SeriesId(0),
                exponent,
                kind,
            }
        },
    );
    proptest::collection::vec(row, 0..200)
}

#[test]
fn a_batch_of_any_length_fits_frames() {
    let row = Row {
        time: i64::MIN,
        bits: i64::MIN,
        series: SeriesId(9),
        exponent: i16::MIN,
        kind: ValueKind::Decimal,
    };
    let other = Row {
        time: i64::MAX,
        bits: i64::MAX,
        exponent: i16::MAX,
        ..row
    };
    let many: Vec<Row> = [row, other]
        .into_iter()
        .cycle()
        .take(3 * ROWS_MAX + 1)
        .collect();
    let mut bytes = Vec::new();
    put_rows(&many, &mut bytes);
    let (mut rest, mut back, mut batch) = (bytes.as_slice(), Vec::new(), Vec::new());
    while let Some(length) = length(rest).unwrap() {
        assert_eq!(read(&rest[..length], &mut batch), Ok(Frame::Rows));
        back.append(&mut batch);
        rest = &rest[length..];
    }
    assert_eq!(back.len(), many.len());
    assert!(
        back.iter()
            .zip(&many)
            .all(|(a, b)| (a.time, a.bits, a.exponent) == (b.time, b.bits, b.exponent))
    );
}

#[test]
fn a_sample_a_second_takes_few_bytes() {
    let rows: Vec<Row> = (0..1_000)
        .map(|n| {
            let value = penstock_model::Value::Integer(n % 7);
            Row::new(
                SeriesId(0),
                Timestamp::from_millis(1_700_000_000_000 + n * 1_000),
                value,
            )
        })
        .collect();
    let mut bytes = Vec::new();
    put_rows(&rows, &mut bytes);
    assert!(bytes.len() < 4_100, "{}", bytes.len());
}

#[test]
fn all_kinds_come_back() {
    let mut bytes = Vec::new();
    put_series(b"key", &mut bytes);
    put_end(7, &mut bytes);
    let mut rest = bytes.as_slice();
    let mut rows = Vec::new();
    for expected in [Frame::Series(b"key"), Frame::End(7)] {
        let length = length(rest).unwrap().unwrap();
        assert_eq!(read(&rest[..length], &mut rows), Ok(expected));
        rest = &rest[length..];
    }
    assert_eq!(length(&[1, 0xff, 0xff, 0xff, 0xff]), Err(FrameError));
    assert_eq!(length(&[1, 2, 0, 0]), Ok(None));
    assert_eq!(read(&[9, 0, 0, 0, 0], &mut rows), Err(FrameError));
}

proptest! {
    #[test]
    fn rows_come_back(written in rows()) {
        let mut bytes = Vec::new();
        put_rows(&written, &mut bytes);
        let mut back = Vec::new();
        if !written.is_empty() {
            prop_assert_eq!(length(&bytes), Ok(Some(bytes.len())));
            prop_assert_eq!(read(&bytes, &mut back), Ok(Frame::Rows));
        }
        prop_assert_eq!(back, written);
    }

    #[test]
    fn damage_is_answered(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..6_u8) {
        let mut rows = Vec::new();
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        // Whatever comes out, it does come out.
        drop(read(&bytes, &mut rows));
        prop_assert!(rows.len() <= ROWS_MAX);
    }
}
