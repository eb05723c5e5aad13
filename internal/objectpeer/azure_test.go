package objectpeer

import (
	"bytes"
	"crypto/md5"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/objects"
)

// What the driver writes is read by Microsoft's SDK, and the other way round.
func azureSDK(t *testing.T, w azuriteWorld) {
	w.connect(t)
	b := w.open(t)
	keys := []string{"sdk/small", "sdk/large ü+%20.bin", "sdk/new"}
	for i, key := range keys {
		content := objecttest.Random([]int{1000, 20<<20 + 1, 1000}[i], byte(i))
		meta := map[string]string{"genbatch_job": "7f3a"}
		info, err := b.Write(t.Context(), key, bytes.NewReader(content), objects.WriteOptions{Meta: meta, New: key == "sdk/new"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.sdk.DownloadStream(t.Context(), w.container, key, nil)
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(read, content) {
			t.Errorf("%s: the SDK reads %d bytes, %v", key, len(read), err)
		}
		if tag := strings.Trim(string(*got.ETag), `"`); tag != info.Version {
			t.Errorf("%s: the SDK has the ETag %s, and the driver %s", key, tag, info.Version)
		}
		if sum := md5.Sum(content); !bytes.Equal(got.ContentMD5, sum[:]) {
			t.Errorf("%s has the MD5 %x, want %x", key, got.ContentMD5, sum)
		}
		if len(got.Metadata) != 1 {
			t.Errorf("%s has the metadata %v", key, got.Metadata)
		}

		if _, err := w.sdk.UploadStream(t.Context(), w.container, key+"-2", bytes.NewReader(content), &azblob.UploadStreamOptions{BlockSize: 4 << 20, Metadata: map[string]*string{"Owner": to.Ptr("me")}}); err != nil {
			t.Fatal(err)
		}
		info, err = b.Stat(t.Context(), key+"-2")
		if err != nil || info.Size != int64(len(content)) || info.Meta["owner"] != "me" {
			t.Errorf("Stat gives %+v, %v", info, err)
		}
		p := make([]byte, len(content))
		if _, err := b.ReadAt(t.Context(), info.Key, info.Version, p, 0); err != nil || !bytes.Equal(p, content) {
			t.Errorf("%s: the driver reads other bytes, %v", info.Key, err)
		}
		// One replaces what the other has made.
		if _, err := b.Write(t.Context(), info.Key, bytes.NewReader(content), objects.WriteOptions{}); err != nil {
			t.Error(err)
		}
	}
	var theirs, ours []string
	for pages := w.sdk.NewListBlobsFlatPager(w.container, nil); pages.More(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Segment.BlobItems {
			theirs = append(theirs, *item.Name)
		}
	}
	for info, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, info.Key)
	}
	slices.Sort(theirs)
	if len(ours) != 2*len(keys) || !slices.Equal(ours, theirs) {
		t.Errorf("the SDK lists\n%q, and the driver\n%q", theirs, ours)
	}
}

