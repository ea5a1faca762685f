//! The steps that are waited for.

use super::machine::{DENTRIES, ExperimentRun, Machine, OpEnd};
use super::op::Op;
use super::row::Step;
use oomsim_core::kernel::{FileAccess, MemOp};
use oomsim_core::node_api::CgroupWrite;
use oomsim_core::units::{Bytes, Pages, Pid};
use serde_json::Value;

/// Pages of its own text that a process needs again and again that makes files.
const FILES_TEXT: u64 = 16;
/// Kernel memory per ten full pipes, per ten pairs of AF_UNIX sockets, per TCP pair, per thousand negative directory
/// entries: pages (recordings kmem).
const TEN_PIPES: u64 = 166;
const TEN_UNIX: u64 = 593;
const TCP: u64 = 652;
/// 64 KiB into which a file is read, and what lies around it.
const FILE_BUFFER: Pages = Pages::new(17);
/// What is read into it at a time.
const REQUEST: Pages = Pages::new(16);
const THOUSAND_DENTRIES: u64 = 49;

/// A cgroup with less room than this is full.
pub const FULL: u64 = 192;

/// What the recorded program's objects cost a kernel, whose slabs are packed each in its own way: pages (recordings
/// kmem, fork).
pub struct Objects {
    /// For a thousand inodes of a tmpfs.
    pub thousand_inodes: u64,
    /// A child's stack, task and page directory beyond a copy of its parent's.
    pub child_kernel: u64,
    /// Pages of its parent's memory that a child writes to at once.
    pub child_copies: u64,
}

pub fn objects(version: &str) -> Objects {
    let (thousand_inodes, child_kernel, child_copies) = match version {
        "5.10" => (240, 2, 4),
        "6.1" => (258, 0, 4),
        "6.12" => (236, 2, 4),
        _ => (221, 1, 5),
    };
    Objects { thousand_inodes, child_kernel, child_copies }
}

