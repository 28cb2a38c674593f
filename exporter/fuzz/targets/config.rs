//! Configuration as people write it: a text that is wrong gives problems with places, one that is right compiles.

#![no_main]

use lapwing::config::{Input, Source, parse};
use lapwing_engine::rule::RuleSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source {
        name: "lapwing.toml".into(),
        text: text.into(),
        ruleset: "local",
    };
    let input = Input {
        files: vec![source],
        ..Input::default()
    };
    match parse(&input) {
        Ok(loaded) => assert!(
            RuleSet::compile(&loaded.specs).is_ok(),
            "what is reported as right compiles"
        ),
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal says why");
            let lines = text.split('\n').count();
            for problem in problems {
                assert!(problem.line <= lines || problem.file != "lapwing.toml", "{problem}");
                assert!(!problem.to_string().is_empty());
            }
        }
    }
});
