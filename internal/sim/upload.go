package sim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"hash"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// The limits of an upload, in bytes: of a file, and of a chunk, which is what one request
// sends. Every chunk but the last is a multiple of the granularity.
const (
	fileLimit   = 2 << 30
	chunkLimit  = 256 << 20
	granularity = 256 << 10
)

// An upload is a resumable upload in progress.
type upload struct {
	mu        sync.Mutex
	file      file
	sum       hash.Hash
	declared  int64 // X-Goog-Upload-Header-Content-Length; -1 when it is not given
	done      bool
	losesHalf bool          // half of the next chunk is to be lost
	delay     time.Duration // from the end of the upload until the file is ready
}

// ownFileID is what an id may be that the caller chooses.
var ownFileID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// upload answers calls of the address for uploads. They begin an upload, or go on with
// the one whose session they name.
func (x *exchange) upload() {
	if session := x.r.URL.Query().Get("upload_id"); session != "" {
		x.continueUpload(session) // who knows the session needs no key
		return
	}
	if !x.authenticate() {
		return
	}
	switch x.r.Method {
	case http.MethodPost:
		x.startUpload()
	case http.MethodGet:
		x.listFiles()
	default:
		x.unknownPath()
	}
}

// startUpload answers the call that describes a file. The display name may hold
// directives: faults of this call, and lostchunk, slowfile and failedfile.
func (x *exchange) startUpload() {
	h := x.r.Header
	if h.Get("X-Goog-Upload-Protocol") != "resumable" || h.Get("X-Goog-Upload-Command") != "start" {
		x.refuse("file", wire.Invalid("The simulator takes resumable uploads only: X-Goog-Upload-Protocol: resumable, X-Goog-Upload-Command: start."))
		return
	}
	if !x.readBody() {
		return
	}
	if x.fault() {
		return
	}
	x.server.tries.forget(x.bodySum)
	var meta struct {
		File struct {
			Name             string `json:"name"`
			DisplayName      string `json:"displayName"`
			SnakeDisplayName string `json:"display_name"`
			MIME             string `json:"mimeType"`
			SnakeMIME        string `json:"mime_type"`
		} `json:"file"`
	}
	if len(x.body) > 0 {
		if err := json.Unmarshal(x.body, &meta); err != nil {
			x.refuse("file", wire.Invalid("Invalid JSON payload received. Unable to parse: %v", err))
			return
		}
	}
	u := &upload{sum: sha256.New(), declared: -1}
	f := &u.file
	f.owner, f.displayName = x.key, cmp.Or(meta.File.DisplayName, meta.File.SnakeDisplayName)
	f.mime = cmp.Or(h.Get("X-Goog-Upload-Header-Content-Type"), meta.File.MIME, meta.File.SnakeMIME, "application/octet-stream")
	f.id = strings.TrimPrefix(meta.File.Name, "files/")
	if n, err := strconv.ParseInt(h.Get("X-Goog-Upload-Header-Content-Length"), 10, 64); err == nil {
		u.declared = n
	}
	switch {
	case f.id != "" && !ownFileID.MatchString(f.id):
		x.refuse("file", wire.Invalid("* CreateFileRequest.file.name: the file's ID must be 1 to 40 lowercase letters, digits and dashes, and cannot begin or end with a dash.\n"))
		return
	case x.server.files.has(f.id):
		x.refuse("file", wire.Errorf(http.StatusConflict, "ALREADY_EXISTS", "Requested entity already exists: files/%s", f.id))
		return
	case u.declared > fileLimit:
		x.refuse("file", wire.Invalid("The file is too large: %d bytes, and at most %d are allowed.", u.declared, int64(fileLimit)))
		return
	}
	session := chance.Name(chance.Mix(x.server.serial.Add(1))^chance.Hash(string(x.server.nonce[:])), 24)
	if f.id == "" {
		f.id = session[:12]
	}
	u.delay = x.server.config.FileDelay
	for _, d := range findDirectives(f.displayName) {
		switch d.Kind {
		case "lostchunk":
			u.losesHalf = true
		case "slowfile":
			u.delay = duration(d.Value, time.Second)
		case "failedfile":
			f.failed = true
		}
	}
	x.server.files.begin(session, u)
	out := x.w.Header()
	out.Set("X-Goog-Upload-URL", x.origin()+"/upload/"+x.at.Version+"/files?upload_id="+session+"&upload_protocol=resumable")
	out.Set("X-Goog-Upload-Status", "active")
	out.Set("X-Goog-Upload-Chunk-Granularity", strconv.Itoa(granularity))
	x.writeBody(http.StatusOK, "text/plain; charset=utf-8", nil)
}

