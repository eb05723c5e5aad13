// Package gcstest holds tests in which the client of Vertex AI's batch API reads and writes
// at an emulator of Cloud Storage that others made. It is a module of its own, so that
// genbatch does not depend on the emulator.
package gcstest
