package azure

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// An account, its endpoint and what authorizes are those of the environment and the address.
func TestAccount(t *testing.T) {
	const signed = "sv=2022&se=2030-01-01&sig=x%2Fy"
	for _, test := range []struct {
		name    string
		address string
		env     map[string]string
		url     string // that is asked for the blob a/b
		auth    string // its header Authorization begins so
	}{
		{"a key", "rows", keyed(), "https://shop.blob.core.windows.net/rows/a/b", "SharedKey shop:"},
		{"the names of others", "rows", map[string]string{"AZURE_STORAGE_ACCOUNT_NAME": "shop", "AZURE_STORAGE_ACCOUNT_KEY": "a2V5"}, "https://shop.blob.core.windows.net/rows/a/b", "SharedKey shop:"},
		{"a signature", "rows", map[string]string{"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_SAS_TOKEN": "?" + signed}, "https://shop.blob.core.windows.net/rows/a/b?" + signed, ""},
		{"a signature before a key", "rows", map[string]string{"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_SAS_TOKEN": signed, "AZURE_STORAGE_KEY": "a2V5"}, "https://shop.blob.core.windows.net/rows/a/b?" + signed, ""},
		{"a connection string of a cloud", "rows", map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=a2V5;EndpointSuffix=core.chinacloudapi.cn", "AZURE_STORAGE_ACCOUNT": "other"}, "https://shop.blob.core.chinacloudapi.cn/rows/a/b", "SharedKey shop:"},
		{"a connection string with a signature", "rows", map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=https://shop.blob.core.windows.net/;SharedAccessSignature=" + signed}, "https://shop.blob.core.windows.net/rows/a/b?" + signed, ""},
		{"the emulator", "rows", map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true"}, "http://127.0.0.1:10000/devstoreaccount1/rows/a/b", "SharedKey devstoreaccount1:"},
		{"an endpoint", "rows", map[string]string{"AZURE_STORAGE_ENDPOINT": "http://azurite:10000/shop/", "AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_KEY": "a2V5"}, "http://azurite:10000/shop/rows/a/b", "SharedKey shop:"},
		{"nothing but public", "rows", map[string]string{"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_ANON": "true"}, "https://shop.blob.core.windows.net/rows/a/b", ""},
		{"an account in the address", "shop.blob.core.windows.net", keyed(), "https://shop.blob.core.windows.net/rows/a/b", "SharedKey shop:"},
		{"another account in the address", "other.z05.blob.storage.azure.net", keyed(), "https://other.z05.blob.storage.azure.net/rows/a/b", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var auth string
			w := &world{env: test.env, answer: func(r *http.Request) (*http.Response, error) {
				if r.URL.Host == "169.254.169.254" {
					return nil, errReset
				}
				auth = r.Header.Get("Authorization")
				return head("1", 1), nil
			}}
			b, err := open(t.Context(), test.address, w.machine())
			if err != nil {
				t.Fatal(err)
			}
			key := "a/b"
			if strings.Contains(test.address, ".") {
				key = "rows/a/b"
			}
			info, err := b.Stat(t.Context(), key)
			if err != nil || info.Key != key {
				t.Errorf("Stat: %+v, %v", info, err)
			}
			if got := w.asks[len(w.asks)-1]; got != "HEAD "+test.url {
				t.Errorf("asked was %s, want %s", got, test.url)
			}
			if !strings.HasPrefix(auth, test.auth) || test.auth == "" && auth != "" {
				t.Errorf("it was authorized by %q, want %q", auth, test.auth)
			}
		})
	}
}

// What cannot be opened says what is missing.
func TestAccountRefused(t *testing.T) {
	for _, test := range []struct {
		address string
		env     map[string]string
		want    string
	}{
		{"rows", nil, "which storage account is this in? Set AZURE_STORAGE_ACCOUNT"},
		{"Rows", keyed(), `"Rows" is no name of a container`},
		{"r", keyed(), `"r" is no name of a container`},
		{"a--b", keyed(), `"a--b" is no name of a container`},
		{"rows", map[string]string{"AZURE_STORAGE_ACCOUNT": "evil.example/"}, "AZURE_STORAGE_ACCOUNT is \"evil.example/\""},
		{"rows", map[string]string{"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_KEY": "?"}, "AZURE_STORAGE_KEY holds no key"},
		{"rows", map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "shop"}, "AZURE_STORAGE_CONNECTION_STRING: a connection string has parts"},
		{"rows", map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "AccountName=shop;AccountKey=a2V5=="}, "its AccountKey is not in base64"},
		{"rows", map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=a2V5"}, "it has neither AccountName nor BlobEndpoint"},
		{"rows", map[string]string{"AZURE_STORAGE_ENDPOINT": "https://own.example", "AZURE_STORAGE_KEY": "a2V5"}, "set AZURE_STORAGE_ACCOUNT"},
		{"rows", map[string]string{"AZURE_STORAGE_ENDPOINT": "own.example"}, "AZURE_STORAGE_ENDPOINT: the endpoint"},
		{"rows", map[string]string{"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_TOKEN_CREDENTIALS": "mine"}, `AZURE_TOKEN_CREDENTIALS is "mine"`},
		{"evil.example", keyed(), "evil.example is no host of Azure Blob Storage"},
		{"shop.blob.core.windows.net.evil.example", keyed(), "is no host of Azure Blob Storage"},
	} {
		w := &world{env: test.env, answer: func(*http.Request) (*http.Response, error) {
			t.Error("somebody was asked")
			return nil, errReset
		}}
		if _, err := open(t.Context(), test.address, w.machine()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %v: %v, want %s", test.address, test.env, err, test.want)
		}
	}
}

// Keys that name no blob are refused before anybody is asked.
func TestKeyRefused(t *testing.T) {
	w := &world{env: keyed(), answer: func(*http.Request) (*http.Response, error) {
		t.Error("somebody was asked")
		return nil, errReset
	}}
	for key, want := range map[string]string{
		"":       "reach az://rows/: this names no blob, only a container",
		"a/../b": "reach az://rows/a/../b: a blob can have no part . or .. in its name in Azure; choose another name",
		"./a":    "reach az://rows/./a: a blob can have no part . or .. in its name in Azure; choose another name",
	} {
		if _, err := w.open(t, "rows").Stat(t.Context(), key); err == nil || err.Error() != want {
			t.Errorf("Stat of %q: %v, want %s", key, err, want)
		}
	}
	b := w.open(t, "shop.blob.core.windows.net")
	for _, err := range b.List(t.Context(), "rows") {
		if err == nil || !strings.Contains(err.Error(), "az://shop.blob.core.windows.net/rows: this names no container") {
			t.Errorf("List: %v", err)
		}
	}
}

// The string that is signed is the one that Microsoft's documentation has for this request
// ("Authorize with Shared Key", example for Get Container Metadata).
func TestStringToSign(t *testing.T) {
	r, err := http.NewRequest(http.MethodGet, "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT")
	r.Header.Set("x-ms-version", "2015-02-21")
	const want = "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
	if got := stringToSign("myaccount", r); got != want {
		t.Errorf("signed is\n%q, want\n%q", got, want)
	}
}

// A shared access signature is a secret, and no error tells it.
func TestSignatureIsSecret(t *testing.T) {
	env := map[string]string{"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_SAS_TOKEN": "se=2020-01-01T00%3A00%3A00Z&sig=secret"}
	for _, answer := range []func(*http.Request) (*http.Response, error){
		func(*http.Request) (*http.Response, error) { return nil, http.ErrSchemeMismatch },
		func(*http.Request) (*http.Response, error) {
			return refusal(403, "AuthenticationFailed", "Server failed to authenticate the request."), nil
		},
		func(r *http.Request) (*http.Response, error) {
			return reply(302, "", "Location", "https://evil.example/?"+r.URL.RawQuery), nil
		},
	} {
		w := &world{env: env, answer: answer}
		_, err := w.open(t, "rows").Stat(t.Context(), "a")
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error is %v", err)
		}
		if f, ok := errors.AsType[*failure](err); ok && f.status == 403 && !strings.Contains(err.Error(), "one that ended at 2020-01-01T00:00:00Z") {
			t.Errorf("the error does not tell that the signature has ended: %v", err)
		}
		if len(w.asks) != 1 {
			t.Errorf("asked was %q", w.asks)
		}
	}
}
