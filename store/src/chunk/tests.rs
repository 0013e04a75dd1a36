use penstock_model::{Timestamp, Value};
use proptest::prelude::*;

use super::*;
use crate::row::{Row, SeriesId, ValueKind};

const SERIES: SeriesId = SeriesId(7);

fn rows_of(samples: &[(i64, Value)]) -> Vec<Row> {
    samples
        .iter()
        .map(|(time, value)| Row::new(SERIES, Timestamp::from_millis(*time), *value))
        .collect()
}

fn encode(rows: &[Row], packing: Packing) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(packing).encode(rows, &mut out);
    out
}

fn decode(bytes: &[u8]) -> Result<Vec<Row>, ChunkError> {
    let mut out = Vec::new();
    Decoder::new().decode(bytes, SERIES, &mut out)?;
    Ok(out)
}

/// What a reader sees of rows: decimals in their normal form.
fn seen(rows: &[Row]) -> Vec<(i64, SeriesId, Value)> {
    rows.iter()
        .map(|row| (row.time, row.series, row.value()))
        .collect()
}

fn values(texts: &[&str]) -> Vec<Row> {
    let samples: Vec<_> = (0i64..)
        .zip(texts)
        .map(|(at, text)| (at * 1_000, Value::parse(text.as_bytes()).unwrap()))
        .collect();
    rows_of(&samples)
}

/// A chunk of one row: count, form, then two constant columns.
const ONE_INTEGER: [u8; 6] = [1, 0, 0, 20, 0, 84];

#[test]
fn a_chunk_lies_as_the_drawing_says() {
    let rows = rows_of(&[(10, Value::Integer(42))]);
    assert_eq!(encode(&rows, Packing::Memory), ONE_INTEGER);
    assert_eq!(decode(&ONE_INTEGER).unwrap(), rows);
}

