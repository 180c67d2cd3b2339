//! Servers that speak the protocol of PostgreSQL and mean no good: the wire by hand.
//!
//! Manual: "Message Formats".

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a server does wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Nothing: it answers every question, and has no rows.
    None,
    /// A type that nobody knows, whatever is prepared.
    UnknownTypes,
    /// The same for parameters.
    UnknownParameters,
    /// A flood of some message instead of the end of the login.
    Login(Flood),
    /// A flood of some message instead of an answer to the first question.
    Question(Flood),
    /// A flood of some message instead of the result of a query.
    Query(Flood),
    /// An authentication that needs four billion rounds of a hash.
    Rounds,
    /// More databases than fit on any server.
    Databases(usize),
    /// An error with a text of so many bytes.
    Error(usize),
    /// Random bytes after the login.
    Noise,
    /// Rows with fewer columns than were announced.
    ShortRows,
}

/// What comes without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// Parameters, each of another name.
    Parameters,
    /// Notices.
    Notices,
    /// Notifications.
    Notifications,
    /// Rows of one small column.
    Rows,
    /// Rows of a megabyte and more.
    LongRows,
    /// One row of a gigabyte.
    Gigabyte,
    /// Descriptions of rows.
    Descriptions,
    /// Ends of statements.
    Complete,
}

/// A running server. It goes on until the test ends.
#[derive(Debug)]
pub struct Hostile {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Hostile {
    /// Starts one.
    pub async fn start(attack: Attack) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // That the client goes away is what it should do.
                tokio::spawn(serve(stream, attack));
            }
        });
        Ok(Self { address })
    }

    /// A connection string to it.
    pub fn dsn(&self) -> String {
        format!("postgresql://monitor:s3cret@{}/postgres?sslmode=disable", self.address)
    }
}

/// A message.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[tag], length.to_be_bytes().as_slice(), body].concat()
}

/// The description of rows with one column, `value`, of a type.
fn description(oid: u32) -> Vec<u8> {
    message(b'T', &[b"\0\x01value\0\0\0\0\0\0\0", oid.to_be_bytes().as_slice(), &[0; 8]].concat())
}

/// A row with one column.
fn row(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    message(b'D', &[b"\0\x01", length.to_be_bytes().as_slice(), text].concat())
}

