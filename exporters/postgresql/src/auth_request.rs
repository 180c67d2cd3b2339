//! Which ways of logging in are answered: what a server asks for is read before anything is sent to it.
//!
//! Manual: "Message Formats" (Authentication…), "Message Flow" (Start-up). tokio-postgres answers whatever is asked,
//! so a [`Reader`] stands before it on the stream.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};

/// A request for authentication is this long at most, in bytes; those of PostgreSQL have a few dozen.
const LONGEST: usize = 16 * 1024;

/// Rounds of SCRAM at most: servers ask for 4,096 unless told otherwise, and each million takes about a second.
const ROUNDS: u32 = 1_000_000;

/// What a server may ask for, in the words of libpq's `require_auth`.
const NAMES: [(Method, &str); 6] = [
    (Method::None, "none"),
    (Method::Password, "password"),
    (Method::Md5, "md5"),
    (Method::Scram, "scram-sha-256"),
    (Method::Gss, "gss"),
    (Method::Sspi, "sspi"),
];

/// A way of logging in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The server asks for nothing: it trusts, or the certificate of the client was enough.
    None,
    /// The password in clear text.
    Password,
    /// A hash of the password that is as good as the password.
    Md5,
    /// A proof of the password that is of no use to others.
    Scram,
    /// Kerberos.
    Gss,
    /// Kerberos on Windows.
    Sspi,
}

/// Ways of logging in that are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods(Vec<Method>);

impl Default for Methods {
    /// All of them.
    fn default() -> Self {
        Self(NAMES.map(|(method, _)| method).to_vec())
    }
}

impl Methods {
    /// Those that tell a server nothing that it could use elsewhere: SCRAM, and the certificate of the client.
    pub fn without_secrets() -> Self {
        Self(vec![Method::None, Method::Scram])
    }

    /// Those of a `require_auth`: names with commas, or with `!` before each of them all others.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split(',').map(str::trim).collect();
        let negated = words.iter().filter(|word| word.starts_with('!')).count();
        if negated != 0 && negated != words.len() {
            return Err("`require_auth` has names with and without `!`".to_owned());
        }
        let find = |word: &&str| {
            let name = word.trim_start_matches('!');
            let known = NAMES.iter().find(|(_, known)| *known == name);
            known.map(|(method, _)| *method).ok_or_else(|| {
                let names: Vec<_> = NAMES.iter().map(|(_, name)| *name).collect();
                format!("`require_auth` has a name that does not exist: {} do", names.join(", "))
            })
        };
        let named: Vec<_> = words.iter().map(find).collect::<Result<_, _>>()?;
        let all = NAMES.iter().map(|(method, _)| *method);
        Ok(Self(if negated == 0 { named } else { all.filter(|method| !named.contains(method)).collect() }))
    }

    /// Those that another one allows, too.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.retain(|method| other.0.contains(method));
        self
    }

    fn check(&self, method: Method) -> io::Result<()> {
        if self.0.contains(&method) {
            return Ok(());
        }
        let asks = match method {
            Method::None => "does not ask who logs in",
            Method::Password => "asks for the password in clear text",
            Method::Md5 => "asks for the password as MD5",
            Method::Scram => "asks for SCRAM",
            Method::Gss | Method::Sspi => "asks for Kerberos",
        };
        let allowed = NAMES.iter().filter(|(method, _)| self.0.contains(method));
        let allowed: Vec<_> = allowed.map(|(_, name)| *name).collect();
        Err(refused(format!("the server {asks}; allowed: {}", allowed.join(", "))))
    }
}

fn refused(why: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("authentication refused: {why}"))
}

/// Reads what a server sends up to the end of the authentication, and lets through what may be answered.
#[derive(Debug)]
pub struct Reader {
    methods: Methods,
    /// What the server asked for so far.
    asked: Method,
    /// Not looked at yet.
    held: BytesMut,
    /// What is left of a message that is no request for authentication.
    passing: usize,
    done: bool,
}

impl Reader {
    /// A reader for a new connection.
    pub fn new(methods: Methods) -> Self {
        Self { methods, asked: Method::None, held: BytesMut::new(), passing: 0, done: false }
    }

    /// Whether the server has let us in: from now on nothing needs to be read here.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Takes the next bytes of the server; returns those that may be seen. An error is a reason to close the
    /// connection without an answer.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<Bytes> {
        self.held.extend_from_slice(bytes);
        let mut seen = BytesMut::new();
        loop {
            let part = self.passing.min(self.held.len());
            seen.unsplit(self.held.split_to(part));
            self.passing -= part;
            if self.done {
                seen.unsplit(self.held.split());
            }
            // Type and length of a message; the length counts itself.
            let [kind, a, b, c, d, ..] = *self.held else { return Ok(seen.freeze()) };
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            if length < 4 {
                return Err(refused("what the server sends is not the protocol of PostgreSQL"));
            }
            if kind != b'R' {
                self.passing = 1 + length;
                continue;
            }
            if length > LONGEST {
                return Err(refused("the request of the server is too long"));
            }
            if self.held.len() < 1 + length {
                return Ok(seen.freeze());
            }
            let message = self.held.split_to(1 + length);
            self.judge(&message[5..])?;
            seen.unsplit(message);
        }
    }

    /// Looks at the content of a request.
    fn judge(&mut self, mut content: &[u8]) -> io::Result<()> {
        let code = content.try_get_u32().map_err(|_| refused("the request of the server is cut off"))?;
        self.asked = match code {
            0 => {
                self.done = true;
                self.asked
            }
            3 => Method::Password,
            5 => Method::Md5,
            2 | 7 | 8 => Method::Gss,
            9 => Method::Sspi,
            10..=12 => Method::Scram,
            other => return Err(refused(format!("the server asks for something unknown ({other})"))),
        };
        if code == 11 && rounds(content).is_some_and(|rounds| rounds > ROUNDS) {
            return Err(refused(format!("the server asks for more than {ROUNDS} rounds of SCRAM")));
        }
        self.methods.check(self.asked)
    }
}

