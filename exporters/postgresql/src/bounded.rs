//! What a server may send: a stream below tokio-postgres that reads the frames of the protocol and bounds what that
//! library takes in whatever size it comes.
//!
//! Manual: "Message Formats".

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};
use tokio_postgres::types::Type;

/// Bytes that are read from one server in one scrape, on all connections together.
const SCRAPE: usize = 64 << 20;

/// Bytes that are read until a login is complete.
const LOGIN: usize = 1 << 20;

/// Bytes of one message, such as a row or an error.
const MESSAGE: usize = 1 << 20;

/// Bytes of a message that is looked into. The names and types of 1,664 columns, the most that there can be, need less.
const LOOKED_INTO: usize = 256 << 10;

/// `ParameterStatus`, `RowDescription`, `ParameterDescription`, `Authentication` and `BackendKeyData`.
const LOOKED_AT: &[u8] = b"STtRK";

/// Rounds of a password hash (`scram_iterations`): 4,096 are usual, a million take about a second.
const ROUNDS: u64 = 1_000_000;

/// The bytes that may still be read from a server in this scrape.
#[derive(Debug)]
pub struct Allowance(AtomicUsize);

impl Default for Allowance {
    fn default() -> Self {
        Self(AtomicUsize::new(SCRAPE))
    }
}

impl Allowance {
    /// Another scrape begins.
    pub fn renew(&self) {
        self.0.store(SCRAPE, Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) -> bool {
        let spend = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }
}

/// What was seen on a connection.
#[derive(Debug, Default)]
pub struct Seen {
    process: AtomicI32,
    dropped_rows: AtomicU64,
    logged_in: AtomicBool,
    excess: OnceLock<String>,
}

impl Seen {
    /// The server process that is said to serve this connection.
    pub fn process(&self) -> i32 {
        self.process.load(Ordering::Relaxed)
    }

    /// Rows that were left out since this was last asked, because they were too long.
    pub fn take_dropped_rows(&self) -> u64 {
        self.dropped_rows.swap(0, Ordering::Relaxed)
    }

    /// Why the connection was given up, when the server sent what it may not.
    pub fn excess(&self) -> Option<&str> {
        self.excess.get().map(String::as_str)
    }
}

/// A stream of messages from a server. It passes on what the exporter makes use of:
///
/// - Notices, notifications and parameters other than the version are left out; so is a row that is too long.
/// - A type that is not built in is called `unknown`, so that tokio-postgres does not ask the server what it is: the
///   answer could be such a type again, without end.
/// - Anything else that is too long ends the connection.
pub struct Bounded<S> {
    inner: S,
    allowance: Arc<Allowance>,
    seen: Arc<Seen>,
    /// Bytes of the login so far.
    login: usize,
    /// What was read and is not passed on yet.
    pending: BytesMut,
    /// So many of them may be passed on.
    ready: usize,
    /// The rest of a message that is passed on whatever it is.
    pass: usize,
    /// The rest of a message that is left out.
    leave_out: usize,
}

impl<S> Bounded<S> {
    /// Bounds a stream; there is no TLS negotiation on it any more.
    pub fn new(inner: S, allowance: Arc<Allowance>, seen: Arc<Seen>) -> Self {
        Self { inner, allowance, seen, login: 0, pending: BytesMut::new(), ready: 0, pass: 0, leave_out: 0 }
    }

    fn spend(&mut self, bytes: usize) -> io::Result<()> {
        if !self.allowance.spend(bytes) {
            return Err(self.excess(format!("the server sent more than {SCRAPE} bytes in one scrape")));
        }
        if !self.seen.logged_in.load(Ordering::Relaxed) {
            self.login += bytes;
            if self.login > LOGIN {
                return Err(self.excess(format!("the server sent more than {LOGIN} bytes during the login")));
            }
        }
        Ok(())
    }

    fn excess(&self, message: String) -> io::Error {
        let message = self.seen.excess.get_or_init(|| message);
        io::Error::new(io::ErrorKind::InvalidData, message.clone())
    }

