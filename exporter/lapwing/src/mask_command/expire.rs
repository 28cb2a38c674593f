//! `lapwing mask expire`: shows a silence, asks, and ends it.

use super::{MaskError, access::any_peer, ask::confirm, show, unix_now};
use crate::{
    alertmanager::{Client, good_id},
    cli::MaskExpireArgs,
    config::Alertmanager,
};

/// The command. A silence that has expired already is no failure: what was asked for is so.
///
/// # Errors
/// [`MaskError`].
pub async fn run(access: &Alertmanager, args: &MaskExpireArgs) -> Result<String, MaskError> {
    if !good_id(&args.id) {
        return Err(MaskError::Usage(format!(
            "{:?} is not the id of a silence; `lapwing mask list` shows them",
            args.id
        )));
    }
    let client = Client::new(access);
    let (_, silence) = any_peer(&client, async |peer| client.silence(peer, &args.id).await).await?;
    let now = unix_now();
    let Some(silence) = silence.filter(|silence| silence.ends > now) else {
        eprintln!("Silence {} has expired already.", args.id);
        return Ok(String::new());
    };
    eprint!("{}", show::silence(&silence, show::state(&silence, now)));
    confirm("End it?", args.yes)?;
    any_peer(&client, async |peer| client.expire(peer, &args.id).await).await?;
    eprintln!("Ended; agents follow at their next poll.");
    Ok(String::new())
}
