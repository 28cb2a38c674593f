//! `web_config_file` as people write it, and the `Authorization` header as anybody sends it.

#![no_main]

use lapwing::http::{WebConfig, credentials};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(found) = credentials(data) {
        assert!(!found.user.contains(&b':') && found.user.len() + found.password.len() < data.len());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    match WebConfig::parse("web.yml", text) {
        Ok(config) => {
            assert!(
                config.tls.is_none_or(|tls| !tls.versions.is_empty()),
                "what is right can be spoken"
            );
            assert!(
                config
                    .users
                    .iter()
                    .all(|user| user.cost <= 15 && !user.name.contains(':'))
            );
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal says why");
            // YAML ends lines at a lone CR too.
            let lines = text.split(['\n', '\r']).count();
            for problem in problems {
                assert!((1..=lines).contains(&problem.line) && problem.column > 0, "{problem}");
            }
        }
    }
});
