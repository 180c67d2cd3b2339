//! Credentials: read anew from their source when they end, when AWS refuses them, and every minute when nothing says
//! how long they last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_rds::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_rds::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rds::error::BoxError;
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

use aws_smithy_types::config_bag::{Storable, StoreReplace};

use super::Api;
use super::count::says;
use super::failure::Refused;
use crate::config::Account;

/// How long credentials without an end are kept: a file may be rewritten at any time.
const KEPT: Duration = Duration::from_mins(1);

/// How long the source may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Codes by which AWS says that it does not know the credentials, or not any more.
const UNKNOWN: [&str; 8] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidToken",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "AuthFailure",
    "RequestExpired",
];

/// The credentials that the clients of one account and region share.
#[derive(Debug, Clone)]
pub struct Access(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    cache: SharedIdentityCache,
    /// What the source gave last.
    last: Option<Credentials>,
    /// The access key that AWS refused last, and whether the source gave it again after that.
    refused: Option<String>,
    still_given: bool,
}

impl Default for Access {
    fn default() -> Self {
        let known = Known { cache: cache(), last: None, refused: None, still_given: false };
        Self(Arc::new(Mutex::new(known)))
    }
}

fn cache() -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(PATIENCE).build()
}

impl Access {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call reads the source, whatever is known.
    pub fn renew(&self) {
        self.known().cache = cache();
    }

    /// Notes that AWS refuses an access key: the source has to be asked for another.
    fn refuse(&self, key: &str) {
        let mut known = self.known();
        if known.refused.as_deref() != Some(key) {
            known.refused = Some(key.to_owned());
            known.still_given = false;
            known.cache = cache();
        }
    }

    /// Whether there may be other credentials than those that were refused. Those that the source gives again are left to
    /// their time.
    fn may_have_others(&self) -> bool {
        !self.known().still_given
    }

    /// Takes what the source gives: with an end, so that the source is asked again.
    fn take(&self, given: provider::Result) -> provider::Result {
        let mut known = self.known();
        let soon = SystemTime::now() + KEPT;
        let refused = known.refused.clone();
        let is_refused = |credentials: &Credentials| refused.as_deref() == Some(credentials.access_key_id());
        match given {
            Ok(mut credentials) => {
                known.last = Some(credentials.clone());
                if is_refused(&credentials) {
                    known.still_given = true;
                    *credentials.expiry_mut() = Some(soon);
                }
                credentials.expiry_mut().get_or_insert(soon);
                Ok(credentials)
            }
            Err(error) => {
                // Half a file, for example: what was good a minute ago still is, unless AWS says otherwise.
                let good = |last: &Credentials| {
                    !is_refused(last) && last.expiry().is_none_or(|end| end > SystemTime::now())
                };
                let Some(mut last) = known.last.clone().filter(good) else { return Err(error) };
                let (code, error) = super::failure::explain(&error);
                tracing::warn!(code, error, "cannot read the credentials again; the last ones are used");
                let end = last.expiry_mut();
                *end = Some(end.map_or(soon, |end| end.min(soon)));
                Ok(last)
            }
        }
    }
}

impl ResolveCachedIdentity for Access {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        bag: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.known().cache.clone();
        IdentityFuture::new(async move { cache.resolve_cached_identity(resolver, components, bag).await })
    }
}

/// The access key that an attempt was signed with.
#[derive(Debug)]
struct Signer(String);

impl Storable for Signer {
    type Storer = StoreReplace<Self>;
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Access {
    fn name(&self) -> &'static str {
        "Credentials"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let header = context.request().headers().get("authorization");
        let key = header.and_then(|header| header.split_once("Credential=")?.1.split('/').next());
        if let Some(key) = key {
            bag.interceptor_state().store_put(Signer(key.to_owned()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(Err(error)), Some(Signer(key))) = (context.output_or_error(), bag.load::<Signer>())
            && says(error, &UNKNOWN)
        {
            self.refuse(key);
        }
        Ok(())
    }
}

/// A call that failed because AWS does not know the credentials goes out again with others, if there are any.
impl ClassifyRetry for Access {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if says(error, &UNKNOWN) && self.may_have_others() => {
                RetryAction::transient_error()
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Credentials"
    }
}

/// The same for a client that repeats calls for no other reason.
#[derive(Debug)]
pub(super) struct Unrepeated(pub(super) Access);

impl ClassifyRetry for Unrepeated {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match self.0.classify_retry(context) {
            RetryAction::NoActionIndicated if context.is_failed() => RetryAction::RetryForbidden,
            action => action,
        }
    }

    fn name(&self) -> &'static str {
        "Credentials alone"
    }

    // Later ones override earlier ones: this has the last word.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Where credentials come from. Nothing of it is kept: files, tokens and addresses are read each time.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) account: Account,
    /// Region of the STS that is asked.
    pub(super) region: Region,
    pub(super) access: Access,
}

impl Source {
    async fn read(&self) -> provider::Result {
        let loader = super::loader(&self.account).map_err(CredentialsError::invalid_configuration)?;
        let loader = loader.region(self.region.clone());
        // Only STS is asked with this configuration.
        let loader = match super::endpoint(&self.account, Api::Sts) {
            Some(endpoint) => loader.endpoint_url(endpoint),
            None => loader,
        };
        let sdk = loader.load().await;
        match &self.account.role_arn {
            None => match sdk.credentials_provider() {
                Some(provider) => provider.provide_credentials().await,
                None => Err(CredentialsError::not_loaded_no_source()),
            },
            Some(role) => {
                let given = self.assume(role, &sdk).await;
                given.map_err(|error| CredentialsError::provider_error(Refused::new(role, &error)))
            }
        }
    }

    async fn assume(&self, role: &str, sdk: &SdkConfig) -> provider::Result {
        let builder = AssumeRoleProvider::builder(role).configure(sdk);
        let builder = builder.session_name(&self.account.session_name);
        let builder = match &self.account.external_id {
            Some(id) => builder.external_id(id),
            None => builder,
        };
        builder.build().await.provide_credentials().await
    }
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.access.take(self.read().await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(key: &str) -> Credentials {
        Credentials::new(key, "secret", None, None, "test")
    }

    #[test]
    fn a_refused_key_is_asked_for_again_once() {
        let access = Access::default();
        access.take(Ok(credentials("A"))).unwrap();
        let refuse = |key| {
            access.refuse(key);
            access.may_have_others()
        };
        // Calls that were under way together.
        assert!(refuse("A") && refuse("A"));
        access.take(Ok(credentials("A"))).unwrap();
        assert!(!refuse("A"));
        access.take(Ok(credentials("B"))).unwrap();
        assert!(refuse("B"));
    }

    #[test]
    fn a_source_that_fails_leaves_what_was_good() {
        let access = Access::default();
        let fails = || Err(CredentialsError::not_loaded("half a file"));
        assert!(access.take(fails()).is_err());
        assert!(access.take(Ok(credentials("A"))).unwrap().expiry().is_some());
        assert_eq!(access.take(fails()).unwrap().access_key_id(), "A");
        access.refuse("A");
        assert!(access.take(fails()).is_err());
        let mut ended = credentials("B");
        *ended.expiry_mut() = Some(SystemTime::UNIX_EPOCH);
        access.take(Ok(ended)).unwrap();
        assert!(access.take(fails()).is_err());
    }
}
