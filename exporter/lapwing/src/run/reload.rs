//! SIGHUP: all of the new configuration, or none of it.

use std::sync::Arc;

use lapwing_engine::rule::RuleSet;
use tokio::time::Instant;

use super::{Agent, LAST_ALERTS, compile, count, fill::Fill, report};
use crate::{
    config::{self, Loaded},
    log::LogHandle,
    outputs::Outputs,
    pipeline::Reload,
    probes::unattached,
    replay,
};

impl Agent {
    /// Reads the configuration anew. A bad one changes nothing, and says so in log and metric.
    pub(super) fn reload(&mut self, log: &LogHandle) {
        match self.take_over(log) {
            Ok(()) => {
                self.metrics
                    .config_loaded(report::config_info(&self.loaded), self.loaded.config.metrics.max_rules);
                tracing::info!(hash = self.loaded.hash, rules = count(&self.loaded), "reloaded");
                for (hook, why) in unattached(&self.sensors.hooks()) {
                    tracing::error!(
                        hook,
                        why,
                        "the rules need it, and the reload could not attach it; a restart, which has all capabilities, may"
                    );
                }
            }
            Err(why) => {
                self.metrics.config_refused();
                tracing::error!("not reloaded, the running configuration stays: {why}");
            }
        }
        if let Err(error) = self.outputs.reopen() {
            tracing::error!("still writing to the old file: {error}");
        }
    }

    /// First everything that can fail, the kernel's part last; then what cannot.
    fn take_over(&mut self, log: &LogHandle) -> Result<(), String> {
        let mut loaded = config::load(&self.args)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        self.purpose.adapt(&mut loaded.config);
        let rules: Arc<RuleSet> = compile(&loaded).map_err(|failure| failure.to_string())?;
        let outputs = self.new_outputs(&loaded)?;
        log.set_level(&loaded.config.log.level)
            .map_err(|error| error.to_string())?;
        let generation = self.generation + 1;
        self.sensors
            .apply(&self.heart.interest(&rules, generation))
            .map_err(|error| error.to_string())?;
        self.generation = generation;
        let reload = Reload {
            rules,
            settings: replay::settings(&loaded, &self.host.name),
            outputs: outputs.clone(),
            generation,
            hash: loaded.hash.clone(),
        };
        // A pipeline that is gone ends the agent at its next report.
        self.pipeline.reload(reload);
        if let Some(outputs) = outputs {
            retire(std::mem::replace(&mut self.outputs, outputs));
        }
        self.say_what_needs_a_restart(&loaded);
        self.poller.configure(&loaded.config);
        self.loaded = loaded;
        self.fill = Fill::default();
        Ok(())
    }

    fn new_outputs(&self, loaded: &Loaded) -> Result<Option<Arc<Outputs>>, String> {
        let (old, new) = (&self.loaded.config, &loaded.config);
        if old.json == new.json && old.otlp == new.otlp && old.agent.alert_queue == new.agent.alert_queue {
            return Ok(None);
        }
        Outputs::start(new, &self.host, &self.metrics)
            .map(|mut outputs| {
                outputs.remember(self.recent.clone());
                Some(Arc::new(outputs))
            })
            .map_err(|e| e.to_string())
    }

    fn say_what_needs_a_restart(&self, new: &Loaded) {
        let (old, new) = (&self.loaded.config, &new.config);
        let restart = [
            (
                "[metrics] listen, enabled, insecure, web_config_file",
                listener(&old.metrics) != listener(&new.metrics),
            ),
            ("[agent]", old.agent != new.agent),
            ("[log] format", old.log.format != new.log.format),
        ];
        for (what, _) in restart.iter().filter(|(_, changed)| *changed) {
            tracing::warn!("{what} changed: that takes effect with the next restart");
        }
    }
}

/// What the listener is started with. What is in `web_config_file` needs no reload at all.
fn listener(metrics: &config::Metrics) -> impl PartialEq + use<'_> {
    (
        metrics.listen,
        metrics.enabled,
        metrics.insecure,
        &metrics.web_config_file,
    )
}

/// Lets the old outputs send what they hold, once the engine has let go of them.
fn retire(outputs: Arc<Outputs>) {
    tokio::spawn(async move {
        let deadline = Instant::now() + LAST_ALERTS;
        let mut outputs = outputs;
        while Instant::now() < deadline {
            match Arc::try_unwrap(outputs) {
                Ok(last) => return last.shutdown(Instant::now() + LAST_ALERTS).await,
                Err(shared) => outputs = shared,
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
}
