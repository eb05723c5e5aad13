// Package gemini speaks generateContent: Google's API, Vertex AI, and gateways
// with the same protocol. [ParseEndpoint] finds an endpoint by its name or address, [New]
// makes a client of it, and [Client.Attempt] makes one call.
//
// A [Client] is a [batch.Model]: each attempt is one HTTP exchange. Whatever comes of
// it, errors included, is classified into a [batch.Outcome]. The tables in rules.go
// classify refusals, and those in finish.go classify answers. A client never retries
// and never follows a redirect.
//
// An [Endpoint] says where to send requests and how, and its [Facts] say what is known
// about it. [Parse] reads a raw answer again when an output is made of it.
package gemini
