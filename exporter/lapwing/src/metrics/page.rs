//! Metric families, written one after the other as the contract describes them.

use std::fmt::Error;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder},
    metrics::{
        MetricType,
        exemplar::{CounterWithExemplar, Exemplar},
        histogram::Histogram,
    },
    registry::Unit,
};

use super::{
    family::{Family, Kind, unit},
    snapshot::AlertRef,
};

/// The longest name, value and separators of an exemplar that OpenMetrics allows is 128 characters; ids are far shorter.
const EXEMPLAR_LABEL: &str = "alert_id";

/// One family after the other.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

fn named<'a, const N: usize>(family: &Family<N>, values: [&'a str; N]) -> Labels<'a, N> {
    std::array::from_fn(|index| (family.labels[index], values[index]))
}

impl Page<'_> {
    fn family<const N: usize>(
        &mut self,
        family: &Family<N>,
        series: impl FnOnce(MetricEncoder<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let kind = match family.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Info => MetricType::Info,
            Kind::Histogram => MetricType::Histogram,
        };
        // The encoder adds the unit to the name.
        let (name, unit) = match unit(family.name) {
            Some(unit) => (
                &family.name[..family.name.len() - unit.len() - 1],
                Some(Unit::Other(unit.to_owned())),
            ),
            None => (family.name, None),
        };
        series(self.0.encode_descriptor(name, family.help, unit.as_ref(), kind)?)
    }

    pub(super) fn counters<'a, const N: usize, V: EncodeCounterValue>(
        &mut self,
        family: &Family<N>,
        series: impl IntoIterator<Item = ([&'a str; N], V)>,
    ) -> Result<(), Error> {
        self.family(family, |mut encoder| {
            for (values, value) in series {
                let none = None::<&Exemplar<[(&str, &str); 0], f64>>;
                labelled(&mut encoder, &named(family, values), |encoder| {
                    encoder.encode_counter(&value, none)
                })?;
            }
            Ok(())
        })
    }

    /// Counters whose last step was an alert.
    pub(super) fn counters_of_alerts<'a, const N: usize>(
        &mut self,
        family: &Family<N>,
        series: impl IntoIterator<Item = ([&'a str; N], u64, Option<&'a AlertRef>)>,
    ) -> Result<(), Error> {
        self.family(family, |mut encoder| {
            for (values, value, last) in series {
                let counter = CounterWithExemplar::<[(&str, &str); 1]>::default();
                match last {
                    Some(last) if value > 0 => {
                        counter.inc_by(value - 1, None, None);
                        counter.inc_by(1, Some([(EXEMPLAR_LABEL, &*last.id)]), Some(last.at));
                    }
                    _ => drop(counter.inc_by(value, None, None)),
                }
                labelled(&mut encoder, &named(family, values), |encoder| {
                    let (value, exemplar) = counter.get();
                    encoder.encode_counter(&value, exemplar.as_ref())
                })?;
            }
            Ok(())
        })
    }

    pub(super) fn gauges<'a, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        family: &Family<N>,
        series: impl IntoIterator<Item = ([&'a str; N], V)>,
    ) -> Result<(), Error> {
        self.family(family, |mut encoder| {
            for (values, value) in series {
                labelled(&mut encoder, &named(family, values), |encoder| {
                    encoder.encode_gauge(&value)
                })?;
            }
            Ok(())
        })
    }

    pub(super) fn histograms<'a, const N: usize>(
        &mut self,
        family: &Family<N>,
        series: impl IntoIterator<Item = ([&'a str; N], &'a Histogram)>,
    ) -> Result<(), Error> {
        self.family(family, |mut encoder| {
            for (values, histogram) in series {
                histogram.encode(encoder.encode_family(&named(family, values))?)?;
            }
            Ok(())
        })
    }

    pub(super) fn counter(&mut self, family: &Family<0>, value: impl EncodeCounterValue) -> Result<(), Error> {
        self.counters(family, [([], value)])
    }

    pub(super) fn gauge(&mut self, family: &Family<0>, value: impl EncodeGaugeValue) -> Result<(), Error> {
        self.gauges(family, [([], value)])
    }

    pub(super) fn info<const N: usize>(&mut self, family: &Family<N>, values: [&str; N]) -> Result<(), Error> {
        self.family(family, |mut encoder| encoder.encode_info(&named(family, values)))
    }
}

/// A series without labels has no braces.
fn labelled<const N: usize>(
    encoder: &mut MetricEncoder<'_>,
    labels: &Labels<'_, N>,
    write: impl FnOnce(&mut MetricEncoder<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    if N == 0 {
        return write(encoder);
    }
    write(&mut encoder.encode_family(labels)?)
}
