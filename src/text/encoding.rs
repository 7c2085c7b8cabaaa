//! The coding cookie and the encodings, named as Python names them.

use super::TextError;
use encoding_rs::Encoding;

/// The encoding that the cookie in the first two lines names (PEP 263). The second line
/// counts only if the first holds nothing but a comment.
pub(super) fn cookie(bytes: &[u8]) -> Option<String> {
    let mut lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    let first = lines.next()?;
    if let Some(name) = cookie_of_line(first) {
        return Some(name);
    }
    if !is_blank(first) {
        return None;
    }
    // `\r\n` leaves an empty piece between its two bytes.
    let mut second = lines.next()?;
    if bytes.get(first.len()) == Some(&b'\r') && bytes.get(first.len() + 1) == Some(&b'\n') {
        second = lines.next()?;
    }
    cookie_of_line(second)
}

/// `^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)`
fn cookie_of_line(line: &[u8]) -> Option<String> {
    let comment = comment(line)?;
    let mut rest = comment;
    loop {
        let at = rest.windows(6).position(|window| window == b"coding")?;
        rest = &rest[at + 6..];
        if !matches!(rest.first(), Some(b':' | b'=')) {
            continue;
        }
        let value = &rest[1..];
        let blanks = value
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let name: String = value[blanks..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            .map(|byte| char::from(*byte))
            .collect();
        if !name.is_empty() {
            return Some(name);
        }
    }
}

fn comment(line: &[u8]) -> Option<&[u8]> {
    let start = line
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t' | b'\x0c'))?;
    line[start..].strip_prefix(b"#")
}

fn is_blank(line: &[u8]) -> bool {
    line.iter()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\x0c'))
        || comment(line).is_some()
}

/// Lower case and hyphens, and one name for what CPython calls by many.
pub(super) fn normal(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('_', "-");
    match name.as_str() {
        "utf8" | "u8" | "utf" | "utf-8-sig" | "cp65001" => "utf-8".to_owned(),
        "latin-1" | "latin1" | "l1" | "iso-8859-1" | "iso8859-1" | "8859" | "cp819"
        | "iso-latin-1" => "iso-8859-1".to_owned(),
        "ascii" | "us-ascii" | "646" => "ascii".to_owned(),
        // CPython takes any suffix of these two for an end-of-line hint (`utf-8-unix`).
        _ if name.starts_with("utf-8-") => "utf-8".to_owned(),
        _ if ["latin-1-", "iso-8859-1-", "iso-latin-1-"]
            .iter()
            .any(|p| name.starts_with(p)) =>
        {
            "iso-8859-1".to_owned()
        }
        _ => name,
    }
}

/// Python's names that the WHATWG list, which `encoding_rs` follows, does not have.
const ALIASES: &[(&str, &str)] = &[
    ("latin-9", "iso-8859-15"),
    ("latin9", "iso-8859-15"),
    ("latin-2", "iso-8859-2"),
    ("latin-5", "iso-8859-9"),
    ("latin5", "iso-8859-9"),
    ("iso-8859-11", "iso-8859-11"),
    ("iso8859-11", "iso-8859-11"),
    ("iso8859-9", "iso-8859-9"),
    ("tis-620", "iso-8859-11"),
    ("thai", "iso-8859-11"),
    ("koi8-u", "koi8-u"),
    ("mac-roman", "macintosh"),
    ("macroman", "macintosh"),
    ("mac-cyrillic", "x-mac-cyrillic"),
    ("cp932", "shift_jis"),
    ("ms932", "shift_jis"),
    ("mskanji", "shift_jis"),
    ("ms-kanji", "shift_jis"),
    ("windows-31j", "shift_jis"),
    ("shift-jis", "shift_jis"),
    ("shiftjis", "shift_jis"),
    ("sjis", "shift_jis"),
    ("eucjp", "euc-jp"),
    ("ujis", "euc-jp"),
    ("euckr", "euc-kr"),
    ("cp949", "euc-kr"),
    ("ms949", "euc-kr"),
    ("uhc", "euc-kr"),
    ("ks-c-5601-1987", "euc-kr"),
    ("cp936", "gbk"),
    ("ms936", "gbk"),
    ("936", "gbk"),
    ("euc-cn", "gbk"),
    ("euccn", "gbk"),
    ("gb18030-2000", "gb18030"),
    ("cp950", "big5"),
    ("ms950", "big5"),
    ("big5-tw", "big5"),
    ("csbig5", "big5"),
    ("iso2022-jp", "iso-2022-jp"),
];

/// Decodes `bytes`; `name` is normalised, `written` is for the error.
pub(super) fn decode(name: &str, written: &str, bytes: &[u8]) -> Result<String, TextError> {
    let undecodable = |line| TextError::Undecodable {
        encoding: name.to_owned(),
        line,
    };
    match name {
        "utf-8" => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(undecodable(line_at(bytes, error.valid_up_to()))),
        },
        "ascii" => match bytes.iter().position(|byte| !byte.is_ascii()) {
            Some(at) => Err(undecodable(line_at(bytes, at))),
            None => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        },
        // The first 256 code points, not windows-1252 as the web has it.
        "iso-8859-1" => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        _ => {
            let alias = ALIASES.iter().find(|(python, _)| *python == name);
            let label = alias.map_or(name, |(_, label)| *label);
            // A source file can't be UTF-16: its cookie could not have been read.
            let encoding = Encoding::for_label(label.as_bytes())
                .filter(|encoding| encoding.is_ascii_compatible() || label == "iso-2022-jp")
                .ok_or_else(|| TextError::UnknownEncoding {
                    name: written.to_owned(),
                })?;
            // The web reads these two as Windows code pages, which have letters where ISO
            // has the C1 control characters.
            if label == "iso-8859-9" || label == "iso-8859-11" {
                return controls_as_they_are(encoding, bytes).ok_or_else(|| undecodable(0));
            }
            encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned)
                .ok_or_else(|| undecodable(0))
        }
    }
}

fn controls_as_they_are(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        if *byte < 0xa0 {
            out.push(char::from(*byte));
        } else {
            let one = [*byte];
            out.push_str(&encoding.decode_without_bom_handling_and_without_replacement(&one)?);
        }
    }
    Some(out)
}

fn line_at(bytes: &[u8], offset: usize) -> u32 {
    let mut lines = 1;
    let mut last = 0;
    for byte in &bytes[..offset] {
        let second_of_two = *byte == b'\n' && last == b'\r';
        lines += u32::from(matches!(byte, b'\r' | b'\n') && !second_of_two);
        last = *byte;
    }
    lines
}
