//! Percentiles of sorted values by three estimates of the position.

/// Where the percentile lies among `n` sorted values, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Estimate {
    /// `p (n + 1)`
    Legacy,
    /// `n p` rounded half to even: the nearest value.
    R3,
    /// `1 + (n - 1) p`
    R7,
}

/// The value at `percent` of `values`, which are put in order. `None` of none.
pub(crate) fn of(values: &mut [f64], percent: f64, estimate: Estimate) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*values.first()?, *values.last()?);
    #[expect(clippy::cast_precision_loss, reason = "nobody sorts 2^53 values")]
    let length = values.len() as f64;
    let position = position(percent / 100.0, length, estimate);
    if position < 1.0 {
        return Some(first);
    }
    if position >= length {
        return Some(last);
    }
    let whole = position.floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and the length"
    )]
    let at = whole as usize;
    let lower = values.get(at - 1).copied()?;
    let upper = values.get(at).copied()?;
    Some(lower + (position - whole) * (upper - lower))
}

fn position(fraction: f64, length: f64, estimate: Estimate) -> f64 {
    match estimate {
        Estimate::Legacy => fraction * (length + 1.0),
        Estimate::R3 if fraction <= 0.5 / length => 0.0,
        Estimate::R3 => (length * fraction).round_ties_even(),
        Estimate::R7 => 1.0 + (length - 1.0) * fraction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_to(n: u8) -> Vec<f64> {
        (1..=n).rev().map(f64::from).collect()
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "exact arithmetic")]
    fn the_three_estimates_differ() {
        // p (n + 1) = 7.5; n p = 7.5, to even 8... of ten values 75 % is 8, R-7 is 7.75.
        assert_eq!(of(&mut one_to(10), 75.0, Estimate::Legacy).unwrap(), 8.25);
        assert_eq!(of(&mut one_to(10), 75.0, Estimate::R3).unwrap(), 8.0);
        assert_eq!(of(&mut one_to(10), 75.0, Estimate::R7).unwrap(), 7.75);
        // Half to even: 2.5 is 2.
        assert_eq!(of(&mut one_to(5), 50.0, Estimate::R3).unwrap(), 2.0);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "exact arithmetic")]
    fn positions_outside_are_the_ends() {
        for estimate in [Estimate::Legacy, Estimate::R3, Estimate::R7] {
            assert_eq!(of(&mut [], 50.0, estimate), None);
            assert_eq!(of(&mut [7.0], 99.9, estimate).unwrap(), 7.0);
        }
        assert_eq!(of(&mut one_to(10), 99.9, Estimate::Legacy).unwrap(), 10.0);
        assert_eq!(of(&mut one_to(1), 50.0, Estimate::R3).unwrap(), 1.0);
    }
}
