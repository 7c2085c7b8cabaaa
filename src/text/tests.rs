use super::*;

/// `encoding: text`, or the error's sentence.
#[track_caller]
fn check(bytes: &[u8], expect: &str) {
    let got = match decode(bytes) {
        Ok(text) => format!("{}: {:?}", text.encoding, text.source),
        Err(error) => error.to_string(),
    };
    assert_eq!(got, expect);
}

#[test]
fn text_without_a_cookie_is_utf_8() {
    check("x = 'ä'\n".as_bytes(), r#"utf-8: "x = 'ä'\n""#);
    check(b"", r#"utf-8: """#);
    check(
        b"a\r\nb\n\xff",
        "line 3 has a byte that is not utf-8; add or correct the coding cookie",
    );
}

#[test]
fn byte_order_mark_is_removed_and_must_agree_with_the_cookie() {
    check(b"\xef\xbb\xbfx\n", r#"utf-8: "x\n""#);
    check(
        b"\xef\xbb\xbf# coding: utf-8\n",
        r##"utf-8: "# coding: utf-8\n""##,
    );
    check(
        b"\xef\xbb\xbf# coding: latin-1\n",
        "coding cookie 'latin-1' contradicts the UTF-8 byte order mark",
    );
}

#[test]
fn cookie_is_found_in_the_first_two_lines_only() {
    check(
        b"# -*- coding: latin-1 -*-\n\xe4",
        "iso-8859-1: \"# -*- coding: latin-1 -*-\\nä\"",
    );
    check(
        b"#!/bin/x\n# vim: set fileencoding=iso-8859-15 :\n\xa4",
        "iso-8859-15: \"#!/bin/x\\n# vim: set fileencoding=iso-8859-15 :\\n€\"",
    );
    check(
        b"\n\n# coding: latin-1\n",
        "utf-8: \"\\n\\n# coding: latin-1\\n\"",
    );
    check(
        b"x = 1\n# coding: latin-1\n",
        "utf-8: \"x = 1\\n# coding: latin-1\\n\"",
    );
    check(
        b"\r\n# coding: latin-1\n\xe4",
        "iso-8859-1: \"\\n# coding: latin-1\\nä\"",
    );
    check(
        b" \t\x0c# coding=ascii",
        "ascii: \" \\t\\u{c}# coding=ascii\"",
    );
    check(b"x = 'coding: latin-1'", "utf-8: \"x = 'coding: latin-1'\"");
    check(
        b"# coding coding : nothing\n",
        "utf-8: \"# coding coding : nothing\\n\"",
    );
    check(
        b"# encoding coding=ascii\n",
        "ascii: \"# encoding coding=ascii\\n\"",
    );
}

#[test]
fn latin_1_is_not_windows_1252() {
    check(
        b"# coding: latin1\n\x80",
        "iso-8859-1: \"# coding: latin1\\n\\u{80}\"",
    );
    check(
        b"# coding: cp1252\n\x80",
        "cp1252: \"# coding: cp1252\\n€\"",
    );
    check(
        b"# coding: iso8859-9\n\x80\xfd",
        "iso8859-9: \"# coding: iso8859-9\\n\\u{80}ı\"",
    );
}

#[test]
fn encodings_of_east_asia_are_known_by_their_python_names() {
    check(
        b"# coding: cp932\n\x82\xa0",
        "cp932: \"# coding: cp932\\nあ\"",
    );
    check(
        b"# coding: euc_jp\n\xa4\xa2",
        "euc-jp: \"# coding: euc_jp\\nあ\"",
    );
    check(b"# coding: gbk\n\xc4\xe3", "gbk: \"# coding: gbk\\n你\"");
    check(b"# coding: big5\n\xa7\x41", "big5: \"# coding: big5\\n你\"");
    check(
        b"# coding: koi8-r\n\xc1",
        "koi8-r: \"# coding: koi8-r\\nа\"",
    );
}

#[test]
fn unknown_or_impossible_encodings_are_named() {
    check(
        b"# coding: Klingon\n",
        "unknown encoding 'Klingon'; name another one in the coding cookie",
    );
    check(
        b"# coding: utf-16\n",
        "unknown encoding 'utf-16'; name another one in the coding cookie",
    );
    check(
        b"# coding: ascii\n\xe4",
        "line 2 has a byte that is not ascii; add or correct the coding cookie",
    );
    check(
        b"# coding: euc-jp\n\xff\xff",
        "the file has a byte that is not euc-jp; add or correct its coding cookie",
    );
}

#[test]
fn every_line_end_becomes_a_line_feed() {
    check(
        b"a\r\nb\rc\nd\r\r\n\x0ce",
        "utf-8: \"a\\nb\\nc\\nd\\n\\n\\u{c}e\"",
    );
    check(b"\r", "utf-8: \"\\n\"");
}

#[test]
fn line_index_counts_lines_from_one_and_columns_in_bytes() {
    let lines = LineIndex::new("ab\n\nä = 1");
    let places: Vec<_> = [0, 2, 3, 4, 6]
        .map(|at| (lines.line(at), lines.column(at)))
        .into();
    assert_eq!(places, [(1, 0), (1, 2), (2, 0), (3, 0), (3, 2)]);
    assert_eq!(
        (
            lines.count(),
            lines.start(3),
            lines.start(0),
            lines.start(99)
        ),
        (3, 4, 0, 4)
    );
    assert_eq!(LineIndex::new("").line(0), 1);
}

#[test]
fn fingerprint_tells_contents_apart() {
    assert_eq!(fingerprint(b"x = 1"), fingerprint(b"x = 1"));
    assert_ne!(fingerprint(b"x = 1"), fingerprint(b"x = 2"));
    assert_ne!(fingerprint(b""), 0);
}

#[test]
fn what_is_borrowed_is_what_would_be_decoded() {
    let cases: [&[u8]; 9] = [
        b"",
        b"x = 1\n",
        "# ä\n".as_bytes(),
        b"# -*- coding: utf-8 -*-\n",
        b"# coding: latin-1\n\xe4\n",
        b"\xef\xbb\xbfx = 1\n",
        b"x = 1\r\ny = 2\r",
        b"\xff\n",
        b"0123456789012345678901234567890123456789012345678901234567890123456789\r",
    ];
    for bytes in cases {
        match (borrow(bytes), decode(bytes)) {
            (Some(text), Ok(decoded)) => assert_eq!(text, decoded.source),
            (Some(text), Err(error)) => panic!("{text:?}: {error}"),
            (None, _) => {}
        }
    }
    assert_eq!(borrow("ä = 1\n".as_bytes()), Some("ä = 1\n"));
    assert_eq!(borrow(b"x = 1\r\n"), None);
}

/// What is told from the ends that a text has in common with another is what reading it all tells.
#[test]
fn plain_bytes_are_known_beside_another_text() {
    let known = "x = 'ä€𝄞'\r# remark é\ny = 2\n".replace('\r', "");
    let pieces: [&[u8]; 12] = [
        b"",
        b"1",
        b"\r",
        b"\n",
        b"\xef\xbb\xbf",
        b"\xe4",
        b"\x82",
        b"\xac",
        "ö".as_bytes(),
        "𝄟".as_bytes(),
        b"# coding: latin-1\n",
        b"# coding: utf-8\n",
    ];
    for from in 0..=known.len() {
        for to in from..(from + 5).min(known.len()) {
            for piece in pieces {
                let bytes = [&known.as_bytes()[..from], piece, &known.as_bytes()[to..]].concat();
                let ends = Ends::of(known.as_bytes(), &bytes);
                let plain = is_plain(&bytes, &known, ends);
                let decoded = decode_all(bytes.clone()).ok();
                let itself = decoded.is_some_and(|t| t.print.is_none());
                assert_eq!(plain, itself, "{from} {to} {piece:?}");
            }
        }
    }
}
