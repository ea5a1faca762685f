import { autocompletion } from "@codemirror/autocomplete";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { lintGutter, linter, type Diagnostic } from "@codemirror/lint";
import { tags } from "@lezer/highlight";
import { EditorView, basicSetup } from "codemirror";
import { useEffect, useRef } from "preact/hooks";
import { completer, type Schema } from "./complete";
import type { Problem } from "./data";

/** The page's own colours, which are legible on light and dark. */
const highlight = HighlightStyle.define([
  { tag: tags.comment, color: "var(--faint)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: [tags.number, tags.atom, tags.bool], color: "var(--warn)" },
  { tag: [tags.propertyName, tags.keyword, tags.bracket], color: "var(--accent)" },
]);

interface Props {
  text: string;
  label: string;
  check: (text: string) => Promise<Problem[]>;
  schema: () => Promise<Schema>;
  onChange: (text: string) => void;
}

/** The scenario's text, with the problems that the ordinary reader finds. */
export function Editor({ text, label, check, schema, onChange }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ check, onChange });
  latest.current = { check, onChange };

  useEffect(() => {
    const host = place.current;
    if (!host) return;
    // In a shadow tree the editor's styles are constructed sheets, which the page's policy allows.
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const diagnose = async (editor: EditorView): Promise<Diagnostic[]> => {
      const length = editor.state.doc.length;
      const problems = await latest.current.check(editor.state.doc.toString());
      return problems.map((problem) => ({
        from: Math.min(problem.from, length),
        to: Math.min(problem.to, length),
        severity: problem.severity === "error" ? "error" : "warning",
        message: problem.message,
      }));
    };
    const editor = new EditorView({
      doc: text,
      root,
      parent: root,
      extensions: [
        basicSetup,
        StreamLanguage.define(toml),
        syntaxHighlighting(highlight),
        lintGutter(),
        linter(diagnose, { delay: 300 }),
        autocompletion({ override: [completer(schema)] }),
        EditorView.contentAttributes.of({ "aria-label": label }),
        EditorView.lineWrapping,
        EditorView.updateListener.of((update) => {
          if (update.docChanged) latest.current.onChange(update.state.doc.toString());
        }),
        EditorView.theme({
          "&": { border: "1px solid var(--line)", borderRadius: "6px", maxHeight: "32rem", color: "var(--ink)", backgroundColor: "var(--paper)" },
          ".cm-scroller": { overflow: "auto", fontFamily: "ui-monospace, monospace" },
          ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--faint)", borderRight: "1px solid var(--line)" },
          ".cm-content": { caretColor: "var(--ink)" },
          ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
        }),
      ],
    });
    // What scrolls can be reached by keyboard.
    editor.scrollDOM.tabIndex = 0;
    view.current = editor;
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== text) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
    }
  }, [text]);

  return <div ref={place} class="editor" />;
}
