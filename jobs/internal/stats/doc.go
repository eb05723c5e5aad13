// Package stats computes the statistics that genbatch says of answers: intervals, tests and
// scores. Its functions are pure: they take numbers, return numbers, and the same of the
// same, also where they draw at random. Each names where its formula comes from, and a test
// holds it to values that others have published.
package stats