fn rows<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Vec<u8> {
    let rows: Vec<u8> = texts.into_iter().flat_map(|text| row(text.as_ref())).collect();
    [description(25), rows, message(b'C', b"SELECT\0"), ready()].concat()
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

async fn flood(stream: &mut TcpStream, flood: Flood) -> Result<()> {
    let some = Arc::new(vec![b'x'; 2 << 20]);
    if matches!(flood, Flood::Rows | Flood::LongRows | Flood::Gigabyte) {
        // Both for a simple and for a prepared statement.
        stream.write_all(&description(25)).await?;
    }
    if flood == Flood::Gigabyte {
        stream.write_all(b"D\x3f\xff\xff\xff\0\x01\x3f\xff\xff\xf0").await?;
    }
    for number in 0_u64.. {
        let bytes = match flood {
            Flood::Parameters => {
                let one = |at| {
                    message(b'S', format!("name{}\0{}\0", number * 1000 + at, "x".repeat(90)).as_bytes())
                };
                (0..1000).flat_map(one).collect()
            }
            Flood::Notices => message(b'N', b"SNOTICE\0C00000\0Mhello\0\0").repeat(1000),
            Flood::Notifications => message(b'A', b"\0\0\0\x01channel\0payload\0").repeat(1000),
            Flood::Rows => row(b"1").repeat(1000),
            Flood::LongRows => row(&some),
            Flood::Gigabyte => some.to_vec(),
            Flood::Descriptions => description(25).repeat(1000),
            Flood::Complete => message(b'C', b"SELECT 1\0").repeat(1000),
        };
        stream.write_all(&bytes).await?;
    }
    Ok(())
}

async fn serve(mut stream: TcpStream, attack: Attack) -> Result<()> {
    // StartupMessage and CancelRequest have no tag.
    let length = stream.read_u32().await?;
    let mut startup = vec![0; length.saturating_sub(4).min(10_000) as usize];
    stream.read_exact(&mut startup).await?;
    if startup.starts_with(&[0x04, 0xd2]) {
        return Ok(());
    }
    if attack == Attack::Rounds {
        return rounds(&mut stream).await;
    }
    let mut greeting = message(b'R', &[0; 4]);
    greeting.extend(message(b'S', b"server_version\x0017.1\0"));
    greeting.extend(message(b'K', &[0, 0, 0, 42, 0, 0, 0, 1]));
    stream.write_all(&greeting).await?;
    if let Attack::Login(kind) = attack {
        return flood(&mut stream, kind).await;
    }
    stream.write_all(&ready()).await?;
    loop {
        let tag = stream.read_u8().await?;
        let length = stream.read_u32().await?.saturating_sub(4).min(1 << 20) as usize;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        match tag {
            b'X' => return Ok(()),
            b'Q' => question(&mut stream, &text, attack).await?,
            b'P' => stream.write_all(&message(b'1', b"")).await?,
            b'B' => stream.write_all(&message(b'2', b"")).await?,
            b'C' => stream.write_all(&message(b'3', b"")).await?,
            b'D' => describe(&mut stream, attack).await?,
            b'E' => match attack {
                Attack::Query(kind) => return flood(&mut stream, kind).await,
                Attack::ShortRows => stream.write_all(&message(b'D', b"\0\0").repeat(3)).await?,
                _ => stream.write_all(&message(b'C', b"SELECT 0\0")).await?,
            },
            b'S' => stream.write_all(&ready()).await?,
            _ => {}
        }
    }
}

/// Answers a simple query.
async fn question(stream: &mut TcpStream, text: &str, attack: Attack) -> Result<()> {
    if text.contains("pg_backend_pid") {
        return Ok(stream.write_all(&rows(["42"])).await?);
    }
    if !text.contains("pg_is_in_recovery") {
        return Ok(stream.write_all(&rows::<&str>([])).await?);
    }
    match attack {
        Attack::Question(kind) => flood(stream, kind).await,
        Attack::Databases(number) => {
            let names = (0..number).map(|number| format!("database{number}"));
            Ok(stream.write_all(&rows(std::iter::once("false".to_owned()).chain(names))).await?)
        }
        Attack::Error(bytes) => {
            let text = format!("SERROR\0VERROR\0CXX000\0M{}\0\0", "x".repeat(bytes));
            Ok(stream.write_all(&[message(b'E', text.as_bytes()), ready()].concat()).await?)
        }
        Attack::Noise => {
            let mut number = 42_u64;
            loop {
                // Knuth's generator.
                let mut next = || {
                    number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (number >> 56) as u8
                };
                let bytes: Vec<u8> = (0..1000).map(|_| next()).collect();
                stream.write_all(&bytes).await?;
            }
        }
        _ => Ok(stream.write_all(&rows(["false", "postgres"])).await?),
    }
}

/// Describes a prepared statement.
async fn describe(stream: &mut TcpStream, attack: Attack) -> Result<()> {
    let parameters =
        if attack == Attack::UnknownParameters { b"\0\x01\0\x01\x86\x9f".as_slice() } else { b"\0\0" };
    stream.write_all(&message(b't', parameters)).await?;
    let kind = if attack == Attack::UnknownTypes { 99_999 } else { 23 };
    Ok(stream.write_all(&description(kind)).await?)
}

async fn rounds(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(&message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")).await?;
    stream.read_u8().await?;
    let mut first = vec![0; stream.read_u32().await?.saturating_sub(4).min(10_000) as usize];
    stream.read_exact(&mut first).await?;
    let text = String::from_utf8_lossy(&first).into_owned();
    let nonce = text.split_once(",r=").map(|(_, nonce)| nonce).unwrap_or_default();
    let next = format!("\0\0\0\x0br={nonce}more,s=c2FsdA==,i=4000000000");
    stream.write_all(&message(b'R', next.as_bytes())).await?;
    stream.read_u8().await?;
    Ok(())
}
