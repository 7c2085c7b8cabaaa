//! Bytes of a source file to text, as CPython decodes them: PEP 263 encodings, universal
//! newlines; where its lines begin; and the fingerprint that tells one content from another.

use std::fmt;

mod encoding;
mod ends;

pub use ends::Ends;

/// A decoded source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text, with `\n` as its only line end. Form feeds stay.
    pub source: String,
    /// The encoding's name, in lower case and with hyphens; `utf-8` without a cookie.
    pub encoding: String,
    /// Fingerprint of the bytes, where they are not those of `source`.
    pub print: Option<u128>,
}

/// Why bytes are not a source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextError {
    /// The coding cookie names an encoding that is not known here.
    UnknownEncoding {
        /// The name as the cookie writes it.
        name: String,
    },
    /// The file begins with a UTF-8 byte order mark, and its cookie names another encoding.
    MarkAndCookie {
        /// The name as the cookie writes it.
        name: String,
    },
    /// A byte that the encoding does not have.
    Undecodable {
        /// The encoding's name.
        encoding: String,
        /// Line of the first such byte, counted from 1; 0 where the decoder can't tell.
        line: u32,
    },
    /// More bytes than an outline's 32-bit offsets can address.
    TooLarge,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownEncoding { name } => {
                write!(
                    f,
                    "unknown encoding '{name}'; name another one in the coding cookie"
                )
            }
            Self::MarkAndCookie { name } => {
                write!(
                    f,
                    "coding cookie '{name}' contradicts the UTF-8 byte order mark"
                )
            }
            Self::Undecodable { encoding, line: 0 } => {
                write!(
                    f,
                    "the file has a byte that is not {encoding}; add or correct its coding cookie"
                )
            }
            Self::Undecodable { encoding, line } => {
                write!(
                    f,
                    "line {line} has a byte that is not {encoding}; add or correct the coding cookie"
                )
            }
            Self::TooLarge => write!(f, "the file has more than 2 GiB"),
        }
    }
}

impl std::error::Error for TextError {}

/// Decodes the bytes of a source file by its byte order mark or its coding cookie (PEP 263),
/// and makes every line end `\n`.
///
/// # Errors
/// When the encoding is unknown or contradicts the mark, or the bytes are not of it.
pub fn decode(bytes: &[u8]) -> Result<Text, TextError> {
    let print = fingerprint(bytes);
    if bytes.len() > i32::MAX as usize {
        return Err(TextError::TooLarge);
    }
    let (marked, bytes) = match bytes.strip_prefix(b"\xef\xbb\xbf".as_slice()) {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    let cookie = encoding::cookie(bytes);
    let name = cookie
        .as_deref()
        .map_or_else(|| "utf-8".to_owned(), encoding::normal);
    if marked && name != "utf-8" {
        return Err(TextError::MarkAndCookie {
            name: cookie.unwrap_or(name),
        });
    }
    let source = encoding::decode(&name, cookie.as_deref().unwrap_or(&name), bytes)?;
    Ok(Text {
        source: newlines(source),
        encoding: name,
        print: Some(print),
    })
}

/// The same for bytes that are needed no more: most texts need no copy.
///
/// # Errors
/// As `decode`; the bytes come back.
pub fn decode_all(bytes: Vec<u8>) -> Result<Text, (TextError, Vec<u8>)> {
    if !may_be_plain(&bytes) {
        return decode(&bytes).map_err(|error| (error, bytes));
    }
    match String::from_utf8(bytes) {
        Ok(source) if memchr::memchr(b'\r', source.as_bytes()).is_none() => Ok(Text {
            print: None,
            source,
            encoding: "utf-8".to_owned(),
        }),
        Ok(source) => Ok(Text {
            print: Some(fingerprint(source.as_bytes())),
            source: newlines(source),
            encoding: "utf-8".to_owned(),
        }),
        Err(error) => {
            let bytes = error.into_bytes();
            decode(&bytes).map_err(|error| (error, bytes))
        }
    }
}

/// Whether nothing in front of these bytes says that they are anything but UTF-8.
fn may_be_plain(bytes: &[u8]) -> bool {
    !bytes.starts_with(b"\xef\xbb\xbf")
        && bytes.len() <= i32::MAX as usize
        && encoding::cookie(bytes).is_none()
}

/// Whether these bytes are the UTF-8 of a text that decodes to itself, given what they have in
/// common with a text that was decoded before: only what lies between is looked at.
pub fn is_plain(bytes: &[u8], known: &str, ends: Ends) -> bool {
    let ends = ends.whole_characters(known);
    let between = &bytes[ends.before..bytes.len() - ends.after];
    may_be_plain(bytes)
        && memchr::memchr(b'\r', between).is_none()
        && std::str::from_utf8(between).is_ok()
}

/// The text in these bytes where nothing has to be decoded: UTF-8 without a mark or cookie, and
/// without `\r`. Most files are like that, and it saves a copy; `decode` is for all.
pub fn borrow(bytes: &[u8]) -> Option<&str> {
    if bytes.len() > i32::MAX as usize
        || bytes.starts_with(b"\xef\xbb\xbf")
        || memchr::memchr(b'\r', bytes).is_some()
        || encoding::cookie(bytes).is_some()
    {
        return None;
    }
    simdutf8::basic::from_utf8(bytes).ok()
}

/// `\r\n` and a lone `\r` become `\n`, as in CPython's tokenizer.
fn newlines(source: String) -> String {
    if memchr::memchr(b'\r', source.as_bytes()).is_none() {
        return source;
    }
    let mut out = String::with_capacity(source.len());
    let mut rest = source.as_str();
    while let Some(at) = rest.find('\r') {
        out.push_str(&rest[..at]);
        out.push('\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    out.push_str(rest);
    out
}

/// The content's fingerprint: equal bytes, equal value; else different but for an accident.
pub fn fingerprint(bytes: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(bytes)
}

/// Where the lines of a text begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// Indexes `source`, whose lines end with `\n`.
    pub fn new(source: &str) -> Self {
        let ends = source
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n');
        let after = ends.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
        Self {
            starts: std::iter::once(0).chain(after).collect(),
        }
    }

    /// The line of a byte offset, counted from 1.
    pub fn line(&self, offset: u32) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    /// The column of a byte offset: bytes since the line's first, counted from 0.
    pub fn column(&self, offset: u32) -> u32 {
        offset - self.start(self.line(offset))
    }

    /// The offset of a line's first byte; for a line past the last, the last line's.
    pub fn start(&self, line: u32) -> u32 {
        let index = (line.max(1) as usize - 1).min(self.starts.len() - 1);
        self.starts[index]
    }

    /// How many lines there are; an empty text has one.
    pub fn count(&self) -> usize {
        self.starts.len()
    }
}

#[cfg(test)]
mod tests;
