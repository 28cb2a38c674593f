//! How long an alert takes from the kernel to the file, under a steady load.
//!
//! Most of the load matches a rule that only scores; a part of it alerts. What was measured is the agent's own histogram,
//! `lapwing_alert_latency_seconds`, over the time of the load, read as Prometheus' `histogram_quantile` reads it.
//!
//!     lapwing-bench latency [--rate 5000] [--seconds 20] [--lapwing PATH]

use std::{
    fs::{self, File},
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    Result,
    agent::{Agent, Workspace},
};

/// The aims, in seconds: the median and 99 of 100.
const AIMS: [(f64, f64); 2] = [(0.5, 0.025), (0.99, 0.1)];

/// Every so manyth event alerts.
const ALERT_EVERY: u64 = 50;

/// How often the load goes on.
const STEP: Duration = Duration::from_millis(2);

pub struct Options {
    rate: u64,
    duration: Duration,
    lapwing: PathBuf,
}

impl Options {
    /// From what follows `latency` on the command line.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options {
            rate: 5_000,
            duration: Duration::from_secs(20),
            lapwing: PathBuf::from("target/release/lapwing"),
        };
        while let Some(flag) = args.next() {
            let value = args.next().ok_or(format!("{flag} needs a value"))?;
            let number = || match value.parse::<u64>() {
                Ok(number @ 1..=1_000_000) => Ok(number),
                _ => Err(format!("{flag} {value}: not a number from 1 to 1000000")),
            };
            match flag.as_str() {
                "--rate" => options.rate = number()?,
                "--seconds" => options.duration = Duration::from_secs(number()?),
                "--lapwing" => options.lapwing = PathBuf::from(value),
                _ => {
                    return Err(format!(
                        "{flag} is unknown; there are --rate N, --seconds N, --lapwing PATH"
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// Loads the agent and says what came of it; an aim that is missed is an error.
pub fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::new(&options.lapwing)?;
    for file in ["quiet", "alerting"] {
        fs::write(workspace.watched.join(file), "").map_err(|error| error.to_string())?;
    }
    let agent = Agent::start_with(&workspace, &config(&workspace))?;
    let before = Reading::of(&agent.metrics()?);
    let started = Instant::now();
    let sent = load(&workspace, options)?;
    let seconds = started.elapsed().as_secs_f64();
    // What is under way arrives, and the agent reports twice a second.
    std::thread::sleep(Duration::from_secs(1));
    let reading = Reading::of(&agent.metrics()?).since(&before);
    agent.stop()?;
    println!(
        "{:.0} events a second made, {:.0} a second judged, {} lost; {} alerts written in {seconds:.1} s",
        sent as f64 / seconds,
        reading.events / seconds,
        reading.lost,
        reading.alerts(),
    );
    if reading.lost > 0.0 || reading.alerts() < (sent / ALERT_EVERY) as f64 {
        return Err(format!(
            "of {} alerts {} came, and {} events were lost",
            sent / ALERT_EVERY,
            reading.alerts(),
            reading.lost
        ));
    }
    let mut missed = Vec::new();
    for (quantile, aim) in AIMS {
        let value = reading.quantile(quantile);
        println!(
            "quantile {quantile:<5} {:>7.1} ms   aim {:>4.0} ms",
            value * 1e3,
            aim * 1e3
        );
        if value > aim {
            missed.push(quantile.to_string());
        }
    }
    println!("quantile 0.999 {:>7.1} ms", reading.quantile(0.999) * 1e3);
    match missed.is_empty() {
        true => Ok(()),
        false => Err(format!("the aim is missed for quantile {}", missed.join(", "))),
    }
}

/// Nothing is folded and nothing adds points, so that each match of `alerting` is one line.
fn config(workspace: &Workspace) -> String {
    let watch = |id: &str, alert: &str| {
        format!(
            "[[file.watch]]\nid = \"{id}\"\npath = \"{}/{id}\"\naccess = [\"write\"]\nseverity = \"info\"\npoints = 0\nalert = \"{alert}\"\n",
            workspace.watched.display()
        )
    };
    format!(
        "{}[score]\nfold_window = \"0s\"\n{}{}",
        workspace.common(false),
        watch("quiet", "score"),
        watch("alerting", "each")
    )
}

/// Opens the watched files at the rate; the number of opens.
fn load(workspace: &Workspace, options: &Options) -> Result<u64> {
    let (quiet, alerting) = (workspace.watched.join("quiet"), workspace.watched.join("alerting"));
    let open = |path: &PathBuf| File::options().write(true).open(path).map(drop);
    let started = Instant::now();
    let mut sent = 0;
    while started.elapsed() < options.duration {
        let due = (started.elapsed().as_secs_f64() * options.rate as f64) as u64;
        while sent < due {
            sent += 1;
            let path = if sent % ALERT_EVERY == 0 { &alerting } else { &quiet };
            open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        std::thread::sleep(STEP);
    }
    Ok(sent)
}

/// What a page says about the load.
struct Reading {
    events: f64,
    lost: f64,
    /// Upper bound in seconds and number of alerts up to it.
    buckets: Vec<(f64, f64)>,
}

impl Reading {
    fn of(page: &str) -> Reading {
        let series = |prefix: &'static str| {
            page.lines()
                .filter_map(move |line| line.strip_prefix(prefix)?.rsplit_once(' '))
                .filter_map(|(labels, value)| Some((labels, value.parse::<f64>().ok()?)))
        };
        let sum = |prefix| series(prefix).map(|(_, value)| value).sum();
        let bucket = |(labels, count): (&str, f64)| {
            let bound = labels.split("le=\"").nth(1)?.split('"').next()?;
            let is_json = labels.contains("output=\"json\"");
            is_json.then_some((bound.parse().unwrap_or(f64::INFINITY), count))
        };
        Reading {
            events: sum("lapwing_events_total{sensor=\"file\""),
            lost: sum("lapwing_events_lost_total{"),
            buckets: series("lapwing_alert_latency_seconds_bucket{")
                .filter_map(bucket)
                .collect(),
        }
    }

    fn since(mut self, before: &Reading) -> Reading {
        self.events -= before.events;
        self.lost -= before.lost;
        for ((_, count), (_, earlier)) in self.buckets.iter_mut().zip(&before.buckets) {
            *count -= earlier;
        }
        self
    }

    fn alerts(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// As Prometheus: linear within the bucket; past the last finite bound, that bound.
    fn quantile(&self, quantile: f64) -> f64 {
        let rank = quantile * self.alerts();
        let mut below = (0.0, 0.0);
        for &(bound, count) in &self.buckets {
            if count >= rank && bound.is_infinite() {
                return below.0;
            }
            if count >= rank {
                return below.0 + (bound - below.0) * (rank - below.1) / (count - below.1);
            }
            below = (bound, count);
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::Reading;

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let page = "lapwing_alert_latency_seconds_bucket{le=\"0.01\",output=\"json\"} 10\n\
                    lapwing_alert_latency_seconds_bucket{le=\"0.02\",output=\"json\"} 90\n\
                    lapwing_alert_latency_seconds_bucket{le=\"+Inf\",output=\"json\"} 100\n\
                    lapwing_events_total{sensor=\"file\",kind=\"write\"} 7\nlapwing_events_total{sensor=\"process\",kind=\"exec\"} 9\n";
        let reading = Reading::of(page);
        assert_eq!((reading.events, reading.lost, reading.alerts()), (7.0, 0.0, 100.0));
        assert_eq!(reading.quantile(0.5), 0.015);
        assert_eq!(reading.quantile(0.99), 0.02);
        assert_eq!(Reading::of(page).since(&reading).alerts(), 0.0);
    }
}
