//! The loads: each is one operation, repeated for a while by one thread.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    fs::{CWD, Mode, OFlags},
    time::{ClockId, clock_gettime},
};

use crate::{Result, agent::Workspace};

/// How long each load runs in each half of a round.
const SLICE: Duration = Duration::from_millis(300);

/// What one operation cost, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// By the clock on the wall.
    pub wall: f64,
    /// On the CPU, for the threads that do the operation; None where they are not ours.
    pub cpu: Option<f64>,
}

/// One load.
pub struct Load {
    /// Its name in the table.
    pub name: String,
    /// The ratio to stay under.
    pub aim: Option<f64>,
    run: Box<dyn FnMut() -> Result<Sample>>,
}

impl Load {
    /// A load that measures itself.
    pub fn new(name: &str, aim: Option<f64>, run: impl FnMut() -> Result<Sample> + 'static) -> Load {
        Load {
            name: name.into(),
            aim,
            run: Box::new(run),
        }
    }

    /// A load that repeats `operation`.
    fn repeat(name: &str, aim: Option<f64>, mut operation: impl FnMut() -> Result<()> + 'static) -> Load {
        Load::new(name, aim, move || {
            let (start, cpu) = (Instant::now(), cpu_time(ClockId::ThreadCPUTime));
            let mut count = 0u32;
            while !count.is_multiple_of(16) || start.elapsed() < SLICE {
                operation()?;
                count += 1;
            }
            let count = f64::from(count);
            let spent = cpu_time(ClockId::ThreadCPUTime) - cpu;
            Ok(Sample {
                wall: start.elapsed().as_nanos() as f64 / count,
                cpu: Some(spent / count),
            })
        })
    }

    /// Runs it once.
    pub fn sample(&mut self) -> Result<Sample> {
        (self.run)().map_err(|error| format!("load {}: {error}", self.name))
    }
}

fn cpu_time(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// All loads that need nothing but this machine.
pub fn all(workspace: &Workspace) -> Result<Vec<Load>> {
    let deep = workspace.elsewhere.join("a/b/c/d");
    fs::create_dir_all(&deep).map_err(|error| error.to_string())?;
    let (file, watched) = (deep.join("file"), workspace.watched.join("file"));
    for path in [&file, &watched] {
        fs::write(path, "x").map_err(|error| error.to_string())?;
    }
    let made = deep.join("made");
    Ok(vec![
        Load::repeat("getppid", None, || {
            std::hint::black_box(rustix::process::getppid());
            Ok(())
        }),
        open(
            "open for reading (no watch can match)",
            1.15,
            file.clone(),
            OFlags::RDONLY,
        ),
        open("open for writing outside watches", 1.35, file, OFlags::WRONLY),
        open("open for writing inside a watch", 1.35, watched, OFlags::WRONLY),
        Load::repeat("create and unlink outside watches", None, move || {
            open_close(&made, OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY)?;
            rustix::fs::unlink(&made).map_err(|error| error.to_string())
        }),
        exec(),
        ping_pong()?,
    ])
}

fn open(name: &str, aim: f64, path: PathBuf, flags: OFlags) -> Load {
    Load::repeat(name, Some(aim), move || open_close(&path, flags))
}

fn open_close(path: &Path, flags: OFlags) -> Result<()> {
    rustix::fs::openat(CWD, path, flags, Mode::RWXU)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Starts /bin/true and waits for it. The CPU time is that of this process and of its children, which the kernel tells in hundredths of a
/// second: it runs for longer than the others.
fn exec() -> Load {
    Load::new("exec of /bin/true", Some(1.05), || {
        let (start, cpu, mut count) = (Instant::now(), family_cpu_time()?, 0u32);
        while start.elapsed() < 5 * SLICE {
            let status = Command::new("/bin/true")
                .stdin(Stdio::null())
                .status()
                .map_err(|error| error.to_string())?;
            if !status.success() {
                return Err("/bin/true failed".into());
            }
            count += 1;
        }
        let count = f64::from(count);
        let spent = family_cpu_time()? - cpu;
        Ok(Sample {
            wall: start.elapsed().as_nanos() as f64 / count,
            cpu: Some(spent / count),
        })
    })
}

/// CPU time of this thread and of all children that have ended (proc(5): cutime and cstime), nanoseconds.
pub fn family_cpu_time() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(|error| error.to_string())?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|ticks| ticks.parse::<f64>().ok());
    let (user, system) = ticks(16)
        .zip(ticks(17))
        .ok_or("/proc/self/stat is not as proc(5) says")?;
    Ok((user + system) * 1e9 / rustix::param::clock_ticks_per_second() as f64 + cpu_time(ClockId::ThreadCPUTime))
}

/// A byte to another thread and back over a unix socket: four system calls and two switches, like a request to a cache.
fn ping_pong() -> Result<Load> {
    let (mut ours, mut theirs) = UnixStream::pair().map_err(|error| error.to_string())?;
    std::thread::spawn(move || {
        let mut byte = [0];
        while theirs.read_exact(&mut byte).is_ok() && theirs.write_all(&byte).is_ok() {}
    });
    Ok(Load::repeat("ping-pong over a unix socket", None, move || {
        let mut byte = [1];
        ours.write_all(&byte)
            .and_then(|()| ours.read_exact(&mut byte))
            .map_err(|error| error.to_string())
    }))
}
