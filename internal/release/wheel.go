package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// wheelTags are the platforms of Python's packages on which a static binary runs. macOS 12
// is the oldest that Go 1.26 supports.
var wheelTags = map[string]string{
	"linux/amd64":   "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
	"linux/arm64":   "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
	"darwin/amd64":  "macosx_12_0_x86_64",
	"darwin/arm64":  "macosx_12_0_arm64",
	"windows/amd64": "win_amd64",
	"windows/arm64": "win_arm64",
}

var preRelease = regexp.MustCompile(`^(\d+\.\d+\.\d+)-(alpha|beta|rc)\.?(\d+)$`)

// pythonVersion writes a semantic version as PEP 440 has it. A snapshot, which is no
// release of anything, is a development version.
func pythonVersion(version string) string {
	if m := preRelease.FindStringSubmatch(version); m != nil {
		return m[1] + map[string]string{"alpha": "a", "beta": "b", "rc": "rc"}[m[2]] + m[3]
	}
	core, rest, ok := strings.Cut(version, "-")
	if !ok {
		return core
	}
	local := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(rest), "."), ".")
	return core + ".dev0+" + local
}

// writeWheels writes a wheel for each binary. pip puts the binary beside python, so that no
// Python runs when genbatch is called.
func writeWheels(d *dist, dir string) error {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	version := pythonVersion(d.version)
	for _, b := range d.binaries {
		tags, ok := wheelTags[b.os+"/"+b.arch]
		if !ok {
			return fmt.Errorf("there is no tag for %s/%s in wheelTags", b.os, b.arch)
		}
		program, err := os.ReadFile(b.path)
		if err != nil {
			return err
		}
		info := "genbatch-" + version + ".dist-info/"
		about := "Metadata-Version: 2.4\nName: genbatch\nVersion: " + version + "\n" +
			"Summary: Run a table of rows through a Gemini model\n" +
			"Project-URL: Homepage, https://github.com/genbatch/genbatch\n" +
			"License-Expression: MIT\nLicense-File: LICENSE\nRequires-Python: >=3.8\n" +
			"Description-Content-Type: text/markdown\n\n" + string(readme)
		wheel := "Wheel-Version: 1.0\nGenerator: genbatch-release\nRoot-Is-Purelib: false\n"
		for _, t := range strings.Split(tags, ".") {
			wheel += "Tag: py3-none-" + t + "\n"
		}
		file := filepath.Join(dir, fmt.Sprintf("genbatch-%s-py3-none-%s.whl", version, tags))
		if err := writeWheel(file, b.date, info, []packed{
			{"genbatch-" + version + ".data/scripts/" + b.name(), 0o755, program},
			{info + "licenses/LICENSE", 0o644, license},
			{info + "METADATA", 0o644, []byte(about)},
			{info + "WHEEL", 0o644, []byte(wheel)},
		}); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// writeWheel writes the files, and RECORD, which lists them with their sums.
func writeWheel(file string, date time.Time, info string, files []packed) error {
	var record strings.Builder
	for _, f := range files {
		sum := sha256.Sum256(f.text)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.text))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	files = append(files, packed{info + "RECORD", 0o644, []byte(record.String())})

	w, err := os.Create(file)
	if err != nil {
		return err
	}
	defer w.Close() // after an error; else it is closed already
	z := zip.NewWriter(w)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: date}
		h.SetMode(os.FileMode(f.mode))
		part, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := part.Write(f.text); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return w.Close()
}
