//! STS: who calls, and roles that lead to other accounts.

use std::collections::HashMap;
use std::time::Duration;

use super::names::token;
use crate::aws::state::{Account, Moment};
use crate::aws::wire::{Call, Fields, Refusal, Scope, Service, Value};

/// Temporary credentials that were handed out.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    given: HashMap<String, Session>,
    /// Access keys that are not known any more, with the code of the answer.
    revoked: HashMap<String, String>,
}

#[derive(Debug)]
struct Session {
    account: String,
    token: String,
    role: String,
    name: String,
    expires: Moment,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Account.
    pub(crate) account: String,
    /// ARN of the user or of the session.
    pub(crate) arn: String,
    /// Unique id.
    id: String,
}

impl Sessions {
    /// The caller behind a scope. Every account has long-lived keys, `AKIA<account>MOCK` and whatever follows.
    pub(crate) fn caller(&self, call: &Call, scope: &Scope, root: &Account) -> Result<Caller, Refusal> {
        if let Some(code) = self.revoked.get(&scope.key) {
            return Err(Refusal::new(403, code, "The security token included in the request is invalid."));
        }
        let account = scope.key.strip_prefix("AKIA").and_then(|rest| rest.split_once("MOCK"));
        if let Some((account, _)) = account {
            let known = root.id == account || root.accounts.iter().any(|one| one.id == account);
            let caller = Caller {
                account: account.to_owned(),
                arn: format!("arn:aws:iam::{account}:user/monitoring"),
                id: format!("AIDA{}", token(account, 17)),
            };
            return known.then_some(caller).ok_or_else(|| Refusal::unknown_caller(call));
        }
        let session = self.given.get(&scope.key).ok_or_else(|| Refusal::unknown_caller(call))?;
        if scope.token.as_deref() != Some(&*session.token) {
            return Err(Refusal::unknown_caller(call));
        }
        if session.expires <= Moment::now() {
            return Err(Refusal::expired(call));
        }
        Ok(session.caller())
    }

    /// All credentials handed out so far are worth nothing from now on.
    pub(crate) fn expire(&mut self) {
        self.given.values_mut().for_each(|session| session.expires = Moment::now());
    }

    /// An access key is not known any more.
    pub(crate) fn revoke(&mut self, key: &str, code: &str) {
        self.revoked.insert(key.to_owned(), code.to_owned());
    }

    /// Who calls without a signature, but with the token of another identity provider. A key of this AWS stands for it.
    pub(crate) fn web_identity(&self, call: &Call, root: &Account) -> Option<Result<Caller, Refusal>> {
        let is_it = call.service == Service::Sts && call.action == "AssumeRoleWithWebIdentity";
        let key = call.form().text("WebIdentityToken").map(str::to_owned).filter(|_| is_it)?;
        let scope = Scope { key, token: None, region: call.region.clone(), service: "sts".to_owned() };
        Some(self.caller(call, &scope, root))
    }

    /// Answers a call of STS.
    pub(crate) fn answer(&mut self, call: &Call, caller: &Caller, root: &Account) -> Result<Value, Refusal> {
        match call.action.as_str() {
            "GetCallerIdentity" => Ok(Fields::new()
                .with("UserId", &caller.id)
                .with("Account", &caller.account)
                .with("Arn", &caller.arn)
                .into()),
            "AssumeRole" | "AssumeRoleWithWebIdentity" => self.assume(call, caller, root),
            _ => Err(Refusal::unknown_action(call)),
        }
    }

    fn assume(&mut self, call: &Call, caller: &Caller, root: &Account) -> Result<Value, Refusal> {
        let form = call.form();
        let (arn, name) = (form.need("RoleArn")?, form.need("RoleSessionName")?);
        let valid = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if !(2..=64).contains(&name.len()) || !name.chars().all(valid) {
            return Err(invalid(
                "roleSessionName",
                "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
            ));
        }
        let seconds = form.whole("DurationSeconds")?.unwrap_or(3_600);
        if !(900..=43_200).contains(&seconds) {
            return Err(invalid("durationSeconds", "Member must have value between 900 and 43200"));
        }
        let role = root.roles.iter().find(|role| {
            let (_, rest) = arn.split_once(":iam::").unwrap_or_default();
            rest == format!("{}:role/{}", role.account, role.name)
        });
        let trusts = |asked: &Option<String>| asked.is_none() || asked.as_deref() == form.text("ExternalId");
        let Some(role) = role.filter(|role| trusts(&role.external_id)) else {
            let message = format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                caller.arn
            );
            return Err(Refusal::new(403, "AccessDenied", message));
        };
        let count = self.given.len();
        let key = format!("ASIA{}", token(&format!("{arn} {count}"), 16));
        let session = Session {
            account: role.account.clone(),
            token: token(&format!("{key} {name}"), 200),
            role: role.name.clone(),
            name: name.to_owned(),
            expires: Moment::now().plus(Duration::from_secs(seconds.unsigned_abs())),
        };
        let assumed = session.caller();
        let credentials = Fields::new()
            .with("AccessKeyId", &key)
            .with("SecretAccessKey", token(&key, 40))
            .with("SessionToken", &session.token)
            .with("Expiration", session.expires);
        self.given.insert(key, session);
        let user = Fields::new().with("AssumedRoleId", assumed.id).with("Arn", assumed.arn);
        Ok(Fields::new().with("Credentials", credentials).with("AssumedRoleUser", user).into())
    }
}

impl Session {
    fn caller(&self) -> Caller {
        let Self { account, role, name, .. } = self;
        Caller {
            account: account.clone(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
            id: format!("AROA{}:{name}", token(&format!("{account} {role}"), 17)),
        }
    }
}

fn invalid(field: &str, constraint: &str) -> Refusal {
    let message =
        format!("1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}");
    Refusal::new(400, "ValidationError", message)
}
