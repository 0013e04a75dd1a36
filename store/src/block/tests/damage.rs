//! Whatever happens to the bytes: an error or the right rows.

use super::*;

/// A small block that has every part: shared pages, a page of its own, index, footer.
fn small() -> Content {
    Content::from([
        ((0, 1), integers(1, 40, 10)),
        ((0, 2), noise(2, 520)),
        ((0, 3), integers(3, 600, 10)),
        (
            (1, 0),
            vec![
                row(0, 5, Value::Double(-0.0)),
                row(0, 6, Value::Integer(i64::MIN)),
            ],
        ),
    ])
}

/// Reads everything in both ways. Rows that come back are those of `content`; whether all came is the answer.
fn all_is_well(bytes: &[u8], content: &Content) -> bool {
    let Ok(block) = open(bytes) else {
        return false;
    };
    let mut well = true;
    let mut reader = block.reader();
    for (key, rows) in content {
        match read_series(&mut reader, *key, i64::MIN, i64::MAX) {
            Ok(found) => assert_eq!(seen(&found), seen(rows), "{key:?}"),
            Err(_) => well = false,
        }
    }
    match read_all(&block) {
        Ok(found) => assert_same(&found, content),
        Err(_) => well = false,
    }
    well
}

#[test]
fn every_flipped_byte_is_found() {
    let content = small();
    for packing in [Packing::Memory, Packing::Disk] {
        let (bytes, _) = build(&content, packing);
        assert!(all_is_well(&bytes, &content));
        // The page of noise is there: the block has what its drawing has.
        assert!(bytes.len() > 4_000);
        for at in 0..bytes.len() {
            let mask = 1u8 << (at % 8);
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            assert!(!all_is_well(&damaged, &content), "byte {at} ^ {mask:02x}");
        }
    }
}

#[test]
fn every_other_length_is_found() {
    let content = small();
    let (bytes, _) = build(&content, Packing::Disk);
    for length in 0..bytes.len() {
        assert!(open(&bytes[..length]).is_err(), "{length} bytes");
    }
    assert!(open(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn damage_says_where_it_is() {
    let (mut bytes, _) = build(&small(), Packing::Memory);
    // The first page lies behind the header.
    bytes[30] ^= 1;
    let block = open(&bytes).unwrap();
    let mut cursor = block.cursor();
    cursor.next_series().unwrap();
    match cursor.next_chunk(&mut Vec::new()) {
        Err(BlockError::Damaged {
            offset: 8,
            damage: Damage::Checksum,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_goes_on_behind_damage_comes_to_the_end() {
    let content = all_lengths();
    let (bytes, _) = build(&content, Packing::Disk);
    for at in (8..bytes.len()).step_by(997) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let Ok(block) = open(&damaged) else { continue };
        let mut cursor = block.cursor();
        let (mut steps, mut rows) = (0u64, Vec::new());
        loop {
            match cursor.next_series() {
                Ok(None) => break,
                Ok(Some(_)) => while let Ok(true) = cursor.next_chunk(&mut rows) {},
                Err(_) => {}
            }
            rows.clear();
            steps += 1;
            assert!(steps <= 2 * block.chunks(), "it goes round");
        }
    }
}

/// Bytes with a right checksum but wrong content: what a fault of ours, not of the disk, would write.
fn page_of(content: &[u8]) -> Vec<u8> {
    page::PageWriter::new(Packing::Memory)
        .unwrap()
        .plain(content)
        .unwrap()
        .to_vec()
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(&bytes).is_err());
    }

    #[test]
    fn any_index_page_is_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut entries = Vec::new();
            if index::decode(&bytes, &mut entries).is_ok() {
                prop_assert!(entries.is_sorted_by_key(|entry| entry.key));
            }
    }

    #[test]
    fn any_page_of_a_wrong_kind_is_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200), codec in any::<u8>(), length in any::<u32>()) {
        let mut page = page_of(&bytes);
        page[4] = codec;
        page[5..9].copy_from_slice(&length.to_le_bytes());
        let checksum = crate::codec::checksum::Checksum::of(&page[4..]);
        page[..4].copy_from_slice(&checksum.to_bytes());
        let at = page::PageRef { position: 0, bytes: u32::try_from(page.len()).unwrap() };
        let mut content = Vec::new();
        let read = page::PageReader::default()
            .read(&BlockSource::Memory(Arc::from(page)), at, &mut content);
        prop_assert!(content.capacity() <= 2 * page::CONTENT_BYTES_MAX);
        if read.is_ok() && codec == 0 {
            prop_assert_eq!(content, bytes);
        }
    }
}
