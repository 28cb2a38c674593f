//! Which Alertmanager, and with whose credential: the caller's. The agent's own, from the configuration, only reads, unless the caller says otherwise.

use hyper::StatusCode;

use super::MaskError;
use crate::{
    alertmanager::{Client, ClientError, check},
    cli::MaskAccess,
    config::{Alertmanager, Config},
};

/// What is to be done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The agent's credential will do.
    Read,
    /// Somebody answers for it.
    Write,
}

/// How to speak to Alertmanager by flags and variables, and by the configuration where these say nothing.
///
/// # Errors
/// No Alertmanager, or settings that do not fit together.
pub fn settings(flags: &MaskAccess, config: &Config, purpose: Purpose) -> Result<Alertmanager, MaskError> {
    let agent = &config.alertmanager;
    let own = flags.username.is_some() || flags.bearer_token_file.is_some() || flags.cert_file.is_some();
    // A credential is for the servers that it was given for.
    let lend = flags.alertmanager.is_empty() && !own && (flags.agent_credential || purpose == Purpose::Read);
    if flags.agent_credential && !lend {
        return Err(MaskError::Usage(
            "--agent-credential goes with neither --alertmanager nor a credential of your own".into(),
        ));
    }
    let lent = |of_agent: &Option<std::path::PathBuf>| of_agent.clone().filter(|_| lend);
    let settings = Alertmanager {
        urls: match flags.alertmanager.is_empty() {
            true => agent.urls.clone(),
            false => flags.alertmanager.clone(),
        },
        timeout: flags.timeout.unwrap_or(agent.timeout),
        ca_file: flags
            .ca_file
            .clone()
            .or_else(|| agent.ca_file.clone().filter(|_| flags.alertmanager.is_empty())),
        cert_file: flags.cert_file.clone().or_else(|| lent(&agent.cert_file)),
        key_file: flags.key_file.clone().or_else(|| lent(&agent.key_file)),
        username: flags
            .username
            .clone()
            .or_else(|| agent.username.clone().filter(|_| lend)),
        password_file: flags.password_file.clone().or_else(|| lent(&agent.password_file)),
        bearer_token_file: flags
            .bearer_token_file
            .clone()
            .or_else(|| lent(&agent.bearer_token_file)),
        insecure: flags.insecure || (lend && agent.insecure),
        ..agent.clone()
    };
    if settings.urls.is_empty() {
        return Err(MaskError::Usage(
            "which Alertmanager? Give --alertmanager URL (or LAPWING_MASK_ALERTMANAGER), or set [alertmanager] urls"
                .into(),
        ));
    }
    check(&settings).map_err(|refusal| {
        let help = match refusal.help {
            "" => String::new(),
            help => format!("; {help}"),
        };
        MaskError::Usage(format!(
            "{}{help} (--{} or its setting)",
            refusal.message,
            flag(refusal.key)
        ))
    })?;
    Ok(settings)
}

fn flag(key: &str) -> String {
    match key {
        "urls" => "alertmanager".into(),
        key => key.replace('_', "-"),
    }
}

/// Asks one peer after the other until one has an opinion: they are one cluster.
///
/// # Errors
/// Of the last one.
pub async fn any_peer<T>(
    client: &Client,
    ask: impl AsyncFn(usize) -> Result<T, ClientError>,
) -> Result<(usize, T), MaskError> {
    let mut last = None;
    for peer in 0..client.peers() {
        match ask(peer).await {
            Ok(answer) => return Ok((peer, answer)),
            Err(error) => {
                let answered = matches!(&error, ClientError::Refused { status, .. } if *status != StatusCode::BAD_GATEWAY
                    && *status != StatusCode::SERVICE_UNAVAILABLE);
                last = Some(error);
                if answered {
                    break;
                }
            }
        }
    }
    Err(last.map_or_else(|| MaskError::Usage("there is no peer".into()), MaskError::Client))
}
