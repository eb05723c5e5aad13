package sim

import (
	"net/http"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// keys are the keys and tokens that are accepted.
type keys struct {
	accepted map[string]bool // nil for all
	revoked  sync.Map        // keys that are accepted no more
}

func newKeys(accepted []string) *keys {
	k := new(keys)
	if len(accepted) > 0 {
		k.accepted = map[string]bool{}
	}
	for _, key := range accepted {
		k.accepted[key] = true
	}
	return k
}

func (k *keys) accept(key string) bool {
	_, revoked := k.revoked.Load(key)
	return !revoked && (k.accepted == nil || k.accepted[key])
}

// Revoke makes the server refuse a key that it has accepted.
func (s *Server) Revoke(key string) { s.keys.revoked.Store(key, true) }

// projectOf returns the project of a key, to which its files and batches belong. The keys
// of one project end in the same @name. Any other key has a project of its own.
func projectOf(key string) string {
	if at := strings.LastIndexByte(key, '@'); at >= 0 {
		return key[at:]
	}
	return key
}

// authenticate returns the key or token of a request, or why it is refused. express says
// that the path names no project: only then does Vertex AI take keys.
func (k *keys) authenticate(d Dialect, r *http.Request, express bool) (string, *wire.Error) {
	header := r.Header.Get("X-Goog-Api-Key")
	authorization := r.Header.Get("Authorization")
	bearer, isBearer := cutBearer(authorization)
	var query string
	if strings.Contains(r.URL.RawQuery, "key=") {
		query = r.URL.Query().Get("key")
	}

	switch d {
	case YEScale:
		return k.check(d, header)
	case GPTProto:
		if isBearer {
			authorization = bearer
		}
		return k.check(d, authorization)
	}

	given := 0
	for _, c := range [...]string{header, query, authorization} {
		if c != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return "", wire.MultipleCredentials()
	case given == 0:
		return "", wire.NoCredentials(d)
	case authorization != "" && (!isBearer || !k.accept(bearer)):
		return "", wire.BadToken()
	case authorization != "":
		return bearer, nil
	case d == Vertex && !express:
		return "", wire.KeyNotSupported()
	}
	return k.check(d, header+query)
}

// check returns a key that is accepted, or why it is not.
func (k *keys) check(d Dialect, key string) (string, *wire.Error) {
	switch {
	case d.Gateway() && key == "":
		return "", wire.GatewayError(http.StatusUnauthorized, "", "No token provided")
	case k.accept(key):
		return key, nil
	case d.Gateway():
		return "", wire.GatewayError(http.StatusUnauthorized, "", "Invalid token")
	}
	return "", wire.BadKey()
}

// cutBearer returns the token after the word bearer.
func cutBearer(authorization string) (token string, ok bool) {
	const scheme = "bearer "
	if len(authorization) <= len(scheme) || !strings.EqualFold(authorization[:len(scheme)], scheme) {
		return "", false
	}
	return authorization[len(scheme):], true
}
