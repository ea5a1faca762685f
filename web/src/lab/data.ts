// Written by the test of crates/lab/src/lib.rs.
import type { Run } from "../data";
export type ChangeAt = { 
/**
 * Seconds from the start.
 */
at: number, 
/**
 * What.
 */
change: WishedChange, };
export type WishedChange = { "kind": "limit", 
/**
 * Its path.
 */
cgroup: string, 
/**
 * An amount such as `512Mi`.
 */
limit: string, } | { "kind": "kill", 
/**
 * comm.
 */
process: string, } | { "kind": "deletePod", 
/**
 * `namespace/name`.
 */
pod: string, } | { "kind": "sysctl", 
/**
 * Such as `vm.overcommit_memory`.
 */
name: string, 
/**
 * Its value.
 */
value: number, };
export type Variation = { 
/**
 * Settings, such as `kubelet.evictionHard.memory.available=1Gi`.
 */
settings: Array<string>, 
/**
 * Tables that are added to the scenario's text, such as an `[[at]]`.
 */
tables: Array<string>, 
/**
 * Changes during the run.
 */
changes: Array<ChangeAt>, 
/**
 * The seed, if not the scenario's.
 */
seed: number | null, 
/**
 * The kind of node, if the scenario has several and not the first is meant.
 */
node: string | null, };
export type Opened = { 
/**
 * Its number, for [`Lab::seek`].
 */
number: number, 
/**
 * The whole run, as the HTML report has it.
 */
run: Run, 
/**
 * Kinds of node of the scenario.
 */
nodes: Array<string>, 
/**
 * What the model does not cover, with places.
 */
warnings: Array<Problem>, 
/**
 * The scenario with everything that was changed, as a file of its own.
 */
text: string, };
export type Problem = { 
/**
 * `error` or `warning`.
 */
severity: string, 
/**
 * What is wrong, what was probably meant, how to fix it.
 */
message: string, 
/**
 * The file; empty when no file is to blame.
 */
file: string, 
/**
 * Its line, from 1; 0 without a place.
 */
line: number, 
/**
 * Where it begins in the text, in UTF-16 units as JavaScript counts.
 */
from: number, 
/**
 * Where it ends.
 */
to: number, };
export type Cure = { 
/**
 * What is changed, from what to what.
 */
what: string, 
/**
 * In how many runs it helps, and what it does to the others.
 */
effect: string, 
/**
 * Settings of the course with it.
 */
settings: Array<string>, 
/**
 * Tables that are added to its scenario.
 */
tables: Array<string>, };
export type Odds = { 
/**
 * Runs.
 */
runs: number, 
/**
 * Ends, most frequent first.
 */
outcomes: Array<Outcome>, };
export type Outcome = { 
/**
 * Who was first: `kernel`, `kubelet` or `nobody`.
 */
first: string, 
/**
 * What happened first, for people.
 */
what: string, 
/**
 * In how many runs.
 */
count: number, };
