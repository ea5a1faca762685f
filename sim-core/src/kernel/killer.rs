//! The OOM killer at work: whom it scans, whom it kills, and what it reports.

use super::api::CgroupVersion;
use super::cgroup::{Charge, Purpose};
use super::process::Process;
use super::{Kernel, oom};
use crate::node_api::{Constraint, CounterLine, ExitStatus, MemInfo, Name, OomReport, Signal, Signo, TaskIx, TaskRow};
use crate::units::{Bytes, CgroupId, Pages, Pid, SimTime};
use smallvec::{SmallVec, smallvec};

/// The process that writes limits, for reports caused by such a write.
const INIT: Pid = Pid(1);

/// Paths for a report. Most of it is about one cgroup, whose path is put together once.
#[derive(Default)]
struct Paths(Option<(CgroupId, Name)>);

impl Paths {
    fn of(&mut self, kernel: &Kernel, cg: CgroupId) -> Name {
        match &self.0 {
            Some((last, path)) if *last == cg => path.clone(),
            _ => self.0.insert((cg, kernel.path(cg))).1.clone(),
        }
    }
}

impl Kernel {
    /// A process must die so that `charge` can go on: in `domain`, or anywhere (`None`). False: none can be killed.
    pub(super) fn invoke_oom_killer(&mut self, now: SimTime, charge: &Charge, domain: Option<CgroupId>) -> bool {
        // Many may ask again while one victim dies: on the whole node it is enough to know that there is one.
        if self.oom_victims > 0 && domain.is_none() {
            return true;
        }
        let scope = match domain {
            Some(domain) => self.processes_below(domain),
            None => self.procs.by_pid().iter().map(|p| p.pid).collect(),
        };
        if self.oom_victims > 0 && scope.iter().any(|pid| self.procs[pid].is_oom_victim()) {
            return true;
        }
        self.kill_one_of(now, charge, domain, &scope)
    }

    /// From 7.0 on the scan of a cgroup does not see processes that are exiting, so that an allocator which tries again
    /// before the victim's memory is free kills the next one (commit a72f73c4dd9b; recordings of 7.3.4).
    pub(super) fn kill_beside_the_dying(&mut self, now: SimTime, charge: &Charge, domain: CgroupId) {
        let percent = self.config.profile.second_kill_percent;
        let lives = self.procs.get(&charge.by).is_some_and(Process::is_running);
        if lives && self.race("second-kill", domain, percent) {
            self.kill_another(now, charge, Some(domain));
        }
    }

    /// Up to 5.19 exit_mmap gives back a victim's private memory, announces that it is gone, and only then unmaps the
    /// rest (mm/mmap.c; 6.0 dropped that). Where the private pages are no more than a CPU's lists keep,
    /// the allocator on another CPU finds neither memory nor a victim, and kills the next (recording node of 5.10.262).
    pub(super) fn kill_beside_shared(&mut self, now: SimTime, charge: &Charge) {
        if !self.config.profile.victim_gone_before_shared || self.config.cpus < 2 {
            return;
        }
        let gives_nothing = |k: &Kernel| {
            let victims = || k.procs.values().filter(|p| p.is_oom_victim());
            let private: Pages = victims().map(Process::rss_anon).sum();
            private <= k.pcp_high() && victims().any(|p| !p.rare().rss_shmem.is_zero())
        };
        let lives = |k: &Kernel| k.procs.get(&charge.by).is_some_and(Process::is_running);
        while lives(self) && gives_nothing(self) && self.kill_another(now, charge, None) {}
    }

    /// Kills among those that are not dying yet. False: none is left that can be killed.
    fn kill_another(&mut self, now: SimTime, charge: &Charge, domain: Option<CgroupId>) -> bool {
        let mut scope = self.processes_below(domain.unwrap_or(self.root()));
        scope.retain(|pid| self.procs[pid].is_running());
        if scope.iter().all(|pid| self.procs[pid].oom_score_adj == oom::OOM_SCORE_ADJ_MIN) {
            return false;
        }
        self.kill_one_of(now, charge, domain, &scope)
    }

