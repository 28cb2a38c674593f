//! `[[network.rule]]`, compiled.

mod appetite;
mod asked;
mod wants;

pub use self::wants::{Readers, Wants};
use self::{appetite::Appetites, asked::Asked};
use super::{Condition, Finding, Found, RuleId, Sieve, skip::Skip};
use crate::{
    alert::ActionResult,
    event::{Body, Bytes, Direction, FlowChange, Told},
    field::{Context, Field, Kinds, name_of},
    interest::NetworkInterest,
    net::table::PAYLOAD,
    predicate::Glob,
    spec::{Holds, NetworkEvent, NetworkProtocol, NetworkRule, NetworkSettings, RuleDirection, Severity},
};

/// Bytes of a message that the kernel copies while no rule reads its body: more than ordinary servers take of a head.
const HEAD: u32 = 16 << 10;
/// Most bytes of what folding compares.
const MAX_OBJECT: usize = 256;

/// Against whom a match is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The lineage, its container and the host.
    pub lineage: bool,
    /// The HTTP request with its response.
    pub transaction: bool,
    /// The remote address.
    pub remote: bool,
}

impl Held {
    /// As for the sensors of processes and files.
    pub const LINEAGE: Held = Held {
        lineage: true,
        transaction: false,
        remote: false,
    };

    fn of(rule: &NetworkRule) -> Held {
        let Some(asked) = &rule.subjects else {
            let transaction = rule.protocol != NetworkProtocol::Tcp;
            return Held {
                lineage: !transaction,
                transaction,
                remote: false,
            };
        };
        Held {
            lineage: asked.contains(&Holds::Lineage),
            transaction: asked.contains(&Holds::Transaction),
            remote: asked.contains(&Holds::Remote),
        }
    }
}

/// What of the connections' bytes is worth putting together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Some rule reads `tcp.payload`.
    pub payload: bool,
    /// Some rule reads HTTP, or asks whether a stream can be read.
    pub http: bool,
    /// Some rule reads the bodies of requests.
    pub request_body: bool,
    /// Some rule reads the bodies of responses.
    pub response_body: bool,
}

/// Which directions a rule applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directions {
    incoming: bool,
    outgoing: bool,
    unknown: bool,
}

/// The globs of `[network]`.
#[derive(Debug, Default)]
pub(super) struct Selection {
    incoming: Vec<Glob>,
    outgoing: Vec<Glob>,
    ignored: Vec<Glob>,
}

impl Selection {
    /// The error is the key, what is wrong and what to write.
    pub fn new(settings: &NetworkSettings) -> Result<Selection, (&'static str, String, String)> {
        let globs = |key, patterns: &[String]| {
            let compiled = patterns.iter().map(|pattern| {
                Glob::new(pattern.as_bytes()).map_err(|error| {
                    let help = "write rules' ids, * standing for any text".to_owned();
                    (key, format!("{pattern:?}: {error}"), help)
                })
            });
            compiled.collect::<Result<Vec<Glob>, _>>()
        };
        Ok(Selection {
            incoming: globs("incoming_rules", &settings.incoming_rules)?,
            outgoing: globs("outgoing_rules", &settings.outgoing_rules)?,
            ignored: globs("ignored_rules", &settings.ignored_rules)?,
        })
    }

    /// None when the rule applies nowhere.
    pub fn directions(&self, id: &str, wanted: RuleDirection) -> Option<Directions> {
        let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(id.as_bytes()));
        if any(&self.ignored) {
            return None;
        }
        let incoming = wanted != RuleDirection::Outgoing && any(&self.incoming);
        let outgoing = wanted != RuleDirection::Incoming && any(&self.outgoing);
        (incoming || outgoing).then_some(Directions {
            incoming,
            outgoing,
            unknown: wanted == RuleDirection::Both,
        })
    }
}

/// The events that a rule of this protocol can be about.
pub(super) fn possible(protocol: NetworkProtocol) -> Kinds {
    match protocol {
        NetworkProtocol::Tcp => Kinds::FLOW
            .or(Kinds::LISTEN)
            .or(Kinds::PAYLOAD)
            .or(Kinds::DESYNCHRONISED),
        NetworkProtocol::Http | NetworkProtocol::Https => Kinds::HTTP,
    }
}

