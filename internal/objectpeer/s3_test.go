package objectpeer

import (
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/objects/s3"
)

const bucket = "shop-rows"

// fakeS3 starts a store with one bucket, and returns its address.
func fakeS3(t *testing.T) (address string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(srv.Close)
	return srv.URL
}

// s3Environment is one in which only an address and keys are known.
func s3Environment(t *testing.T, address string) {
	t.Helper()
	t.Setenv("AWS_CONFIG_FILE", "/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_ENDPOINT_URL_S3", address)
}

func TestS3(t *testing.T) {
	s3Environment(t, fakeS3(t))
	b, err := s3.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	// Of metadata that are not given anew, gofakes3 keeps the old ones, and it looks at no condition
	// of an upload in parts.
	objecttest.Conform(t, b, "metadata is replaced", "one of 4 large ones wins")
}
