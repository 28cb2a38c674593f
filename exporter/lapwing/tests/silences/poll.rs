//! The poller and the client against a real Alertmanager.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use lapwing::{
    alertmanager::{Client, Poller, check},
    state_dir::StateDir,
};
use lapwing_engine::{
    event::{BootTime, Sensor},
    mask::Masks,
    spec::Severity,
};

use crate::{
    alertmanager::{Alertmanager, config, create, silence},
    pki::Pki,
    servers::{PATIENCE, free},
};

fn now() -> BootTime {
    lapwing::pipeline::boot_now()
}

/// The author of the silence that masks an alert of rule etc now.
fn masked_by(masks: &Masks) -> Option<String> {
    let candidates = masks.candidates("etc", Severity::High, Sensor::File, now());
    masks.judge(&candidates, now(), || None).map(|mask| mask.author.clone())
}

/// Until the masks are as wanted.
async fn until(poller: &mut Poller, what: &str, mut wanted: impl FnMut(&mut Poller) -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !wanted(poller) {
        assert!(
            tokio::time::Instant::now() < end,
            "waited in vain for {what}: {:?}",
            poller.state()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_masks_from_poll_to_poll_and_over_restarts_while_alertmanager_is_away() {
    let home = tempfile::tempdir().unwrap();
    let state = || StateDir::open(&home.path().join("state")).unwrap();
    let mut alertmanager = Alertmanager::start();
    // One peer is down: every cycle still gets an answer.
    let config = config(&[format!("http://{}", free()), alertmanager.url()], home.path());
    let mut poller = Poller::start(&config, Some(state()));
    assert_eq!(masked_by(&poller.masks()), None);
    until(&mut poller, "the first answer", |poller| {
        poller.state().polls["success"] >= 1
    })
    .await;
    let about_others = create(
        &alertmanager.url(),
        &silence(&[("rule", "etc"), ("instance", "other:1")], 600),
    )
    .await;
    let id = create(&alertmanager.url(), &silence(&[("rule", "etc")], 600)).await;
    until(&mut poller, "the mask", |poller| masked_by(&poller.masks()).is_some()).await;
    let told = poller.state();
    assert_eq!((told.active, told.pending), (1, 0));
    assert_eq!(told.refused["unknown_label"], 1);
    assert_eq!(told.refused_silences[0].id, about_others);
    assert_eq!(told.peer.as_deref(), Some(&*format!("{}/", alertmanager.url())));
    until(&mut poller, "the peer that is down to be asked first", |poller| {
        poller.state().polls["unreachable"] >= 1
    })
    .await;
    let mode = fs::metadata(home.path().join("state/silences.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    alertmanager.end();
    until(&mut poller, "the failure", |poller| poller.state().error.is_some()).await;
    assert_eq!(
        masked_by(&poller.masks()).as_deref(),
        Some("alice"),
        "what is known holds"
    );
    drop(poller);
    // The task that held the directory ends a moment after its handle.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut poller = Poller::start(&config, Some(state()));
    assert_eq!(
        masked_by(&poller.masks()).as_deref(),
        Some("alice"),
        "known before the first event, without an answer"
    );

    alertmanager.begin();
    // A kill may have cost Alertmanager what it had not written yet: then it is simply gone, which must end the mask as well.
    let client = Client::new(&lapwing::config::Alertmanager {
        urls: vec![alertmanager.url()],
        ..config.alertmanager.clone()
    });
    if client.silence(0, &id).await.is_ok_and(|silence| silence.is_some()) {
        client.expire(0, &id).await.unwrap();
    }
    until(&mut poller, "the mask to end", |poller| {
        masked_by(&poller.masks()).is_none()
    })
    .await;
    assert!(poller.state().error.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_ends_by_itself_and_a_reload_switches_masks_off_and_on() {
    let home = tempfile::tempdir().unwrap();
    let mut alertmanager = Alertmanager::start();
    let on = config(&[alertmanager.url()], home.path());
    create(&alertmanager.url(), &silence(&[("rule", "etc")], 600)).await;
    let mut poller = Poller::start(&on, None);
    until(&mut poller, "the mask", |poller| masked_by(&poller.masks()).is_some()).await;
    poller.configure(&config(&[], home.path()));
    until(&mut poller, "masks off", |poller| {
        masked_by(&poller.masks()).is_none() && poller.state().peers == 0
    })
    .await;
    poller.configure(&on);
    until(&mut poller, "masks on", |poller| masked_by(&poller.masks()).is_some()).await;

    create(&alertmanager.url(), &silence(&[("rule", "tmp")], 3)).await;
    let short = |masks: &Masks| {
        let candidates = masks.candidates("tmp", Severity::High, Sensor::File, now());
        masks.judge(&candidates, now(), || None).is_some()
    };
    until(&mut poller, "the short mask", |poller| short(&poller.masks())).await;
    alertmanager.end();
    until(&mut poller, "its end without Alertmanager", |poller| {
        !short(&poller.masks())
    })
    .await;
    assert!(masked_by(&poller.masks()).is_some(), "the other one holds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption_certificates_and_password_are_those_of_the_files_at_each_request() {
    let home = tempfile::tempdir().unwrap();
    let pki = Pki(home.path());
    pki.authority("ca");
    pki.authority("clients");
    pki.server("server", "ca");
    pki.client("agent", "clients", "DNS:agent.example", 1);
    let password = pki.file("password");
    let secret = |text: &str, mode: u32| {
        fs::write(&password, text).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(mode)).unwrap();
    };
    secret("wrong", 0o600);
    let path = |name: &str| pki.file(name).display().to_string();
    // The password is "test", as in the documentation of Prometheus' exporter-toolkit.
    let web = format!(
        "tls_server_config:\n  cert_file: {}\n  key_file: {}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {}\n\
         basic_auth_users:\n  agent: $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay\n",
        path("server.pem"),
        path("server.key"),
        path("clients.pem")
    );
    let alertmanager = Alertmanager::with_web_config(tempfile::tempdir().unwrap(), &web);
    let url = format!("https://localhost:{}", alertmanager.address.port());
    let mut settings = config(&[url], home.path()).alertmanager;
    settings.username = Some("agent".into());
    settings.password_file = Some(password.clone());
    settings.ca_file = Some(pki.file("ca.pem"));
    settings.cert_file = Some(pki.file("agent.pem"));
    settings.key_file = Some(pki.file("agent.key"));
    settings.timeout = Duration::from_secs(10);
    assert_eq!(check(&settings), Ok(()));
    let client = Client::new(&settings);
    let error = client.silences(0).await.unwrap_err();
    assert_eq!(error.result(), "refused");
    assert!(
        error.to_string().contains("401") && !error.to_string().contains("wrong"),
        "{error}"
    );
    secret("test\n", 0o600);
    let answer = client.silences(0).await;
    assert!(answer.is_ok(), "the new password is read: {answer:?}");
    secret("test\n", 0o644);
    let error = client.silences(0).await.unwrap_err();
    assert_eq!(error.result(), "setup");
    assert!(
        error.to_string().contains("everybody on this host may read it"),
        "{error}"
    );
    assert_eq!(check(&settings).unwrap_err().key, "password_file");
    secret("test\n", 0o600);
    for broken in [
        lapwing::config::Alertmanager {
            ca_file: None,
            ..settings.clone()
        },
        lapwing::config::Alertmanager {
            cert_file: None,
            key_file: None,
            ..settings.clone()
        },
    ] {
        let error = Client::new(&broken).silences(0).await.unwrap_err();
        assert_eq!(error.result(), "unreachable");
        assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    }
}