/// The kind of an event that a rule names.
pub(super) fn kinds(event: NetworkEvent) -> Kinds {
    match event {
        NetworkEvent::Listen => Kinds::LISTEN,
        NetworkEvent::Payload => Kinds::PAYLOAD,
        NetworkEvent::Request => Kinds::REQUEST,
        NetworkEvent::Response => Kinds::RESPONSE,
        NetworkEvent::Desynchronised => Kinds::DESYNCHRONISED,
        NetworkEvent::Open | NetworkEvent::Established | NetworkEvent::Refused | NetworkEvent::Close => Kinds::FLOW,
    }
}

/// When a rule is asked that does not say so: by the fields that it reads.
pub(super) fn event_of(protocol: NetworkProtocol, condition: &Condition) -> NetworkEvent {
    let only = |kinds: Kinds| condition.fields().any(|field| field.on == kinds);
    match protocol {
        NetworkProtocol::Tcp if only(Kinds::PAYLOAD) => NetworkEvent::Payload,
        NetworkProtocol::Tcp if only(Kinds::DESYNCHRONISED) => NetworkEvent::Desynchronised,
        NetworkProtocol::Tcp => NetworkEvent::Established,
        _ if only(Kinds::RESPONSE) => NetworkEvent::Response,
        _ => NetworkEvent::Request,
    }
}

#[derive(Debug)]
struct Rule {
    id: RuleId,
    tls_only: bool,
    severity: Severity,
    points: u32,
    held: Held,
    condition: Condition,
    skip: Skip,
}

/// The enabled rules, by event.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// By event and direction, in the order of [`Direction`].
    by_event: [[Asked; 3]; NetworkEvent::ALL.len()],
    sieve: Sieve,
    /// Every rule is asked about everything.
    thorough: bool,
    settings: NetworkSettings,
    /// Some rule reads what connections carry in the clear, or plaintext of TLS libraries.
    plain: bool,
    by_tls: bool,
    request_body: bool,
    response_body: bool,
    appetites: Appetites,
}

impl Rules {
    pub fn set(&mut self, settings: &NetworkSettings) {
        self.settings = settings.clone();
    }

    pub fn push(
        &mut self,
        id: RuleId,
        spec: &NetworkRule,
        (event, directions): (NetworkEvent, Directions),
        mut condition: Condition,
        skip: Skip,
    ) {
        let number = self.rules.len() as u32;
        self.also_reads(condition.fields());
        self.appetites.rule(event, directions, &condition);
        let carried = matches!(
            event,
            NetworkEvent::Payload | NetworkEvent::Request | NetworkEvent::Response | NetworkEvent::Desynchronised
        );
        self.plain |= carried && spec.protocol != NetworkProtocol::Https;
        self.by_tls |= carried;
        condition.sift(&mut |needles| self.sieve.insert(needles));
        for direction in [Direction::Incoming, Direction::Outgoing, Direction::Unknown] {
            if directions.contain(direction) {
                self.by_event[event as usize][direction as usize].insert(number, condition.when.as_ref());
            }
        }
        self.rules.push(Rule {
            id,
            tls_only: spec.protocol == NetworkProtocol::Https,
            severity: spec.severity,
            points: spec.common.points.unwrap_or(spec.severity.points()),
            held: Held::of(spec),
            condition,
            skip,
        });
    }

