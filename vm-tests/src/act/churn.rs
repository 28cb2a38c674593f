//! Many threads at once that create, rename and delete files and run programs; what each did follows from its number and round.

use std::{fs, path::Path, process::Command, thread};

use crate::error::{Context, Error, Result};

/// A program is run in every so many rounds.
pub const PROGRAM_EVERY: u32 = 8;

/// The name of what a thread makes in a round.
pub fn name(thread: u32, round: u32) -> String {
    format!("thread-{thread}-round-{round}")
}

/// What it becomes before it goes.
pub fn renamed(thread: u32, round: u32) -> String {
    format!("renamed-{}", name(thread, round))
}

/// What it runs in a round, below the directory of programs: each time another, so that no two alerts are of the same.
pub fn program(thread: u32, round: u32) -> String {
    format!("{}/true", name(thread, round))
}

/// `act churn DIRECTORY PROGRAMS THREADS ROUNDS`.
pub fn main(directory: &Path, programs: &Path, threads: u32, rounds: u32) -> Result<i32> {
    thread::scope(|scope| {
        let work = |thread| move || (0..rounds).try_for_each(|round| once(directory, programs, thread, round));
        let all: Vec<_> = (0..threads).map(|thread| scope.spawn(work(thread))).collect();
        for one in all {
            one.join().map_err(|_| Error("a thread failed".into()))??;
        }
        Ok(0)
    })
}

fn once(directory: &Path, programs: &Path, thread: u32, round: u32) -> Result<()> {
    let (old, new) = (
        directory.join(name(thread, round)),
        directory.join(renamed(thread, round)),
    );
    fs::File::create_new(&old).context(old.display())?;
    fs::rename(&old, &new).context(new.display())?;
    fs::remove_file(&new).context(new.display())?;
    if round.is_multiple_of(PROGRAM_EVERY) {
        let path = programs.join(program(thread, round));
        let mut command = Command::new(&path);
        command.arg(name(thread, round)).status().context(path.display())?;
    }
    Ok(())
}
