package jobtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Gallery answers generateContent with a description of what it was sent, and has a
// Files API.
type Gallery struct {
	*httptest.Server

	// Reply, if not nil, returns the HTTP status and the body of the response to what was
	// sent. n says how often it has been sent, from 1. For an empty body the Gallery
	// answers as without Reply.
	Reply func(said string, n int) (status int, body string)

	Mu      sync.Mutex        // guards the fields below
	Files   map[string][]byte // by name
	State   string            // that a file has in every response: ACTIVE at first
	Uploads int               // that were finished
	Gets    int               // of files
	Deleted []string          // the names of files

	open  []byte         // the upload under way
	said  []string       // what was sent since the last call of Requests
	times map[string]int // how often each was sent
}

// NewGallery starts a Gallery, which ends with the test.
func NewGallery(t *testing.T) *Gallery {
	g := &Gallery{times: map[string]int{}, Files: map[string][]byte{}, State: "ACTIVE"}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(g.Close)
	return g
}

// serve serves one exchange.
func (g *Gallery) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.Mu.Lock()
	defer g.Mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	name := strings.TrimPrefix(r.URL.Path, "/v1beta/")
	switch {
	case r.URL.Path == "/upload/v1beta/files":
		g.open = nil
		w.Header().Set("X-Goog-Upload-Url", g.URL+"/session")
	case r.URL.Path == "/session":
		at, _ := strconv.Atoi(r.Header.Get("X-Goog-Upload-Offset"))
		g.open = append(g.open[:at], body...)
		w.Header().Set("X-Goog-Upload-Status", "active")
		if strings.Contains(r.Header.Get("X-Goog-Upload-Command"), "finalize") {
			g.Uploads++
			name := fmt.Sprintf("files/f%d", g.Uploads)
			g.Files[name] = g.open
			w.Header().Set("X-Goog-Upload-Status", "final")
			fmt.Fprintf(w, `{"file":%s}`, g.file(name))
		}
	case strings.HasPrefix(name, "files/"):
		if g.Files[name] == nil {
			w.WriteHeader(403)
			io.WriteString(w, forbidden(name))
			return
		}
		if r.Method == http.MethodDelete {
			delete(g.Files, name)
			g.Deleted = append(g.Deleted, name)
			io.WriteString(w, `{}`)
			return
		}
		g.Gets++
		io.WriteString(w, g.file(name))
	default:
		status, text := g.generate(body)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func forbidden(name string) string {
	return fmt.Sprintf(`{"error":{"code":403,"message":"You do not have permission to access the File %s or it may not exist.","status":"PERMISSION_DENIED"}}`,
		strings.TrimPrefix(name, "files/"))
}

func (g *Gallery) file(name string) string {
	return fmt.Sprintf(`{"name":%q,"uri":%q,"mimeType":"image/png","state":%q,"sizeBytes":"%d","expirationTime":%q,"error":{"message":"it is broken"}}`,
		name, g.URL+"/v1beta/"+name, g.State, len(g.Files[name]), time.Now().Add(48*time.Hour).Format(time.RFC3339Nano))
}

// generate answers with what it was sent, with blanks between: texts as they are, and 8
// digits of the SHA-256 of media, behind f: if they came by the Files API.
func (g *Gallery) generate(body []byte) (int, string) {
	var req struct {
		Contents []struct {
			Parts []struct {
				Text       string
				InlineData *struct{ Data, MimeType string }
				FileData   *struct{ FileURI string }
			}
		}
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return 400, `{"error":{"code":400,"message":"not JSON","status":"INVALID_ARGUMENT"}}`
	}
	var said []string
	for _, c := range req.Contents {
		for _, p := range c.Parts {
			switch {
			case p.InlineData != nil:
				data, err := base64.StdEncoding.DecodeString(p.InlineData.Data)
				if err != nil {
					return 400, `{"error":{"code":400,"message":"not base64","status":"INVALID_ARGUMENT"}}`
				}
				said = append(said, SHA256Of(data)[:8])
			case p.FileData != nil:
				name := p.FileData.FileURI[strings.LastIndex(p.FileData.FileURI, "files/"):]
				if g.Files[name] == nil {
					return 403, forbidden(name)
				}
				said = append(said, "f:"+SHA256Of(g.Files[name])[:8])
			default:
				said = append(said, p.Text)
			}
		}
	}
	all := strings.Join(said, " ")
	g.said = append(g.said, all)
	g.times[all]++
	if g.Reply != nil {
		if status, text := g.Reply(all, g.times[all]); text != "" {
			return status, text
		}
	}
	return 200, AnswerBody(all)
}

// Requests returns what was sent since the last call, sorted.
func (g *Gallery) Requests() []string {
	g.Mu.Lock()
	defer g.Mu.Unlock()
	said := g.said
	g.said = nil
	slices.Sort(said)
	return said
}
