package gemini

import (
	"net/url"
	"strings"
)

// Facts are what is known about an endpoint, beyond how to speak to it. [FactsOf] and
// [ParseEndpoint] fill them in. What is not known is false.
type Facts struct {
	// Dialect says which API's rules the endpoint enforces.
	Dialect Dialect

	// Simulated says that answers are made up and cost nothing. Such an endpoint takes
	// any key, and its quotas begin anew with each process.
	Simulated bool

	// ListPrices says that costs at Google's list prices are right, because Google
	// itself sends the bill, or nobody does. Any other operator has its own prices.
	ListPrices bool

	// NoTiers says that the endpoint, as far as is known, does not sell Google's service
	// tiers. It would charge its own price for a call that seems to cost half.
	NoTiers bool

	// NoBatches says that the endpoint, as far as is known, has no Batch API: YEScale and
	// GPTProto document none, and new-api, which resellers run, did not route it as of
	// 2026-07-30. Of a base URL it is not known, and false.
	// https://github.com/QuantumNous/new-api/issues/6535
	NoBatches bool

	// FilesAPI says that media can be uploaded through the Files API.
	FilesAPI bool

	// CountsTokens says that countTokens is offered, and free of charge.
	CountsTokens bool

	// InlineLimit is the size of the largest request in bytes, with media in base64.
	InlineLimit int
}

// The largest requests. Google AI has taken 100 MB since 2026-01-08, and gateways
// keep to the 20 MB of before.
// https://ai.google.dev/gemini-api/docs/changelog
const (
	googleInlineLimit  = 100 << 20
	gatewayInlineLimit = 20 << 20
)

// FactsOf returns the facts about a named endpoint at its own address. Any other
// name, a base URL included, has those of an unknown gateway.
func FactsOf(name string) Facts {
	if known, ok := named[name]; ok {
		return known.Facts
	}
	return Facts{InlineLimit: gatewayInlineLimit}
}

// A Dialect is the API whose rules an endpoint enforces. Gateways and the simulator
// enforce those of neither: what only one API refuses may pass there.
type Dialect uint8

// The dialects.
const (
	GatewayDialect Dialect = iota
	GoogleDialect
	VertexDialect
)

// Dialect returns the dialect of the endpoint that the options describe. It looks at
// nothing else, the environment included, so that the same options always give the
// same answer.
func (o EndpointOptions) Dialect() Dialect {
	switch {
	case o.Name == "" && o.BaseURL == "":
		return GoogleDialect
	case o.Name != "" && !strings.Contains(o.Name, "://"):
		return FactsOf(o.Name).Dialect
	}
	for _, address := range []string{o.BaseURL, o.Name} {
		u, err := url.Parse(address)
		switch {
		case err != nil:
		case u.Hostname() == "generativelanguage.googleapis.com":
			return GoogleDialect
		case strings.Contains(u.Hostname(), "aiplatform"):
			return VertexDialect
		}
	}
	return GatewayDialect
}
