// The page of `oomsim report` without its data, which the program puts in.
import { writeFileSync } from "node:fs";
import { page } from "./page.mjs";

const html = page({
  script: "dist/report.js",
  style: "dist/report.css",
  title: "@TITLE@",
  body: `<div id="app"><noscript>This report needs JavaScript to draw its curves. It loads nothing from the network.</noscript></div>
<script type="application/json" id="data">@DATA@</script>`,
});
writeFileSync("../crates/report/src/html/template.html", html);
console.log(`template.html: ${html.length} bytes`);
