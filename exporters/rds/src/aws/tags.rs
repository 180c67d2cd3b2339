//! Resource Groups Tagging: which databases carry the wanted tags.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::types as sdk;

use super::{Api, Aws, Failure};

impl Aws {
    /// Identifiers of the resources of a kind (`rds:db`, `rds:cluster`) that have one of the values for each key.
    pub async fn tagged(
        &self,
        kind: &str,
        wanted: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<String>, Failure> {
        let filter = |(key, values): (&String, &Vec<String>)| {
            sdk::TagFilter::builder().key(key).set_values(Some(values.clone())).build()
        };
        let request = self.tags.get_resources().resource_type_filters(kind);
        let request = request.set_tag_filters(Some(wanted.iter().map(filter).collect()));
        let mut found = Vec::new();
        super::rds::pages!(self, Api::Tag, "GetResources", request, |page| {
            // Nothing is selected when AWS says so, not when it says nothing.
            let lacks = || Failure::lacks("GetResources", "ResourceTagMappingList");
            for resource in page.resource_tag_mapping_list.ok_or_else(lacks)? {
                let id = resource.resource_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
                found.extend(id.map(str::to_owned));
            }
        });
        Ok(found)
    }
}
