//! The two forms of a connection string, URI and keywords, and lists of them. No error quotes a value, nor a name that
//! may be a piece of a password.
//!
//! Manual: "Connection Strings".

use percent_encoding::percent_decode_str;

use super::parameters::named;

/// Names and values, in their order.
pub(super) type Pairs = Vec<(String, String)>;

/// What a URI starts with.
const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// Reads one connection string.
pub(super) fn pairs(text: &str) -> Result<Pairs, String> {
    let text = text.trim();
    match SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        Some(rest) => uri(rest),
        None => keywords(text),
    }
}

/// The connection strings of a list. A comma ends one where another begins behind it; the hosts of one string are
/// separated by commas, too.
pub(super) fn split(text: &str) -> Vec<&str> {
    let starts = |rest: &str| {
        let rest = rest.trim_start();
        SCHEMES.iter().any(|scheme| rest.starts_with(scheme))
            || rest.split_once('=').is_some_and(|(name, _)| named(name.trim_end()).is_some())
    };
    let mut parts = Vec::new();
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        let is_uri = SCHEMES.iter().any(|scheme| text[from..].trim_start().starts_with(scheme));
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = !is_uri,
            '\'' => quoted = !quoted && !is_uri,
            ',' if !quoted && starts(&text[at + 1..]) => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts.into_iter().map(|part| part.trim().trim_end_matches(',')).filter(|part| !part.is_empty()).collect()
}

/// `user:password@host1:port1,host2/dbname?name=value`, each part percent-encoded.
fn uri(rest: &str) -> Result<Pairs, String> {
    if rest.contains(char::is_whitespace) {
        return Err("a connection URI has no blanks: write %20".to_owned());
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if tail.contains('@') {
        return Err(
            "an `@` stands behind the host of the connection URI: a `/`, `?` or `@` in a password or a \
                    parameter is written as %2F, %3F or %40"
                .to_owned(),
        );
    }
    let (database, query) = tail.split_once('?').unwrap_or((tail, ""));
    let mut pairs = Vec::new();
    let (user, hosts) =
        authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
    if let Some(user) = user {
        let (name, password) = user.split_once(':').map_or((user, None), |(name, word)| (name, Some(word)));
        pairs.push(("user".to_owned(), decoded(name)?));
        if let Some(password) = password {
            pairs.push(("password".to_owned(), decoded(password)?));
        }
    }
    if !hosts.is_empty() {
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            let (name, port) = host_and_port(host)?;
            names.push(decoded(name)?);
            ports.push(if port.is_empty() { "5432" } else { port });
        }
        pairs.push(("host".to_owned(), names.join(",")));
        if hosts.split(',').any(|host| host_and_port(host).is_ok_and(|(_, port)| !port.is_empty())) {
            pairs.push(("port".to_owned(), ports.join(",")));
        }
    }
    let database = database.strip_prefix('/').unwrap_or_default();
    if !database.is_empty() {
        pairs.push(("dbname".to_owned(), decoded(database)?));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("a parameter of the connection URI has no `=`")?;
        // libpq's own abbreviation for JDBC users.
        let (name, value) =
            if (name, value) == ("ssl", "true") { ("sslmode", "require") } else { (name, value) };
        pairs.push((decoded(name)?, decoded(value)?));
    }
    Ok(pairs)
}

/// An IPv6 address stands in brackets.
fn host_and_port(text: &str) -> Result<(&str, &str), String> {
    let Some(rest) = text.strip_prefix('[') else { return Ok(text.split_once(':').unwrap_or((text, ""))) };
    let (address, port) = rest.split_once(']').ok_or("a `[` of the connection URI is not closed")?;
    match port.strip_prefix(':') {
        Some(port) => Ok((address, port)),
        None if port.is_empty() => Ok((address, "")),
        None => Err("behind an address in brackets stands `:` and the port".to_owned()),
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let hex = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(hex) || text.contains("%00") {
        return Err(
            "a `%` of the connection URI does not begin a percent-encoded character: write %25".to_owned()
        );
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| "the connection URI is not UTF-8".to_owned())
}

/// `name = value name='value with blanks'`; a backslash makes the next character plain.
fn keywords(text: &str) -> Result<Pairs, String> {
    const NEITHER: &str =
        "the connection string is neither a URI (`postgresql://…`) nor keywords (`host=… user=…`)";
    let mut pairs: Pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some((name, tail)) = rest.split_once('=') else {
            return Err(if pairs.is_empty() {
                NEITHER.to_owned()
            } else {
                "a keyword of the connection string has no `=`; a value with a blank stands in quotes"
                    .to_owned()
            });
        };
        let name = name.trim();
        if pairs.is_empty() && !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(NEITHER.to_owned());
        }
        let (value, tail) = keyword_value(tail.trim_start())?;
        pairs.push((name.to_owned(), value));
        rest = tail.trim_start();
    }
    Ok(pairs)
}

fn keyword_value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if c.is_whitespace() && !quoted => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted { Err("a quote in the connection string is not closed".to_owned()) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_told_from_hosts() {
        for (text, parts) in [
            ("postgres://u:a@h1,h2/d", vec!["postgres://u:a@h1,h2/d"]),
            (
                "postgres://u:a@h1/d,postgresql://u:b@h2/d",
                vec!["postgres://u:a@h1/d", "postgresql://u:b@h2/d"],
            ),
            ("host=a,b user=x, host=c", vec!["host=a,b user=x", "host=c"]),
            ("host=a password='x,host=c'", vec!["host=a password='x,host=c'"]),
            (r"host=a password=\',host=c", vec![r"host=a password=\'", "host=c"]),
            ("postgres://h/d?sslmode=disable,host=c,", vec!["postgres://h/d?sslmode=disable", "host=c"]),
            (" , ", vec![]),
        ] {
            assert_eq!(split(text), parts, "{text}");
        }
    }

    #[test]
    fn what_libpq_refuses_is_refused() {
        for (text, message) in [
            ("postgresql://u:pa ss@h/d", "no blanks"),
            ("postgresql://u:pa/ss@h/d", "%2F"),
            ("postgresql://u:pa?ss@h/d", "%3F"),
            ("postgresql://u:100%@h/d", "%25"),
            ("postgresql://u:x%00@h/d", "%25"),
            ("postgresql://[::1/d", "is not closed"),
            ("postgresql://[::1]5432/d", "`:` and the port"),
            ("postgres//u:p@h?sslmode=disable", "neither a URI"),
            ("jdbc:postgresql://h/d?password=p", "neither a URI"),
            ("host=a password=one two", "stands in quotes"),
        ] {
            let error = pairs(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
