package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// clean removes what the environment of the tests says of AWS.
func clean(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // which restores it
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// A network answers requests for any host.
type network func(r *http.Request) *http.Response

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	if resp := n(r); resp != nil {
		return resp, nil
	}
	return nil, errors.New("no such host")
}

func answer(status int, body string, header ...string) *http.Response {
	w := httptest.NewRecorder()
	for i := 0; i < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.WriteHeader(status)
	w.WriteString(body)
	return w.Result()
}

// The first request to the bucket tells where it goes, for which region it is signed, and by whom.
func TestSettings(t *testing.T) {
	home := func(t *testing.T, name, text string) {
		t.Helper()
		path := filepath.Join(os.Getenv("HOME"), ".aws", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
	for name, tt := range map[string]struct {
		env           map[string]string
		config, creds string
		bucket        string
		want          string // host and path, key and region; or an error
	}{
		"Amazon, its region is found": {env: keys, want: "https://shop.s3.eu-west-3.amazonaws.com/k AKID/eu-west-3"},
		"a bucket with dots":          {env: keys, bucket: "a.shop", want: "https://s3.eu-west-3.amazonaws.com/a.shop/k AKID/eu-west-3"},
		"an anonymous reader":         {env: map[string]string{"AWS_NO_SIGN_REQUEST": "YES"}, want: "https://shop.s3.eu-west-3.amazonaws.com/k "},
		"another store": {env: map[string]string{"AWS_ENDPOINT_URL": "http://minio:9000", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"},
			want: "http://minio:9000/shop/k AKID/us-east-1"},
		"another store for S3 alone, with a region": {env: map[string]string{"AWS_ENDPOINT_URL": "http://wrong", "AWS_ENDPOINT_URL_S3": "https://r2.example", "AWS_REGION": "auto", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"},
			want: "https://r2.example/shop/k AKID/auto"},
		"a profile": {env: map[string]string{"AWS_PROFILE": "work"},
			config: "[default]\nregion = eu-west-1\n[profile work]\n# no\nregion = eu-north-1\nendpoint_url = https://store.example\n",
			creds:  "[work]\naws_access_key_id = FROMFILE\naws_secret_access_key = s\n", want: "https://store.example/shop/k FROMFILE/eu-north-1"},
		"a process": {config: "[default]\ncredential_process = echo {\"Version\":1,\"AccessKeyId\":\"PROCESS\",\"SecretAccessKey\":\"s\"}\n",
			want: "https://shop.s3.eu-west-3.amazonaws.com/k PROCESS/eu-west-3"},
		"no bucket":            {env: keys, bucket: "none", want: "there is no bucket of that name"},
		"half of the keys":     {env: map[string]string{"AWS_ACCESS_KEY_ID": "AKID"}, want: "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set"},
		"nothing":              {want: "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for a public bucket AWS_NO_SIGN_REQUEST=YES"},
		"no such profile":      {env: map[string]string{"AWS_PROFILE": "gone"}, want: "AWS_PROFILE is gone, and there is no such profile"},
		"a role with a device": {env: map[string]string{"AWS_PROFILE": "r"}, config: "[profile r]\nrole_arn = arn:x\nsource_profile = default\nmfa_serial = 1\n", want: "credential_process = aws configure export-credentials --profile r"},
		"single sign-on that has ended": {config: "[default]\nsso_start_url = https://x\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r\n",
			want: "run aws sso login"},
		"an address with a path": {env: map[string]string{"AWS_ENDPOINT_URL": "https://store.example/storage/v1/s3", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"},
			want: "https://store.example/storage/v1/s3/shop/k AKID/us-east-1"},
		"an address with the bucket": {env: map[string]string{"AWS_ENDPOINT_URL": "http://minio:9000/shop"}, want: "without a bucket"},
		"an address with a query":    {env: map[string]string{"AWS_ENDPOINT_URL": "http://minio:9000?x=y"}, want: "without a bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			if tt.config != "" {
				home(t, "config", tt.config)
			}
			if tt.creds != "" {
				home(t, "credentials", tt.creds)
			}
			var seen string
			bucket := "shop"
			if tt.bucket != "" {
				bucket = tt.bucket
			}
			b, err := open(t.Context(), bucket, network(func(r *http.Request) *http.Response {
				switch {
				case r.Method == http.MethodHead && r.URL.Path == "/none":
					return answer(404, "")
				case r.Method == http.MethodHead:
					return answer(301, "", "X-Amz-Bucket-Region", "eu-west-3")
				}
				_, auth, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
				if parts := strings.Split(auth, "/"); len(parts) > 3 {
					auth = parts[0] + "/" + parts[2]
				}
				seen = r.URL.Scheme + "://" + r.URL.Host + r.URL.Path + " " + auth
				return answer(204, "")
			}))
			if err == nil {
				err = b.Remove(t.Context(), "k")
			}
			if seen != tt.want && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%s, %v, want %s", seen, err, tt.want)
			}
		})
	}
}

// A refusal says what it means, and what to do.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		is     error
		want   string
	}{
		{404, "NoSuchKey", fs.ErrNotExist, "s3://shop/k: there is no such object"},
		{404, "NoSuchBucket", fs.ErrNotExist, "there is no bucket of that name"},
		{403, "AccessDenied", fs.ErrPermission, "s3:GetObject"},
		{403, "InvalidAccessKeyId", fs.ErrPermission, "AWS_ENDPOINT_URL"},
		{403, "RequestTimeTooSkewed", nil, "clock"},
		{400, "ExpiredToken", fs.ErrPermission, "aws sso login"},
		{400, "AuthorizationHeaderMalformed", nil, "set AWS_REGION=eu-west-9"},
		{301, "PermanentRedirect", nil, "eu-west-1 was asked"},
		{501, "NotImplemented", nil, "If-None-Match"},
		{403, "", fs.ErrPermission, "403 Forbidden"},
	} {
		t.Run(fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			clean(t)
			t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
			t.Setenv("AWS_ENDPOINT_URL", "https://store.example")
			t.Setenv("AWS_REGION", "eu-west-1")
			calls := 0
			b, err := open(t.Context(), "shop", network(func(r *http.Request) *http.Response {
				calls++
				if r.Method == http.MethodHead || tt.code == "" {
					return answer(tt.status, "")
				}
				return answer(tt.status, "<Error><Code>"+tt.code+"</Code><Message>as it says</Message><Region>eu-west-9</Region></Error>")
			}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.ReadAt(t.Context(), "k", "", make([]byte, 1), 0)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) || calls != 1 {
				t.Errorf("%v after %d calls, want %s", err, calls, tt.want)
			}
			// HEAD has no text, and so the reason is asked for.
			if _, err = b.Stat(t.Context(), "k"); tt.status == 400 && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Stat says %v, want %s", err, tt.want)
			}
		})
	}
}

// Credentials that another program has renewed are found when the old ones have expired.
func TestRenewed(t *testing.T) {
	clean(t)
	file := filepath.Join(t.TempDir(), "credentials")
	write := func(id string) {
		if err := os.WriteFile(file, []byte("[default]\naws_access_key_id = "+id+"\naws_secret_access_key = s\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("OLD")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	t.Setenv("AWS_ENDPOINT_URL", "https://store.example")
	b, err := open(context.Background(), "shop", network(func(r *http.Request) *http.Response {
		if strings.Contains(r.Header.Get("Authorization"), "OLD") {
			write("NEW")
			return answer(400, "<Error><Code>ExpiredToken</Code></Error>")
		}
		return answer(206, "x", "Etag", `"1"`, "Content-Range", "bytes 0-0/1", "Last-Modified", "Mon, 30 Nov 2026 01:00:00 GMT")
	}))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := b.ReadAt(t.Context(), "k", "", make([]byte, 1), 0); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
