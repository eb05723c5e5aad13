// Package wire knows the protocol of the Gemini API, as its servers and two gateways
// speak it. It reads a request and says whether the API would refuse it, and with
// which words; it knows the dialects, the models and how tokens are counted. It makes
// no answers and serves nobody.
//
// [ParseRequest] and [ParseCount] read a body into a [Request], and [Request.Validate]
// checks it. What is refused comes back as an [Error], which each [Dialect] renders in
// its own shape.
package wire
