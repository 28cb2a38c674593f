//! What a metric family is, and the macro that defines one.

/// A family with `N` labels. The encoder takes name, type and help from here, and as many label values as there are labels.
#[derive(Debug)]
pub struct Family<const N: usize> {
    /// As OpenMetrics calls the family: a counter's series have `_total` behind it, an info's `_info`.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: [&'static str; N],
    /// What it says.
    pub help: &'static str,
    /// What to do with it.
    pub advice: &'static str,
}

/// The types in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; starts at 0 with the agent.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Always 1; what it says is in its labels.
    Info,
    /// Buckets, sum and count.
    Histogram,
}

impl Kind {
    /// The word in `# TYPE`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Info => "info",
            Kind::Histogram => "histogram",
        }
    }
}

/// A family without its number of labels in the type, to list all of them.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// See [`Family::name`].
    pub name: &'static str,
    /// See [`Family::kind`].
    pub kind: Kind,
    /// See [`Family::labels`].
    pub labels: &'static [&'static str],
    /// See [`Family::help`].
    pub help: &'static str,
    /// See [`Family::advice`].
    pub advice: &'static str,
}

impl Definition {
    /// The unit, which is the name's last word where it is one; the base units of Prometheus.
    pub fn unit(&self) -> Option<&'static str> {
        unit(self.name)
    }

    /// What series are called in a query; a histogram has `_bucket`, `_sum` and `_count` behind it.
    pub fn series(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Info => format!("{}_info", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}

/// The unit at the end of a name.
pub(super) fn unit(name: &str) -> Option<&'static str> {
    ["seconds", "bytes"]
        .into_iter()
        .find(|unit| name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
}

/// Families of one subject.
#[derive(Debug)]
pub struct Section {
    /// The subject.
    pub title: &'static str,
    /// Its families, in the order of the page.
    pub families: &'static [Definition],
}

/// Defines families by section: `NAME = Kind "name" ["label", ..] "help" "advice";` makes the constant `NAME` and its entry in `SECTIONS`.
macro_rules! families {
    ($($title:literal { $($id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal $advice:literal;)* })*) => {
        $($(
            #[doc = concat!("`", $name, "`: ", $help, ".")]
            pub const $id: Family<{ let labels: &[&str] = &[$($label),*]; labels.len() }> = Family {
                name: $name,
                kind: Kind::$kind,
                labels: [$($label),*],
                help: $help,
                advice: $advice,
            };
        )*)*

        /// Every family there is, in the order of the page.
        pub const SECTIONS: &[Section] = &[$(Section {
            title: $title,
            families: &[$(Definition {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
                advice: $advice,
            }),*],
        }),*];
    };
}
pub(super) use families;
