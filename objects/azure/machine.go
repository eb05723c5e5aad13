package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"
)

// imds is the metadata service of a virtual machine, which has this address on all of them.
const imds = "http://169.254.169.254/metadata/identity/oauth2/token"

// managedIdentity gets a token for the identity that Azure has given to this machine, or to this
// app in App Service, Functions and Container Apps. AZURE_CLIENT_ID chooses one of several. See "How to
// use managed identities for Azure resources on an Azure VM to acquire an access token", and
// "How to use managed identities for App Service and Azure Functions".
func (m machine) managedIdentity(ctx context.Context) (token, error) {
	query := url.Values{"resource": {resource}}
	if id := m.getenv("AZURE_CLIENT_ID"); id != "" {
		query.Set("client_id", id)
	}
	if endpoint, secret := m.getenv("IDENTITY_ENDPOINT"), m.getenv("IDENTITY_HEADER"); endpoint != "" && secret != "" {
		query.Set("api-version", "2019-08-01")
		return m.localToken(ctx, endpoint, query, "X-Identity-Header", secret)
	}
	if err := m.probe(ctx); err != nil {
		return token{}, err
	}
	query.Set("api-version", "2018-02-01")
	t, err := m.localToken(ctx, imds, query, "Metadata", "true")
	u, ok := errors.AsType[*ungranted](err)
	switch {
	case !ok || u.status >= http.StatusInternalServerError:
	case u.grant.Error == "":
		// Other clouds have other services at this address, and so has Docker Desktop.
		return token{}, absent("this is no machine in Azure, or one that hides its metadata service")
	case u.status == http.StatusBadRequest && !query.Has("client_id"):
		return token{}, absent("this machine has no identity of its own")
	}
	return t, err
}

// probe asks whether there is a metadata service. A machine without one mostly gives no answer at
// all. Any answer will do, which is why the header that a real request has is left out.
func (m machine) probe(ctx context.Context) error {
	attempt, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(attempt, http.MethodGet, imds, nil)
	if err != nil {
		return err
	}
	answer, err := m.local.Do(r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return absent("this is no machine in Azure")
	}
	return answer.Body.Close()
}

// localToken asks a service of this machine for a token.
func (m machine) localToken(ctx context.Context, endpoint string, query url.Values, header, value string) (token, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return token{}, fmt.Errorf("IDENTITY_ENDPOINT: %w", err)
	}
	u.RawQuery = query.Encode()
	return fetchToken(ctx, m.local, func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err == nil {
			r.Header.Set(header, value)
		}
		return r, err
	})
}

// azureCLI gets the token of who is signed in with the Azure CLI. That it is not there or nobody is
// signed in counts as absent, as in Microsoft's chain, where other tools for developers follow.
func (m machine) azureCLI(ctx context.Context) (token, error) {
	attempt, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := m.output(attempt, "az", "account", "get-access-token", "-o", "json", "--resource", resource)
	if ctx.Err() != nil {
		return token{}, ctx.Err()
	}
	if err != nil {
		return token{}, absent(complaint(err))
	}
	var t struct {
		AccessToken string `json:"accessToken"`
		Since1970   int64  `json:"expires_on"`
		Local       string `json:"expiresOn"` // of a CLI before 2.54, in the zone of the machine
	}
	if err := json.Unmarshal(out, &t); err != nil || t.AccessToken == "" {
		return token{}, errors.New("az account get-access-token gives no token; see what it prints when you call it")
	}
	ends := time.Unix(t.Since1970, 0)
	if t.Since1970 == 0 {
		if ends, err = time.ParseInLocation("2006-01-02 15:04:05.999999", t.Local, time.Local); err != nil {
			return token{}, fmt.Errorf("az account get-access-token: %w", err)
		}
	}
	return token{t.AccessToken, time.Now(), ends}, nil
}

// complaint returns what a program said when it failed.
func complaint(err error) string {
	if errors.Is(err, exec.ErrNotFound) {
		return "the program az is not installed"
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if line, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n"); line != "" {
			return "az says: " + line
		}
	}
	return "az: " + err.Error()
}
