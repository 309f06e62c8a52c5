//! SIGKILL, at every point and again while it recovers.

use std::collections::BTreeSet;

use super::plain::{self, Call};
use super::points::Plan;
use super::{Life, Plot, count, each, some};

const PLOTS: [Plot; 6] =
    [Plot::Plain, Plot::PlainHarm, Plot::Git, Plot::Harm, Plot::Hub, Plot::HubHarm];

#[test]
fn killed_at_any_point_it_goes_on_where_it_was_and_does_nothing_twice() {
    for plot in PLOTS {
        let points = plot.points();
        let tried = some(&points, count("AEGIS_CRASH_POINTS", 3));
        // What an outside write hangs on is tried each time.
        let always =
            ["submit before", "submit after", "merge before", "merge after", "revert after"];
        let always = points.iter().filter(|point| always.contains(&point.as_str()));
        let tried: BTreeSet<&String> = tried.into_iter().chain(always).collect();
        let number = tried.len();
        each(tried.into_iter().collect(), |point| {
            let life = Life::new(plot);
            assert!(life.dies(&Plan::dies(point)), "{plot:?}: {point} was not hit");
            life.whole(point);
        });
        let all = points.len();
        println!("{plot:?}: {number} of {all} points, each hit: no duplicate, none lost");
    }
}

#[test]
fn killed_again_and_again_also_while_it_recovers_it_does_nothing_twice() {
    let seeds = count("AEGIS_CRASH_SEEDS", 6) as u64;
    let deaths = std::sync::atomic::AtomicUsize::new(0);
    each((0..seeds).collect(), |seed| {
        let plot = PLOTS[seed as usize % PLOTS.len()];
        let seed = (seed / 6).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(std::process::id());
        let life = Life::new(plot);
        // One to four crashes, each a number of points after the start.
        for crash in 0..=seed % 4 {
            let after = (seed >> (8 * (crash + 1))) % 24;
            let died = life.dies(&Plan::dies_after(after));
            deaths.fetch_add(usize::from(died), std::sync::atomic::Ordering::Relaxed);
        }
        life.whole(&format!("{plot:?}, seed {seed:#x}"));
    });
    let deaths = deaths.into_inner();
    assert!(deaths > 0);
    println!("{seeds} seeds, {deaths} deaths: no duplicate, none lost");
}

/// The same remote, which says nothing that the journal does not know: the points at which that shows
/// are those at which a write was made and not yet recorded.
#[test]
fn without_a_look_at_the_remote_a_write_is_made_twice_where_its_answer_was_lost() {
    let mut cases = Vec::new();
    for call in [Call::Submit, Call::Merge, Call::Revert] {
        let name = call.name();
        cases.extend([
            (call, format!("{name} before"), 1),
            (call, format!("{name} after"), 2),
            (call, format!("commit answered {name} before"), 2),
            (call, format!("commit answered {name} after"), 1),
        ]);
    }
    each(cases, |(call, point, expected)| {
        let life = Life::new(Plot::Blind);
        assert!(life.dies(&Plan::dies(&point)), "{point} was not hit");
        let _ = life.run(None);
        let calls = plain::calls(life.folder());
        let times = calls.iter().filter(|made| **made == call).count();
        assert_eq!(times, expected, "{point}: {calls:?}");
    });
}
