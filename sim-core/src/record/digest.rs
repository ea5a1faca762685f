//! A digest of a run that is the same on every machine, in debug and release.

use std::fmt;
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::Xxh3;

/// 128 bits over all records and the final positions of the random streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Bytes gathered before they are hashed.
const GATHERED: usize = 1024;

/// XXH3 behind [`Hasher`], with a fixed byte order and width for every integer. Values are gathered first: most are a
/// few bytes, and the digest is that of all bytes in a row, however they come.
#[derive(Clone)]
pub struct StableHasher {
    hashed: Xxh3,
    gathered: [u8; GATHERED],
    len: usize,
}

impl Default for StableHasher {
    fn default() -> Self {
        StableHasher { hashed: Xxh3::new(), gathered: [0; GATHERED], len: 0 }
    }
}

impl StableHasher {
    /// Hashes one value into the digest.
    pub fn add(&mut self, value: &impl Hash) {
        value.hash(self);
    }

    /// The digest of everything added so far.
    pub fn digest(&self) -> Digest {
        Digest(self.complete().digest128())
    }

    fn complete(&self) -> Xxh3 {
        let mut all = self.hashed.clone();
        all.update(&self.gathered[..self.len]);
        all
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.len + bytes.len() > GATHERED {
            self.flush();
            if bytes.len() > GATHERED {
                self.hashed.update(bytes);
                return;
            }
        }
        self.gathered[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// The same for an integer, whose width is known.
    #[inline]
    fn take_integer<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.len + N > GATHERED {
            self.flush();
        }
        if let Some(place) = self.gathered.get_mut(self.len..self.len + N) {
            place.copy_from_slice(&bytes);
        }
        self.len += N;
    }

    #[cold]
    fn flush(&mut self) {
        self.hashed.update(&self.gathered[..self.len]);
        self.len = 0;
    }
}

impl fmt::Debug for StableHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StableHasher({})", self.digest())
    }
}

macro_rules! little_endian {
    ($($name:ident $t:ty as $wide:ty),*) => {$(
        #[inline]
        fn $name(&mut self, value: $t) {
            self.take_integer((value as $wide).to_le_bytes());
        }
    )*};
}

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.take(bytes);
    }
    fn finish(&self) -> u64 {
        self.complete().digest()
    }
    little_endian!(
        write_u8 u8 as u8, write_u16 u16 as u16, write_u32 u32 as u32, write_u64 u64 as u64, write_u128 u128 as u128,
        write_i8 i8 as i8, write_i16 i16 as i16, write_i32 i32 as i32, write_i64 i64 as i64, write_i128 i128 as i128,
        write_usize usize as u64, write_isize isize as i64
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_fixed_bytes() {
        let mut h = StableHasher::default();
        h.add(&("oom", 7_usize));
        // XXH3-128 of the bytes of "oom", 0xff and 7 as eight little-endian bytes.
        let expected = xxhash_rust::xxh3::xxh3_128(b"oom\xff\x07\0\0\0\0\0\0\0");
        assert_eq!(h.digest(), Digest(expected));
    }

    macro_rules! integers {
        ($($name:ident $t:ty),*) => {$(
            fn $name(&mut self, _value: $t) {
                self.no_text_is_open();
            }
        )*};
    }
    /// Passes on nothing but texts and integers: memory as it lies there would be hashed in this machine's width and
    /// byte order.
    #[derive(Default)]
    struct Portable {
        unfinished_text: bool,
    }

    impl Hasher for Portable {
        fn write(&mut self, _bytes: &[u8]) {
            // A text is its bytes and an end that occurs in none (`str::hash`); a slice of integers has no end.
            self.no_text_is_open();
            self.unfinished_text = true;
        }
        fn write_u8(&mut self, value: u8) {
            assert!(!self.unfinished_text || value == 0xff, "a slice of integers is hashed as it lies in memory");
            self.unfinished_text = false;
        }
        fn finish(&self) -> u64 {
            0
        }
        integers!(write_u16 u16, write_u32 u32, write_u64 u64, write_u128 u128, write_usize usize);
        integers!(write_i8 i8, write_i16 i16, write_i32 i32, write_i64 i64, write_i128 i128, write_isize isize);
    }

    impl Portable {
        fn no_text_is_open(&self) {
            assert!(!self.unfinished_text, "a slice of integers is hashed as it lies in memory");
        }
    }

    #[test]
    fn no_record_is_hashed_as_it_lies_in_memory() {
        for record in crate::record::view::tests::one_of_each() {
            let mut hasher = Portable::default();
            record.hash(&mut hasher);
            hasher.no_text_is_open();
        }
        let wrong = std::panic::catch_unwind(|| {
            let mut hasher = Portable::default();
            vec![1_usize].hash(&mut hasher);
            hasher.no_text_is_open();
        });
        assert!(wrong.is_err(), "what the test is for goes unnoticed");
    }

    #[test]
    fn pieces_of_any_length_hash_like_one() {
        let bytes: Vec<u8> = (0..60_000_u32).map(|n| (n * 7) as u8).collect();
        let mut h = StableHasher::default();
        let mut rest = &bytes[..];
        for n in (0..300).chain([2400, 1, 1025, 1023, 1024]).cycle() {
            let (piece, others) = rest.split_at(n.min(rest.len()));
            h.write(piece);
            rest = others;
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(h.digest(), Digest(xxhash_rust::xxh3::xxh3_128(&bytes)));
    }
}
