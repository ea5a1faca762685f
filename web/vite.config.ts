import { defineConfig } from "vite";

// One script and one style sheet, which scripts/template.mjs puts into a single file.
export default defineConfig({
  build: {
    outDir: "dist",
    target: "es2022",
    cssCodeSplit: false,
    lib: { entry: "src/main.tsx", formats: ["iife"], name: "oomsim", fileName: () => "report.js", cssFileName: "report" },
  },
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
});
