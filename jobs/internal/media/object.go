package media

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
)

// A StoreError says that an object store cannot be read now. It is no fault of the row that
// names an object there.
type StoreError struct{ Err error }

// Error says which object it is, and what is the matter.
func (e *StoreError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// folderOf returns the folder of an input.
func folderOf(source string) string {
	if store.IsAddress(source) {
		return source[:strings.LastIndexByte(source, '/')+1]
	}
	return filepath.Dir(source)
}

// belowAddress is below for a root in an object store, or for the address of an object. Who can
// write a row must not reach whatever the credentials of its reader do, so that an address is
// taken only below the root.
func belowAddress(root, name string) (string, error) {
	shown := message.OneLine(name, 80)
	if strings.ContainsRune(name, 0) || len(name) > 4096 {
		return "", fmt.Errorf("%q is neither an object's name nor base64 of a medium", shown)
	}
	key := name
	if store.IsAddress(name) {
		prefix := strings.TrimSuffix(root, "/") + "/"
		below, ok := strings.CutPrefix(name, prefix)
		if !ok || !store.IsAddress(root) {
			return "", fmt.Errorf("%q does not lie below %s, and only objects below the media root are read: name their folder or bucket with --media-root", shown, root)
		}
		key = below
	}
	key = strings.TrimPrefix(key, "./")
	if key == "" || strings.HasPrefix(key, "/") {
		return "", fmt.Errorf("%q does not lie below %s: choose another --media-root", shown, root)
	}
	for element := range strings.SplitSeq(key, "/") {
		if element == ".." {
			return "", fmt.Errorf("%q does not lie below %s: choose another --media-root", shown, root)
		}
		if strings.HasPrefix(element, ".") {
			return "", fmt.Errorf("%q is hidden, and hidden files are not sent: rename it", shown)
		}
	}
	return key, nil
}

// openObject opens an object below a root.
func openObject(root, key string) (store.File, store.Info, error) {
	address := store.Join(root, key)
	f, info, err := store.Open(address)
	if err == nil {
		return f, info, nil
	}
	shown := message.OneLine(address, 300)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, info, fmt.Errorf("%s is not there; names are relative to %s, which --media-root can say", shown, root)
	case errors.Is(err, fs.ErrPermission):
		return nil, info, fmt.Errorf("%s cannot be read: %w; give the credentials the right to read it", shown, err)
	}
	return nil, info, &StoreError{fmt.Errorf("%s cannot be read: %w; run again when the store can be reached", shown, err)}
}
