// Package gemini speaks generateContent: Google's API, Vertex AI, and gateways
// with the same protocol.
//
// A [Client] is a [batch.Model]: each attempt is one HTTP exchange, and whatever
// comes of it, an error included, is classified into a [batch.Outcome] by the
// tables of rules.go (refusals) and finish.go (answers). It never retries and
// never follows a redirect.
//
// An [Endpoint] says where and how to send; [Parse] reads a raw answer again
// when the columns of an output are made of it.
package gemini
