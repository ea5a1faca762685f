//! Standard input that may stay open, as of `journalctl -f |`: a read that would wait says so.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Bytes that are read at once.
const BLOCK: usize = 256 << 10;
/// Blocks that wait to be taken.
const BLOCKS: usize = 4;
/// Nothing has come for as long: a writer that goes on at once is not waited for in vain.
const PAUSE: Duration = Duration::from_millis(500);

/// Reads standard input; [`io::ErrorKind::WouldBlock`] when nothing comes for half a second.
pub struct Live {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: io::Cursor<Vec<u8>>,
}

impl Live {
    /// Begins to read.
    pub fn stdin() -> Live {
        let (send, blocks) = sync_channel(BLOCKS);
        std::thread::spawn(move || {
            let mut input = io::stdin().lock();
            loop {
                let mut block = vec![0; BLOCK];
                let read = match input.read(&mut block) {
                    Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                    read => read.map(|n| {
                        block.truncate(n);
                        block
                    }),
                };
                let last = !matches!(&read, Ok(block) if !block.is_empty());
                if send.send(read).is_err() || last {
                    break;
                }
            }
        });
        Live { blocks, block: io::Cursor::default() }
    }
}

impl Read for Live {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.block.position() >= self.block.get_ref().len() as u64 {
            self.block = match self.blocks.recv_timeout(PAUSE) {
                Ok(block) => io::Cursor::new(block?),
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            };
        }
        self.block.read(out)
    }
}
