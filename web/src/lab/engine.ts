// The engine in its worker: each call is a message with a number, each answer one with the same number.
import type { Instant } from "../data";
import type { Cure, Opened, Problem, Race, Variation } from "./data";
import type { Schema } from "./complete";
import type { Page, Question } from "./lesson-data";
import EngineWorker from "./worker?worker&inline";

export type Answer<T, E> = { ok: T } | { error: E };

export interface Request {
  id: number;
  method: "addFile" | "check" | "open" | "seek" | "step" | "questions" | "lesson" | "schema" | "log" | "cures" | "race" | "close" | "digests";
  args: (string | number)[];
}

export interface Reply {
  id: number;
  /** JSON of an answer. */
  json: string;
}

/** A file that scenarios may name. */
export interface File {
  path: string;
  text: string;
}

export class Engine {
  private readonly worker = new EngineWorker();
  private readonly waiting = new Map<number, (json: string) => void>();
  private last = 0;
  private keys: Promise<Schema> | null = null;
  private twin: Engine | null = null;
  private readonly files: File[];

  constructor(files: readonly File[]) {
    this.files = [...files];
    this.worker.onmessage = (event: MessageEvent<Reply>) => {
      this.waiting.get(event.data.id)?.(event.data.json);
      this.waiting.delete(event.data.id);
    };
    for (const file of files) void this.call("addFile", file.path, file.text);
  }

  private call(method: Request["method"], ...args: (string | number)[]): Promise<string> {
    const id = ++this.last;
    this.worker.postMessage({ id, method, args } satisfies Request);
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }

  private async answer<T, E>(method: Request["method"], ...args: (string | number)[]): Promise<Answer<T, E>> {
    return JSON.parse(await this.call(method, ...args)) as Answer<T, E>;
  }

  async addFile(path: string, text: string): Promise<void> {
    await Promise.all([this.call("addFile", path, text), this.twin?.addFile(path, text)]);
    this.files.push({ path, text });
  }

  /** Another engine with the same files: what it does makes this one wait for nothing. */
  other(): Engine {
    this.twin ??= new Engine(this.files);
    return this.twin;
  }

  check(path: string, text: string) {
    return this.answer<Problem[], never>("check", path, text);
  }

  open(path: string, text: string, how: Partial<Variation>) {
    return this.answer<Opened, Problem[]>("open", path, text, JSON.stringify(how));
  }

  seek(course: number, at: number) {
    return this.answer<Instant, string>("seek", course, at);
  }

  step(course: number) {
    return this.answer<Instant | null, string>("step", course);
  }

  questions(course: number, at: number) {
    return this.answer<Question[], string>("questions", course, at);
  }

  /** The JSON Schema of scenarios, asked for once. */
  schema(): Promise<Schema> {
    this.keys ??= this.answer<Schema, never>("schema").then((answer) => ("ok" in answer ? answer.ok : {}));
    return this.keys;
  }

  log(text: string) {
    return this.answer<string, string>("log", text);
  }

  cures(path: string, text: string, how: Partial<Variation>, happening: number) {
    return this.answer<Cure[], Problem[]>("cures", path, text, JSON.stringify(how), happening);
  }

  lesson(path: string, text: string) {
    return this.answer<Page, Problem[]>("lesson", path, text);
  }

  /** The places `first`, `first + step` and so on of a race over `of` phases. */
  race(path: string, text: string, how: Partial<Variation>, first: number, step: number, of: number) {
    return this.answer<Race, Problem[]>("race", path, text, JSON.stringify(how), first, step, of);
  }

  /** A course is not looked at any more. */
  close(course: number): void {
    void this.call("close", course);
  }

  digests(path: string, seeds: number) {
    return this.answer<string, string>("digests", path, seeds);
  }
}
