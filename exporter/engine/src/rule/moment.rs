//! The moments that process rules are about.

use crate::{
    alert::ActionResult,
    event::{Body, ExitReason},
    field::Kinds,
    spec::{ProcessRule, ProcessRuleEvent, Severity},
};

/// What a process rule is asked about. An exec of a setuid program is two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Exec,
    ExecFailure,
    Escalation,
    EscalationFailure,
    Termination,
}

/// SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS: the program's own fault. SIGKILL and SIGTERM are somebody's wish.
const FAULTS: [u8; 7] = [4, 5, 6, 7, 8, 11, 31];

impl Moment {
    pub const ALL: [Moment; 5] = [
        Moment::Exec,
        Moment::ExecFailure,
        Moment::Escalation,
        Moment::EscalationFailure,
        Moment::Termination,
    ];

    /// The name of an alert's event.
    pub fn event_name(self) -> &'static str {
        match self {
            Moment::Exec | Moment::ExecFailure => "process.exec",
            Moment::Escalation | Moment::EscalationFailure => "process.escalation",
            Moment::Termination => "process.exit",
        }
    }

    /// A process that ended badly failed, although the kernel refused it nothing.
    pub fn result(self) -> ActionResult {
        match self {
            Moment::Exec | Moment::Escalation => ActionResult::Success,
            Moment::ExecFailure | Moment::EscalationFailure | Moment::Termination => ActionResult::Failure,
        }
    }

    fn event(self) -> ProcessRuleEvent {
        match self {
            Moment::Exec | Moment::ExecFailure => ProcessRuleEvent::BinExecution,
            Moment::Escalation | Moment::EscalationFailure => ProcessRuleEvent::RootEscalation,
            Moment::Termination => ProcessRuleEvent::TerminationFailure,
        }
    }

    /// The events in which it happens.
    pub fn kinds(self) -> Kinds {
        match self {
            Moment::Exec => Kinds::EXEC,
            Moment::ExecFailure => Kinds::EXEC_FAILURE,
            Moment::Escalation => Kinds::EXEC.or(Kinds::CREDENTIALS),
            Moment::EscalationFailure => Kinds::CREDENTIALS,
            Moment::Termination => Kinds::EXIT,
        }
    }

    /// How bad `rule` calls it; None when the rule is not about it. Nobody refuses an end, so a rule about those may give its
    /// severity under either name; `failure_severity` goes first.
    pub fn severity(self, rule: &ProcessRule) -> Option<Severity> {
        if self.event() != rule.event {
            return None;
        }
        match self {
            Moment::Exec | Moment::Escalation => rule.success_severity,
            Moment::ExecFailure | Moment::EscalationFailure => rule.failure_severity,
            Moment::Termination => rule.failure_severity.or(rule.success_severity),
        }
    }
}

/// The moments in an event of the process sensor.
pub(super) fn of(body: &Body) -> impl Iterator<Item = Moment> {
    let (first, second) = match body {
        Body::Exec(exec) => {
            let escalated = exec.before.euid != 0 && exec.snapshot.credentials.euid == 0;
            (Some(Moment::Exec), escalated.then_some(Moment::Escalation))
        }
        Body::ExecFailure(_) => (Some(Moment::ExecFailure), None),
        Body::Credentials(change) if change.errno != 0 => (Some(Moment::EscalationFailure), None),
        Body::Credentials(change) => {
            let escalated = change.before.euid != 0 && change.after.euid == 0;
            (escalated.then_some(Moment::Escalation), None)
        }
        Body::Exit(exit) => (is_failure(exit.reason).then_some(Moment::Termination), None),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

fn is_failure(reason: ExitReason) -> bool {
    match reason {
        ExitReason::Code(code) => code != 0,
        ExitReason::Signal { number, .. } => FAULTS.contains(&number),
    }
}