    /// Chooses among the scanned processes, reports, and kills.
    fn kill_one_of(&mut self, now: SimTime, charge: &Charge, domain: Option<CgroupId>, scope: &[Pid]) -> bool {
        if let Some(domain) = domain {
            self.remember_path_above(domain);
        }
        let total = self.oom_total(domain);
        let mut paths = Paths::default();
        let mut row = |pid: &Pid| self.task_row(&self.procs[pid], &mut paths, domain, total);
        let tasks: Vec<TaskRow> = scope.iter().map(&mut row).collect();
        let allocating = self.config.sysctl.oom_kill_allocating_task && domain.is_none();
        let invoker = tasks.iter().position(|t| t.pid == charge.by && t.points.is_some());
        let by_itself = allocating && invoker.is_some();
        let victim = if by_itself { invoker } else { oom::select(&self.config.profile, &tasks) };
        let panic_from = if domain.is_none() { 1 } else { 2 };
        let panic = self.config.sysctl.panic_on_oom >= panic_from || (victim.is_none() && domain.is_none());
        if let Some(index) = victim
            && !panic
            && !self.procs[&tasks[index].pid].is_running()
        {
            // Already exiting: it only gets access to reserves, nothing is printed (oom_kill_process).
            self.begin_exit(tasks[index].pid, ExitStatus::Signal(Signo::Kill), true);
            return true;
        }
        let mut report = Box::new(self.new_report(now, charge, &mut paths, domain, total, tasks));
        report.victim = victim.map(TaskIx::new);
        report.oom_kill_allocating_task = by_itself;
        report.panic = panic;
        if panic {
            self.panicked = true;
        } else if let Some(index) = victim {
            self.choose_killed(&mut report, &mut paths, index, domain);
        }
        let doomed: SmallVec<[Pid; 8]> = report.killed_tasks().map(|task| task.pid).collect();
        self.signals.push(Signal::Oom { limit: domain, report });
        for pid in doomed {
            self.begin_exit(pid, ExitStatus::Signal(Signo::Kill), true);
        }
        victim.is_some() || panic
    }

    /// Fills in who dies with the chosen task, and counts it in `memory.events`.
    fn choose_killed(&mut self, report: &mut OomReport, paths: &mut Paths, chosen: usize, domain: Option<CgroupId>) {
        let mut first = chosen;
        if self.config.profile.sacrifice_child {
            let parent_of = |pid: Pid| self.procs.get(&pid).and_then(|p| p.parent);
            let child = oom::sacrificed_child(&report.tasks, report.tasks[chosen].pid, parent_of);
            first = child.unwrap_or(chosen);
        }
        report.killed = smallvec![TaskIx::new(first)];
        self.count_kill(report.tasks[first].pid);
        let Some(group) = self.oom_group_of(report.tasks[first].pid, domain) else { return };
        report.oom_group = Some(paths.of(self, group));
        self.count_event(group, |e| e.oom_group_kill += 1);
        for pid in self.processes_below(group) {
            let Some(index) = report.tasks.iter().position(|t| t.pid == pid) else { continue };
            if report.tasks[index].oom_score_adj == oom::OOM_SCORE_ADJ_MIN {
                continue;
            }
            // The chosen task is met again in the scan of its group and counted twice (recordings memcg_oom_v2).
            self.count_kill(pid);
            if index != first {
                report.killed.push(TaskIx::new(index));
            }
        }
    }

    fn count_kill(&mut self, pid: Pid) {
        if let Some(cgroup) = self.procs.get(&pid).map(|p| p.cgroup) {
            self.count_event(cgroup, |e| e.oom_kill += 1);
        }
    }

    /// The cgroup that dies as a whole with this task (mm/memcontrol.c mem_cgroup_get_oom_group).
    fn oom_group_of(&self, victim: Pid, domain: Option<CgroupId>) -> Option<CgroupId> {
        if self.config.cgroup == CgroupVersion::V1 || !self.config.profile.oom_group {
            return None;
        }
        let top = domain.unwrap_or(self.root());
        let from = self.procs.get(&victim)?.cgroup;
        let mut above = false;
        let path = self.upwards(from).take_while(|&g| !std::mem::replace(&mut above, g == top));
        oom::oom_group(path.map(|g| (g, self.cgroups[g.index()].oom_group)))
    }

