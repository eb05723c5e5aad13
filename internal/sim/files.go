package sim

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// fileLife is how long the API keeps a file.
// https://ai.google.dev/gemini-api/docs/files
const fileLife = 48 * time.Hour

// headKept is how much of a file is kept: what it takes to know an image's size
// and to count a document's pages.
const headKept = 4 << 20

// files is the Files API's store. The zero value is ready for use.
type files struct {
	mu       sync.Mutex
	byID     map[string]*file
	sessions map[string]*upload
}

// A file belongs to the key that it was uploaded with.
type file struct {
	id, owner, display, mime string
	size                     int64
	sum                      []byte
	head                     []byte
	created, ready           time.Time
	failed                   bool
}

// A fileInfo: https://ai.google.dev/api/files#File
type fileInfo struct {
	Name       string      `json:"name"`
	Display    string      `json:"displayName,omitempty"`
	MIME       string      `json:"mimeType"`
	Size       string      `json:"sizeBytes"`
	Created    string      `json:"createTime"`
	Updated    string      `json:"updateTime"`
	Expiration string      `json:"expirationTime"`
	SHA256     string      `json:"sha256Hash"` // base64 of the hexadecimal digits, as the API has it
	URI        string      `json:"uri"`
	State      string      `json:"state"`
	Source     string      `json:"source"`
	Error      *fileStatus `json:"error,omitempty"`
}

type fileStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

const fileTime = "2006-01-02T15:04:05.000000Z"

func (f *file) state() string {
	switch {
	case time.Now().Before(f.ready):
		return "PROCESSING"
	case f.failed:
		return "FAILED"
	}
	return "ACTIVE"
}

func (x *exchange) fileInfo(f *file) fileInfo {
	i := fileInfo{
		Name: "files/" + f.id, Display: f.display, MIME: f.mime, Size: strconv.FormatInt(f.size, 10),
		Created: f.created.UTC().Format(fileTime), Updated: f.created.UTC().Format(fileTime),
		Expiration: f.created.Add(fileLife).UTC().Format(fileTime),
		SHA256:     base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(f.sum))),
		URI:        x.origin() + "/v1beta/files/" + f.id,
		State:      f.state(), Source: "UPLOADED",
	}
	if i.State == "FAILED" {
		i.Error = &fileStatus{3, "The file could not be processed."}
	}
	return i
}

// origin is the address that the caller knows this server by.
func (x *exchange) origin() string {
	scheme := "http://"
	if x.r.TLS != nil {
		scheme = "https://"
	}
	return scheme + x.r.Host + x.s.config.PathPrefix
}

// get returns a file that exists and belongs to owner.
func (s *files) get(id, owner string) (*file, *wire.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if f := s.byID[id]; f != nil && f.owner == owner {
		return f, nil
	}
	return nil, errFile(id)
}

// errFile does not tell whether there is such a file.
func errFile(id string) *wire.Error {
	return wire.Errorf(http.StatusForbidden, "PERMISSION_DENIED", "You do not have permission to access the File %s or it may not exist.", id)
}

// expire forgets what is too old. The caller holds the lock.
func (s *files) expire() {
	maps.DeleteFunc(s.byID, func(_ string, f *file) bool { return time.Since(f.created) >= fileLife })
}

// ownedBy returns the files of a key, the newest first.
func (s *files) ownedBy(owner string) []*file {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	var own []*file
	for _, f := range s.byID {
		if f.owner == owner {
			own = append(own, f)
		}
	}
	slices.SortFunc(own, func(a, b *file) int { return cmp.Or(b.created.Compare(a.created), cmp.Compare(a.id, b.id)) })
	return own
}

// remove deletes a file, and reports whether it was there.
func (s *files) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, exists := s.byID[id]
	delete(s.byID, id)
	return exists
}

// live is how many files there are.
func (s *files) live() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return int64(len(s.byID))
}

// ownFile finds the file of the path, or refuses the call.
func (x *exchange) ownFile() *file {
	if strings.HasSuffix(x.name, ":download") {
		x.refuse("file", wire.Invalid("Only generated files can be downloaded."))
		return nil
	}
	f, e := x.s.files.get(x.name, x.key)
	if e != nil {
		x.refuse("file", e)
		return nil
	}
	return f
}

// getFile answers GET files/{id}.
func (x *exchange) getFile() {
	if f := x.ownFile(); f != nil {
		x.writeJSON(http.StatusOK, x.fileInfo(f))
	}
}

// deleteFile answers DELETE files/{id}.
func (x *exchange) deleteFile() {
	f := x.ownFile()
	if f == nil {
		return
	}
	if x.s.files.remove(f.id) {
		x.s.stats.deletes.Add(1)
	}
	x.writeJSON(http.StatusOK, struct{}{})
}

// listFiles answers GET files, the newest first.
func (x *exchange) listFiles() {
	q := x.r.URL.Query()
	size, err := strconv.Atoi(q.Get("pageSize"))
	if err != nil || size <= 0 {
		size = 10
	}
	from, _ := strconv.Atoi(q.Get("pageToken"))
	own := x.s.files.ownedBy(x.key)
	from = min(max(from, 0), len(own))
	to := min(from+min(size, 100), len(own))
	var page struct {
		Files []fileInfo `json:"files,omitempty"`
		Next  string     `json:"nextPageToken,omitempty"`
	}
	for _, f := range own[from:to] {
		page.Files = append(page.Files, x.fileInfo(f))
	}
	if to < len(own) {
		page.Next = strconv.Itoa(to)
	}
	x.writeJSON(http.StatusOK, page)
}

// resolveFiles looks up the files that a request refers to: what the key has
// uploaded, and addresses elsewhere, which are believed.
func (x *exchange) resolveFiles(q *wire.Request) *wire.Error {
	for i := range q.Contents {
		for j := range q.Contents[i].Parts {
			p := &q.Contents[i].Parts[j]
			if !p.IsFile {
				continue
			}
			id, own := x.fileID(p.URI)
			switch {
			case own:
				f, e := x.s.files.get(id, x.key)
				if e != nil {
					return e
				}
				if state := f.state(); state != "ACTIVE" {
					return wire.Errorf(http.StatusBadRequest, "FAILED_PRECONDITION", "The File %s is not in an ACTIVE state and usage is not allowed.", id)
				}
				p.MIME, p.Size, p.Data = cmp.Or(p.MIME, f.mime), int(f.size), f.head
			case p.URI == "":
				return wire.Invalid("* GenerateContentRequest.contents[%d].parts[%d].file_data.file_uri: file_uri must be specified\n", i, j)
			case !strings.HasPrefix(p.URI, "https://") && !strings.HasPrefix(p.URI, "gs://"):
				return wire.Invalid("Unsupported file URI type: %s", wire.Clip(p.URI, 200))
			case p.MIME == "" && strings.Contains(p.URI, "youtu"):
				p.MIME = "video/mp4"
			}
		}
	}
	return nil
}

// fileID returns the id in the address of an uploaded file.
func (x *exchange) fileID(uri string) (id string, ok bool) {
	if x.s.config.Dialect == Vertex {
		return "", false
	}
	u, err := url.Parse(uri)
	if err != nil || u.Host != wire.Service && u.Host != x.r.Host {
		return "", false
	}
	at := strings.LastIndex(u.Path, "/files/")
	if at < 0 {
		return "", false
	}
	return u.Path[at+len("/files/"):], true
}
