package sim

import (
	"cmp"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/faultvalue"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// The limits of an upload, in bytes: of a file, and of its parts, which are what one request
// sends. Every part but the last is a multiple of the granularity.
const (
	fileLimit   = 2 << 30
	granularity = 256 << 10
)

// ownFileID is what an id may be that the caller chooses.
var ownFileID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// upload answers calls of the address for uploads. They begin an upload, or go on with
// the one whose session they name.
func (x *exchange) upload() {
	if session := x.r.URL.Query().Get("upload_id"); session != "" {
		uploader{x}.continueUpload(session) // who knows the session needs no key
		return
	}
	if !x.authenticate() {
		return
	}
	switch x.r.Method {
	case http.MethodPost:
		uploader{x}.startUpload()
	case http.MethodGet:
		x.listFiles()
	default:
		x.unknownPath()
	}
}

// An uploader is an exchange that uploads a file.
type uploader struct{ *exchange }

// startUpload answers the call that describes a file. The display name may hold
// directives: faults of this call, and lostchunk, slowfile and failedfile.
func (x uploader) startUpload() {
	h := x.r.Header
	if h.Get("X-Goog-Upload-Protocol") == "multipart" {
		x.uploadMultipart()
		return
	}
	if h.Get("X-Goog-Upload-Protocol") != "resumable" || h.Get("X-Goog-Upload-Command") != "start" {
		x.refuse("file", wire.Invalid("The simulator takes uploads with X-Goog-Upload-Protocol: resumable, X-Goog-Upload-Command: start, or with X-Goog-Upload-Protocol: multipart."))
		return
	}
	if !x.readBody() {
		return
	}
	declared := int64(-1)
	if n, err := strconv.ParseInt(h.Get("X-Goog-Upload-Header-Content-Length"), 10, 64); err == nil {
		declared = n
	}
	session, u := x.beginUpload(h.Get("X-Goog-Upload-Header-Content-Type"), declared)
	if u == nil {
		return
	}
	x.server.files.Begin(session, u)
	out := x.w.Header()
	out.Set("X-Goog-Upload-URL", x.origin()+"/upload/"+x.at.Version+"/files?upload_id="+session+"&upload_protocol=resumable")
	out.Set("X-Goog-Upload-Status", "active")
	out.Set("X-Goog-Upload-Chunk-Granularity", strconv.Itoa(granularity))
	x.writeBody(http.StatusOK, "text/plain; charset=utf-8", nil)
}

// beginUpload begins an upload of the file that the body describes, and gives it a name. If
// it returns nil, it has answered the call.
func (x uploader) beginUpload(mime string, declared int64) (session string, u *filestore.Upload) {
	if x.fault() {
		return "", nil
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
			return "", nil
		}
	}
	u = &filestore.Upload{Declared: declared, Delay: x.server.config.FileDelay}
	f := &u.File
	f.Owner, f.DisplayName = projectOf(x.key), cmp.Or(meta.File.DisplayName, meta.File.SnakeDisplayName)
	f.MIME = cmp.Or(mime, meta.File.MIME, meta.File.SnakeMIME, "application/octet-stream")
	f.ID = strings.TrimPrefix(meta.File.Name, "files/")
	switch {
	case f.ID != "" && !ownFileID.MatchString(f.ID):
		x.refuse("file", wire.Invalid("* CreateFileRequest.file.name: the file's ID must be 1 to 40 lowercase letters, digits and dashes, and cannot begin or end with a dash.\n"))
		return "", nil
	case x.server.files.Has(f.ID):
		x.refuse("file", wire.Errorf(http.StatusConflict, "ALREADY_EXISTS", "Requested entity already exists: files/%s", f.ID))
		return "", nil
	case u.Declared > fileLimit:
		x.refuse("file", wire.Invalid("The file is too large: %d bytes, and at most %d are allowed.", u.Declared, int64(fileLimit)))
		return "", nil
	}
	session = chance.Name(chance.Mix(x.server.serial.Add(1))^chance.Hash(string(x.server.nonce[:])), 24)
	if f.ID == "" {
		f.ID = session[:12]
	}
	for _, d := range findDirectives(f.DisplayName, x.bodySum, -1) {
		switch d.Kind {
		case "lostchunk":
			u.LosesHalf = true
		case "slowfile":
			u.Delay = faultvalue.Duration(d.Value, time.Second)
		case "failedfile":
			f.Failed = true
		}
	}
	return session, u
}

