//! Compiles every `c/*.bpf.c` into `OUT_DIR/NAME.o` and lists them in `objects.rs`; the types of the wire format come from `base.bpf.c`.

use std::{
    env,
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use libbpf_cargo::SkeletonBuilder;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let source = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("c");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", source.display());
    println!("cargo:rerun-if-env-changed=CLANG");

    let clang = clang()?;
    let mut list = String::from("&[\n");
    for name in programs(&source)? {
        let [new, old] = [out.join(format!("{name}.o")), out.join(format!("{name}.old.o"))];
        let mut builder = compile(&source, &name, &new, &clang, &[])?;
        if name == "base" {
            builder
                .generate(out.join("base.skel.rs"))
                .map_err(|error| format!("{error:#}"))?;
        }
        // Kernels before 5.17, see c/common/walk.h.
        compile(&source, &name, &old, &clang, &["-DLW_NO_LOOP"])?;
        writeln!(
            list,
            "    Source {{ name: {name:?}, elf: aligned!({new:?}), old: aligned!({old:?}) }},"
        )?;
    }
    list.push_str("]\n");
    fs::write(out.join("objects.rs"), list)?;
    Ok(())
}

fn compile(source: &Path, name: &str, object: &Path, clang: &Path, extra: &[&str]) -> Result<SkeletonBuilder, Failure> {
    let mut builder = SkeletonBuilder::new();
    builder
        .source(source.join(format!("{name}.bpf.c")))
        .obj(object)
        .clang(clang)
        .clang_args(arguments(source).into_iter().chain(extra.iter().map(OsString::from)));
    builder.build().map_err(|error| format!("{error:#}"))?;
    Ok(builder)
}

/// The names of the `.bpf.c` files, `base` first: the others share its maps.
fn programs(source: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(source)? {
        if let Some(name) = entry?.file_name().to_string_lossy().strip_suffix(".bpf.c") {
            names.push(name.to_owned());
        }
    }
    names.sort_by_key(|name| (name != "base", name.clone()));
    Ok(names)
}

fn arguments(source: &Path) -> Vec<OsString> {
    let mut include = OsString::from("-I");
    include.push(source);
    // Up to 6.1 at least, the verifier refuses a loop whose head is reached by falling through, as block placement makes.
    let layout = ["-mllvm", "-disable-block-placement"];
    vec![
        include,
        layout[0].into(),
        layout[1].into(),
        "-mcpu=v3".into(),
        // Kernels up to 6.1 at least refuse a loop whose head is reached by falling through, which block placement makes.
        "-mllvm".into(),
        "-disable-block-placement".into(),
        "-Wall".into(),
        "-Wextra".into(),
        "-Werror".into(),
        "-Wno-unused-parameter".into(),
        "-Wno-unused-function".into(),
    ]
}

/// Debian names the compiler by its version; `CLANG` overrides.
fn clang() -> Result<PathBuf, Failure> {
    if let Some(named) = env::var_os("CLANG") {
        return Ok(named.into());
    }
    ["clang-19", "clang"]
        .into_iter()
        .find(|name| {
            Command::new(name)
                .arg("--version")
                .output()
                .is_ok_and(|o| o.status.success())
        })
        .map(PathBuf::from)
        .ok_or_else(|| "no clang: install clang-19 (apt-get install clang-19) or set CLANG".into())
}
