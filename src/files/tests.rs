use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;

/// A directory of this test's own, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("pyreload-files-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn read_gives_the_bytes_and_their_stamp() {
    let dir = Dir::new("read");
    let path = dir.0.join("m.py");
    for text in ["", "x = 1\n", &"y = 2\n".repeat(50_000)] {
        fs::write(&path, text).unwrap();
        let (bytes, stamp_) = read(&path).unwrap();
        assert_eq!(bytes, text.as_bytes());
        assert_eq!(Some(stamp_), stamp(&path));
    }
    assert_eq!(
        read(&dir.0).unwrap_err().kind(),
        io::ErrorKind::IsADirectory
    );
    assert_eq!(
        read(&dir.0.join("none.py")).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
    assert_eq!(stamp(&dir.0.join("none.py")), None);
}

#[test]
fn read_never_mixes_two_saves() {
    let dir = Dir::new("mix");
    let path = dir.0.join("m.py");
    let (a, b) = ("a".repeat(200_000), "b".repeat(100_000));
    fs::write(&path, &a).unwrap();
    let until = std::time::Instant::now() + Duration::from_millis(300);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while std::time::Instant::now() < until {
                for text in [&a, &b] {
                    fs::write(&path, text).unwrap();
                }
            }
        });
        let mut reads = 0;
        while std::time::Instant::now() < until {
            match read(&path) {
                // A read may meet the moment between truncation and write; it is one state of
                // the file, and what it must not be is a blend of both texts.
                Ok((bytes, _)) => {
                    assert!(
                        bytes.windows(2).all(|w| w[0] == w[1]),
                        "two saves in one read"
                    );
                    reads += 1;
                }
                Err(e) => assert_eq!(e.kind(), io::ErrorKind::ResourceBusy),
            }
        }
        assert!(reads > 0);
    });
}

#[test]
fn look_does_not_trust_a_stamp_taken_right_after_the_write() {
    let dir = Dir::new("racy");
    let path = dir.0.join("m.py");
    fs::write(&path, "x = 1\n").unwrap();
    let first = Look::at(&path);
    assert!(!first.settled());
    assert!(
        !Look::at(&path).proves_same_as(&first),
        "same tick: only the content can tell"
    );

    let later = Look {
        taken_ns: first.taken_ns + 3_000_000_000,
        ..first
    };
    assert!(later.settled());
    assert!(Look::at(&path).proves_same_as(&later));
}

#[cfg(unix)]
#[test]
fn an_older_mtime_does_not_make_a_fresh_write_settled() {
    let dir = Dir::new("old");
    let path = dir.0.join("m.py");
    fs::write(&path, "x = 1\n").unwrap();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(old)
        .unwrap();
    let look = Look::at(&path);
    assert_eq!(look.stamp.unwrap().mtime_ns, 1_000_000_000_000_000);
    assert!(!look.settled());
}

#[test]
fn a_missing_file_stays_missing_and_its_return_is_a_change() {
    let dir = Dir::new("gone");
    let path = dir.0.join("m.py");
    let none = Look::at(&path);
    assert!(Look::at(&path).proves_same_as(&none));
    fs::write(&path, "").unwrap();
    assert!(!Look::at(&path).proves_same_as(&none));
}

#[test]
fn a_freshly_emptied_file_looks_unfinished() {
    let dir = Dir::new("empty");
    let path = dir.0.join("m.py");
    fs::write(&path, "").unwrap();
    let (bytes, stamp) = read(&path).unwrap();
    assert!(looks_unfinished(&bytes, &stamp));
    assert!(!looks_unfinished(b"x", &stamp));
    let written = stamp.written_ns() - 2_000_000_000;
    let old = Stamp {
        ctime_ns: written,
        mtime_ns: written,
        ..stamp
    };
    assert!(!looks_unfinished(&bytes, &old));
    let written = stamp.written_ns() + 3_600_000_000_000;
    let skewed = Stamp {
        ctime_ns: written,
        mtime_ns: written,
        ..stamp
    };
    assert!(!looks_unfinished(&bytes, &skewed));
}

#[cfg(unix)]
#[test]
fn a_retargeted_symlink_changes_the_stamp() {
    let dir = Dir::new("link");
    let (a, b, link) = (dir.0.join("a.py"), dir.0.join("b.py"), dir.0.join("l.py"));
    fs::write(&a, "x = 1\n").unwrap();
    fs::write(&b, "x = 2\n").unwrap();
    std::os::unix::fs::symlink(&a, &link).unwrap();
    let before = stamp(&link).unwrap();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&b, &link).unwrap();
    assert_ne!(stamp(&link).unwrap(), before);
}

#[test]
fn a_reader_gives_what_read_gives() {
    let dir = Dir::new("reader");
    let mut reader = Reader::default();
    for (at, size) in [0, 10, 65_535, 65_536, 65_537, 300_000, 5]
        .iter()
        .enumerate()
    {
        let path = dir.0.join(format!("m{at}.py"));
        fs::write(&path, "x".repeat(*size)).unwrap();
        for age in [0, 10] {
            let old = SystemTime::now() - Duration::from_secs(age);
            File::options()
                .append(true)
                .open(&path)
                .unwrap()
                .set_modified(old)
                .unwrap();
            let (bytes, stamp) = read(&path).unwrap();
            let (mine, look) = reader.read(&path).unwrap();
            assert_eq!(mine, bytes);
            assert_eq!(look.stamp, Some(stamp));
        }
    }
    assert!(reader.read(&dir.0).is_err());
    assert_eq!(
        reader.read(&dir.0.join("none.py")).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
}
