//! The recordings' small workload language.

use std::fmt;

/// One instruction of a program, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Maps blocks, touches a part of each, sleeps after each, until the total is mapped.
    Anon {
        /// Bytes of a block.
        block: u64,
        /// Sleep after a block.
        pause_ms: u64,
        /// Percent of a block's pages that are touched.
        percent: u64,
        /// Bytes mapped in all.
        total: u64,
    },
    /// Appends to a file in tmpfs.
    Tmpfs {
        /// Bytes at a time.
        block: u64,
        /// Sleep after a block.
        pause_ms: u64,
        /// Bytes in all.
        total: u64,
        /// The file.
        path: String,
    },
    /// Writes a file on disk.
    Write {
        /// Bytes at a time.
        block: u64,
        /// Sleep after a block.
        pause_ms: u64,
        /// Bytes in all.
        total: u64,
        /// The file.
        path: String,
    },
    /// Reads part of a file, several times.
    Read {
        /// Bytes at a time.
        block: u64,
        /// Sleep after a block.
        pause_ms: u64,
        /// Bytes of one pass.
        total: u64,
        /// First byte.
        offset: u64,
        /// Number of times the file is read.
        passes: u64,
        /// The file.
        path: String,
    },
    /// Maps part of a file and touches every page.
    Map {
        /// Bytes.
        len: u64,
        /// First byte.
        offset: u64,
        /// The file.
        path: String,
    },
    /// Unmaps the first blocks; zero: all.
    Free(u64),
    /// Waits for T0.
    Go,
    /// Waits.
    Sleep(u64),
    /// Waits until this many milliseconds after T0.
    Until(u64),
    /// Removes a file.
    Unlink(String),
    /// Exits.
    Exit(i32),
    /// Idles for ever.
    Hold,
}

/// Most bytes of one instruction: more than any node has.
const MOST_BYTES: u64 = 1 << 44;
/// Most blocks of one instruction: a GiB page by page, four times.
const MOST_BLOCKS: u64 = 1 << 20;
/// Length of a part of a mapping that is touched at once.
pub const MAP_CHUNK: u64 = 4 << 20;

/// Why a program is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramError {
    /// There is no such instruction.
    UnknownInstruction(String),
    /// An instruction asks for more than any node could do.
    TooLarge {
        /// The instruction.
        instruction: String,
        /// The last byte that it reaches.
        bytes: u64,
        /// In how many blocks.
        blocks: u64,
    },
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramError::UnknownInstruction(word) => write!(f, "unknown instruction {word}"),
            ProgramError::TooLarge { instruction, bytes, blocks } => {
                write!(f, "{instruction} is too large: {bytes} bytes in {blocks} blocks")
            }
        }
    }
}

impl std::error::Error for ProgramError {}

/// Parses a program.
///
/// # Errors
/// The first instruction that is not known, or that asks for more than any node could do.
pub fn parse(text: &str) -> Result<Vec<Op>, ProgramError> {
    let one = |word: &str| {
        let op = op(word).ok_or_else(|| ProgramError::UnknownInstruction(word.to_owned()))?;
        let (bytes, blocks) = op.extent();
        if bytes > MOST_BYTES || blocks > MOST_BLOCKS {
            return Err(ProgramError::TooLarge { instruction: word.to_owned(), bytes, blocks });
        }
        Ok(op)
    };
    text.split_whitespace().map(one).collect()
}

impl Op {
    /// The last byte it reaches, and in how many blocks.
    fn extent(&self) -> (u64, u64) {
        match self {
            Op::Anon { block, total, .. } | Op::Tmpfs { block, total, .. } | Op::Write { block, total, .. } => {
                ((*total).max(*block), total.div_ceil(*block))
            }
            Op::Read { block, total, offset, passes, .. } => {
                (offset.saturating_add(*total).max(*block), total.div_ceil(*block).saturating_mul(*passes))
            }
            Op::Map { len, offset, .. } => (offset.saturating_add(*len), len.div_ceil(MAP_CHUNK)),
            _ => (0, 0),
        }
    }
}

fn op(word: &str) -> Option<Op> {
    let mut parts = word.split(':');
    let name = parts.next()?;
    let rest: Vec<&str> = parts.collect();
    let n = |i: usize| rest.get(i)?.parse::<u64>().ok();
    let path = |i: usize| rest.get(i).map(|_| rest[i..].join(":"));
    Some(match name {
        "anon" => Op::Anon { block: some(n(0)?)?, pause_ms: n(1)?, percent: n(2)?.min(100), total: n(3)? },
        "shm" => Op::Tmpfs { block: some(n(0)?)?, pause_ms: n(1)?, total: n(2)?, path: path(3)? },
        "wr" => Op::Write { block: some(n(0)?)?, pause_ms: n(1)?, total: n(2)?, path: path(3)? },
        "rd" => Op::Read {
            block: some(n(0)?)?,
            pause_ms: n(1)?,
            total: n(2)?,
            offset: n(3)?,
            passes: n(4)?,
            path: path(5)?,
        },
        "mapf" => Op::Map { len: n(0)?, offset: n(1)?, path: path(2)? },
        "free" => Op::Free(n(0)?),
        "go" => Op::Go,
        "sleep" => Op::Sleep(n(0)?),
        "until" => Op::Until(n(0)?),
        "unlink" => Op::Unlink(path(0)?),
        "exit" => Op::Exit(rest.first()?.parse().ok()?),
        "hold" => Op::Hold,
        _ => return None,
    })
}

fn some(n: u64) -> Option<u64> {
    (n > 0).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_program_is_read() {
        // s1-F09-004, container w.
        let ops = parse("go shm:2097152:67:367001600:/v/f sleep:15000 unlink:/v/f hold").unwrap();
        assert_eq!(ops[1], Op::Tmpfs { block: 2 << 20, pause_ms: 67, total: 350 << 20, path: "/v/f".into() });
        assert_eq!(ops[2..], [Op::Sleep(15000), Op::Unlink("/v/f".into()), Op::Hold]);
        assert!(parse("anon:0:1:100:5").is_err());
        assert!(parse("fly").is_err());
        assert!(parse("shm:1:0:1099511627776:/v/f").is_err_and(|why| matches!(why, ProgramError::TooLarge { .. })));
        assert!(parse("mapf:4096:18446744073709551615:/x").is_err());
    }
}
