package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/internal/durable"
)

const blobDir = "blobs" // in the journal's folder

// A blob is a long answer, which has a file of its own.
type blob struct {
	name string // the SHA-256 of data, in hexadecimal digits
	data []byte
}

func newBlob(data []byte) blob {
	sum := sha256.Sum256(data)
	return blob{name: hex.EncodeToString(sum[:]), data: data}
}

func (j *Journal) blobPath(name string) string {
	return filepath.Join(j.config.Dir, blobDir, name)
}

// HasBlobs reports whether the journal may have answers in blobs, which are long.
func (j *Journal) HasBlobs() bool {
	_, err := os.Stat(filepath.Join(j.config.Dir, blobDir))
	return err == nil
}

// writeBlob makes a blob durable. If the file exists already, it is written again,
// because it may be damaged or not synced.
func (j *Journal) writeBlob(b blob) error {
	if j.newest == "" {
		if err := j.config.FS.MkdirAll(filepath.Join(j.config.Dir, blobDir)); err != nil {
			return err
		}
	}
	if err := j.config.FS.WriteFile(j.blobPath(b.name), b.data, 0o600); err != nil {
		return err
	}
	j.newest = b.name
	return nil
}

// checkBlob returns an error if a blob is missing or damaged. It reads the blob without
// holding all of it in memory.
func (j *Journal) checkBlob(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	f, err := os.Open(j.blobPath(name))
	if err != nil {
		return blobError(name, err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return blobError(name, err)
	}
	return compareBlob(name, sum.Sum(nil))
}

// readBlob returns the content of a blob, or an error if it is missing or damaged.
func (j *Journal) readBlob(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(j.blobPath(name))
	if err != nil {
		return nil, blobError(name, err)
	}
	sum := sha256.Sum256(data)
	return data, compareBlob(name, sum[:])
}

// checkName refuses a name that is not hexadecimal. A journal from elsewhere could
// otherwise name any file, such as one that never ends.
func checkName(name string) error {
	if _, err := hex.DecodeString(name); err != nil {
		return fmt.Errorf("%q is not the name of an answer in %s", name, blobDir)
	}
	return nil
}

// compareBlob returns an error if the sum of a blob's content is not its name.
func compareBlob(name string, sum []byte) error {
	if hex.EncodeToString(sum) != name {
		return fmt.Errorf("the answer in %s/%s does not match its checksum", blobDir, name)
	}
	return nil
}

func blobError(name string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the answer in %s/%s is missing", blobDir, name)
	}
	return fmt.Errorf("the answer in %s/%s cannot be read: %w", blobDir, name, err)
}

// removeTemps removes unfinished blobs, and unfinished copies of torn ends, that a killed
// process has left behind.
func (j *Journal) removeTemps() error {
	torn := func(name string) bool { return strings.HasPrefix(name, "torn-") }
	if err := durable.RemoveTemps(j.config.Dir, torn); err != nil {
		return err
	}
	return durable.RemoveTemps(filepath.Join(j.config.Dir, blobDir), func(string) bool { return true })
}
