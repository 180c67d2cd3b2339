//! Pictures are put into the page, so they may hold drawing and nothing that acts, loads or styles.

use std::ops::Range;

const ELEMENTS: [&str; 19] = [
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "title",
    "desc",
    "defs",
    "marker",
    "pattern",
    "lineargradient",
    "stop",
    "clippath",
];

/// Attributes that take an address or code. All others can only draw.
fn is_refused(name: &str, value: &str) -> bool {
    let name = name.to_lowercase();
    let value: String = value.to_lowercase().split_whitespace().collect();
    let leads_out = value.contains("url(") && !value.contains("url(#") || value.contains("javascript:");
    name.starts_with("on")
        || matches!(&*name, "style" | "href" | "xlink:href" | "src" | "from" | "to" | "values" | "begin")
        || name.starts_with("xml:")
        || (name.starts_with("xmlns") && value != "http://www.w3.org/2000/svg")
        || leads_out
}

/// What a picture holds that does not belong into a page, and where; nothing when it is a plain drawing.
pub fn trouble(svg: &str) -> Option<(Range<usize>, String)> {
    let start = svg.find("<svg")?;
    if let Some(at) = svg[..start].find("<!").filter(|at| !svg[*at..].starts_with("<!--")) {
        return Some((at..at + 2, "a document type is no drawing".to_owned()));
    }
    let mut at = start;
    while let Some(found) = svg[at..].find('<') {
        let open = at + found;
        let rest = &svg[open..];
        if rest.starts_with("<!--") {
            let Some(end) = rest.find("-->") else {
                return Some((open..open + 4, "the comment does not end".to_owned()));
            };
            at = open + end + 3;
            continue;
        }
        let Some((end, tag)) = tag(rest) else {
            return Some((open..open + 1, "the tag is not written as XML".to_owned()));
        };
        let range = open..open + end;
        if !ELEMENTS.contains(&&*tag.name.to_lowercase()) {
            return Some((range, format!("`<{}>` is no drawing", tag.name.escape_debug())));
        }
        if let Some((name, _)) = tag.attributes.iter().find(|(name, value)| is_refused(name, value)) {
            return Some((range, format!("attribute `{}` does more than draw", name.escape_debug())));
        }
        at = range.end;
    }
    None
}

struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

/// A tag at the start of a text, and where it ends. Strict: quoted values without `<` and without entities, since an
/// entity can hide a word.
fn tag(text: &str) -> Option<(usize, Tag<'_>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
    let mut rest = text.strip_prefix('<')?;
    rest = rest.strip_prefix('/').unwrap_or(rest);
    let end = rest.find(|c| !is_name(c))?;
    let (name, after) = rest.split_at(end);
    let mut attributes = Vec::new();
    rest = after;
    loop {
        let trimmed = rest.trim_start();
        let closed = trimmed.strip_prefix("/>").or_else(|| trimmed.strip_prefix('>'));
        if let Some(after) = closed {
            return (!name.is_empty()).then_some((text.len() - after.len(), Tag { name, attributes }));
        }
        if trimmed.len() == rest.len() {
            return None;
        }
        let end = trimmed.find(|c| !is_name(c))?;
        let (attribute, after) = trimmed.split_at(end);
        let after = after.strip_prefix('=')?;
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = after[1..].split_once(quote)?;
        if value.contains(['<', '&']) && attribute != "aria-label" {
            return None;
        }
        attributes.push((attribute, value));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_drawing_passes() {
        let plain = "<?xml version=\"1.0\"?><svg viewBox=\"0 0 1 1\"><!-- a --><path class=\"x\" d=\"M0 0\" fill=\"url(#a)\"/></svg>";
        assert_eq!(trouble(plain), None);
        for hostile in [
            "<svg onload=\"alert(1)\"></svg>",
            "<svg><script>alert(1)</script></svg>",
            "<svg><ScRiPt/></svg>",
            "<svg><a href=\"javascript:alert(1)\"><text>x</text></a></svg>",
            "<svg><use href=\"data:image/svg+xml,x\"/></svg>",
            "<svg><foreignObject><iframe/></foreignObject></svg>",
            "<svg><set attributeName=\"onload\" to=\"alert(1)\"/></svg>",
            "<svg><style>@import 'http://evil'</style></svg>",
            "<svg><rect style=\"background:url(//evil)\"/></svg>",
            "<svg><rect fill=\"url( //evil )\"/></svg>",
            "<svg><rect fill='&#106;avascript:x'/></svg>",
            "<svg><rect/onload=alert(1)></svg>",
            "<svg><rect a=\"b\"onload=\"x\"/></svg>",
            "<svg><image href=\"//evil/p.png\"/></svg>",
            "<!DOCTYPE svg [<!ENTITY x '<script/>'>]><svg>&x;</svg>",
            "<svg><!-- <script>",
            "<svg><",
        ] {
            assert!(trouble(hostile).is_some(), "{hostile}");
        }
    }
}
