//! What a power cut leaves is a matter of choices: which sectors made it, which names, which
//! length.
//!
//! Who decides is exchangeable: nobody (nothing made it), everybody, a seed, or one after the other
//! every combination there is.

/// One question that a power cut asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Which version of a sector is on the disk: 0 the last synced one, then each written since, in
    /// order.
    Sector,
    /// Which length a file has: 0 the last synced one, then each since, in order.
    Length,
    /// How many of the unsynced changes of names were made, from the oldest on.
    NamesPrefix,
    /// Whether one unsynced change of a name was made.
    NameChange,
    /// What a never written sector holds: 0 zeros, 1 noise, 2 and above a stale sector of the disk.
    Filler,
}

/// Answers the questions of a power cut.
pub trait Choices {
    /// A number below `options`, which is at least 1.
    fn choose(&mut self, choice: Choice, options: usize) -> usize;
}

/// Nothing that was not synced is on the disk.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Choices for Nothing {
    fn choose(&mut self, _: Choice, _: usize) -> usize {
        0
    }
}

/// Everything that was written is on the disk, synced or not.
#[derive(Debug, Clone, Copy)]
pub struct Everything;

impl Choices for Everything {
    fn choose(&mut self, _: Choice, options: usize) -> usize {
        options - 1
    }
}

/// A small generator of numbers that are the same for the same seed, everywhere (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize fits");
        usize::try_from(self.number() % bound).expect("it is below a usize")
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// How a seeded power cut treats sectors: real ones lose few, most, or the tail.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Even,
    MostlyWritten,
    MostlyLost,
    /// Written up to some sector, lost after it.
    Tail {
        cut: bool,
    },
}

/// Decides by a seed; the same seed on the same state gives the same image.
#[derive(Debug, Clone)]
pub struct Seeded {
    chance: Chance,
    manner: Manner,
}

impl Seeded {
    /// The choices of this seed.
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let manner = match chance.below(5) {
            0 | 1 => Manner::Even,
            2 => Manner::MostlyWritten,
            3 => Manner::MostlyLost,
            _ => Manner::Tail { cut: false },
        };
        Self { chance, manner }
    }
}

impl Choices for Seeded {
    fn choose(&mut self, choice: Choice, options: usize) -> usize {
        let newest = options - 1;
        match choice {
            Choice::Sector => match &mut self.manner {
                Manner::Even => self.chance.below(options),
                Manner::MostlyWritten if self.chance.once_in(12) => self.chance.below(options),
                Manner::MostlyWritten => newest,
                Manner::MostlyLost if self.chance.once_in(12) => self.chance.below(options),
                Manner::MostlyLost => 0,
                Manner::Tail { cut } => {
                    *cut |= self.chance.once_in(6);
                    if *cut { 0 } else { newest }
                }
            },
            Choice::Length | Choice::NamesPrefix if self.chance.once_in(2) => newest,
            Choice::Length | Choice::NamesPrefix | Choice::NameChange | Choice::Filler => {
                self.chance.below(options)
            }
        }
    }
}

/// Every combination, one after the other: an odometer with as many wheels as there are questions.
#[derive(Debug, Clone, Default)]
pub struct Exhaustive {
    wheels: Vec<(usize, usize)>,
    at: usize,
}

impl Exhaustive {
    /// Begins with the combination in which every answer is 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Turns to the next combination; false when all have been.
    pub fn advance(&mut self) -> bool {
        self.wheels.truncate(self.at);
        self.at = 0;
        while let Some((value, options)) = self.wheels.pop() {
            if value + 1 < options {
                self.wheels.push((value + 1, options));
                return true;
            }
        }
        false
    }
}

impl Choices for Exhaustive {
    fn choose(&mut self, _: Choice, options: usize) -> usize {
        if self.at == self.wheels.len() {
            self.wheels.push((0, options));
        }
        let (value, _) = self.wheels[self.at];
        self.at += 1;
        value
    }
}
