//! `include/pyreload.h` is made from the doc comments of `src/capi`. It must be up to date
//! (`UPDATE_HEADER=1 cargo test --test header` makes it so), and both headers must compile
//! without a warning in every dialect we promise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The chapters, in the order in which `src/capi/mod.rs` lists them; `handle` has one type.
fn chapters() -> Vec<PathBuf> {
    let capi = root().join("src/capi");
    let list = fs::read_to_string(capi.join("mod.rs")).expect("src/capi/mod.rs");
    let public = list
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let mut files: Vec<_> = public.map(|name| capi.join(format!("{name}.rs"))).collect();
    assert_eq!(
        files.len(),
        9,
        "a chapter was added: name it in the contents of the header"
    );
    files.push(capi.join("handle.rs"));
    files
}

fn generated() -> String {
    let file = root().join("cbindgen.toml");
    let mut config = cbindgen::Config::from_file(file).expect("cbindgen.toml is valid");
    let versions = [
        ("@MAJOR@", env!("CARGO_PKG_VERSION_MAJOR")),
        ("@MINOR@", env!("CARGO_PKG_VERSION_MINOR")),
        ("@PATCH@", env!("CARGO_PKG_VERSION_PATCH")),
    ];
    let mut macros = config
        .after_includes
        .take()
        .expect("cbindgen.toml has the version macros");
    for (mark, part) in versions {
        macros = macros.replace(mark, part);
    }
    config.after_includes = Some(macros);
    let mut builder = cbindgen::Builder::new().with_config(config);
    for chapter in chapters() {
        builder = builder.with_src(chapter);
    }
    let mut header = Vec::new();
    builder
        .generate()
        .expect("cbindgen reads the chapters")
        .write(&mut header);
    String::from_utf8(header).expect("text")
}

#[test]
fn header_is_what_the_sources_say() {
    let path = root().join("include/pyreload.h");
    let generated = generated();
    if std::env::var_os("UPDATE_HEADER").is_some() {
        fs::write(&path, &generated).expect("include/ is writable");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/pyreload.h is out of date; run UPDATE_HEADER=1 cargo test --test header"
    );
}

#[test]
fn header_has_no_word_of_rust() {
    let header = generated();
    for word in ["Option<", "usize", "c_int", "crate::", "`&", "Box<"] {
        assert!(!header.contains(word), "the header says {word}");
    }
    let long: Vec<_> = header
        .lines()
        .filter(|line| line.chars().count() > 100)
        .collect();
    assert!(long.is_empty(), "lines that are too long: {long:#?}");
}

/// Compiles two units which both include `header` twice, and links them with each other.
fn compile(compiler: &str, standard: &str, header: &str, body: &str) {
    let name = format!(
        "pyreload-header-{}-{}-{}",
        std::process::id(),
        standard,
        header
    );
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir).expect("a folder for the test");
    let extension = if compiler == "cc" { "c" } else { "cpp" };
    let include = format!("#include <{header}>\n#include <{header}>\n");
    let units = [("one", "int one(void)"), ("two", "int two(void)")].map(|(unit, signature)| {
        let path = dir.join(format!("{unit}.{extension}"));
        let text = format!("{include}{signature};\n{signature} {{ {body} }}\n");
        fs::write(&path, text).expect("writable");
        path
    });
    let main = dir.join(format!("main.{extension}"));
    fs::write(
        &main,
        "int one(void);\nint two(void);\nint main(void) { return one() + two(); }\n",
    )
    .expect("writable");
    let library = library_folder();
    let output = Command::new(compiler)
        .arg(format!("-std={standard}"))
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(root().join("include"))
        .args(&units)
        .arg(&main)
        .arg("-L")
        .arg(&library)
        .args(["-lpyreload", "-Wl,--allow-shlib-undefined", "-o"])
        .arg(dir.join("program"))
        .output()
        .expect("a C and a C++ compiler are installed");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let _ = fs::remove_dir_all(&dir);
    assert!(
        output.status.success(),
        "{compiler} -std={standard} {header}:\n{errors}"
    );
}

/// Where cargo put the cdylib: beside the test program.
fn library_folder() -> PathBuf {
    let program = std::env::current_exe().expect("the test program");
    program.parent().expect("deps").to_path_buf()
}

const C_BODY: &str = "pyreload_options o; pyreload_options_init(&o, sizeof o); \
    return PYRELOAD_VERSION_AT_LEAST(0, 1, 0) ? (int)o.debounce_ms : PYRELOAD_ACTION_KEPT;";

#[test]
fn c_header_compiles_as_c() {
    for standard in ["c99", "c11", "c17"] {
        compile("cc", standard, "pyreload.h", C_BODY);
    }
}

#[test]
fn c_header_compiles_as_cpp() {
    for standard in ["c++11", "c++17", "c++20"] {
        compile("c++", standard, "pyreload.h", C_BODY);
    }
}

/// Names each member function, so that all templates and inline functions are compiled.
const CPP_BODY: &str = r#"
    using namespace pyreload;
    static_assert(!std::is_copy_constructible_v<reloader> && std::is_move_constructible_v<reloader>);
    static_assert(!std::is_copy_constructible_v<report> && std::is_move_assignable_v<report>);
    static_assert(std::is_nothrow_constructible_v<dispatch_scope, reloader &, std::uint32_t>);
    try {
        options settings;
        settings.name = "main";
        reloader r(settings);
        reloader other = std::move(r);
        other.set_trigger_mode(PYRELOAD_TRIGGER_SCRIPT);
        int heard = 0;
        auto id = other.on(PYRELOAD_EVENT_BEFORE_RELOAD, [&heard](const event &e) {
            heard += static_cast<int>(e.report().size());
            return heard > 1;
        }, "key");
        other.on(PYRELOAD_EVENT_MODULE_FAILED, [](const event &e) { (void)e.module().error(); });
        other.off(id);
        { dispatch_scope scope(other, PYRELOAD_TRIGGER_SCRIPT); (void)scope.status(); }
        report found = other.check(PYRELOAD_CHECK_DRY_RUN);
        found = other.reload("m", PYRELOAD_CHECK_FORCE);
        found = other.trigger(PYRELOAD_TRIGGER_SCRIPT);
        if (found && !found.all_current() && !found.is_dry_run()) {
            for (auto module : found) {
                for (auto change : module) { (void)change.kind(); (void)change.reason(); }
                if (module.note_count()) (void)module.note(0);
            }
        }
        for (auto row : other.modules()) { if (row.is_user()) return 1; }
        other.include("m"); other.exclude("m"); other.forget_rule("m");
        other.set_policy("m", PYRELOAD_POLICY_FULL);
        other.track_namespace(nullptr); other.forget_namespace(nullptr);
        other.install_module(); other.track_imports();
        return static_cast<int>(other.stats().checks + other.pending()) + other.notify_fd()
            + static_cast<int>(other.trigger_mode() + found.text().size() + found.json().size());
    } catch (const error &e) {
        return e.status() + (e.what() != nullptr);
    }
"#;

#[test]
fn cpp_header_compiles_as_cpp() {
    for standard in ["c++17", "c++20"] {
        compile("c++", standard, "pyreload.hpp", CPP_BODY);
    }
}
