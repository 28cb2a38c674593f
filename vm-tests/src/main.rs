//! Boots a stock Debian kernel under QEMU, runs a command in it and ends with the command's exit code.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use vm_tests::{
    error::{Context, Error, Result},
    refusals,
    rig::{
        guest::{self, Options},
        initramfs::{GuestFile, Load},
        kernel::{self, Kernel},
        modules, plan,
    },
    world::Flavour,
};

/// Runs a command in a guest with a stock Debian kernel (QEMU TCG, amd64).
#[derive(Parser)]
struct Args {
    /// Version of the kernel: 5.10, 6.1, 6.12, 6.18, 7.2.
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Command for the guest's shell.
    #[arg(long, required_unless_present_any = ["scenarios", "refusals"], conflicts_with = "scenarios")]
    exec: Option<String>,
    /// Runs the scenarios (all, or those whose names contain one of the given), with the lapwing beside this program.
    #[arg(long, visible_alias = "scenario", num_args = 0.., value_name = "NAME")]
    scenarios: Option<Vec<String>>,
    /// Runs what a host may refuse (all, or what has one of these in its name): no BTF, lockdown, few capabilities, ...
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with_all = ["scenarios", "exec"])]
    refusals: Option<Vec<String>>,
    /// The flavour of hook that has to be attached throughout: function or syscall.
    #[arg(long, default_value = "function")]
    flavour: Flavour,
    /// A kernel module that the guest gets below /.vm/modules, with what it depends on.
    #[arg(long = "module", value_name = "NAME")]
    modules: Vec<String>,
    /// A file that the guest gets (PATH, then at /usr/bin/NAME, or PATH:GUESTPATH), with the libraries it is linked to.
    #[arg(long = "file")]
    files: Vec<GuestFile>,
    /// Seconds after which the guest is ended.
    #[arg(long, default_value_t = 900)]
    timeout: u64,
    /// Memory in MiB.
    #[arg(long, default_value_t = 1024)]
    memory: u32,
    /// Virtual processors.
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    /// Further kernel parameters.
    #[arg(long, default_value = "")]
    append: String,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => ExitCode::from(code.clamp(0, 255) as u8),
        Err(e) => {
            eprintln!("vm-tests: {e}");
            ExitCode::from(125)
        }
    }
}

fn run(args: &Args) -> Result<i32> {
    let cache = cache();
    let kernel = kernel::get(&args.kernel, &cache)?;
    if let Some(filters) = &args.refusals {
        return run_refusals(args, &kernel, filters);
    }
    let Some(filters) = &args.scenarios else {
        return boot(
            args,
            &kernel,
            args.exec.clone().unwrap_or_default(),
            args.files.clone(),
            &[],
            &[],
        );
    };
    let boots = plan::boots(filters);
    if boots.is_empty() {
        return Err(Error(format!("no scenario's name contains one of {filters:?}")));
    }
    let mut worst = 0;
    for guest in boots {
        let command = format!(
            "LAPWING_EXPECT_FLAVOUR={} LAPWING_IDLE_SECONDS=20 scenario-runner --exact {}",
            args.flavour.name(),
            guest.scenarios.join(" ")
        );
        let code = boot(
            args,
            &kernel,
            command,
            programs(args)?,
            &guest.modules,
            &guest.parameters,
        )?;
        worst = worst.max(code);
    }
    Ok(worst)
}

fn run_refusals(args: &Args, kernel: &Kernel, filters: &[String]) -> Result<i32> {
    let mut worst = 0;
    for guest in refusals::boots(filters)? {
        let command = format!("scenario-runner refusals {}", guest.cases.join(" "));
        let code = boot(args, kernel, command, programs(args)?, &[], &[guest.parameters])?;
        worst = worst.max(code);
    }
    Ok(worst)
}

fn boot(
    args: &Args,
    kernel: &Kernel,
    command: String,
    files: Vec<GuestFile>,
    modules: &[&str],
    parameters: &[&str],
) -> Result<i32> {
    let modules: Vec<&str> = modules
        .iter()
        .copied()
        .chain(args.modules.iter().map(String::as_str))
        .collect();
    let load = Load {
        command,
        files,
        modules: modules::bring(kernel, &modules)?,
    };
    let options = Options {
        timeout: Duration::from_secs(args.timeout),
        memory: args.memory,
        cpus: args.cpus,
        append: format!("{} {}", parameters.join(" "), args.append),
        show: true,
    };
    let outcome = guest::run(kernel, &load, &options, &cache())?;
    eprintln!(
        "vm-tests: {} {}ended with {} after {:.1} s",
        kernel.release,
        parameters
            .iter()
            .map(|parameter| format!("{parameter} "))
            .collect::<String>(),
        outcome.code,
        outcome.took.as_secs_f64()
    );
    Ok(outcome.code)
}

/// The files that scenarios need.
fn programs(args: &Args) -> Result<Vec<GuestFile>> {
    let mut files = args.files.clone();
    let me = std::env::current_exe().context("own path")?;
    for name in ["lapwing", "scenario-runner"] {
        files.push(GuestFile {
            host: me.with_file_name(name),
            guest: format!("/usr/bin/{name}"),
        });
    }
    Ok(files)
}

/// `target/vm`: everything that the rig fetches or makes.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/vm")
}
