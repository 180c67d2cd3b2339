//! How urgent an alert is.

use std::fmt;

/// The three severities of the Prometheus mixin guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Somebody must act now.
    Critical,
    /// To be handled on the next working day.
    Warning,
    /// Context for other alerts.
    Info,
}

impl Severity {
    /// All severities, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Warning, Self::Info];

    /// The severity of a name.
    pub fn new(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|severity| severity.name() == name).ok_or_else(|| {
            let help = crate::suggest::did_you_mean(name, Self::ALL.map(Self::name));
            format!("unknown severity `{name}`, {help}")
        })
    }

    /// The name as it stands in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
