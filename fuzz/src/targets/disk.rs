//! What lies on a disk, and may not be what was written.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use penstock_model::{Clock, Day, SeriesIdentity, SeriesKind, Tags, TenantId, Timestamp, Value};
use penstock_store::block::{Block, BlockBuilder, BlockMeta, BlockSource};
use penstock_store::chunk::{Decoder, Encoder, Packing};
use penstock_store::codec::checksum::Checksum;
use penstock_store::config::StoreConfig;
use penstock_store::disk::{Disk as _, SimDisk};
use penstock_store::row::{MetricId, Row, Sequence, SeriesId};
use penstock_store::series::{KindFilter, Matcher, Selection, SeriesFilter, Unlimited};
use penstock_store::store::Store;
use penstock_store::wal::record::{self, Records, TombstoneRecord};

use super::Target;

const NOON: i64 = 1_795_608_000_000;
const SEGMENT: &str = "wal/0000000001";
const SEGMENT_BYTES: u64 = 8 << 10;
/// A block ends with its length of footer, a checksum and a mark: 4, 4 and 8 bytes.
const TRAILER_BYTES: usize = 16;

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOON)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn tenant() -> TenantId {
    TenantId::from_bytes([7; 16])
}

fn identity() -> SeriesIdentity {
    SeriesIdentity {
        tenant: tenant(),
        kind: SeriesKind::Raw,
        metric: "m".into(),
        tags: Tags::from_pairs([("host", "a")]).unwrap_or_default(),
    }
}

fn rows(count: i64) -> Vec<Row> {
    let row = |at: i64| {
        let time = Timestamp::from_millis(NOON + at * 1_000);
        let value = match at % 3 {
            0 => Value::Integer(at * at),
            _ => Value::from_decimal(at * 7_919, -2),
        };
        Row::new(SeriesId(0), time, value)
    };
    (0..count).map(row).collect()
}

fn open(disk: &SimDisk) -> Result<Store, String> {
    let config = StoreConfig {
        wal_segment_bytes: SEGMENT_BYTES,
        group_bytes_max: 2 << 10,
        hash_seed: 1,
        ..StoreConfig::default()
    };
    let opened = Store::open_without_threads(Arc::new(disk.clone()), Arc::new(Stopped), config);
    opened
        .map(|(store, _)| store)
        .map_err(|error| penstock_model::WithCauses(&error).to_string())
}

/// A store whose log holds 40 rows, three groups of them; `None` if there is none, which a test would notice.
fn written() -> Option<&'static SimDisk> {
    static WRITTEN: OnceLock<Option<SimDisk>> = OnceLock::new();
    let write = || {
        let disk = SimDisk::new();
        let store = open(&disk).ok()?;
        let now = Timestamp::from_millis(NOON);
        let id = store
            .resolve(&identity().to_key(), now.day(), &Unlimited)
            .ok()?;
        for some in rows(40).chunks(14) {
            let some: Vec<Row> = some.iter().map(|row| Row { series: id, ..*row }).collect();
            let last = store.append(&some).ok()?;
            store.wait_durable(last).ok()?;
        }
        drop(store);
        Some(disk)
    };
    WRITTEN.get_or_init(write).as_ref()
}

/// The log's first segment. Whatever is in it: the store opens or says why not, and shows rows that were written, no others.
pub(super) const WAL: Target = Target {
    name: "wal",
    seeds: || {
        let segment = || {
            let mut bytes = vec![0; usize::try_from(SEGMENT_BYTES).ok()?];
            let file = written()?.open(Path::new(SEGMENT)).ok()?;
            file.read_exact_at(&mut bytes, 0).ok()?;
            Some(bytes)
        };
        segment().into_iter().collect()
    },
    read: |input| {
        let Some(written) = written() else {
            return String::new();
        };
        let disk = written.killed();
        let bytes = input.get(..input.len().min(8 << 10)).unwrap_or_default();
        let damaged = disk
            .open(Path::new(SEGMENT))
            .and_then(|file| file.write_all_at(bytes, 0));
        if let Err(error) = damaged {
            return error.to_string();
        }
        match open(&disk) {
            Err(error) => error,
            Ok(store) => format!("{} rows", shown(&store)),
        }
    },
};

/// How many rows a store shows, each of which must be one of those that were written.
fn shown(store: &Store) -> usize {
    let selection = Selection {
        tenant: tenant(),
        any_of: vec![SeriesFilter {
            metric: Matcher::any(),
            kind: KindFilter::RawOnly,
            tags: Vec::new(),
        }],
    };
    let Ok(mut scan) = store.scan(&selection, Timestamp::MIN, Timestamp::MAX) else {
        return 0;
    };
    let (mut found, mut batch, original) = (0, Vec::new(), rows(40));
    while let Ok(Some(mut series)) = scan.next_series() {
        while let Ok(true) = series.next_batch(&mut batch) {
            for row in &batch {
                let same = |one: &&Row| one.time == row.time && one.value() == row.value();
                assert!(
                    original.iter().any(|one| same(&one)),
                    "a wrong value: {row:?}"
                );
            }
            found += batch.len();
        }
    }
    found
}

