//! `skip_paths` and `skip_commands`: programs that may.

use crate::{
    event::{Bytes, Value},
    field::{Context, Proc},
    paths::PathMap,
};

/// Programs that a rule does not apply to, by their executables as the kernel resolved them; one that is known only in part is not
/// enough to be let off.
#[derive(Debug, Clone, Default)]
pub(super) struct Skip {
    pub paths: PathMap<()>,
    /// Base names, sorted.
    pub commands: Vec<Box<[u8]>>,
}

impl Skip {
    /// Whether the process itself may.
    pub fn process(&self, context: &Context<'_>) -> bool {
        !self.is_empty() && context.process().is_some_and(|proc| self.lets(proc))
    }

    /// Whether the process or one of its ancestors may.
    pub fn lineage(&self, context: &Context<'_>) -> bool {
        !self.is_empty() && (self.process(context) || context.ancestors().any(|proc| self.lets(proc)))
    }

    fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.commands.is_empty()
    }

    fn lets(&self, proc: Proc<'_>) -> bool {
        let Value::Known(path) = &proc.snapshot.executable else {
            return false;
        };
        self.paths.covers(path)
            || self
                .commands
                .binary_search_by(|command| (**command).cmp(base_name(path)))
                .is_ok()
    }
}

fn base_name(path: &Bytes) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