/// The iteration count in a server's first message (RFC 5802, 5.1); what is no number is none of our business.
fn rounds(content: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(content).ok()?;
    let digits = text.split(',').find_map(|attribute| attribute.strip_prefix("i="))?;
    Some(digits.parse().unwrap_or(if digits.bytes().all(|b| b.is_ascii_digit()) { u32::MAX } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of a server: its type, and its content.
    fn message(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 4).unwrap().to_be_bytes();
        [&[kind], &length[..], content].concat()
    }

    fn request(code: u32, more: &[u8]) -> Vec<u8> {
        message(b'R', &[&code.to_be_bytes()[..], more].concat())
    }

    /// What is seen of it, however it is cut into pieces.
    fn seen(methods: &Methods, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut results = [1, 3, bytes.len()].map(|size| {
            let mut reader = Reader::new(methods.clone());
            let pieces = bytes.chunks(size).map(|piece| reader.take(piece));
            let seen: io::Result<Vec<_>> = pieces.collect();
            seen.map(|pieces| pieces.concat()).map_err(|error| error.to_string())
        });
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{results:?}");
        std::mem::replace(&mut results[0], Ok(Vec::new()))
    }

    fn scram() -> Vec<u8> {
        [
            message(b'N', b"notice\0"),
            request(10, b"SCRAM-SHA-256\0\0"),
            request(11, b"r=x,s=eA==,i=4096"),
            request(12, b"v=eA=="),
            request(0, b""),
            message(b'S', b"a\0b\0"),
            b"R and whatever comes later".to_vec(),
        ]
        .concat()
    }

    #[test]
    fn what_is_allowed_comes_through_as_it_is() {
        let safe = Methods::without_secrets();
        for all in [scram(), request(0, b""), message(b'E', &vec![b'x'; 70_000])] {
            assert_eq!(seen(&safe, &all).unwrap(), all);
        }
        for (code, more) in [(3, &b""[..]), (5, b"salt")] {
            assert_eq!(seen(&Methods::default(), &request(code, more)).unwrap(), request(code, more));
        }
        assert_eq!(seen(&Methods::parse("scram-sha-256").unwrap(), &scram()).unwrap(), scram());
    }

    #[test]
    fn what_is_not_allowed_never_reaches_who_would_answer() {
        let safe = Methods::without_secrets();
        let late = [request(10, b"SCRAM-SHA-256\0\0"), request(3, b"")].concat();
        let large = request(11, b"r=x,s=eA==,i=4294967295");
        let larger = request(11, b"r=x,s=eA==,i=99999999999999999999");
        for (methods, bytes, why) in [
            (
                safe.clone(),
                request(3, b""),
                "asks for the password in clear text; allowed: none, scram-sha-256",
            ),
            (safe.clone(), request(5, b"salt"), "asks for the password as MD5"),
            (safe.clone(), late, "asks for the password in clear text"),
            (safe.clone(), request(99, b""), "something unknown (99)"),
            (safe.clone(), request(7, b""), "asks for Kerberos"),
            (safe.clone(), message(b'R', b"x"), "cut off"),
            (safe.clone(), message(b'R', &vec![0; 20_000]), "too long"),
            (safe.clone(), b"HTTP\0\0\0\0".iter().copied().chain([b'R', 0, 0, 0, 1]).collect(), ""),
            (Methods::default(), large, "more than 1000000 rounds"),
            (Methods::default(), larger, "more than 1000000 rounds"),
            (Methods::parse("scram-sha-256").unwrap(), request(0, b""), "does not ask who logs in"),
            (Methods::parse("!password,!md5").unwrap(), request(3, b""), "in clear text"),
        ] {
            match seen(&methods, &bytes) {
                Err(error) => assert!(error.contains(why), "{error}"),
                // `HTTP` reads as the length of a message that never ends: nothing is answered either.
                Ok(seen) => assert!(why.is_empty() && !seen.starts_with(b"R")),
            }
        }
    }

    #[test]
    fn require_auth_is_read_as_libpq_does() {
        assert_eq!(Methods::parse("none, scram-sha-256").unwrap(), Methods::without_secrets());
        assert_eq!(Methods::parse("!password,!md5,!gss,!sspi").unwrap(), Methods::without_secrets());
        let scram = Methods::parse("scram-sha-256").unwrap();
        assert_eq!(scram.clone().and(&Methods::without_secrets()), scram);
        assert!(Methods::parse("md5,!gss").unwrap_err().contains("with and without"));
        assert!(Methods::parse("sha1").unwrap_err().contains("none, password, md5"));
    }
}
