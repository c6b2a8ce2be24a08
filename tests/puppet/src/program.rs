//! The orders of a puppet, as the text of a question.

use crate::imports::Import;

/// The function in which a puppet does what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `complete` and in `open-stream`.
    Call,
    /// In each `next` of a stream.
    Next,
    /// When its stream is dropped.
    Drop,
    /// In `cabi_post_return` of `complete`.
    PostReturn,
    /// In `describe`: the program is then the setting `program`.
    Describe,
}

impl Place {
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Call => 'o',
            Self::Next => 'n',
            Self::Drop => 'd',
            Self::PostReturn => 'p',
            Self::Describe => 's',
        }
    }
}

/// Steps of the puppet's own, by their numbers. Imports follow.
pub(crate) const OPERATIONS: [&str; 13] = [
    "stop",
    "spin",
    "recurse",
    "trap",
    "grow",
    "grow_table",
    "fill",
    "store",
    "again",
    "write",
    "load",
    "handle",
    "nothing",
];

/// An argument that stands for what the last step returned.
const LAST: u64 = 0x7fee_0000_0000_0000;
/// An argument that stands for the 32 bits at an address.
const AT: u64 = 0x7fed_0000_0000_0000;

/// A program, built step by step.
#[derive(Clone, Debug)]
pub struct Program(String);

impl Program {
    /// A program without steps.
    pub fn new(place: Place) -> Self {
        Self(place.letter().to_string())
    }

    /// The text of the question.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Ends.
    pub fn stop(self) -> Self {
        self.step("stop", &[])
    }

    /// Computes for ever.
    pub fn spin(self) -> Self {
        self.step("spin", &[])
    }

    /// Calls itself for ever.
    pub fn recurse(self) -> Self {
        self.step("recurse", &[])
    }

    /// Reaches what is unreachable.
    pub fn trap(self) -> Self {
        self.step("trap", &[])
    }

    /// Wants so many pages of memory more.
    pub fn grow(self, pages: u64) -> Self {
        self.step("grow", &[pages])
    }

    /// Wants so many elements of its table more.
    pub fn grow_table(self, elements: u64) -> Self {
        self.step("grow_table", &[elements])
    }

    /// Fills memory with a byte.
    pub fn fill(self, address: u64, length: u64, byte: u64) -> Self {
        self.step("fill", &[address, byte, length])
    }

    /// Stores 32 bits.
    pub fn store(self, address: u64, value: u64) -> Self {
        self.step("store", &[address, value])
    }

    /// Stores bytes.
    pub fn write(self, address: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let mut program = self.step("write", &[address, bytes.len() as u64]);
        for byte in bytes {
            program.digits(u64::from(*byte), 2);
        }
        program
    }

    /// Returns this handle instead of a stream.
    pub fn handle(self, handle: u64) -> Self {
        self.step("handle", &[handle])
    }

    /// Begins anew, so many times in all.
    pub fn again(self, times: u64) -> Self {
        self.step("again", &[times])
    }

    /// Calls the import at this place of [`imports`](crate::imports()). Arguments that are missing
    /// are 0.
    pub fn call(mut self, index: usize, import: &Import, arguments: &[u64]) -> Self {
        self.digits((OPERATIONS.len() + index) as u64, 4);
        for place in 0..import.params.len() {
            self.digits(arguments.get(place).copied().unwrap_or_default(), 16);
        }
        self
    }

    /// The argument that stands for what the last step returned.
    pub const fn last() -> u64 {
        LAST
    }

    /// The argument that stands for the 32 bits at an address.
    pub const fn at(address: u32) -> u64 {
        AT | address as u64
    }

    fn step(mut self, name: &str, arguments: &[u64]) -> Self {
        let number = OPERATIONS.iter().position(|known| *known == name).unwrap_or_default();
        self.digits(number as u64, 4);
        for argument in arguments {
            self.digits(*argument, 16);
        }
        self
    }

    fn digits(&mut self, value: u64, count: u32) {
        for place in (0..count).rev() {
            let digit = (value >> (4 * place)) & 0xf;
            self.0.push(char::from(b'a' + digit as u8));
        }
    }
}
