use std::collections::BTreeMap;

use penstock_model::{Timestamp, Value};
use penstock_store::SeriesId;
use proptest::prelude::*;

use super::*;
use crate::read::ReadError;

fn row(time: i64, value: i64) -> Row {
    Row::new(
        SeriesId(0),
        Timestamp::from_millis(time),
        Value::Integer(value),
    )
}

/// A source that hands out its rows in batches of `length`, empty ones between them.
fn source(rows: Vec<Row>, length: usize) -> impl FnMut(&mut Vec<Row>) -> Result<bool, ReadError> {
    let mut rows = rows.into_iter().peekable();
    let mut turn = 0;
    move |out| {
        out.clear();
        if rows.peek().is_none() {
            return Ok(false);
        }
        turn += 1;
        if turn % 3 != 0 {
            out.extend(rows.by_ref().take(length));
        }
        Ok(true)
    }
}

proptest! {
    #[test]
    fn it_is_a_map_into_which_the_sources_go_in_order(
        sources in proptest::collection::vec(
            (proptest::collection::btree_map(0..300_i64, any::<i64>(), 0..80), 1..9_usize), 1..5),
    ) {
        let mut expected = BTreeMap::new();
        for (rows, _) in &sources {
            expected.extend(rows.clone());
        }
        let mut refills: Vec<_> = sources
            .into_iter()
            .map(|(rows, length)| source(rows.into_iter().map(|(t, v)| row(t, v)).collect(), length))
            .collect();
        let mut merge = RowMerge::default();
        for _ in 0..2 {
            merge.begin(refills.len());
        }
        let mut sources: Vec<&mut Refill<'_, Row, ReadError>> = refills.iter_mut().map(|refill| refill as _).collect();
        let (mut found, mut batch) = (Vec::new(), Vec::new());
        while merge.next_batch(&mut sources, &mut batch).unwrap() {
            found.append(&mut batch);
        }
        let expected: Vec<Row> = expected.into_iter().map(|(t, v)| row(t, v)).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_source_that_fails_ends_it() {
    let mut good = source(vec![row(1, 1)], 1);
    let mut bad = |_: &mut Vec<Row>| {
        let gone = crate::volumes::VolumeError::missing("b", "gone");
        Err(ReadError::Volume(gone))
    };
    let mut merge = RowMerge::default();
    merge.begin(2);
    let failed = merge.next_batch(&mut [&mut good, &mut bad], &mut Vec::new());
    assert_eq!(
        failed.unwrap_err().to_string(),
        "volume b cannot be read: gone"
    );
}

#[test]
fn a_source_is_not_asked_beyond_its_end() {
    // As another server's answer: behind the end of a series come the rows of the next one.
    for sources in 1..=2 {
        let mut answers = [Some(row(1, 1)), None, Some(row(2, 2))].into_iter();
        let mut peer = |out: &mut Vec<Row>| {
            out.clear();
            let next = answers.next().unwrap();
            out.extend(next);
            Ok(next.is_some())
        };
        let mut empty = source(Vec::new(), 1);
        let mut merge = RowMerge::default();
        merge.begin(sources);
        let mut lanes: Vec<&mut Refill<'_, Row, ReadError>> = vec![&mut peer, &mut empty];
        lanes.truncate(sources);
        let mut batch = Vec::new();
        assert!(merge.next_batch(&mut lanes, &mut batch).unwrap());
        assert_eq!(batch, [row(1, 1)]);
        for _ in 0..2 {
            assert!(!merge.next_batch(&mut lanes, &mut batch).unwrap());
            assert!(batch.is_empty());
        }
        assert_eq!(answers.next(), Some(Some(row(2, 2))));
    }
}
