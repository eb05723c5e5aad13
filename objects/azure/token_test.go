package azure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An issuer answers requests for tokens, and stores that ask for one.
type issuer struct {
	*world
	made   int      // tokens
	forms  []string // of the requests for them
	lives  time.Duration
	refuse func() *http.Response // instead of a token; nil = none
	auths  []string              // of the requests to the store
}

// newIssuer makes a machine whose store takes the newest token.
func newIssuer(env map[string]string) *issuer {
	i := &issuer{world: &world{env: env}, lives: time.Hour}
	if env["AZURE_STORAGE_ACCOUNT"] == "" {
		env["AZURE_STORAGE_ACCOUNT"] = "shop"
	}
	i.answer = func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Host, ".blob.core.windows.net") {
			i.auths = append(i.auths, r.Header.Get("Authorization"))
			if i.auths[len(i.auths)-1] != fmt.Sprint("Bearer token", i.made) {
				return refusal(401, "InvalidAuthenticationInfo", "Server failed to authenticate the request."), nil
			}
			return head("1", 1), nil
		}
		if i.refuse != nil {
			if a := i.refuse(); a != nil {
				return a, nil
			}
		}
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		form, _ := url.ParseQuery(string(body))
		i.forms = append(i.forms, r.Method+" "+r.URL.String()+" "+form.Encode()+" "+r.Header.Get("Metadata")+r.Header.Get("X-Identity-Header"))
		i.made++
		return reply(200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":%d,"access_token":"token%d"}`, int(i.lives.Seconds()), i.made)), nil
	}
	return i
}

func secretEnv() map[string]string {
	return map[string]string{"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "s&cret"}
}

// A token is fetched once, used until five minutes before it ends, and renewed then. While it
// cannot be renewed, it is used to its end.
func TestTokenRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(secretEnv())
		b := i.open(t, "rows")
		stat := func(want string) {
			t.Helper()
			_, err := b.Stat(t.Context(), "a")
			if got := i.auths[len(i.auths)-1]; err != nil || got != "Bearer "+want {
				t.Errorf("Stat asks with %s, and gives %v; want %s", got, err, want)
			}
		}
		stat("token1")
		time.Sleep(54 * time.Minute)
		stat("token1")
		time.Sleep(2 * time.Minute)
		stat("token2")
		const form = "POST https://login.microsoftonline.com/tenant/oauth2/v2.0/token " +
			"client_id=client&client_secret=s%26cret&grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default "
		if len(i.forms) != 2 || i.forms[0] != form || i.forms[1] != form {
			t.Errorf("tokens were asked for with %q, want twice %q", i.forms, form)
		}
		i.refuse = func() *http.Response {
			return reply(401, `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired.\r\nTrace ID: x"}`)
		}
		time.Sleep(57 * time.Minute)
		stat("token2")
		time.Sleep(4 * time.Minute)
		_, err := b.Stat(t.Context(), "a")
		const want = "reach az://rows/a: renewing the token of Microsoft Entra: login.microsoftonline.com answers 401 invalid_client: AADSTS7000222: The provided client secret keys are expired.; check AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, and whether the secret has ended"
		if err == nil || err.Error() != want {
			t.Errorf("the error is\n%v, want\n%s", err, want)
		}
	})
}

// A token that the store does not take any more is renewed before its time, once.
func TestTokenRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(secretEnv())
		b := i.open(t, "rows")
		time.Sleep(10 * time.Minute)
		i.made++ // the store wants another one than was given
		if _, err := b.Stat(t.Context(), "a"); err != nil {
			t.Errorf("Stat: %v", err)
		}
		time.Sleep(10 * time.Second)
		i.made++
		if _, err := b.Stat(t.Context(), "a"); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "InvalidAuthenticationInfo") {
			t.Errorf("Stat with a token that was just renewed, and is not taken: %v", err)
		}
	})
}

// A token of a file is one of what the file holds at the time, since it is renewed there.
func TestWorkloadIdentity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(map[string]string{"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_FEDERATED_TOKEN_FILE": file, "AZURE_AUTHORITY_HOST": "https://login.chinacloudapi.cn/"})
		b := i.open(t, "rows")
		write("second")
		time.Sleep(time.Hour)
		if _, err := b.Stat(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		for n, assertion := range []string{"first", "second"} {
			want := "POST https://login.chinacloudapi.cn/tenant/oauth2/v2.0/token client_assertion=" + assertion +
				"&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id=client&grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default "
			if len(i.forms) != 2 || i.forms[n] != want {
				t.Errorf("asked was %q, want %s", i.forms, want)
			}
		}
	})
}

// A machine in Azure has an identity of its own.
func TestManagedIdentity(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"a virtual machine", map[string]string{}, "GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com  true"},
		{"one of several", map[string]string{"AZURE_CLIENT_ID": "mine"}, "GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&client_id=mine&resource=https%3A%2F%2Fstorage.azure.com  true"},
		{"an app", map[string]string{"IDENTITY_ENDPOINT": "http://localhost:8081/msi/token", "IDENTITY_HEADER": "853b9a84"}, "GET http://localhost:8081/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com  853b9a84"},
	} {
		t.Run(test.name, func(t *testing.T) {
			i := newIssuer(test.env)
			inner := i.answer
			i.answer = func(r *http.Request) (*http.Response, error) {
				if r.URL.RawQuery == "" && r.Method == http.MethodGet { // looks whether there is a service
					return reply(400, `{"error":"invalid_request"}`), nil
				}
				return inner(r)
			}
			if _, err := i.open(t, "rows").Stat(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			if len(i.forms) != 1 || i.forms[0] != test.want {
				t.Errorf("asked was %q, want %s", i.forms, test.want)
			}
		})
	}
}

