//! `lapwing mask add`: shows what an alert was, what would be masked and whether the agent will honour it, asks, and creates the silence.

use std::fmt::Write;

use lapwing_engine::mask::{Detail, Masks, Settings};

use super::{
    MaskError,
    access::any_peer,
    ask::confirm,
    judgement::{Judgement, judge, label, protection},
    matchers, show, unix_now,
};
use crate::{
    alertmanager::{Client, NewSilence, WireMatcher, mask_settings, rfc3339},
    cli::MaskAddArgs,
    config::{Alertmanager, Loaded, value::duration_text},
    recent::{Recent, Store},
    state_dir::StateDir,
};

/// What the agent of this host knows of its alerts; why not, where it cannot be read.
fn store(loaded: &Loaded) -> Result<Store, String> {
    let state = StateDir::existing(&loaded.config.agent.state_dir).map_err(|error| error.to_string())?;
    Store::read(&state).map_err(|error| error.to_string())
}

fn find<'a>(store: &'a Result<Store, String>, id: &str) -> Result<&'a Recent, MaskError> {
    let store = store.as_ref().map_err(|why| MaskError::Store(why.clone()))?;
    store.find(id).ok_or_else(|| MaskError::NoAlert {
        id: id.escape_debug().to_string(),
        known: store.alerts.len(),
    })
}

/// Everything before the question, and the silence that it is about.
#[derive(Debug)]
pub struct Plan {
    /// What is shown.
    pub text: String,
    /// What is created.
    pub silence: NewSilence,
}

/// Makes the plan.
///
/// # Errors
/// An alert that nobody knows, matchers that are none.
pub fn plan(loaded: &Loaded, access: &Alertmanager, args: &MaskAddArgs) -> Result<Plan, MaskError> {
    let settings = mask_settings(&loaded.config);
    let store = store(loaded);
    let mut text = String::new();
    let alert = args.alert.as_deref().map(|id| find(&store, id)).transpose()?;
    let matchers = match alert {
        Some(alert) => {
            text.push_str(&show::alert(alert));
            matchers::of_alert(alert, label(&loaded.rules, &settings, &alert.rule), &args.matchers)?
        }
        None => matchers::of_flags(&args.matchers)?,
    };
    let silence = silence(args, &matchers)?;
    let _ = write!(
        text,
        "Silence to be created in {}, until {}, by {}: {}\n{}",
        access.urls.join(", "),
        silence.ends_at,
        show::quoted(&silence.created_by),
        show::quoted(&silence.comment),
        show::matchers(&matchers)
    );
    text.push_str(match matchers.iter().any(is_detail) {
        true => "It is for every host whose agent reads the silences there.\n",
        false => "It is for ALL alerts with these labels, on every host whose agent reads the silences there.\n",
    });
    consequences(&mut text, loaded, &settings, &matchers, &store, alert);
    Ok(Plan { text, silence })
}

fn is_detail(matcher: &WireMatcher) -> bool {
    Detail::ALL.iter().any(|detail| detail.name() == matcher.name)
}

fn silence(args: &MaskAddArgs, matchers: &[WireMatcher]) -> Result<NewSilence, MaskError> {
    let now = unix_now();
    let length = i64::try_from(args.duration.as_nanos()).unwrap_or(i64::MAX);
    let comment = match (&args.comment, &args.alert) {
        (Some(comment), _) => comment.clone(),
        (None, Some(id)) => format!("lapwing mask: alert {id}"),
        (None, None) => "lapwing mask".into(),
    };
    let author = args.author.clone().unwrap_or_else(author);
    if comment.trim().is_empty() || author.trim().is_empty() {
        return Err(MaskError::Usage(
            "Alertmanager wants an author and a comment; write both, or neither flag".into(),
        ));
    }
    Ok(NewSilence {
        matchers: matchers.to_vec(),
        starts_at: rfc3339(now),
        ends_at: rfc3339(now.saturating_add(length)),
        created_by: author,
        comment,
    })
}

/// Who called, as far as the environment says it: for people, not for proof. The credential is what counts.
fn author() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    format!("{user}@{}", rustix::system::uname().nodename().to_string_lossy())
}

fn consequences(
    text: &mut String,
    loaded: &Loaded,
    settings: &Settings,
    matchers: &[WireMatcher],
    store: &Result<Store, String>,
    alert: Option<&Recent>,
) {
    let recent = store.as_ref().map_or(&[][..], |store| &store.alerts);
    let judgement = judge(matchers, settings, &loaded.rules, recent);
    match store {
        Ok(_) => {
            let _ = writeln!(
                text,
                "Of the {} recent alerts of this host it would mask {}.",
                recent.len(),
                judgement.matching
            );
        }
        Err(why) => {
            let _ = writeln!(text, "What it would have masked on this host is not known: {why}");
        }
    }
    honour(text, loaded, settings, &judgement, alert);
    if judgement.refused.is_none() && !judgement.details.is_empty() {
        let _ = writeln!(
            text,
            "Alertmanager does not know {}: it does not mute these alerts itself; the agent masks them before they get there.",
            judgement.details.join(", ")
        );
    }
}

fn honour(text: &mut String, loaded: &Loaded, settings: &Settings, judgement: &Judgement, alert: Option<&Recent>) {
    let alertmanager = &loaded.config.alertmanager;
    if let Some(refused) = &judgement.refused {
        let why = super::meaning(refused.reason);
        let _ = writeln!(
            text,
            "The agent will NOT honour it: {} ({why}; {}).",
            refused.reason, refused.detail
        );
        return;
    }
    let mut protected = judgement.protected.clone();
    let (masks, _) = Masks::new(Vec::new(), settings);
    if let Some((rule, why)) =
        alert.and_then(|alert| Some((&alert.rule, protection(&masks, &alert.rule, alert.severity)?)))
    {
        protected.insert(rule.clone(), why);
    }
    for (rule, why) in &protected {
        let _ = writeln!(
            text,
            "The agent will NOT honour it for rule {}, which {why}.",
            rule.escape_debug()
        );
    }
    if alertmanager.urls.is_empty() {
        text.push_str("The agent of this host reads no silences: [alertmanager] urls is empty.\n");
    } else if protected.is_empty() {
        let interval = duration_text(alertmanager.poll_interval);
        let _ = writeln!(
            text,
            "The agent of this host honours it from its next poll, within {interval} or a little more."
        );
    }
}

/// The command.
///
/// # Errors
/// [`MaskError`].
pub async fn run(loaded: &Loaded, access: &Alertmanager, args: &MaskAddArgs) -> Result<String, MaskError> {
    let plan = plan(loaded, access, args)?;
    eprint!("{}", plan.text);
    confirm("Create it?", args.yes)?;
    let client = Client::new(access);
    let (_, id) = any_peer(&client, async |peer| client.create(peer, &plan.silence).await).await?;
    Ok(format!("{id}\n"))
}
