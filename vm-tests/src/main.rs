//! Boots stock Debian kernels under QEMU: runs the scenarios on one of them or on all, or any command on one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use vm_tests::{
    error::{Context, Error, Result},
    refusals,
    rig::{
        guest::{self, Options},
        initramfs::{GuestFile, Load},
        job::{self, Job, Work},
        kernel,
        matrix::{self, Done},
        modules,
        page::Page,
        plan, programs,
        refusal_page::RefusalPage,
        table::{ROWS, Row},
    },
    verdict::Word,
    world::Flavour,
};

/// Runs the scenarios on stock Debian kernels (QEMU TCG): without arguments all of them on every kernel of the table, in both flavours.
#[derive(Parser)]
struct Args {
    /// A kernel of the table (5.10, 6.1, ..., newest, arm64); all when none is given.
    #[arg(long = "kernel", value_name = "NAME")]
    kernels: Vec<String>,
    /// Only scenarios whose names contain one of these.
    #[arg(long, visible_alias = "scenario", num_args = 0.., value_name = "NAME")]
    scenarios: Vec<String>,
    /// The flavour of hook that has to be attached throughout, function or syscall; both when none is given.
    #[arg(long)]
    flavour: Option<Flavour>,
    /// Instead: a command for the guest's shell.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Instead: what a host may refuse (all, or what has one of these in its name): no BTF, lockdown, few capabilities, ... 6.12, or --kernel
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with_all = ["scenarios", "exec"])]
    refusals: Option<Vec<String>>,
    /// Besides the scenarios: what a host may refuse, on 6.12.
    #[arg(long, num_args = 1.., value_name = "NAME", conflicts_with_all = ["refusals", "exec"])]
    with_refusals: Vec<String>,
    /// A file that the guest of --exec gets (PATH, then at /usr/bin/NAME, or PATH:GUESTPATH), with the libraries it is linked to.
    #[arg(long = "file", requires = "exec")]
    files: Vec<GuestFile>,
    /// A kernel module that the guest of --exec gets below /.vm/modules, with what it depends on.
    #[arg(long = "module", value_name = "NAME", requires = "exec")]
    modules: Vec<String>,
    /// Puts the results into docs/kernels.md and docs/refusals.md.
    #[arg(long)]
    page: bool,
    /// Runs nothing: takes the results from the consoles that earlier runs left.
    #[arg(long)]
    from_consoles: bool,
    /// Looks for newer packages than those that are there.
    #[arg(long)]
    fetch: bool,
    /// Seconds after which a guest is ended.
    #[arg(long, default_value_t = 900)]
    timeout: u64,
    /// Memory of a guest in MiB.
    #[arg(long, default_value_t = 1024)]
    memory: u32,
    /// Virtual processors of a guest; what the table says when it is not given.
    #[arg(long)]
    cpus: Option<u32>,
    /// Guests at a time; as many as keep this machine's processors busy and fit into its memory when it is not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Further kernel parameters.
    #[arg(long, default_value = "")]
    append: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.exec {
        Some(command) => exec(&args, command),
        None => all(&args),
    };
    match done {
        Ok(code) => ExitCode::from(code.clamp(0, 255) as u8),
        Err(e) => {
            eprintln!("vm-tests: {e}");
            ExitCode::from(125)
        }
    }
}

impl Args {
    fn options(&self) -> Options {
        Options {
            timeout: Duration::from_secs(self.timeout),
            memory: self.memory,
            cpus: self.cpus,
            append: self.append.clone(),
            show: false,
            log: None,
        }
    }

    fn rows(&self) -> Result<Vec<&'static Row>> {
        if self.kernels.is_empty() {
            return Ok(ROWS.iter().collect());
        }
        // The newest is asked for by its number as well.
        let find = |name: &String| name.parse().or_else(|e| newest_is(name).ok_or(e)).map_err(Error);
        self.kernels.iter().map(find).collect()
    }
}

/// The row of the newest kernel, if that is one of this version.
fn newest_is(version: &str) -> Option<&'static Row> {
    let row: &'static Row = "newest".parse().ok()?;
    let kernel = kernel::get(row, &cache(), false).ok()?;
    kernel.release.starts_with(&format!("{version}.")).then_some(row)
}

/// One command in one guest, its console shown.
fn exec(args: &Args, command: &str) -> Result<i32> {
    let row = match args.rows()?.as_slice() {
        [row] => *row,
        _ => return Err(Error("--exec takes one --kernel".into())),
    };
    let kernel = kernel::get(row, &cache(), args.fetch)?;
    let modules: Vec<&str> = args.modules.iter().map(String::as_str).collect();
    let load = Load {
        command: command.to_owned(),
        files: args.files.clone(),
        modules: modules::bring(&kernel, &modules)?,
    };
    let options = Options {
        show: true,
        ..args.options()
    };
    let outcome = guest::run(&kernel, &load, &options, &cache())?;
    let seconds = outcome.took.as_secs_f64();
    eprintln!(
        "vm-tests: {} ended with {} after {seconds:.1} s",
        kernel.release, outcome.code
    );
    Ok(outcome.code)
}