/// Records of the log, of which a checksum has said that they are good.
pub(super) const RECORDS: Target = Target {
    name: "records",
    seeds: || {
        let (mut samples, mut definition, mut tombstone) = (Vec::new(), Vec::new(), Vec::new());
        record::encode_samples(&rows(20), &mut samples);
        record::encode_definition(
            SeriesId(1),
            MetricId(2),
            &identity().to_key(),
            &mut definition,
        );
        let deleted = TombstoneRecord {
            tenant: tenant(),
            series: vec![SeriesId(1), SeriesId(900)],
            from: 0,
            to: NOON,
        };
        record::encode_tombstone(&deleted, &mut tombstone);
        vec![
            [&samples[..], &definition, &tombstone].concat(),
            samples,
            tombstone,
        ]
    },
    read: |input| {
        let say = |record: Result<_, record::RecordError>| match record {
            Ok((_, record::Record::Samples(samples))) => {
                let read = samples.decode(&mut Vec::new());
                format!("samples {:?}", read.map_err(|error| error.0))
            }
            Ok((_, record::Record::Definition { .. })) => "definition".to_owned(),
            Ok((_, record::Record::Tombstone(_))) => "tombstone".to_owned(),
            Err(error) => error.to_string(),
        };
        // All are read, and a few tell enough.
        let said: Vec<String> = Records::new(input).map(say).collect();
        said.get(..8).unwrap_or(&said).join("; ")
    },
};

/// A block. Its footer's checksum is made good, so that what lies behind it is looked at.
pub(super) const BLOCK: Target = Target {
    name: "block",
    seeds: || [5, 600].into_iter().filter_map(block_of).collect(),
    read: |input| {
        let mut bytes = input.to_vec();
        mend_footer(&mut bytes);
        let block = match Block::open(BlockSource::Memory(bytes.into())) {
            Ok(block) => block,
            Err(error) => return penstock_model::WithCauses(&error).to_string(),
        };
        let (mut cursor, mut rows, mut chunks) = (block.cursor(), Vec::new(), 0u64);
        loop {
            match cursor.next_series() {
                Ok(None) => return format!("{chunks} chunks"),
                Ok(Some((_, series))) => {
                    rows.clear();
                    while let Ok(true) = cursor.next_chunk(&mut rows) {
                        chunks += 1;
                        assert!(
                            rows.iter().all(|row| row.series == series),
                            "another series"
                        );
                        rows.clear();
                    }
                }
                Err(error) => return penstock_model::WithCauses(&error).to_string(),
            }
        }
    },
};

fn block_of(count: i64) -> Option<Vec<u8>> {
    let now = Timestamp::from_millis(NOON);
    let meta = BlockMeta {
        day: Day::from_number(now.day().number()),
        first: Sequence(1),
        last: Sequence(9),
        received_first: now,
        received_last: now,
        tombstones: Sequence(9),
    };
    let mut builder = BlockBuilder::new(meta, Packing::Disk, Vec::new()).ok()?;
    for series in 0..3 {
        let rows: Vec<Row> = rows(count)
            .into_iter()
            .map(|row| Row {
                series: SeriesId(series),
                ..row
            })
            .collect();
        builder
            .push(MetricId(series / 2), SeriesId(series), &rows)
            .ok()?;
    }
    builder.finish(Vec::new()).ok().map(|(bytes, _)| bytes)
}

/// Puts the checksum of the footer that the trailer tells of in its place.
fn mend_footer(bytes: &mut [u8]) {
    let mended = || {
        let trailer = bytes.len().checked_sub(TRAILER_BYTES)?;
        let length = bytes.get(trailer..)?.first_chunk::<4>()?;
        let footer = trailer.checked_sub(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        let covered = bytes.get(footer..trailer + 4)?;
        Some((trailer + 4, Checksum::of(covered).to_bytes()))
    };
    if let Some((at, checksum)) = mended()
        && let Some(place) = bytes.get_mut(at..at + 4)
    {
        place.copy_from_slice(&checksum);
    }
}

/// A chunk, of whose page a checksum has said that it is good: rows ascend, or it is refused.
pub(super) const CHUNK: Target = Target {
    name: "chunk",
    seeds: || {
        let mut seeds = Vec::new();
        for count in [1, 2, 30, 600] {
            for packing in [Packing::Memory, Packing::Disk] {
                let mut bytes = Vec::new();
                Encoder::new(packing).encode(&rows(count), &mut bytes);
                seeds.push(bytes);
            }
        }
        seeds
    },
    read: |input| {
        let mut rows = Vec::new();
        match Decoder::new().decode(input, SeriesId(1), &mut rows) {
            Ok(()) => {
                assert!(
                    rows.is_sorted_by(|a, b| a.time < b.time),
                    "times do not ascend"
                );
                let about = rows.len().checked_ilog2().unwrap_or(0);
                format!(
                    "rows{}",
                    ["-", "+"].get(usize::from(about > 4)).unwrap_or(&"")
                )
            }
            Err(error) => {
                assert!(rows.is_empty(), "rows of a damaged chunk");
                penstock_model::WithCauses(&error).to_string()
            }
        }
    },
};
