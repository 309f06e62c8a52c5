//! The scenarios that the shop plays, and how each of their incidents should end.

use aegis_core::machine::Phase;

/// One scenario; they are played in the order of [`Scenario::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// Three crash bugs at once.
    CrashBugs,
    /// A fix that makes production worse, and the same diff offered for another error.
    Trap,
    /// A fix that changes nothing.
    Futile,
    /// A bug that no template can mend.
    NoTemplate,
    /// The same, where a model writes fixes as well; played in its place.
    Model,
    /// Trouble that is no bug of the code.
    FullPool,
    /// An error that comes and goes.
    Flapping,
    /// A freeze of merges.
    Freeze,
    /// The kill switch.
    KillSwitch,
    /// A fix that a person must approve.
    Approve,
    /// A fix that a person must merge.
    Propose,
    /// A spent budget.
    Budget,
    /// Ten thousand traces of one error.
    StormOfOne,
    /// Five hundred different errors at once, and a fix that waits for their end.
    Storm,
    /// A person's release that raises `None` on a hot path.
    RaisesNone,
    /// A person's release that takes twice as long.
    LatencyTwice,
    /// A person's release that takes 1.3 times as long.
    LatencyThird,
    /// A person's release that takes ever longer.
    SlowRamp,
    /// A person's release that is slow until its cache is warm.
    ColdCache,
}

/// One incident of a scenario: what it is called in the report, how it should end, and how many of its
/// fixes should have been merged by then.
pub type Expected = (&'static str, Phase, usize);

impl Scenario {
    /// All of them but [`Model`](Self::Model), in the order in which they are played. People's releases come last: for a quarter
    /// of an hour after one, an error that nobody had seen is blamed on it.
    pub const ALL: [Self; 18] = [
        Self::CrashBugs,
        Self::Trap,
        Self::Futile,
        Self::NoTemplate,
        Self::FullPool,
        Self::Flapping,
        Self::Freeze,
        Self::KillSwitch,
        Self::Approve,
        Self::Propose,
        Self::Budget,
        Self::StormOfOne,
        Self::Storm,
        Self::RaisesNone,
        Self::LatencyTwice,
        Self::LatencyThird,
        Self::SlowRamp,
        Self::ColdCache,
    ];

    /// What it is called on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrashBugs => "crash-bugs",
            Self::Trap => "trap",
            Self::Futile => "futile",
            Self::NoTemplate => "no-template",
            Self::Model => "model",
            Self::FullPool => "full-pool",
            Self::Flapping => "flapping",
            Self::Freeze => "freeze",
            Self::KillSwitch => "kill-switch",
            Self::Approve => "approve",
            Self::Propose => "propose",
            Self::Budget => "budget",
            Self::Storm => "storm",
            Self::StormOfOne => "storm-one-error",
            Self::RaisesNone => "release-raises-none",
            Self::LatencyTwice => "release-latency-x2",
            Self::LatencyThird => "release-latency-x1.3",
            Self::SlowRamp => "release-slow-ramp",
            Self::ColdCache => "release-cold-cache",
        }
    }

    /// The scenario of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = Self::ALL.into_iter().chain([Self::Model]);
        all.into_iter().find(|scenario| scenario.name() == name)
    }

    /// What a person watching reads when it begins.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::CrashBugs => "three crash bugs at once; the answer to the first merge gets lost",
            Self::Trap => "a fix that is right by every test, and makes production worse",
            Self::Futile => "a fix that is merged and changes nothing",
            Self::NoTemplate => "a bug that no template can mend",
            Self::Model => "a bug that no template can mend, and a model that can",
            Self::FullPool => "a full connection pool: no bug of the code",
            Self::Flapping => "an error that comes back after every fix",
            Self::Freeze => "a fix in a freeze of merges",
            Self::KillSwitch => "a fix while the kill switch is thrown",
            Self::Approve => "a fix that a person must approve (sizes raise IndexError)",
            Self::Propose => "a fix that a person must merge (payments are never automatic)",
            Self::Budget => "a fix when the day's budget of merges is spent",
            Self::Storm => "500 different errors at once, and a fix that is ready",
            Self::StormOfOne => "10,000 traces of one error",
            Self::RaisesNone => "a person's release raises None on a hot path",
            Self::LatencyTwice => "a person's release takes twice as long",
            Self::LatencyThird => "a person's release takes 1.3 times as long",
            Self::SlowRamp => "a person's release takes longer with every request",
            Self::ColdCache => "a person's release starts with a cold cache",
        }
    }

    /// The incidents that it should leave.
    #[must_use]
    pub const fn expected(self) -> &'static [Expected] {
        match self {
            Self::CrashBugs => &[
                ("crash-bugs", Phase::Healed, 1),
                ("crash-bugs", Phase::Healed, 1),
                ("crash-bugs", Phase::Healed, 1),
            ],
            Self::Trap => {
                &[("trap", Phase::RolledBack, 1), ("trap-again", Phase::AwaitingHuman, 0)]
            }
            Self::Futile => &[("futile", Phase::RolledBack, 1)],
            Self::NoTemplate => &[("no-template", Phase::AwaitingHuman, 0)],
            Self::Model => &[("model", Phase::Healed, 1)],
            Self::FullPool => &[("full-pool", Phase::AwaitingHuman, 0)],
            Self::Flapping => &[("flapping", Phase::AwaitingHuman, 2)],
            Self::Freeze => &[("freeze", Phase::Healed, 1)],
            Self::KillSwitch => &[("kill-switch", Phase::Healed, 1)],
            Self::Approve => &[("approve", Phase::Healed, 1)],
            Self::Propose => &[("propose", Phase::Healed, 1)],
            Self::Budget => &[("budget", Phase::Healed, 1)],
            Self::Storm => &[("bug-in-storm", Phase::Healed, 1), ("storm", Phase::SelfResolved, 0)],
            Self::StormOfOne => &[("storm-one-error", Phase::AwaitingHuman, 0)],
            Self::RaisesNone => &[("release-raises-none", Phase::RolledBack, 0)],
            Self::LatencyTwice => &[("release-latency-x2", Phase::RolledBack, 0)],
            Self::LatencyThird => &[("release-latency-x1.3", Phase::RolledBack, 0)],
            Self::SlowRamp => &[("release-slow-ramp", Phase::RolledBack, 0)],
            Self::ColdCache => &[("release-cold-cache", Phase::Kept, 0)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name() {
        for scenario in Scenario::ALL.into_iter().chain([Scenario::Model]) {
            assert_eq!(Scenario::from_name(scenario.name()), Some(scenario));
        }
    }
}
