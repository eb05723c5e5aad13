#!/usr/bin/env node
// Runs the genbatch binary of this machine, which npm installed as an optional package.
"use strict";

const { spawn } = require("node:child_process");
const os = require("node:os");

const name = `@genbatch/${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "genbatch.exe" : "genbatch";

let binary;
try {
  binary = require.resolve(`${name}/bin/${file}`);
} catch {
  console.error(
    `genbatch: the package ${name} is not installed.\n` +
      "Install genbatch again without --omit=optional and on the machine that runs it;\n" +
      "https://github.com/genbatch/genbatch/releases has binaries for other ways."
  );
  process.exit(1);
}

const child = spawn(binary, process.argv.slice(2), { stdio: "inherit" });
// The terminal sends Ctrl-C to both. This process stays until genbatch has finished what is
// under way. A SIGTERM reaches this process alone, and is passed on.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (err) => {
  console.error(`genbatch: ${binary} cannot be run: ${err.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(signal ? 128 + os.constants.signals[signal] : code));