    /// Pages that points are measured against.
    pub(super) fn oom_total(&self, domain: Option<CgroupId>) -> Pages {
        let swap_total = self.config.swap_total.to_pages_floor();
        let Some(domain) = domain else { return self.config.mem_total.to_pages_floor() + swap_total };
        let group = &self.cgroups[domain.index()];
        let allowance = match self.config.cgroup {
            CgroupVersion::V2 => oom::SwapAllowance::SwapMax(group.swap_max),
            CgroupVersion::V1 => oom::SwapAllowance::Memsw {
                limit: group.rare().memsw_max,
                swappiness: group.rare().swappiness.unwrap_or(self.config.sysctl.swappiness),
            },
        };
        oom::memcg_total(group.max, allowance, swap_total)
    }

    /// The task table's line of a process. When the node is out of memory even program text has been reclaimed.
    fn task_row(&self, process: &Process, paths: &mut Paths, domain: Option<CgroupId>, total: Pages) -> TaskRow {
        let text = if domain.is_some() { process.text } else { Pages::ZERO };
        let mut row = TaskRow {
            pid: process.pid,
            uid: process.uid,
            comm: process.comm.clone(),
            cgroup: paths.of(self, process.cgroup),
            total_vm: process.total_vm,
            rss_anon: process.rss_anon(),
            rss_file: process.rare().file_mapped + text,
            rss_shmem: process.rare().rss_shmem,
            pgtables: process.pgtables.bytes(),
            swapents: process.rare().swapents,
            oom_score_adj: process.oom_score_adj,
            points: None,
        };
        row.points = oom::badness(&self.config.profile, &row, process.cap_sys_admin, total);
        row
    }

    /// What badness of a process is the sum of when the node is out of memory; `None`: not eligible.
    pub fn terms(&self, pid: Pid) -> Option<oom::Terms> {
        let (process, total) = (self.procs.get(&pid)?, self.oom_total(None));
        let row = self.task_row(process, &mut Paths::default(), Some(self.root()), total);
        oom::terms(&self.config.profile, &row, process.cap_sys_admin, total)
    }

    /// Badness of a process when the node is out of memory, in the profile's points; `None`: not eligible.
    pub fn badness(&self, pid: Pid) -> Option<i64> {
        self.terms(pid).map(|terms| terms.points)
    }

    /// `/proc/PID/oom_score`.
    pub fn oom_score(&self, pid: Pid) -> Option<i64> {
        self.procs.get(&pid)?;
        Some(oom::oom_score(&self.config.profile, self.badness(pid), self.oom_total(None)))
    }

    fn new_report(
        &self,
        now: SimTime,
        charge: &Charge,
        paths: &mut Paths,
        domain: Option<CgroupId>,
        total_pages: Pages,
        tasks: Vec<TaskRow>,
    ) -> OomReport {
        let invoker = self.procs.get(&charge.by);
        let mut report = OomReport {
            at: now,
            constraint: if domain.is_some() { Constraint::Memcg } else { Constraint::None },
            invoker: charge.by,
            invoker_comm: invoker.map_or_else(|| "systemd".into(), |p| p.comm.clone()),
            invoker_adj: invoker.map_or(0, |p| p.oom_score_adj),
            invoker_uid: invoker.map_or(0, |p| p.uid),
            invoker_cgroup: paths.of(self, invoker.map_or(self.root(), |p| p.cgroup)),
            allocation: charge.allocation(),
            // What a memcg OOM prints does not depend on the rest of the node.
            mem_info: if domain.is_none() { self.mem_info() } else { MemInfo::default() },
            total_pages,
            tasks,
            stat: self.stat(domain.unwrap_or(self.root())),
            protected: self.protected_below(domain.unwrap_or(self.root())),
            ..OomReport::default()
        };
        match domain {
            Some(domain) => self.add_memcg_counters(&mut report, paths, domain),
            None => report.zones = self.zones.report(self.free_pages()),
        }
        report
    }