    /// Takes note of what an enabled rule's message shows.
    pub fn shows<'f>(&mut self, fields: impl Iterator<Item = &'f Field>) {
        let fields: Vec<&Field> = fields.collect();
        if fields.iter().any(|field| field.on == Kinds::PAYLOAD) {
            self.appetites.quotes();
        }
        self.also_reads(fields.into_iter());
    }

    fn also_reads<'f>(&mut self, fields: impl Iterator<Item = &'f Field>) {
        for field in fields {
            // A form's arguments are in the body.
            self.request_body |= matches!(
                field.name,
                "http.body" | "http.args" | "http.trailer" | "http.is_truncated"
            );
            self.response_body |= matches!(
                field.name,
                "http.response.body" | "http.response.trailer" | "http.is_truncated"
            );
        }
        self.request_body |= self.settings.excerpts;
        self.response_body |= self.settings.excerpts;
    }

    pub fn needs(&self) -> Needs {
        let some = |event: NetworkEvent| self.by_event[event as usize].iter().any(|index| !index.is_empty());
        Needs {
            payload: some(NetworkEvent::Payload),
            http: [
                NetworkEvent::Request,
                NetworkEvent::Response,
                NetworkEvent::Desynchronised,
            ]
            .into_iter()
            .any(some),
            request_body: self.request_body,
            response_body: self.response_body,
        }
    }

    /// All rules are there.
    pub fn finish(&mut self) {
        self.sieve.finish();
    }

    /// What the rules' checks look for.
    pub fn sieve(&self) -> &Sieve {
        &self.sieve
    }

    /// Every check is evaluated from now on.
    pub fn unsift(&mut self) {
        self.sieve = Sieve::default();
        self.thorough = true;
    }

    /// What the kernel has to tell; None when no rule is enabled.
    pub fn interest(&self) -> Option<NetworkInterest> {
        if self.rules.is_empty() {
            return None;
        }
        let needs = self.needs();
        Some(NetworkInterest {
            flows: true,
            payload: self.plain,
            https: self.settings.https && self.by_tls,
            only: self.settings.processes.clone(),
            request_budget: budget(needs.request_body || needs.payload, self.settings.request_bytes),
            response_budget: budget(needs.response_body || needs.payload, self.settings.response_bytes),
            sides: self.appetites.sides(needs, &self.settings),
            foreign_bytes: PAYLOAD as u32,
        })
    }

    pub fn evaluate(&self, context: &Context<'_>, candidates: &mut Vec<u32>, found: &mut Found<'_>) {
        let (Some(event), Some(connection)) = (event(&context.event.body), context.connection()) else {
            return;
        };
        self.by_event[event as usize][connection.direction as usize].candidates(context, candidates);
        for rule in candidates.iter().map(|number| &self.rules[*number as usize]) {
            if connection.tls || !rule.tls_only {
                rule.evaluate(context, found);
                found.lap(rule.id);
            }
        }
    }
}

/// A body that no rule reads is not copied: what is left is room for a large head.
fn budget(read: bool, most: u32) -> u32 {
    if read { most } else { most.min(HEAD) }
}

impl Directions {
    fn contain(self, direction: Direction) -> bool {
        match direction {
            Direction::Incoming => self.incoming,
            Direction::Outgoing => self.outgoing,
            Direction::Unknown => self.unknown,
        }
    }
}

impl Rule {
    fn evaluate(&self, context: &Context<'_>, found: &mut Found<'_>) {
        if !self.condition.holds(context) {
            return;
        }
        if self.skip.process(context) {
            found.skipped.push(self.id);
            return;
        }
        let refused = context.errno() != 0;
        found.findings.push(Finding {
            rule: self.id,
            severity: self.severity,
            points: self.points,
            result: if refused {
                ActionResult::Failure
            } else {
                ActionResult::Success
            },
            event: name_of(&context.event.body),
            object: object(context),
            held: self.held,
        });
    }
}

/// What rules are asked about an event; None for what nobody can be asked about.
fn event(body: &Body) -> Option<NetworkEvent> {
    match body {
        Body::Flow(flow) => match flow.change {
            FlowChange::Opening => Some(NetworkEvent::Open),
            FlowChange::Established => Some(NetworkEvent::Established),
            FlowChange::Refused(_) | FlowChange::RefusedUnseen => Some(NetworkEvent::Refused),
            FlowChange::Closed | FlowChange::ClosedUnseen => Some(NetworkEvent::Close),
            FlowChange::Listening => Some(NetworkEvent::Listen),
            FlowChange::Existing | FlowChange::Taken => None,
        },
        Body::Traffic(traffic) => Some(match traffic.told {
            Told::Payload(_) => NetworkEvent::Payload,
            Told::Request(_) => NetworkEvent::Request,
            Told::Response(..) => NetworkEvent::Response,
            Told::Desynchronised(..) => NetworkEvent::Desynchronised,
        }),
        _ => None,
    }
}

/// What of several matches makes them the same: the server that was connected to, the client that connected, the listening port, what was
/// asked for.
fn object(context: &Context<'_>) -> Bytes {
    if let Some(request) = context.traffic().and_then(|traffic| traffic.request()) {
        let path = request.path();
        return Bytes::from(&path[..path.len().min(MAX_OBJECT)]);
    }
    let Some(connection) = context.connection() else {
        return Bytes::default();
    };
    let text = match (connection.endpoints, connection.direction) {
        (None, _) => "unknown peer".to_owned(),
        (Some(ends), _) if ends.remote.port() == 0 => ends.local.to_string(),
        (Some(ends), Direction::Outgoing) => ends.remote.to_string(),
        // The client's port is another one each time.
        (Some(ends), _) => ends.remote.ip().to_string(),
    };
    Bytes::from(&text.as_bytes()[..text.len().min(MAX_OBJECT)])
}
