//! Where buckets begin: border `k` of a series, counted from its anchor.

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Each zone's offset in minutes from a moment on, in Unix seconds, from 2011 to 2015. Sao Paulo skips midnight when its
/// summer begins; Lord Howe moves its clocks by half an hour.
#[rustfmt::skip]
pub(crate) const ZONES: [(&str, &[(i64, i64)]); 6] = [
    ("UTC", &[(0, 0)]),
    ("Europe/Paris", &[
        (0, 60), (1_301_187_600, 120), (1_319_936_400, 60), (1_332_637_200, 120), (1_351_386_000, 60),
        (1_364_691_600, 120), (1_382_835_600, 60), (1_396_141_200, 120), (1_414_285_200, 60), (1_427_590_800, 120),
    ]),
    ("America/New_York", &[
        (0, -300), (1_299_999_600, -240), (1_320_559_200, -300), (1_331_449_200, -240), (1_352_008_800, -300),
        (1_362_898_800, -240), (1_383_458_400, -300), (1_394_348_400, -240), (1_414_908_000, -300), (1_425_798_000, -240),
    ]),
    ("America/Sao_Paulo", &[
        (0, -120), (1_298_167_200, -180), (1_318_734_000, -120), (1_330_221_600, -180), (1_350_788_400, -120),
        (1_361_066_400, -180), (1_382_238_000, -120), (1_392_516_000, -180), (1_413_687_600, -120), (1_424_570_400, -180),
    ]),
    ("Australia/Lord_Howe", &[
        (0, 660), (1_301_756_400, 630), (1_317_483_000, 660), (1_333_206_000, 630), (1_349_537_400, 660),
        (1_365_260_400, 630), (1_380_987_000, 660), (1_396_710_000, 630), (1_412_436_600, 660), (1_428_159_600, 630),
    ]),
    ("Asia/Kolkata", &[(0, 330)]),
];

#[derive(Clone, Copy, Debug)]
pub(crate) enum Interval {
    All,
    Millis(i64),
    /// So many `ms`, `s`, `m`, `h`, `d`, `w`, `n` or `y` of the calendar.
    Calendar(i64, &'static str),
}

fn length(unit: &str) -> i64 {
    match unit {
        "ms" => 1,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        "n" => 30 * DAY,
        _ => 365 * DAY,
    }
}

impl Interval {
    /// 0 of everything.
    pub(super) fn nominal(self) -> i64 {
        match self {
            Interval::All => 0,
            Interval::Millis(millis) => millis,
            Interval::Calendar(amount, unit) => amount * length(unit),
        }
    }

    /// At most a long month or year, and an hour that a zone may add. 0 of what has one length.
    pub(super) fn longest(self) -> i64 {
        match self {
            Interval::Calendar(amount, "n") => amount * 31 * DAY + HOUR,
            Interval::Calendar(amount, "y") => amount * 366 * DAY + HOUR,
            Interval::Calendar(amount, unit) => amount * length(unit) + HOUR,
            _ => 0,
        }
    }
}

/// The borders of one series.
pub(super) struct Borders {
    zone: &'static [(i64, i64)],
    interval: Interval,
    /// A moment, a day since 1970 or a month since January 1970.
    anchor: i64,
}

impl Borders {
    /// For a series with this first point. None of the one bucket of everything.
    pub(super) fn new(interval: Interval, zone: &str, first: i64) -> Option<Self> {
        let (_, zone) = *ZONES.iter().find(|(name, _)| *name == zone).unwrap();
        let local = local(zone, first);
        let day = local.div_euclid(DAY);
        let floor = |length: i64| first - local.rem_euclid(length);
        let months = month_of(day);
        let january = months - months % 12;
        let anchor = match interval {
            Interval::All => return None,
            Interval::Millis(_) => 0,
            Interval::Calendar(n, "ms") if 1_000 % n == 0 => floor(SECOND),
            Interval::Calendar(n, "s") if 60 % n != 0 => floor(HOUR),
            Interval::Calendar(_, "ms" | "s") => floor(MINUTE),
            Interval::Calendar(n, "m") if 60 % n == 0 => floor(HOUR),
            Interval::Calendar(n, "h") if 24 % n != 0 => midnight(zone, first_day_of_month(months)),
            Interval::Calendar(_, "m" | "h") => midnight(zone, day),
            Interval::Calendar(1, "d") => day,
            Interval::Calendar(_, "d") => first_day_of_month(january),
            // 1970 began on a Thursday.
            Interval::Calendar(_, "w") => day - (day + 4) % 7,
            Interval::Calendar(..) => january,
        };
        Some(Self {
            zone,
            interval,
            anchor,
        })
    }

    pub(super) fn border(&self, k: i64) -> i64 {
        match self.interval {
            Interval::Calendar(n, "d") => midnight(self.zone, self.anchor + k * n),
            Interval::Calendar(n, "w") => midnight(self.zone, self.anchor + k * n * 7),
            Interval::Calendar(n, "n") => {
                midnight(self.zone, first_day_of_month(self.anchor + k * n))
            }
            Interval::Calendar(n, "y") => {
                midnight(self.zone, first_day_of_month(self.anchor + k * n * 12))
            }
            other => self.anchor + k * other.nominal(),
        }
    }

    /// Which bucket holds a moment.
    pub(super) fn holding(&self, time: i64) -> i64 {
        let mut k = (time - self.border(0)).div_euclid(self.interval.nominal());
        while self.border(k) > time {
            k -= 1;
        }
        while self.border(k + 1) <= time {
            k += 1;
        }
        k
    }
}

fn local(zone: &[(i64, i64)], time: i64) -> i64 {
    let (_, minutes) = zone
        .iter()
        .rfind(|(from, _)| from * SECOND <= time)
        .unwrap();
    time + minutes * MINUTE
}

/// The first moment at which clocks show that day.
fn midnight(zone: &[(i64, i64)], day: i64) -> i64 {
    let shown = zone.iter().map(|(_, minutes)| day * DAY - minutes * MINUTE);
    let changes = zone.iter().map(|(from, _)| from * SECOND);
    shown
        .chain(changes)
        .filter(|time| *time >= 0 && local(zone, *time) >= day * DAY)
        .min()
        .unwrap()
}

/// The length of a month, counted from January 1970.
fn month_length(months: i64) -> i64 {
    let (year, month) = (1970 + months / 12, months % 12);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        1 if leap => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

/// Which month a day since 1970 lies in.
fn month_of(day: i64) -> i64 {
    let (mut months, mut left) = (0, day);
    while left >= month_length(months) {
        left -= month_length(months);
        months += 1;
    }
    months
}

fn first_day_of_month(months: i64) -> i64 {
    (0..months).map(month_length).sum()
}
