//! A proxy that lets `CONNECT` through to one address, whatever was asked for, and notes the names.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A running proxy. It ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    names: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts on a free port of the loopback interface; everything goes to `behind`.
    pub async fn start(behind: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let names = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&names);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                // An error here is an end of the connection.
                connections.spawn(async move { drop(serve(socket, behind, &noted).await) });
            }
        });
        Ok(Self { url, names, task })
    }

    /// What goes into `HTTPS_PROXY`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Hosts and ports that were asked for, each once, in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        names.sort();
        names.dedup();
        names
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: TcpStream, behind: SocketAddr, names: &Mutex<Vec<String>>) -> Result<()> {
    let mut socket = BufReader::new(socket);
    let (mut first, mut line) = (String::new(), String::new());
    socket.read_line(&mut first).await?;
    while line != "\r\n" {
        line.clear();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(());
        }
    }
    let Some(name) = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
        socket.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n").await?;
        return Ok(());
    };
    names.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
    let mut behind = TcpStream::connect(behind).await?;
    socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut socket, &mut behind).await?;
    Ok(())
}
