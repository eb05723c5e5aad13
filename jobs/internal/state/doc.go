// Package state keeps what a job remembers between runs, in its state folder. A
// [Folder] knows who holds the lock, what job was last run, what the output was derived
// from, and what stdin held. The journal stands in the same folder and keeps itself;
// see package batch/journal.
//
// # The files
//
//	lock            held by the process that runs the job
//	job.json        the job that was run last, without keys
//	manifest.json   what the finished output was derived from: a [Manifest]
//	next.json       the output that is about to appear
//	forecast.json   what the last pilot said that the whole job would cost
//	pilots.json     in which numbers of rows a call pilots have asked
//	history.jsonl   how the last runs went, which package history writes
//	stdin.<format>  what stdin held
//	stdout          the output, if it goes to stdout
//	output.tmp-*    the output, if it is an object, until its store has it: a [Draft]
//	control.sock    where the process that runs or serves the job can be steered, which package remote makes
//	uploads.jsonl   media that the Files API holds, which package media writes
//
// The folder shards has one of this kind for each shard, and beside them merged.json, what was merged,
// and of a job that is served to workers progress.json, how they stand: a [Served]. The rest there
// belongs to package cluster.
//
// # How an output appears
//
// The output stands outside the folder, and two names cannot change at once. So it
// appears in five steps, each of which is durable before the next one begins:
//
//  1. [Sources.Manifest] states what the output will be derived from. It is taken
//     before anything is read, so that what changes meanwhile makes it out of date.
//  2. The output is written under a temporary name and synced (package writer).
//  3. [Folder.Announce] writes the output's size and SHA-256 to next.json.
//  4. The output gets its name, in place of an older one. From here on the new one counts.
//  5. [Folder.Record] writes the manifest: that of step 1, with the output's size, time
//     and SHA-256, and with the journal's files as they are now.
//
// A process can be killed after each of them. This is what is left, and how the next
// run sees it:
//
//   - After step 1 there is nothing new. After step 2 there is a temporary file, which
//     [Folder.RemoveTemps] removes. The manifest still describes the output.
//   - After step 3 next.json announces an output that did not appear. The manifest still
//     describes the one that is there. The next announcement replaces this one.
//   - After step 4 the manifest describes an output that is gone. The one that is there
//     matches the announcement, so [Folder.CheckOutput] knows it as the job's own, and
//     [Folder.Announced] lets a check say what happened. The next run derives it again,
//     which costs no call.
//   - After step 5 the output is finished. The announcement stays, and says the same as
//     the manifest.
//
// # How an output appears that is an object
//
// The steps are the same, and an object appears all at once too. But step 4 can take long,
// and what it needs is somewhere else:
//
//   - In step 2 the output is written to a draft in the folder. It need not be synced, since
//     it is derived again after a crash.
//   - Before step 3, an object that only the last announcement knows as the job's own gets into
//     the manifest: the announcement is about to be replaced, and the upload may come to
//     nothing as often as the network fails.
//   - In step 4 the draft is sent, on the condition that no object is there, or that it still
//     has the version that was looked at and found to be the job's. The store itself holds
//     that, so that neither another program nor another machine is overwritten. An error does
//     not say that the object was not stored; what is there is then compared with the announcement.
//   - A process that is killed during step 4 leaves no object, or the whole one, which can even
//     appear after its death. What some stores keep of the parts is theirs to remove.
//   - In step 5 the object's version stands in the place of its time. An object of another
//     version is read, and is the job's if its SHA-256 is.
//
// # How a folder is set aside
//
// [Folder.SetAside] renames the folder, makes a new one, and writes the manifest into it
// again, for another journal. A process that is killed after the rename, or after the
// new folder is made, leaves an output that the new folder does not know. CheckOutput
// then looks into the folders that were set aside, which have the job's name and a time.
//
// # When a folder is moved
//
// Paths are written down as they are, absolute, with the folder's own path beside them. Who
// reads them finds each file from where the folder is now, see move: so a job that was moved
// or copied is looked at, and carried on with, in its new place.
//
// # How commands agree
//
// All commands ask this package about the same things: [LoadFile] for the job that a job
// file stands for, [StandingOf] for what the output is to the job, [LossOf] for answers that
// are gone, [CheckAccess] for what another user's folder hides.
package state
