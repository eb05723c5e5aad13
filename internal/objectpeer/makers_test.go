package objectpeer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"cloud.google.com/go/storage"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/gcs"
	"github.com/genbatch/genbatch/objects/s3"
)

// peerSizes are those of objects that go there and back: one of several parts among them.
var peerSizes = []int{0, 10, 33 << 20}

// meet has a driver and a maker's library read what the other one has written.
func meet(t *testing.T, b objects.Bucket, put func(context.Context, string, []byte, map[string]string) error, get func(context.Context, string) ([]byte, map[string]string, error)) {
	for i, n := range peerSizes {
		content := objecttest.Random(n, byte(i))
		key := fmt.Sprintf("peer %d%%/ü+", i)
		if _, err := b.Write(t.Context(), key, bytes.NewReader(content), objects.WriteOptions{New: true, Meta: map[string]string{"job": "7f3a"}}); err != nil {
			t.Fatal(err)
		}
		got, meta, err := get(t.Context(), key)
		if err != nil || !bytes.Equal(got, content) || meta["job"] != "7f3a" {
			t.Errorf("the maker's library reads %d bytes of %d with %v, %v", len(got), n, meta, err)
		}

		content = objecttest.Random(n, byte(i+100))
		if err := put(t.Context(), key, content, map[string]string{"job": "9c1d"}); err != nil {
			t.Fatal(err)
		}
		info, err := b.Stat(t.Context(), key)
		if err != nil || info.Size != int64(n) || info.Meta["job"] != "9c1d" {
			t.Errorf("the driver tells of %+v, %v", info, err)
		}
		got = make([]byte, n+1)
		k, err := b.ReadAt(t.Context(), key, info.Version, got, 0)
		if err != io.EOF || !bytes.Equal(got[:k], content) {
			t.Errorf("the driver reads %d bytes of %d, %v", k, n, err)
		}
	}
}

// Amazon's own SDK for Go reads what the driver writes, and writes what it reads. No parts of
// uploads are left.
func TestAmazonSDK(t *testing.T) {
	s3Environment(t, fakeS3(t))
	t.Setenv("AWS_REGION", "us-east-1")
	b, err := s3.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := awss3.NewFromConfig(conf, func(o *awss3.Options) { o.UsePathStyle = true })
	meet(t, b, func(ctx context.Context, key string, content []byte, meta map[string]string) error {
		_, err := client.PutObject(ctx, &awss3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(content), Metadata: meta})
		return err
	}, func(ctx context.Context, key string) ([]byte, map[string]string, error) {
		o, err := client.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
		if err != nil {
			return nil, nil, err
		}
		defer o.Body.Close()
		content, err := io.ReadAll(o.Body)
		return content, o.Metadata, err
	})

	failing := io.MultiReader(bytes.NewReader(objecttest.Random(20<<20, 1)), iotest.ErrReader(io.ErrClosedPipe))
	if _, err := b.Write(t.Context(), "broken", failing, objects.WriteOptions{}); err == nil {
		t.Error("a reader that fails was written")
	}
	left, err := client.ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: aws.String(bucket)})
	if err != nil || len(left.Uploads) > 0 {
		t.Errorf("%d uploads are left, %v", len(left.Uploads), err)
	}
}

// Google's own library reads what the driver writes, and writes what it reads.
func TestGoogleLibrary(t *testing.T) {
	fakeGCS(t, plain)
	b, err := gcs.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	client, err := storage.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	meet(t, b, func(ctx context.Context, key string, content []byte, meta map[string]string) error {
		w := client.Bucket(bucket).Object(key).NewWriter(ctx)
		w.Metadata = meta
		if _, err := w.Write(content); err != nil {
			return err
		}
		return w.Close()
	}, func(ctx context.Context, key string) ([]byte, map[string]string, error) {
		o := client.Bucket(bucket).Object(key)
		r, err := o.NewReader(ctx)
		if err != nil {
			return nil, nil, err
		}
		defer r.Close()
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, nil, err
		}
		attrs, err := o.Attrs(ctx)
		if err != nil {
			return nil, nil, err
		}
		return content, attrs.Metadata, nil
	})
}
