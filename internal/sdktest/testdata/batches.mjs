// Drives the simulator's batches with Google's own SDK for JavaScript, and prints what it
// found, a line of JSON for each step.
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {GoogleGenAI} from '@google/genai';

const [url, dir] = process.argv.slice(2);
const model = 'gemini-2.5-flash';
const ai = new GoogleGenAI({apiKey: 'key', vertexai: false, httpOptions: {baseUrl: url}});
const say = (step, found) => console.log(JSON.stringify({step, ...found}));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const refused = (call) => call.then(() => ({status: 200}), (e) => ({status: e.status}));

async function wait(name) {
  const states = [];
  for (;;) {
    const job = await ai.batches.get({name});
    if (states.at(-1) !== job.state) states.push(job.state);
    if (['JOB_STATE_SUCCEEDED', 'JOB_STATE_FAILED', 'JOB_STATE_CANCELLED'].includes(job.state)) return {job, states};
    await pause(20);
  }
}

const input = join(dir, 'in.jsonl');
writeFileSync(input, ['One.', 'Two. [[sim:503]]'].map((text, i) =>
  JSON.stringify({key: `row-${i + 1}`, request: {contents: [{role: 'user', parts: [{text}]}]}}) + '\n').join(''));
const file = await ai.files.upload({file: input, config: {mimeType: 'application/jsonl', displayName: 'rows'}});
say('upload', {state: file.state, mimeType: file.mimeType});

const created = await ai.batches.create({model, src: file.name, config: {displayName: 'from a file'}});
say('create', {state: created.state, displayName: created.displayName, model: created.model});
await ai.files.delete({name: file.name});
say('delete the input twice', await refused(ai.files.delete({name: file.name})));

const {job, states} = await wait(created.name);
say('wait', {states, file: job.dest.fileName === created.name.replace('batches/', 'files/batch-')});
const output = join(dir, 'out.jsonl');
await ai.files.download({file: job.dest.fileName, downloadPath: output});
for (let tries = 0; tries < 50; tries++) { // the promise does not wait for the file
  try { if (readFileSync(output, 'utf8').split('\n').length === 3) break; } catch {}
  await pause(20);
}
for (const line of readFileSync(output, 'utf8').trim().split('\n')) {
  const row = JSON.parse(line);
  say('row', {key: row.key, text: row.response?.candidates[0].content.parts[0].text, code: row.error?.code});
}

const inline = await ai.batches.create({model, src: [
  {contents: [{role: 'user', parts: [{text: 'Inline.'}]}], metadata: {key: 'a'}},
], config: {displayName: 'inline'}});
const answered = (await wait(inline.name)).job;
say('inline', {texts: answered.dest.inlinedResponses.map((r) => r.response.candidates[0].content.parts[0].text), keys: answered.dest.inlinedResponses.map((r) => r.metadata?.key)});

const stuck = await ai.batches.create({model, src: [{contents: [{role: 'user', parts: [{text: 'Never.'}]}]}], config: {displayName: 'stuck'}});
await ai.batches.cancel({name: stuck.name});
say('cancel', {states: (await wait(stuck.name)).states});

const names = [];
for await (const one of await ai.batches.list({config: {pageSize: 2}})) names.push(one.displayName);
say('list', {names});
await ai.batches.delete({name: created.name});
say('get after delete', await refused(ai.batches.get({name: created.name})));
