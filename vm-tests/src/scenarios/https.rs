//! HTTPS as this machine's own openssl speaks it, at both ends: what it encrypts is read where it is not encrypted yet.

use std::net::Ipv4Addr;

use serde_json::Value;

use crate::{
    act::{Act, https},
    place::{Place, executable},
    scenario::{Expected, Group, Scenario},
    scenarios::network::{INSIDE, OUTSIDE, ports, traversal, with},
    world::Need,
};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "https-by-openssl",
            Group::Network,
            |place| https::certificate(&place.plain),
            |place| act(place, OUTSIDE),
            |_| {
                let openssl = executable("openssl")?.display().to_string();
                let at: Value = address().into();
                let alert = |direction, end| -> crate::error::Result<Expected> {
                    Ok(Expected {
                        executable: Some(openssl.clone()),
                        ..with(
                            traversal(direction)?,
                            &[(end, at.clone()), ("/network/tls", true.into())],
                        )
                    })
                };
                Ok(vec![
                    alert("outgoing", "/network/peer")?,
                    alert("incoming", "/network/local")?,
                ])
            },
            |place| act(place, INSIDE),
        )
        .needs(Need::Program("openssl")),
    ]
}

fn address() -> String {
    format!("{}:{}", Ipv4Addr::LOCALHOST, ports().https)
}

fn act(place: &Place, target: &str) -> Act {
    Act::of_mine(&["act", "https", &place.plain.display().to_string(), &address(), target])
}
