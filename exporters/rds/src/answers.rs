//! What CloudWatch was asked, question by question: what was answered is not asked again before its time, and what was
//! not has an allowance.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aws::{Datum, QUERIES};
use super::state::Kept;

/// Of so many queries, and of so many calls, that are asked anyway, one more may repeat what failed.
const FOR_ONE: usize = 25;

/// How many calls may be saved up.
const SAVED: usize = 4;

/// The schedule is not exact.
const SLACK: Duration = Duration::from_secs(10);

/// Calls that so many queries take.
fn calls(queries: usize) -> usize {
    queries.div_ceil(QUERIES)
}

/// One question: about an instance, a cluster, the account or a quota, and the position of the metric.
pub type Key = (Arc<str>, usize);

/// What is known about one question.
#[derive(Debug, Clone, Default)]
struct Answer {
    /// When it was asked in its turn; not since everything is to be looked at again.
    asked: Option<Instant>,
    /// Whether the last time that it was asked brought an answer.
    answered: bool,
    /// The newest value, with the time at which it came.
    newest: Option<Kept<Datum>>,
}

/// All questions with their answers.
#[derive(Debug, Default)]
pub struct Answers {
    known: HashMap<Arc<str>, BTreeMap<usize, Answer>>,
    /// Queries and calls that were asked in their turn and are not used up by others that were repeated.
    saved: (usize, usize),
}

impl Answers {
    fn of(&self, (id, metric): &Key) -> Option<&Answer> {
        self.known.get(id)?.get(metric)
    }

    /// The newest value of a question, unless it is too old.
    pub fn newest(&self, id: &str, metric: usize, life: Duration) -> Option<&Datum> {
        self.known.get(id)?.get(&metric)?.newest.as_ref()?.get(life)
    }

    /// The values about one thing, by metric.
    pub fn about(&self, id: &str) -> impl Iterator<Item = (usize, &Kept<Datum>)> {
        let all = self.known.get(id).into_iter().flatten();
        all.filter_map(|(metric, answer)| Some((*metric, answer.newest.as_ref()?)))
    }

    /// The questions whose turn it is, and as many of those that failed as the allowance has. What fails is asked in
    /// its turn and hardly more often: a call that AWS refuses because there are too many is not helped by more.
    ///
    /// By the position of the metric, `every` says how often a question is asked, and `size` how many queries it takes.
    pub fn due(
        &mut self,
        all: &[Key],
        every: impl Fn(usize) -> Duration,
        size: impl Fn(usize) -> usize,
    ) -> Vec<Key> {
        let is_due = |key: &&Key| {
            let asked = self.of(key).and_then(|answer| answer.asked);
            asked.is_none_or(|at| at.elapsed() + SLACK >= every(key.1))
        };
        let (due, mut rest): (Vec<&Key>, Vec<&Key>) = all.iter().partition(is_due);
        rest.retain(|key| self.of(key).is_some_and(|answer| !answer.answered));
        let asked = due.iter().map(|key| size(key.1)).sum();
        let allowed = self.allow(asked);
        let mut left = allowed;
        rest.retain(|key| {
            let rest = left.checked_sub(size(key.1));
            left = rest.unwrap_or(left);
            rest.is_some()
        });
        self.spend(asked, allowed - left);
        for key in &due {
            self.entry(key).asked = Some(Instant::now());
        }
        due.into_iter().chain(rest).cloned().collect()
    }

    /// How many queries may be repeated beside those whose turn it is.
    fn allow(&mut self, due: usize) -> usize {
        let most = SAVED * FOR_ONE;
        self.saved = ((self.saved.0 + due).min(most * QUERIES), (self.saved.1 + calls(due)).min(most));
        let room = (calls(due) + self.saved.1 / FOR_ONE) * QUERIES - due;
        room.min(self.saved.0 / FOR_ONE)
    }

    /// Some queries are repeated.
    fn spend(&mut self, due: usize, repeated: usize) {
        let more = calls(due + repeated) - calls(due);
        self.saved = (self.saved.0 - repeated * FOR_ONE, self.saved.1 - more * FOR_ONE);
    }

    fn entry(&mut self, (id, metric): &Key) -> &mut Answer {
        self.known.entry(Arc::clone(id)).or_default().entry(*metric).or_default()
    }

    /// Questions were asked. They count as not answered until [`Answers::take`] says otherwise.
    pub fn expect(&mut self, asked: &[Key]) {
        for key in asked {
            self.entry(key).answered = false;
        }
    }

