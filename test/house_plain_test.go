package test

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// The IMAP door can be built over a store that keeps mail as it came, for tests
// that compare octets. Nothing of the house builds it so: no package imports test
// code, and nobody but the door itself speaks of imap.Server's Keeping.
func TestHouseKeepsNoPlainMail(t *testing.T) {
	t.Parallel()
	spoken := 0
	eachFile(t, func(pkg, path string, fset *token.FileSet, f *ast.File) {
		for _, spec := range f.Imports {
			if imp, _ := strconv.Unquote(spec.Path.Value); strings.HasPrefix(imp, module+"test/") {
				t.Errorf("%s imports %s", path, imp)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok && name.Name == "Keeping" {
				spoken++
				if pkg != "imap" {
					t.Errorf("%s: speaks of Keeping", fset.Position(name.Pos()))
				}
			}
			return true
		})
	})
	if spoken == 0 {
		t.Error("imap has no Keeping: this test looks for another name")
	}
}
