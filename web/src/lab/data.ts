// Written by the test of crates/lab/src/lib.rs.
import type { Run } from "../data";
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
export type Race = { 
/**
 * Seconds from one check to the next; `None`: no kubelet runs, and each piece has a seed of its own instead.
 */
period: number | null, 
/**
 * In the order in which they were asked for.
 */
pieces: Array<Piece>, };
export type Piece = { 
/**
 * Its place among all of them.
 */
place: number, 
/**
 * When the first check begins, in seconds.
 */
phase: number | null, 
/**
 * Who was first: `kernel`, `kubelet` or `none`.
 */
first: string, 
/**
 * What happened first, for people.
 */
what: string, 
/**
 * When, in seconds.
 */
at: number | null, };
