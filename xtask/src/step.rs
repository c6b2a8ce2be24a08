//! The result of one step of CI, for the steps and for the command that runs them.

/// The end of a step that didn't fail.
pub(crate) enum Outcome {
    Passed,
    /// It can't be run here, for this reason.
    NotRun(String),
}
