package s3

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A profile is what the files of AWS's programs hold below one name, without what only the
// credentials' own reader uses.
type profile struct {
	name   string
	chosen bool // by AWS_PROFILE
	known  bool // one of the files has it
	values map[string]string
}

// readProfile reads the profile that AWS_PROFILE names, or the default one.
func readProfile() (profile, error) {
	p := profile{name: cmp.Or(os.Getenv("AWS_PROFILE"), "default"), chosen: os.Getenv("AWS_PROFILE") != "", values: make(map[string]string)}
	for _, file := range []struct{ variable, name string }{{"AWS_CONFIG_FILE", "config"}, {"AWS_SHARED_CREDENTIALS_FILE", "credentials"}} {
		path := os.Getenv(file.variable)
		if path == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				continue // as in a container without a home: then there is no such file
			}
			path = filepath.Join(home, ".aws", file.name)
		}
		if err := p.read(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return p, err
		}
	}
	if p.chosen && !p.known {
		return p, fmt.Errorf("AWS_PROFILE is %s, and there is no such profile in ~/.aws/config or ~/.aws/credentials; see aws configure list-profiles", p.name)
	}
	return p, nil
}

// read adds what a file holds for the profile.
func (p *profile) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	within := false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		text := strings.TrimSpace(line)
		if section, ok := strings.CutPrefix(text, "["); ok {
			section, _, _ = strings.Cut(section, "]")
			section = strings.Join(strings.Fields(section), " ")
			within = section == p.name || section == "profile "+p.name
			p.known = p.known || within
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		// A line that is set in belongs to the value above it.
		if within && ok && !strings.ContainsAny(line[:1], " \t#;") {
			p.values[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return lines.Err()
}
