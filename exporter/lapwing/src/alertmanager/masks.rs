//! From silences on the wall clock to the engine's masks in boot time.

use lapwing_engine::{
    event::BootTime,
    mask::{self, Masks, Matcher, Refused, Silence},
};

use super::wire::{Found, WireMatcher, rfc3339};
use crate::{
    config::{Config, MaskAction},
    outputs::WallClock,
};

/// How the engine judges silences under this configuration.
pub fn settings(config: &Config) -> mask::Settings {
    let alertmanager = &config.alertmanager;
    mask::Settings {
        labels: alertmanager.labels.clone(),
        maskable_critical: alertmanager.maskable_critical.clone(),
        never_mask: alertmanager.never_mask.clone(),
        action: match alertmanager.mask_action {
            MaskAction::Mark => mask::Action::Mark,
            MaskAction::Drop => mask::Action::Drop,
        },
        max_rules: config.metrics.max_rules,
    }
}

/// The masks that `silences` make, and which of them make none.
pub fn masks(silences: &[Found], wall: &WallClock, settings: &mask::Settings) -> (Masks, Vec<Refused>) {
    let silences = silences.iter().map(|silence| Silence {
        id: silence.id.clone(),
        author: silence.author.clone(),
        comment: silence.comment.clone(),
        starts: boot(silence.starts, wall),
        ends: boot(silence.ends, wall),
        until: rfc3339(silence.ends),
        matchers: silence.matchers.iter().map(matcher).collect(),
    });
    Masks::new(silences.collect(), settings)
}

/// A time before the boot is the boot.
fn boot(unix: i64, wall: &WallClock) -> BootTime {
    BootTime(u64::try_from(unix.saturating_sub(wall.boot)).unwrap_or(0))
}

fn matcher(matcher: &WireMatcher) -> Matcher {
    Matcher {
        name: matcher.name.clone(),
        value: matcher.value.clone(),
        is_regex: matcher.is_regex,
        is_equal: matcher.is_equal,
    }
}
