// Package mirror keeps a copy of a state folder in an object store, so that another machine can
// carry on. The state itself stays in a folder of this machine's disk, the working folder, where
// the journal and all else is as ever. [Open] takes the lease of the copy, and brings the folder
// up to date from it. From then on what is new in the folder is copied every 30 seconds, and when a
// segment of the journal has ended, until [Copy.Close].
//
// # The objects
//
// They stand below the address that the user has given:
//
//	lease/000002-00000017.json                          who works, and what counts: a commit
//	results-000001.0000052428-0000061440-000002.jsonl   a piece of a segment: its lines between two bytes
//	blobs/<sha256>                                      long answers, as in the folder
//	files/000002-00000017/job.json                      any other file, as it was at that time
//
// Each object is made once and never changed. A piece holds whole lines, and the number at the
// end of its name is that of the epoch in which it was made.
//
// Two steps a minute would make thousands of small pieces a day. So a new piece begins where small
// ones before it do, and takes them in: a segment always has few, see [beginning]. A piece that was
// taken in stays for five minutes after the commit that does without it, for machines that are
// reading. So a program that reads all objects may find lines twice meanwhile, which have the same
// number seq.
//
// # Commits
//
// A [commit] names the pieces and files of which the copy is made. Only the last one counts: that
// with the highest epoch, and of these the highest number. It is made when all that it names is
// there. So who restores the copy finds the folder as it was at one time, however the machine that
// has copied it ended, and objects that no commit names yet are nothing.
//
// A round of copying reads what depends before what it depends on: first small files, such as the
// record of batch jobs, then the lengths of the segments, then the names of the blobs. So a record
// that says that results are in the journal is never newer than the journal.
//
// # The lease
//
// A commit is also a sign of life, and is made anew every 20 seconds. Each process that works
// begins an epoch of its own, by making the first commit of it. Since an object that is to be new
// can be made once only, one process alone can begin an epoch. It may do so if
//
//   - the last commit says that its process has ended,
//   - the last commit was made for this very folder, whose lock the process holds: who has made
//     it is dead, or
//   - the last commit is 90 seconds old, by the clock of the store.
//
// A process that has not made a commit for 70 seconds by its own clock, or finds that a later
// epoch has begun, has lost the lease. Its run ends, and it copies nothing more. What it copies
// even so, since it was held up between two steps, belongs to its own epoch. No commit that counts
// names it, and the process that works removes it.
//
// # When a folder has what the copy has not
//
// A machine that was cut off has results that were not copied, while another one has carried on.
// When the first machine comes back, [Open] moves the files of its folder aside, and restores the
// copy. [Import] then writes what only the old journal has to the new one. Until that is done the
// folder's mark, copy.json, says how far it has come, so that it can be killed at any time.
package mirror
