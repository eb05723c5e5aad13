package objectpeer

import (
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/genbatch/genbatch/objects/azure"
)

// An authority gives tokens as Microsoft Entra does, and as the service of a machine in Azure.
type authority struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // what of each request for a token is about the token
}

func newAuthority(t *testing.T) *authority {
	a := new(authority)
	a.Server = httptest.NewTLSServer(a)
	t.Cleanup(a.Close)
	return a
}

// ServeHTTP implements [http.Handler].
func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
		fmt.Fprintf(w, `{"issuer":"%[1]s/tenant/v2.0","authorization_endpoint":"%[1]s/tenant/oauth2/v2.0/authorize","token_endpoint":"%[1]s/tenant/oauth2/v2.0/token"}`, a.URL)
		return
	}
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	maps.Copy(form, r.URL.Query())
	// What the SDK says of itself, and scopes for tokens of users, are no part of it.
	maps.DeleteFunc(form, func(name string, _ []string) bool {
		return strings.HasPrefix(name, "x-client-") || strings.HasPrefix(name, "client-") || name == "client_info"
	})
	scopes := strings.Fields(form.Get("scope"))
	scopes = slices.DeleteFunc(scopes, func(s string) bool { return s == "openid" || s == "offline_access" || s == "profile" })
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Path+" "+form.Encode()+" "+r.Header.Get("X-Identity-Header"))
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"token_type":"Bearer","expires_in":3600,"access_token":"token"}`)
}

// The driver asks for tokens as the credential chain of Microsoft's SDK does.
func TestAzureTokens(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SSL_CERT_FILE says on Linux only whom to trust")
	}
	a := newAuthority(t)
	dir := t.TempDir()
	roots, assertion := filepath.Join(dir, "roots.pem"), filepath.Join(dir, "token")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})
	for file, content := range map[string]string{roots: string(certificate), assertion: "header.payload.signature"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	clearAzure(t)
	t.Setenv("SSL_CERT_FILE", roots)
	t.Setenv("AZURE_STORAGE_ACCOUNT", "shop")
	t.Setenv("AZURE_AUTHORITY_HOST", a.URL)
	for _, test := range []struct {
		name string
		env  map[string]string
	}{
		{"a secret", map[string]string{"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "a+b&c"}},
		{"a token of another issuer", map[string]string{"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_FEDERATED_TOKEN_FILE": assertion}},
		{"an app", map[string]string{"IDENTITY_ENDPOINT": a.URL + "/msi/token", "IDENTITY_HEADER": "853b9a84"}},
		{"an app with several identities", map[string]string{"IDENTITY_ENDPOINT": a.URL + "/msi/token", "IDENTITY_HEADER": "853b9a84", "AZURE_CLIENT_ID": "mine"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			a.asked = nil
			if _, err := azure.Open(t.Context(), "rows"); err != nil {
				t.Fatal(err)
			}
			var o azidentity.DefaultAzureCredentialOptions
			o.DisableInstanceDiscovery, o.Transport = true, a.Client()
			sdk, err := azidentity.NewDefaultAzureCredential(&o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sdk.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}}); err != nil {
				t.Fatal(err)
			}
			if len(a.asked) != 2 || a.asked[0] != a.asked[1] {
				t.Errorf("the driver asks as the first, and the SDK as the second:\n%s", strings.Join(a.asked, "\n"))
			}
		})
	}
}

// clearAzure unsets what the environment of the test says of Azure.
func clearAzure(t *testing.T) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AZURE_") || strings.HasPrefix(name, "IDENTITY_") || strings.HasPrefix(name, "MSI_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
}
