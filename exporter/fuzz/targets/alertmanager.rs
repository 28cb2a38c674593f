//! What answers at the address of an Alertmanager: the list of silences.

#![no_main]

use lapwing::{
    alertmanager::{Found, mask_settings, masks, silences},
    config::Config,
    outputs::WallClock,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(answer) = silences(input) else { return };
    let wall = WallClock {
        boot: 1_700_000_000_000_000_000,
    };
    let (_, refused) = masks(&answer.silences, &wall, &mask_settings(&Config::default()));
    assert!(refused.len() <= answer.silences.len());
    for silence in &answer.silences {
        assert!(silence.starts <= silence.ends);
        for matcher in &silence.matchers {
            assert!(!matcher.to_string().contains(char::is_control));
        }
    }
    // What is saved is read again; dates before 1970 come back as 1970.
    let saved = serde_json::to_vec(&answer.silences).unwrap();
    let again = silences(&saved).unwrap();
    assert_eq!(again.silences.len() + again.refused.len(), answer.silences.len());
    let dated = |silence: &&Found| silence.starts >= 0 && silence.ends >= 0;
    for silence in answer.silences.iter().filter(dated) {
        assert!(again.silences.contains(silence), "{silence:?}");
    }
});
