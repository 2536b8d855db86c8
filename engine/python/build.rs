//! Builds `lakebed.duckdb_extension`, which the wheel holds beside the module (feature `duckdb-extension`, which
//! pyproject.toml sets).
//!
//! maturin builds one library. The other is built here with the same profile, or taken from `$LAKEBED_DUCKDB_LIBRARY`
//! if the caller has built it (`make` does, so that both share their dependencies). A DuckDB extension is a library
//! followed by 512 bytes that name the version and the platform of DuckDB; this script appends them.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type BuildResult<T> = Result<T, Box<dyn Error>>;

const LIBRARY: &str = "LAKEBED_DUCKDB_LIBRARY";

/// The version of DuckDB's C API that the extension uses, as in engine/duckdb/src/c_api.rs.
const API_VERSION: &str = "v1.2.0";

fn main() -> BuildResult<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={LIBRARY}");
    if env::var_os("CARGO_FEATURE_DUCKDB_EXTENSION").is_none() {
        return Ok(());
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let library = match env::var_os(LIBRARY) {
        Some(library) => PathBuf::from(library),
        None => build(&out)?,
    };
    println!("cargo:rerun-if-changed={}", library.display());
    let mut bytes =
        fs::read(&library).map_err(|e| format!("{} cannot be read: {e}", library.display()))?;
    bytes.extend_from_slice(&footer()?);
    fs::write(out.join("lakebed.duckdb_extension"), bytes)?;
    Ok(())
}

fn variable(name: &str) -> BuildResult<String> {
    env::var(name).map_err(|e| format!("${name}: {e}").into())
}

/// Builds the library in a target directory of its own below the usual one, since the running cargo holds the usual
/// one's lock.
fn build(out: &Path) -> BuildResult<PathBuf> {
    let engine = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("..");
    for source in ["duckdb", "core", "json", "codec", "format", "vfs"] {
        for part in ["src", "Cargo.toml"] {
            let path = engine.join(source).join(part);
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    // .../PROFILE/build/PACKAGE-HASH/out
    let directory = out.ancestors().nth(3).and_then(Path::file_name);
    let directory = directory.ok_or("the profile's name is not in $OUT_DIR")?;
    let profile = match directory.to_str() {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target_directory = out
        .ancestors()
        .nth(4)
        .ok_or("$OUT_DIR is not in a target directory")?;
    let (target, within) = (variable("TARGET")?, target_directory.join("extension"));
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .args(["build", "--locked", "--lib", "--profile", profile])
        .args(["--target", &target])
        .arg("--manifest-path")
        .arg(engine.join("duckdb/Cargo.toml"))
        .arg("--target-dir")
        .arg(&within);
    for (name, _) in env::vars_os() {
        if is_for_this_build(&name) {
            cargo.env_remove(name);
        }
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("building the DuckDB extension failed: {status}").into());
    }
    let name = format!(
        "{}lakebed_duckdb{}",
        if target.contains("windows") {
            ""
        } else {
            "lib"
        },
        if target.contains("windows") {
            ".dll"
        } else if target.contains("apple") {
            ".dylib"
        } else {
            ".so"
        }
    );
    Ok(within.join(target).join(directory).join(name))
}

/// Whether a variable of the environment belongs to this build, and must not reach the other.
fn is_for_this_build(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| {
        [
            "CARGO_FEATURE_",
            "CARGO_CFG_",
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "DEP_",
        ]
        .iter()
        .any(|start| name.starts_with(start))
            || [
                "CARGO_ENCODED_RUSTFLAGS",
                "CARGO_MAKEFLAGS",
                "MAKEFLAGS",
                "MFLAGS",
                "OUT_DIR",
                "TARGET",
                "HOST",
                "PROFILE",
                "NUM_JOBS",
                "OPT_LEVEL",
                "DEBUG",
                "RUSTC",
                "RUSTDOC",
                "RUSTC_LINKER",
            ]
            .contains(&name)
    })
}

/// The extension's metadata: the header of a WebAssembly custom section, which DuckDB's tools write on every platform,
/// then 512 bytes: eight fields of 32 bytes in reverse order, and 256 bytes for a signature.
fn footer() -> BuildResult<Vec<u8>> {
    let mut footer = vec![0x00, 0x93, 0x04, 0x10];
    footer.extend_from_slice(b"duckdb_signature");
    footer.extend_from_slice(&[0x80, 0x04]);
    let version = format!("v{}", variable("CARGO_PKG_VERSION")?);
    let fields = [
        "",
        "",
        "",
        "C_STRUCT",
        &version,
        API_VERSION,
        &platform()?,
        "4",
    ];
    for field in fields {
        let end = footer.len() + 32;
        footer.extend_from_slice(field.as_bytes());
        footer.resize(end, 0);
    }
    footer.resize(footer.len() + 256, 0);
    Ok(footer)
}

/// DuckDB's name of the target platform.
fn platform() -> BuildResult<String> {
    let cfg = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let arch = match cfg("ARCH").as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => return Err(format!("DuckDB has no extensions for {other}").into()),
    };
    match (cfg("OS").as_str(), cfg("ENV").as_str()) {
        ("linux", "musl") => Ok(format!("linux_{arch}_musl")),
        ("linux", _) => Ok(format!("linux_{arch}")),
        ("macos", _) => Ok(format!("osx_{arch}")),
        ("windows", "gnu") => Ok(format!("windows_{arch}_mingw")),
        ("windows", _) => Ok(format!("windows_{arch}")),
        (other, _) => Err(format!("DuckDB has no extensions for {other}").into()),
    }
}
