// Puts script and styles into one page. The page may run nothing but this script and load nothing at all: its policy names
// the hashes of both.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const script = readFileSync("dist/report.js", "utf8").replaceAll("</script", "<\\/script").trim();
const style = readFileSync("dist/report.css", "utf8").trim();
const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>@TITLE@</title>
<style>${style}</style>
</head>
<body>
<div id="app"><noscript>This report needs JavaScript to draw its curves. It loads nothing from the network.</noscript></div>
<script type="application/json" id="data">@DATA@</script>
<script>${script}</script>
</body>
</html>
`;
writeFileSync("../crates/report/src/html/template.html", page);
console.log(`template.html: ${page.length} bytes`);
