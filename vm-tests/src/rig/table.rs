//! The kernels of the matrix, and why each is in it.

use std::str::FromStr;

/// A processor architecture that guests can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// x86_64.
    Amd64,
    /// aarch64.
    Arm64,
}

impl Arch {
    /// Debian's name.
    pub fn debian(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
        }
    }

    /// Rust's name, and the kernel's.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64",
            Arch::Arm64 => "aarch64",
        }
    }
}

/// A suite of Debian's archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Of the archive.
    Main(&'static str),
    /// Of the security archive.
    Security(&'static str),
}

/// Which versions a row takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// The newest of one series: `6.12`.
    Of(&'static str),
    /// The newest of all.
    Newest,
}

/// One kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What it is called on the command line and in the cache.
    pub name: &'static str,
    /// Which versions.
    pub series: Series,
    /// For which machine.
    pub arch: Arch,
    /// Lapwing would not choose function hooks here (`bpf/src/faults.rs` says why): the function flavour is asked for by name.
    pub forced: bool,
    /// Virtual processors: one, which costs an emulator least; two where several are to be had.
    pub cpus: u32,
    /// Where its packages are (`linux-image-*-cloud-ARCH`, or `linux-binary-*` and `linux-modules-*` of the same name).
    pub suites: &'static [Suite],
    /// Why it is in the matrix.
    pub why: &'static str,
}

/// All of them, the oldest first.
pub const ROWS: &[Row] = &[
    Row {
        name: "5.10",
        series: Series::Of("5.10"),
        arch: Arch::Amd64,
        forced: false,
        cpus: 1,
        suites: &[Suite::Security("bullseye-security")],
        why: "the oldest that is promised (Debian 11): no bpf_loop, no socket storage for tracing programs, and a faulting load crashes it",
    },
    Row {
        name: "6.1",
        series: Series::Of("6.1"),
        arch: Arch::Amd64,
        forced: true,
        cpus: 1,
        suites: &[Suite::Security("bookworm-security"), Suite::Main("bookworm")],
        why: "Debian 12's own: bpf in lsm=, no socket tracepoints; has a fault (bpf/src/faults.rs) for which Lapwing takes the system-call flavour unless told otherwise, as it is here",
    },
    Row {
        name: "6.12",
        series: Series::Of("6.12"),
        arch: Arch::Amd64,
        forced: false,
        cpus: 2,
        suites: &[Suite::Security("bookworm-security"), Suite::Main("bookworm-backports")],
        why: "Debian 13's own, a long-term series: what most new machines run, here with two processors",
    },
    Row {
        name: "6.18",
        series: Series::Of("6.18"),
        arch: Arch::Amd64,
        forced: false,
        cpus: 1,
        suites: &[Suite::Main("trixie-backports")],
        why: "the newest long-term series, with lazy preemption",
    },
    Row {
        name: "newest",
        series: Series::Newest,
        arch: Arch::Amd64,
        forced: false,
        cpus: 1,
        suites: &[Suite::Main("sid")],
        why: "the newest in Debian: functions that it renames or removes are found here first",
    },
    Row {
        name: "arm64",
        series: Series::Of("6.12"),
        arch: Arch::Arm64,
        forced: false,
        cpus: 1,
        suites: &[Suite::Security("bookworm-security"), Suite::Main("bookworm-backports")],
        why: "Debian 13's own on another processor: other registers, system-call numbers and trampolines (6.4 is the first with function hooks there), and 32-bit programs that are not x86's",
    },
];

impl FromStr for &'static Row {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ROWS.iter().find(|row| row.name == text).ok_or_else(|| {
            let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            format!("kernel {text} is not in the table; known: {}", names.join(", "))
        })
    }
}

/// A package's name with the version in it, in pieces that compare: `linux-image-6.12.90+deb12-cloud-amd64` is [6, 12, 90, 12].
pub fn numbers(package: &str) -> Vec<u64> {
    let version = package.rsplit_once("-cloud-").map_or(package, |(version, _)| version);
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// Releases (`6.12.90+deb12-cloud-amd64`) that a row can take, the best first: the newest of its series; when the archive has none any more, the
/// next older, then what is newer.
pub fn preferred(series: Series, mut releases: Vec<String>) -> Vec<String> {
    releases.sort_by_cached_key(|release| numbers(release));
    releases.dedup();
    let Series::Of(wanted) = series else {
        releases.reverse();
        return releases;
    };
    let wanted = numbers(wanted);
    let (mut own, mut older, mut newer) = (Vec::new(), Vec::new(), Vec::new());
    for release in releases {
        let version = numbers(&release);
        if version.starts_with(&wanted) {
            own.push(release);
        } else if version < wanted {
            older.push(release);
        } else {
            newer.push(release);
        }
    }
    own.into_iter()
        .rev()
        .chain(older.into_iter().rev())
        .chain(newer)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ROWS, Row, Series, numbers, preferred};

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("linux-image-6.12.101+deb12-cloud-amd64") > numbers("linux-image-6.12.95+deb12-cloud-amd64"));
        assert!(numbers("linux-image-6.12.90+deb12.1-cloud-amd64") > numbers("linux-image-6.12.90+deb12-cloud-amd64"));
    }

    #[test]
    fn the_newest_of_the_series_then_older_then_newer() {
        let releases = || {
            ["6.9.1", "6.12.9", "6.12.10", "6.1.5", "6.13.1"]
                .map(|v| format!("{v}-cloud-amd64"))
                .to_vec()
        };
        let order = |series| preferred(series, releases()).join(" ").replace("-cloud-amd64", "");
        assert_eq!(order(Series::Of("6.12")), "6.12.10 6.12.9 6.9.1 6.1.5 6.13.1");
        assert_eq!(order(Series::Newest), "6.13.1 6.12.10 6.12.9 6.9.1 6.1.5");
    }

    #[test]
    fn rows_are_found_by_unique_names() {
        for row in ROWS {
            assert_eq!(row.name.parse::<&'static Row>(), Ok(row));
        }
        assert!("4.19".parse::<&'static Row>().unwrap_err().contains("5.10, 6.1"));
    }
}
