package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A section is what CHANGELOG.md says of one version.
type section struct {
	version string    // as 0.4.0; empty for what is not released
	date    time.Time // of the release; zero for what is not released
	text    string    // what stands below the heading, without blank lines around it
}

var versionHeading = regexp.MustCompile(`^## (\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?) - (\d{4}-\d\d-\d\d)$`)

// parseChangelog cuts a changelog at its headings, and says where one has not the form
// "## 1.2.3 - 2026-11-29" or "## Unreleased", or stands at a place where it does not belong.
func parseChangelog(text string) (sections []section, err error) {
	var body []string
	end := func() {
		if len(sections) > 0 {
			sections[len(sections)-1].text = strings.TrimSpace(strings.Join(body, "\n"))
		}
		body = nil
	}
	for i, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "## ") {
			body = append(body, line)
			continue
		}
		end()
		if line == "## Unreleased" {
			if len(sections) > 0 {
				return nil, fmt.Errorf("line %d: %q stands below a version, and belongs on top", i+1, line)
			}
			sections = append(sections, section{})
			continue
		}
		m := versionHeading.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("line %d: %q is neither %q nor of the form %q", i+1, line, "## Unreleased", "## 1.2.3 - 2026-11-29")
		}
		date, err := time.Parse(time.DateOnly, m[2])
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no date", i+1, m[2])
		}
		s := section{version: m[1], date: date}
		if n := len(sections); n > 0 && sections[n-1].version != "" {
			above := sections[n-1]
			if !newer(above.version, s.version) {
				return nil, fmt.Errorf("line %d: %s stands below %s, and the newest comes first", i+1, s.version, above.version)
			}
			if s.date.After(above.date) {
				return nil, fmt.Errorf("line %d: %s is of %s, after %s of %s", i+1, s.version, m[2], above.version, above.date.Format(time.DateOnly))
			}
		}
		sections = append(sections, s)
	}
	end()
	return sections, nil
}

// newer reports whether a semantic version comes after another. What is behind a hyphen
// comes before the version itself, and is compared as text: one project has few of them.
func newer(a, b string) bool {
	coreA, preA, _ := strings.Cut(a, "-")
	coreB, preB, _ := strings.Cut(b, "-")
	partsA, partsB := strings.Split(coreA, "."), strings.Split(coreB, ".")
	for i := range partsA {
		x, _ := strconv.Atoi(partsA[i]) // the heading's form lets nothing but digits through
		y, _ := strconv.Atoi(partsB[i])
		if x != y {
			return x > y
		}
	}
	if preA == "" || preB == "" {
		return preA == "" && preB != ""
	}
	return preA > preB
}

// notes returns the text of a release: what the changelog says of its version.
func notes(changelog, version string) (string, error) {
	sections, err := parseChangelog(changelog)
	if err != nil {
		return "", err
	}
	version = strings.TrimPrefix(version, "v")
	for _, s := range sections {
		if s.version == version && version != "" {
			return s.text + "\n", nil
		}
	}
	return "", fmt.Errorf("it has no version %s: give the lines of Unreleased the heading %q", version, "## "+version+" - "+time.Now().UTC().Format(time.DateOnly))
}
