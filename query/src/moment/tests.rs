use super::*;
use crate::zone;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_357_000_000_123);

fn read(text: &str) -> Result<i64, MomentError> {
    read_in(text, "UTC")
}

fn read_in(text: &str, zone: &str) -> Result<i64, MomentError> {
    parse(text, NOW, &zone::named(zone).unwrap()).map(Timestamp::millis)
}

#[test]
fn texts_that_are_no_moments_are_refused_with_a_reason() {
    let cases = [
        (
            "-1",
            "Invalid time: -1. Negative timestamps are not supported.",
        ),
        ("2013-01-01", "Invalid time: 2013-01-01"),
        ("yesterday", "Invalid time: yesterday"),
        ("", "Invalid time: "),
        ("1e9", "Invalid time: 1e9"),
        ("99999999999999999999", "Invalid time: 99999999999999999999"),
        ("2013/1/1", "Invalid absolute date: 2013/1/1"),
        (
            "2013/01/01T00:00",
            "Invalid absolute date: 2013/01/01T00:00",
        ),
        (
            "2013/01/01-00.00",
            "Invalid absolute date: 2013/01/01-00.00",
        ),
        ("12:30", "Invalid absolute date: 12:30"),
        ("é013/01/0", "Invalid absolute date: é013/01/0"),
        ("0h-ago", "Zero or negative duration: 0h"),
        ("-ago", "Cannot parse null or empty duration"),
        ("5min-ago", "Invalid duration (suffix): 5min"),
    ];
    for (text, message) in cases {
        assert_eq!(read(text).unwrap_err().to_string(), message, "{text}");
    }
    for text in ["1356998400.1234", "1356998400.", "135699840.123", ".5"] {
        assert_eq!(read(text), Err(MomentError::Fraction(text.into())));
    }
}

#[test]
fn numbers_are_seconds_up_to_ten_characters() {
    assert_eq!(read("1356998400"), Ok(1_356_998_400_000));
    assert_eq!(read("1356998400000"), Ok(1_356_998_400_000));
    assert_eq!(read("13569984000"), Ok(13_569_984_000));
    assert_eq!(read("0"), Ok(0));
    assert_eq!(read("5ms"), Ok(5));
    assert_eq!(read("1356998400.250"), Ok(1_356_998_400_250));
    // Eleven digits without the dot: a moment in 1970.
    assert_eq!(read("1356998400.2"), Ok(13_569_984_002));
}

#[test]
fn relative_moments_count_from_now() {
    assert_eq!(read("now"), Ok(NOW.millis()));
    assert_eq!(read("NOW"), Ok(NOW.millis()));
    assert_eq!(read("1h-ago"), Ok(NOW.millis() - 3_600_000));
    assert_eq!(read("2D-AGO"), Ok(NOW.millis() - 2 * 86_400_000));
    assert_eq!(read("500ms-ago"), Ok(NOW.millis() - 500));
}

#[test]
fn dates_are_local_and_roll_over() {
    assert_eq!(read("2013/01/01"), Ok(1_356_998_400_000));
    assert_eq!(read("2013/01/01-00:10"), Ok(1_356_999_000_000));
    assert_eq!(read("2013/01/01 00:00:01"), Ok(1_356_998_401_000));
    assert_eq!(read("2012/12/31-23:59:60"), Ok(1_356_998_400_000));
    assert_eq!(read("2012/13/01"), Ok(1_356_998_400_000));
    assert_eq!(read("2012/12/32"), Ok(1_356_998_400_000));
    assert_eq!(read_in("2013/01/01", "Europe/Paris"), Ok(1_356_994_800_000));
    // 02:30 does not exist on that night: clocks go from 02:00 to 03:00.
    assert_eq!(
        read_in("2013/03/31-02:30", "Europe/Paris"),
        Ok(1_364_693_400_000)
    );
}

proptest! {
    #[test]
    fn any_text_is_an_answer(text in "[0-9/: .a-zé-]{0,20}") {
        let _answer = read(&text).is_ok();
    }

    #[test]
    fn any_digits_in_a_date_are_an_answer(text in "[0-9]{4}/[0-9]{2}/[0-9]{2}[- ][0-9]{2}:[0-9]{2}:[0-9]{2}") {
        let _answer = read_in(&text, "America/New_York").is_ok();
    }
}
