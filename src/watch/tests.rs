use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::*;

/// A directory of this test's own, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        // In memory where that can be had: a disk takes its time to replace a file.
        let memory = Path::new("/dev/shm");
        let temp = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let dir = temp.join(format!("pyreload-watch-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir.canonicalize().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn watching(paths: &[&Path]) -> Watcher {
    let mut watcher = Watcher::new(Mode::Events).unwrap();
    for path in paths {
        watcher.watch_file(path);
    }
    assert!(watcher.take().is_empty(), "nothing happened yet");
    watcher
}

/// The news there must be now, and none after them.
#[track_caller]
fn files(watcher: &mut Watcher) -> Vec<PathBuf> {
    assert!(watcher.has_news());
    let news = watcher.take();
    assert!(!news.overflow);
    // A watch that was taken back says so in an event, which means nothing to anybody.
    assert!(watcher.take().is_empty());
    assert!(!watcher.has_news());
    news.files
}

/// What is to be true on every system, by events or by looking.
fn modes() -> [Mode; 2] {
    [Mode::Events, Mode::Sweep]
}

#[test]
fn any_way_to_change_a_file_is_news() {
    for mode in modes() {
        let dir = Dir::new(&format!("ways-{mode:?}"));
        let path = dir.file("m.py", "x = 1\n");
        let old = dir.file("old.txt", "x = 9\n");
        let mut watcher = Watcher::new(mode).unwrap();
        watcher.watch_file(&path);
        let mut must = |what: &str| {
            assert!(watcher.has_news(), "{mode:?}: {what}");
            assert_eq!(
                watcher.take().files,
                std::slice::from_ref(&path),
                "{mode:?}: {what}"
            );
        };
        fs::write(&path, "x = 2\n").unwrap();
        must("written in place, same size");
        fs::write(dir.0.join("m.py~"), "x = 3\n").unwrap();
        fs::rename(dir.0.join("m.py~"), &path).unwrap();
        must("replaced by rename");
        fs::rename(&old, &path).unwrap();
        must("replaced by an older file");
        fs::rename(&path, dir.0.join("m.bak")).unwrap();
        must("renamed away");
        fs::write(&path, "x = 4\n").unwrap();
        must("written anew");
        fs::remove_file(&path).unwrap();
        must("removed");
        fs::hard_link(dir.0.join("m.bak"), &path).unwrap();
        must("linked into place");
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"#")
            .unwrap();
        must("appended to");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_watched_are_strangers_when_they_are_python() {
    let dir = Dir::new("strangers");
    let path = dir.file("m.py", "");
    let mut watcher = watching(&[&path]);
    fs::write(dir.0.join("log.txt"), "x").unwrap();
    assert!(watcher.has_news(), "the kernel does not know what counts");
    assert!(watcher.take().is_empty());
    dir.file("new.py", "x = 1\n");
    fs::create_dir(dir.0.join("pkg")).unwrap();
    let news = watcher.take();
    assert_eq!(news.strangers, [dir.0.join("new.py"), dir.0.join("pkg")]);
    assert!(news.files.is_empty());
    // Another suffix counts when the file is watched.
    let so = dir.file("fast.so", "1");
    watcher.watch_file(&so);
    watcher.take();
    fs::write(&so, "2").unwrap();
    assert_eq!(files(&mut watcher), [so]);
}

#[cfg(target_os = "linux")]
#[test]
fn reading_raises_nothing() {
    let dir = Dir::new("read");
    let paths: Vec<_> = (0..2000)
        .map(|i| dir.file(&format!("m{i}.py"), "x = 1\n"))
        .collect();
    let mut watcher = Watcher::new(Mode::Events).unwrap();
    for path in &paths {
        watcher.watch_file(path);
    }
    assert!(watcher.take().is_empty());
    for path in &paths {
        crate::files::read(path).unwrap();
        assert!(fs::read_dir(&dir.0).unwrap().next().is_some());
    }
    // Byte code goes into a directory of its own, which is not watched.
    assert!(!watcher.has_news());
    fs::create_dir(dir.0.join("__pycache__")).unwrap();
    watcher.take();
    fs::write(dir.0.join("__pycache__/m1.pyc"), "x").unwrap();
    assert!(!watcher.has_news());
    assert_eq!(watcher.counts().watched_directories, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_being_written_is_no_news_until_it_is_closed() {
    let dir = Dir::new("half");
    let path = dir.file("m.py", "x = 1\n");
    let mut watcher = watching(&[&path]);
    let mut writer = fs::File::create(&path).unwrap();
    assert!(!watcher.has_news(), "truncated");
    writer.write_all(b"x = ").unwrap();
    writer.flush().unwrap();
    assert!(!watcher.has_news(), "half written");
    writer.write_all(b"2\n").unwrap();
    drop(writer);
    assert_eq!(files(&mut watcher), std::slice::from_ref(&path));

    // The same for one that is removed and created.
    fs::remove_file(&path).unwrap();
    watcher.take();
    let mut writer = fs::File::create(&path).unwrap();
    assert!(watcher.take().is_empty());
    assert!(watcher.has_news(), "it is kept an eye on");
    writer.write_all(b"x = 3\n").unwrap();
    assert!(watcher.take().is_empty());
    drop(writer);
    assert_eq!(files(&mut watcher), std::slice::from_ref(&path));

    // One that is created and never closed counts once it stays as it is.
    fs::remove_file(&path).unwrap();
    watcher.take();
    let _writer = fs::File::create(&path).unwrap();
    assert!(watcher.take().is_empty());
    thread::sleep(QUIET + Duration::from_millis(20));
    assert_eq!(files(&mut watcher), [path]);
}

#[cfg(target_os = "linux")]
#[test]
fn symlinks_are_followed_wherever_they_stand() {
    use std::os::unix::fs::symlink;
    let dir = Dir::new("links");
    let (a, b) = (dir.file("a/m.py", "x = 1\n"), dir.file("b/m.py", "x = 2\n"));
    let swap = |target: &Path, link: &Path| {
        let temp = link.with_extension("tmp");
        symlink(target, &temp).unwrap();
        fs::rename(&temp, link).unwrap();
    };
    // A linked file, and a linked directory two levels above a file.
    let link = dir.0.join("links/l.py");
    fs::create_dir(dir.0.join("links")).unwrap();
    symlink("../a/m.py", &link).unwrap();
    let current = dir.0.join("current");
    dir.file("v1/pkg/n.py", "x = 1\n");
    dir.file("v2/pkg/n.py", "x = 2\n");
    symlink("v1", &current).unwrap();
    let deep = current.join("pkg/n.py");
    let mut watcher = watching(&[&link, &deep]);

    fs::write(&a, "x = 3\n").unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&link));
    swap(&b, &link);
    assert_eq!(files(&mut watcher), std::slice::from_ref(&link));
    fs::write(&b, "x = 4\n").unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&link));
    fs::write(&a, "x = 5\n").unwrap();
    assert!(watcher.take().is_empty(), "nobody's file any more");
    fs::remove_file(&link).unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&link));
    fs::write(&b, "x = 4\n").unwrap();
    assert!(watcher.take().is_empty());
    symlink(&a, &link).unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&link));

    swap(Path::new("v2"), &current);
    assert_eq!(files(&mut watcher), std::slice::from_ref(&deep));
    fs::write(dir.0.join("v2/pkg/n.py"), "x = 3\n").unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&deep));
    // And a target that comes later.
    swap(Path::new("v3"), &current);
    assert_eq!(files(&mut watcher), std::slice::from_ref(&deep));
    dir.file("v3/pkg/n.py", "x = 1\n");
    assert!(watcher.take().files.contains(&deep));
    fs::write(dir.0.join("v3/pkg/n.py"), "x = 2\n").unwrap();
    assert!(watcher.take().files.contains(&deep));

    // A directory is listed for symlinks when its first file is watched; one that becomes a
    // symlink after that, and before it is watched itself, is an event that was not read yet.
    let (first, second) = (dir.file("late/a.py", ""), dir.file("late/b.py", ""));
    watcher.watch_file(&first);
    swap(&a, &second);
    watcher.watch_file(&second);
    assert_eq!(watcher.take().files, std::slice::from_ref(&second));
    fs::write(&a, "x = 6\n").unwrap();
    assert!(watcher.take().files.contains(&second));

    for path in [&link, &deep, &first, &second] {
        watcher.unwatch(path);
    }
    assert_eq!(watcher.counts(), Counts::default());
}

