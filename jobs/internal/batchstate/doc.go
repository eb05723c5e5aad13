// Package batchstate remembers what was sent to the batch API of an endpoint. A [Store] is the
// record of a job's batch jobs in its state folder, a [Draft] a batch job that is being written
// there, and [Find] compares the record with what the endpoint has.
//
// # The files
//
// They stand in the folder batches of the state folder:
//
//	jobs.jsonl           the record: one line for each step of each batch job
//	<id>.requests.jsonl  the lines that are uploaded
//	<id>.rows.jsonl      whose rows they are, line by line
//	<id>.results.jsonl   the results, as they were downloaded
//
// Every line of the record ends in crc32c, as those of the journal do, and is synced before
// the next step begins. What a crash leaves of a last line is cut off. Any other line that
// does not match its sum makes the record unusable, and nothing is created then: it may
// have been the line of a job that holds rows.
//
// # The steps
//
// A batch job goes through them in this order:
//
//	intent    its two files are durable, and its rows belong to it from here on
//	uploaded  the endpoint has the requests
//	created   the endpoint has made the job, and we know its name
//	running   the endpoint was seen to work on it, so that rows of it may be billed
//	ended     it does nothing any more
//	fetched   its results are in a file of ours, synced
//	applied   every result is in the journal
//	cleaned   what is left of it, here and there, is removed
//	dropped   it came to nothing, for a reason: its rows are free again
//
// A run that finds an intent drops it, and takes its rows as the input has them then: nothing
// of it is at the endpoint. Each other step can be repeated.
//
// Between uploaded and created, the endpoint may have made a job of which we do not know: the
// reply was lost, or the process was killed. Creating a second one would have all rows
// answered, and paid for, twice. So the endpoint's list of jobs is asked for one with our
// displayName, which holds our id and the sum of the requests. Only after two looks without
// it, some time apart, and one more just before, is the job created anew. If two are there
// after all, the older one is kept, and the younger one is cancelled and named. One that is
// listed when its rows were given up is cancelled and named as well.
//
// A row that belongs to a job is never sent in another way until the job is applied or
// dropped.
package batchstate
