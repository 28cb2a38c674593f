//! One guest: a kernel and an initramfs under QEMU, with its console shown and its life bounded.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    error::{Context, Error, Result},
    rig::{
        initramfs::{self, Load},
        kernel::Kernel,
        table::Arch,
    },
};

/// How a guest is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// It is ended by pid after this.
    pub timeout: Duration,
    /// Memory in MiB.
    pub memory: u32,
    /// Virtual processors; one when it is not said.
    pub cpus: Option<u32>,
    /// Further kernel parameters.
    pub append: String,
    /// Whether the console is copied to standard output as it comes.
    pub show: bool,
    /// A file that it is written to as it comes.
    pub log: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            timeout: Duration::from_secs(300),
            memory: 1024,
            cpus: None,
            append: String::new(),
            show: true,
            log: None,
        }
    }
}

/// What a guest left.
#[derive(Debug)]
pub struct Outcome {
    /// The command's exit code.
    pub code: i32,
    /// All that came over the console.
    pub console: String,
    /// How long it ran, boot included.
    pub took: Duration,
    /// How long the emulator kept processors busy for it; the rest of its time it waited, for its own timers or for a processor.
    pub busy: Duration,
}

/// Boots `kernel` with `load` and waits for the end of its command.
pub fn run(kernel: &Kernel, load: &Load, options: &Options, scratch: &Path) -> Result<Outcome> {
    let place = Scratch::new(scratch)?;
    let initramfs = place.0.join("initramfs.cpio");
    let report = place.0.join("exit-code");
    fs::write(&initramfs, initramfs::build(load, &kernel.busybox)?).context(initramfs.display())?;

    let log = match &options.log {
        Some(path) => Some(File::create(path).context(path.display())?),
        None => None,
    };
    let started = Instant::now();
    let mut child = qemu(kernel, &initramfs, &report, options)
        .spawn()
        .context("setpriv (package util-linux)")?;
    let reader = child.stdout.take().map(|out| {
        let show = options.show;
        thread::spawn(move || copy_console(out, show, log))
    });
    let (in_time, busy) = wait(&mut child, started + options.timeout)?;
    let console = reader.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let took = started.elapsed();

    // Shown as it came, or now.
    let shown = if options.show {
        String::new()
    } else {
        format!("\n--- console ---\n{console}")
    };
    if !in_time {
        return Err(Error(format!(
            "guest {} did not end within {:?} and was killed{shown}",
            kernel.release, options.timeout
        )));
    }
    let code = fs::read_to_string(&report).unwrap_or_default();
    let code = match kernel.arch {
        Arch::Amd64 => code.as_str(),
        Arch::Arm64 => on_console(&console).unwrap_or_default(),
    };
    match code.trim().parse() {
        Ok(code) => Ok(Outcome {
            code,
            console,
            took,
            busy,
        }),
        Err(_) => Err(Error(format!(
            "guest {} went down without reporting an exit code (kernel panic?){shown}",
            kernel.release
        ))),
    }
}

/// The kernel copies and clears pages by loops, not by repeated string instructions (X86_FEATURE_REP_GOOD; by its number, because 5.10 knows no
/// names): an exec takes two thirds of the time.
const UNROLLED: &str = "clearcpuid=112";

fn qemu(kernel: &Kernel, initramfs: &Path, report: &Path, options: &Options) -> Command {
    // Never KVM: nested under some hypervisors stock kernels hang with it. TCG is slow and the same everywhere.
    // One thread for all virtual processors: with one each, a guest on two executed a breakpoint that the other had just patched away, and panicked
    // (QEMU 7.2, 6.12, `Oops: int3` in bpf_trace_run3 while bpf_stats' static key was switched).
    let (program, machine, console): (_, &[&str], _) = match kernel.arch {
        // TCG makes each byte of a `rep movsb` or `rep stosb` a step of its own (see also UNROLLED), and walks each level of the page tables.
        Arch::Amd64 => ("qemu-system-x86_64", &["-cpu", "max,-erms,-fsrm,-la57"], "ttyS0"),
        // Pointer authentication and wide vectors cost a fifth of the time under TCG, and nothing here is about them.
        Arch::Arm64 => (
            "qemu-system-aarch64",
            &["-machine", "virt", "-cpu", "max,pauth=off,sve=off"],
            "ttyAMA0",
        ),
    };
    // It goes when this program goes, however that ends.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", program, "-accel", "tcg,thread=single"])
        .args(machine)
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .args([
            "-m",
            &options.memory.to_string(),
            "-smp",
            &options.cpus.unwrap_or(1).to_string(),
        ])
        .args(["-serial", "stdio"])
        .args(second_line(kernel.arch, report))
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initramfs)
        // On a busy machine a guest may see too few ticks of its timer in the moment in which it checks that it has one, and give up.
        .args([
            "-append",
            &format!(
                "console={console} panic=-1 quiet loglevel=4 no_timer_check {} {}",
                if kernel.arch == Arch::Amd64 { UNROLLED } else { "" },
                options.append
            ),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// Where the guest writes the exit code: /dev/ttyS1, or the console where there is one serial line only.
fn second_line(arch: Arch, report: &Path) -> Vec<String> {
    match arch {
        Arch::Amd64 => vec!["-serial".to_owned(), format!("file:{}", report.display())],
        Arch::Arm64 => Vec::new(),
    }
}

/// The exit code on the console.
fn on_console(console: &str) -> Option<&str> {
    console
        .lines()
        .rev()
        .find_map(|line| line.split_once("@exit "))
        .map(|(_, code)| code)
}

/// Whether it ended in time, and how long it kept processors busy until shortly before.
fn wait(child: &mut Child, deadline: Instant) -> Result<(bool, Duration)> {
    let mut busy = Duration::ZERO;
    loop {
        busy = processor_time(child.id()).unwrap_or(busy);
        if child.try_wait().context("waiting for qemu")?.is_some() {
            return Ok((true, busy));
        }
        if Instant::now() >= deadline {
            child.kill().context("ending qemu")?;
            child.wait().context("waiting for qemu")?;
            return Ok((false, busy));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// What a process has used of processors (utime and stime of proc(5)'s stat, the 12th and 13th field behind the name).
fn processor_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.sum::<std::result::Result<_, _>>().ok()?;
    Some(Duration::from_secs_f64(
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
    ))
}

fn copy_console(mut from: impl Read, show: bool, mut log: Option<File>) -> String {
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        // A serial line ends its lines with CR LF.
        let part: Vec<u8> = chunk[..n].iter().copied().filter(|byte| *byte != b'\r').collect();
        if show {
            let mut out = io::stdout().lock();
            let _ = out.write_all(&part).and_then(|()| out.flush());
        }
        // What cannot be written there is in the outcome all the same.
        let _ = log.as_mut().map(|file| file.write_all(&part));
        all.extend_from_slice(&part);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// A directory of this run's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(below: &Path) -> Result<Scratch> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let path = below.join(format!("run-{}-{run}", std::process::id()));
        fs::create_dir_all(&path).context(path.display())?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it being gone.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::processor_time;

    #[test]
    fn work_takes_processor_time() {
        let mut sum = 0u64;
        while processor_time(std::process::id()).unwrap().is_zero() {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
        assert_eq!(processor_time(u32::MAX), None);
    }
}
