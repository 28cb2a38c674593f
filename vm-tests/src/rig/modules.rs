//! Kernel modules for a guest: taken from the kernel's package, with what they depend on, in the order in which they are loaded.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Context, Error, Result, output_of},
    rig::kernel::Kernel,
    world::MODULES,
};

/// Files for the initramfs: (path in the guest, content). A module that is built in is an empty directory; one that the package does not have is not there.
#[derive(Debug, Default)]
pub struct Brought {
    /// With the directories above them.
    pub files: Vec<(String, Vec<u8>)>,
    /// For what is built in.
    pub directories: Vec<String>,
}

/// Takes `names` out of the kernel's package.
pub fn bring(kernel: &Kernel, names: &[&str]) -> Result<Brought> {
    let mut brought = Brought::default();
    if names.is_empty() {
        return Ok(brought);
    }
    let Some(modules) = &kernel.modules else {
        return Err(Error(format!("the package of {} has no modules", kernel.release)));
    };
    let there = index(modules)?;
    let built_in = fs::read_to_string(modules.join("modules.builtin")).unwrap_or_default();
    for name in names {
        if there.contains_key(*name) {
            let mut order = Vec::new();
            visit(name, &there, &mut order)?;
            for (n, (module, bytes)) in order.into_iter().enumerate() {
                brought
                    .files
                    .push((format!("{MODULES}/{name}/{n:02}-{module}.ko"), bytes));
            }
        } else if built_in
            .lines()
            .any(|line| name_of(Path::new(line)).as_deref() == Some(name))
        {
            brought.directories.push(format!("{MODULES}/{name}"));
        }
    }
    Ok(brought)
}

/// Every module of the package by its name.
fn index(modules: &Path) -> Result<BTreeMap<String, PathBuf>> {
    // Written at the package's build; modules.dep would be made at its installation.
    let order = modules.join("modules.order");
    let text = fs::read_to_string(&order).context(order.display())?;
    let mut there = BTreeMap::new();
    for line in text.lines() {
        // The list names .ko or (5.10) .o files; they may lie there compressed.
        let Some(name) = name_of(Path::new(line)) else { continue };
        let stem = modules.join(line).with_extension("");
        let found = ["ko", "ko.xz", "ko.zst", "ko.gz"]
            .iter()
            .map(|end| PathBuf::from(format!("{}.{end}", stem.display())))
            .find(|path| path.is_file());
        if let Some(path) = found {
            there.insert(name, path);
        }
    }
    Ok(there)
}

/// A module's name: that of its file, with underscores.
fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    Some(file.split('.').next()?.replace('-', "_"))
}

/// What `name` depends on, then itself.
fn visit(name: &str, there: &BTreeMap<String, PathBuf>, order: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    if order.iter().any(|(other, _)| other == name) {
        return Ok(());
    }
    // What is not in the package is built in.
    let Some(path) = there.get(name) else { return Ok(()) };
    let bytes = plain(path)?;
    for dependency in dependencies(&bytes) {
        visit(&dependency, there, order)?;
    }
    order.push((name.to_owned(), bytes));
    Ok(())
}

/// The module's `depends=` line, as modinfo(8) reads it.
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = module[at + KEY.len()..]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    let text = String::from_utf8_lossy(value);
    text.split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// Unpacked here: the guest's busybox need not know the compression.
fn plain(path: &Path) -> Result<Vec<u8>> {
    let tool = match path.extension().and_then(|end| end.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(path).context(path.display()),
    };
    let done = Command::new(tool).arg("-dc").arg(path).output().context(tool)?;
    if done.status.success() {
        return Ok(done.stdout);
    }
    // Says what the tool said.
    output_of(Command::new(tool).arg("-t").arg(path)).map(|_| done.stdout)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{dependencies, name_of};

    #[test]
    fn a_module_says_what_it_depends_on() {
        assert_eq!(
            dependencies(b"\x7fELF license=GPL\0depends=lib-a,libb\0name=x\0"),
            ["lib_a", "libb"]
        );
        assert!(dependencies(b"license=GPL\0depends=\0name=x\0").is_empty());
        assert!(dependencies(b"no such thing").is_empty());
        assert_eq!(
            name_of(Path::new("kernel/drivers/net/act-x.ko.xz")).as_deref(),
            Some("act_x")
        );
    }
}
