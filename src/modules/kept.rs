//! Texts that are kept for a long time and seldom read: packed until somebody reads them.
//!
//! Of thousands of modules few are ever edited, but of each the text that runs must be there when
//! it is: the file has the new one by then. Packing halves what that costs in memory, and takes
//! longer than all else that is done for a module. So the texts of a program with many modules go
//! into a file without a name (`spool`), where there can be one.

use std::borrow::Cow;
use std::sync::OnceLock;

use snap::raw::{Decoder, Encoder};

#[cfg(target_os = "linux")]
use super::spool::{Part, Spool};

/// What is smaller is kept as it is.
const WORTH_PACKING: usize = 256;

/// So much is packed before there is a spool: a file is not made for a few texts.
#[cfg(target_os = "linux")]
const WORTH_A_FILE: usize = 128 << 10;

#[derive(Debug)]
enum Away {
    Packed(Box<[u8]>),
    #[cfg(target_os = "linux")]
    Spooled(std::sync::Arc<Part>, u32),
}

/// A text, packed or not.
#[derive(Debug)]
pub(super) struct Kept {
    away: Option<Away>,
    plain: OnceLock<String>,
    len: u32,
}

impl Kept {
    /// A text that will be read soon.
    pub fn plain(text: String) -> Self {
        Self {
            away: None,
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

    /// The text, if it is not packed.
    pub fn at_hand(&self) -> Option<&str> {
        self.plain.get().map(String::as_str)
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
        match &self.away {
            Some(Away::Packed(packed)) => Decoder::new()
                .decompress_vec(packed)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok()),
            #[cfg(target_os = "linux")]
            Some(Away::Spooled(part, start)) => part.read(*start as usize, self.len()),
            None => None,
        }
        .unwrap_or_default()
    }
}

/// Packs many texts one after the other, with the same room to work in.
pub struct Packer {
    encoder: Encoder,
    room: Vec<u8>,
    #[cfg(target_os = "linux")]
    packed: usize,
    /// `None` before it is worth one; nothing inside where there can be none.
    #[cfg(target_os = "linux")]
    spool: Option<Option<Spool>>,
}

impl Default for Packer {
    fn default() -> Self {
        Self {
            encoder: Encoder::new(),
            room: Vec::new(),
            #[cfg(target_os = "linux")]
            packed: 0,
            #[cfg(target_os = "linux")]
            spool: None,
        }
    }
}

impl Packer {
    pub(super) fn pack(&mut self, text: &str) -> Kept {
        let plain = || Kept::plain(text.to_owned());
        if text.len() < WORTH_PACKING {
            return plain();
        }
        #[cfg(target_os = "linux")]
        if let Some(kept) = self.spool(text) {
            return kept;
        }
        let most = snap::raw::max_compress_len(text.len());
        if self.room.len() < most {
            self.room.resize(most, 0);
        }
        let packed = self.encoder.compress(text.as_bytes(), &mut self.room);
        match (packed, u32::try_from(text.len())) {
            (Ok(size), Ok(len)) if size < text.len() => Kept {
                away: Some(Away::Packed(self.room[..size].into())),
                plain: OnceLock::new(),
                len,
            },
            _ => plain(),
        }
    }

    #[cfg(target_os = "linux")]
    fn spool(&mut self, text: &str) -> Option<Kept> {
        self.packed += text.len();
        if self.packed < WORTH_A_FILE {
            return None;
        }
        let spool = self.spool.get_or_insert_with(Spool::new).as_mut()?;
        let len = u32::try_from(text.len()).ok()?;
        let (part, start) = spool.add(text)?;
        Some(Kept {
            away: Some(Away::Spooled(part, u32::try_from(start).ok()?)),
            plain: OnceLock::new(),
            len,
        })
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
        let kept = packer.pack(&long);
        assert!(matches!(kept.away, Some(Away::Packed(p)) if p.len() < 2000));
    }

    #[test]
    fn of_many_texts_most_are_spooled() {
        let mut packer = Packer::default();
        let texts: Vec<String> = (0..300).map(|n| format!("n = {n}\n").repeat(200)).collect();
        let kept: Vec<Kept> = texts.iter().map(|text| packer.pack(text)).collect();
        drop(packer);
        for (kept, text) in kept.iter().zip(&texts) {
            assert_eq!(kept.look(), text.as_str());
        }
    }
}
