//! `lapwing record`: what a run needs to write down what its engine gets.

use std::{collections::HashMap, path::Path};

use lapwing_engine::event::Sensor;

use crate::{
    cli::RecordArgs,
    config::Loaded,
    metrics::snapshot::LossCount,
    outputs::{Host, WallClock},
    recording::{CreateError, Limits, Meta, Summary, Writer},
};

/// The recording that `lapwing record` was asked for. `wall` is the clock of the outputs, so that a replay shows the same dates.
///
/// # Errors
/// When the file cannot be made, or is there already.
pub fn create(args: &RecordArgs, loaded: &Loaded, host: &Host, wall: WallClock) -> Result<Writer, CreateError> {
    let limits = Limits {
        bytes: args.max_size,
        duration: args
            .duration
            .map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
    };
    Writer::create(&args.file, args.force, &meta(loaded, host, wall), limits)
}

/// Where and how a recording that starts now is made.
pub fn meta(loaded: &Loaded, host: &Host, wall: WallClock) -> Meta {
    Meta {
        lapwing: env!("CARGO_PKG_VERSION").to_owned(),
        wall_offset: wall.boot,
        hostname: host.name.clone(),
        kernel: host.kernel.clone(),
        profile: format!("{:?}", loaded.config.profile).to_lowercase(),
        config_hash: loaded.hash.clone(),
    }
}

/// What was lost since it was last asked, for the recording to say.
#[derive(Debug, Default)]
pub struct Losses(HashMap<(Sensor, &'static str), u64>);

impl Losses {
    /// The increase of each total.
    pub fn since(&mut self, totals: &[LossCount]) -> Vec<LossCount> {
        let mut increases = Vec::new();
        for total in totals {
            let known = self.0.entry((total.sensor, total.stage)).or_default();
            let count = total.count.saturating_sub(std::mem::replace(known, total.count));
            if count > 0 {
                increases.push(LossCount { count, ..total.clone() });
            }
        }
        increases
    }
}

/// One line for the person who recorded.
pub fn describe(summary: &Summary, file: &Path) -> String {
    let refused = match summary.refused {
        0 => String::new(),
        refused => format!("; {refused} items are NOT in it"),
    };
    let Summary {
        events, bytes, reason, ..
    } = summary;
    format!(
        "{}: {events} events, {bytes} bytes; ended because {reason}{refused}",
        file.display()
    )
}