// A blob is replaced only while it is the one that was named.
func azureOver(t *testing.T, w azuriteWorld) {
	w.connect(t)
	b := w.open(t)
	for _, n := range []int{0, 1000, 17 << 20} {
		content := objecttest.Random(n, 1)
		write := func(o objects.WriteOptions) (objects.Info, error) {
			return b.Write(t.Context(), "over", bytes.NewReader(content), o)
		}
		first, err := write(objects.WriteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		second, err := write(objects.WriteOptions{Over: first.Version})
		if err != nil {
			t.Errorf("%d bytes over what is there: %v", n, err)
		}
		if _, err := write(objects.WriteOptions{Over: first.Version}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%d bytes over what was replaced: %v", n, err)
		}
		if now, err := b.Stat(t.Context(), "over"); err != nil || now.Version != second.Version {
			t.Errorf("there is %+v, %v, want %+v", now, err, second)
		}
		if err := b.Remove(t.Context(), "over"); err != nil {
			t.Fatal(err)
		}
		if _, err := write(objects.WriteOptions{Over: second.Version}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%d bytes over what was removed: %v", n, err)
		}
	}
}

// sharer returns a shared access signature, which the SDK makes.
func sharer(t *testing.T, w azuriteWorld, permissions sas.ContainerPermissions) string {
	t.Helper()
	u, err := w.sdk.ServiceClient().NewContainerClient(w.container).GetSASURL(permissions, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ := strings.Cut(u, "?")
	return query
}

// A shared access signature allows what it says.
func azureSAS(t *testing.T, w azuriteWorld) {
	t.Setenv("AZURE_STORAGE_ENDPOINT", w.endpoint)
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", sharer(t, w, sas.ContainerPermissions{Read: true, Write: true, Create: true, List: true, Delete: true}))
	b := w.open(t)
	if _, err := b.Write(t.Context(), "sas/a b", strings.NewReader("content"), objects.WriteOptions{New: true}); err != nil {
		t.Fatal(err)
	}
	for info, err := range b.List(t.Context(), "sas/") {
		if err != nil || info.Key != "sas/a b" {
			t.Errorf("the listing has %+v, %v", info, err)
		}
	}
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", sharer(t, w, sas.ContainerPermissions{Read: true}))
	b = w.open(t)
	if _, err := b.Stat(t.Context(), "sas/a b"); err != nil {
		t.Error(err)
	}
	_, err := b.Write(t.Context(), "sas/a b", strings.NewReader("other"), objects.WriteOptions{})
	if !errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "sig=") {
		t.Errorf("Write with a signature for reading: %v", err)
	}
}

// Without credentials a public container is read, and no other one.
func azurePublic(t *testing.T, w azuriteWorld) {
	if _, err := w.sdk.UploadBuffer(t.Context(), w.container, "a", []byte("content"), nil); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_STORAGE_ENDPOINT", w.endpoint)
	t.Setenv("AZURE_STORAGE_ANON", "true")
	if _, err := w.open(t).Stat(t.Context(), "a"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Stat in a private container: %v", err)
	}
	public := w.sdk.ServiceClient().NewContainerClient(w.container)
	if _, err := public.SetAccessPolicy(t.Context(), &container.SetAccessPolicyOptions{Access: to.Ptr(azblob.PublicAccessTypeContainer)}); err != nil {
		t.Fatal(err)
	}
	if info, err := w.open(t).Stat(t.Context(), "a"); err != nil || info.Size != 7 {
		t.Errorf("Stat in a public container: %+v, %v", info, err)
	}
}

// A witness is a proxy that keeps what it has passed on.
type witness struct {
	mu   sync.Mutex
	seen []*http.Request // without bodies
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.seen = append(w.seen, r.Clone(r.Context()))
	w.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// watch returns the URL of an account behind a witness.
func watch(t *testing.T, endpoint string) (*witness, string) {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	w := new(witness)
	server := httptest.NewServer(&httputil.ReverseProxy{Transport: w, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
	}})
	t.Cleanup(server.Close)
	return w, server.URL + target.Path
}

// A copied request replaces the one of the SDK before that signs it, and is not sent.
type copied struct{ request *http.Request }

// Do implements [policy.Policy].
func (c *copied) Do(r *policy.Request) (*http.Response, error) {
	raw := r.Raw()
	raw.Method, raw.URL, raw.Header, raw.ContentLength = c.request.Method, c.request.URL, c.request.Header.Clone(), c.request.ContentLength
	raw.Header.Del("Authorization")
	if raw.ContentLength > 0 { // which the SDK signs by the header
		raw.Header.Set("Content-Length", c.request.Header.Get("Content-Length"))
	}
	// The SDK looks for some headers by names that are not in the usual form.
	for _, name := range []string{"x-ms-date", "x-ms-version", "x-ms-client-request-id", "Content-MD5"} {
		if v := raw.Header.Get(name); v != "" {
			raw.Header[name] = []string{v}
			if canonical := http.CanonicalHeaderKey(name); canonical != name {
				delete(raw.Header, canonical)
			}
		}
	}
	return r.Next()
}

// A sink takes requests of the SDK instead of a network.
type sink struct{ headers []http.Header }

func (s *sink) Do(r *http.Request) (*http.Response, error) {
	s.headers = append(s.headers, r.Header.Clone())
	return &http.Response{StatusCode: 201, Header: make(http.Header), Body: http.NoBody, Request: r}, nil
}

// Each request of the driver has the signature that Microsoft's SDK computes for it.
func azureSignatures(t *testing.T, w azuriteWorld) {
	seen, endpoint := watch(t, w.endpoint)
	w.endpoint = endpoint
	w.connect(t)
	b := w.open(t)
	// Names of metadata are sorted in an order of their own.
	meta := map[string]string{"a": "1", "a_": "2", "a1": "3", "a_b": "4", "ab": "5", "a0_z": "6", "z9": "7", "z_9": "8"}
	for _, key := range []string{"sign/plain", "sign/ü b+c%2F'(1)!*.x"} {
		for _, o := range []objects.WriteOptions{{Meta: meta}, {New: true, Meta: meta}} {
			if o.New {
				key += "-new"
			}
			info, err := b.Write(t.Context(), key, strings.NewReader("content"), o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.ReadAt(t.Context(), key, info.Version, make([]byte, 3), 1); err != nil {
				t.Error(err)
			}
			if _, err := b.Stat(t.Context(), key); err != nil {
				t.Error(err)
			}
			for _, err := range b.List(t.Context(), key) {
				if err != nil {
					t.Error(err)
				}
			}
			if err := b.Remove(t.Context(), key); err != nil {
				t.Error(err)
			}
		}
	}
	if len(seen.seen) != 2*(5+6) {
		t.Errorf("%d requests were sent", len(seen.seen))
	}
	credential, err := azblob.NewSharedKeyCredential("devstoreaccount1", emulatorKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range seen.seen {
		var out sink
		var o azblob.ClientOptions
		o.PerCallPolicies, o.Transport = []policy.Policy{&copied{request: r}}, &out
		sdk, err := azblob.NewClientWithSharedKeyCredential(endpoint, credential, &o)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sdk.UploadBuffer(t.Context(), "c", "b", []byte("x"), nil) // the answer is none of a service
		if len(out.headers) == 0 {
			t.Fatal("the SDK has sent nothing")
		}
		if ours, theirs := r.Header.Get("Authorization"), out.headers[0].Get("Authorization"); ours != theirs || ours == "" {
			t.Errorf("%s %s is signed %s by the driver, and %s by the SDK", r.Method, r.URL, ours, theirs)
		}
	}
}

// The checksum that goes with content is the one that Microsoft's SDK computes. Azurite does not
// look at it.
func azureChecksum(t *testing.T, w azuriteWorld) {
	seen, endpoint := watch(t, w.endpoint)
	content := objecttest.Random(100_000, 1)
	var out sink
	var o blockblob.ClientOptions
	o.Transport = &out
	sdk, err := blockblob.NewClientWithNoCredential(endpoint+"/c/b", &o)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = sdk.StageBlock(t.Context(), "aWQ=", streaming.NopCloser(bytes.NewReader(content)), &blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeComputeCRC64()})
	var theirs string
	for name, values := range out.headers[0] { // in which the SDK's names are not in the usual form
		if strings.EqualFold(name, "x-ms-content-crc64") {
			theirs = values[0]
		}
	}
	w.endpoint = endpoint
	w.connect(t)
	if _, err := w.open(t).Write(t.Context(), "a", bytes.NewReader(content), objects.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if ours := seen.seen[0].Header.Get("x-ms-content-crc64"); ours != theirs || ours == "" {
		t.Errorf("the driver sends the checksum %s, and the SDK %s", ours, theirs)
	}
}
