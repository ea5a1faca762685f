import { defineConfig } from "vite";

// One script with the worker in it, and one style sheet, which scripts/lab.mjs puts into a single file.
export default defineConfig({
  build: {
    outDir: "dist-lab",
    target: "es2022",
    cssCodeSplit: false,
    chunkSizeWarningLimit: 10_000,
    lib: { entry: "src/lab/main.tsx", formats: ["iife"], name: "oomsimLab", fileName: () => "lab.js", cssFileName: "lab" },
  },
  worker: { format: "iife" },
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
});
