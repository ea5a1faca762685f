import { useEffect, useState } from "preact/hooks";
import type { Engine } from "./engine";
import { Editor } from "./editor";
import { isLesson, type LessonFile, lessonFile } from "./lessons";
import { toFragment } from "./storage";
import { texts } from "./texts";
import { kubeletFile, manifestFile, type Wish } from "./wish";

interface Props {
  engine: Engine;
  path: string;
  draft: string;
  /** The scenario with everything that was changed. */
  written: string;
  onDraft: (text: string) => void;
  onRun: (text: string) => void;
  onLesson: (file: LessonFile) => void;
  onWish: (wish: Wish) => void;
}

/** The scenario's text, and the ways in which it comes and goes: link, file, drop. */
export function Source({ engine, path, draft, written, onDraft, onRun, onLesson, onWish }: Props) {
  const [said, setSaid] = useState("");
  const share = async () => {
    history.replaceState(null, "", await toFragment(written));
    const copied = await navigator.clipboard?.writeText(location.href).then(
      () => true,
      () => false,
    );
    setSaid(copied ? texts.shared : texts.sharedHere);
  };
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([written], { type: "application/toml" }));
    link.download = path.split("/").pop() ?? "scenario.toml";
    link.click();
    URL.revokeObjectURL(link.href);
  };
  /** A file of a kind that the lab knows; each in its place. */
  const take = async (file: File): Promise<string> => {
    const text = await file.text();
    if (file.name.endsWith(".md") && isLesson(text)) onLesson(lessonFile(`docs/learn/${file.name}`, text));
    else if (file.name.endsWith(".toml")) onRun(text);
    else if (/"?kind"?\s*:/.test(text)) {
      // It lies beside the scenario, which names it from now on.
      await engine.addFile(path.replace(/[^/]*$/, file.name), text);
      onWish(/KubeletConfiguration/.test(text) ? kubeletFile(file.name) : manifestFile(file.name));
    } else return texts.unknownFile(file.name);
    return texts.opened(file.name);
  };
  const open = async (list: Iterable<File>) => {
    const results = [];
    for (const file of list) results.push(await take(file));
    setSaid(results.join(" "));
  };
  useDrop((files) => void open(files));
  return (
    <section aria-labelledby="editor-heading">
      <h2 id="editor-heading">{texts.editor}</h2>
      <p class="hint">{texts.dropHint}</p>
      <div class="controls">
        <button type="button" onClick={() => onRun(draft)}>
          {texts.run}
        </button>
        <button type="button" onClick={() => void share()}>
          {texts.share}
        </button>
        <button type="button" onClick={save}>
          {texts.save}
        </button>
        <label>
          {texts.open} <input type="file" multiple onChange={(event) => void open(event.currentTarget.files ?? [])} />
        </label>
        <span role="status">{said}</span>
      </div>
      <Editor text={draft} label={texts.editor} check={(text) => problems(engine, path, text)} schema={() => engine.schema()} onChange={onDraft} />
    </section>
  );
}

async function problems(engine: Engine, path: string, text: string) {
  const answer = await engine.check(path, text);
  return "ok" in answer ? answer.ok : [];
}

/** Files that are dropped anywhere on the page. */
function useDrop(onFiles: (files: FileList) => void) {
  useEffect(() => {
    const over = (event: DragEvent) => event.dataTransfer?.types.includes("Files") && event.preventDefault();
    const drop = (event: DragEvent) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      onFiles(event.dataTransfer.files);
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  });
}
