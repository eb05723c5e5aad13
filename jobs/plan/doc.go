// Package plan says what a run would do and cost, without sending anything.
//
// [New] makes a [Plan] in one pass over the rows of a job: it counts what is to become of
// them, estimates the tokens of the rows that are to be asked, and prices these. What the
// answers so far cost and how long they were is the basis of the [Outlook]: the output to
// expect, and a [Forecast] of the cost with its interval.
//
// Only package jobs can call New, whose Config needs its rooms. Others use Job.Plan.
//
// A pilot's forecast is kept, so that the bill can be compared with it later; see
// [Plan.MarshalForecast] and [ParseForecast].
//
// Estimates of tokens are corrected by [TokenCounts], which compare estimates with what the
// API counted.
package plan
