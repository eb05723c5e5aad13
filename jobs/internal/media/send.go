package media

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
)

// uploadAbove is the size above which a request has media uploaded, if there is a Files
// API. It is well below what Google AI takes, because 64 requests are in memory at once.
const uploadAbove = 20 << 20

// A model puts media into a request just before it is sent.
type model struct {
	batch.Model
	uploads *Uploads
	limit   int // the most bytes that a request may have
	above   int // requests of more bytes have media uploaded
}

// NewModel returns m with media put into its requests, as base64 or by the addresses of
// uploads. limit is how many bytes the endpoint takes in a request. m must be the client
// itself, or see requests as the client does.
func NewModel(m batch.Model, limit int, uploads *Uploads) batch.Model {
	return model{Model: m, uploads: uploads, limit: limit, above: uploadAbove}
}

// Attempt implements [batch.Model]. It makes the uploads that the request needs, and then
// one exchange. A row whose media cannot be sent costs nothing.
func (m model) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	if len(r.Media) == 0 {
		return m.Model.Attempt(ctx, r)
	}
	sent := *r
	uploaded, err := m.resolve(ctx, &sent)
	if err != nil {
		if fault, ok := errors.AsType[*gemini.FileError](err); ok {
			return fault.Outcome
		}
		if ctx.Err() != nil {
			return batch.Outcome{Err: &batch.Error{Kind: batch.KindTransport, Message: "the attempt was given up"}}
		}
		// The next run looks at the files anew and asks the row again.
		return batch.Outcome{Consequence: batch.Settled, Status: batch.Failed, Err: &batch.Error{Kind: batch.KindRequest, Message: err.Error()}}
	}
	o := m.Model.Attempt(ctx, &sent)
	if lost := lostUploads(&o, uploaded); len(lost) > 0 {
		m.uploads.forget(lost)
		o.Consequence, o.Status, o.Refusal, o.MaxRetries = batch.Retry, "", "", 1
	}
	return o
}

// lostUploads returns the uploads that a refusal may be about. If a file is gone, or belongs
// to another project, the API says "You do not have permission to access the File abc or it
// may not exist".
func lostUploads(o *batch.Outcome, uploaded []upload) (lost []upload) {
	if o.Err == nil || len(uploaded) == 0 {
		return nil
	}
	switch o.Err.HTTPStatus {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
	default:
		return nil
	}
	for _, u := range uploaded {
		if strings.Contains(o.Err.Message, strings.TrimPrefix(u.Name, "files/")) {
			lost = append(lost, u)
		}
	}
	if lost == nil && strings.Contains(o.Err.Message, "access the File") {
		return uploaded
	}
	return lost
}

// A placement is where the reference to a medium stands in a body.
type placement struct {
	start, end int
	media      *batch.Media
}

// place finds the references to media in a body.
func place(body []byte, media []batch.Media) (all []placement) {
	var refs [][]byte
	for i := range media {
		refs = append(refs, media[i].Reference())
	}
	for at := 0; ; {
		next := bytes.Index(body[at:], []byte(`"inlineData":{"data":{"sha256":"`))
		if next < 0 {
			return all
		}
		at += next
		i := slices.IndexFunc(refs, func(ref []byte) bool { return bytes.HasPrefix(body[at:], ref) })
		if i < 0 {
			at++
			continue
		}
		all = append(all, placement{at, at + len(refs[i]), &media[i]})
		at += len(refs[i])
	}
}

// inlineBytes is how many bytes a medium takes in a request as base64.
func inlineBytes(m *batch.Media) int { return base64.StdEncoding.EncodedLen(int(m.Size)) + 64 }

// resolve replaces the references in a request's body. It returns the uploads whose
// addresses stand there now. If the body would become too large, the largest media are
// uploaded first, until the others fit.
func (m model) resolve(ctx context.Context, r *batch.Request) (uploaded []upload, err error) {
	places := place(r.Body, r.Media)
	total := len(r.Body)
	for _, p := range places {
		total += inlineBytes(p.media)
	}
	address := make(map[[sha256.Size]byte]string)
	if total > m.above && m.uploads != nil {
		largest := slices.Clone(places)
		slices.SortStableFunc(largest, func(a, b placement) int { return cmp.Compare(b.media.Size, a.media.Size) })
		for _, p := range largest {
			if total <= m.above {
				break
			}
			total -= inlineBytes(p.media)
			if address[p.media.SHA256] != "" {
				continue
			}
			u, err := m.uploads.get(ctx, p.media)
			if err != nil {
				return nil, err
			}
			address[p.media.SHA256] = u.URI
			uploaded = append(uploaded, u)
		}
	}
	if total > m.limit {
		return nil, fmt.Errorf("the request has %.1f MB with its media, and the endpoint takes %d MB: use smaller files, their https:// addresses, or --endpoint google, which large files are uploaded to",
			float64(total)/(1<<20), m.limit>>20)
	}
	body := make([]byte, 0, total+1024)
	at := 0
	for _, p := range places {
		body = append(body, r.Body[at:p.start]...)
		at = p.end
		if uri := address[p.media.SHA256]; uri != "" {
			body = append(body, fileData(uri, p.media.MIMEType)...)
			continue
		}
		body = append(body, `"inlineData":{"data":"`...)
		if body, err = appendContent(body, p.media); err != nil {
			return nil, err
		}
		body = append(apijson.AppendString(append(body, `","mimeType":`...), p.media.MIMEType), '}')
	}
	r.Body, r.Media = append(body, r.Body[at:]...), nil
	return uploaded, nil
}

// appendContent appends a medium's bytes as base64.
func appendContent(dst []byte, m *batch.Media) ([]byte, error) {
	content, err := openContent(m)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	// One byte more than is expected shows that the file has grown. More than that is
	// not read: the memory for it was not counted on.
	r := io.NewSectionReader(content, 0, m.Size+1)
	h := sha256.New()
	chunk := make([]byte, 48<<10) // whole groups of 3 bytes, each of which is 4 characters
	for {
		n, err := io.ReadFull(r, chunk)
		h.Write(chunk[:n])
		dst = base64.StdEncoding.AppendEncode(dst, chunk[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", m.Path, err)
		}
	}
	if [sha256.Size]byte(h.Sum(nil)) != m.SHA256 {
		return nil, fmt.Errorf("%s: %w", m.Path, errChanged)
	}
	return dst, nil
}
