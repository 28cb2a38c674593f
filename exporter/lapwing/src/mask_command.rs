//! `lapwing mask`: silences in Alertmanager, made from alerts.

/// The command that masks alerts like the one with this id. Nothing but the id is in it: names and paths are chosen by attackers, and people paste
/// this into a root shell. None for an id that is none of the engine's.
pub fn line(id: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
    let good = !id.is_empty() && id.len() <= 100 && id.bytes().all(plain) && !id.starts_with('-');
    good.then(|| format!("lapwing mask add --alert {id} --for 2h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_gets_into_the_line() {
        assert_eq!(
            line("5af3107a4000-1-2f-811c9dc5").unwrap(),
            "lapwing mask add --alert 5af3107a4000-1-2f-811c9dc5 --for 2h"
        );
        for bad in ["", "x", "1;reboot", "1 2", "-1", "1\n2", "$(1)", &"1".repeat(101)] {
            assert_eq!(line(bad), None, "{bad:?}");
        }
    }
}
