//! What two texts have in common at their ends.

/// How many bytes two texts have in common at their beginning and, apart from those, at their
/// end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// At the beginning.
    pub before: usize,
    /// At the end.
    pub after: usize,
}

impl Ends {
    /// Compares both from their ends on; reads nothing in between.
    pub fn of(a: &[u8], b: &[u8]) -> Self {
        let shorter = a.len().min(b.len());
        let before = common(&a[..shorter], &b[..shorter]);
        let rest = shorter - before;
        let after = common_back(&a[a.len() - rest..], &b[b.len() - rest..]);
        Self { before, after }
    }

    /// The same, cut down to whole characters of a text of which these are ends.
    pub fn whole_characters(mut self, text: &str) -> Self {
        while !text.is_char_boundary(self.before) {
            self.before -= 1;
        }
        while !text.is_char_boundary(text.len() - self.after) {
            self.after -= 1;
        }
        self
    }
}

/// How much is compared at a time: first far apart, then close to where they differ.
const BLOCKS: [usize; 2] = [4096, 64];

/// The length of the common beginning of two slices of one length.
fn common(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    for block in BLOCKS {
        let whole = a[at..].chunks_exact(block).zip(b[at..].chunks_exact(block));
        at += whole.take_while(|(a, b)| a == b).count() * block;
    }
    let rest = a[at..].iter().zip(&b[at..]);
    at + rest.take_while(|(a, b)| a == b).count()
}

/// The length of the common end of two slices of one length.
fn common_back(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    for block in BLOCKS {
        let (a, b) = (&a[..a.len() - at], &b[..b.len() - at]);
        let whole = a.rchunks_exact(block).zip(b.rchunks_exact(block));
        at += whole.take_while(|(a, b)| a == b).count() * block;
    }
    let rest = a[..a.len() - at].iter().rev();
    at + rest
        .zip(b[..b.len() - at].iter().rev())
        .take_while(|(a, b)| a == b)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found_wherever_they_are() {
        let text: Vec<u8> = (0..20_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        for size in [0, 1, 63, 64, 65, 4095, 4096, 4097, 9000, 20_000] {
            let a = &text[..size];
            let whole = Ends::of(a, a);
            assert_eq!((whole.before, whole.after), (size, 0));
            for at in [0, 1, 63, 64, 100, 4095, 4096, 4200, 8999, 19_999] {
                if at >= size {
                    continue;
                }
                let mut b = a.to_vec();
                b[at] ^= 0xff;
                let ends = Ends::of(a, &b);
                assert_eq!((ends.before, ends.after), (at, size - at - 1));
                b.insert(at, b'x');
                let ends = Ends::of(a, &b);
                assert_eq!(ends.before, at);
                assert_eq!(ends.after, size - at - 1);
            }
        }
    }

    #[test]
    fn a_byte_in_common_is_no_character_in_common() {
        // Both end and begin with a byte of another character.
        let (a, b) = ("x\u{e4}\u{e4}y", "x\u{e5}\u{104}y");
        let ends = Ends::of(a.as_bytes(), b.as_bytes());
        assert_eq!((ends.before, ends.after), (2, 1));
        let ends = ends.whole_characters(a);
        assert_eq!((ends.before, ends.after), (1, 1));
        assert!(b.is_char_boundary(ends.before));
    }
}
