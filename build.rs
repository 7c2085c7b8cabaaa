//! Keeps the shipped library free of libpython, and lets `cargo test` find one.
//!
//! The library is loaded into a host that brings its own Python, so the cdylib must
//! not name a libpython; the test programs, which have no host, must.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PYO3_BUILD_EXTENSION_MODULE");
    if env::var_os("PYO3_BUILD_EXTENSION_MODULE").is_none() {
        println!(
            "cargo:warning=PYO3_BUILD_EXTENSION_MODULE is unset: this build links libpython and must not be shipped"
        );
    }
    let python = pyo3_build_config::get();
    pyo3_build_config::add_extension_module_link_args();
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // A closure of ours that lives on in Python must not lose its code to dlclose().
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    let mut unit = String::new();
    if env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("unix")
        && let (Some(dir), Some(name)) = (python.lib_dir(), python.lib_name())
    {
        for flag in [
            format!("-L{dir}"),
            format!("-l{name}"),
            format!("-Wl,-rpath,{dir}"),
        ] {
            println!("cargo:rustc-link-arg-tests={flag}");
            println!("cargo:rustc-link-arg-benches={flag}");
        }
        println!("cargo:rustc-link-search=native={dir}");
        if env::var("PROFILE").as_deref() == Ok("debug") {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{dir}");
        }
        unit = format!("#[cfg(test)] #[link(name = \"{name}\")] unsafe extern \"C\" {{}}\n");
    }
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("testlink.rs"), unit).expect("OUT_DIR is writable");
}
