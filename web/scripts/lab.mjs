// The lab as one file: the page, its styles, the engine and the stories.
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { page } from "./page.mjs";

const html = page({
  script: "dist-lab/lab.js",
  style: "dist-lab/lab.css",
  title: "oomsim lab",
  // The engine is WebAssembly in a worker that is made from the page itself.
  scripts: " 'wasm-unsafe-eval' blob:",
  // The editor draws its marks as pictures in its own styles, and places its pieces by style attributes.
  more: "worker-src blob:; img-src data:; style-src-attr 'unsafe-inline'; ",
  body: `<div id="app"><noscript>The lab runs in your browser and needs JavaScript. It loads nothing from the network.</noscript></div>
<script type="application/json" id="scenario">null</script>`,
});
writeFileSync("dist-lab/lab.html", html);
console.log(`lab.html: ${html.length} bytes, ${gzipSync(html).length} compressed`);
