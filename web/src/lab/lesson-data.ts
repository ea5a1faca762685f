// Written by the test of crates/lesson/src/lib.rs.
export type Question = { 
/**
 * The question.
 */
text: string, 
/**
 * Possible answers.
 */
options: Array<string>, 
/**
 * Place of the right one.
 */
answer: number, 
/**
 * What to look at.
 */
hint: string, 
/**
 * What happens, told once the question is answered.
 */
explanation: string, };
export type PagePart = { "kind": "prose", 
/**
 * HTML without anything that acts: no tags of the lesson's own, no scripts, no pictures.
 */
html: string, } | { "kind": "moment", 
/**
 * The scenario, relative to the lesson.
 */
scenario: string, 
/**
 * Settings, as after `--set`.
 */
settings: Array<string>, 
/**
 * The seed, if not the scenario's.
 */
seed: number | null, 
/**
 * The instant, in seconds.
 */
at: number, } | { "kind": "question", 
/**
 * The question.
 */
question: Question, };
export type Page = { 
/**
 * The heading.
 */
title: string, 
/**
 * Its parts, in their order.
 */
parts: Array<PagePart>, };
