package sim

import "github.com/genbatch/genbatch/internal/sim/wire"

// A Dialect is the provider whose way of speaking the protocol is simulated. An empty
// one is Google's.
type Dialect = wire.Dialect

// The dialects. Package wire says what sets them apart.
const (
	Google   = wire.Google
	Vertex   = wire.Vertex
	YEScale  = wire.YEScale
	GPTProto = wire.GPTProto
)

// ParseDialect returns the dialect with this name; the empty name is Google's.
func ParseDialect(name string) (Dialect, error) { return wire.ParseDialect(name) }
