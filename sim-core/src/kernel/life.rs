//! Processes come and go: spawn, fork, signals, exit.

use super::api::{Delivery, Disposition, Errno, SpawnSpec, disposition};
use super::cgroup::{Charge, PageKind, Purpose};
use super::process::{Process, State};
use super::volume::Volume;
use super::{Kernel, overcommit};
use crate::node_api::{ExitStatus, Signal, Signo};
use crate::units::{Pages, Pid, SimTime};

/// Kernel memory of a process that the OOM killer chose, until its parent waits for it (recordings fork: 3.4 to 4.6
/// pages).
const ZOMBIE: Pages = Pages::new(4);

impl Kernel {
    /// Starts a process with its footprint charged to its cgroup.
    ///
    /// # Errors
    /// ENOENT: no such cgroup. EEXIST: the explicit pid is in use. ENOMEM: the footprint is refused by overcommit mode
    /// 2 or does not fit in the cgroup even after reclaim; its OOM killer may have run, see the signals.
    pub fn spawn(&mut self, now: SimTime, spec: &SpawnSpec) -> Result<Pid, Errno> {
        if !self.exists(spec.cgroup) {
            return Err(Errno::ENOENT);
        }
        let pid = self.new_pid(spec.pid)?;
        let process = Process::new(pid, spec);
        let request = spec.footprint.data_vm;
        if !self.commit_granted(&process, request) {
            return Err(Errno::ENOMEM);
        }
        self.committed += request;
        self.enter(process);
        let f = spec.footprint;
        let fits =
            self.charge_kernel(now, pid, f.kernel, f.pgtables) && self.charge_all(now, pid, Purpose::Anon, f.anon);
        self.settle(now, pid, fits)
    }

    /// `fork`: the child has the parent's memory copy-on-write, its own page tables, stack, and its own commit charge.
    ///
    /// # Errors
    /// ESRCH: no such process, or it is dying. ENOMEM: overcommit refuses, or the page tables do not fit.
    pub fn fork(&mut self, now: SimTime, parent: Pid) -> Result<Pid, Errno> {
        let template = self.procs.get(&parent).filter(|p| p.is_running()).ok_or(Errno::ESRCH)?;
        let granted = match self.config.sysctl.overcommit_memory {
            // Mode 0 looks at each mapping by itself (kernel/fork.c dup_mmap).
            0 => self.commit_granted(template, template.largest_mapping),
            _ => self.commit_granted(template, template.accounted),
        };
        if !granted {
            return Err(Errno::ENOMEM);
        }
        let child = self.new_pid(None)?;
        let template = &self.procs[&parent];
        let (kernel, pgtables, process) = (template.kernel, template.pgtables, template.forked(child));
        self.committed += process.accounted;
        if let Some(volume) = process.rare().shmem
            && let Some(Volume::Shmem { mappers, .. }) = self.volumes.get_mut(volume.index())
        {
            *mappers += 1;
        }
        for (file, _) in &process.rare().files {
            if let Some(Volume::File { mappers, .. }) = self.volumes.get_mut(file.index()) {
                mappers.push(child);
            }
        }
        self.enter(process);
        self.share_anon(parent, child);
        let fits = self.charge_kernel(now, child, kernel, pgtables);
        self.settle(now, child, fits)
    }

    /// Sends a signal. Death is announced by `Signal::Dying`; the memory stays charged until [`Kernel::finish_exit`].
    pub fn kill(&mut self, _now: SimTime, pid: Pid, sig: Signo) -> Delivery {
        let Some(process) = self.procs.get(&pid) else { return Delivery::NoSuchProcess };
        if !process.is_running() {
            return Delivery::Dying;
        }
        match disposition(sig, process.term, process.hup) {
            Disposition::Ignore => Delivery::Ignored,
            Disposition::Handle => Delivery::Handled,
            Disposition::Default => {
                self.begin_exit(pid, ExitStatus::Signal(sig), false);
                Delivery::Dying
            }
        }
    }

    /// The process exits by itself. Death is announced by `Signal::Dying`.
    pub fn exit(&mut self, _now: SimTime, pid: Pid, code: i32) {
        if self.procs.get(&pid).is_some_and(Process::is_running) {
            self.begin_exit(pid, ExitStatus::Code(code), false);
        }
    }