#[test]
fn bytes_that_are_no_chunk_are_refused() {
    let many = [0x81, 0x40];
    let cases: [(&str, &[u8]); 17] = [
        ("nothing", &[]),
        ("no rows", &[0, 0, 0, 20, 0, 84]),
        ("8,193 rows", &[&many[..], &[0, 1, 0, 2, 0, 84]].concat()),
        (
            "2^63 rows",
            &[&[0xff; 8][..], &[0x7f, 0, 0, 20, 0, 84]].concat(),
        ),
        ("unknown form", &[1, 6, 0, 20, 0, 84]),
        ("unknown time codec", &[1, 0, 4, 20, 0, 84]),
        ("unknown bits codec", &[1, 0, 0, 20, 9, 84]),
        ("ends in mid-column", &[1, 0, 0, 20, 0]),
        ("bytes left over", &[1, 0, 0, 20, 0, 84, 0]),
        ("times stand still", &[2, 0, 0, 20, 0, 84]),
        ("times go back", &[2, 0, 1, 20, 1, 0, 84]),
        (
            "65 bits",
            &[2, 0, 1, 0, 2, 2, 0, 65, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "packed bytes missing",
            &[2, 0, 1, 0, 2, 2, 0, 64, 0, 0, 0, 0],
        ),
        ("exponent of 17 bits", &[1, 1, 0x80, 0x80, 4, 0, 20, 0, 84]),
        ("scaled up", &[1, 3, 2, 0, 20, 0, 84, 0, 0]),
        ("an integer that is none", &[1, 3, 1, 0, 20, 0, 84, 0, 0]),
        ("kind 3", &[1, 4, 0, 20, 0, 84, 0, 6]),
    ];
    for (what, bytes) in cases {
        assert!(decode(bytes).is_err(), "{what}: {bytes:?}");
    }
}

#[test]
fn a_refused_chunk_leaves_the_rows_before_it_alone() {
    let mut out = decode(&ONE_INTEGER).unwrap();
    // Mixed, three rows; the class of the last is unknown.
    let bytes = [3, 4, 1, 0, 2, 0, 84, 1, 0, 2];
    let mut decoder = Decoder::new();
    decoder.decode(&bytes, SERIES, &mut out).unwrap();
    assert_eq!(out.len(), 4);
    let bytes = [4, 4, 1, 0, 2, 0, 84, 1, 0, 2];
    assert!(decoder.decode(&bytes, SERIES, &mut out).is_err());
    assert_eq!(out.len(), 4);
}

#[test]
fn every_kind_of_value_comes_back() {
    let cases: [&[&str]; 9] = [
        &["9223372036854775807", "-9223372036854775808", "0", "-1"],
        &["12.34", "12.3", "12.0", "0.0", "-12.340"],
        &["12", "12.5", "13", "0", "0.0", "-7"],
        &["1e-300", "1e300", "0.0"],
        &["-0.0", "-0.0"],
        &["-0.0", "1", "2.5"],
        &["1e3", "0.0", "5e5"],
        &["9223372036854775807", "0.5"],
        &["123456789012345678.0", "0.123456789012345678"],
    ];
    for texts in cases {
        let rows = values(texts);
        for packing in [Packing::Memory, Packing::Disk] {
            let back = decode(&encode(&rows, packing)).unwrap();
            assert_eq!(seen(&back), seen(&rows), "{texts:?}");
        }
    }
}

#[test]
fn whole_numbers_among_decimals_cost_what_decimals_cost() {
    let decimals: Vec<_> = (0..1_000i64)
        .map(|at| (at * 1_000, Value::from_decimal(2_001 + at % 7, -2)))
        .collect();
    let mut with_integers = decimals.clone();
    for (_, value) in with_integers.iter_mut().step_by(10) {
        *value = Value::Integer(20);
    }
    let plain = encode(&rows_of(&decimals), Packing::Memory).len();
    let mixed = encode(&rows_of(&with_integers), Packing::Memory).len();
    // One bit a row says which is which; the longer distances cost one bit more.
    assert!(mixed <= plain + 2 * 1_000 / 8 + 50, "{plain} {mixed}");
}

#[test]
fn a_steady_series_takes_a_few_bytes() {
    let rows = rows_of(
        &(0..8_192)
            .map(|at| (1_700_000_000_000 + at * 10_000, Value::Integer(5)))
            .collect::<Vec<_>>(),
    );
    for packing in [Packing::Memory, Packing::Disk] {
        assert!(encode(&rows, packing).len() < 20);
    }
}

#[test]
fn doubles_printed_in_full_cost_less_than_their_digits() {
    let samples: Vec<_> = (1..600u64)
        .map(|at| {
            let noise = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
            #[expect(clippy::cast_precision_loss, reason = "53 bits")]
            let unit = noise as f64 / (1u64 << 53) as f64;
            (at.cast_signed() * 1_000, Value::from_f64(unit))
        })
        .collect();
    let mut rows = rows_of(&samples);
    rows[77] = Row::new(SERIES, rows[77].timestamp(), Value::Double(-0.0));
    let bytes = encode(&rows, Packing::Disk);
    assert!(bytes.len() < rows.len() * 7, "{}", bytes.len());
    assert_eq!(seen(&decode(&bytes).unwrap()), seen(&rows));
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (-1_000i64..1_000).prop_map(Value::Integer),
        3 => (-100_000i64..100_000, -4i16..=0).prop_map(|(m, e)| Value::from_decimal(m, e)),
        1 => any::<i64>().prop_map(Value::Integer),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0)].prop_map(Value::Integer),
        1 => (any::<i64>(), -400i16..=400).prop_map(|(m, e)| Value::from_decimal(m / 10, e)),
        1 => any::<f64>().prop_map(Value::from_f64),
        1 => prop_oneof![
            Just(-0.0),
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY)
        ]
        .prop_map(Value::Double),
    ]
}

