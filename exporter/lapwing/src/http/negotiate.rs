//! Which format a scraper wants, from its `Accept`.

use crate::metrics::Format;

const OPEN_METRICS: (Format, &str) = (
    Format::OpenMetrics,
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
);
const CLASSIC: (Format, &str) = (Format::Classic, "text/plain; version=0.0.4; charset=utf-8");

/// The format and its content type: OpenMetrics unless the scraper likes text better. A browser gets text, which it shows.
pub(super) fn format<'a>(accept: impl Iterator<Item = &'a str>) -> (Format, &'static str) {
    let (mut open_metrics, mut text, mut any) = (None, None, None);
    for range in accept.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameter = |name: &str| {
            let mut parameters = range.split(';').skip(1).filter_map(|p| p.split_once('='));
            parameters
                .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().trim_matches('"'))
        };
        let quality: f32 = parameter("q").and_then(|q| q.parse().ok()).unwrap_or(1.0);
        let best = match &*kind {
            // A version that we do not write is not what is wanted.
            "application/openmetrics-text" if parameter("version").is_none_or(|v| v == "1.0.0") => &mut open_metrics,
            "text/plain" | "text/*" | "text/html" => &mut text,
            "*/*" | "application/*" => &mut any,
            _ => continue,
        };
        *best = Some(best.map_or(quality, |known: f32| known.max(quality)));
    }
    let open_metrics = open_metrics.or(any).unwrap_or(0.0);
    let text = text.unwrap_or(0.0);
    if text > open_metrics || (text > 0.0 && open_metrics <= 0.0) {
        CLASSIC
    } else {
        OPEN_METRICS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrapers_get_what_they_prefer() {
        let prometheus_2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, format_wanted) in [
            ("*/*", Format::OpenMetrics),
            ("", Format::OpenMetrics),
            (prometheus_2_42, Format::OpenMetrics),
            ("text/plain", Format::Classic),
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Format::Classic),
            (
                "text/plain; q=0.3, application/openmetrics-text; version=1.0.0; q=0.2",
                Format::Classic,
            ),
            (
                "application/openmetrics-text; version=\"1.0.0\"; Q=0.9, text/plain; q=0.5",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text; version=2.0.0, text/plain; q=0.5",
                Format::Classic,
            ),
            (browser, Format::Classic),
        ] {
            assert_eq!(format([accept].into_iter()).0, format_wanted, "{accept}");
        }
        assert_eq!(format(std::iter::empty()).0, Format::OpenMetrics);
        assert_eq!(
            format(["application/json", "text/plain"].into_iter()).0,
            Format::Classic
        );
    }
}
