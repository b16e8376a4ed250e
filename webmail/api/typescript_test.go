package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the TypeScript types anew")

// wireTypes is the file of types that the browser client has of this API.
const wireTypes = "../ui/src/wire/generated.ts"

// TestTypeScript: the client's types are those of the document. Where they drifted,
// go test ./webmail/api -run TestTypeScript -update writes them, and the compiler says
// (wire/agree.ts) what else has to change.
func TestTypeScript(t *testing.T) {
	t.Parallel()
	want, err := typeScript(newWorld(t).Spec())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(wireTypes, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(wireTypes)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the document says (%v): go test ./webmail/api -run TestTypeScript -update", wireTypes, err)
	}
}

// schema is what we use of JSON Schema.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       json.RawMessage   `json:"type"`
	Enum       []any             `json:"enum"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Items      *schema           `json:"items"`
	Additional json.RawMessage   `json:"additionalProperties"`
	About      string            `json:"description"`
}

func typeScript(spec []byte) (string, error) {
	var doc struct {
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(spec, &doc); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("// Made from the API's Go types: go test ./webmail/api -run TestTypeScript -update\n")
	b.WriteString("// Do not edit. api.ts is for reading; agree.ts holds both to each other.\n")
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		s := doc.Components.Schemas[name]
		if s.Properties == nil {
			fmt.Fprintf(&b, "\nexport type %s = %s;\n", identifier(name), s.typed())
			continue
		}
		fmt.Fprintf(&b, "\nexport interface %s {\n", identifier(name))
		for _, p := range slices.Sorted(maps.Keys(s.Properties)) {
			fmt.Fprintf(&b, "  %s;\n", s.field(p))
		}
		b.WriteString("}\n")
	}
	return b.String(), nil
}

// identifier makes a name of TypeScript: huma names bodies after operations, with dashes.
func identifier(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func (s schema) field(name string) string {
	mark := "?"
	if slices.Contains(s.Required, name) {
		mark = ""
	}
	return name + mark + ": " + s.Properties[name].typed()
}

// typed is a schema as a type. A list that may be null is one: this API never says so.
func (s schema) typed() string {
	if s.Ref != "" {
		return identifier(s.Ref[strings.LastIndex(s.Ref, "/")+1:])
	}
	if len(s.Enum) > 0 {
		var all []string
		for _, e := range s.Enum {
			text, _ := json.Marshal(e)
			all = append(all, string(text))
		}
		return strings.Join(all, " | ")
	}
	kind := strings.Trim(string(s.Type), `"`)
	if strings.HasPrefix(kind, "[") {
		var kinds []string
		_ = json.Unmarshal(s.Type, &kinds)
		kinds = slices.DeleteFunc(kinds, func(k string) bool { return k == "null" })
		kind = kinds[0]
	}
	switch kind {
	case "integer", "number":
		return "number"
	case "string", "boolean":
		return kind
	case "array":
		item := "unknown"
		if s.Items != nil {
			item = s.Items.typed()
		}
		if strings.Contains(item, " ") {
			item = "(" + item + ")"
		}
		return item + "[]"
	case "object":
		return s.object()
	}
	return "unknown"
}

func (s schema) object() string {
	if s.Properties != nil {
		var fields []string
		for _, p := range slices.Sorted(maps.Keys(s.Properties)) {
			fields = append(fields, s.field(p))
		}
		return "{ " + strings.Join(fields, "; ") + " }"
	}
	var inner schema
	if json.Unmarshal(s.Additional, &inner) == nil && len(s.Additional) > 0 {
		return "{ [name: string]: " + inner.typed() + " }"
	}
	return "{ [name: string]: unknown }"
}