    /// A question was answered. Without a value the one before ages.
    pub fn take(&mut self, key: &Key, datum: Option<Datum>) {
        let answer = self.entry(key);
        answer.answered = true;
        if let Some(datum) = datum {
            answer.newest = Some(Kept::now(datum));
        }
    }

    /// Whether one of these questions was asked and not answered.
    pub fn lacks(&self, all: &[Key]) -> bool {
        let lacks = |answer: &Answer| answer.asked.is_some() && !answer.answered;
        all.iter().any(|key| self.of(key).is_some_and(lacks))
    }

    /// Everything is asked now, as after a change of permissions.
    pub fn look_again(&mut self) {
        for answer in self.known.values_mut().flat_map(BTreeMap::values_mut) {
            answer.asked = None;
        }
    }

    /// Forgets what is about other things.
    pub fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        self.known.retain(|id, _| is_known(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls and questions within an hour of a fleet whose metrics are asked for at most every `minutes`. The portion
    /// with this number fails whenever it is asked; refused calls bill nothing, unfinished results do.
    async fn hour(instances: usize, minutes: u64, failing: Option<usize>, bills: bool) -> (usize, usize) {
        let mut answers = Answers::default();
        let every = |metric: usize| Duration::from_mins(if metric < 9 { 1 } else { 5 }.max(minutes));
        let (mut calls, mut billed) = (0, 0);
        let lost = |id: &str| failing.is_some_and(|portion| id.len() == portion + 1);
        for _ in 0..60 {
            let portion = |at: usize| Arc::from("x".repeat(at / QUERIES + 1));
            let all: Vec<Key> = (0..instances * 12).map(|at| (portion(at), at)).collect();
            let due = answers.due(&all, |metric| every(metric % 12), |_| 1);
            for portion in due.chunks(QUERIES) {
                calls += 1;
                let fails = portion.iter().any(|(id, _)| lost(id));
                billed += if fails && !bills { 0 } else { portion.len() };
                answers.expect(portion);
                for key in portion {
                    if !fails || bills && !lost(&key.0) {
                        answers.take(key, Some(Datum { value: 1.0, at: 0.0 }));
                    }
                }
            }
            tokio::time::advance(Duration::from_mins(1)).await;
        }
        (calls, billed)
    }

    #[tokio::test(start_paused = true)]
    async fn a_portion_that_fails_costs_hardly_more() {
        for (instances, minutes) in [(10, 1), (10, 5), (100, 5), (130, 1)] {
            let (calls, billed) = hour(instances, minutes, None, false).await;
            for (portion, bills) in [(0, false), (instances * 12 / QUERIES, false), (0, true)] {
                let failing = hour(instances, minutes, Some(portion), bills).await;
                let most = |number: usize| number as f64 * 1.05;
                assert!(
                    failing.0 as f64 <= most(calls) && failing.1 as f64 <= most(billed),
                    "{instances} instances every {minutes} minutes: {failing:?}, healthy {:?}",
                    (calls, billed)
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_once_is_asked_again_before_its_time() {
        let mut answers = Answers::default();
        let all: Vec<Key> = (0..100).map(|metric| (Arc::from("a"), metric)).collect();
        let every = |metric: usize| Duration::from_mins(if metric < 99 { 1 } else { 60 });
        let due = answers.due(&all, every, |_| 1);
        answers.expect(&due);
        for key in due.iter().filter(|key| key.1 < 99) {
            answers.take(key, None);
        }
        assert!(answers.lacks(&all) && !answers.lacks(&all[..99]));
        tokio::time::advance(Duration::from_mins(1)).await;
        let due = answers.due(&all, every, |_| 1);
        assert!(due.contains(&(Arc::from("a"), 99)), "{}", due.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_of_several_queries_costs_as_many() {
        let mut answers = Answers::default();
        let all: Vec<Key> = (0..100).map(|metric| (Arc::from("a"), metric)).collect();
        let every = |metric: usize| Duration::from_mins(if metric < 99 { 1 } else { 60 });
        let mut asked = Vec::new();
        for _ in 0..5 {
            let due = answers.due(&all, every, |metric| if metric < 99 { 1 } else { 10 });
            answers.expect(&due);
            for key in due.iter().filter(|key| key.1 < 99) {
                answers.take(key, None);
            }
            asked.push(due.len());
            tokio::time::advance(Duration::from_mins(1)).await;
        }
        assert_eq!(asked, [100, 99, 100, 99, 100]);
    }
}