impl Machine<'_> {
    /// Takes a step and notes how it ended.
    pub fn step(&mut self, index: usize, run: &mut ExperimentRun) {
        let step = &self.row.steps[index];
        match step.op {
            Op::Write => {
                if self.write(step) != step.errno.unwrap_or(0) {
                    run.wrong_writes.push(index);
                }
            }
            Op::Sample => self.run_jobs(index, run),
            Op::End => {}
            op if op.runs_on() => {}
            _ => {
                let Some(pid) = self.pid(&step.who) else { return };
                self.read_what_went(pid);
                self.read_back(pid);
                let end = match self.waited_for(step, pid) {
                    OpEnd::Done => self.go_on(pid),
                    other => other,
                };
                match end {
                    OpEnd::Done => {}
                    OpEnd::Dead => run.outcome.dead_steps.push(index),
                    OpEnd::Stuck => {
                        run.outcome.stuck.insert(step.who.clone());
                        self.give_up(pid);
                    }
                }
            }
        }
    }

    fn waited_for(&mut self, step: &Step, pid: Pid) -> OpEnd {
        let n = Pages::new(step.number(0));
        match step.op {
            Op::Touch => self.run(pid, MemOp::Touch { pages: n }),
            Op::TouchShm => self.run(pid, MemOp::TouchShmem { pages: n }),
            Op::TouchMlock => match self.run(pid, MemOp::Touch { pages: n }) {
                OpEnd::Done => self.run(pid, MemOp::Mlock { pages: n }),
                other => other,
            },
            Op::TouchAgain => {
                (0..step.number(1)).map(|_| self.again(pid)).find(|e| *e != OpEnd::Done).unwrap_or(OpEnd::Done)
            }
            Op::ReadFile => self.read(step, pid, FileAccess::Read),
            Op::MapFile => self.read(step, pid, FileAccess::Mmap),
            Op::WriteFile => self.write_file(step, pid),
            Op::Pageout => self.run(pid, MemOp::Pageout { pages: n }),
            Op::Pipes => self.run(pid, MemOp::HoldKernel { pages: Pages::new(n.get() * TEN_PIPES / 10) }),
            Op::UnixSockets => self.run(pid, MemOp::HoldKernel { pages: Pages::new(n.get() * TEN_UNIX / 10) }),
            Op::TcpSockets => self.run(pid, MemOp::HoldKernel { pages: n * TCP }),
            Op::CreateFiles => {
                self.set_hot(pid, self.text, FILES_TEXT, 1);
                let each = objects(&self.sim.kernel.profile().version).thousand_inodes;
                self.run(pid, MemOp::LeaveKernel { pages: Pages::new(step.number(1) * each / 1000) })
            }
            Op::NegativeDentries => {
                let pages = Pages::new(step.number(1) * THOUSAND_DENTRIES / 1000);
                let volume = self.file(DENTRIES, self.sim.now.as_nanos());
                let from = self.sim.kernel.volume_pages(volume).0;
                self.run(pid, MemOp::ReadFile { file: volume, from, pages, how: FileAccess::Write })
            }
            Op::FreeLast => {
                let (size, resident) = (n.bytes(), n);
                let mapping = oomsim_core::kernel::Mapping::PRIVATE;
                self.run(pid, MemOp::Unmap { size, mapping, resident })
            }
            // Huge pages come from a pool that no cgroup is charged for; the others are not waited for.
            _ => OpEnd::Done,
        }
    }

    /// What was swapped out of the last mapping is used again.
    fn again(&mut self, pid: Pid) -> OpEnd {
        let pages = self.sim.kernel.process(pid).map_or(Pages::ZERO, |p| p.swapents());
        self.run(pid, MemOp::SwapIn { pages })
    }

    /// The buffer into which a process reads files, made when it first does.
    fn buffer(&mut self, pid: Pid) {
        if self.buffers.insert(pid) {
            self.run(pid, MemOp::Touch { pages: FILE_BUFFER });
        }
    }

    fn read(&mut self, step: &Step, pid: Pid, how: FileAccess) -> OpEnd {
        let file = self.file(step.path(), step.number(1));
        let (mut from, mut pages) = (Pages::new(step.number(1)), Pages::new(step.number(2)));
        if how == FileAccess::Read && self.sim.kernel.profile().file_folios && !self.buffers.contains(&pid) {
            // The buffer comes in with the first request.
            let first = REQUEST.min(pages);
            match self.run(pid, MemOp::ReadFile { file, from, pages: first, how }) {
                OpEnd::Done => (from, pages) = (from + first, pages - first),
                end => return end,
            }
        }
        self.buffer(pid);
        self.run(pid, MemOp::ReadFile { file, from, pages, how })
    }

    fn write_file(&mut self, step: &Step, pid: Pid) -> OpEnd {
        self.buffer(pid);
        let pages = Pages::new(step.number(1));
        if step.path().starts_with("/tmpfs") {
            let volume = self.tmpfs(step.path());
            return self.run(pid, MemOp::WriteTmpfs { volume, pages });
        }
        let file = self.file(step.path(), 0);
        self.run(pid, MemOp::WriteFile { file, from: Pages::ZERO, pages })
    }

    /// A write to a cgroup file; the error number.
    fn write(&mut self, step: &Step) -> i32 {
        let Some(cgroup) = self.sim.kernel.find(&step.cgroup) else { return 2 };
        let value = match &step.value {
            Some(Value::Number(n)) => n.as_u64(),
            Some(Value::String(text)) if text == "max" => Some(u64::MAX),
            Some(Value::String(text)) => text.split(' ').next().and_then(|n| n.parse().ok()),
            _ => None,
        };
        let bytes = Bytes::new(value.unwrap_or(0));
        let some = |file: &str| (step.file == file).then_some(bytes);
        let result = match step.file.as_str() {
            "memory.reclaim" => self.sim.kernel.reclaim_on_request(cgroup, bytes.to_pages_floor()),
            _ => {
                let write = CgroupWrite {
                    max: some("memory.max"),
                    high: some("memory.high"),
                    low: some("memory.low"),
                    min: some("memory.min"),
                    swap_max: some("memory.swap.max"),
                    ..CgroupWrite::default()
                };
                self.sim.kernel.write(self.sim.now, cgroup, &write)
            }
        };
        self.sim.collect();
        match result {
            Ok(()) => 0,
            Err(oomsim_core::kernel::Errno::ENOENT) => 2,
            Err(oomsim_core::kernel::Errno::EAGAIN) => 11,
            Err(_) => 22,
        }
    }
}
