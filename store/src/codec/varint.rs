//! Numbers in as few bytes as they need.
//!
//! Seven bits a byte, least significant first, the top bit set on all but the last byte. Signed numbers are
//! zigzagged first, so that small ones of either sign stay short. [`super::input::Input`] reads them back.

/// The longest varint of 64 bits.
pub const VARINT_BYTES_MAX: usize = 10;

/// Appends `value`.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_seven_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_seven_bits(value));
}

/// Appends `value`, zigzagged.
#[inline]
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, zigzag(value));
}

/// Folds the sign into the lowest bit: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub const fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// Undoes [`zigzag`].
#[inline]
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

const fn low_seven_bits(value: u64) -> u8 {
    (value & 0x7f) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::input::{Input, InputError};
    use proptest::prelude::*;

    #[test]
    fn bad_varints_are_refused() {
        let cases: [(&[u8], InputError); 5] = [
            (&[], InputError::Truncated),
            (&[0x80], InputError::Truncated),
            (&[0xff; 9], InputError::Truncated),
            (&[0xff; 10], InputError::Overlong),
            // The tenth byte may hold the 64th bit alone.
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
                InputError::Overlong,
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Input::new(bytes).varint(), Err(expected), "{bytes:?}");
        }
    }

    #[test]
    fn small_numbers_are_short() {
        for (value, length) in [
            (0, 1),
            (127, 1),
            (128, 2),
            (u64::from(u32::MAX), 5),
            (u64::MAX, 10),
        ] {
            let mut out = Vec::new();
            put_u64(&mut out, value);
            assert_eq!(out.len(), length, "{value}");
        }
        assert_eq!([0, -1, 1, -2, 2].map(zigzag), [0, 1, 2, 3, 4]);
        assert_eq!(zigzag(i64::MIN), u64::MAX);
    }

    proptest! {
        #[test]
        fn numbers_come_back(unsigned in any::<u64>(), signed in any::<i64>(), shift in 0u32..64) {
            let mut out = Vec::new();
            put_u64(&mut out, unsigned >> shift);
            put_i64(&mut out, signed >> shift);
            let mut input = Input::new(&out);
            prop_assert_eq!(input.varint(), Ok(unsigned >> shift));
            prop_assert_eq!(input.signed_varint(), Ok(signed >> shift));
            prop_assert!(input.is_empty());
        }
    }
}
