//! A place for one connection. Whatever happens, there is never a second one for the same place: a login that does
//! not come to an end is waited for by the next scrape, too.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::needs::Have;
use super::session::{Failure, Login, Session};
use exporter_core::scrape::{Backoff, Deadline};

/// Empty, opening, or open.
#[derive(Debug, Default)]
pub struct Slot {
    state: State,
    backoff: Backoff,
    last: Option<Failure>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Empty,
    Opening(Login_),
    Open(Box<Open>),
}

/// An open session, and what is known about it.
#[derive(Debug)]
pub struct Open {
    /// The session.
    pub session: Session,
    /// What its role may do, and when that was asked.
    pub have: Option<(Arc<Have>, Instant)>,
}

/// A login under way; dropping it ends it.
#[derive(Debug)]
struct Login_ {
    database: String,
    task: JoinHandle<Result<Session, Failure>>,
}

impl Drop for Login_ {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Slot {
    /// The database of the connection that is open here.
    pub fn database(&self) -> Option<&str> {
        match &self.state {
            State::Open(open) if !open.session.is_closed() => Some(&open.session.database),
            _ => None,
        }
    }

    /// Whether a connection is open or being opened.
    pub fn is_taken(&self) -> bool {
        !matches!(self.state, State::Empty)
    }

    /// Closes the connection.
    pub fn clear(&mut self) {
        self.state = State::Empty;
    }

    /// The connection that is open here.
    pub fn opened(&mut self) -> Option<&mut Open> {
        match &mut self.state {
            State::Open(open) => Some(open),
            _ => None,
        }
    }

    /// Sees to it that a connection to this database is open. One to another database is closed first.
    pub async fn open(
        &mut self,
        login: &Login,
        database: &str,
        deadline: &Deadline,
    ) -> Result<&mut Open, Failure> {
        let fits = match &self.state {
            State::Empty => false,
            State::Opening(login) => login.database == database,
            State::Open(open) => open.session.database == database && !open.session.is_closed(),
        };
        // A login to another database cannot be taken back without leaving it behind on the server.
        if let (State::Opening(_), false) = (&self.state, fits) {
            self.settle(deadline).await?;
        }
        if !fits {
            self.state = State::Empty;
            if self.backoff.waits() {
                return Err(self
                    .last
                    .clone()
                    .unwrap_or_else(|| Failure::new("08001", "waiting after a failure")));
            }
            let (login, to) = (login.clone(), database.to_owned());
            let task = tokio::spawn(async move { login.open(&to).await });
            self.state = State::Opening(Login_ { database: database.to_owned(), task });
        }
        self.settle(deadline).await?;
        self.opened().ok_or_else(|| Failure::new("08006", "the connection is gone"))
    }

    /// Waits for a login that is under way.
    async fn settle(&mut self, deadline: &Deadline) -> Result<(), Failure> {
        let State::Opening(login) = &mut self.state else { return Ok(()) };
        let Some(result) = deadline.within(&mut login.task).await else {
            return Err(Failure::new("08006", "the server does not answer to the login"));
        };
        match result.unwrap_or_else(|_| Err(Failure::new("08006", "the login broke off"))) {
            Ok(session) => {
                self.backoff.succeeded();
                self.last = None;
                self.state = State::Open(Box::new(Open { session, have: None }));
                Ok(())
            }
            Err(failure) => {
                self.backoff.failed();
                self.last = Some(failure.clone());
                self.state = State::Empty;
                Err(failure)
            }
        }
    }
}