    /// Finds out how many of the pending bytes may be passed on.
    fn inspect(&mut self) -> io::Result<()> {
        loop {
            let left_out = self.leave_out.min(self.pending.len());
            self.pending.advance(left_out);
            self.leave_out -= left_out;
            let passed = self.pass.min(self.pending.len() - self.ready);
            self.ready += passed;
            self.pass -= passed;
            let [tag, a, b, c, d, ..] = self.pending[self.ready..] else { return Ok(()) };
            if self.leave_out > 0 || self.pass > 0 {
                return Ok(());
            }
            // The length counts itself, but not the tag.
            let length = u32::from_be_bytes([a, b, c, d]) as usize + 1;
            if length < 5 {
                return Err(self.excess("the server does not speak the protocol of PostgreSQL".to_owned()));
            }
            let too_long = length > if LOOKED_AT.contains(&tag) { LOOKED_INTO } else { MESSAGE };
            let is_left_out = match tag {
                b'N' | b'A' => true,
                b'D' | b'S' if too_long => true,
                _ if too_long => {
                    return Err(self.excess(format!("the server sent a message of {length} bytes")));
                }
                _ if LOOKED_AT.contains(&tag) => {
                    let Some(message) = self.pending[self.ready..].get_mut(5..length) else { return Ok(()) };
                    match look_into(tag, message, &self.seen) {
                        Ok(is_of_use) => !is_of_use,
                        Err(why) => return Err(self.excess(why.to_owned())),
                    }
                }
                _ => false,
            };
            match tag {
                // What stands before it is passed on first.
                _ if is_left_out && self.ready > 0 => return Ok(()),
                b'D' if is_left_out => _ = self.seen.dropped_rows.fetch_add(1, Ordering::Relaxed),
                b'Z' => self.seen.logged_in.store(true, Ordering::Relaxed),
                _ => {}
            }
            *(if is_left_out { &mut self.leave_out } else { &mut self.pass }) = length;
        }
    }
}

/// Looks into a message without its head, and makes of unknown types what tokio-postgres knows. Whether anybody has a use
/// for it; the error says why the connection must end.
fn look_into(tag: u8, message: &mut [u8], seen: &Seen) -> Result<bool, &'static str> {
    match tag {
        b'S' if !message.starts_with(b"server_version\0") => return Ok(false),
        b'K' => {
            if let Some(process) = message.first_chunk() {
                seen.process.store(i32::from_be_bytes(*process), Ordering::Relaxed);
            }
        }
        // AuthenticationSASLContinue: `r=…,s=…,i=…`.
        b'R' if message.starts_with(&11_u32.to_be_bytes()) => {
            let rounds = message.split(|byte| *byte == b',').find_map(|part| part.strip_prefix(b"i="));
            let rounds = rounds.and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
            if rounds.is_some_and(|rounds| rounds > ROUNDS) {
                return Err("the server asks for more rounds of the password's hash than 1,000,000");
            }
        }
        b'T' => {
            let mut rest = message.get_mut(2..).unwrap_or_default();
            // Name, table (4 bytes), number (2), type (4), length (2), modifier (4), format (2).
            while let Some(end) = rest.iter().position(|byte| *byte == 0) {
                let Some((field, others)) = rest[end + 1..].split_at_mut_checked(18) else { break };
                known_type(&mut field[6..10]);
                rest = others;
            }
        }
        b't' => message.get_mut(2..).unwrap_or_default().chunks_exact_mut(4).for_each(known_type),
        _ => {}
    }
    Ok(true)
}

fn known_type(oid: &mut [u8]) {
    let number = oid.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    if Type::from_oid(number).is_none() {
        oid.copy_from_slice(&Type::UNKNOWN.oid().to_be_bytes());
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.ready > 0 {
                let bytes = this.ready.min(buffer.remaining());
                buffer.put_slice(&this.pending[..bytes]);
                this.pending.advance(bytes);
                this.ready -= bytes;
                return Poll::Ready(Ok(()));
            }
            this.inspect()?;
            if this.ready > 0 {
                continue;
            }
            let mut chunk = [MaybeUninit::uninit(); 8192];
            let mut chunk = ReadBuf::uninit(&mut chunk);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.spend(chunk.filled().len())?;
            this.pending.extend_from_slice(chunk.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Bounded<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag], length.to_be_bytes().as_slice(), body].concat()
    }

    /// What comes through in pieces of some size, and the error at the end.
    async fn through(sent: &[u8], piece: usize) -> (Vec<u8>, Option<String>, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        let mut stream = tokio_test::io::Builder::new();
        sent.chunks(piece).for_each(|piece| {
            stream.read(piece);
        });
        let mut bounded = Bounded::new(stream.build(), Arc::default(), Arc::clone(&seen));
        let mut came = Vec::new();
        let error = bounded.read_to_end(&mut came).await.err();
        (came, error.map(|error| error.to_string()), seen)
    }

    #[tokio::test]
    async fn only_what_is_of_use_comes_through_however_it_is_cut() {
        let column = |oid: u32| [b"name\0", [0; 6].as_slice(), &oid.to_be_bytes(), &[0; 8]].concat();
        let described = |oid| message(b'T', &[[0, 2].as_slice(), &column(20), &column(oid)].concat());
        let row = message(b'D', &[0, 1, 0, 0, 0, 1, 7]);
        let version = message(b'S', b"server_version\x0017.1\0");
        let key = message(b'K', &[0, 0, 0, 42, 9, 9, 9, 9]);
        let useless =
            [message(b'S', b"TimeZone\0UTC\0"), message(b'N', b"SNOTICE\0\0"), message(b'A', &[0; 9])];
        let long = message(b'D', &vec![1; MESSAGE]);
        let ready = message(b'Z', b"I");
        let sent =
            [&version[..], &useless.concat(), &key, &ready, &described(99_999), &row, &long, &row, &ready];
        let expected = [&version[..], &key, &ready, &described(705), &row, &row, &ready].concat();
        for piece in [1, 7, 4096, usize::MAX] {
            let (came, error, seen) = through(&sent.concat(), piece).await;
            assert_eq!((came == expected, error), (true, None), "in pieces of {piece}");
            assert_eq!((seen.process(), seen.take_dropped_rows(), seen.take_dropped_rows()), (42, 1, 0));
        }
    }

    #[tokio::test]
    async fn what_is_too_much_ends_the_connection() {
        let head = |tag: u8, length: u32| [&[tag], length.to_be_bytes().as_slice()].concat();
        let many = message(b'S', b"a\0b\0").repeat(LOGIN / 9 + 1);
        let rounds = message(b'R', b"\0\0\0\x0br=a,s=b,i=4000000000");
        for (sent, reason) in [
            (head(b'E', 1 << 30), "a message of 1073741825 bytes"),
            (head(b'T', 1 << 19), "a message of 524289 bytes"),
            (head(b'Z', 3), "does not speak the protocol"),
            (many, "during the login"),
            (rounds, "rounds of the password's hash"),
            (message(b'Z', b"I").repeat(SCRAPE / 6 + 1), "in one scrape"),
        ] {
            let (_, error, seen) = through(&sent, usize::MAX).await;
            let error = error.unwrap_or_default();
            assert!(error.contains(reason), "{error:?} instead of {reason:?}");
            assert_eq!(seen.excess(), Some(error.as_str()));
        }
    }
}
