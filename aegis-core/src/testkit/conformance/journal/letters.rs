//! Messages for whoever drives an incident.

use std::sync::Arc;

use super::fixture::{LONG, Says, batch, driven, symptom};
use crate::error::ErrorKind;
use crate::machine::{Phase, Record, Said};
use crate::port::{Batch, Journal, MOST_LETTERS, Message};

fn word(by: &str) -> Message {
    Message::Person { by: by.to_owned(), said: Said::Resume }
}

/// What is left for an incident waits for whoever drives it, and for nobody else.
pub async fn messages_reach_the_driver(journal: Arc<dyn Journal>) {
    let says = Says("a message for an incident that is not open is NotFound");
    says.fails(journal.tell(&"nobody".into(), word("a")).await, ErrorKind::NotFound);

    let says = Says("messages come to the driver whole, numbered upwards, the oldest first");
    let lease = driven(&*journal, &says, "a", "shop").await;
    let joined = Message::Joined(Box::new(symptom("other \"one\"\n", 7)));
    let sent = [word("ann"), joined, Message::Resolved];
    let mut numbers = Vec::new();
    for message in &sent {
        numbers.push(says.ok(journal.tell(&"a".into(), message.clone()).await));
    }
    says.same(numbers.is_sorted_by(|a, b| a < b), true);
    let waiting = says.ok(journal.letters("driver", 10).await);
    let same = waiting.iter().zip(&sent).all(|(letter, message)| letter.message == *message);
    says.same((waiting.len(), same), (3, true));
    says.same(waiting.iter().map(|letter| letter.number).collect(), numbers);
    says.same(says.ok(journal.letters("driver", 2).await).len(), 2);
    says.same(says.ok(journal.letters("another", 10).await), vec![]);

    let says = Says("they go with the incident to the next driver");
    says.ok(journal.release(&lease).await);
    says.same(says.ok(journal.letters("driver", 10).await), vec![]);
    says.same(says.ok(journal.claim("next", &[], LONG, 1).await).len(), 1);
    says.same(says.ok(journal.letters("next", 10).await).len(), 3);

    let says = Says("a message beyond the bound is Exhausted, and changes nothing");
    for n in 3..MOST_LETTERS {
        says.ok(journal.tell(&"a".into(), word(&n.to_string())).await);
    }
    says.fails(journal.tell(&"a".into(), word("late")).await, ErrorKind::Exhausted);
    says.same(says.ok(journal.letters("next", 1_000).await).len(), MOST_LETTERS);
}

/// A message waits until a commit answers it, and is answered by one commit alone.
pub async fn messages_are_answered_once(journal: Arc<dyn Journal>) {
    let says = Says("a commit that answers a message takes it away with what it writes");
    let lease = driven(&*journal, &says, "a", "shop").await;
    let first = says.ok(journal.tell(&"a".into(), word("ann")).await);
    let second = says.ok(journal.tell(&"a".into(), word("bob")).await);
    let answer = |seq, letters: &[u64]| Batch {
        letters: letters.to_vec(),
        ..batch(&lease, seq, Phase::Drafting, vec![Record::Resolved])
    };
    says.same(says.ok(journal.commit(answer(1, &[first])).await), 2);
    let left: Vec<u64> =
        says.ok(journal.letters("driver", 9).await).iter().map(|letter| letter.number).collect();
    says.same(left, vec![second]);

    let says = Says("a message that was answered is Conflict, and nothing of that commit stays");
    says.fails(journal.commit(answer(2, &[second, first])).await, ErrorKind::Conflict);
    says.same(says.ok(journal.letters("driver", 9).await).len(), 1);
    says.same(says.ok(journal.commit(answer(2, &[])).await), 3);

    let says = Says("messages that nobody answered go when their incident closes");
    let close = batch(&lease, 3, Phase::Abandoned, vec![Record::Resolved]);
    says.ok(journal.commit(close).await);
    says.same(says.ok(journal.letters("driver", 9).await), vec![]);
    says.fails(journal.tell(&"a".into(), word("late")).await, ErrorKind::NotFound);
}
