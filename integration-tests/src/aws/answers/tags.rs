//! `GetResources` of the tagging API: what has tags, and the tags.

use indexmap::IndexMap;
use serde::Deserialize;

use super::World;
use super::instances::tags;
use crate::aws::wire::{Call, Fields, Refusal, Value, list, slice};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(default)]
    tag_filters: Vec<TagFilter>,
    #[serde(default)]
    resource_type_filters: Vec<String>,
    #[serde(rename = "ResourceARNList", default)]
    arns: Vec<String>,
    resources_per_page: Option<i64>,
    pagination_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagFilter {
    key: String,
    #[serde(default)]
    values: Vec<String>,
}

impl TagFilter {
    /// No values mean any value.
    fn fits(&self, tags: &IndexMap<String, String>) -> bool {
        tags.get(&self.key).is_some_and(|value| self.values.is_empty() || self.values.contains(value))
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterException", message)
}

/// Resources per page when the caller says nothing; the documentation names only the limits.
const PAGE: i64 = 50;

/// Answers the call.
pub(crate) fn get(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let input: Input = call.tree()?;
    input.check()?;
    let (account, region) = (world.account, world.region);
    let clusters = account.clusters_in(region).into_iter().map(|one| ("cluster", &one.identifier, &one.tags));
    let instances = account.instances_in(region).into_iter().map(|one| ("db", &one.identifier, &one.tags));
    let mut found: Vec<_> = clusters.chain(instances).collect();
    found.retain(|(kind, name, tags)| {
        let arn = || account.arn(region, kind, name);
        let types = &input.resource_type_filters;
        !tags.is_empty()
            && (types.is_empty() || types.iter().any(|one| one == "rds" || *one == format!("rds:{kind}")))
            && (input.arns.is_empty() || input.arns.contains(&arn()))
            && input.tag_filters.iter().all(|filter| filter.fits(tags))
    });
    let size = usize::try_from(input.resources_per_page.unwrap_or(PAGE)).unwrap_or_default();
    let token = input.pagination_token.as_deref().filter(|token| !token.is_empty());
    let (page, token) = slice(found, size, token, &call.action).ok_or_else(|| {
        Refusal::new(400, "PaginationTokenExpiredException", "The pagination token is not valid any more.")
    })?;
    let page = page.into_iter().map(|(kind, name, own)| {
        Fields::new().with("ResourceARN", account.arn(region, kind, name)).with("Tags", tags(own))
    });
    // An empty token, not a missing one, ends the pages.
    let token = token.unwrap_or_default();
    Ok(Fields::new()
        .with("PaginationToken", token)
        .with("ResourceTagMappingList", list("member", page))
        .into())
}

impl Input {
    fn check(&self) -> Result<(), Refusal> {
        if self.tag_filters.len() > 50 {
            return Err(invalid("TagFilters must have at most 50 keys"));
        }
        if self.tag_filters.iter().any(|filter| filter.values.len() > 20) {
            return Err(invalid("a tag filter must have at most 20 values"));
        }
        if self.arns.len() > 100 {
            return Err(invalid("ResourceARNList must have at most 100 ARNs"));
        }
        let filtered = !self.tag_filters.is_empty() || !self.resource_type_filters.is_empty();
        if !self.arns.is_empty() && (filtered || self.resources_per_page.is_some()) {
            return Err(invalid("ResourceARNList excludes every other parameter"));
        }
        let valid = |one: &String| {
            let mut parts = one.split(':');
            parts.by_ref().take(2).all(|part| {
                !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-./".contains(&byte))
            }) && parts.next().is_none()
        };
        if let Some(wrong) = self.resource_type_filters.iter().find(|one| !valid(one)) {
            return Err(invalid(format!("resource type {wrong} is not of the form service[:resource]")));
        }
        match self.resources_per_page {
            Some(size) if !(1..=100).contains(&size) => {
                Err(invalid("ResourcesPerPage must be between 1 and 100"))
            }
            _ => Ok(()),
        }
    }
}