    /// `memory.min` and `memory.low` of the children, each as far as it is used (mm/page_counter.c
    /// propagate_protected_usage).
    fn protected_below(&self, cg: CgroupId) -> [Pages; 2] {
        let children = self.children(cg).map(|c| &self.cgroups[c.index()]);
        children
            .fold([Pages::ZERO; 2], |[min, low], c| [min + c.rare().min.min(c.usage), low + c.rare().low.min(c.usage)])
    }

    fn add_memcg_counters(&self, report: &mut OomReport, paths: &mut Paths, domain: CgroupId) {
        let group = &self.cgroups[domain.index()];
        let bytes = |limit: Pages| if limit == Pages::MAX { Bytes::MAX } else { limit.bytes() };
        report.oom_memcg = Some(paths.of(self, domain));
        let events = self.config.profile.failcnt_is_max_events && self.config.cgroup == CgroupVersion::V2;
        let failcnt = if events { group.failures().events.max } else { group.failures().failcnt };
        report.memory = CounterLine { usage: group.usage.bytes(), limit: bytes(group.max), failcnt };
        let swap = group.total.swap;
        report.swap = match self.config.cgroup {
            CgroupVersion::V2 => CounterLine { usage: swap.bytes(), limit: bytes(group.swap_max), failcnt: 0 },
            CgroupVersion::V1 => CounterLine {
                usage: (group.usage + swap).bytes(),
                limit: bytes(group.rare().memsw_max),
                failcnt: group.failures().memsw_failcnt,
            },
        };
        report.kmem = CounterLine { usage: group.total.kernel.bytes(), limit: Bytes::MAX, failcnt: 0 };
        if self.prints_each_cgroup {
            let below = self.subtree(domain);
            report.cgroup_stats = below.map(|g| (paths.of(self, g), self.local_stat(g))).collect();
        }
    }

    /// v2: a limit was written below the usage. Reclaim, then kill; what a dying victim frees is waited for.
    pub(super) fn shrink_to_max(&mut self, now: SimTime, cg: CgroupId) {
        let excess = |k: &Kernel| k.cgroups[cg.index()].usage.saturating_sub(k.cgroups[cg.index()].max);
        self.shrinking.retain(|g| *g != cg);
        while !excess(self).is_zero() && !self.reclaim(cg, excess(self), true).is_zero() {}
        if excess(self).is_zero() {
            return;
        }
        self.count_event(cg, |e| e.oom += 1);
        let charge = Charge { by: INIT, cgroup: cg, purpose: Purpose::LimitWrite };
        if self.invoke_oom_killer(now, &charge, Some(cg)) {
            self.shrinking.push(cg);
            // The write loops without waiting: a victim that has announced its exit but not given its pages back looks
            // as if no process were dying (recordings resize with two processors).
            let percent = self.config.profile.lowered_kill_percent;
            while self.dying_cover(cg) && self.race("lowered", cg, percent) && self.kill_another(now, &charge, Some(cg))
            {
            }
        }
    }

    /// What the dying give back suffices for a limit written below the usage.
    fn dying_cover(&self, cg: CgroupId) -> bool {
        let group = &self.cgroups[cg.index()];
        let dying =
            self.processes_below(cg).into_iter().filter_map(|pid| self.procs.get(&pid)).filter(|p| !p.is_running());
        let theirs: Pages = dying.map(|p| p.anon_own + p.kernel + p.pgtables).sum();
        group.usage.saturating_sub(theirs) <= group.max
    }

    /// After memory came free: limits written below the usage may need another victim.
    pub(super) fn continue_shrinking(&mut self, now: SimTime) {
        for cg in std::mem::take(&mut self.shrinking) {
            if self.exists(cg) {
                self.shrink_to_max(now, cg);
            }
        }
    }
}
