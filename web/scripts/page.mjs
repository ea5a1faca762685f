// One page out of script and styles. It may run nothing but its own script and load nothing at all: its policy names the
// hashes of both.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** `more` is added to the policy, `body` stands before the script. */
export function page({ script, style, title, body, scripts = "", more = "" }) {
  const code = readFileSync(script, "utf8").replaceAll("</script", "<\\/script").trim();
  const rules = readFileSync(style, "utf8").trim();
  const policy =
    `default-src 'none'; script-src ${hash(code)}${scripts}; style-src ${hash(rules)}; ` + `${more}base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="oomsim">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${rules}</style>
</head>
<body>
${body}
<script>${code}</script>
</body>
</html>
`;
}
