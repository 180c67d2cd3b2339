//! Failures that do not pass by themselves: asking again soon only costs calls.

use super::Failure;

/// How long a failure lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It may be gone in a minute.
    No,
    /// Somebody has to allow it.
    Denied,
    /// There is nothing to ask here: the region or the partition has no such thing, or a policy forbids it for good.
    Absent,
}

/// Codes that say that an operation or a thing is not there.
const ABSENT: [&str; 5] = [
    "NoSuchResourceException",
    "UnknownOperationException",
    "InvalidAction",
    "UnsupportedOperation",
    "UnknownEndpoint",
];

/// Codes of a policy that does not allow a call.
const DENIED: [&str; 5] =
    ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "OptInRequired"];

impl Failure {
    /// How long it lasts. IAM User Guide, "Access denied error messages": an explicit deny is one that no other policy
    /// can lift.
    pub fn lasting(&self) -> Lasting {
        let code = self.code.as_str();
        if ABSENT.contains(&code) {
            return Lasting::Absent;
        }
        // A role that cannot be assumed says nothing of the operation.
        match self.is_answer && DENIED.contains(&code) {
            true if self.message.contains("explicit deny") => Lasting::Absent,
            true => Lasting::Denied,
            false => Lasting::No,
        }
    }

    /// Whether the name of the endpoint does not exist.
    pub fn is_unresolved(&self) -> bool {
        self.code == "dns"
    }

    /// Whether there were too many requests.
    pub fn is_throttle(&self) -> bool {
        super::count::THROTTLES.contains(&self.code.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_from_what_passes() {
        let failure = |code: &str, message: &str, is_answer| {
            Failure { operation: "X", code: code.to_owned(), message: message.to_owned(), is_answer }
                .lasting()
        };
        let of = |code: &str, message: &str| failure(code, message, true);
        assert_eq!(of("NoSuchResourceException", ""), Lasting::Absent);
        assert_eq!(of("InvalidAction", ""), Lasting::Absent);
        let implicit = "is not authorized to perform: X because no identity-based policy allows the X action";
        assert_eq!(of("AccessDenied", implicit), Lasting::Denied);
        let explicit = "is not authorized to perform: X with an explicit deny in a service control policy";
        assert_eq!(of("AccessDeniedException", explicit), Lasting::Absent);
        for message in [implicit, explicit] {
            assert_eq!(
                failure("AccessDenied", message, false),
                Lasting::No,
                "a role cannot be assumed: {message}"
            );
        }
        for code in ["Throttling", "ExpiredToken", "timeout", "network", "InternalError"] {
            assert_eq!(of(code, explicit), Lasting::No, "{code}");
        }
    }
}
