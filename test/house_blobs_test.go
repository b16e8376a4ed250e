package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// passers are the types that pass blobs on to another filestore.Blobs or are one, by their names.
type passers map[string]*passer

type passer struct {
	path    string
	blobs   bool            // it can be taken for a filestore.Blobs
	methods map[string]bool // that it has by itself, or by what it embeds
}

// Methods that embedding gives: an embedded filestore.Blobs hides whatever else the engine can.
var embeds = map[string][]string{
	"filestore.Blobs": {}, "filestore.Gatherer": {"OpenAll"}, "filestore.Placer": {"PutFor"},
	"placement.Ruled": {"OpenAll"}, "Ruled": {"OpenAll"}, "placement.Blobs": {"OpenAll", "PutFor"},
}

func (p passers) of(pkg, path, name string) *passer {
	name = pkg + "." + name
	if p[name] == nil {
		p[name] = &passer{path: path, methods: map[string]bool{}}
	}
	return p[name]
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	case *ast.Ellipsis:
		return "..." + typeName(e.Elt)
	}
	return ""
}

func (p passers) add(pkg, path string, f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				continue
			}
			x := p.of(pkg, path, typeName(d.Recv.List[0].Type))
			x.methods[d.Name.Name] = true
			for _, param := range d.Type.Params.List {
				x.blobs = x.blobs || d.Name.Name == "Put" && typeName(param.Type) == "...io.WriterTo"
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok {
					p.embedded(pkg, path, s)
				}
			}
		}
	}
}

func (p passers) embedded(pkg, path string, s *ast.TypeSpec) {
	of, ok := s.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range of.Fields.List {
		if gives, found := embeds[typeName(field.Type)]; found && len(field.Names) == 0 {
			x := p.of(pkg, path, s.Name.Name)
			x.blobs = true
			for _, m := range gives {
				x.methods[m] = true
			}
		}
	}
}

// lacking are the methods that types which pass blobs on do not have.
func (p passers) lacking() (all []string) {
	for name, x := range p {
		if !x.blobs {
			continue
		}
		for _, m := range []string{"PutFor", "OpenAll"} {
			if !x.methods[m] {
				all = append(all, x.path+": "+name+" has no "+m)
			}
		}
	}
	slices.Sort(all)
	return all
}

// What stands between a room and an engine passes on by whose blobs are placed, and how many are
// opened together: filestore.PutFor and OpenAll cannot see through it.
func TestHousePassesBlobsOn(t *testing.T) {
	t.Parallel()
	all := passers{}
	eachFile(t, func(pkg, path string, _ *token.FileSet, f *ast.File) {
		if !strings.HasPrefix(pkg, "storage/") { // engines end here; cmd wraps them
			all.add(pkg, path, f)
		}
	})
	for _, why := range all.lacking() {
		t.Error(why)
	}
	if x := all["filestore/placement.Blobs"]; x == nil || !x.blobs {
		t.Error("placement passes nothing on: the walk is broken")
	}
}

// The checker itself must see who passes too little on.
func TestHousePassesBlobsOnSeesBreaches(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"type w struct{ filestore.Blobs }":                                                              2,
		"type w struct{ n int; filestore.Blobs; filestore.Gatherer }":                                   1,
		"type w struct{ b filestore.Blobs }":                                                            0,
		"type w struct{ placement.Blobs }":                                                              0,
		"type w struct{}; func (w) Put(c context.Context, s ...io.WriterTo) {}":                         2,
		"type w struct{}; func (*w) Put(c context.Context, s ...io.WriterTo) {}; func (*w) PutFor() {}": 1,
		"type w struct{}; func (w) Put(c context.Context, name string) {}":                              0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "w.go", "package p\n"+text, 0)
		if err != nil {
			t.Fatal(err)
		}
		all := passers{}
		all.add("p", "w.go", f)
		if got := all.lacking(); len(got) != want {
			t.Errorf("%s: %v, want %d", text, got, want)
		}
	}
}
