package webmail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// docsPlace is the page about the API, for people.
const docsPlace = "/api/docs"

// document is what the page takes from an OpenAPI document.
type document struct {
	Info struct {
		Version, Description string
	}
	Servers []struct{ URL string }
	Paths   map[string]map[string]struct {
		OperationID string
		Summary     string
		Tags        []string
		Security    []map[string][]string
		Parameters  []struct {
			Name, In, Description string
			Required              bool
			Schema                schema
		}
		RequestBody struct {
			Content map[string]struct{ Schema schema }
		}
		Responses map[string]struct {
			Description string
			Content     map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

// schema is a JSON Schema, as far as the page shows one.
type schema struct {
	Ref, Format, Description, ContentEncoding string
	Type                                      any // a word, or several
	Items                                     *schema
	Properties                                map[string]schema
	AdditionalProperties                      json.RawMessage
	Required                                  []string
	Enum                                      []any
}

func (s *schema) UnmarshalJSON(data []byte) error {
	type plain schema
	var got struct {
		Ref string `json:"$ref"`
		plain
	}
	if err := json.Unmarshal(data, &got); err != nil {
		return err
	}
	*s = schema(got.plain)
	s.Ref = strings.TrimPrefix(got.Ref, "#/components/schemas/")
	return nil
}

// The page, as its template has it.
type (
	docsPage struct {
		Style   template.CSS
		Title   string
		Host    string
		Version string
		About   string
		Base    string
		Count   int
		Groups  []docsGroup
		Kinds   []docsKind
	}
	docsGroup struct {
		Name, Anchor string
		Operations   []docsOperation
	}
	docsOperation struct {
		ID, Method, Path, About, Who, Curl string
		Parameters                         []docsField
		Body, Answers                      []docsBody
	}
	docsBody struct {
		What, Media string
		Type        docsType
	}
	docsField struct {
		Name, In, About string
		Needed          bool
		Type            docsType
	}
	docsType struct{ Before, Ref, After string } // list of REF
	docsKind struct {
		Name   string
		Fields []docsField
	}
)

// renderDocs makes the page of an OpenAPI document. It is the same for everybody.
func renderDocs(spec []byte, host string) ([]byte, error) {
	var d document
	if err := json.Unmarshal(spec, &d); err != nil {
		return nil, fmt.Errorf("read the API's document: %w", err)
	}
	all := thePages()
	p := docsPage{Style: all.style, Title: "API", Host: host, Version: d.Info.Version, About: d.Info.Description, Base: "/api/v1"}
	if len(d.Servers) > 0 && strings.HasPrefix(d.Servers[0].URL, "/") {
		p.Base = d.Servers[0].URL
	}
	p.operations(d)
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		p.Kinds = append(p.Kinds, docsKind{name, fieldsOf(d.Components.Schemas[name])})
	}
	var b bytes.Buffer
	if err := all.templates.ExecuteTemplate(&b, "api.html", p); err != nil {
		return nil, fmt.Errorf("write the API's page: %w", err)
	}
	return b.Bytes(), nil
}

// operations fills the groups, in the order of their names.
func (p *docsPage) operations(d document) {
	groups := map[string][]docsOperation{}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			o, ok := d.Paths[path][method]
			if !ok {
				continue
			}
			made := docsOperation{ID: o.OperationID, Method: strings.ToUpper(method), Path: p.Base + path, About: o.Summary, Who: whoMay(o.Security, path)}
			for _, q := range o.Parameters {
				made.Parameters = append(made.Parameters, docsField{q.Name, q.In, q.Description, q.Required, typeOf(q.Schema)})
			}
			for _, media := range slices.Sorted(maps.Keys(o.RequestBody.Content)) {
				made.Body = append(made.Body, docsBody{"", media, typeOf(o.RequestBody.Content[media].Schema)})
			}
			for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
				answer := o.Responses[status]
				if status == "default" { // a problem, said once for all
					continue
				}
				if len(answer.Content) == 0 {
					made.Answers = append(made.Answers, docsBody{What: status})
				}
				for _, media := range slices.Sorted(maps.Keys(answer.Content)) {
					made.Answers = append(made.Answers, docsBody{status, media, typeOf(answer.Content[media].Schema)})
				}
			}
			made.Curl = curlOf(made, p.Host)
			tag := "Other"
			if len(o.Tags) > 0 {
				tag = o.Tags[0]
			}
			groups[tag] = append(groups[tag], made)
			p.Count++
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(groups)) {
		p.Groups = append(p.Groups, docsGroup{tag, strings.ToLower(strings.ReplaceAll(tag, " ", "-")), groups[tag]})
	}
}

