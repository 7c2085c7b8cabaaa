//! What the built library shows to the dynamic linker: our functions, and no libpython.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cdylib of this build: cargo puts it beside the test programs.
fn library() -> PathBuf {
    let program = std::env::current_exe().expect("the test program");
    let library = program.parent().expect("deps").join("libpyreload.so");
    assert!(library.exists(), "{} was not built", library.display());
    library
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .arg(library())
        .output()
        .unwrap_or_else(|err| panic!("{program} (binutils) is needed: {err}"));
    assert!(output.status.success(), "{program} failed");
    String::from_utf8(output.stdout).expect("text")
}

fn exported() -> BTreeSet<String> {
    run("nm", &["--dynamic", "--defined-only"])
        .lines()
        .map(|line| line.split_whitespace().last().expect("a name").to_owned())
        .collect()
}

fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(root().join("include/pyreload.h")).expect("the header");
    let start = header.find("extern \"C\"").expect("the function part");
    // Comments mention functions too; what is declared is followed by parameters.
    let mut code = String::new();
    for part in header[start..].split("/*") {
        code.push_str(part.split_once("*/").map_or(part, |(_, after)| after));
    }
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("pyreload_") {
        let name: String = code[at..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        if code[at + name.len()..].starts_with('(') {
            names.insert(name);
        }
    }
    names
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let exported = exported();
    assert!(exported.len() > 50, "{exported:?}");
    assert_eq!(exported, declared());
}

#[test]
fn the_library_brings_no_python() {
    let needed: Vec<_> = run("readelf", &["--dynamic", "--wide"])
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .map(str::to_owned)
        .collect();
    assert!(
        !needed.is_empty(),
        "readelf says something else than expected"
    );
    assert!(
        !needed.iter().any(|line| line.contains("python")),
        "{needed:#?}"
    );
}

#[test]
fn the_library_stays_when_it_is_closed() {
    let flags = run("readelf", &["--dynamic", "--wide"]);
    assert!(flags.contains("NODELETE"), "{flags}");
}

/// A function that is exported any other way would let panics out.
#[test]
fn each_exported_function_is_one_call_of_the_entrance() {
    let mut found = 0;
    for file in fs::read_dir(root().join("src/capi")).expect("src/capi") {
        let path = file.expect("entry").path();
        let text = fs::read_to_string(&path).expect("source");
        for part in text.split("#[unsafe(no_mangle)]\n").skip(1) {
            let part = &part[..part.find("\n}\n").expect("the end of the function")];
            let (signature, body) = part.split_once(" {\n").expect("a body");
            let name = signature.lines().next().expect("a line");
            assert!(signature.contains("extern \"C\" fn pyreload_"), "{name}");
            let code: Vec<_> = body
                .lines()
                .map(str::trim)
                .filter(|line| !line.starts_with("//"))
                .collect();
            let first = code.first().expect("an expression");
            assert!(
                first.starts_with("entry::status(") || first.starts_with("entry::value("),
                "{}: {name} begins with {first}",
                path.display()
            );
            let indent = |line: &&str| line.starts_with("    ") && !line.starts_with("     ");
            let statements = body.lines().filter(indent);
            let loose: Vec<_> = statements
                .filter(|l| !l.trim().starts_with("//") && !l.trim().starts_with("entry::"))
                .filter(|l| !l.trim().starts_with('}'))
                .collect();
            assert!(loose.is_empty(), "{name} does more than that: {loose:?}");
            found += 1;
        }
    }
    assert_eq!(found, exported().len());
}
