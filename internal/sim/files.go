package sim

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/batches"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

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

// ownFile returns the file that the path names, or refuses the call. Results of a batch are
// answered by result.
func (x *exchange) ownFile(result func(batches.Results, *batches.Call) (any, *wire.Error)) *filestore.File {
	if batches.IsResult(x.name) {
		batch(func(s *batches.Service, c *batches.Call) (any, *wire.Error) {
			return result(batches.Results{Service: s}, c)
		})(x)
		return nil
	}
	if strings.HasSuffix(x.name, ":download") {
		x.refuse("file", wire.Invalid("Only generated files can be downloaded."))
		return nil
	}
	f := x.server.files.Get(x.name, projectOf(x.key))
	if f == nil {
		x.refuse("file", noFile(x.name))
	}
	return f
}

// getFile answers GET files/{id}.
func (x *exchange) getFile() {
	if id, ok := strings.CutSuffix(x.name, ":download"); ok && batches.IsResult(id) {
		x.name = id
		results := batches.Results{Service: x.server.batches}
		if e := results.Download(batchCall(x)); e != nil {
			x.refuse("batch", e)
		}
		return
	}
	if f := x.ownFile(batches.Results.Info); f != nil {
		x.writeJSON(http.StatusOK, f.Info(x.origin()))
	}
}

// deleteFile answers DELETE files/{id}.
func (x *exchange) deleteFile() {
	f := x.ownFile(batches.Results.Delete)
	if f == nil {
		return
	}
	if x.server.files.Remove(f.ID) {
		x.server.stats.deletes.Add(1)
	}
	x.writeJSON(http.StatusOK, struct{}{})
}

// listFiles answers GET files. The newest file comes first.
func (x *exchange) listFiles() {
	var page struct {
		Files []filestore.Info `json:"files,omitempty"`
		Next  string           `json:"nextPageToken,omitempty"`
	}
	own := x.server.files.OwnedBy(projectOf(x.key))
	from, to, next := x.page(len(own), 10, 100)
	for _, f := range own[from:to] {
		page.Files = append(page.Files, f.Info(x.origin()))
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
				f := x.server.files.Get(id, projectOf(x.key))
				if f == nil {
					return noFile(id)
				}
				if state := f.State(); state != "ACTIVE" {
					return wire.Errorf(http.StatusBadRequest, "FAILED_PRECONDITION", "The File %s is not in an ACTIVE state and usage is not allowed.", id)
				}
				p.MIME, p.Size, p.Data = cmp.Or(p.MIME, f.MIME), int(f.Size), f.Head
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
