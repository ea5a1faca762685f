// Written by the test of crates/report/src/html/data.rs.
export type Page = { 
/**
 * The runs, in the order in which they were named.
 */
runs: Array<Run>, 
/**
 * Scenarios over several seeds, and fleets.
 */
seeds: Array<Seeds>, 
/**
 * How the first two runs compare.
 */
comparison: Compared | null, 
/**
 * Results of studies.
 */
studies: Array<StudyPage>, };
export type Run = { 
/**
 * Name of the scenario.
 */
scenario: string, 
/**
 * What it shows.
 */
description: string, 
/**
 * Its file.
 */
file: string, 
/**
 * The text of the file.
 */
text: string, 
/**
 * The seed; a text, since JavaScript's numbers are too short for it.
 */
seed: string, 
/**
 * The digest.
 */
digest: string, 
/**
 * Version of the program.
 */
version: string, 
/**
 * The command that repeats the run.
 */
reproduce: string, 
/**
 * OOM kills.
 */
oomKills: number, 
/**
 * Evictions.
 */
evictions: number, 
/**
 * Restarts of containers.
 */
restarts: number, 
/**
 * The node.
 */
node: Node, 
/**
 * Memory over time.
 */
series: Series, 
/**
 * What the kubelet's eviction manager saw of it.
 */
passes: Passes, 
/**
 * The node at chosen instants.
 */
instants: Array<Instant>, 
/**
 * What happened.
 */
timeline: Array<TimelineLine>, 
/**
 * Which processes died.
 */
deaths: Array<Death>, 
/**
 * Why it came so, for people: the first happenings that have a cause.
 */
whys: Array<Why>, 
/**
 * Who is at risk, where it was counted.
 */
risk: Risk | null, 
/**
 * Pods at the end.
 */
pods: Array<Pod>, 
/**
 * How the expectations fared.
 */
expectations: Array<Expectation>, 
/**
 * What the model does not cover.
 */
warnings: Array<string>, };
export type Node = { name: string, capacity: number, allocatable: number, kubepodsLimit: number | null, evictionHard: number | null, podsEvictedAbove: number | null, };
export type Series = { at: Array<number>, workingSet: Array<number>, memAvailable: Array<number>, kubepods: Array<number>, kubepodsWorkingSet: Array<number>, pods: Array<PodSeries>, };
export type PodSeries = { name: string, usage: Array<number | null>, workingSet: Array<number | null>, };
export type Passes = { at: Array<number>, workingSet: Array<number>, 
/**
 * Why each evicted a pod, or did not.
 */
verdicts: Array<string>, 
/**
 * In the order of the pods of the series.
 */
pods: Array<Array<number | null>>, };
export type Instant = { at: number, memTotal: number, memAvailable: number, memFree: number, swapTotal: number, swapUsed: number, cgroups: Array<Cgroup>, processes: Array<Process>, kubelet: Kubelet | null, };
export type Cgroup = { name: string, path: string, depth: number, 
/**
 * `node`, `kubepods`, `qos`, `pod`, `container` or `cgroup`.
 */
of: string, usage: number, workingSet: number, limit: number | null, 
/**
 * Anonymous memory, tmpfs, page cache, kernel memory and swap.
 */
parts: [number, number, number, number, number], 
/**
 * Processes that the OOM killer has killed in it.
 */
oomKills: number, 
/**
 * Times that its limit was about to be exceeded: reclaim in it (`memory.events` max, v1 failcnt).
 */
atLimit: number, 
/**
 * Times that it was above `memory.high`.
 */
aboveHigh: number, };
export type Process = { pid: number, comm: string, of: string, rss: number, oomScoreAdj: number, badness: number | null, 
/**
 * What badness is the sum of: pages resident, swapped out and of page tables, and what `oom_score_adj` adds; the
 * rest is what CAP_SYS_ADMIN takes off and the floor of old kernels.
 */
terms: [number, number, number, number] | null, 
/**
 * `running`, `reclaiming`, `throttled` or `dying`.
 */
state: string, };
export type Kubelet = { memoryPressure: boolean, reportedMemoryPressure: boolean, waitsFor: string | null, pods: Array<Belief>, };
export type Belief = { pod: string, workingSet: number | null, takenAt: number | null, workingSetNow: number, };
export type Seeds = { scenario: string, count: number, end: number, shares: Array<Share>, 
/**
 * When the first process died, for each run on which one did, in order.
 */
firstDeaths: Array<number>, runs: Array<SeedRun>, };
export type StudyPage = { name: string, description: string, 
/**
 * Runs of all cells together.
 */
runs: number, axes: Array<StudyAxis>, 
/**
 * Outcomes that come at all.
 */
outcomes: Array<string>, cells: Array<StudyCell>, 
/**
 * Cells that are not shown.
 */
more: number, 
/**
 * Pictures as SVG: shares over one axis, and survival.
 */
pictures: Array<string>, };
export type StudyAxis = { name: string, values: Array<string>, };
export type StudyCell = { 
/**
 * Place of its value on each axis.
 */
at: Array<number>, runs: number, 
/**
 * Runs by outcome, in the order of the outcomes, with the 95 % interval of their share.
 */
counts: Array<[number, number, number]>, 
/**
 * When the first process died in half of the runs in which one did, in seconds.
 */
median: number | null, 
/**
 * The command that repeats its first run.
 */
reproduce: string, };
export type Compared = { rows: Array<ComparedRow>, deaths: [Array<ComparedDeath>, Array<ComparedDeath>], firstAt: number | null, first: [string, string], cause: string, shares: Array<[string, string, string, string]>, };
export type ComparedDeath = { at: number, what: string, why: string, };
export type ComparedRow = { name: string, a: string, b: string, };
export type Share = { outcome: string, count: number, low: number, high: number, };
export type SeedRun = { node: string, seed: string, outcome: string, victim: string, firstDeath: number | null, oomKills: number, evictions: number, reproduce: string, };
export type TimelineLine = { at: number, subject: string, reason: string, message: string, tone: string, };
export type Death = { 
/**
 * When, in seconds.
 */
at: number, 
/**
 * Its name and pid.
 */
process: string, 
/**
 * The container or host process that it belonged to.
 */
of: string, 
/**
 * Who ended it.
 */
by: string, 
/**
 * Why.
 */
why: string, };
export type Why = { at: number, title: string, text: string, };
export type Risk = { 
/**
 * The instant of the figures, in seconds.
 */
at: number, 
/**
 * Runs with successive seeds in which deaths are counted.
 */
runs: number, 
/**
 * Of these, those in which a process of the node itself is killed.
 */
host: number, 
/**
 * What ends the growth of pods, the nearest first.
 */
rooms: Array<Threshold>, 
/**
 * In the order in which the kernel would kill.
 */
containers: Array<AtRisk>, };
export type Threshold = { what: string, at: number, 
/**
 * What is left until it is reached; negative: it is behind.
 */
left: number, };
export type AtRisk = { pod: string, container: string, qos: string, priority: number, usage: number, request: number | null, limit: number | null, oomScoreAdj: number, badness: number | null, kernelPlace: number | null, evictionPlace: number | null, 
/**
 * By whose hand it dies first, and in how many of the runs.
 */
dies: Array<[string, number]>, };
export type Pod = { name: string, qos: string, status: string, restarts: number, usage: number, message: string, };
export type Expectation = { holds: boolean, expected: string, found: string, source: string, };
