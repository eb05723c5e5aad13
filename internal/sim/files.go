package sim

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A fileInfo is a file as the API describes it: https://ai.google.dev/api/files#File
type fileInfo struct {
	Name        string      `json:"name"`
	DisplayName string      `json:"displayName,omitempty"`
	MIME        string      `json:"mimeType"`
	Size        string      `json:"sizeBytes"`
	Created     string      `json:"createTime"`
	Updated     string      `json:"updateTime"`
	Expiration  string      `json:"expirationTime"`
	SHA256      string      `json:"sha256Hash"` // base64 of the hexadecimal digits, as the API has it
	URI         string      `json:"uri"`
	State       string      `json:"state"`
	Source      string      `json:"source"`
	Error       *fileStatus `json:"error,omitempty"`
}

type fileStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

const fileTimeFormat = "2006-01-02T15:04:05.000000Z"

// fileInfo describes a file to the caller.
func (x *exchange) fileInfo(f *file) fileInfo {
	i := fileInfo{
		Name: "files/" + f.id, DisplayName: f.displayName, MIME: f.mime, Size: strconv.FormatInt(f.size, 10),
		Created: f.created.UTC().Format(fileTimeFormat), Updated: f.created.UTC().Format(fileTimeFormat),
		Expiration: f.created.Add(fileLife).UTC().Format(fileTimeFormat),
		SHA256:     base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(f.sum))),
		URI:        x.origin() + "/v1beta/files/" + f.id,
		State:      f.state(), Source: "UPLOADED",
	}
	if i.State == "FAILED" {
		i.Error = &fileStatus{3, "The file could not be processed."}
	}
	return i
}

// origin returns the address by which the caller knows this server.
func (x *exchange) origin() string {
	scheme := "http://"
	if x.r.TLS != nil {
		scheme = "https://"
	}
	return scheme + x.r.Host + x.server.config.PathPrefix
}

// noFile refuses a file. It does not tell whether there is one of this name.
func noFile(id string) *wire.Error {
	return wire.Errorf(http.StatusForbidden, "PERMISSION_DENIED", "You do not have permission to access the File %s or it may not exist.", id)
}

// ownFile returns the file that the path names, or refuses the call.
func (x *exchange) ownFile() *file {
	if strings.HasSuffix(x.name, ":download") {
		x.refuse("file", wire.Invalid("Only generated files can be downloaded."))
		return nil
	}
	f := x.server.files.get(x.name, x.key)
	if f == nil {
		x.refuse("file", noFile(x.name))
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
	if x.server.files.remove(f.id) {
		x.server.stats.deletes.Add(1)
	}
	x.writeJSON(http.StatusOK, struct{}{})
}

// listFiles answers GET files. The newest file comes first.
func (x *exchange) listFiles() {
	var page struct {
		Files []fileInfo `json:"files,omitempty"`
		Next  string     `json:"nextPageToken,omitempty"`
	}
	own := x.server.files.ownedBy(x.key)
	from, to, next := x.page(len(own), 10, 100)
	for _, f := range own[from:to] {
		page.Files = append(page.Files, x.fileInfo(f))
	}
	page.Next = next
	x.writeJSON(http.StatusOK, page)
}

// resolveFiles fills in the files that a request refers to. An address elsewhere is taken
// to be right.
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
				f := x.server.files.get(id, x.key)
				if f == nil {
					return noFile(id)
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

// fileID returns the id in the address of an uploaded file. ok is false for any other
// address.
func (x *exchange) fileID(uri string) (id string, ok bool) {
	if x.server.config.Dialect == Vertex {
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
