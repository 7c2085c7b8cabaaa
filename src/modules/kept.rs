//! Texts that are kept for a long time and seldom read: packed until somebody reads them.
//!
//! Of thousands of modules few are ever edited, but of each the text that runs must be there when
//! it is: the file has the new one by then. Packing halves what that costs.

use std::borrow::Cow;
use std::sync::OnceLock;

use snap::raw::{Decoder, Encoder};

/// What is smaller is kept as it is.
const WORTH_PACKING: usize = 256;

/// A text, packed or not.
#[derive(Debug)]
pub(super) struct Kept {
    packed: Option<Box<[u8]>>,
    plain: OnceLock<String>,
    len: u32,
}

impl Kept {
    /// A text that will be read soon.
    pub fn plain(text: String) -> Self {
        Self {
            packed: None,
            len: u32::try_from(text.len()).unwrap_or(u32::MAX),
            plain: OnceLock::from(text),
        }
    }

    /// Its length in bytes, unpacked.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// The text, which stays unpacked from now on.
    pub fn get(&self) -> &str {
        self.plain.get_or_init(|| self.unpacked())
    }

    /// The text, unpacked for this one look.
    pub fn look(&self) -> Cow<'_, str> {
        match self.plain.get() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.unpacked()),
        }
    }

    fn unpacked(&self) -> String {
        // What was packed here unpacks; an empty text beside that would be a broken memory.
        self.packed
            .as_ref()
            .and_then(|packed| Decoder::new().decompress_vec(packed).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

/// Packs many texts one after the other, with the same room to work in.
pub struct Packer {
    encoder: Encoder,
    room: Vec<u8>,
}

impl Default for Packer {
    fn default() -> Self {
        Self {
            encoder: Encoder::new(),
            room: Vec::new(),
        }
    }
}

impl Packer {
    pub(super) fn pack(&mut self, text: &str) -> Kept {
        let plain = || Kept::plain(text.to_owned());
        if text.len() < WORTH_PACKING {
            return plain();
        }
        let most = snap::raw::max_compress_len(text.len());
        if self.room.len() < most {
            self.room.resize(most, 0);
        }
        let packed = self.encoder.compress(text.as_bytes(), &mut self.room);
        match (packed, u32::try_from(text.len())) {
            (Ok(size), Ok(len)) if size < text.len() => Kept {
                packed: Some(self.room[..size].into()),
                plain: OnceLock::new(),
                len,
            },
            _ => plain(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_reads_as_it_was() {
        let mut packer = Packer::default();
        let long = "def f():\n    return 'ä'\n\n\n".repeat(500);
        let random: String = (0..2000_u32)
            .filter_map(|i| char::from_u32(i.wrapping_mul(2_654_435_761) >> 12))
            .collect();
        for text in ["", "x = 1\n", &long, &random] {
            let kept = packer.pack(text);
            assert_eq!(kept.len(), text.len());
            assert_eq!(kept.look(), text);
            assert_eq!(kept.get(), text);
            assert_eq!(kept.look(), text);
        }
        assert!(packer.pack(&long).packed.is_some_and(|p| p.len() < 2000));
    }
}
