// Package sdktest holds tests in which Google's own SDKs, that for Go and that for
// JavaScript, drive the simulator: what they send must be accepted, and what they get must
// say what their types say. Batches of Vertex AI read and write the Cloud Storage of
// fake-gcs-server. It is a module of its own, so that genbatch depends on none of these.
package sdktest
