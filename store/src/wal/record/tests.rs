use super::*;
use penstock_model::{SeriesIdentity, SeriesKind, Tags};
use proptest::prelude::*;

use crate::row::ValueKind;

fn row() -> impl Strategy<Value = Row> {
    let time = prop_oneof![
        Just(1_700_000_000_000),
        1_699_999_990_000..1_700_000_000_000i64,
        any::<i64>()
    ];
    let bits = prop_oneof![-100..100i64, any::<i64>(), Just(i64::MIN), Just(0)];
    let series = prop_oneof![0..40u32, any::<u32>()];
    let exponent = prop_oneof![-3..3i16, any::<i16>()];
    let kind = (0..3u8).prop_map(|kind| ValueKind::from_number(kind).unwrap());
    (time, bits, series, exponent, kind).prop_map(|(time, bits, series, exponent, kind)| Row {
        time,
        bits,
        series: SeriesId(series),
        exponent,
        kind,
    })
}

/// What a collector sends: all series at one time, then all at the next, of three shapes.
fn devops(rows: usize) -> Vec<Row> {
    (0..rows)
        .map(|at| Row {
            time: 1_700_000_000_000 + i64::try_from(at / 1_000).unwrap() * 10_000,
            bits: i64::try_from(at * 7_919 % 9_000).unwrap(),
            series: SeriesId(u32::try_from(at % 1_000).unwrap()),
            exponent: [0, -2, -3][at % 3],
            kind: [ValueKind::Integer, ValueKind::Decimal, ValueKind::Decimal][at % 3],
        })
        .collect()
}

fn decoded(bytes: &[u8]) -> Result<Vec<Row>, RecordError> {
    let mut rows = Vec::new();
    for record in Records::new(bytes) {
        if let (_, Record::Samples(samples)) = record? {
            samples.decode(&mut rows)?;
        }
    }
    Ok(rows)
}

fn key(host: &str) -> SeriesKey {
    SeriesIdentity {
        tenant: TenantId::from_bytes([7; 16]),
        kind: SeriesKind::Raw,
        metric: "sys.cpu.nice".into(),
        tags: Tags::from_pairs([("host", host)]).unwrap(),
    }
    .to_key()
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were(rows in proptest::collection::vec(row(), 1..200)) {
        let mut bytes = b"before".to_vec();
        encode_samples(&rows, &mut bytes);
        prop_assert_eq!(decoded(&bytes[6..]), Ok(rows));
    }

    #[test]
    fn tombstones_come_back_as_they_were(
        series in proptest::collection::btree_set(prop_oneof![0..50u32, any::<u32>(), Just(u32::MAX)], 0..50),
        from in any::<i64>(),
        to in any::<i64>(),
    ) {
        let tombstone = TombstoneRecord {
            tenant: TenantId::from_bytes([9; 16]),
            series: series.into_iter().map(SeriesId).collect(),
            from,
            to,
        };
        let mut bytes = Vec::new();
        encode_tombstone(&tombstone, &mut bytes);
        let found: Vec<_> = Records::new(&bytes).collect();
        prop_assert_eq!(found, [Ok((Sequence::ZERO, Record::Tombstone(tombstone)))]);
    }

    #[test]
    fn damaged_bytes_are_read_without_panic(
        rows in proptest::collection::vec(row(), 1..50),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        encode_samples(&rows, &mut bytes);
        for (at, mask) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        decoded(&bytes).ok();
        prop_assert!(decoded(&bytes[..cut.index(bytes.len())]).is_err() || cut.index(bytes.len()) == 0);
    }

    #[test]
    fn bytes_of_no_record_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        decoded(&bytes).ok();
    }
}

#[test]
fn records_stand_behind_each_other_with_their_sequences() {
    let rows = devops(10);
    let mut bytes = Vec::new();
    encode_definition(SeriesId(5), MetricId(2), &key("web01"), &mut bytes);
    set_sequence(&mut bytes, Sequence(41));
    let second = bytes.len();
    encode_samples(&rows, &mut bytes);
    set_sequence(&mut bytes[second..], Sequence(42));
    let records: Vec<_> = Records::new(&bytes).map(Result::unwrap).collect();
    let definition = Record::Definition {
        series: SeriesId(5),
        metric: MetricId(2),
        key: key("web01"),
    };
    assert_eq!(records[0], (Sequence(41), definition));
    let (Sequence(42), Record::Samples(samples)) = &records[1] else {
        panic!("{records:?}");
    };
    assert_eq!(samples.rows(), 10);
    assert_eq!(decoded(&bytes).unwrap(), rows);
}

#[test]
fn the_longest_records_fit_a_quarter_of_a_group() {
    let worst: Vec<Row> = (0..RECORD_ROWS_MAX)
        .map(|at| Row {
            time: i64::MIN >> (at % 2),
            bits: i64::MIN,
            series: SeriesId(if at % 2 == 0 { 0 } else { 1 << 31 }),
            exponent: i16::try_from(at).unwrap(),
            kind: ValueKind::Decimal,
        })
        .collect();
    let mut bytes = Vec::new();
    encode_samples(&worst, &mut bytes);
    assert!(bytes.len() <= 256 << 10, "{}", bytes.len());
    assert_eq!(decoded(&bytes).unwrap(), worst);

    let series = (1..=u32::try_from(TOMBSTONE_SERIES_MAX).unwrap()).map(|n| SeriesId(n * 131_000));
    let tombstone = TombstoneRecord {
        tenant: TenantId::from_bytes([0; 16]),
        series: series.collect(),
        from: 0,
        to: 0,
    };
    bytes.clear();
    encode_tombstone(&tombstone, &mut bytes);
    assert!(bytes.len() <= 256 << 10, "{}", bytes.len());
}

#[test]
fn a_row_of_devops_data_takes_about_four_bytes() {
    let mut bytes = Vec::new();
    encode_samples(&devops(RECORD_ROWS_MAX), &mut bytes);
    assert!(bytes.len() < RECORD_ROWS_MAX * 4, "{}", bytes.len());
}

#[test]
fn a_record_of_unknown_type_is_refused() {
    let mut bytes = Vec::new();
    encode_samples(&devops(1), &mut bytes);
    bytes[4] = 9;
    let found: Vec<_> = Records::new(&bytes).collect();
    assert_eq!(found, [Err(RecordError("a record of no known type"))]);
}