    /// Marks a process dying and says so; a process already dying only becomes an OOM victim.
    pub(super) fn begin_exit(&mut self, pid: Pid, status: ExitStatus, oom: bool) {
        let Some(process) = self.procs.get_mut(&pid) else { return };
        self.oom_victims += u32::from(oom && !process.is_oom_victim());
        match &mut process.state {
            State::Running => {
                process.state = State::Dying { status, oom_victim: oom };
                self.signals.push(Signal::Dying { pid, status, oom });
            }
            State::Dying { oom_victim, .. } => *oom_victim |= oom,
        }
    }

    /// The exit is complete: memory is freed, the process is gone, and if it led a session the others of the session
    /// get SIGHUP. Does nothing for a process that is not there; one that was still running ends with code 0.
    pub fn finish_exit(&mut self, now: SimTime, pid: Pid) {
        if !self.procs.contains_key(&pid) {
            return;
        }
        let led = self.procs.led_by(pid);
        self.release(pid);
        for member in led {
            self.kill(now, member, Signo::Hup);
        }
        self.continue_shrinking(now);
        self.announce_freed();
    }

    /// The same for a process that no parent waits for. Its task and its page directory stay, charged to its cgroup.
    pub fn finish_exit_unreaped(&mut self, now: SimTime, pid: Pid) {
        if let Some(process) = self.procs.get_mut(&pid) {
            let kept = ZOMBIE.min(process.kernel);
            process.kernel -= kept;
            let cgroup = process.cgroup;
            self.cgroups[cgroup.index()].rare_mut().left += kept;
        }
        self.finish_exit(now, pid);
    }

    /// Frees everything a process has and removes it.
    fn release(&mut self, pid: Pid) {
        self.drop_cow(pid, Pages::MAX);
        let Some(process) = self.procs.remove(&pid) else { return };
        self.oom_victims -= u32::from(process.is_oom_victim());
        let (cg, rare) = (process.cgroup, process.rare());
        self.uncharge(cg, PageKind::Anon, process.anon_own);
        self.uncharge(cg, PageKind::Kernel, process.kernel + process.pgtables);
        self.swap_freed(cg, rare.swapents);
        if !rare.mlocked.is_zero() {
            self.note(cg, |c| c.locked_anon -= rare.mlocked);
        }
        self.committed = self.committed.saturating_sub(process.accounted + rare.accounted_shared);
        self.cgroups[cg.index()].tasks.retain(|p| *p != pid);
        if let Some(volume) = rare.shmem {
            self.unmap_shmem(volume);
        }
        self.thrashing.retain(|t| t.pid != pid);
        for (file, _) in &rare.files {
            if let Some(Volume::File { mappers, .. }) = self.volumes.get_mut(file.index()) {
                mappers.retain(|p| *p != pid);
            }
        }
    }

    fn new_pid(&mut self, explicit: Option<Pid>) -> Result<Pid, Errno> {
        let pid = explicit.unwrap_or(self.next_pid);
        if self.procs.contains_key(&pid) {
            return Err(Errno::EEXIST);
        }
        self.next_pid = self.next_pid.max(Pid(pid.0.saturating_add(1)));
        Ok(pid)
    }

    fn enter(&mut self, process: Process) {
        self.cgroups[process.cgroup.index()].tasks.push(process.pid);
        self.procs.insert(process.pid, process);
    }

    /// A process whose first charges did not fit goes away again, unless the OOM killer chose it: then it is seen to
    /// die.
    fn settle(&mut self, now: SimTime, pid: Pid, fits: bool) -> Result<Pid, Errno> {
        let running = self.procs.get(&pid).is_some_and(Process::is_running);
        if fits || !running {
            return Ok(pid);
        }
        self.release(pid);
        self.continue_shrinking(now);
        self.announce_freed();
        Err(Errno::ENOMEM)
    }

    fn charge_kernel(&mut self, now: SimTime, pid: Pid, kernel: Pages, pgtables: Pages) -> bool {
        self.charge_all(now, pid, Purpose::Kernel, kernel) && self.charge_all(now, pid, Purpose::PageTables, pgtables)
    }

    fn charge_all(&mut self, now: SimTime, pid: Pid, purpose: Purpose, pages: Pages) -> bool {
        let Some(cgroup) = self.procs.get(&pid).map(|p| p.cgroup) else { return false };
        self.charge(now, Charge { by: pid, cgroup, purpose }, pages).1.is_none()
    }

    /// The overcommit decision on a request by this process.
    pub(super) fn commit_granted(&self, process: &Process, request: Pages) -> bool {
        let who = overcommit::Requester { total_vm: process.total_vm, cap_sys_admin: process.cap_sys_admin };
        let guess = self.config.profile.overcommit_guess;
        overcommit::enough_memory(&self.config.sysctl, guess, &self.commit_state(), &who, request)
    }
}