func whoMay(security []map[string][]string, path string) string {
	session, program := false, false
	for _, one := range security {
		_, s := one["session"]
		_, a := one["appPassword"]
		session, program = session || s, program || a
	}
	switch {
	case session && strings.HasPrefix(path, "/admin"):
		return "an operator, in a browser"
	case session && program:
		return "a signed-in browser, or a program with an app password"
	case session:
		return "a signed-in browser"
	}
	return "anybody"
}

// curlOf is an example for what programs may ask, with places to fill in.
func curlOf(o docsOperation, host string) string {
	if strings.Contains(o.Who, "browser") && !strings.Contains(o.Who, "program") {
		return ""
	}
	line := "curl"
	if o.Who != "anybody" {
		line += " -u you@" + strings.TrimPrefix(host, "mail.") + ":APP-PASSWORD"
	}
	if o.Method != http.MethodGet {
		line += " -X " + o.Method
	}
	for _, b := range o.Body {
		if b.Media == "application/json" {
			line += " -H 'Content-Type: application/json' -d @request.json"
		} else {
			line += " -H 'Content-Type: " + b.Media + "' --data-binary @FILE"
		}
		break
	}
	return line + " 'https://" + host + o.Path + "'"
}

func typeOf(s schema) docsType {
	if s.Ref != "" {
		return docsType{Ref: s.Ref}
	}
	word := ""
	switch t := s.Type.(type) {
	case string:
		word = t
	case []any:
		for _, one := range t {
			if text, ok := one.(string); ok && text != "null" {
				word = text
			}
		}
	}
	var inner schema
	switch {
	case word == "array" && s.Items != nil:
		of := typeOf(*s.Items)
		return docsType{"list of " + of.Before, of.Ref, of.After}
	case word == "object" && json.Unmarshal(s.AdditionalProperties, &inner) == nil && (inner.Ref != "" || inner.Type != nil):
		of := typeOf(inner)
		return docsType{"map to " + of.Before, of.Ref, of.After}
	case s.ContentEncoding != "":
		word = s.ContentEncoding
	case s.Format == "date-time":
		word = "time"
	case s.Format == "binary":
		word = "octets"
	case word == "":
		word = "any value"
	}
	for i, v := range s.Enum {
		if i == 0 {
			word += ": "
		} else {
			word += ", "
		}
		word += fmt.Sprint(v)
	}
	return docsType{Before: word}
}

func fieldsOf(s schema) (fields []docsField) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		one := s.Properties[name]
		fields = append(fields, docsField{Name: name, About: one.Description, Needed: slices.Contains(s.Required, name), Type: typeOf(one)})
	}
	return fields
}

// docs shows the page; it was made when it was first asked for.
func (d *Door) docs(w http.ResponseWriter, _ *http.Request, _ site) {
	d.docsOnce.Do(func() { d.docsPage, d.docsError = renderDocs(d.Spec(), d.Hostname) })
	if d.docsError != nil {
		d.Log.Error("the page about the API could not be made", "error", d.docsError)
		writeText(w, http.StatusInternalServerError, tryLater)
		return
	}
	w.Header().Set("Content-Security-Policy", thePages().policy)
	write(w, http.StatusOK, "text/html; charset=utf-8", d.docsPage)
}
