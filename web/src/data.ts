// Written by the test of crates/report/src/html/data.rs.
export type Page = { 
/**
 * The runs, in the order in which they were named.
 */
runs: Array<Run>, };
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
 * What happened.
 */
timeline: Array<TimelineLine>, 
/**
 * Which processes died.
 */
deaths: Array<Death>, 
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
export type TimelineLine = { at: number, subject: string, reason: string, message: string, tone: string, };
export type Death = { at: number, process: string, of: string, by: string, why: string, };
export type Pod = { name: string, qos: string, status: string, restarts: number, usage: number, message: string, };
export type Expectation = { holds: boolean, expected: string, found: string, source: string, };
