package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// shown finds what docs/gateways.md shows: blocks with a file's name, and commands.
var (
	shown   = regexp.MustCompile("(?ms)^```\\w+ (\\S+)\n(.*?)^```$")
	command = regexp.MustCompile(`(?m)^\$ (genbatch .*)$`)
)

// TestGatewayPages holds docs/gateways.md to the scripts: each job file that it
// shows is one that a script runs, each output what the script wants, to the byte,
// and each command a line of the script. Nothing that a script shows users is left
// out of the page.
func TestGatewayPages(t *testing.T) {
	page, err := os.ReadFile("../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	yescale, gptproto, found := strings.Cut(string(page), "\n## GPTProto")
	if !found {
		t.Fatal("the page has not both gateways")
	}
	for name, part := range map[string]string{"yescale": yescale, "gptproto": gptproto} {
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
			if err != nil {
				t.Fatal(err)
			}
			script := string(archive.Comment)
			files := make(map[string]string)
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}

			blocks := make(map[string]bool)
			for _, m := range shown.FindAllStringSubmatch(part, -1) {
				blocks[m[1]] = true
				want, ok := files["want/"+m[1]]
				if !ok {
					want, ok = files[m[1]]
				}
				if !ok || m[2] != want {
					t.Errorf("the page shows %s as\n%s\nand the script has\n%s", m[1], m[2], want)
				}
			}
			commands := 0
			for _, m := range command.FindAllStringSubmatch(part, -1) {
				commands++
				if !regexp.MustCompile(`(?m)^exec (exits \d )?` + regexp.QuoteMeta(m[1]) + `$`).MatchString(script) {
					t.Errorf("the page has the command %q, and the script has not", m[1])
				}
			}
			if commands < 9 {
				t.Errorf("the page has %d commands, want one for each page of the gateway", commands)
			}
			for file := range files {
				if output, ok := strings.CutPrefix(file, "want/"); ok && !blocks[output] {
					t.Errorf("the page does not show %s", output)
				}
			}
		})
	}
}
