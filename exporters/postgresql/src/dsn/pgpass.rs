//! The password file.
//!
//! Manual: "The Password File".

use std::path::Path;

/// The password of the first line that matches host, port, database and user. The file is read anew each time.
pub(super) fn password_in(path: &Path, wanted: [&str; 4]) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "password file ignored: others may read it; chmod 0600");
        return None;
    }
    let text = exporter_core::config::read(path).ok()?;
    text.text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = unescaped_fields(line);
        let [host, port, database, user, password] = fields.as_slice() else { return None };
        let matches = |(field, wanted): (&String, &str)| field == "*" || field == wanted;
        [host, port, database, user].into_iter().zip(wanted).all(matches).then(|| password.clone())
    })
}

/// The fields of a line, separated by `:`; a backslash makes the next character plain.
fn unescaped_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, fields.len()) {
            (':', ..5) => fields.push(String::new()),
            ('\\', _) => fields.last_mut().into_iter().for_each(|field| field.extend(chars.next())),
            _ => fields.last_mut().into_iter().for_each(|field| field.push(c)),
        }
    }
    fields
}
