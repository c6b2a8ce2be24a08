//! Several sides of one case, measured in turns: each round asks all of them, and each round in
//! another order, so that a machine that is slow for a while is slow for all. What is told of a
//! side is its median round, and a ratio of two sides is the median of the rounds' own ratios: one
//! bad round decides nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mock_vendor::MockVendor;

use crate::load::{Clients, Question};
use crate::machine::Cores;
use crate::server::Server;
use crate::statistics::{median, percentile_us};

/// The extent of the measurements.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Of each side in each round.
    pub(crate) time: Duration,
    /// Before anything counts: connections to the vendor open, memory is touched.
    pub(crate) warm_up: Duration,
}

/// The server that is asked, and the question.
pub(crate) struct Side<'a> {
    pub(crate) name: String,
    pub(crate) address: &'a str,
    /// None: there is no process to measure but this one.
    pub(crate) server: Option<&'a Server>,
    /// Asked in turn.
    pub(crate) questions: Vec<Question>,
    /// Whom it asks.
    pub(crate) vendor: &'a MockVendor,
    /// The vendor's part in its answers.
    pub(crate) takes: Takes,
}

/// The vendor's part in an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A call of the vendor, each one.
    Call,
    /// Nothing of the vendor.
    Nothing,
}

/// The figures of one side.
pub(crate) struct Measured {
    pub(crate) name: String,
    rounds: Vec<Round>,
    /// The most memory of its process, in bytes.
    pub(crate) peak: Option<u64>,
}

/// The figures of one side in one round. Times are in microseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Round {
    pub(crate) per_second: f64,
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// Until the first token of a stream.
    pub(crate) first: Option<f64>,
    /// Of the server's processors, each request.
    pub(crate) cpu: Option<f64>,
    /// The share of its cores' time that the server used.
    pub(crate) busy: Option<f64>,
    /// The share of their cores' time that the vendor and the clients used, with whatever else ran
    /// there.
    pub(crate) load_busy: Option<f64>,
    /// The share of the servers' cores that something else used.
    pub(crate) foreign: Option<f64>,
}

impl Measured {
    pub(crate) fn median(&self, figure: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(figure))
    }

    /// The share of the servers' cores that something else used, of each round that has a server.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = f64> {
        self.rounds.iter().filter_map(|round| round.foreign)
    }

    /// This side's figure to the other's.
    pub(crate) fn ratio(
        &self,
        other: &Self,
        figure: impl Fn(&Round) -> Option<f64>,
    ) -> Option<f64> {
        let rounds = self.rounds.iter().zip(&other.rounds);
        median(rounds.filter_map(|(own, other)| Some(figure(own)? / figure(other)?)))
    }
}

/// Measures all sides with so many connections each.
pub(crate) async fn compare(
    plan: Plan,
    cores: &Cores,
    sides: &[Side<'_>],
    connections: usize,
) -> Result<Vec<Measured>> {
    let mut clients = Vec::new();
    for side in sides {
        let mut own = Clients::connect(side.address, connections).await?;
        own.run(&side.questions, plan.warm_up)
            .await
            .with_context(|| format!("{}, warming up", side.name))?;
        if let Some(server) = side.server {
            server.process().forget_peak();
        }
        clients.push(own);
    }
    let mut rounds: Vec<Vec<Round>> = sides.iter().map(|_| Vec::new()).collect();
    for round in 0..plan.rounds {
        for index in order(sides.len(), round) {
            rounds[index]
                .push(measure(&sides[index], &mut clients[index], plan.time, cores).await?);
        }
    }
    let peak = |side: &Side<'_>| side.server.and_then(|server| server.process().peak());
    let named = sides.iter().zip(rounds);
    Ok(named
        .map(|(side, rounds)| Measured { name: side.name.clone(), rounds, peak: peak(side) })
        .collect())
}

async fn measure(
    side: &Side<'_>,
    clients: &mut Clients,
    time: Duration,
    cores: &Cores,
) -> Result<Round> {
    let cpu = || side.server.and_then(|server| server.process().cpu());
    let (calls, before, usage) = (side.vendor.count(), cpu(), cores.usage());
    let mut sample = clients.run(&side.questions, time).await.with_context(|| side.name.clone())?;
    let used = cpu().zip(before).map(|(after, before)| (after - before).as_secs_f64());
    let usage = cores.usage().since(usage);
    let (calls, answers) = (side.vendor.count() - calls, sample.latencies.len());
    let expected = if side.takes == Takes::Call { answers } else { 0 };
    ensure!(calls == expected, "{}: {answers} answers took {calls} calls of the vendor", side.name);
    if let Some(server) = side.server {
        server.forget_log()?;
    }
    let seconds = sample.elapsed.as_secs_f64();
    let busy = used.map(|used| used / (seconds * cores.of_servers() as f64));
    Ok(Round {
        per_second: answers as f64 / seconds,
        p50: percentile_us(&mut sample.latencies, 0.5),
        p99: percentile_us(&mut sample.latencies, 0.99),
        first: percentile_us(&mut sample.firsts, 0.5),
        cpu: used.map(|used| used * 1e6 / answers.max(1) as f64),
        busy,
        load_busy: usage.load,
        foreign: usage.servers.zip(busy).map(|(all, own)| (all - own).max(0.0)),
    })
}

/// Every side once: one further on each round, and every second time around the other way.
fn order(sides: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sides).map(|place| (place + round) % sides).collect();
    if (round / sides) % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(per_second: &[f64]) -> Measured {
        let round = |per_second: &f64| Round { per_second: *per_second, ..Round::default() };
        Measured {
            name: "a side".into(),
            rounds: per_second.iter().map(round).collect(),
            peak: None,
        }
    }

    #[test]
    fn a_ratio_is_of_rounds_and_one_bad_round_decides_nothing() {
        let per_second = |round: &Round| Some(round.per_second);
        let (own, other) = (measured(&[80.0, 8.0, 1.0]), measured(&[100.0, 10.0, 10.0]));
        assert_eq!(own.ratio(&other, per_second), Some(0.8));
        assert_eq!(own.median(per_second), Some(8.0));
        assert_eq!(own.median(|round| round.cpu), None);
    }

    #[test]
    fn every_side_comes_first_in_its_turn() {
        let orders: Vec<_> = (0..6).map(|round| order(3, round)).collect();
        assert_eq!(orders[..3], [vec![0, 1, 2], vec![1, 2, 0], vec![2, 0, 1]]);
        assert_eq!(orders[3..], [vec![2, 1, 0], vec![0, 2, 1], vec![1, 0, 2]]);
    }
}
