//! Cutting a stream of bytes into lines.

/// The longest line of the lenient framing, in bytes with its line end.
pub const LENIENT_LINE_BYTES_MAX: usize = 4_096;

/// The longest line of `OpenTSDB`'s framing, in bytes with its line end.
pub const OPENTSDB_LINE_BYTES_MAX: usize = 1_024;

/// Starts every command of the Telnet protocol proper.
const IAC: u8 = 0xff;
const SUBNEGOTIATION: u8 = 250;
const SUBNEGOTIATION_END: u8 = 240;
/// WILL, WON'T, DO, DON'T: each followed by an option.
const NEGOTIATION: std::ops::RangeInclusive<u8> = 251..=254;

/// What stands at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// A line without its line end, and how many bytes it took with it.
    Line {
        /// Up to the line feed, and without a carriage return before that.
        line: &'a [u8],
        /// Bytes to take off the buffer.
        taken: usize,
    },
    /// No line feed yet: read more.
    Incomplete,
    /// The line is longer than allowed, whether or not its end is there.
    TooLong,
}

/// Cuts the first line off `buffer`. A line may have `bytes_max` bytes, its line end included.
#[inline]
pub fn next_line(buffer: &[u8], bytes_max: usize) -> Framed<'_> {
    match memchr::memchr(b'\n', buffer) {
        Some(at) if at < bytes_max => {
            let line = buffer.get(..at).unwrap_or_default();
            Framed::Line {
                line: line.strip_suffix(b"\r").unwrap_or(line),
                taken: at + 1,
            }
        }
        None if buffer.len() < bytes_max => Framed::Incomplete,
        _ => Framed::TooLong,
    }
}

/// What a telnet program says to its peer before the first command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiation {
    /// The buffer starts with this many bytes of it (0 for most clients): drop them.
    Skip(usize),
    /// It starts with a part of it: read more.
    Incomplete,
}

/// Measures the option negotiation that a telnet program may send before its first command.
pub fn negotiation(buffer: &[u8]) -> Negotiation {
    let mut at = 0;
    while buffer.get(at) == Some(&IAC) {
        let length = match buffer.get(at + 1) {
            None => return Negotiation::Incomplete,
            Some(&SUBNEGOTIATION) => {
                let inside = buffer.get(at + 2..).unwrap_or_default();
                match memchr::memmem::find(inside, &[IAC, SUBNEGOTIATION_END]) {
                    None => return Negotiation::Incomplete,
                    Some(end) => end + 4,
                }
            }
            Some(command) if NEGOTIATION.contains(command) => 3,
            Some(_) => 2,
        };
        if at + length > buffer.len() {
            return Negotiation::Incomplete;
        }
        at += length;
    }
    Negotiation::Skip(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_end_with_lf_or_crlf() {
        let cases: &[(&[u8], Framed<'_>)] = &[
            (
                b"ab\ncd",
                Framed::Line {
                    line: b"ab",
                    taken: 3,
                },
            ),
            (
                b"ab\r\ncd",
                Framed::Line {
                    line: b"ab",
                    taken: 4,
                },
            ),
            (
                b"\n",
                Framed::Line {
                    line: b"",
                    taken: 1,
                },
            ),
            // Only one carriage return belongs to the line end.
            (
                b"a\r\r\n",
                Framed::Line {
                    line: b"a\r",
                    taken: 4,
                },
            ),
            (
                b"1234567\n",
                Framed::Line {
                    line: b"1234567",
                    taken: 8,
                },
            ),
            (b"", Framed::Incomplete),
            (b"1234567", Framed::Incomplete),
            // Eight bytes are allowed, the line end included.
            (b"12345678", Framed::TooLong),
            (b"12345678\n", Framed::TooLong),
            (b"123456789\n", Framed::TooLong),
        ];
        for (buffer, expected) in cases {
            assert_eq!(next_line(buffer, 8), *expected, "{buffer:?}");
        }
    }

    #[test]
    fn telnet_options_before_the_first_command_are_measured() {
        let cases: &[(&[u8], Negotiation)] = &[
            (b"put m 1 2\n", Negotiation::Skip(0)),
            (b"", Negotiation::Skip(0)),
            // IAC DO SUPPRESS-GO-AHEAD, IAC WILL TERMINAL-TYPE.
            (b"\xff\xfd\x03\xff\xfb\x18put", Negotiation::Skip(6)),
            // IAC SB TERMINAL-TYPE IS VT100 IAC SE.
            (
                b"\xff\xfa\x18\x00VT100\xff\xf0version\n",
                Negotiation::Skip(11),
            ),
            // IAC NOP.
            (b"\xff\xf1help\n", Negotiation::Skip(2)),
            // Cut in the middle.
            (b"\xff", Negotiation::Incomplete),
            (b"\xff\xfd", Negotiation::Incomplete),
            (b"\xff\xfa\x18\x00VT", Negotiation::Incomplete),
        ];
        for (buffer, expected) in cases {
            assert_eq!(negotiation(buffer), *expected, "{buffer:?}");
        }
    }

    proptest! {
        #[test]
        fn any_stream_is_cut_into_the_lines_that_it_has(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
        ) {
            let mut rest = bytes.as_slice();
            let mut rebuilt = Vec::new();
            while let Framed::Line { line, taken } = next_line(rest, 64) {
                prop_assert!(taken <= 64 && line.len() < taken);
                rebuilt.extend_from_slice(&rest[..taken]);
                rest = &rest[taken..];
            }
            rebuilt.extend_from_slice(rest);
            prop_assert_eq!(rebuilt, bytes);
        }

        #[test]
        fn negotiation_never_takes_more_than_there_is(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Negotiation::Skip(skip) = negotiation(&bytes) {
                prop_assert!(skip <= bytes.len());
            }
        }
    }
}
