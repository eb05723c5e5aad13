package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A token is an access token of Microsoft Entra.
type token struct {
	value string
	made  time.Time
	ends  time.Time
}

// worn reports whether a token is to be renewed: five minutes before it ends, as in Microsoft's
// SDK, or in the last third of a short life.
func (t token) worn(now time.Time) bool {
	return t.ends.Sub(now) < min(5*time.Minute, t.ends.Sub(t.made)/3)
}

// A source is where tokens come from.
type source struct {
	name string // the value of AZURE_TOKEN_CREDENTIALS that chooses it
	dev  bool   // whether it is for developers
	get  func(context.Context) (token, error)
}

// absent is the error of a source that is not there. Then the next one is asked. Every other
// error is one of a source that somebody has set up, and that does not work.
type absent string

func (a absent) Error() string { return string(a) }

// A bearer authorizes requests with a token, which it renews.
type bearer struct {
	local bool // whether the service is on this machine, so that a token may go there unencrypted
	get   func(context.Context) (token, error)
	slot  chan struct{} // holds one thing while a token is looked at or fetched
	now   token
}

// signIn finds the source of tokens. If there is none, requests are [anonymous].
func signIn(ctx context.Context, a account, m machine) (authorizer, error) {
	sources, err := chosen(m)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, source := range sources {
		first, err := source.get(ctx)
		if none, ok := errors.AsType[absent](err); ok && ctx.Err() == nil {
			missing = append(missing, source.name+": "+none.Error())
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("signing in to Microsoft Entra by %s: %w", source.name, err)
		}
		return &bearer{local: isLocal(a.endpoint), get: source.get, slot: make(chan struct{}, 1), now: first}, nil
	}
	return anonymous("there is neither AZURE_STORAGE_KEY nor AZURE_STORAGE_SAS_TOKEN nor AZURE_STORAGE_CONNECTION_STRING, and none for Microsoft Entra (" +
		strings.Join(missing, "; ") + "). Set one of them, or sign in with: az login"), nil
}

// chosen returns the sources of tokens in the order of DefaultAzureCredential of Microsoft's SDK.
// See "Credential chains in the Azure Identity library for Go".
func chosen(m machine) ([]source, error) {
	all := []source{
		{"EnvironmentCredential", false, m.clientSecret},
		{"WorkloadIdentityCredential", false, m.workloadIdentity},
		{"ManagedIdentityCredential", false, m.managedIdentity},
		{"AzureCLICredential", true, m.azureCLI},
	}
	choice := m.getenv("AZURE_TOKEN_CREDENTIALS")
	if choice == "" {
		return all, nil
	}
	var some []source
	for _, s := range all {
		if strings.EqualFold(choice, s.name) || choice == "dev" && s.dev || choice == "prod" && !s.dev {
			some = append(some, s)
		}
	}
	if some == nil {
		return nil, fmt.Errorf("AZURE_TOKEN_CREDENTIALS is %q, and may be dev, prod, EnvironmentCredential, WorkloadIdentityCredential, ManagedIdentityCredential or AzureCLICredential", choice)
	}
	return some, nil
}

// authorize implements [authorizer].
func (b *bearer) authorize(ctx context.Context, r *http.Request) error {
	if r.URL.Scheme != "https" && !b.local {
		return fmt.Errorf("a token is not sent unencrypted to %s; write the endpoint with https", r.URL.Host)
	}
	value, err := b.token(ctx)
	if err != nil {
		return fmt.Errorf("renewing the token of Microsoft Entra: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+value)
	return nil
}

// token returns a token that is good for a while. One that is worn and cannot be renewed is used
// to its end.
func (b *bearer) token(ctx context.Context) (string, error) {
	select {
	case b.slot <- struct{}{}:
		defer func() { <-b.slot }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if !b.now.worn(time.Now()) {
		return b.now.value, nil
	}
	next, err := b.get(ctx)
	if err == nil {
		b.now = next
	} else if !time.Now().Before(b.now.ends) {
		return "", err
	}
	return b.now.value, nil
}

// forget has the next request fetch another token, since the service does not accept the one of
// this header. It reports whether that is worth trying: not with a token that has just been made.
func (b *bearer) forget(header string) bool {
	b.slot <- struct{}{}
	defer func() { <-b.slot }()
	if header != "Bearer "+b.now.value {
		return true // another request has done so
	}
	if time.Since(b.now.made) < time.Minute {
		return false
	}
	b.now = token{}
	return true
}
