//! What was acknowledged survives SIGKILL.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aegis_core::IncidentId;
use aegis_core::port::Journal as _;
use aegis_sql::SqliteJournal;
use sqlx::{Connection as _, Row as _};

use crate::child::Running;

const SEEDS: u64 = 20;

/// SplitMix64: the same seed kills at the same count.
fn random(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    // One file for all seeds: a later child finds what the earlier ones left.
    let file = folder.path().join("aegis.db");
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut child = Running::start(&format!("commit s{seed:02}"), &file);
        let (count, spin) = (random(seed) % 400, random(!seed) % 2_000);
        // Every fifth one is killed wherever it is, the making of the file included.
        let blind = seed % 5 == 0;
        let mut note = |ack: String| {
            let (incident, seq) = ack.split_once(' ').unwrap();
            acknowledged.insert(incident.to_owned(), seq.parse().unwrap());
        };
        if !blind {
            for _ in 0..count {
                note(child.next("ack ").expect("the child ended by itself"));
            }
        }
        let moment = Instant::now();
        let spin = Duration::from_micros(if blind { spin * 20 } else { spin });
        while moment.elapsed() < spin {
            std::hint::spin_loop();
        }
        child.0.kill().unwrap();
        while let Some(ack) = child.next("ack ") {
            note(ack);
        }
        drop(child);

        let journal = SqliteJournal::create_or_open(&file).await.unwrap();
        for (incident, seq) in &acknowledged {
            let stored = journal.load(&IncidentId::new(incident)).await.unwrap();
            let stored = stored.unwrap_or_else(|| panic!("seed {seed}: {incident} is lost"));
            let seqs: Vec<u64> = stored.entries.iter().map(|e| e.seq).collect();
            let whole: Vec<u64> = (1..=stored.summary.seq).collect();
            assert_eq!(seqs, whole, "seed {seed}: the records of {incident} have a gap");
            let kept = stored.summary.seq;
            assert!(kept >= *seq, "seed {seed}: {incident} was at {seq} and is at {kept}");
        }
        journal.close().await;
        let url = format!("sqlite://{}", file.display());
        let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let check = sqlx::query("PRAGMA integrity_check").fetch_one(&mut raw).await.unwrap();
        assert_eq!(check.get::<String, _>(0), "ok", "seed {seed}");
    }
    let total: u64 = acknowledged.values().sum();
    assert!(total > 500, "only {total} commits were acknowledged, so little was shown");
}
