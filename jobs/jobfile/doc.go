// Package jobfile tells people and editors what a job file may hold.
//
// [Meaning] says what a key means, in the words that the documentation, the JSON Schema and
// the comments of a drafted job file share. [Schema] returns the JSON Schema of job files, by
// which editors complete and check them. It follows from the types of package spec and from
// how these read YAML, so that a new key appears in it by itself; a test holds it to the
// published copy, docs/job.schema.json.
//
// To read a job file, use [github.com/genbatch/genbatch/jobs/spec.Load]. It says more of what
// is wrong with a file than a schema can.
package jobfile
