//! The classic text format 0.0.4, made from the OpenMetrics text: prometheus-client writes only the latter.
//!
//! They differ in what a family is called (a counter's includes `_total`, an info is a gauge called `_info`), and in `# UNIT` and `# EOF`.

/// Converts a whole page.
pub(super) fn from_open_metrics(page: &str) -> String {
    let mut classic = String::with_capacity(page.len() + page.len() / 16);
    let mut help = None;
    for line in page.lines() {
        if let Some(text) = line.strip_prefix("# HELP ") {
            // Its family's name depends on the type, which comes next.
            help = text.split_once(' ').map(|(_, text)| text);
        } else if let Some(family) = line.strip_prefix("# TYPE ") {
            let Some((name, kind)) = family.split_once(' ') else {
                continue;
            };
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                kind => ("", kind),
            };
            if let Some(help) = help.take() {
                classic.push_str(&format!("# HELP {name}{suffix} {help}\n"));
            }
            classic.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with("# ") {
            classic.push_str(line);
            classic.push('\n');
        }
    }
    classic
}

#[cfg(test)]
mod tests {
    use super::from_open_metrics;

    #[test]
    fn families_are_renamed_and_samples_are_not() {
        let page = "# HELP a How many\n# TYPE a counter\na_total{x=\"# HELP\"} 1\n# HELP b What\n# TYPE b info\nb_info{v=\"1\"} 1\n\
                    # HELP c_seconds Time\n# TYPE c_seconds gauge\n# UNIT c_seconds seconds\nc_seconds 2.5\n# EOF\n";
        let classic = "# HELP a_total How many\n# TYPE a_total counter\na_total{x=\"# HELP\"} 1\n# HELP b_info What\n# TYPE b_info gauge\n\
                       b_info{v=\"1\"} 1\n# HELP c_seconds Time\n# TYPE c_seconds gauge\nc_seconds 2.5\n";
        assert_eq!(from_open_metrics(page), classic);
    }
}
