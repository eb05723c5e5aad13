package azure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/objects"
)

// ranged answers a request for a part of a blob, or that it ends before.
func ranged(r *http.Request, version, content string) *http.Response {
	if m := r.Header.Get("If-Match"); m != "" && m != `"`+version+`"` {
		return refusal(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
	}
	var first, last int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err != nil {
		return reply(400, "")
	}
	if first >= len(content) {
		return refusal(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
	}
	last = min(last, len(content)-1)
	return reply(206, content[first:last+1], "ETag", `"`+version+`"`, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(content)))
}

// What was cut off is read on where it ended, and only of the same version.
func TestReadOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := strings.Repeat("0123456789", 100)
		version, asked := "v1", []string(nil)
		w := &world{env: keyed()}
		w.answer = func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.Header.Get("Range")+" "+r.Header.Get("If-Match"))
			if len(asked) == 1 {
				return cut(ranged(r, version, content), 300), nil
			}
			return ranged(r, version, content), nil
		}
		b := w.open(t, "rows")
		p := make([]byte, 900)
		n, err := b.ReadAt(t.Context(), "a", "", p, 50)
		if n != 900 || err != nil || string(p) != content[50:950] {
			t.Errorf("ReadAt gives %d bytes, %v", n, err)
		}
		if want := []string{"bytes=50-949 ", `bytes=350-949 "v1"`}; !slices.Equal(asked, want) {
			t.Errorf("asked was %q, want %q", asked, want)
		}
		asked = nil
		inner := w.answer
		w.answer = func(r *http.Request) (*http.Response, error) {
			a, err := inner(r)
			version = "v2" // from the first answer on
			return a, err
		}
		if _, err := b.ReadAt(t.Context(), "a", "", p, 50); !errors.Is(err, objects.ErrChanged) {
			t.Errorf("what was replaced while it was read is read with %v", err)
		}
	})
}

// Beyond its end a blob has no bytes. One that is replaced by a shorter one is another one also
// where the service looks at the range first.
func TestReadBeyond(t *testing.T) {
	w := &world{env: keyed()}
	w.answer = func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodHead {
			return head("v2", 3), nil
		}
		r.Header.Del("If-Match")
		return ranged(r, "v2", "abc"), nil
	}
	b := w.open(t, "rows")
	for version, want := range map[string]error{"": io.EOF, "v2": io.EOF, "v1": objects.ErrChanged} {
		if n, err := b.ReadAt(t.Context(), "a", version, make([]byte, 5), 100); n != 0 || !errors.Is(err, want) {
			t.Errorf("ReadAt of the version %q gives %d, %v; want %v", version, n, err, want)
		}
	}
}

// A store answers listings of names that it has, in its order and in pages of two. It knows
// folders if it is hierarchical.
func lists(names []string, hierarchical bool) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		var entries []string
		seen := make(map[string]bool)
		for _, name := range names {
			rest, ok := strings.CutPrefix(name, q.Get("prefix"))
			if !ok {
				continue
			}
			kind := ""
			if hierarchical {
				kind = "<ResourceType>file</ResourceType>"
				if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, name+"/") }) {
					kind = "<ResourceType>directory</ResourceType>"
				}
			}
			entry := "<Blob><Name>" + name + "</Name><Properties><Content-Length>1</Content-Length>" + kind + "</Properties></Blob>"
			if folder, _, ok := strings.Cut(rest, q.Get("delimiter")); ok && q.Has("delimiter") {
				entry = "<BlobPrefix><Name>" + q.Get("prefix") + folder + "/</Name></BlobPrefix>"
			} else if q.Has("delimiter") && strings.Contains(kind, "directory") {
				continue
			}
			if !seen[entry] {
				entries = append(entries, entry)
				seen[entry] = true
			}
		}
		var from int
		_, _ = fmt.Sscan(q.Get("marker"), &from)
		to, next := min(from+2, len(entries)), ""
		if to < len(entries) {
			next = fmt.Sprint(to)
		}
		return reply(200, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>"+strings.Join(entries[from:to], "")+
			"</Blobs><NextMarker>"+next+"</NextMarker></EnumerationResults>"), nil
	}
}

func keysOf(t *testing.T, b objects.Bucket, prefix string) (keys []string) {
	t.Helper()
	for info, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// An account with a hierarchical namespace has an order of its own. This is the one that was
// reported for the same names in issue 24210 of azure-sdk-for-go.
func TestListHierarchical(t *testing.T) {
	names := []string{"A", "A/dat1", "A-B", "A-B/dat2", "A-B-C", "A-C", "A.C", "A.C/dat3", "AB", "AB/AB", "AB/dat4", "AB.txt", "ABC"}
	files := []string{"A-B-C", "A-B/dat2", "A-C", "A.C/dat3", "A/dat1", "AB.txt", "AB/AB", "AB/dat4", "ABC"}
	w := &world{env: keyed(), answer: lists(names, true)}
	if got := keysOf(t, w.open(t, "rows"), ""); !slices.Equal(got, files) {
		t.Errorf("the listing has\n%q, want\n%q", got, files)
	}
	if got := keysOf(t, w.open(t, "rows"), "AB"); !slices.Equal(got, files[5:]) {
		t.Errorf("the listing of AB has\n%q, want\n%q", got, files[5:])
	}
	b := w.open(t, "shop.blob.core.windows.net")
	if got := keysOf(t, b, "rows/AB/"); !slices.Equal(got, []string{"rows/AB/AB", "rows/AB/dat4"}) {
		t.Errorf("the listing with the account has %q", got)
	}
}

// Pages follow each other, one that was cut off is asked for again, and who has seen enough ends
// it.
func TestListPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a", "b", "b/c", "d", "e"}
		inner := lists(names, false)
		w := &world{env: keyed()}
		w.answer = func(r *http.Request) (*http.Response, error) {
			a, err := inner(r)
			if len(w.asks) == 2 {
				a = cut(a, 100)
			}
			return a, err
		}
		if got := keysOf(t, w.open(t, "rows"), ""); !slices.Equal(got, names) || len(w.asks) != 4 {
			t.Errorf("the listing has %q, after %q", got, w.asks)
		}
		w.asks = nil
		for range w.open(t, "rows").List(t.Context(), "") {
			break
		}
		if len(w.asks) != 1 {
			t.Errorf("the first key was found with %q", w.asks)
		}
	})
}

