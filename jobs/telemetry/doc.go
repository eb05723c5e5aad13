// Package telemetry tells other programs how runs go: Prometheus, which reads a page of
// metrics, and OpenTelemetry collectors, which are sent metrics and traces.
//
// [Open] finds out who wants to know. [Telemetry.Around] is the hook for [jobs.Options]: it
// measures attempts, waits and commits. All other figures are read from [jobs.Job.Progress]
// when somebody asks for them, so that they are those of the summary, and cost a row nothing.
//
// # Names
//
// The metrics are in the table metrics (metrics.go), with the names of OpenTelemetry. On the
// page for Prometheus dots become underscores, a unit and _total come behind, as the
// conventions of both say: genbatch.cost in USD is genbatch_cost_usd_total. Names of the GenAI
// conventions, none of which is stable, are in one file, genai.go.
//
// Neither metrics nor spans have prompts, answers, keys of rows or texts of errors. The values
// of labels are few: models, statuses, kinds of errors. A job whose rows name their models may
// have many; the SDK folds those above 2,000 into one.
//
// # Traces
//
// A run is a span, and so is each attempt. An attempt is the root of a trace of its own, with a
// link to its run. A trace of a million spans is of no use to anybody, and a sampler that takes
// a share of traces would take all of it or nothing.
//
// # What fails
//
// A page that cannot be served is refused before anything is sent. A collector that cannot be
// reached never holds up a run: what cannot be sent is dropped, one warning says so, and the
// end of the run waits for it for five seconds at most.
//
// OpenTelemetry has one handler of errors in a process. Open takes it.
package telemetry
