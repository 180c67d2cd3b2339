//! The parameters of the Query protocol: `Filters.Filter.1.Name=engine`.

use std::collections::BTreeMap;

use super::{Refusal, Service};

/// The fields of a form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

/// A filter of a list.
#[derive(Debug)]
pub(crate) struct Filter {
    /// Name.
    pub(crate) name: String,
    /// Values, any of which may fit.
    pub(crate) values: Vec<String>,
}

impl Form {
    /// Reads a form body.
    pub(crate) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Leaves out a field.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// A field that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| {
            Refusal::new(400, "MissingParameter", format!("The request must contain the parameter {name}"))
        })
    }

    /// A whole number.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let number = self.text(name).map(str::parse).transpose();
        number.map_err(|_| Refusal::new(400, "MalformedInput", format!("{name} is not a number")))
    }

    /// A flag.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// A list: `<prefix>.1`, `<prefix>.2`, …
    pub(crate) fn list(&self, prefix: &str) -> Vec<String> {
        let items = (1..).map_while(|at| self.0.get(&format!("{prefix}.{at}")).cloned());
        items.collect()
    }

    /// The filters; `known` are the names that the operation supports.
    pub(crate) fn filters(&self, service: Service, known: &[&str]) -> Result<Vec<Filter>, Refusal> {
        let (prefix, values) = match service {
            Service::Ec2 => ("Filter", "Value"),
            _ => ("Filters.Filter", "Values.Value"),
        };
        let mut filters = Vec::new();
        for at in 1.. {
            let Some(name) = self.text(&format!("{prefix}.{at}.Name")) else { break };
            let values = self.list(&format!("{prefix}.{at}.{values}"));
            if !known.contains(&name) {
                let message = match service {
                    Service::Ec2 => format!("The filter '{name}' is invalid"),
                    _ => format!("Unrecognized filter name: {name}"),
                };
                return Err(Refusal::new(400, "InvalidParameterValue", message));
            }
            if values.is_empty() {
                let message = format!("Filter {name} must have at least one value.");
                return Err(Refusal::new(400, "InvalidParameterCombination", message));
            }
            filters.push(Filter { name: name.to_owned(), values });
        }
        Ok(filters)
    }
}

impl Filter {
    /// Whether one of the values is this name, or an ARN that ends with it; case does not count.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.values.iter().any(|value| same_name(value, name))
    }
}

/// Whether a parameter, a name or an ARN, means this resource.
pub(crate) fn same_name(given: &str, name: &str) -> bool {
    let given = if given.starts_with("arn:") { given.rsplit(':').next().unwrap_or(given) } else { given };
    given.eq_ignore_ascii_case(name)
}
