//! The landing page.

use crate::metrics::Metrics;

/// What this is, how it is, and where to go. Nothing in it comes from outside, so nothing needs escaping.
pub(super) fn landing(metrics: &Metrics) -> String {
    let state = metrics.unready().unwrap_or("ready");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Lapwing</title></head>\n<body>\n\
         <h1>Lapwing {version}</h1>\n<p>Security observability agent for Linux hosts. State: {state}.</p>\n<ul>\n\
         <li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n\
         <li><a href=\"/-/healthy\">/-/healthy</a>: whether the agent works</li>\n\
         <li><a href=\"/-/ready\">/-/ready</a>: whether the sensors are attached</li>\n</ul>\n</body>\n</html>\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}
