package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// resource is what tokens are for: Blob storage in all of Azure's clouds.
const resource = "https://storage.azure.com"

// clientSecret gets a token for an application that has a secret. See "Microsoft identity
// platform and the OAuth 2.0 client credentials flow".
func (m machine) clientSecret(ctx context.Context) (token, error) {
	tenant, client, secret := m.getenv("AZURE_TENANT_ID"), m.getenv("AZURE_CLIENT_ID"), m.getenv("AZURE_CLIENT_SECRET")
	switch {
	case tenant == "" || client == "":
		return token{}, absent("AZURE_TENANT_ID or AZURE_CLIENT_ID is not set")
	case secret == "" && m.getenv("AZURE_CLIENT_CERTIFICATE_PATH") != "":
		return token{}, absent("AZURE_CLIENT_CERTIFICATE_PATH is not supported")
	case secret == "":
		return token{}, absent("AZURE_CLIENT_SECRET is not set")
	}
	return m.clientCredentials(ctx, tenant, url.Values{"client_id": {client}, "client_secret": {secret}})
}

// workloadIdentity gets a token for a token that Kubernetes, or another issuer that Entra
// trusts, renews in a file.
func (m machine) workloadIdentity(ctx context.Context) (token, error) {
	tenant, client, file := m.getenv("AZURE_TENANT_ID"), m.getenv("AZURE_CLIENT_ID"), m.getenv("AZURE_FEDERATED_TOKEN_FILE")
	if tenant == "" || client == "" || file == "" {
		return token{}, absent("AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID or AZURE_CLIENT_ID is not set")
	}
	assertion, err := os.ReadFile(file)
	if err != nil {
		return token{}, fmt.Errorf("the file that AZURE_FEDERATED_TOKEN_FILE names: %w", err)
	}
	return m.clientCredentials(ctx, tenant, url.Values{
		"client_id":             {client},
		"client_assertion":      {strings.TrimSpace(string(assertion))},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	})
}

// clientCredentials asks Entra for a token.
func (m machine) clientCredentials(ctx context.Context, tenant string, form url.Values) (token, error) {
	authority := m.getenv("AZURE_AUTHORITY_HOST")
	if authority == "" {
		authority = "https://login.microsoftonline.com"
	}
	if !strings.Contains(authority, "://") {
		authority = "https://" + authority
	}
	u, err := url.Parse(authority)
	if err != nil || u.Scheme != "https" && !isLocal(u) {
		return token{}, fmt.Errorf("AZURE_AUTHORITY_HOST is %q, and is a URL such as https://login.microsoftonline.com", authority)
	}
	form.Set("grant_type", "client_credentials")
	form.Set("scope", resource+"/.default")
	place := strings.TrimRight(authority, "/") + "/" + url.PathEscape(tenant) + "/oauth2/v2.0/token"
	return fetchToken(ctx, m.client, func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, place, strings.NewReader(form.Encode()))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return r, err
	})
}

// A grant is the answer of those who give tokens, or what they say if they give none. The numbers
// are written as strings by some.
type grant struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   number `json:"expires_in"` // in seconds
	ExpiresOn   number `json:"expires_on"` // in seconds since 1970
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// A number is one that may be written as a string.
type number int64

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(b []byte) error {
	i, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*n = number(i)
	return err
}

// fetchToken sends a request for a token until there is an answer that is final.
func fetchToken(ctx context.Context, client *http.Client, request func(context.Context) (*http.Request, error)) (t token, err error) {
	err = transfer.Do(ctx, func(ctx context.Context) error {
		r, err := request(ctx)
		if err != nil {
			return err
		}
		t, err = askToken(ctx, client, r)
		return err
	})
	return t, err
}

// askToken sends a request for a token once.
func askToken(ctx context.Context, client *http.Client, r *http.Request) (token, error) {
	answer, err := client.Do(r)
	var text []byte
	if err == nil {
		defer answer.Body.Close()
		text, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	}
	if ctx.Err() != nil {
		return token{}, ctx.Err()
	}
	if err != nil {
		return token{}, transfer.Failed(ctx, fmt.Errorf("%s cannot be reached: %w", r.URL.Host, err))
	}
	var g grant
	err = json.Unmarshal(text, &g)
	if answer.StatusCode == http.StatusOK && err == nil && g.AccessToken != "" {
		return g.token(time.Now()), nil
	}
	refusal := &ungranted{status: answer.StatusCode, host: r.URL.Host, grant: g}
	// The metadata service of a machine says that it is gone while it is renewed.
	if transfer.IsTemporary(answer.StatusCode) || answer.StatusCode == http.StatusGone {
		return token{}, &transfer.Again{Err: refusal, After: retryAfter(answer.Header)}
	}
	return token{}, refusal
}

// token returns the token of a grant. Where its end is not said, it is taken to be near.
func (g grant) token(now time.Time) token {
	t := token{g.AccessToken, now, now.Add(10 * time.Minute)}
	if g.ExpiresIn > 0 {
		t.ends = now.Add(time.Duration(g.ExpiresIn) * time.Second)
	} else if g.ExpiresOn > 0 {
		t.ends = time.Unix(int64(g.ExpiresOn), 0)
	}
	return t
}

// An ungranted is the refusal of a token.
type ungranted struct {
	status int
	host   string
	grant  grant
}

func (u *ungranted) Error() string {
	s := fmt.Sprintf("%s answers %d", u.host, u.status)
	if u.grant.Error != "" {
		s += " " + u.grant.Error
	} else {
		s += ", and gives no token"
	}
	if u.grant.Description != "" {
		// What follows in later lines is the number of the request and the time.
		line, _, _ := strings.Cut(strings.ReplaceAll(u.grant.Description, "\r", ""), "\n")
		s += ": " + line
	}
	switch u.grant.Error {
	case "invalid_client":
		s += "; check AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, and whether the secret has ended"
	case "unauthorized_client":
		s += "; check AZURE_TENANT_ID and AZURE_CLIENT_ID: the application must be one of that tenant"
	}
	return s
}
