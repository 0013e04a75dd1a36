use std::io;

use penstock_model::{SeriesIdentity, SeriesKey, SeriesKind, Tags, TenantId};
use proptest::prelude::*;

use super::reader::{read_run, read_summary};
use super::writer::RunWriter;
use super::*;
use crate::disk::DiskFile;

/// A file that is only bytes.
#[derive(Clone, Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl DiskFile for Bytes {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let found = self.0.get(start..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        unreachable!("runs are only read here")
    }

    fn sync_data(&self) -> io::Result<()> {
        unreachable!("runs are only read here")
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

type Rows = Vec<(u32, u32, SeriesKey)>;

fn key(of: u8, metric: &str, tags: &[(&str, &str)]) -> SeriesKey {
    SeriesIdentity {
        tenant: TenantId::from_bytes([of; 16]),
        kind: SeriesKind::Raw,
        metric: metric.into(),
        tags: Tags::from_pairs(tags.iter().copied()).unwrap(),
    }
    .to_key()
}

fn write(rows: &Rows) -> Bytes {
    let mut bytes = Vec::new();
    let mut sink = |more: &[u8]| {
        bytes.extend_from_slice(more);
        Ok(())
    };
    let mut writer = RunWriter::new(&mut sink).unwrap();
    for (series, metric, key) in rows {
        writer
            .push(Definition {
                series: SeriesId(*series),
                metric: MetricId(*metric),
                key: key.as_bytes(),
            })
            .unwrap();
    }
    writer.finish(Sequence(3), Sequence(1 << 40)).unwrap();
    Bytes(bytes)
}

fn read(file: &Bytes) -> Result<Rows, RunError> {
    let mut rows = Vec::new();
    read_run(file, &mut |definition| {
        let key = SeriesKey::from_bytes(definition.key).unwrap();
        rows.push((definition.series.0, definition.metric.0, key));
        Ok(())
    })?;
    Ok(rows)
}

/// Metrics of two tenants, ids in no order.
fn some_rows() -> Rows {
    let mut rows = Vec::new();
    for (nth, host) in (0..20).map(|n| (n, format!("host_{n:02}"))) {
        rows.push((
            nth * 7 % 20,
            4,
            key(1, "cpu.user", &[("dc", "lga"), ("host", &host)]),
        ));
        rows.push((
            u32::MAX - 1 - nth,
            9,
            key(2, "cpu.user", &[("host", &host)]),
        ));
    }
    rows.sort_by(|a, b| a.2.cmp(&b.2));
    rows
}

/// So long that they fill several pages.
fn long_rows() -> Rows {
    let text = |n: u32| {
        let mut word = n.wrapping_mul(2_654_435_761) | 1;
        let mut letters = std::iter::repeat_with(move || {
            word ^= word << 13;
            word ^= word >> 17;
            word ^= word << 5;
            char::from(b'a' + u8::try_from(word % 26).unwrap())
        });
        letters.by_ref().take(900).collect::<String>()
    };
    let mut rows: Rows = (0..200)
        .map(|n| (n, n % 3, key(1, "m", &[("text", &text(n))])))
        .collect();
    rows.sort_by(|a, b| a.2.cmp(&b.2));
    rows
}

/// The byte ranges of the pages.
fn pages(file: &Bytes) -> Vec<std::ops::Range<usize>> {
    let (mut at, mut pages) = (HEADER.len(), Vec::new());
    while at < file.0.len() - FOOTER_BYTES {
        let stored = u32::from_le_bytes(file.0[at..at + 4].try_into().unwrap());
        let end = at + PAGE_HEADER_BYTES + usize::try_from(stored).unwrap();
        pages.push(at..end);
        at = end;
    }
    pages
}

#[test]
fn definitions_come_back_over_several_pages() {
    for rows in [some_rows(), long_rows()] {
        let file = write(&rows);
        assert_eq!(read(&file).unwrap(), rows);
        let summary = read_summary(&file).unwrap();
        assert_eq!(usize::try_from(summary.series).unwrap(), rows.len());
        assert_eq!(
            (summary.first, summary.last),
            (Sequence(3), Sequence(1 << 40))
        );
    }
    assert!(pages(&write(&long_rows())).len() > 2);
}

#[test]
fn every_flipped_bit_is_an_error() {
    let file = write(&some_rows());
    for at in 0..file.0.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged.0[at] ^= 1 << bit;
            assert!(read(&damaged).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_file_that_is_too_short_or_too_long_is_an_error() {
    let file = write(&some_rows());
    for length in 0..file.0.len() {
        assert!(read(&Bytes(file.0[..length].to_vec())).is_err(), "{length}");
    }
    let mut longer = file.clone();
    longer.0.push(0);
    assert!(read(&longer).is_err());
    let mut doubled = file.clone();
    doubled.0.splice(8..8, file.0[8..].iter().copied());
    assert!(read(&doubled).is_err());
}

#[test]
fn pages_that_are_swapped_repeated_or_missing_are_an_error() {
    let file = write(&long_rows());
    let pages = pages(&file);
    let rebuilt = |order: &[usize]| {
        let mut bytes = HEADER.to_vec();
        for page in order {
            bytes.extend_from_slice(&file.0[pages[*page].clone()]);
        }
        bytes.extend_from_slice(&file.0[file.0.len() - FOOTER_BYTES..]);
        read(&Bytes(bytes))
    };
    let all: Vec<usize> = (0..pages.len()).collect();
    assert!(rebuilt(&all).is_ok());
    let mut swapped = all.clone();
    swapped.swap(0, 1);
    let repeated = [&all[..1], &all[..]].concat();
    for order in [&swapped[..], &repeated, &all[1..], &all[..all.len() - 1]] {
        assert!(rebuilt(order).is_err(), "{order:?}");
    }
}

#[test]
fn errors_say_where_and_what() {
    let mut file = write(&some_rows());
    file.0[HEADER.len() + PAGE_HEADER_BYTES] ^= 1;
    assert_eq!(
        read(&file).unwrap_err().to_string(),
        "the series run is damaged at byte 8: the checksum of a page does not fit"
    );
    file.0[7] = 2;
    assert_eq!(
        read(&file).unwrap_err().to_string(),
        "the series run is damaged at byte 0: not a series run of a known version"
    );
}

#[test]
fn the_first_version_can_still_be_read() {
    let golden = include_bytes!("../../../tests/golden/run_v1.series");
    assert_eq!(read(&Bytes(golden.to_vec())).unwrap(), some_rows());
}

proptest! {
    /// Good checksums around senseless pages: what a mistake of ours would look like.
    #[test]
    fn senseless_pages_never_panic(raw in proptest::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..60)) {
        let mut last = Vec::new();
        let result = page::visit(&raw, &mut Vec::new(), &mut |definition| {
            assert!(last.as_slice() < definition.key);
            last = definition.key.to_vec();
            Ok::<(), page::Senseless>(())
        });
        prop_assert!(result.is_err() || raw[0] == 0 || !last.is_empty());
    }
}
