// Package batches is the batch API of the simulator: the jobs that Google's
// batchGenerateContent and Vertex AI's batchPredictionJobs make, what becomes of them, and
// what can go wrong with them.
//
// Time does the work. A job is pending for a while and running for a while, and its state
// is read off the clock whenever somebody asks. The first call that finds it at its end
// answers its rows, in a few goroutines that end with the call. Nothing runs in between,
// and rows are streamed from one temporary file to another, so that memory does not grow
// with them.
//
// What does not depend on batches, such as how a row is answered, comes from the server:
// see [Rows].
package batches
