use super::*;

fn points(series: &[(i64, f64)]) -> Vec<Point> {
    series
        .iter()
        .map(|(time, value)| Point {
            time: *time,
            #[expect(clippy::cast_possible_truncation, reason = "whole numbers below")]
            number: if value.fract() == 0.0 {
                Number::Integer(*value as i64)
            } else {
                Number::Float(*value)
            },
        })
        .collect()
}

fn merged(aggregator: &str, range: (i64, i64), series: &[&[(i64, f64)]]) -> Vec<(i64, Number)> {
    let manner = Manner {
        aggregator: Aggregator::named(aggregator).unwrap(),
        range,
        is_float: false,
        is_held: false,
    };
    let mut merge = Merge::new(manner);
    let read = |merge: &mut Merge| {
        for one in series {
            // A border between batches anywhere must not show.
            for batch in points(one).chunks(2) {
                merge.push(batch);
            }
            merge.end_series();
        }
    };
    read(&mut merge);
    if merge.wants_second_reading() {
        read(&mut merge);
    }
    let (mut all, mut some, mut from) = (Vec::new(), Vec::new(), 0);
    while merge.next_points(&mut from, &mut some) {
        all.extend(some.iter().map(|point| (point.time, point.number)));
    }
    all
}

fn integers(answer: &[(i64, i64)]) -> Vec<(i64, Number)> {
    answer
        .iter()
        .map(|(time, value)| (*time, Number::Integer(*value)))
        .collect()
}

const A: &[(i64, f64)] = &[(0, 10.0), (20, 30.0), (60, 50.0)];
const B: &[(i64, f64)] = &[(20, 5.0), (40, 9.0)];

#[test]
fn the_worked_example_of_the_three_sums() {
    for series in [[A, B], [B, A]] {
        let sums = |name| merged(name, (0, 60), &series);
        assert_eq!(
            sums("sum"),
            integers(&[(0, 10), (20, 35), (40, 49), (60, 50)])
        );
        assert_eq!(
            sums("zimsum"),
            integers(&[(0, 10), (20, 35), (40, 9), (60, 50)])
        );
        assert_eq!(
            sums("pfsum"),
            integers(&[(0, 10), (20, 35), (40, 39), (60, 50)])
        );
    }
}

#[test]
fn integers_end_one_point_before_the_first_float() {
    let answer = merged("sum", (0, 20), &[&[(0, 1.0), (10, 2.0), (20, 3.5)]]);
    assert_eq!(
        answer,
        [
            (0, Number::Integer(1)),
            (10, Number::Float(2.0)),
            (20, Number::Float(3.5))
        ]
    );
    // A series that has not begun counts with its first point; one that has ended does not count.
    let late: &[(i64, f64)] = &[(10, 0.5)];
    let answer = merged("sum", (0, 20), &[&[(0, 1.0), (10, 2.0), (20, 3.0)], late]);
    assert_eq!(
        answer,
        [
            (0, Number::Float(1.0)),
            (10, Number::Float(2.5)),
            (20, Number::Integer(3))
        ]
    );
}

#[test]
fn points_outside_the_range_interpolate_but_do_not_answer() {
    let answer = merged("sum", (10, 20), &[&[(0, 0.0), (30, 30.0)], &[(15, 1.0)]]);
    assert_eq!(answer, integers(&[(15, 16)]));
}

#[test]
fn integers_wrap_and_quotients_are_cut_off() {
    let most = 9_007_199_254_740_992.0;
    let answer = merged("mult", (0, 0), &[&[(0, most)], &[(0, most)]]);
    assert_eq!(answer, integers(&[(0, 0)]));
    let answer = merged("sum", (1, 1), &[&[(0, 0.0), (3, -2.0)], &[(1, 0.0)]]);
    // -2 / 3 is cut towards 0.
    assert_eq!(answer, integers(&[(1, 0)]));
}

#[test]
fn extremes_do_not_see_what_lies_between_points() {
    let low: &[(i64, f64)] = &[(0, -7.0), (20, -9.0)];
    let answer = merged("mimmin", (0, 20), &[low, &[(10, 3.0)]]);
    assert_eq!(answer, integers(&[(0, -7), (10, 3), (20, -9)]));
    let answer = merged("min", (0, 20), &[low, &[(10, 3.0)]]);
    assert_eq!(answer, integers(&[(0, -7), (10, -8), (20, -9)]));
    let answer = merged("mimmax", (0, 20), &[&[(0, 7.0), (20, 9.0)], &[(10, 3.0)]]);
    assert_eq!(answer, integers(&[(0, 7), (10, 3), (20, 9)]));
}

#[test]
fn aligned_series_are_read_once() {
    let manner = Manner {
        aggregator: Aggregator::named("sum").unwrap(),
        range: (0, 100),
        is_float: false,
        is_held: false,
    };
    let mut merge = Merge::new(manner);
    for series in [A, A, &[(80, 1.0)]] {
        merge.push(&points(series));
        merge.end_series();
    }
    assert!(!merge.wants_second_reading());
    merge.push(&points(B));
    assert!(merge.wants_second_reading());
    assert!(!merge.wants_second_reading());
}
