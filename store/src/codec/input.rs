//! A cursor over bytes that may end or lie at any place.
//!
//! Every read answers with what it found or says why not; none panics, none allocates.

use super::varint::unzigzag;

/// Bytes yet to be read.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

/// Why a number could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// A varint of more than 64 bits, or a number outside the range of its field.
    #[error("a number is too large for its field")]
    Overlong,
}

impl<'a> Input<'a> {
    /// Starts at the first of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have not been read.
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether all has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`InputError::Truncated`]; nothing is consumed.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], InputError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(InputError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`InputError::Truncated`]; nothing is consumed.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], InputError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(InputError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`InputError::Truncated`].
    #[inline]
    pub fn u8(&mut self) -> Result<u8, InputError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, little endian.
    ///
    /// # Errors
    /// [`InputError::Truncated`].
    #[inline]
    pub fn u16(&mut self) -> Result<u16, InputError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little endian.
    ///
    /// # Errors
    /// [`InputError::Truncated`].
    #[inline]
    pub fn u32(&mut self) -> Result<u32, InputError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little endian.
    ///
    /// # Errors
    /// [`InputError::Truncated`].
    #[inline]
    pub fn u64(&mut self) -> Result<u64, InputError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A varint.
    ///
    /// # Errors
    /// [`InputError::Truncated`] or [`InputError::Overlong`]; the input is then of no further use.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, InputError> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..70).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                return Err(InputError::Overlong);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(InputError::Overlong)
    }

    /// A zigzagged varint.
    ///
    /// # Errors
    /// As [`Self::varint`].
    #[inline]
    pub fn signed_varint(&mut self) -> Result<i64, InputError> {
        self.varint().map(unzigzag)
    }

    /// A varint that must fit 32 bits.
    ///
    /// # Errors
    /// As [`Self::varint`].
    #[inline]
    pub fn varint_u32(&mut self) -> Result<u32, InputError> {
        u32::try_from(self.varint()?).map_err(|_| InputError::Overlong)
    }

    /// A varint that counts or measures something in memory.
    ///
    /// # Errors
    /// As [`Self::varint`].
    #[inline]
    pub fn varint_usize(&mut self) -> Result<usize, InputError> {
        usize::try_from(self.varint()?).map_err(|_| InputError::Overlong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_input_is_refused_and_not_consumed() {
        let mut input = Input::new(&[1, 2, 3]);
        assert_eq!(input.u32(), Err(InputError::Truncated));
        assert_eq!(input.u64(), Err(InputError::Truncated));
        assert_eq!(input.take(4), Err(InputError::Truncated));
        assert_eq!(input.u16(), Ok(0x0201));
        assert_eq!(input.take(1), Ok(&[3][..]));
        assert_eq!(input.u8(), Err(InputError::Truncated));
        assert!(input.is_empty());
    }

    #[test]
    fn a_number_must_fit_its_field() {
        let mut out = Vec::new();
        crate::codec::varint::put_u64(&mut out, 1 << 32);
        assert_eq!(Input::new(&out).varint_u32(), Err(InputError::Overlong));
        assert_eq!(Input::new(&out).varint(), Ok(1 << 32));
    }
}
