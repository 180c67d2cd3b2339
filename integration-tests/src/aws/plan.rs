//! Who calls, and what is to go wrong with the answer.

use std::time::Duration;

use super::answers::{Caller, Sessions};
use super::fault::Fault;
use super::server::{Shared, State, lock};
use super::state::Account;
use super::wire::{Call, Refusal, Scope, Service};

/// What is to happen with a call.
#[derive(Default)]
pub(crate) struct Plan {
    /// Account of the caller; empty when there is none.
    pub(crate) account: String,
    /// Who calls.
    pub(crate) caller: Option<Caller>,
    /// How long the answer waits.
    pub(crate) delay: Duration,
    /// A refusal that is certain before the operation runs.
    pub(crate) refusal: Option<Refusal>,
    /// What happens to the answer or the connection.
    pub(crate) end: Option<Fault>,
    /// Fields to leave out, and of which instance.
    pub(crate) drops: Vec<(String, Option<String>)>,
    /// Whether all fields are left out.
    pub(crate) empty: bool,
    /// Status of single results, and of which instance.
    pub(crate) results: Vec<(String, Option<String>)>,
    /// Fields that are very long.
    pub(crate) long: Vec<String>,
    /// Whether there is always a next page.
    pub(crate) endless: bool,
}

/// Finds out who calls and what goes wrong.
pub(crate) fn prepare(shared: &Shared, call: &Call, scope: Option<&Scope>) -> Plan {
    let State { account: root, sessions, .. } = &mut *lock(&shared.state);
    let mut plan = Plan::default();
    match caller(call, scope, root, sessions) {
        Ok(caller) => {
            plan.account.clone_from(&caller.account);
            plan.caller = Some(caller);
        }
        Err(refusal) => plan.refusal = Some(refusal),
    }
    let mut rules = std::mem::take(&mut root.faults);
    for rule in &mut rules {
        // One fault decides how a call ends; the others keep their times.
        let decided = plan.end.is_some() || plan.refusal.is_some();
        let mild = matches!(
            rule.fault,
            Fault::Delay(_)
                | Fault::Drop(_)
                | Fault::Empty
                | Fault::Result(_)
                | Fault::Long(_)
                | Fault::Endless
        );
        if (decided && !mild) || !rule.takes(call, &plan.account) {
            continue;
        }
        let caller = plan.caller.as_ref().map_or("", |caller| &caller.arn);
        match &rule.fault {
            Fault::Delay(span) => plan.delay += *span,
            Fault::Drop(field) => plan.drops.push((field.clone(), rule.instance.clone())),
            Fault::Empty => plan.empty = true,
            Fault::Result(status) => plan.results.push((status.clone(), rule.instance.clone())),
            Fault::Long(field) => plan.long.push(field.clone()),
            Fault::Endless => plan.endless = true,
            Fault::Throttle => plan.refusal = Some(Refusal::throttled(call)),
            Fault::Expired => plan.refusal = Some(Refusal::expired(call)),
            Fault::Deny => {
                let account = &plan.account;
                let resource = match call.form().text("DBInstanceIdentifier") {
                    Some(name) => format!("arn:aws:rds:{}:{account}:db:{name}", call.region),
                    None if call.service == Service::Rds => {
                        format!("arn:aws:rds:{}:{account}:db:*", call.region)
                    }
                    None => "*".to_owned(),
                };
                plan.refusal = Some(Refusal::denied(call, caller, &resource));
            }
            Fault::Error { code, status } => {
                plan.refusal = Some(Refusal::new(*status, code.clone(), "This error was asked for."));
            }
            end => plan.end = Some(end.clone()),
        }
    }
    root.faults = rules;
    plan
}

fn caller(
    call: &Call,
    scope: Option<&Scope>,
    root: &Account,
    sessions: &Sessions,
) -> Result<Caller, Refusal> {
    if let Some(caller) = sessions.web_identity(call, root) {
        return caller;
    }
    let scope = scope.ok_or_else(|| Refusal::anonymous(call))?;
    if scope.service != call.service.signing() {
        return Err(Refusal::wrong_scope(call));
    }
    let caller = sessions.caller(call, scope, root)?;
    let enabled = account(root, &caller.account).regions.contains(&call.region);
    // The global endpoint of STS is signed for a region that need not be enabled.
    if enabled || call.service == Service::Sts { Ok(caller) } else { Err(Refusal::unknown_caller(call)) }
}

/// The account with this number; the outermost when there is none.
pub(crate) fn account<'a>(root: &'a Account, id: &str) -> &'a Account {
    root.accounts.iter().find(|one| one.id == id).unwrap_or(root)
}
