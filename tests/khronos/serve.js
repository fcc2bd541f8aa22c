// Validates one GLB after the other: on stdin a length (4 bytes, little-endian) and that many
// bytes each; on stdout one line of JSON each, the validator's report or {"failure": …}.

"use strict";

const { validateBytes } = require("gltf-validator");

const LENGTH_BYTES = 4;

async function answer(glb) {
  try {
    return await validateBytes(glb, { format: "glb", maxIssues: 0, writeTimestamp: false });
  } catch (error) {
    return { failure: String(error) };
  }
}

async function* frames(stream) {
  let waiting = [];
  let waitingBytes = 0;
  let wantedBytes = LENGTH_BYTES;
  let length = null;
  for await (const chunk of stream) {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    while (waitingBytes >= wantedBytes) {
      const all = Buffer.concat(waiting);
      const frame = all.subarray(0, wantedBytes);
      waiting = [all.subarray(wantedBytes)];
      waitingBytes -= wantedBytes;
      if (length === null) {
        length = frame.readUInt32LE(0);
        wantedBytes = length;
      } else {
        // A copy that owns its memory: the validator reads the whole underlying buffer.
        yield Uint8Array.from(frame);
        length = null;
        wantedBytes = LENGTH_BYTES;
      }
    }
  }
}

async function main() {
  for await (const glb of frames(process.stdin)) {
    process.stdout.write(JSON.stringify(await answer(glb)) + "\n");
  }
}

main();
