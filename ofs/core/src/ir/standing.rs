//! What partitions told of keys and still stands, from decision to decision.

use hashbrown::HashMap;

use super::wire::{Corrupt, Decoded};
use crate::ops::census::Running;
use crate::ops::chain::Runs;
use crate::ops::joined::Joined;

/// A key of a group, under its pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    pub pins: &'a [u8],
    pub group: u32,
    pub key: &'a str,
}

/// Of one subject.
#[derive(Debug)]
pub struct Standing<'a> {
    pins: &'a [u8],
    /// By the places of IRs.
    tallies: Vec<Option<Running<'a>>>,
    /// By window and rank.
    runs: Vec<(usize, u32, Runs<'a>)>,
    /// By window.
    joined: Vec<Joined<'a>>,
}

/// Of all subjects of which anything stands.
#[derive(Debug, Default)]
pub struct Ledger<'a> {
    standings: Vec<Standing<'a>>,
    places: HashMap<(u32, &'a str), Vec<usize>>,
}

impl<'a> Ledger<'a> {
    /// The place of a subject's standing, which is opened by need.
    pub fn place(&mut self, subject: Subject<'a>) -> usize {
        let Ledger { standings, places } = self;
        let known = places.entry((subject.group, subject.key)).or_default();
        let found = known.iter().find(|place| standings.get(**place).is_some_and(|known| known.pins == subject.pins));
        if let Some(place) = found {
            return *place;
        }
        known.push(standings.len());
        standings.push(Standing { pins: subject.pins, tallies: Vec::new(), runs: Vec::new(), joined: Vec::new() });
        standings.len() - 1
    }

    pub fn get(&mut self, place: usize) -> Decoded<&mut Standing<'a>> {
        self.standings.get_mut(place).ok_or(Corrupt)
    }
}

impl<'a> Standing<'a> {
    pub fn tally(&mut self, ir: usize, is_ranked: bool) -> Decoded<&mut Running<'a>> {
        if self.tallies.len() <= ir {
            self.tallies.resize_with(ir + 1, || None);
        }
        let tally = self.tallies.get_mut(ir).ok_or(Corrupt)?;
        Ok(tally.get_or_insert_with(|| Running::new(is_ranked)))
    }

    pub fn runs(&mut self, window: usize, rank: u32) -> Decoded<&mut Runs<'a>> {
        let known = self.runs.iter().position(|(known, other, _)| (*known, *other) == (window, rank));
        let place = known.unwrap_or_else(|| {
            self.runs.push((window, rank, Runs::default()));
            self.runs.len() - 1
        });
        self.runs.get_mut(place).map(|(_, _, runs)| runs).ok_or(Corrupt)
    }

    /// What is known of the runs of a window, if all of them stand.
    pub fn joined(&mut self, window: usize) -> Decoded<&mut Joined<'a>> {
        if self.joined.len() <= window {
            self.joined.resize_with(window + 1, Joined::default);
        }
        self.joined.get_mut(window).ok_or(Corrupt)
    }

    /// Those of a window, each with its rank.
    pub fn runs_of(&self, window: usize) -> impl Iterator<Item = (u32, &Runs<'a>)> {
        self.runs.iter().filter(move |(known, ..)| *known == window).map(|(_, rank, runs)| (*rank, runs))
    }
}
