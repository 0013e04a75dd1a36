//! One value of many, in integers and in doubles.

fn welford(values: &[f64]) -> f64 {
    let (mut mean, mut sum) = (values[0], 0.0);
    for (n, x) in (2u32..).zip(&values[1..]) {
        let next = mean + (x - mean) / f64::from(n);
        sum += (x - mean) * (x - next);
        mean = next;
    }
    if values.len() == 1 {
        0.0
    } else {
        (sum / values.len() as f64).sqrt()
    }
}

fn percentile(name: &str, values: &[f64], is_int: bool) -> f64 {
    let digits: String = name
        .trim_start_matches(['e', 'p'])
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let quantile = if digits == "999" {
        99.9
    } else {
        digits.parse::<f64>().unwrap()
    };
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let (p, n) = (quantile / 100.0, sorted.len() as f64);
    let position = if is_int && name.ends_with("r3") {
        if p <= 1.0 / (2.0 * n) {
            0.0
        } else {
            (n * p).round_ties_even()
        }
    } else if is_int && name.ends_with("r7") {
        1.0 + (n - 1.0) * p
    } else {
        p * (n + 1.0)
    };
    if position < 1.0 {
        return sorted[0];
    }
    if position >= n {
        return sorted[sorted.len() - 1];
    }
    let k = position.floor();
    let (low, high) = (sorted[k as usize - 1], sorted[k as usize]);
    low + (position - k) * (high - low)
}

pub(super) fn ints(name: &str, values: &[i64]) -> i64 {
    let sum = |values: &[i64]| values.iter().fold(0i64, |a, b| a.wrapping_add(*b));
    let as_floats: Vec<f64> = values.iter().map(|value| *value as f64).collect();
    match name {
        "sum" | "zimsum" | "pfsum" => sum(values),
        "min" | "mimmin" => *values.iter().min().unwrap(),
        "max" | "mimmax" => *values.iter().max().unwrap(),
        "avg" => sum(values) / values.len() as i64,
        "count" => values.len() as i64,
        "dev" => welford(&as_floats) as i64,
        "median" => {
            let mut sorted = values.to_vec();
            sorted.sort_unstable();
            sorted[sorted.len() / 2]
        }
        "mult" => values.iter().fold(1i64, |a, b| a.wrapping_mul(*b)),
        "squareSum" => values
            .iter()
            .fold(0i64, |a, b| a.wrapping_add(b.wrapping_mul(*b))),
        "diff" => values[values.len() - 1].wrapping_sub(values[0]),
        "first" | "none" => values[0],
        "last" => values[values.len() - 1],
        _ => percentile(name, &as_floats, true) as i64,
    }
}

pub(super) fn floats(name: &str, values: &[f64]) -> f64 {
    let kept: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    match name {
        "count" => return kept.len() as f64,
        "mult" => return values.iter().product(),
        "first" | "none" => return values[0],
        "last" => return values[values.len() - 1],
        _ if kept.is_empty() => return f64::NAN,
        _ => {}
    }
    let sum = |values: &[f64]| values.iter().fold(0.0, |a, b| a + b);
    match name {
        "sum" | "zimsum" | "pfsum" => sum(&kept),
        "min" | "mimmin" => kept.iter().copied().fold(f64::INFINITY, f64::min),
        "max" | "mimmax" => kept.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "avg" => sum(&kept) / kept.len() as f64,
        "dev" => welford(&kept),
        "median" => {
            let mut sorted = kept;
            sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
            sorted[sorted.len() / 2]
        }
        "squareSum" => kept.iter().fold(0.0, |a, b| a + b * b),
        "diff" => {
            // The last of all, NaN or not, against the first that is none; 0 if that is the last.
            let at = values.iter().position(|value| !value.is_nan()).unwrap();
            if at + 1 == values.len() {
                0.0
            } else {
                values[values.len() - 1] - values[at]
            }
        }
        _ => percentile(name, &kept, false),
    }
}