#[cfg(target_os = "linux")]
#[test]
fn directories_that_move_vanish_and_return_are_followed() {
    let dir = Dir::new("dirs");
    let path = dir.file("top/pkg/m.py", "x = 1\n");
    let mut watcher = watching(&[&path]);
    let (top, away) = (dir.0.join("top"), dir.0.join("away"));

    // An ancestor is moved: what is below it raises nothing of its own.
    fs::rename(&top, &away).unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&path));
    fs::write(away.join("pkg/m.py"), "x = 2\n").unwrap();
    assert!(!watcher.has_news(), "another file by now");
    fs::rename(&away, &top).unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&path));
    fs::write(&path, "x = 3\n").unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&path));

    // A branch is switched: the directory is removed and made again.
    fs::remove_dir_all(&top).unwrap();
    assert!(watcher.take().files.contains(&path));
    fs::create_dir(&top).unwrap();
    watcher.take();
    fs::create_dir(top.join("pkg")).unwrap();
    watcher.take();
    fs::write(&path, "x = 4\n").unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&path));
    // All of it between two looks.
    fs::remove_dir_all(&top).unwrap();
    dir.file("top/pkg/m.py", "x = 5\n");
    assert_eq!(watcher.take().files, std::slice::from_ref(&path));
    watcher.take();
    fs::write(&path, "x = 6\n").unwrap();
    assert_eq!(files(&mut watcher), std::slice::from_ref(&path));
    // A file takes the directory's place, and gives it back.
    fs::remove_dir_all(&top).unwrap();
    watcher.take();
    fs::write(&top, "").unwrap();
    watcher.take();
    fs::remove_file(&top).unwrap();
    dir.file("top/pkg/m.py", "x = 7\n");
    assert!(watcher.take().files.contains(&path));
    assert_eq!(watcher.counts().polled_directories, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_relative_path_is_reported_as_it_was_given() {
    let dir = Dir::new("relative");
    let path = dir.file("m.py", "x = 1\n");
    let up = "../".repeat(std::env::current_dir().unwrap().components().count() - 1);
    let relative = Path::new(&up).join(path.strip_prefix("/").unwrap());
    let mut watcher = watching(&[&relative]);
    fs::write(&path, "x = 2\n").unwrap();
    assert_eq!(files(&mut watcher), [relative]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_overflow_is_said_and_watching_goes_on() {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let dir = Dir::new("overflow");
    let (a, b) = (dir.file("a.py", ""), dir.file("b.py", ""));
    let mut watcher = watching(&[&a, &b]);
    // Equal events in a row are one to the kernel, so they take turns.
    for _ in 0..=limit / 2 {
        for path in [&a, &b] {
            drop(fs::OpenOptions::new().append(true).open(path).unwrap());
        }
    }
    assert!(watcher.has_news());
    assert!(watcher.take().overflow);
    watcher.take();
    fs::write(&a, "x = 1\n").unwrap();
    assert_eq!(files(&mut watcher), [a]);
}

#[test]
fn without_events_files_are_looked_at_and_a_fresh_stamp_is_not_trusted() {
    let dir = Dir::new("sweep");
    let path = dir.file("m.py", "x = 1\n");
    let mut watcher = Watcher::new(Mode::Sweep).unwrap();
    assert!(!watcher.has_news(), "nothing to look at");
    watcher.watch_file(&path);
    assert_eq!(watcher.counts().polled_directories, 1);
    assert_eq!(watcher.notify_fd(), None);
    assert!(watcher.has_news(), "somebody has to look");
    assert!(watcher.take().is_empty());
    // Same size, and a stamp that says nothing: only the content can tell.
    let (save, mut seen) = (dir.0.join("m.py"), 0);
    for i in 0..200 {
        let mut file = fs::OpenOptions::new().write(true).open(&save).unwrap();
        file.write_all(format!("x = {}\n", i % 10).as_bytes())
            .unwrap();
        drop(file);
        seen += usize::from(watcher.take().files == [path.clone()]);
        assert!(watcher.take().is_empty(), "told once");
    }
    assert_eq!(seen, 200);
    thread::sleep(Duration::from_millis(2100));
    assert!(
        watcher.take().is_empty() && watcher.take().is_empty(),
        "settled by now"
    );
    fs::write(&path, "x = 2\n").unwrap();
    assert_eq!(watcher.take().files, std::slice::from_ref(&path));
    watcher.unwatch(&path);
    assert!(!watcher.has_news());
}

#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_gets_a_queue_of_its_own_and_the_parent_keeps_its_events() {
    let dir = Dir::new("fork");
    let path = dir.file("m.py", "x = 1\n");
    let mut watcher = watching(&[&path]);
    let fd = watcher.notify_fd();
    // SAFETY: the child calls nothing but this library and the allocator, which the C library
    // makes fit for use after a fork, and leaves by _exit.
    match unsafe { libc::fork() } {
        0 => {
            let ok = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let stale = watcher.has_news() && watcher.take().overflow;
                let quiet = watcher.take().is_empty() && !watcher.has_news();
                fs::write(&path, "x = 2\n").unwrap();
                let seen = watcher.has_news() && watcher.take().files == [path.clone()];
                stale && quiet && seen && watcher.notify_fd() == fd
            }));
            // SAFETY: ends the child, without running what belongs to the parent.
            unsafe { libc::_exit(i32::from(ok.unwrap_or(false))) }
        }
        child => {
            let mut status = 0;
            // SAFETY: waits for the child made above.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert!(
                libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 1,
                "the child's view"
            );
        }
    }
    assert_eq!(
        files(&mut watcher),
        [path],
        "the child took none of the parent's events"
    );
}

