//! Numbers of a fixed count of bits, without gaps.
//!
//! ```text
//!   width 3:   byte 0            byte 1
//!              c c b b b a a a   f e e e d d d c      least significant bit on the right
//! ```
//!
//! The last byte is filled with zeros. A width of 0 takes no bytes: every number is 0.

/// The widest number.
pub const WIDTH_MAX: u32 = u64::BITS;

/// How many bits `value` needs; 0 for 0.
#[inline]
pub const fn width_of(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// How many bytes `count` numbers take.
#[inline]
pub const fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends `values`. Each must fit `width` bits.
#[inline]
pub fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut word = 0u64;
    let mut filled = 0u32;
    for value in values {
        debug_assert!(width_of(value) <= width, "{value} in {width} bits");
        word |= value << filled;
        filled += width;
        if filled >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes());
            filled -= u64::BITS;
            // What did not fit. At `filled == 0` all did, and the shift would be by the whole word.
            word = value.checked_shr(width - filled).unwrap_or(0);
        }
    }
    let rest = word.to_le_bytes();
    out.extend_from_slice(rest.split_at(filled.div_ceil(8) as usize).0);
}

/// Reads numbers of `width` bits, at most 64, into all of `out`. Bytes that are missing count as 0: the caller
/// takes [`packed_bytes`] of them.
#[inline]
pub fn unpack(bytes: &[u8], width: u32, out: &mut [u64]) {
    debug_assert!(width <= WIDTH_MAX);
    if width == 0 {
        out.fill(0);
        return;
    }
    let mask = u64::MAX >> (u64::BITS - width.min(WIDTH_MAX));
    let mut words = bytes.chunks(8).map(|chunk| match chunk.first_chunk() {
        Some(whole) => u64::from_le_bytes(*whole),
        None => partial_word(chunk),
    });
    let mut word = 0u64;
    let mut left = 0u32;
    for value in out {
        if left >= width {
            *value = word & mask;
            word = word.checked_shr(width).unwrap_or(0);
            left -= width;
        } else {
            let next = words.next().unwrap_or(0);
            *value = (word | next.checked_shl(left).unwrap_or(0)) & mask;
            let taken = width - left;
            word = next.checked_shr(taken).unwrap_or(0);
            left = u64::BITS - taken;
        }
    }
}

#[cold]
fn partial_word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_lie_as_the_drawing_says() {
        let mut out = Vec::new();
        pack([1, 2, 3, 4, 5, 6].into_iter(), 3, &mut out);
        assert_eq!(out, [0b1101_0001, 0b0101_1000, 0b11]);
    }

    #[test]
    fn missing_bytes_are_zeros_and_no_panic() {
        let mut out = [7; 4];
        unpack(&[], 64, &mut out);
        assert_eq!(out, [0; 4]);
        unpack(&[0xff], 7, &mut out);
        assert_eq!(out, [0x7f, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn numbers_come_back(width in 0u32..=64, values in proptest::collection::vec(any::<u64>(), 0..300)) {
            let values: Vec<u64> = values
                .into_iter()
                .map(|value| if width == 0 { 0 } else { value >> (64 - width) })
                .collect();
            let mut bytes = vec![0xaa];
            pack(values.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len() - 1, packed_bytes(values.len(), width));
            let mut back = vec![u64::MAX; values.len()];
            unpack(&bytes[1..], width, &mut back);
            prop_assert_eq!(back, values);
        }
    }
}
