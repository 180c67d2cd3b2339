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
    /// The last login, when it failed: to which database, and why.
    last: Option<(String, Failure)>,
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
    /// The database of the connection that is open here, or that is being opened.
    pub fn database(&self) -> Option<&str> {
        match &self.state {
            State::Open(open) if !open.session.is_closed() => Some(&open.session.database),
            State::Opening(login) => Some(&login.database),
            _ => None,
        }
    }

    /// Whether a connection is open.
    pub fn is_open(&self) -> bool {
        matches!(&self.state, State::Open(open) if !open.session.is_closed())
    }

    /// Why no login to this database is tried now. What a database had against a login counts for this one only.
    pub fn rests(&self, database: &str) -> Option<&Failure> {
        let (to, failure) = self.last.as_ref()?;
        let counts = self.backoff.waits() && (to == database || !failure.is_of_database());
        counts.then_some(failure)
    }

    /// Whether a connection is open or being opened.
    pub fn is_taken(&self) -> bool {
        !matches!(self.state, State::Empty)
    }

    /// Closes the connection.
    pub fn clear(&mut self) {
        self.state = State::Empty;
    }

    /// Gives up a login that is under way.
    pub fn give_up(&mut self) {
        if matches!(self.state, State::Opening(_)) {
            self.clear();
        }
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
            let settled = self.settle(deadline).await;
            if matches!(self.state, State::Opening(_)) {
                return settled.and(Err(Failure::new("08006", "another login does not come to an end")));
            }
        }
        if !fits {
            self.state = State::Empty;
            if let Some(failure) = self.rests(database) {
                return Err(failure.clone());
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
        let database = login.database.clone();
        match result.unwrap_or_else(|_| Err(Failure::new("08006", "the login broke off"))) {
            Ok(session) => {
                self.backoff.succeeded();
                self.last = None;
                self.state = State::Open(Box::new(Open { session, have: None }));
                Ok(())
            }
            Err(failure) => {
                if self.last.as_ref().is_some_and(|(to, _)| *to != database && failure.is_of_database()) {
                    self.backoff.succeeded();
                }
                self.backoff.failed();
                self.last = Some((database, failure.clone()));
                self.state = State::Empty;
                Err(failure)
            }
        }
    }
}