/// The promise: an edit that was closed before the question is in the answer. Another thread
/// saves and counts; whoever reads the count must be told of all files up to there.
#[test]
fn no_edit_is_missed() {
    const FILES: usize = 64;
    let rounds = 100_000;
    let dir = Dir::new("strict");
    let paths: Vec<_> = (0..FILES)
        .map(|i| dir.file(&format!("m{i}.py"), ""))
        .collect();
    let temp = dir.0.join("save.tmp");
    let mut watcher = Watcher::new(Mode::Events).unwrap();
    for path in &paths {
        watcher.watch_file(path);
    }
    watcher.take();
    // How many saves were finished, and how many were looked for. Not a channel, which would
    // take its time to wake the other up, and give the edit time to be seen.
    let (saved, looked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (mut missed, mut looks) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                // Never so far ahead that a file's last save was not looked for.
                while round >= looked.load(Ordering::Acquire) + FILES / 2 {
                    thread::sleep(Duration::from_micros(20));
                }
                let path = &paths[round % FILES];
                // In place, and by rename.
                if round % 3 == 0 {
                    fs::write(&temp, round.to_string()).unwrap();
                    fs::rename(&temp, path).unwrap();
                } else {
                    fs::write(path, round.to_string()).unwrap();
                }
                saved.store(round + 1, Ordering::Release);
            }
        });
        let mut told = BTreeSet::new();
        let mut before = 0;
        while before < rounds {
            let now = saved.load(Ordering::Acquire);
            if now == before {
                thread::sleep(Duration::from_micros(20));
                continue;
            }
            // The idle path alone decides whether anybody looks. It may have told of a save
            // just before it was counted.
            looks += 1;
            if watcher.has_news() {
                told.extend(watcher.take().files);
            }
            missed += (before..now)
                .filter(|n| !told.remove(&paths[n % FILES]))
                .count();
            before = now;
            looked.store(now, Ordering::Release);
        }
    });
    assert_eq!(missed, 0, "of {rounds}");
    assert!(looks > rounds / FILES, "{looks}");
}

#[test]
fn the_notifier_tells_once_when_files_came_to_rest() {
    for mode in modes() {
        let dir = Dir::new(&format!("notifier-{mode:?}"));
        let path = dir.file("m.py", "x = 1\n");
        let (send, receive) = mpsc::channel();
        let timing = Timing {
            debounce: Duration::from_millis(40),
            poll_interval: Duration::from_millis(10),
        };
        let tell = Box::new(move |files: &[PathBuf]| send.send(files.to_vec()).unwrap());
        let notifier = Notifier::start(mode, timing, tell).unwrap();
        notifier.watch_file(&path);
        let begin = Instant::now();
        for i in 0..5 {
            fs::write(&path, format!("x = {i}\n")).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        let told = receive.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(told, std::slice::from_ref(&path));
        assert!(begin.elapsed() >= Duration::from_millis(60), "debounced");
        assert!(
            receive.recv_timeout(Duration::from_millis(100)).is_err(),
            "told once"
        );
        notifier.unwatch(&path);
        drop(notifier);
        assert!(
            receive.recv().is_err(),
            "the thread is gone, and its closure with it"
        );
    }
}
