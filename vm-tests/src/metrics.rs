//! The agent's `/metrics` as a test reads them.

/// One scrape.
#[derive(Debug, Clone)]
pub struct Metrics(pub String);

impl Metrics {
    /// Sum of all series of `name` that carry each of these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.series(name)
            .filter(|(have, _)| labels.iter().all(|(k, v)| have.contains(&format!("{k}=\"{v}\""))))
            .map(|(_, value)| value)
            .sum()
    }

    /// Records of a sensor that are counted as lost.
    pub fn lost(&self, sensor: &str) -> u64 {
        self.sum("lapwing_events_lost_total", &[("sensor", sensor)])
    }

    /// The lines about what was lost, those at 0 left out.
    pub fn losses(&self) -> String {
        let lost = |line: &&str| line.starts_with("lapwing_events_lost_total") && !line.ends_with(" 0");
        self.0.lines().filter(lost).collect::<Vec<_>>().join("\n")
    }

    /// Matches of a rule.
    pub fn matches(&self, rule: &str) -> u64 {
        self.sum("lapwing_rule_matches_total", &[("rule", rule)])
    }

    /// The lines of `name`: (labels, value).
    fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.0.lines().filter_map(move |line| {
            // An exemplar is not part of the series.
            let rest = line.split(" # {").next()?.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let value: f64 = value.split(' ').next()?.parse().ok()?;
            Some((labels, value as u64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn series_are_chosen_by_label_and_summed() {
        let page = Metrics(
            "# TYPE lapwing_events_lost counter\nlapwing_events_lost_total{sensor=\"file\",stage=\"busy\"} 2\n\
             lapwing_events_lost_total{sensor=\"file\",stage=\"ring_full\"} 3\nlapwing_events_lost_total{sensor=\"process\",stage=\"busy\"} 7\nlapwing_rules 4\n\
             lapwing_alerts_total{rule=\"x\"} 3 # {alert_id=\"1-2\"} 1.0 17.5\n"
                .into(),
        );
        assert_eq!(page.lost("file"), 5);
        assert_eq!(page.sum("lapwing_events_lost_total", &[]), 12);
        assert_eq!(page.sum("lapwing_rules", &[]), 4);
        assert_eq!(page.sum("lapwing_alerts_total", &[("rule", "x")]), 3);
        assert_eq!(page.matches("x"), 0);
    }
}
