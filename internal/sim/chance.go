package sim

import (
	"encoding/base64"
	"strings"
)

// token makes a name of n characters out of a hash.
func token(hash uint64, n int) string {
	var b []byte
	for len(b) < n {
		hash = mix(hash)
		b = append(b, byte(hash), byte(hash>>8), byte(hash>>16))
	}
	s := base64.RawURLEncoding.EncodeToString(b)
	return strings.NewReplacer("-", "a", "_", "b").Replace(strings.ToLower(s))[:n]
}
