package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The schema of a job file comes from a file beside it, or stands there, and its
// properties keep their order.
func TestSchemaOfJobFile(t *testing.T) {
	dir := t.TempDir()
	const want = `{"type":"object","properties":{"zebra":{"type":"string"},"ant":{"type":"number","minimum":0.5},"1":{"enum":["no",null]}},"required":["zebra"]}`
	files := map[string]string{
		"s.json":    "\ufeff" + want + "\n",
		"file.yaml": `extract: {text: "{{.x}}", schema: s.json}`,
		"top.yaml":  "prompt: x\nschema: ./s.json",
		"block.yaml": `
extract:
  text: "{{.x}}"
  schema:
    type: object
    properties:
      zebra: &text {type: string} # comes first
      ant: {type: number, minimum: 0.5}
      1: {enum: ["no", null]}
    required: [zebra]
`,
		"flow.json": `{"prompt": "x", "schema": ` + want + `}`,
	}
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") || name == "flow.json" {
			text = "input: in.jsonl\noutput: out.jsonl\nmodel: m\n" + text
			if name == "flow.json" {
				text = `{"input": "in.jsonl", "output": "o.jsonl", "model": "m", ` + strings.TrimPrefix(files[name], "{")
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file.yaml", "top.yaml", "block.yaml", "flow.json"} {
		s, err := Load(filepath.Join(dir, name))
		if err == nil {
			err = s.Check()
		}
		if err == nil {
			err = s.ReadFiles()
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), `"schema":`+want) {
			t.Errorf("%s: the spec is %s", name, text)
		}
		var again Spec
		if err := json.Unmarshal(text, &again); err != nil || string(again.Schema) != want {
			t.Errorf("%s: read again, the schema is %s, %v", name, again.Schema, err)
		}
	}
}