/// Values of one kind, so that the forms of uniform chunks are met as often as the mixed ones.
fn any_values(rows: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Value>> {
    use proptest::collection::vec;
    prop_oneof![
        vec(any_value(), rows.clone()),
        vec(any::<i64>().prop_map(Value::Integer), rows.clone()),
        vec((0i64..100).prop_map(Value::Integer), rows.clone()),
        vec(
            (-10_000i64..10_000, -3i16..=0).prop_map(|(m, e)| Value::from_decimal(m, e)),
            rows.clone()
        ),
        vec(
            prop_oneof![
                (-10_000i64..10_000).prop_map(Value::Integer),
                (-10_000i64..10_000, -3i16..=0).prop_map(|(m, e)| Value::from_decimal(m, e)),
            ],
            rows.clone()
        ),
        vec((0.0..1.0).prop_map(Value::from_f64), rows.clone()),
        vec(Just(Value::Integer(3)), rows),
    ]
}

fn any_rows(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Row>> {
    let step = prop_oneof![8 => Just(10_000i64), 2 => 1i64..20_000, 1 => 1i64..1 << 40];
    let start = prop_oneof![0i64..1 << 42, Just(i64::MIN)];
    (
        start,
        any_values(count.clone()),
        proptest::collection::vec(step, count.end),
    )
        .prop_map(|(start, values, steps)| {
            let mut time = start;
            let samples: Vec<_> = values
                .into_iter()
                .zip(steps)
                .map(|(value, step)| {
                    time += step;
                    (time, value)
                })
                .collect();
            rows_of(&samples)
        })
}

proptest! {
    #[test]
    fn any_rows_come_back(rows in any_rows(1..300)) {
        for packing in [Packing::Memory, Packing::Disk] {
            prop_assert_eq!(seen(&decode(&encode(&rows, packing)).unwrap()), seen(&rows));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(rows) = decode(&bytes) {
            prop_assert!((1..=ROWS_MAX).contains(&rows.len()));
        }
    }

    #[test]
    fn a_damaged_packed_chunk_is_answered(rows in any_rows(1..200), at in any::<prop::sample::Index>(), mask in 1u8..) {
        let mut bytes = encode(&rows, Packing::Memory);
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        if let Ok(rows) = decode(&bytes) {
            prop_assert!((1..=ROWS_MAX).contains(&rows.len()));
        }
    }
}

proptest! {
    // pco is slow without optimisation.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_long_rows_come_back(rows in any_rows(PCO_ROWS_MIN..1_500)) {
        for packing in [Packing::Memory, Packing::Disk] {
            prop_assert_eq!(seen(&decode(&encode(&rows, packing)).unwrap()), seen(&rows));
        }
    }

    #[test]
    fn a_damaged_pco_chunk_is_answered(rows in any_rows(PCO_ROWS_MIN..600), at in any::<prop::sample::Index>(), mask in 1u8..) {
        let mut bytes = encode(&rows, Packing::Disk);
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        if let Ok(rows) = decode(&bytes) {
            prop_assert!((1..=ROWS_MAX).contains(&rows.len()));
        }
    }
}

#[test]
fn the_longest_chunk_comes_back() {
    let samples: Vec<_> = (0..8_192i64)
        .map(|at| {
            let mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
            let noise = (mixed ^ (mixed >> 29)).wrapping_mul(mixed >> 7);
            (at * 7 + noise.rem_euclid(5), Value::Integer(noise))
        })
        .collect();
    let rows = rows_of(&samples);
    for packing in [Packing::Memory, Packing::Disk] {
        let bytes = encode(&rows, packing);
        assert!(bytes.len() < 200_000);
        assert_eq!(decode(&bytes).unwrap(), rows);
    }
}

#[test]
fn kinds_keep_their_numbers() {
    assert_eq!(
        [ValueKind::Integer, ValueKind::Decimal, ValueKind::Double].map(|kind| kind as u8),
        [0, 1, 2]
    );
}
