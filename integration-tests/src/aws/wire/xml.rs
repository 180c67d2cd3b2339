//! Values as XML, the way the Query protocols write them.

use super::{Protocol, Refusal, Service, Value};

/// A successful answer.
pub(crate) fn answer(protocol: Protocol, service: Service, action: &str, value: &Value, id: &str) -> String {
    let mut text = format!("<{action}Response xmlns=\"{}\">", service.namespace());
    if protocol == Protocol::Ec2Query {
        text.push_str(&format!("<requestId>{id}</requestId>"));
        write(&mut text, value);
    } else {
        element(&mut text, &format!("{action}Result"), value);
        text.push_str(&format!("<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>"));
    }
    text.push_str(&format!("</{action}Response>"));
    text
}

/// A refusal.
pub(crate) fn refusal(protocol: Protocol, service: Service, refusal: &Refusal, id: &str) -> String {
    let (code, message) = (escape(&refusal.code), escape(&refusal.message));
    if protocol == Protocol::Ec2Query {
        return format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
             <Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>"
        );
    }
    let (kind, namespace) = (refusal.kind(), service.namespace());
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{kind}</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
    )
}

fn element(text: &mut String, name: &str, value: &Value) {
    text.push('<');
    text.push_str(name);
    text.push('>');
    write(text, value);
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Text(content) => text.push_str(&escape(content)),
        Value::Whole(number) => text.push_str(&number.to_string()),
        Value::Real(number) => text.push_str(&number.to_string()),
        Value::Flag(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Time(moment) => text.push_str(&moment.to_string()),
        Value::List(name, items) => items.iter().for_each(|item| element(text, name, item)),
        Value::Map(fields) => fields.iter().for_each(|(name, value)| element(text, name, value)),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // A carriage return that is not escaped would be read as a line feed.
            '\r' => escaped.push_str("&#xD;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::wire::{Fields, list};

    #[test]
    fn lists_name_their_items_and_text_is_escaped() {
        let tags = list("Tag", [Fields::new().with("Key", "a<b").with("Value", "x & y")]);
        let text =
            answer(Protocol::Query, Service::Rds, "Foo", &Fields::new().with("TagList", tags).into(), "1");
        let inside =
            "<FooResult><TagList><Tag><Key>a&lt;b</Key><Value>x &amp; y</Value></Tag></TagList></FooResult>";
        assert!(text.contains(inside), "{text}");
    }
}