// uploadMultipart answers an upload in one call: a multipart/related body whose first part
// describes the file, and whose second part is it.
func (x uploader) uploadMultipart() {
	_, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		x.refuse("file", wire.Invalid("Invalid multipart request: the Content-Type names no boundary."))
		return
	}
	parts := multipart.NewReader(x.r.Body, params["boundary"])
	meta, err := parts.NextPart()
	if err == nil {
		x.body, err = io.ReadAll(io.LimitReader(meta, bodyLimit))
	}
	if err != nil {
		x.refuse("file", wire.Invalid("Invalid multipart request: the first part, which describes the file, is missing."))
		return
	}
	x.hashBody()
	content, err := parts.NextPart()
	if err != nil {
		x.refuse("file", wire.Invalid("Invalid multipart request with 1 mime part."))
		return
	}
	_, u := x.beginUpload(content.Header.Get("Content-Type"), -1)
	if u == nil {
		return
	}
	if n, err := io.Copy(u, io.LimitReader(content, fileLimit+1)); err != nil || n > fileLimit {
		_ = u.Discard() // an upload that failed has no further use
		x.refuse("file", wire.Invalid("The file is incomplete, or has more than %d bytes.", int64(fileLimit)))
		return
	}
	x.finishUpload(u)
}

// continueUpload answers a call of an upload's own address.
func (x uploader) continueUpload(session string) {
	u := x.server.files.Upload(session)
	if u == nil {
		x.refuse("file", wire.Errorf(http.StatusNotFound, "NOT_FOUND", "The upload does not exist, or has ended."))
		return
	}
	u.Lock()
	defer u.Unlock()
	command := strings.Split(strings.ReplaceAll(x.r.Header.Get("X-Goog-Upload-Command"), " ", ""), ",")
	switch {
	case slices.Contains(command, "query"):
		status := "active"
		if u.Done {
			status = "final"
		}
		x.uploadStatus(u, status)
		x.writeBody(http.StatusOK, "text/plain; charset=utf-8", nil)
		return
	case u.Done:
		x.uploadStatus(u, "final")
		x.refuse("file", wire.Invalid("The upload has already been finalized."))
		return
	case slices.Contains(command, "cancel"):
		x.server.files.Cancel(session)
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
	if u.Declared >= 0 && u.Declared != u.File.Size {
		x.uploadStatus(u, "active")
		x.refuse("file", wire.Invalid("The upload has %d bytes, and was declared to have %d.", u.File.Size, u.Declared))
		return
	}
	x.finishUpload(u)
}

// finishUpload makes the file of an upload that has all of it.
func (x uploader) finishUpload(u *filestore.Upload) {
	limit, delay, noFile := x.server.batches.UploadFaults()
	if x.server.files.Used(projectOf(x.key))+u.File.Size > limit {
		_ = u.Discard() // an upload that failed has no further use
		x.refuse("file", wire.StorageFull(limit))
		return
	}
	u.Delay = max(u.Delay, delay)
	f := u.Finish()
	x.server.files.Add(f)
	x.server.stats.uploads.Add(1)
	x.server.stats.uploadedBytes.Add(f.Size)
	x.uploadStatus(u, "final")
	if noFile {
		x.writeJSON(http.StatusOK, struct{}{})
		return
	}
	x.writeJSON(http.StatusOK, struct {
		File filestore.Info `json:"file"`
	}{f.Info(x.origin())})
}

// uploadStatus sets the headers that say how far an upload is.
func (x uploader) uploadStatus(u *filestore.Upload, status string) {
	x.w.Header().Set("X-Goog-Upload-Status", status)
	x.w.Header().Set("X-Goog-Upload-Size-Received", strconv.FormatInt(u.File.Size, 10))
}

// receive takes a chunk, and reports whether it has all of it; if not, it has refused the
// call. Of a chunk that breaks off, it keeps whole multiples of the granularity.
func (x uploader) receive(u *filestore.Upload, final bool) bool {
	at, err := strconv.ParseInt(x.r.Header.Get("X-Goog-Upload-Offset"), 10, 64)
	if err != nil || at != u.File.Size {
		x.uploadStatus(u, "active")
		x.refuse("file", wire.Invalid("The offset %q is not where the upload stands, which is at %d.", x.r.Header.Get("X-Goog-Upload-Offset"), u.File.Size))
		return false
	}
	reject := func(e *wire.Error) bool {
		x.uploadStatus(u, "active")
		x.refuse("file", e)
		return false
	}
	left := x.r.ContentLength // -1 where the call does not say
	if u.LosesHalf && left >= 0 {
		left /= 2
	}
	block := make([]byte, granularity)
	for left != 0 {
		n, err := io.ReadFull(x.r.Body, block[:min(uint64(granularity), uint64(left))])
		left = max(left-int64(n), -1)
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		switch {
		case err != nil && !ended, ended && left > 0, u.LosesHalf && n < granularity:
			u.LosesHalf = false
			return reject(wire.Overloaded())
		case !final && n%granularity != 0:
			return reject(wire.Invalid("A chunk that is not the last one must be a multiple of %d bytes.", granularity))
		case u.File.Size+int64(n) > fileLimit:
			return reject(wire.Invalid("The file is too large: at most %d bytes are allowed.", int64(fileLimit)))
		}
		if _, err := u.Write(block[:n]); err != nil {
			return reject(wire.Internal())
		}
		if ended {
			break
		}
	}
	if u.LosesHalf {
		u.LosesHalf = false
		return reject(wire.Overloaded())
	}
	return true
}