// Names that XML cannot have are escaped, and what stands for a folder is none of the objects.
func TestListEntries(t *testing.T) {
	w := &world{env: keyed(), answer: func(*http.Request) (*http.Response, error) {
		return reply(200, `<EnumerationResults><Blobs>
			<Blob><Name Encoded="true">a%01%2520b</Name><Properties><Last-Modified>Sat, 01 Aug 2026 10:00:00 GMT</Last-Modified><Etag>0x8D</Etag><Content-Length>12</Content-Length></Properties><Metadata><owner>me</owner></Metadata></Blob>
			<Blob><Name>folder</Name><Properties><Content-Length>0</Content-Length></Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>
			</Blobs><NextMarker /></EnumerationResults>`), nil
	}}
	var got []objects.Info
	for info, err := range w.open(t, "rows").List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info)
	}
	if len(got) != 1 || got[0].Key != "a\x01%20b" || got[0].Size != 12 || got[0].Version != "0x8D" || !got[0].ModTime.Equal(time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("the listing has %+v", got)
	}
}

// A folder is no object.
func TestStatFolder(t *testing.T) {
	for _, mark := range []string{"x-ms-meta-hdi_isfolder", "x-ms-resource-type"} {
		w := &world{env: keyed(), answer: func(*http.Request) (*http.Response, error) {
			return head("1", 0, mark, map[bool]string{true: "true", false: "directory"}[strings.Contains(mark, "meta")]), nil
		}}
		if _, err := w.open(t, "rows").Stat(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat of what has %s: %v", mark, err)
		}
	}
}

// What fails now and then is tried again, after the time that the service asks for.
func TestTriedAgain(t *testing.T) {
	for name, failures := range map[string][]any{
		"statuses":    {408, 429, 500, 502, 503, 504},
		"connections": {errReset, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{env: keyed()}
				signed := make(map[string]bool)
				w.answer = func(r *http.Request) (*http.Response, error) {
					signed[r.Header.Get("x-ms-date")] = true
					if len(failures) == 0 {
						return head("1", 1), nil
					}
					next := failures[0]
					failures = failures[1:]
					if err, ok := next.(error); ok {
						return nil, err
					}
					return reply(next.(int), "", "Retry-After", "2"), nil
				}
				begin, n := time.Now(), len(failures)
				if _, err := w.open(t, "rows").Stat(t.Context(), "a"); err != nil {
					t.Error(err)
				}
				if name == "statuses" && (time.Since(begin) < time.Duration(n)*2*time.Second || len(signed) != n+1) {
					t.Errorf("it was tried again %d times in %v, with %d times of signing", n, time.Since(begin), len(signed))
				}
			})
		})
	}
}

// What is refused is refused once, and the error tells what is to be done.
func TestFailures(t *testing.T) {
	for _, test := range []struct {
		status  int
		code    string
		kind    error // nil = none
		message string
	}{
		{404, "BlobNotFound", fs.ErrNotExist, "az://rows/a: Azure answers 404 BlobNotFound; is the name right, and in the right case?"},
		{404, "ContainerNotFound", fs.ErrNotExist, "az://rows/a: Azure answers 404 ContainerNotFound; make the container first (az storage container create), or set right its name or that of the account"},
		{403, "AuthorizationFailure", fs.ErrPermission, "does not let this network in"},
		{403, "AuthorizationPermissionMismatch", fs.ErrPermission, "Storage Blob Data Contributor"},
		{403, "KeyBasedAuthenticationNotPermitted", fs.ErrPermission, "unset AZURE_STORAGE_KEY"},
		{409, "ContainerBeingDeleted", nil, "is being deleted"},
		{418, "", nil, "az://rows/a: Azure answers 418 I'm a teapot (request r-1)"},
	} {
		w := &world{env: keyed(), answer: func(*http.Request) (*http.Response, error) {
			a := reply(test.status, "", "x-ms-request-id", "r-1") // an answer to HEAD has no body
			if test.code != "" {
				a.Header.Set("x-ms-error-code", test.code)
			}
			return a, nil
		}}
		_, err := w.open(t, "rows").Stat(t.Context(), "a")
		if err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v, want %s", test.code, err, test.message)
		}
		for _, kind := range []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrExist} {
			if errors.Is(err, kind) != (kind == test.kind) {
				t.Errorf("%s: %v is %v: %t", test.code, err, kind, errors.Is(err, kind))
			}
		}
		if len(w.asks) != 1 {
			t.Errorf("%s: asked was %q", test.code, w.asks)
		}
	}
}

// A clock that is wrong looks like a wrong key.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{env: keyed(), answer: func(*http.Request) (*http.Response, error) {
			a := refusal(403, "AuthenticationFailed", "Server failed to authenticate the request.")
			a.Header.Set("Date", time.Now().Add(-20*time.Minute).UTC().Format(http.TimeFormat))
			return a, nil
		}}
		_, err := w.open(t, "rows").Stat(t.Context(), "a")
		if err == nil || !strings.Contains(err.Error(), "the clock of this machine differs by 20m0s from that of Azure") {
			t.Errorf("the error is %v", err)
		}
	})
}
