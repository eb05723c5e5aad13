package store

import (
	"path"
	"strings"

	"github.com/genbatch/genbatch/objects"
)

// globObjects returns the addresses that a pattern matches. The bucket's name is no part of the
// pattern.
func globObjects(pattern string) ([]string, error) {
	scheme, bucket, key, err := objects.Split(pattern)
	if err != nil {
		return nil, err
	}
	if _, err := path.Match(key, ""); err != nil {
		return nil, err
	}
	root := scheme + "://" + bucket + "/"
	fixed := key
	if i := strings.IndexAny(key, `*?[\`); i >= 0 {
		fixed = key[:i]
	}
	var matches []string
	for info, err := range listObjects(root + fixed) {
		if err != nil {
			return nil, err
		}
		if ok, _ := path.Match(key, strings.TrimPrefix(info.Path, root)); ok {
			matches = append(matches, info.Path)
		}
	}
	return matches, nil
}
