package spec

import (
	"regexp"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
)

// This file is about the tier batch: the provider's Batch API, which takes many rows as one
// job, at half the price and within a day.

const batchTier = "batch"

// ByBatch reports whether the rows of a job go by the Batch API first. If Tiers names others behind it,
// these are for what the batches leave.
func ByBatch(s *Spec) bool {
	tiers := s.Tiers()
	return len(tiers) > 0 && tiers[0] == batchTier
}

// CallTiers returns the service tiers that a job's single calls try, in this order: Tiers without
// batch. It is nil if the job names none, so that calls ask for no tier.
func CallTiers(s *Spec) []string {
	tiers := s.Tiers()
	if ByBatch(s) {
		tiers = tiers[1:]
	}
	if len(tiers) == 0 {
		return nil
	}
	return tiers
}

// checkBatch finds mistakes in what a job says of batches at an endpoint with these facts, which
// is spoken to as Vertex AI or not.
func checkBatch(s *Spec, endpoint string, vertex bool, f gemini.Facts) error {
	if !ByBatch(s) {
		for _, o := range [...]struct {
			option string
			given  bool
		}{{"batch_bucket", s.BatchBucket != ""}, {"batch_cleanup", s.BatchCleanup}} {
			if o.given {
				return Errorf("add --tier batch, or leave it out", "%s is given, and the job does not go by batch", o.option)
			}
		}
		return nil
	}
	switch {
	case f.NoBatches:
		return Errorf("ask --endpoint google or vertex with a key of theirs, or leave batch out of --tier",
			"gateways do not forward batches, as far as is known, and %s is one", endpoint)
	case !vertex && s.BatchBucket != "":
		return Errorf("leave it out, or add --endpoint vertex", "batch_bucket is given, and only Vertex AI keeps batches in a bucket")
	case vertex && s.BatchBucket == "":
		return Errorf("name a folder of one with --batch-bucket gs://bucket/prefix", "Vertex AI keeps batches in a bucket of Cloud Storage, and none is given")
	case vertex && apijson.Field(s.Request, "cachedContent") != nil:
		return Errorf("leave it out, or leave batch out of --tier", "request.cachedContent is given, and batches of Vertex AI take no cached content")
	case vertex:
		return checkBucket(s.BatchBucket)
	}
	return nil
}

// bucketName matches the name of a bucket, but for its length.
// https://cloud.google.com/storage/docs/buckets#naming
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*[a-z0-9]$`)

// The lengths that the name of a bucket may have. Without dots it is shorter, which the service
// tells those whom it concerns.
const shortestBucket, longestBucket = 3, 222

// checkBucket refuses what is no place in Cloud Storage, or one whose objects other tools
// would misread: they take *, ?, [ and ] for patterns, and # for a version.
// https://cloud.google.com/storage/docs/objects#naming
func checkBucket(place string) error {
	refuse := func(why string) error {
		return Errorf("write --batch-bucket gs://my-bucket/genbatch", "batch_bucket is %q: %s", place, why)
	}
	path, ok := strings.CutPrefix(place, "gs://")
	if !ok {
		return refuse("it does not begin with gs://")
	}
	bucket, prefix, _ := strings.Cut(path, "/")
	if len(bucket) < shortestBucket || len(bucket) > longestBucket || !bucketName.MatchString(bucket) {
		return refuse("a bucket's name has 3 or more lower-case letters, digits and - _ .")
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if i := strings.IndexFunc(prefix, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`#*?[]`, r) }); i >= 0 {
		return refuse("its prefix has a character that tools of Cloud Storage misread: # * ? [ ] or a control character")
	}
	if prefix != "" && slices.ContainsFunc(strings.Split(prefix, "/"), func(part string) bool { return part == "" || part == "." || part == ".." }) {
		return refuse("its prefix has a part that is empty, . or ..")
	}
	return nil
}
