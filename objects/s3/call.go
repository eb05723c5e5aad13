package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// A call is one request, which is made anew each time it is tried.
type call struct {
	method string
	key    string // of an object; empty: the bucket
	query  url.Values
	header map[string]string
	body   []byte
	about  string // the key or prefix that an error names
}

// do makes a call, once. Its answer is one of 2xx. The error is an [transfer.Again] if the call
// is worth making again.
func (b *bucket) do(ctx context.Context, c call) (*http.Response, error) {
	u := *b.base
	u.Path += c.key
	u.RawPath = s3utils.EncodePath(u.Path)
	u.RawQuery = c.query.Encode()
	var body io.Reader
	if len(c.body) > 0 {
		body = bytes.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, u.String(), body)
	if err != nil {
		return nil, b.wrong(c.about, err)
	}
	req.Header.Set("User-Agent", "genbatch")
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	// The store compares what it gets with a sum. Without TLS it is the signature that covers it.
	if c.body != nil {
		sum := md5.Sum(c.body)
		req.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	if b.credentials != nil {
		keys, err := b.credentials.GetWithContext(&credentials.CredContext{Client: b.client, Context: ctx})
		if err != nil {
			return nil, b.unanswered(ctx, c.about, err)
		}
		cover := "UNSIGNED-PAYLOAD"
		if b.base.Scheme == "http" || c.body == nil {
			sum := sha256.Sum256(c.body)
			cover = hex.EncodeToString(sum[:])
		}
		req.Header.Set("X-Amz-Content-Sha256", cover)
		req = signer.SignV4(*req, keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken, b.region)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, b.unanswered(ctx, c.about, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	refusal := refusal{status: resp.StatusCode, ofBucket: c.key == ""}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what there is of it says enough
	_ = xml.Unmarshal(text, &refusal)                        // an answer to HEAD has no text
	if refusal.Region == "" {
		refusal.Region = resp.Header.Get("X-Amz-Bucket-Region")
	}
	return nil, b.refused(c.about, refusal)
}

// decoded makes a call until it is answered, and reads the answer.
func (b *bucket) decoded(ctx context.Context, c call, v any) error {
	return transfer.Do(ctx, func(ctx context.Context) error {
		resp, err := b.do(ctx, c)
		if err != nil {
			return err
		}
		return b.decode(ctx, c, resp, v)
	})
}

// decode reads an answer, and closes it.
func (b *bucket) decode(ctx context.Context, c call, resp *http.Response, v any) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return b.unanswered(ctx, c.about, fmt.Errorf("the answer was cut off: %w", err))
	}
	// A call that takes long is answered with 200 before it is known how it ends.
	refusal := refusal{status: http.StatusInternalServerError}
	if xml.Unmarshal(text, &refusal) == nil && refusal.XMLName.Local == "Error" {
		return b.refused(c.about, refusal)
	}
	if v == nil {
		return nil
	}
	if err := xml.Unmarshal(text, v); err != nil {
		return b.unanswered(ctx, c.about, fmt.Errorf("the answer cannot be read: %w", err))
	}
	return nil
}

// etagOf returns the version of an object that an answer is about.
func etagOf(resp *http.Response) string { return strings.Trim(resp.Header.Get("Etag"), `"`) }
