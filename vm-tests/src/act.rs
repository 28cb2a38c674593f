//! What a scenario makes real programs do: each in a login session of its own, so that the alerts of one are not the alerts of another.

pub mod churn;
pub mod https;
#[cfg(target_arch = "x86_64")]
mod int80;
mod net;
pub mod race;
pub mod uring;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{Signal, getpid, kill_process, set_parent_process_death_signal, setsid},
};

use crate::{
    error::{Context, Error, Result},
    refusals,
};

/// The user that may nothing.
const NOBODY: u32 = 65534;

/// Who runs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// uid 0.
    Root,
    /// uid 65534.
    Nobody,
}

/// One program to run.
#[derive(Debug, Clone)]
pub struct Act {
    /// A path, or a name for PATH.
    pub program: String,
    /// What it is told.
    pub args: Vec<String>,
    /// Who runs it.
    pub user: User,
    /// Whether its failure is the test's.
    pub succeeds: bool,
    /// The process whose alerts count instead of this one's: one that was there before and is only told to go on.
    pub noticed: Option<u32>,
}

impl Act {
    /// As root.
    pub fn new<P: AsRef<Path>>(program: P, args: &[&str]) -> Act {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Act {
            program: program.as_ref().display().to_string(),
            args,
            user: User::Root,
            succeeds: false,
            noticed: None,
        }
    }

    /// This program as another, `act VERB ...`; it has to succeed.
    pub fn of_mine(args: &[&str]) -> Act {
        // Where it has no path of its own no test comes this far.
        Act::new(me().unwrap_or_default(), args).that_succeeds()
    }

    /// A line for the shell.
    pub fn shell(line: &str) -> Act {
        Act::new("sh", &["-c", line])
    }

    /// The same as nobody.
    pub fn as_nobody(self) -> Act {
        Act {
            user: User::Nobody,
            ..self
        }
    }

    /// The same, and its failure is the test's.
    pub fn that_succeeds(self) -> Act {
        Act { succeeds: true, ..self }
    }

    /// Starts it in a session of its own. The child's pid is the program's.
    pub fn start(&self) -> Result<Child> {
        let who = if self.user == User::Nobody { "nobody" } else { "root" };
        let mut command = Command::new(me()?);
        command.args(["act", "session", who, &self.program]).args(&self.args);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        // What failed says why on the test's own.
        command.stderr(if self.succeeds { Stdio::inherit() } else { Stdio::null() });
        command.spawn().context(format!("starting {}", self.program))
    }
}

/// This program's own path: a copy of it is every test program.
pub fn me() -> Result<PathBuf> {
    std::env::current_exe().context("own path")
}

/// Whether this program succeeds as another; what it says is not shown.
pub fn succeeds(args: &[&str]) -> bool {
    let quiet = |path| {
        Command::new(path)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
    };
    me().is_ok_and(|path| quiet(path).is_ok_and(|status| status.success()))
}

/// Copies this program.
pub fn copy_of_me(to: &Path, mode: u32) -> Result<()> {
    fs::copy(me()?, to).context(to.display())?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).context(to.display())
}

/// `PROGRAM act VERB ...`: the programs themselves. Returns the exit code.
pub fn main(args: &[String]) -> Result<i32> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["session", who, program, args @ ..] => session(who, program, args),
        ["bound-to-parent", program, args @ ..] => {
            set_parent_process_death_signal(Some(Signal::KILL)).context("prctl")?;
            Err(Error(format!("{program}: {}", Command::new(program).args(args).exec())))
        }
        ["limited", names, program, args @ ..] => refusals::limited(names, program, args),
        ["exit", code] => code.parse().context("exit code"),
        ["signal", "SEGV"] => die_by(Signal::SEGV),
        ["signal", "TERM"] => die_by(Signal::TERM),
        ["from-memory", name, args @ ..] => from_memory(name, args),
        ["spawn", count, program, args @ ..] => spawn(count.parse().context("count")?, program, args),
        ["files", directory, count] => files(Path::new(directory), count.parse().context("count")?),
        ["appends", directory, count] => appends(&Path::new(directory).join("file"), count.parse().context("count")?),
        ["net", what @ ..] => net::main(what),
        ["https", directory, address, target] => https::main(Path::new(directory), address, target),
        ["uring", mode, what @ ..] => uring::main(mode, what),
        #[cfg(target_arch = "x86_64")]
        ["int80", what @ ..] => int80::main(what),
        ["race", what @ ..] => race::main(what),
        ["churn", directory, program, threads, rounds] => churn::main(
            Path::new(directory),
            Path::new(program),
            threads.parse().context("threads")?,
            rounds.parse().context("rounds")?,
        ),
        _ => Err(Error(format!("no such act: {args:?}"))),
    }
}

fn session(who: &str, program: &str, args: &[&str]) -> Result<i32> {
    setsid().context("setsid")?;
    // A login: kernels with audit give a new session number with it. Without audit the session of setsid has to do.
    let _ = fs::write("/proc/self/loginuid", "0");
    // Found here: looking for it by trying would be a refused exec for each directory of PATH.
    let mut command = Command::new(found(program)?);
    command.arg0(program).args(args);
    if who == "nobody" {
        command.uid(NOBODY).gid(NOBODY);
    }
    Err(Error(format!("{program}: {}", command.exec())))
}

fn found(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(program));
    match program.contains('/') {
        true => Ok(program.into()),
        false => candidates
            .find(|path| path.is_file())
            .ok_or_else(|| Error(format!("{program} is not in PATH"))),
    }
}

fn die_by(signal: Signal) -> Result<i32> {
    // Twice: Rust's runtime takes the first SIGSEGV for a stack overflow, finds none and puts the default action back.
    for _ in 0..2 {
        kill_process(getpid(), signal).context("kill")?;
    }
    Err(Error("still here".into()))
}

/// Goes on as a copy of this program that is in no file system.
fn from_memory(name: &str, args: &[&str]) -> Result<i32> {
    let mut memory = fs::File::from(memfd_create(name, MemfdFlags::CLOEXEC).context("memfd_create")?);
    io::copy(&mut fs::File::open(me()?).context("own file")?, &mut memory).context("copy")?;
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    Err(Error(format!("{path}: {}", Command::new(&path).args(args).exec())))
}

fn spawn(count: u32, program: &str, args: &[&str]) -> Result<i32> {
    for _ in 0..count {
        Command::new(program).args(args).status().context(program)?;
    }
    Ok(0)
}

/// `count` operations: a quarter each of create, write, permission and delete.
fn files(directory: &Path, count: u32) -> Result<i32> {
    for n in 0..count / 4 {
        let path = directory.join(format!("f{n}"));
        fs::File::create_new(&path).context("create")?;
        append(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).context("chmod")?;
        fs::remove_file(&path).context("unlink")?;
    }
    Ok(0)
}

/// `count` openings of one file for writing.
fn appends(path: &Path, count: u32) -> Result<i32> {
    for _ in 0..count {
        append(path)?;
    }
    Ok(0)
}

/// Opens an existing file, without O_CREAT, and writes a byte.
pub fn append(path: &Path) -> Result<()> {
    let mut file = OpenOptions::new().append(true).open(path).context("open")?;
    file.write_all(b"x").context("write")
}