// continueUpload answers a call of an upload's own address.
func (x *exchange) continueUpload(session string) {
	u := x.server.files.upload(session)
	if u == nil {
		x.refuse("file", wire.Errorf(http.StatusNotFound, "NOT_FOUND", "The upload does not exist, or has ended."))
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	command := strings.Split(strings.ReplaceAll(x.r.Header.Get("X-Goog-Upload-Command"), " ", ""), ",")
	switch {
	case slices.Contains(command, "query"):
		status := "active"
		if u.done {
			status = "final"
		}
		x.uploadStatus(u, status)
		x.writeBody(http.StatusOK, "text/plain; charset=utf-8", nil)
		return
	case u.done:
		x.uploadStatus(u, "final")
		x.refuse("file", wire.Invalid("The upload has already been finalized."))
		return
	case slices.Contains(command, "cancel"):
		x.server.files.cancel(session)
		x.uploadStatus(u, "cancelled")
		x.writeBody(http.StatusOK, "text/plain; charset=utf-8", nil)
		return
	}
	final := slices.Contains(command, "finalize")
	if slices.Contains(command, "upload") {
		if !x.receive(u, final) {
			return
		}
	} else if !final {
		x.refuse("file", wire.Invalid("Invalid upload command %q.", x.r.Header.Get("X-Goog-Upload-Command")))
		return
	}
	if !final {
		x.uploadStatus(u, "active")
		x.writeBody(http.StatusOK, "text/plain; charset=utf-8", nil)
		return
	}
	if u.declared >= 0 && u.declared != u.file.size {
		x.uploadStatus(u, "active")
		x.refuse("file", wire.Invalid("The upload has %d bytes, and was declared to have %d.", u.file.size, u.declared))
		return
	}
	x.finishUpload(u)
}

// finishUpload makes the file of an upload that has all of it.
func (x *exchange) finishUpload(u *upload) {
	u.done = true
	f := u.file
	f.sum, f.created = u.sum.Sum(nil), time.Now()
	f.ready = f.created.Add(u.delay)
	x.server.files.add(&f)
	x.server.stats.uploads.Add(1)
	x.server.stats.uploadedBytes.Add(f.size)
	x.uploadStatus(u, "final")
	x.writeJSON(http.StatusOK, struct {
		File fileInfo `json:"file"`
	}{x.fileInfo(&f)})
}

// uploadStatus sets the headers that say how far an upload is.
func (x *exchange) uploadStatus(u *upload, status string) {
	x.w.Header().Set("X-Goog-Upload-Status", status)
	x.w.Header().Set("X-Goog-Upload-Size-Received", strconv.FormatInt(u.file.size, 10))
}

// receive takes a chunk, and reports whether it has all of it; if not, it has refused the
// call. Of a chunk that breaks off, it keeps whole multiples of the granularity.
func (x *exchange) receive(u *upload, final bool) bool {
	at, err := strconv.ParseInt(x.r.Header.Get("X-Goog-Upload-Offset"), 10, 64)
	if err != nil || at != u.file.size {
		x.uploadStatus(u, "active")
		x.refuse("file", wire.Invalid("The offset %q is not where the upload stands, which is at %d.", x.r.Header.Get("X-Goog-Upload-Offset"), u.file.size))
		return false
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(http.MaxBytesReader(x.w, x.r.Body, chunkLimit))
	chunk := b.Bytes()
	switch {
	case err != nil || u.losesHalf:
		if err == nil {
			chunk = chunk[:len(chunk)/2]
		}
		u.losesHalf = false
		u.write(chunk[:len(chunk)/granularity*granularity])
		x.uploadStatus(u, "active")
		x.refuse("file", wire.Overloaded())
		return false
	case !final && len(chunk)%granularity != 0:
		x.uploadStatus(u, "active")
		x.refuse("file", wire.Invalid("A chunk that is not the last one must be a multiple of %d bytes, and this one has %d.", granularity, len(chunk)))
		return false
	case u.file.size+int64(len(chunk)) > fileLimit:
		x.uploadStatus(u, "active")
		x.refuse("file", wire.Invalid("The file is too large: at most %d bytes are allowed.", int64(fileLimit)))
		return false
	}
	u.write(chunk)
	return true
}

// write adds bytes to the file.
func (u *upload) write(chunk []byte) {
	_, _ = u.sum.Write(chunk) // never fails
	if room := headKept - len(u.file.head); room > 0 {
		u.file.head = append(u.file.head, chunk[:min(room, len(chunk))]...)
	}
	u.file.size += int64(len(chunk))
}
