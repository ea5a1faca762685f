//! Whole numbers in as few bytes as they need (LEB128), for what waits to be written.

/// Appends a number.
#[inline]
pub fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number off the front; `None`: there is none.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

/// A difference as a number that is small where the difference is, on either side.
#[inline]
pub fn folded(difference: i64) -> u64 {
    (difference << 1 ^ difference >> 63) as u64
}

/// The difference that was [`folded`].
#[inline]
pub fn unfolded(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        numbers.iter().for_each(|&number| put(&mut bytes, number));
        assert_eq!(bytes.len(), 1 + 1 + 1 + 2 + 2 + 5 + 10);
        let mut rest = &bytes[..];
        assert!(numbers.iter().all(|&number| take(&mut rest) == Some(number)));
        assert_eq!(take(&mut rest), None);
        // Not a number that fits.
        assert_eq!(take(&mut &[0xff; 11][..]), None);
    }

    #[test]
    fn differences_come_back() {
        for difference in [0, 1, -1, 4096, -4096, i64::MAX, i64::MIN] {
            assert_eq!(unfolded(folded(difference)), difference);
        }
        assert_eq!([0, -1, 1, -2].map(folded), [0, 1, 2, 3]);
    }
}