// The metadata service says for a while that it is gone, when it is renewed.
func TestManagedIdentityGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(map[string]string{})
		gone := 3
		i.refuse = func() *http.Response {
			if gone--; gone < 0 {
				return nil
			}
			return reply(410, "")
		}
		if _, err := i.open(t, "rows").Stat(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	})
}

// Where there is no service at the address, nobody answers, or another one does.
func TestNoManagedIdentity(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"nobody": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"Amazon":   func(*http.Request) (*http.Response, error) { return reply(401, "<html>"), nil },
		"Google":   func(*http.Request) (*http.Response, error) { return reply(404, "<html>"), nil },
		"Docker":   func(*http.Request) (*http.Response, error) { return reply(403, "unreachable"), nil },
		"a portal": func(*http.Request) (*http.Response, error) { return reply(200, "<html>"), nil },
		"one without identity": func(*http.Request) (*http.Response, error) {
			return reply(400, `{"error":"invalid_request","error_description":"Identity not found"}`), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var auth string
				w := &world{env: map[string]string{"AZURE_STORAGE_ACCOUNT": "shop"}}
				w.az = func() ([]byte, error) {
					return []byte(`{"accessToken": "cli", "expires_on": 4102444800, "expiresOn": "2100-01-01 00:00:00.000000", "tokenType": "Bearer"}`), nil
				}
				w.answer = func(r *http.Request) (*http.Response, error) {
					if r.URL.Host == "169.254.169.254" {
						return answer(r)
					}
					auth = r.Header.Get("Authorization")
					return head("1", 1), nil
				}
				if _, err := w.open(t, "rows").Stat(t.Context(), "a"); err != nil || auth != "Bearer cli" {
					t.Errorf("Stat with %q: %v", auth, err)
				}
				if d := time.Since(begin); d > time.Second {
					t.Errorf("it was looked for during %v", d)
				}
			})
		})
	}
}

// A CLI before 2.54 tells the end in the zone of the machine only.
func TestOldCLI(t *testing.T) {
	w := &world{env: map[string]string{"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_TOKEN_CREDENTIALS": "dev"}, az: func() ([]byte, error) {
		return []byte(`{"accessToken": "cli", "expiresOn": "2100-01-02 03:04:05.678900"}`), nil
	}}
	got, err := w.machine().azureCLI(t.Context())
	if want := time.Date(2100, 1, 2, 3, 4, 5, 678900000, time.Local); err != nil || !got.ends.Equal(want) {
		t.Errorf("the token ends at %v, want %v; %v", got.ends, want, err)
	}
}

// Without credentials what is public is read, and for all else the error tells what was looked
// for.
func TestAnonymous(t *testing.T) {
	for _, hidden := range []*http.Response{
		refusal(404, "ResourceNotFound", "The specified resource does not exist."),
		refusal(409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."),
		refusal(401, "NoAuthenticationInformation", "Server failed to authenticate the request."),
	} {
		w := &world{env: map[string]string{"AZURE_STORAGE_ACCOUNT": "shop"}, az: func() ([]byte, error) {
			return nil, &exec.ExitError{Stderr: []byte("ERROR: Please run 'az login' to setup account.\n")}
		}}
		w.answer = func(r *http.Request) (*http.Response, error) {
			switch {
			case r.URL.Host == "169.254.169.254":
				return nil, errReset
			case r.URL.Path == "/rows/public":
				return head("1", 1), nil
			}
			return hidden, nil
		}
		b := w.open(t, "rows")
		if _, err := b.Stat(t.Context(), "public"); err != nil {
			t.Error(err)
		}
		_, err := b.Stat(t.Context(), "private")
		if !errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the error is %v", err)
		}
		for _, want := range []string{
			"AZURE_STORAGE_KEY", "EnvironmentCredential: AZURE_TENANT_ID or AZURE_CLIENT_ID is not set", "ManagedIdentityCredential: this is no machine in Azure",
			"AzureCLICredential: az says: ERROR: Please run 'az login' to setup account.", "sign in with: az login",
		} {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not tell %q: %v", want, err)
			}
		}
	}
}

// Credentials that are there and do not work are no reason to go on without.
func TestSignInFails(t *testing.T) {
	i := newIssuer(secretEnv())
	i.refuse = func() *http.Response {
		return reply(400, `{"error":"unauthorized_client","error_description":"AADSTS700016: Application with identifier 'client' was not found."}`)
	}
	_, err := open(t.Context(), "rows", i.machine())
	if err == nil || !strings.Contains(err.Error(), "signing in to Microsoft Entra by EnvironmentCredential: login.microsoftonline.com answers 400 unauthorized_client: AADSTS700016") {
		t.Errorf("the error is %v", err)
	}
}

// A token goes to nobody over a connection that others can read.
func TestTokenIsSecret(t *testing.T) {
	env := secretEnv()
	env["AZURE_STORAGE_ENDPOINT"] = "http://shop.example/"
	i := newIssuer(env)
	_, err := i.open(t, "rows").Stat(t.Context(), "a")
	if err == nil || !strings.Contains(err.Error(), "a token is not sent unencrypted to shop.example") || len(i.auths) > 0 {
		t.Errorf("the error is %v", err)
	}
	env = secretEnv()
	env["AZURE_AUTHORITY_HOST"] = "http://login.example/"
	i = newIssuer(env)
	if _, err := open(t.Context(), "rows", i.machine()); err == nil || !strings.Contains(err.Error(), "AZURE_AUTHORITY_HOST") || len(i.asks) > 0 {
		t.Errorf("the error is %v", err)
	}
}