/// The scenarios on all the kernels that are asked for, or what a host may refuse.
fn all(args: &Args) -> Result<i32> {
    let started = Instant::now();
    let jobs = jobs(args)?;
    // One guest is watched as it goes; the consoles of several would be mixed up.
    let watched = jobs.len() == 1;
    let options = Options {
        show: watched,
        ..args.options()
    };
    let done = match args.from_consoles {
        true => matrix::earlier(jobs, &cache()),
        false => {
            let at_once = args.jobs.unwrap_or_else(|| at_once(args.memory));
            matrix::run(jobs, at_once, &options, &cache(), |one| show(one, watched))?
        }
    };
    let bad: Vec<String> = done
        .iter()
        .filter(|one| !one.is_good())
        .map(|one| one.job.name())
        .collect();
    println!(
        "vm-tests: {}; consoles in {}",
        sum(&done, started.elapsed().as_secs_f64()),
        cache().join("consoles").display()
    );
    if args.page {
        write_pages(&done)?;
    }
    if bad.is_empty() {
        return Ok(0);
    }
    println!("vm-tests: not as it should be: {}", bad.join(", "));
    Ok(1)
}

/// Puts the results into docs/kernels.md, and those of refusals into docs/refusals.md.
fn write_pages(done: &[Done]) -> Result<()> {
    let change = |name: &str, write: &dyn Fn(&str) -> String| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, write(&text)).context(path.display())
    };
    change("kernels.md", &|text| {
        let mut page = Page::parse(text);
        page.add(done);
        page.write()
    })?;
    change("refusals.md", &|text| {
        let mut page = RefusalPage::parse(text);
        page.add(done);
        page.write()
    })
}

/// `12 guests in 870 s; their emulators used 1590 s of processors, 91 % of 2`.
fn sum(done: &[Done], seconds: f64) -> String {
    let busy: f64 = done.iter().map(|one| one.busy).sum();
    let processors = processors();
    let share = 100.0 * busy / (seconds.max(0.1) * processors as f64);
    format!(
        "{} guests in {seconds:.0} s; their emulators used {busy:.0} s of processors, {share:.0} % of {processors}",
        done.len()
    )
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A guest waits up to half of its time: mostly for its kernel, as an agent ends. Two and a half for each processor leave none idle.
fn at_once(memory: u32) -> usize {
    // The emulator needs some half of a gigabyte for what it has translated.
    let each = u64::from(memory) + 700;
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib: Option<u64> = available.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    let fit = kib.map_or(usize::MAX, |kib| (kib / 1024 / each) as usize);
    (processors() * 5 / 2).min(fit).max(1)
}

fn jobs(args: &Args) -> Result<Vec<Job>> {
    let usual = ["6.12".parse().map_err(Error)?];
    let mut jobs = match &args.refusals {
        Some(names) if args.kernels.is_empty() => refusal_jobs(args, &usual, names)?,
        Some(names) => refusal_jobs(args, &args.rows()?, names)?,
        None => scenario_jobs(args)?,
    };
    if !args.with_refusals.is_empty() {
        jobs.extend(refusal_jobs(args, &usual, &args.with_refusals)?);
    }
    job::longest_first(&mut jobs);
    Ok(jobs)
}

fn scenario_jobs(args: &Args) -> Result<Vec<Job>> {
    let boots = plan::boots(&args.scenarios);
    if boots.is_empty() {
        return Err(Error(format!(
            "no scenario's name contains one of {:?}",
            args.scenarios
        )));
    }
    let flavours = args
        .flavour
        .map_or(vec![Flavour::Function, Flavour::Syscall], |one| vec![one]);
    let mut jobs = Vec::new();
    for row in args.rows()? {
        let kernel = kernel::get(row, &cache(), args.fetch)?;
        let files = match args.from_consoles {
            true => Vec::new(),
            false => programs::for_guest(row.arch, &cache())?,
        };
        for flavour in &flavours {
            for boot in &boots {
                let programs = programs::asked_for(row.arch, &boot.programs, &cache())?;
                jobs.push(Job {
                    row,
                    kernel: kernel.clone(),
                    work: Work::Scenarios(*flavour, boot.clone()),
                    files: [files.clone(), programs].concat(),
                });
            }
        }
    }
    Ok(jobs)
}

/// A guest for each set of kernel parameters.
fn refusal_jobs(args: &Args, rows: &[&'static Row], names: &[String]) -> Result<Vec<Job>> {
    let boots = refusals::boots(names)?;
    let mut jobs = Vec::new();
    for row in rows {
        let kernel = kernel::get(row, &cache(), args.fetch)?;
        let files = match args.from_consoles {
            true => Vec::new(),
            false => programs::for_guest(row.arch, &cache())?,
        };
        jobs.extend(boots.iter().map(|boot| Job {
            row,
            kernel: kernel.clone(),
            work: Work::Refusals(boot.clone()),
            files: files.clone(),
        }));
    }
    Ok(jobs)
}

/// A guest's results as they come: a line, and all that was not seen in full.
fn show(done: &Done, watched: bool) {
    let name = done.job.name();
    println!(
        "=== {name} ({}): {} seen, {} partial, {} not seen, {} not applicable, {} failed; {:.0} s, {:.0} of a processor's",
        done.job.kernel.release,
        done.count(Word::Seen),
        done.count(Word::Partial),
        done.count(Word::NotSeen),
        done.count(Word::NotApplicable),
        done.count(Word::Failed),
        done.seconds,
        done.busy
    );
    for line in done.lines.iter().filter(|line| line.result != Word::Seen) {
        println!("  {name} {}: {:?} {}", line.scenario, line.result, line.why);
    }
    if watched {
        return;
    }
    let console = fs::read_to_string(cache().join("consoles").join(format!("{name}.log"))).unwrap_or_default();
    if let Some(problem) = &done.problem {
        println!("{problem}");
    } else if !done.is_good() {
        println!("--- console of {name} ---\n{console}--- end of {name} ---");
    } else {
        console
            .lines()
            .filter(|line| line.starts_with("test result: "))
            .for_each(|line| println!("{line}"));
    }
}

/// `target/vm`: everything that the rig fetches or makes.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/vm")
}
